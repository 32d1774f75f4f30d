"""Level schema: what the generation cost, and how servers tell it."""

from __future__ import annotations

from typing import Any

from pytest_imgresponse import answers
from pytest_imgresponse.edge_cases.bending import bend_json, with_fields, without_fields
from pytest_imgresponse.edge_cases.subjects import json_answer, subject_of, with_image, with_usage
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse

SVG_USAGE = {
    "input_tokens": 310,
    "model": "gpt-image-2.5-sunburst",
    "output_tokens": 2048,
    "reasoning_tokens": 512,
    "total_tokens": 2358,
}
"""What writing an SVG cost, beside what pictures did."""


def plain_usage(n: int = 1) -> dict[str, Any]:
    """The usage of `n` square pictures of low quality by gpt-image-1, as before May 2026."""
    return answers.usage(12, 0, 272 * n, told_apart=False)


def _with_usage(response: HTTPResponse, **changes: Any) -> HTTPResponse:
    return with_fields(response, usage={**plain_usage(), **changes})


@edge_case("valid", "schema", seen="openai 3.54.0, images_response.py", applies=with_usage)
def usage_absent(response: HTTPResponse) -> HTTPResponse:
    """There is no `usage`."""
    return without_fields(response, "usage")


def output_details(response: HTTPResponse) -> bool:
    """A 200 answer with `output_tokens_details` in its usage."""
    return with_usage(response) and "output_tokens_details" in (subject_of(response).json or {})["usage"]


@edge_case("valid", "schema", seen="openai 3.54.0, images_response.py; BerriAI/litellm#31142", applies=output_details)
def output_tokens_details_absent(response: HTTPResponse) -> HTTPResponse:
    """The usage has no `output_tokens_details`, as before May 2026."""
    return bend_json(response, lambda answer: {**answer, "usage": _less(answer["usage"], "output_tokens_details")})


def _less(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


@edge_case("valid", "schema", seen="openai 3.54.0, images_response.py", applies=with_image)
def output_tokens_details_present(response: HTTPResponse) -> HTTPResponse:
    """The usage has `output_tokens_details`, with tokens of text beside those of images."""
    details = {"image_tokens": 272, "text_tokens": 48}
    return _with_usage(response, output_tokens=320, total_tokens=332, output_tokens_details=details)


@edge_case("unusual", "schema", seen="run: openai 3.54.0 maps it to None", applies=json_answer)
def usage_null(response: HTTPResponse) -> HTTPResponse:
    """`usage` is null."""
    return with_fields(response, usage=None)


@edge_case("unusual", "schema", seen="Aico#315; recording: openrouter", applies=json_answer)
def usage_chat_style(response: HTTPResponse) -> HTTPResponse:
    """The usage has the names of the chat API: `prompt_tokens` and `completion_tokens`."""
    return with_fields(response, usage={"prompt_tokens": 5, "completion_tokens": 1537, "total_tokens": 1542})


@edge_case("unusual", "schema", seen="mudler/LocalAI#7354", applies=json_answer)
def usage_without_details(response: HTTPResponse) -> HTTPResponse:
    """The usage has its three sums, and no details."""
    return with_fields(response, usage={"input_tokens": 12, "output_tokens": 272, "total_tokens": 284})


@edge_case("unusual", "schema", seen="mudler/LocalAI, image.go", applies=json_answer)
def usage_all_zero(response: HTTPResponse) -> HTTPResponse:
    """All tokens of the usage are 0, as from a server that does not count."""
    details = {"image_tokens": 0, "text_tokens": 0}
    return _with_usage(response, input_tokens=0, output_tokens=0, total_tokens=0, input_tokens_details=details)


@edge_case("unusual", "schema", seen="RFC 8259, section 6 (integers are exact up to 2**53)", applies=json_answer)
def usage_huge(response: HTTPResponse) -> HTTPResponse:
    """The output tokens are more than a double holds exactly: 2**53 + 1."""
    return _with_usage(response, output_tokens=2**53 + 1, total_tokens=2**53 + 13)


@edge_case("unusual", "schema", seen="openai 3.54.0, images_response.py (does not compare)", applies=json_answer)
def usage_sum_wrong(response: HTTPResponse) -> HTTPResponse:
    """The total is not the sum of the input and output tokens."""
    return _with_usage(response, total_tokens=272)


@edge_case("unusual", "schema", seen="openai 3.54.0, images_response.py (does not compare)", applies=json_answer)
def svg_usage_sum_wrong(response: HTTPResponse) -> HTTPResponse:
    """The total of the `svg_usage` is not the sum of its input and output tokens."""
    return with_fields(response, svg_usage={**SVG_USAGE, "total_tokens": 2870})


@edge_case("unusual", "schema", seen="BerriAI/litellm#10811", applies=json_answer)
def usage_details_null(response: HTTPResponse) -> HTTPResponse:
    """The details in the usage are null."""
    return _with_usage(response, input_tokens_details=None, output_tokens_details=None)


@edge_case("unusual", "schema", seen="recording: ruby_llm, xai grok-imagine-image", applies=json_answer)
def usage_in_money(response: HTTPResponse) -> HTTPResponse:
    """The usage has no tokens, but what it cost: `cost_in_usd_ticks`."""
    return with_fields(response, usage={"cost_in_usd_ticks": 200000000})


@edge_case("tolerated", "schema", seen="RFC 8259, section 6 (5.0 is 5); BerriAI/litellm#28024", applies=json_answer)
def usage_integral_float(response: HTTPResponse) -> HTTPResponse:
    """The tokens are whole numbers written as `272.0`."""
    return _with_usage(response, output_tokens=272.0, total_tokens=284.0)


@edge_case("invalid", "schema", seen="BerriAI/litellm#28024", applies=json_answer)
def usage_fractional(response: HTTPResponse) -> HTTPResponse:
    """The tokens have a fraction."""
    return _with_usage(response, output_tokens=272.5, total_tokens=284.5)


@edge_case("invalid", "schema", seen="images reference: numbers of tokens", applies=json_answer)
def usage_negative(response: HTTPResponse) -> HTTPResponse:
    """The output tokens are below 0."""
    return _with_usage(response, output_tokens=-1, total_tokens=11)


@edge_case("invalid", "schema", seen="run: openai 3.54.0 gives a list", applies=json_answer)
def usage_list(response: HTTPResponse) -> HTTPResponse:
    """`usage` is a list."""
    return with_fields(response, usage=[plain_usage()])
