"""The judge on the real recordings: what OpenAI sent is valid, and what imitates it has known oddities only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_imgresponse.checks import check
from pytest_imgresponse.http import HTTPResponse
from tests.conftest import RECORDINGS
from tests.real import Recorded, all_recorded, images_answers

Marks = list[tuple[str, str, str]]

OPENAI_ODD: dict[str, Marks] = {
    # The recorder put a PNG of 1x1 in the place of each WebP of 1024x1536 (README of the recordings).
    "openai-dotnet--GenerationWithOptionsWorks": [
        ("image", "$.data[0].b64_json", "unusual"),  # the format
        ("image", "$.data[0].b64_json", "unusual"),  # the size
        ("image", "$.data[1].b64_json", "unusual"),
        ("image", "$.data[1].b64_json", "unusual"),
    ],
}
AS_STORED: dict[str, list[str]] = {
    "": [],
    "gzip-body": ["content-encoding says gzip, and so the body still is; HTTPResponse holds content"],
    "ce=gzip-but-plain": [
        "content-encoding says gzip, and the body is not encoded; HTTPResponse holds content, its header dropped"
    ],
}
"""By the note of the index."""

OTHERS: dict[str, Marks] = {
    "genai--togetherai__black-forest-labs__FLUX.1-schnell": [("schema", "$.created", "unusual")],
    "genai--togetherai__errors__bad_apiKey_image": [],
    "genai--togetherai__errors__bad_model_image": [],
    "huggingface_hub--TestInferenceClient.test_text_to_image_default-hyperbolic": [
        ("schema", "$.created", "unusual"),
        ("schema", "$.images", "unusual"),
    ],
    "huggingface_hub--TestInferenceClient.test_text_to_image_default-nebius": [("schema", "$.created", "unusual")],
    "huggingface_hub--TestInferenceClient.test_text_to_image_default-together": [("schema", "$.created", "unusual")],
    "ruby_llm--image_basic_functionality_openrouter_google": [
        ("schema", "$.created", "unusual"),  # it is 0
        ("schema", "$.usage", "unusual"),  # as chat answers have it
    ],
    "ruby_llm--image_basic_functionality_xai_grok-imagine-image": [
        ("schema", "$.usage", "unusual"),  # a price and no tokens
        ("schema", "$.created", "unusual"),
    ],
}
"""What compatible servers sent: xAI, OpenRouter, Together, Nebius, Hyperbolic."""

OTHER_ROUTES = {"/v1/responses", "/v1/chat/completions", "/api/v1/chat/completions"}
"""Routes of other APIs, whose answers hold pictures in other forms."""


def is_picture(recorded: Recorded) -> bool:
    return recorded.response.content_type.startswith("image/")


def marks(response: HTTPResponse, recorded: Recorded | None = None) -> Marks:
    found = check(response, recorded.request if recorded else None)
    return [(finding.level, finding.path, finding.verdict) for finding in found]


def expected(table: dict[str, Marks], recorded: Recorded) -> Marks | None:
    name = recorded.file.partition("/")[2]
    return next((found for start, found in table.items() if name.startswith(start)), None)


EVERY = all_recorded()
OPENAI = [each for each in EVERY if each.openai and (each.images_route or is_picture(each))]
OTHER = [each for each in EVERY if not each.openai and each.images_route]
PICTURES = [each for each in EVERY if is_picture(each)]
NONE = [Recorded("none", "", None, HTTPResponse(200, {}, b""))]


@pytest.fixture(params=OPENAI or NONE, ids=str)
def from_openai(request: pytest.FixtureRequest, recordings: Path) -> Recorded:
    return request.param


@pytest.fixture(params=OTHER or NONE, ids=str)
def from_another(request: pytest.FixtureRequest, recordings: Path) -> Recorded:
    return request.param


def test_every_recording_is_read_and_has_its_place(recordings: Path) -> None:
    assert len({each.file for each in EVERY}) == 46
    assert (len(EVERY), len(OPENAI), len(OTHER), len(PICTURES)) == (66, 39, 8, 5)
    assert {each.route for each in EVERY if each.openai and each not in OPENAI} <= OTHER_ROUTES
    assert len(images_answers()) == 36


def test_what_openai_sent_is_valid(from_openai: Recorded) -> None:
    odd = [] if from_openai.response.status >= 400 else expected(OPENAI_ODD, from_openai) or []
    content = from_openai.as_content()
    assert marks(content) == odd
    assert marks(content, from_openai) == odd


def test_what_openai_sent_as_it_is_stored_has_the_oddity_of_its_note(from_openai: Recorded) -> None:
    stored = [finding.message for finding in check(from_openai.response, from_openai.request)]
    content = [finding.message for finding in check(from_openai.as_content(), from_openai.request)]
    assert stored == AS_STORED[from_openai.note] + content


def test_what_other_servers_sent_has_known_oddities_and_nothing_invalid(from_another: Recorded) -> None:
    found = expected(OTHERS, from_another)
    assert marks(from_another.as_content()) == found
    assert marks(from_another.as_content(), from_another) == found


def test_errors_that_were_reported_are_right(recordings: Path) -> None:
    path = recordings.parent / "api" / "reported-errors.md"
    if not path.is_file():
        pytest.skip(f"no reported errors in {path}")
    bodies = [body for body in re.findall(r"```json\n(.*?)```", path.read_text("utf-8"), re.DOTALL) if "error" in body]
    assert len(bodies) == 7
    for body in bodies:
        assert check(HTTPResponse(400, {"content-type": "application/json"}, body.encode())) == []


def test_each_row_of_the_tables_is_of_a_recording(recordings: Path) -> None:
    for table, recorded in ((OPENAI_ODD, OPENAI), (OTHERS, OTHER)):
        names = [each.file.partition("/")[2] for each in recorded]
        assert [start for start in table if not any(name.startswith(start) for name in names)] == []


def test_pictures_behind_urls_are_right(recordings: Path) -> None:
    assert {each.file: marks(each.response, each) for each in PICTURES if marks(each.response)} == {}


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no real recordings")
@pytest.mark.parametrize("recorded", images_answers()[:1], ids=str)
def test_a_real_answer_that_is_damaged_is_invalid(recorded: Recorded) -> None:
    response = recorded.as_content()
    half = response.body[: len(response.body) // 2]
    assert marks(HTTPResponse(200, {"content-type": "application/json"}, half))[-1] == ("json", "$", "invalid")
