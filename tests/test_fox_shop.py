"""A shop that sells pictures of foxes: the project's own cassettes, recorded from `LocalEndpoint`.

Record them afresh with `pytest tests/test_fox_shop.py --imgresponse-record=rewrite`.
"""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import openai
import pytest

from pytest_imgresponse import CompletedEvent, LocalEndpoint, PartialImageEvent

pytestmark = pytest.mark.imgresponse

NOWHERE = "http://127.0.0.1:9/v1"
MODEL = "gpt-image-2"


@pytest.fixture
def endpoint(imgresponse):
    """The API while it is recorded; nothing while it is replayed."""
    if not imgresponse.recording:
        yield None
        return
    with LocalEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def client(endpoint):
    url = endpoint.url if endpoint is not None else NOWHERE
    with openai.OpenAI(base_url=url, api_key="sk-fox-shop-0123456789") as client:
        yield client


def test_red_fox(client, imgresponse):
    response = client.images.generate(model=MODEL, prompt="a red fox", size="1024x1024", quality="low")
    assert response.usage.output_tokens == imgresponse.responses[0].usage.output_tokens > 0
    assert imgresponse.images[0].size == (1024, 1024)


def test_transparent_sticker(client, imgresponse):
    client.images.generate(
        model="gpt-image-1", prompt="a blue star", background="transparent", output_format="webp", quality="low"
    )
    assert (imgresponse.images[0].format, imgresponse.images[0].mode) == ("WEBP", "RGBA")


def test_hat_for_a_fox(client, imgresponse):
    fox = Path(__file__).parents[1] / "cassettes" / "test_fox_shop" / "test_red_fox-1.png"
    client.images.edit(model=MODEL, image=("fox.png", fox.read_bytes()), prompt="a green hat", quality="low")
    assert len(imgresponse.images) == 1
    assert imgresponse.requests[0].content_type == "multipart/form-data"


def test_poster_by_url(client, imgresponse):
    response = client.images.generate(model="dall-e-3", prompt="a yellow sun", response_format="url")
    picture = httpx.get(response.data[0].url)
    assert picture.headers["content-type"] == "image/png"
    assert imgresponse.images[0].size == (1024, 1024)
    assert response.data[0].revised_prompt


def test_slow_painter(client, imgresponse):
    stream = client.images.generate(model=MODEL, prompt="a house", quality="low", stream=True, partial_images=2)
    kinds = [event.type.rpartition(".")[2] for event in stream]
    assert kinds == ["partial_image", "partial_image", "completed"]
    assert [type(event) for event in imgresponse.events] == [PartialImageEvent, PartialImageEvent, CompletedEvent]


def test_busy_day(client, endpoint, imgresponse):
    """The client asks again after a 429; the replay does not sleep in between."""
    if endpoint is not None:
        endpoint.fail("rate_limit_exceeded", retry_after=1)
    start = time.perf_counter()
    client.images.generate(model=MODEL, prompt="a tree", quality="low")
    assert [response.status for response in imgresponse.http_responses] == [429, 200]
    assert imgresponse.recording or time.perf_counter() - start < 1
