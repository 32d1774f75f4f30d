"""Cases at the level `json`: how the text of an answer is written, and answers with hardly anything in them."""

from __future__ import annotations

import json
from typing import Any

from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.edge_cases.mutators import mutate_images, mutate_json, with_body, with_fields
from pytest_imgresponse.edge_cases.predicates import (
    DECLARED,
    Outline,
    content_of,
    json_answer,
    json_object,
    legible,
    outline_of,
    with_image,
)
from pytest_imgresponse.edge_cases.schema_cases import plain_usage
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse

CHARACTERS = "Ein Fuchs \u00fcber Stra\u00dfen, \u5c71\u7530\u3055\u3093, \U0001f98a"
"""Text with characters of two, three and four bytes in UTF-8."""


def _raw(value: object, **spacing: Any) -> bytes:
    """JSON in raw UTF-8; half of a surrogate pair, which has no UTF-8, stays escaped."""
    return json.dumps(value, ensure_ascii=False, **spacing).encode(errors="backslashreplace")


def _minified(response: HTTPResponse) -> bytes:
    return _raw(content_of(response).json, separators=(",", ":"))


def not_minified(response: HTTPResponse) -> bool:
    """A 200 answer whose JSON has spaces between its tokens."""
    return json_object(response) and len(_minified(response)) < len(response.body)


@edge_case("valid", "json", seen="RFC 8259, section 2; recording: openrouter", applies=not_minified)
def minified_json(response: HTTPResponse) -> HTTPResponse:
    """The JSON has no spaces between its tokens."""
    return with_body(response, _minified(response))


def no_newline(response: HTTPResponse) -> bool:
    """A 200 answer whose JSON does not end in a newline."""
    return json_object(response) and not response.body.endswith(b"\n")


@edge_case("valid", "json", seen="recording: dd-trace-py, image_create_b64_json", applies=no_newline)
def trailing_newline(response: HTTPResponse) -> HTTPResponse:
    """The body ends in a newline."""
    return with_body(response, response.body + b"\n")


def two_keys(response: HTTPResponse) -> bool:
    """A 200 answer whose JSON object has two keys or more."""
    return len(content_of(response).json or ()) > 1


@edge_case("valid", "json", seen="RFC 8259, section 4", applies=two_keys)
def keys_reversed(response: HTTPResponse) -> HTTPResponse:
    """The keys come in another order than usual."""
    return mutate_json(response, lambda answer: dict(reversed(answer.items())))


@edge_case("valid", "json", seen="RFC 8259, section 7", applies=with_image)
def escaped_unicode(response: HTTPResponse) -> HTTPResponse:
    r"""The revised prompt has characters beyond ASCII, all escaped as `\uXXXX`, an emoji by two of them."""
    return mutate_images(response, lambda image: image.update(revised_prompt=CHARACTERS))


@edge_case("valid", "json", seen="RFC 8259, section 8.1", applies=with_image)
def raw_utf8(response: HTTPResponse) -> HTTPResponse:
    """The revised prompt has characters beyond ASCII, in raw UTF-8."""
    return with_body(response, _raw(escaped_unicode(response).json(), indent=2))


def created_and_more(response: HTTPResponse) -> bool:
    """A 200 answer with `created` and more."""
    return two_keys(response) and "created" in (content_of(response).json or {})


@edge_case("valid", "json", seen="openai/openai-openapi@f85dbe2", applies=created_and_more)
def created_only(response: HTTPResponse) -> HTTPResponse:
    """The answer has `created`, the only required field, and nothing else."""
    return mutate_json(response, lambda answer: {"created": answer["created"]})


@edge_case("valid", "json", seen="openai/openai-openapi@f85dbe2; vercel/ai#19168", applies=with_image)
def data_empty(response: HTTPResponse) -> HTTPResponse:
    """The list of images is empty, as from a server that blocked the whole request."""
    return with_fields(response, data=[])


@edge_case("valid", "json", seen="openai/openai-openapi@f85dbe2", applies=with_image)
def image_empty(response: HTTPResponse) -> HTTPResponse:
    """The images are empty objects: no field of an image is required."""
    return mutate_images(response, lambda image: image.clear())


def not_full(response: HTTPResponse) -> bool:
    """A 200 answer with raster pictures whose headers can be read, and without one of the documented fields."""
    return legible(response) and not all(name in (content_of(response).json or {}) for name in DECLARED)


@edge_case("valid", "json", seen="openai/openai-openapi@f85dbe2", applies=not_full)
def full_b64_response(response: HTTPResponse) -> HTTPResponse:
    """The answer has each documented field: background, format, quality, size and usage."""
    outline = outline_of(content_of(response).pictures()[0])
    assert outline, "the predicate has read it"
    return mutate_json(response, lambda answer: {**_documented(outline, len(answer["data"])), **answer})


def _documented(outline: Outline, n: int) -> dict[str, Any]:
    return {
        "background": "transparent" if outline.alpha else "opaque",
        "output_format": outline.file_format,
        "quality": "low",
        "size": "{}x{}".format(*outline.size),
        "usage": plain_usage(n),
    }


@edge_case("unusual", "json", seen="run: openai 3.54.0 maps it to None", applies=json_answer)
def data_null(response: HTTPResponse) -> HTTPResponse:
    """`data` is null."""
    return with_fields(response, data=None)


