"""Each strategy proven three ways: a judge accepts all it draws, all it names is reached, the minimal draw is plain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from email.utils import parsedate_to_datetime
from functools import cache
from io import BytesIO

import openai
import openai.types
import openai.types.image_edit_completed_event as edited
import openai.types.image_gen_completed_event as generated
import pybase64
import pytest
from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning
from PIL import Image as Pillow

from pytest_imgresponse import HTTPResponse, ImagesResponse, Usage, strategies
from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.api.api_errors import FAILURES
from pytest_imgresponse.api.families import FAMILIES, QUALITIES
from pytest_imgresponse.api.parameters import Parameters
from pytest_imgresponse.api.sse import events_of
from pytest_imgresponse.checks import check
from pytest_imgresponse.images import OUTPUT_FORMATS, suffix_of
from pytest_imgresponse.images.png_builder import flat_png
from pytest_imgresponse.images.webp_builder import flat_webp
from pytest_imgresponse.strategies import (
    base64_payloads,
    edge_cases,
    error_responses,
    http_responses,
    image_files,
    images_responses,
    stream_responses,
    usages,
    variants,
)
from pytest_imgresponse.strategies.picture_files import LOOKS, picture_of
from pytest_imgresponse.strategies.responses import draw_choice
from pytest_imgresponse.strategies.streams import draw_stream
from tests.conftest import slow

PUBLIC = (
    base64_payloads,
    edge_cases,
    error_responses,
    http_responses,
    image_files,
    images_responses,
    stream_responses,
    usages,
)
FORMATS = {"PNG": "png", "WEBP": "webp", "JPEG": "jpeg", "GIF": "gif"}
quick = settings(database=None, max_examples=60, deadline=None)


def plainest(strategy, condition=lambda drawn: True):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)  # the repr of several pictures is long
        return find(strategy, condition, settings=settings(database=None, max_examples=1000, derandomize=True))


@cache
def many(strategy, number=400):
    """What some hundred draws give."""
    draws = []

    @settings(quick, max_examples=number, derandomize=True, phases=[Phase.generate])
    @given(strategy())
    def collect(drawn):
        draws.append(drawn)

    collect()
    return draws


def dumped(model):
    return model.model_dump(mode="json", exclude_unset=True)


def as_http(model):
    return HTTPResponse(200, {"content-type": "application/json"}, pretty(dumped(model)))


def loaded(data):
    picture = Pillow.open(BytesIO(data))
    picture.load()
    return picture


@cache
def looks(payload):
    """Format, pixels, and whether some of it can be seen through; cached, since a load takes its time."""
    picture = loaded(decoded(payload))
    clear = picture.has_transparency_data
    assert not clear or picture.getchannel("A").getextrema() == (0, 255)
    return FORMATS[picture.format], f"{picture.width}x{picture.height}", clear


def decoded(payload):
    return pybase64.b64decode(payload, validate=True)


def pixels_of(response):
    return loaded(decoded(response.data[0].b64_json)).size


def plain_picture(data):
    picture = loaded(data)
    return picture.format, picture.size, picture.mode


PLAIN = ("PNG", (1024, 1024), "RGB")


def test_each_name_says_what_it_shrinks_to():
    assert {*(strategy.__name__ for strategy in PUBLIC), "variants"} <= set(strategies.__all__)
    assert [name for name in strategies.__all__ if "hrinks to" not in getattr(strategies, name).__doc__] == []


# What is drawn is valid.


@quick
@given(images_responses())
def test_a_response_is_accepted_by_the_judge_and_by_openai(response):
    assert check(as_http(response)) == []
    assert dumped(openai.types.ImagesResponse.model_validate(dumped(response))) == dumped(response)


@quick
@given(images_responses())
def test_pictures_are_what_the_fields_say(response):
    for image in response.data:
        assert (image.url is None) == (image.b64_json is not None)
        if image.url or response.output_format == "svg":
            continue
        output_format, size, clear = looks(image.b64_json)
        assert response.output_format in (None, output_format)
        assert response.size in (None, size)
        assert response.background in (None, "transparent" if clear else "opaque")


@quick
@given(http_responses())
def test_a_plain_answer_is_accepted_by_the_judge_and_by_openai(response):
    assert check(response) == []
    assert response.status == 200
    openai.types.ImagesResponse.model_validate(response.json())
    assert parsedate_to_datetime(response.header("date")).timestamp() == response.json()["created"]


@quick
@given(http_responses())
def test_an_answer_has_the_bytes_of_the_real_one(response):
    fields = response.json()
    legacy = "usage" not in fields
    assert response.body == pretty(fields) + b"\n" * legacy
    keys = list(fields)
    assert keys[0] == "created"
    assert keys[1:] == sorted(keys[1:])


def test_the_endpoint_tells_the_same_fields_in_the_same_order(api):
    wanted = {"safety_identifier": "user-5f3c9a1b7d2e", "output_format": "svg"}
    drawn = plainest(
        http_responses(), lambda response: all(name in response.json() for name in ("safety_identifier", "svg_usage"))
    )
    with openai.OpenAI(base_url=api.url, api_key="sk-order-0123456789") as client:
        raw = client.images.with_raw_response
        answer = raw.generate(model="gpt-image-2.5-sunburst", prompt="a fox", extra_body=wanted)
    assert list(answer.http_response.json()) == list(drawn.json())


@quick
@given(stream_responses())
def test_a_stream_is_accepted_by_the_judge_and_by_openai(response):
    assert check(response) == []
    *partials, completed = [json.loads(event.data) for event in events_of(response.body)]
    assert [partial["partial_image_index"] for partial in partials] == list(range(len(partials)))
    kind = generated.ImageGenCompletedEvent if "generation" in completed["type"] else edited.ImageEditCompletedEvent
    assert dumped(kind.model_validate(completed)) == completed
    assert {partial["type"] for partial in partials} <= {completed["type"].replace("completed", "partial_image")}


@quick
@given(st.data())
def test_what_is_drawn_is_what_its_request_asks_for(data):
    if data.draw(st.booleans()):
        choice = draw_choice(data.draw)
    else:
        choice = draw_stream(data.draw, Parameters(n=1, stream=True))
    assert check(choice.http(), choice.request()) == []


@quick
@given(error_responses())
def test_an_error_is_accepted_by_the_judge(response):
    assert check(response) == []
    assert response.status >= 400
    assert "$" not in json.dumps(response.json()["error"])


@quick
@given(usages())
def test_a_usage_adds_up(usage):
    assert type(usage) is Usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    details = usage.input_tokens_details
    assert usage.input_tokens == details.text_tokens + details.image_tokens
    if "output_tokens_details" in usage.model_fields_set:
        details = usage.output_tokens_details
        assert usage.output_tokens == details.text_tokens + details.image_tokens


@quick
@given(st.data())
def test_a_picture_file_is_what_was_asked_for(data):
    output_format = data.draw(st.sampled_from(OUTPUT_FORMATS))
    transparent = data.draw(st.booleans()) and output_format != "jpeg"
    width, height = data.draw(st.tuples(st.integers(8, 200), st.integers(8, 200)))
    drawn = data.draw(image_files(output_format=output_format, size=f"{width}x{height}", transparent=transparent))
    assert suffix_of(drawn) == {"jpeg": ".jpg"}.get(output_format, f".{output_format}")
    if output_format != "svg":
        picture = loaded(drawn)
        assert picture.size == (width, height)
        assert picture.has_transparency_data == transparent
        assert len(picture.convert("RGBA").getcolors(width * height)) > 1


@quick
@given(base64_payloads())
def test_a_payload_is_one_line_of_base64_of_a_picture(payload):
    assert suffix_of(decoded(payload))
    assert pybase64.b64encode(decoded(payload)).decode() == payload


# All it names is reached.


@pytest.mark.parametrize("model", FAMILIES)
def test_each_model_answers_as_its_family(model):
    @settings(quick, max_examples=60)
    @given(images_responses(model=model))
    def holds(response):
        family = FAMILIES[model]
        assert 1 <= len(response.data) <= (1 if response.output_format == "svg" else family.most)
        assert (response.usage is None) == family.legacy
        assert {image.revised_prompt is not None for image in response.data} == {model == "dall-e-3"}
        told = {response.background, response.output_format, response.quality, response.size}
        assert (told == {None}) or (None not in told and not family.legacy)
        assert response.output_format in (None, *family.formats)
        assert response.quality in (None, *family.qualities)

    holds()


@pytest.mark.parametrize(
    "reached",
    [
        lambda response: len(response.data) == 10,
        lambda response: response.data[0].url and len(response.data) > 1,
        lambda response: response.data[0].url and response.data[0].revised_prompt,
        lambda response: response.output_format == "gif" and len(response.data) > 1,
        lambda response: response.output_format == "svg" and response.svg_usage.reasoning_tokens,
        lambda response: response.output_format == "webp" and response.background == "transparent",
        lambda response: response.output_format == "jpeg",
        lambda response: response.quality == "max",
        lambda response: response.size == "3840x1280",
        lambda response: response.size == "1254x1254",
        lambda response: response.usage and response.size is None and response.data[0].b64_json.startswith("/9j/"),
        lambda response: response.usage and response.usage.output_tokens_details is None,
        lambda response: response.usage and response.usage.output_tokens_details,
        lambda response: response.usage and response.usage.input_tokens_details.image_tokens,
        lambda response: response.safety_identifier,
    ],
)
def test_each_kind_of_answer_is_reached(reached):
    assert any(reached(response) for response in many(images_responses, 1000))


@pytest.mark.parametrize("chosen", range(5))
def test_a_hundred_examples_have_each_format_and_quality(chosen):
    draws = []

    @seed(chosen)
    @settings(quick, max_examples=100, phases=[Phase.generate])
    @given(images_responses())
    def collect(drawn):
        draws.append(drawn)

    collect()
    assert {response.output_format for response in draws} == {None, *OUTPUT_FORMATS}
    assert {response.quality for response in draws} == {None, *QUALITIES}
    assert sum(response.size is None for response in draws) < 40
    assert len({response.created for response in draws}) > 50
    assert len({response.size for response in draws}) > 15


def test_images_of_an_answer_differ():
    two = plainest(images_responses(n=2))
    assert two.data[0].b64_json != two.data[1].b64_json


@pytest.mark.parametrize(
    "reached",
    [
        lambda types, events: types == ["image_generation.completed"],
        lambda types, events: types == ["image_edit.partial_image"] * 3 + ["image_edit.completed"],
        lambda types, events: events[-1]["output_format"] == "webp" and events[-1]["background"] == "transparent",
        lambda types, events: events[-1]["size"] == events[-1]["quality"] == events[-1]["background"] == "auto",
        lambda types, events: (
            [events[-1][name] == "auto" for name in ("size", "quality", "background")] == [False, True, False]
        ),
        lambda types, events: (
            len(events) > 1 and ["safety_identifier" in event for event in events[-2:]] == [False, True]
        ),
    ],
)
def test_each_kind_of_stream_is_reached(reached):
    def condition(response):
        events = [json.loads(event.data) for event in events_of(response.body)]
        return reached([event["type"] for event in events], events)

    assert any(condition(response) for response in many(stream_responses))


def test_each_error_is_reached():
    seen = {}
    for response in many(error_responses):
        error = response.json()["error"]
        seen[error["code"], error["message"][:20]] = response
    assert len(seen) == len(FAILURES) + 1
    assert {response.status for response in seen.values()} == {400, 401, 403, 429, 500}
    (limited,) = (response for (code, _), response in seen.items() if code == "rate_limit_exceeded")
    assert int(limited.header("retry-after-ms")) <= int(limited.header("retry-after")) * 1000


def test_errors_name_a_parameter_or_tell_all_in_their_message():
    unknown = plainest(error_responses(name="unknown_parameter"), lambda response: b"quality" in response.body)
    assert unknown.json()["error"] == {
        "message": "Unknown parameter: 'quality'.",
        "type": "invalid_request_error",
        "param": "quality",
        "code": "unknown_parameter",
    }
    assert plainest(error_responses(name="invalid_model")).json()["error"]["code"] is None


@pytest.mark.parametrize("name", [*FAILURES, "missing_key"])
def test_an_error_by_name(name):
    error = plainest(error_responses(name=name)).json()["error"]
    assert error["code"] in (name, None)


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"n": 3}, lambda response: len(response.data) == 3),
        ({"size": "2048x1152"}, lambda response: response.size == "2048x1152"),
        ({"size": "256x256", "response_format": "b64_json"}, lambda response: pixels_of(response) == (256, 256)),
        ({"size": "1024x1792", "response_format": "url"}, lambda response: response.data[0].url),
        ({"output_format": "svg"}, lambda response: response.svg_usage and response.data[0].b64_json[:4] == "PHN2"),
        ({"quality": "low"}, lambda response: response.quality == "low"),
        ({"background": "transparent"}, lambda response: response.background == "transparent"),
        ({"model": "gpt-image-1", "output_format": "png"}, lambda response: response.output_format == "png"),
        ({"model": "dall-e-2", "output_format": "png"}, lambda response: response.output_format is None),
        ({"model": "dall-e-3", "n": 1}, lambda response: response.data[0].revised_prompt),
        ({"response_format": "b64_json"}, lambda response: all(image.b64_json for image in response.data)),
    ],
)
def test_what_is_asked_for_is_told(given_, told):
    @settings(quick, max_examples=40)
    @given(images_responses(**given_))
    def holds(response):
        assert told(response)

    holds()


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"partial_images": 3}, lambda events: len(events) == 4),
        ({"partial_images": 0}, lambda events: len(events) == 1),
        ({"operation": "edit"}, lambda events: events[0]["type"].startswith("image_edit.")),
        ({"output_format": "jpeg"}, lambda events: events[0]["output_format"] == "jpeg"),
        ({"size": "1536x1024"}, lambda events: events[0]["size"] == "1536x1024"),
        ({"model": "gpt-image-2.5-flare", "quality": "max"}, lambda events: events[0]["quality"] == "max"),
        ({"background": "transparent"}, lambda events: events[0]["background"] == "transparent"),
    ],
)
def test_what_is_asked_of_a_stream_is_told(given_, told):
    @settings(quick, max_examples=40)
    @given(stream_responses(**given_))
    def holds(response):
        assert told([json.loads(event.data) for event in events_of(response.body)])

    holds()


# The minimal draw is the plain one.


def test_a_response_shrinks_to_the_plainest():
    shrunk = plainest(images_responses())
    assert type(shrunk) is ImagesResponse
    fields = dumped(shrunk)
    assert list(fields) == ["created", "data"]
    assert [list(image) for image in fields["data"]] == [["b64_json"]]
    assert plain_picture(decoded(fields["data"][0]["b64_json"])) == PLAIN


def test_an_answer_shrinks_to_the_plainest():
    for strategy in (http_responses(), http_responses(verdicts=("valid", "invalid", "unusual"))):
        assert plainest(strategy).body == pretty(dumped(plainest(images_responses()))) + b"\n"


@pytest.mark.parametrize("output_format", ["jpeg", "svg"])
def test_a_response_with_another_format_shrinks_to_that_alone(output_format):
    fields = dumped(plainest(images_responses(), lambda response: response.output_format == output_format))
    usage = {**fields["usage"], "output_tokens": 0, "total_tokens": 0}
    picture = fields["data"].pop()
    assert list(picture) == ["b64_json"]
    assert fields == {
        "created": 1_700_000_000,
        "background": "opaque",
        "data": [],
        "output_format": output_format,
        "quality": "low",
        "size": "1024x1024",
        "usage": fields["usage"],
    } | ({"svg_usage": fields["svg_usage"]} if output_format == "svg" else {})
    assert usage == {
        "input_tokens": 1,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 1},
        "output_tokens": 0,
        "total_tokens": 0,
    }


def test_a_stream_shrinks_to_the_completed_event():
    (event,) = events_of(plainest(stream_responses()).body)
    fields = json.loads(event.data)
    assert plain_picture(decoded(fields.pop("b64_json"))) == PLAIN
    assert fields == {
        "type": "image_generation.completed",
        "created_at": 1_700_000_000,
        "size": "1024x1024",
        "quality": "low",
        "background": "opaque",
        "output_format": "png",
        "usage": {
            "input_tokens": 1,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 1},
            "output_tokens": 272,
            "total_tokens": 273,
        },
    }


def test_the_small_ones_shrink_to_the_plainest():
    assert plain_picture(plainest(image_files())) == PLAIN
    assert plain_picture(decoded(plainest(base64_payloads()))) == PLAIN
    assert plainest(error_responses()).json()["error"]["code"] == "invalid_api_key"
    assert dumped(plainest(usages())) == {
        "input_tokens": 1,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 1},
        "output_tokens": 1,
        "total_tokens": 2,
    }


# Hypothesis is at ease.

DEFAULT = settings.get_profile("default")
"""Where there is a CI, Hypothesis has a profile for it, which lets slow strategies pass."""


@pytest.fixture
def time_of_this_process(monkeypatch):
    """Hypothesis measures what draws take of this process, however busy the machine is."""
    monkeypatch.setattr(time, "perf_counter", time.process_time)


@pytest.mark.usefixtures("time_of_this_process")
@pytest.mark.parametrize("strategy", PUBLIC, ids=lambda strategy: strategy.__name__)
def test_no_health_check_fires(strategy):
    @settings(DEFAULT, database=None, phases=[Phase.generate])
    @given(strategy())
    def draws(drawn):
        pass

    draws()


DRAW = """
import time
time.perf_counter = time.process_time
from hypothesis import Phase, given, seed, settings
from pytest_imgresponse.strategies import *

