"""The level schema of the judge: types, enumerations, what is required, sums; error bodies."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from openai.types import images_response

from pytest_imgresponse import HTTPResponse, ResponseError, models
from pytest_imgresponse.api.api_errors import FAILURES
from pytest_imgresponse.checks import check, schema_level
from pytest_imgresponse.models import ErrorBody
from tests.test_checks import answer, error, marks, only, payload, plain, usage

TEXTS = [1, 1.5, True, ["png"], {"a": 1}]


def of(path: str, verdict: str) -> list[tuple[str, str, str]]:
    return [("schema", path, verdict)]


# --- the tables are those of the models and of the documents ---


@pytest.mark.parametrize(
    ("table", "model"),
    [
        (schema_level.RESPONSE, models.ImagesResponse),
        (schema_level.IMAGE, models.Image),
        (schema_level.USAGE, models.Usage),
        (schema_level.INPUT_DETAILS, models.InputTokensDetails),
        (schema_level.OUTPUT_DETAILS, models.OutputTokensDetails),
        (schema_level.SVG_USAGE, models.SvgUsage),
        (schema_level.COMPLETED, models.CompletedEvent),
        (schema_level.PARTIAL, models.PartialImageEvent),
        (schema_level.ERROR, models.ErrorBody),
    ],
)
def test_each_table_has_the_fields_of_its_model(table: schema_level.Table, model: type[models.ImagesResponse]) -> None:
    assert set(table) == set(model.model_fields)


@pytest.mark.parametrize(
    ("name", "field"), [("background", "background"), ("output_format", "output_format"), ("quality", "quality")]
)
def test_each_enumeration_is_that_of_the_official_types(name: str, field: str) -> None:
    annotation = str(images_response.ImagesResponse.model_fields[field].annotation)
    for value in re.findall(r"'(\w+)'", annotation):
        assert list(schema_level.RESPONSE[name].judge(value, "$")) == []


# --- created ---


def test_created_that_is_missing_is_unusual() -> None:
    found = ("schema", "$.created", "unusual", "created is missing; the documents require it")
    assert only(answer(plain(created=...))) == found


@pytest.mark.parametrize("created", ["2026-05-29T00:26:55Z", "1780014415", 1780014415.5, True, [1], {}])
def test_created_of_another_type_is_invalid(created: object) -> None:
    level, path, verdict, message = only(answer(plain(created=created)))
    assert (level, path, verdict) == ("schema", "$.created", "invalid")
    assert message.endswith("; expected an integer, Unix seconds")


@pytest.mark.parametrize("created", [1780014415.0, 1780014415123, 10**500])
def test_created_that_can_be_understood_is_tolerated(created: float) -> None:
    assert marks(answer(plain(created=created))) == of("$.created", "tolerated")


@pytest.mark.parametrize("created", [0, -1, None])
def test_created_that_is_no_time_is_unusual(created: int | None) -> None:
    assert marks(answer(plain(created=created))) == of("$.created", "unusual")


# --- data ---


@pytest.mark.parametrize("data", [..., [], [{}], [{"revised_prompt": "a fox"}]])
def test_nothing_is_required_of_data(data: object) -> None:
    assert check(answer(plain(data=data))) == []


def test_null_data_is_unusual() -> None:
    message = "null; a key without a value is left out"
    assert only(answer(plain(data=None))) == ("json", "$.data", "unusual", message)


@pytest.mark.parametrize("data", [{"b64_json": ""}, "fox", 1, {}, False])
def test_data_that_is_no_list_is_invalid(data: object) -> None:
    assert marks(answer(plain(data=data))) == of("$.data", "invalid")


@pytest.mark.parametrize("item", [None, "fox", 1, [], [payload()]])
def test_an_image_that_is_no_object_is_invalid_and_the_others_are_judged(item: object) -> None:
    value = plain(data=[item, {"url": None}])
    assert marks(answer(value)) == [*of("$.data[0]", "invalid"), *of("$.data[1].url", "unusual")]


@pytest.mark.parametrize("name", ["b64_json", "url", "revised_prompt"])
def test_a_field_of_an_image_that_is_null_is_unusual(name: str) -> None:
    assert marks(answer(plain(data=[{name: None}]))) == of(f"$.data[0].{name}", "unusual")


@pytest.mark.parametrize("name", ["b64_json", "url", "revised_prompt"])
@pytest.mark.parametrize("value", TEXTS)
def test_a_field_of_an_image_of_another_type_is_invalid(name: str, value: object) -> None:
    assert marks(answer(plain(data=[{name: value}]))) == of(f"$.data[0].{name}", "invalid")


def test_a_url_beside_a_payload_is_unusual() -> None:
    both = {"b64_json": payload(), "url": "https://example.com/a.png"}
    assert only(answer(plain(data=[both])))[1:] == (
        "$.data[0]",
        "unusual",
        "both b64_json and url; the API sends one of them",
    )


def test_a_picture_under_another_key_is_unusual() -> None:
    item = {"image": payload(), "index": 0, "content": ""}
    message = "content and image in the place of b64_json or url"
    assert only(answer(plain(data=[item]))) == ("schema", "$.data[0]", "unusual", message)


@pytest.mark.parametrize("data", [..., None, []])
def test_images_in_the_place_of_data_are_unusual(data: object) -> None:
    found = marks(answer(plain(data=data, images=[{"image": payload()}])))
    assert found[-1] == ("schema", "$.images", "unusual")
    assert "images in the place of data" in check(answer(plain(data=..., images=[])))[-1].message


def test_images_beside_data_are_one_more_key() -> None:
    assert check(answer(plain(images=[], id="x", model="y", embedding=None, timings={"inference": 1.5}))) == []


def test_more_images_than_are_judged_are_unusual() -> None:
    value = plain(data=[{}] * 10_001)
    assert only(answer(value))[2:] == (
        "unusual",
        "10001 images; 10 are the most that can be asked for, 10000 were judged",
    )


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("/images/a.png", "relative"),
        ("", "relative"),
        ("//example.com/a.png", "relative"),
        ("data:image/png;base64,AAAA", "a data URL"),
        ("HTTP://localhost:8080/a.png", "without TLS"),
        ("ftp://example.com/a.png", "of another scheme"),
        ("https:///a.png", "without a host"),
        ("https://", "without a host"),
    ],
)
def test_a_url_of_another_kind_is_unusual(url: str, what: str) -> None:
    level, path, verdict, message = only(answer(plain(data=[{"url": url}])))
    assert (level, path, verdict) == ("schema", "$.data[0].url", "unusual")
    assert message == f"the url {json.dumps(url)} is {what}; expected https://…"


@pytest.mark.parametrize("url", ["https://example.com", "HTTPS://[::1]/a", "https://example.com/%F0?sig=a b"])
def test_a_url_of_the_usual_kind_is_right(url: str) -> None:
    assert check(answer(plain(data=[{"url": url}]))) == []


@pytest.mark.parametrize(
    ("prompt", "what"),
    [("a\0", "NUL is at character 1"), ("a b\ud83e", "a lone surrogate, which has no UTF-8, is at character 3")],
)
def test_a_prompt_that_breaks_programs_is_unusual(prompt: str, what: str) -> None:
    found = ("schema", "$.data[0].revised_prompt", "unusual", what)
    assert only(answer(plain(data=[{"revised_prompt": prompt}]))) == found


@pytest.mark.parametrize("prompt", ["", "\u202e\u062b", "fox " * 8000, "🦊\n\t"])
def test_any_other_prompt_is_right(prompt: str) -> None:
    assert check(answer(plain(data=[{"revised_prompt": prompt}]))) == []


# --- the other fields ---


@pytest.mark.parametrize("name", ["background", "output_format", "size", "quality", "safety_identifier"])
@pytest.mark.parametrize("value", TEXTS)
def test_a_field_of_another_type_is_invalid(name: str, value: object) -> None:
    assert marks(answer(plain(**{name: value}))) == of(f"$.{name}", "invalid")


@pytest.mark.parametrize("name", [name for name in schema_level.RESPONSE if name not in ("created", "data")])
def test_each_field_but_created_may_be_missing_and_is_unusual_when_null(name: str) -> None:
    assert check(answer(plain(**{name: ...}))) == []
    assert marks(answer(plain(**{name: None}))) == of(f"$.{name}", "unusual")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("background", "auto"),
        ("background", ""),
        ("output_format", "tiff"),
        ("output_format", "PNG"),
        ("quality", "hd"),
        ("quality", "auto"),
        ("size", "auto"),
        ("size", "64X32"),
        ("size", "0x32"),
        ("size", "64x32 "),
        ("size", "9999999x1"),
    ],
)
def test_a_value_that_the_documents_do_not_know_is_unusual(name: str, value: str) -> None:
    assert marks(answer(plain(**{name: value}))) == of(f"$.{name}", "unusual")


@pytest.mark.parametrize("size", ["1x1", "100x200", "1536x864", "999999x999999"])
def test_any_width_and_height_is_right(size: str) -> None:
    assert check(answer(plain(size=size, data=...))) == []


def test_a_new_value_is_named_with_the_known_ones() -> None:
    message = '"ultra\\u202e" is new; known are low, medium, high, xhigh, max'
    assert only(answer(plain(quality="ultra\u202e")))[3] == message


@pytest.mark.parametrize("quality", ["low", "medium", "high", "xhigh", "max"])
def test_a_value_of_the_newest_documents_is_right(quality: str) -> None:
    assert check(answer(plain(quality=quality, safety_identifier="user-1"))) == []


def test_an_answer_holds_no_error() -> None:
    level, path, verdict, message = only(answer({**error(), "created": 1, "data": []}))
    assert (level, path, verdict) == ("schema", "$.error", "invalid")
    assert message == "an object with the keys message, type, param, code: an error, where the status says success"
    for wrong in ("no", "", {}, [], False):
        assert marks(answer(plain(error=wrong))) == of("$.error", "invalid")
    assert check(answer(plain(error=None))) == []


# --- usage ---


@pytest.mark.parametrize("value", [[], "284", 284, True])
def test_a_usage_that_is_no_object_is_invalid(value: object) -> None:
    assert marks(answer(plain(usage=value))) == of("$.usage", "invalid")


@pytest.mark.parametrize("name", ["input_tokens", "output_tokens", "total_tokens"])
@pytest.mark.parametrize("value", ["12", 12.5, -1, -1.0, True, [12], {}])
def test_tokens_of_another_type_are_invalid(name: str, value: object) -> None:
    (finding,) = [each for each in check(answer(plain(usage=usage(**{name: value})))) if each.verdict == "invalid"]
    assert (finding.level, finding.path) == ("schema", f"$.usage.{name}")
    assert finding.message.endswith("; expected an integer from 0, a number of tokens")


def test_tokens_in_the_details_are_judged_in_the_same_way() -> None:
    details = {"image_tokens": 0.5, "text_tokens": "12"}
    assert marks(answer(plain(usage=usage(input_tokens_details=details)))) == [
        ("schema", "$.usage.input_tokens_details.text_tokens", "invalid"),
        ("schema", "$.usage.input_tokens_details.image_tokens", "invalid"),
    ]


def test_whole_tokens_with_a_fraction_are_tolerated() -> None:
    value = usage(output_tokens=272.0, total_tokens=284.0)
    assert marks(answer(plain(usage=value))) == [
        ("schema", "$.usage.output_tokens", "tolerated"),
        ("schema", "$.usage.total_tokens", "tolerated"),
    ]


@pytest.mark.parametrize("name", ["input_tokens", "output_tokens", "total_tokens", "input_tokens_details"])
def test_a_missing_field_of_usage_is_unusual(name: str) -> None:
    found = ("schema", f"$.usage.{name}", "unusual", f"{name} is missing; the documents require it")
    assert only(answer(plain(usage=usage(**{name: ...})))) == found


def test_several_missing_fields_are_one_finding() -> None:
    assert only(answer(plain(usage={"cost_in_usd_ticks": 200_000_000}))) == (
        "schema",
        "$.usage",
        "unusual",
        "input_tokens, output_tokens, total_tokens and input_tokens_details are missing; the documents require them",
    )


@pytest.mark.parametrize(
    "name", ["input_tokens", "output_tokens", "total_tokens", "input_tokens_details", "output_tokens_details"]
)
def test_a_null_in_usage_is_unusual(name: str) -> None:
    assert marks(answer(plain(usage=usage(**{name: None})))) == of(f"$.usage.{name}", "unusual")


def test_output_details_may_be_missing() -> None:
    assert check(answer(plain(usage=usage(output_tokens_details=...)))) == []


@pytest.mark.parametrize("name", ["input_tokens_details", "output_tokens_details"])
def test_details_that_are_no_object_are_invalid(name: str) -> None:
    assert marks(answer(plain(usage=usage(**{name: [12]})))) == of(f"$.usage.{name}", "invalid")


def test_details_without_their_parts_are_unusual() -> None:
    value = usage(input_tokens_details={}, output_tokens_details={"image_tokens": 272})
    assert marks(answer(plain(usage=value))) == [
        ("schema", "$.usage.input_tokens_details", "unusual"),
        ("schema", "$.usage.output_tokens_details.text_tokens", "unusual"),
    ]


def test_sums_that_do_not_add_up_are_unusual_and_name_both() -> None:
    assert only(answer(plain(usage=usage(total_tokens=283)))) == (
        "schema",
        "$.usage.total_tokens",
        "unusual",
        "283, and input_tokens and output_tokens add up to 284",
    )
    details = {"image_tokens": 1, "text_tokens": 12}
    assert only(answer(plain(usage=usage(input_tokens_details=details)))) == (
        "schema",
        "$.usage.input_tokens_details",
        "unusual",
        "input_tokens is 12, and text_tokens and image_tokens add up to 13",
    )


@pytest.mark.parametrize(
    ("one", "other"), [(1e308, 1e308), (10**599, 0.5), (10**599, 1.0), (1e400, 1), ("1", 1), (None, 1)]
)
def test_sums_of_anything_can_be_judged(one: object, other: object) -> None:
    check(answer(plain(usage=usage(input_tokens=one, output_tokens=other, total_tokens=7))))


def test_chat_style_names_are_one_finding() -> None:
    chat = {"prompt_tokens": 5, "completion_tokens": 1537, "total_tokens": 1542}
    assert only(answer(plain(usage=chat))) == (
        "schema",
        "$.usage",
        "unusual",
        "prompt_tokens and completion_tokens, as chat answers have it; expected input_tokens, output_tokens",
    )
    assert check(answer(plain(usage=usage(prompt_tokens=12)))) == []


def test_a_usage_of_nothing_is_unusual() -> None:
    nothing = {"image_tokens": 0, "text_tokens": 0}
    zeros = usage(
        input_tokens=0, output_tokens=0, total_tokens=0, input_tokens_details=nothing, output_tokens_details=...
    )
    assert only(answer(plain(usage=zeros)))[1:] == (
        "$.usage",
        "unusual",
        "all tokens are 0; every generation costs some",
    )


def test_tokens_that_doubles_cannot_count_are_unusual() -> None:
    huge = usage(output_tokens=2**53 + 1, total_tokens=2**53 + 13, output_tokens_details=...)
    assert {mark[2] for mark in marks(answer(plain(usage=huge)))} == {"unusual"}
    exact = usage(output_tokens=2**53 - 12, total_tokens=2**53, output_tokens_details=...)
    assert check(answer(plain(usage=exact))) == []


SVG_USAGE = {"input_tokens": 310, "model": "x", "output_tokens": 2048, "reasoning_tokens": 512, "total_tokens": 2358}


def test_svg_usage_is_judged() -> None:
    assert check(answer(plain(svg_usage=SVG_USAGE))) == []
    assert marks(answer(plain(svg_usage=[]))) == of("$.svg_usage", "invalid")
    assert marks(answer(plain(svg_usage={**SVG_USAGE, "model": 1, "reasoning_tokens": None}))) == [
        ("schema", "$.svg_usage.model", "invalid"),
        ("schema", "$.svg_usage.reasoning_tokens", "unusual"),
    ]
    assert len(marks(answer(plain(svg_usage={})))) == 1


def test_svg_tokens_that_do_not_add_up_are_unusual() -> None:
    assert only(answer(plain(svg_usage={**SVG_USAGE, "total_tokens": 2870}))) == (
        "schema",
        "$.svg_usage.total_tokens",
        "unusual",
        "2870, and input_tokens and output_tokens add up to 2358",
    )
    assert only(answer(plain(svg_usage={**SVG_USAGE, "reasoning_tokens": 2049}))) == (
        "schema",
        "$.svg_usage.reasoning_tokens",
        "unusual",
        "2049, and output_tokens, of which they are a part, are 2048",
    )
    assert check(answer(plain(svg_usage={**SVG_USAGE, "reasoning_tokens": 2048}))) == []


# --- error bodies ---

REPORTED: list[tuple[int, dict[str, Any]]] = [
    # songquanpeng/one-api#737, BerriAI/litellm#16072, lune.dev/questions/6011
    (400, error(code="content_policy_violation")),
    (400, error(param=..., code="content_policy_violation", inner_error={"code": "ResponsibleAIPolicyViolation"})),
    (429, error(type="requests", code="rate_limit_exceeded")),
    # openai-php/client#565; a public Go test that quotes a measured body
    (403, error(code=None)),
    (429, error(type="rate_limit_exceeded", code="rate_limit_exceeded", param=...)),
    # ucx0204/CarrotMangaTranslator#122
    (400, error(moderation_details={"moderation_stage": "output", "categories": ["sexual"]})),
]


@pytest.mark.parametrize(("status", "body"), REPORTED)
def test_reported_errors_are_right(status: int, body: dict[str, Any]) -> None:
    assert check(answer(body, status)) == []


@pytest.mark.parametrize("name", FAILURES)
def test_the_errors_of_the_local_endpoint_are_right(name: str) -> None:
    assert check(answer({"error": dict(FAILURES[name].error)}, FAILURES[name].status)) == []


@pytest.mark.parametrize("name", ["message", "type"])
def test_an_error_without_message_or_type_is_invalid(name: str) -> None:
    found = ("schema", f"$.error.{name}", "invalid", f"{name} is missing; the documents require it")
    assert only(answer(error(**{name: ...}), 400)) == found
    null = ("schema", f"$.error.{name}", "invalid", "null; the documents require a value")
    assert only(answer(error(**{name: None}), 400)) == null
    with pytest.raises(ResponseError, match=name):
        ErrorBody.from_json(error(**{name: None})["error"])


@pytest.mark.parametrize("name", ["message", "type", "param", "code"])
@pytest.mark.parametrize("value", [True, 1.5, [], {}])
def test_a_field_of_an_error_of_another_type_is_invalid(name: str, value: object) -> None:
    assert marks(answer(error(**{name: value}), 400)) == of(f"$.error.{name}", "invalid")


def test_a_code_that_is_a_number_is_unusual() -> None:
    message = "400 is a number; the API sends a string"
    assert only(answer(error(code=400), 400)) == ("schema", "$.error.code", "unusual", message)


def test_moderation_details_are_an_object() -> None:
    assert marks(answer(error(moderation_details="sexual"), 400)) == of("$.error.moderation_details", "invalid")


@pytest.mark.parametrize("body", [{"error": "no"}, {"error": [error()]}, {"error": None}, {"error": 1}])
def test_an_error_that_is_no_object_is_invalid(body: dict[str, Any]) -> None:
    assert marks(answer(body, 400)) == of("$.error", "invalid")


def test_a_body_without_an_error_is_invalid() -> None:
    assert only(answer({"detail": [{"loc": ["body"]}]}, 422)) == (
        "schema",
        "$",
        "invalid",
        "an object with the keys detail; expected an object with the key error",
    )
    assert only(answer({}, 500))[3].startswith("an empty object; expected")
    assert only(answer(plain(), 500))[3].startswith("an object with the keys created, background, data, output_")


def test_more_keys_than_the_documents_know_are_right() -> None:
    assert check(answer({"id": "x", **error(inner=1)}, 401)) == []


def test_chat_style_tokens_are_counts_too():
    """BerriAI/litellm#28024: fractions, in the names of chat answers."""
    usage = {"prompt_tokens": 1.5, "completion_tokens": -1, "total_tokens": "3"}
    body = json.dumps({"created": 1, "data": [], "usage": usage}).encode()
    found = check(HTTPResponse(200, {"content-type": "application/json"}, body))
    assert {each.path for each in found if each.verdict == "invalid"} == {
        "$.usage.prompt_tokens",
        "$.usage.completion_tokens",
        "$.usage.total_tokens",
    }