@edge_case("unusual", "json", seen="ai-dynamo/dynamo#13000; BerriAI/litellm#10811", applies=created_and_more)
def empty_data_200_with_error_lost(response: HTTPResponse) -> HTTPResponse:
    """The list of images is empty and nothing was used: the generation failed, and the server lost the error."""
    lost = {"completion_tokens_details": None, "prompt_tokens_details": None}
    usage = {"completion_tokens": 0, "prompt_tokens": 0, "total_tokens": 0, **lost}
    return mutate_json(response, lambda answer: {"created": answer["created"], "data": [], "usage": usage})


@edge_case("unusual", "json", seen="Wei-Shaw/sub2api#2047", applies=json_object)
def leading_whitespace_heartbeat(response: HTTPResponse) -> HTTPResponse:
    """Spaces and newlines come before the JSON, sent to keep the connection open."""
    return with_body(response, b" \n" * 15 + response.body)


@edge_case("tolerated", "json", seen="RFC 8259, section 4; run: openai 3.54.0 takes the last", applies=json_answer)
def dup_keys(response: HTTPResponse) -> HTTPResponse:
    """`created` is there twice, with different values."""
    return _with_first_member(response, b'"created": 1')


@edge_case("tolerated", "json", seen="RFC 8259, section 6; run: openai 3.54.0 accepts it", applies=json_object)
def nan(response: HTTPResponse) -> HTTPResponse:
    """A number is `NaN`, which JSON does not have and many parsers read."""
    return _with_first_member(response, b'"cost": NaN')


@edge_case("tolerated", "json", seen="RFC 8259, section 8.1; run: openai 3.54.0 accepts it", applies=json_object)
def bom(response: HTTPResponse) -> HTTPResponse:
    """The JSON begins with a byte order mark."""
    return with_body(response, b"\xef\xbb\xbf" + pretty(response.json()))


@edge_case("tolerated", "json", seen="RFC 8259, section 8.1; run: openai 3.54.0 accepts it", applies=json_object)
def utf16(response: HTTPResponse) -> HTTPResponse:
    """The JSON is in UTF-16, with a byte order mark."""
    return with_body(response, pretty(response.json()).decode().encode("utf-16"))


@edge_case("tolerated", "json", seen="RFC 8259, section 9; run: json of Python 3.11", applies=json_object)
def deep_nesting(response: HTTPResponse) -> HTTPResponse:
    """An unknown field is a list in a list, 100,000 deep, at which many parsers raise an error of their own kind."""
    return _with_first_member(response, b'"extra": ' + b"[" * 100_000 + b"]" * 100_000)


@edge_case("tolerated", "json", seen="RFC 8259, section 6; run: json of Python 3.11", applies=json_object)
def number_of_5000_digits(response: HTTPResponse) -> HTTPResponse:
    """An unknown field is a number of 5,000 digits, which Python refuses to read."""
    return _with_first_member(response, b'"extra": ' + b"7" * 5000)


def _with_first_member(response: HTTPResponse, member: bytes) -> HTTPResponse:
    """With one more member at the start of the object, as it is written here."""
    plain = pretty(response.json())
    return with_body(response, b"{\n  " + member + (b"," if plain != b"{}" else b"") + plain[1:])


@edge_case("invalid", "json", seen="run: openai 3.54.0 raises a bare JSONDecodeError", applies=json_object)
def body_cut_off(response: HTTPResponse) -> HTTPResponse:
    """The JSON ends halfway, and no header says that more should come."""
    return with_body(response, response.body[: len(response.body) // 2])


@edge_case("invalid", "json", seen="run: openai 3.54.0 raises a bare JSONDecodeError", applies=json_object)
def trailing_junk(response: HTTPResponse) -> HTTPResponse:
    """Text that is no JSON comes after the JSON."""
    return with_body(response, response.body + b"\n<!-- served in 14 s -->\n")


@edge_case("invalid", "json", seen="run: openai 3.54.0 raises a bare JSONDecodeError", applies=json_object)
def two_documents(response: HTTPResponse) -> HTTPResponse:
    """The JSON document is there twice, as from a proxy that tried again."""
    return with_body(response, response.body + b"\n" + response.body)


@edge_case("invalid", "json", seen="run: openai 3.54.0 raises a bare UnicodeDecodeError", applies=json_object)
def invalid_utf8(response: HTTPResponse) -> HTTPResponse:
    """A text holds bytes that are no UTF-8: it is Latin-1."""
    return _with_first_member(response, b'"prompt": "caf\xe9 \xfc"')


@edge_case("invalid", "json", seen="RFC 8259, section 4", applies=json_object)
def trailing_comma(response: HTTPResponse) -> HTTPResponse:
    """A comma comes before the bracket that ends the object."""
    return with_body(response, pretty(response.json()).removesuffix(b"\n}") + b",\n}")


@edge_case("invalid", "json", seen="RFC 8259, section 7", applies=with_image)
def raw_newline_in_text(response: HTTPResponse) -> HTTPResponse:
    """A text holds a newline that is not escaped."""
    return _with_first_member(response, b'"prompt": "a red fox\nin the snow"')