@seed(1)
@settings(settings.get_profile("default"), database=None, max_examples=20, phases=[Phase.generate])
@given({})
def draws(drawn):
    pass

draws()
"""


@pytest.mark.parametrize(
    "strategy",
    [
        "image_files(size='3840x3840')",
        *slow(
            "images_responses(n=10)",
            "images_responses(size='2160x3840', n=10, output_format='webp')",
            "images_responses(size='2160x3840', n=10, output_format='webp', background='transparent')",
            "images_responses(size='2160x3840', n=10, output_format='gif')",
            "images_responses(size='2160x3840', n=10, output_format='jpeg')",
            "images_responses(size='2160x3840', n=10, output_format='png')",
            "stream_responses(size='2160x3840', partial_images=3, output_format='webp')",
            "image_files(size='3840x3840', output_format='webp')",
        ),
    ],
)
def test_no_health_check_fires_for_many_and_large_pictures_in_a_new_process(strategy):
    """Where no picture was made before."""
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        [sys.executable, "-c", DRAW.format(strategy)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@settings(quick, max_examples=200)
@given(
    width=st.integers(8, 300),
    height=st.integers(8, 300),
    levels=st.lists(st.integers(0, 255) | st.integers(0, 40), min_size=6, max_size=6),
    clear=st.booleans(),
)
@pytest.mark.parametrize("flat", [flat_png, flat_webp], ids=lambda flat: flat.__name__)
def test_a_picture_put_together_is_the_rectangle_that_pillow_draws(flat, width, height, levels, clear):
    ink, ground = tuple(levels[:3]), tuple(levels[3:])
    if clear:
        ink, ground = (*ink, 255), (*ground, 0)
    drawn = Pillow.new("RGBA" if clear else "RGB", (width, height), ground)
    drawn.paste(ink, (width // 4, height // 4, width - width // 4, height - height // 4))
    with Pillow.open(BytesIO(flat(width, height, ink, ground))) as picture:
        assert (picture.mode, picture.tobytes()) == (drawn.mode, drawn.tobytes())


@pytest.mark.parametrize("size", ["2160x3840", "3840x8", "8x3840"])
def test_a_large_webp_is_the_rectangle_too(size):
    """Of runs longer than one copy takes."""
    width, height = map(int, size.split("x"))
    with Pillow.open(BytesIO(flat_webp(width, height, (1, 2, 3), (200, 20, 2)))) as picture:
        colours = {colour: count for count, colour in picture.convert("RGB").getcolors()}
    inside = (width - 2 * (width // 4)) * (height - 2 * (height // 4))
    assert colours == {(1, 2, 3): inside, (200, 20, 2): width * height - inside}


@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
@pytest.mark.parametrize("transparent", [False, True])
def test_pictures_of_an_answer_differ_in_their_colours(output_format, transparent):
    assert len({picture_of(output_format, "64x48", transparent, number) for number in range(LOOKS)}) == LOOKS


@pytest.mark.usefixtures("time_of_this_process")
def test_no_health_check_fires_for_variants():
    response = plainest(http_responses())

    @settings(DEFAULT, database=None, phases=[Phase.generate])
    @given(variants(response))
    def draws(drawn):
        pass

    draws()
    assert HealthCheck.too_slow not in DEFAULT.suppress_health_check
