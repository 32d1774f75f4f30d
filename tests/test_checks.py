"""The judge: plain answers, and what is unusual or wrong about the envelope of others."""

from __future__ import annotations

import gzip
import json
import random
import time
import zlib
from typing import Any

import pybase64
import pytest

from pytest_imgresponse import ConfigError
from pytest_imgresponse.api import answers, blob_store
from pytest_imgresponse.checks import check
from pytest_imgresponse.checks import http_level as level_http
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import OUTPUT_FORMATS
from pytest_imgresponse.images.make import make_picture

JSON_TYPE = {"content-type": "application/json"}
STREAM_TYPE = {"content-type": "text/event-stream; charset=utf-8"}


def payload(file_format: str = "png", size: str = "64x32", **options: Any) -> str:
    """The base64 of a made picture."""
    width, height = map(int, size.split("x"))
    return pybase64.b64encode(make_picture(file_format, width, height, **options)).decode()


def plain(**changes: Any) -> dict[str, Any]:
    """A right answer of a gpt-image model, with fields changed, added, or (by `...`) left out."""
    value = {
        "created": 1_780_014_415,
        "background": "opaque",
        "data": [{"b64_json": payload()}],
        "output_format": "png",
        "quality": "low",
        "size": "64x32",
        "usage": usage(),
        **changes,
    }
    return {name: held for name, held in value.items() if held is not ...}


def usage(**changes: Any) -> dict[str, Any]:
    value = {
        "input_tokens": 12,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 12},
        "output_tokens": 272,
        "output_tokens_details": {"image_tokens": 272, "text_tokens": 0},
        "total_tokens": 284,
        **changes,
    }
    return {name: held for name, held in value.items() if held is not ...}


def answer(value: Any, status: int = 200, headers: dict[str, str] = JSON_TYPE) -> HTTPResponse:
    return HTTPResponse(status, headers, answers.pretty(value))


def stream(*events: bytes, headers: dict[str, str] = STREAM_TYPE) -> HTTPResponse:
    return HTTPResponse(200, headers, b"".join(events))


def error(**changes: Any) -> dict[str, Any]:
    value = {"message": "no", "type": "invalid_request_error", "param": None, "code": None, **changes}
    return {"error": {name: held for name, held in value.items() if held is not ...}}


def request(**fields: Any) -> HTTPRequest:
    body = json.dumps({"prompt": "a red fox", **fields}).encode()
    return HTTPRequest("POST", "https://api.openai.com/v1/images/generations", JSON_TYPE, body)


def marks(response: HTTPResponse, asked: HTTPRequest | None = None) -> list[tuple[str, str, str]]:
    """The findings without their sentences."""
    return [(finding.level, finding.path, finding.verdict) for finding in check(response, asked)]


def only(response: HTTPResponse, asked: HTTPRequest | None = None) -> tuple[str, str, str, str]:
    (finding,) = check(response, asked)
    return finding.level, finding.path, finding.verdict, finding.message


# --- plain answers ---


def test_a_plain_answer_has_no_findings() -> None:
    assert check(answer(plain())) == []


@pytest.mark.parametrize("file_format", OUTPUT_FORMATS)
def test_each_format_is_right(file_format: str) -> None:
    value = plain(output_format=file_format, data=[{"b64_json": payload(file_format)}])
    assert check(answer(value)) == []


def test_an_answer_of_dall_e_has_no_findings() -> None:
    body = (
        b'{\n  "created": 1686069563,\n  "data": [{"url": "https://example.com/a.png?sig=1", "revised_prompt": "x"}]}\n'
    )
    assert check(HTTPResponse(200, {"Content-Type": "application/json", "Content-Length": str(len(body))}, body)) == []


def test_the_levels_come_from_the_outside_in() -> None:
    value = plain(background=None, data=[{"b64_json": "data:image/jpeg;base64," + payload("jpeg")}])
    response = HTTPResponse(201, {"content-type": "text/plain"}, b" " + answers.pretty(value))
    found = [finding.level for finding in check(response)]
    assert found == ["http", "http", "json", "schema", "base64", "image"]


# --- status ---


@pytest.mark.parametrize("status", [-1, 0, 99, 100, 199, 301, 304, 399, 600, 10**30])
def test_a_status_that_is_no_answer_ends_the_judging(status: int) -> None:
    level, path, verdict, message = only(answer("?", status))
    assert (level, path, verdict) == ("http", "status", "invalid")
    assert message == f"status {status}; an answer has 200, an error 400 to 599"


@pytest.mark.parametrize("status", [201, 202, 299])
def test_another_success_is_unusual_and_judged(status: int) -> None:
    assert marks(answer(plain(created="now"), status)) == [
        ("http", "status", "unusual"),
        ("schema", "$.created", "invalid"),
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 599])
def test_an_error_answer_is_right(status: int) -> None:
    assert check(answer(error(), status)) == []


# --- what an error is sent as ---


def test_an_error_of_another_content_type_is_unusual() -> None:
    assert only(answer(error(), 400, {"content-type": "text/plain"})) == (
        "http",
        "headers.content-type",
        "unusual",
        "content-type is text/plain; expected application/json for this body",
    )


def test_a_gateway_page_is_invalid_at_http() -> None:
    page = b"<html>\r\n<head><title>504 Gateway Time-out</title></head>"
    level, path, verdict, message = only(HTTPResponse(504, {"content-type": "text/html"}, page))
    assert (level, path, verdict) == ("http", "body", "invalid")
    assert message == r"status 504 (text/html) with <html>\r\n<head><title>504 Gateway Time-ou…; expected JSON"


@pytest.mark.parametrize("headers", [JSON_TYPE, {}, STREAM_TYPE])
def test_an_error_without_a_body_is_invalid_at_http(headers: dict[str, str]) -> None:
    assert marks(HTTPResponse(503, headers, b"")) == [("http", "body", "invalid")]


def test_an_error_that_claims_to_be_json_is_judged_as_json() -> None:
    assert marks(HTTPResponse(502, JSON_TYPE, b"upstream failed")) == [("json", "$", "invalid")]


def test_a_blob_store_that_refuses_is_unusual() -> None:
    query = blob_store.signed_query(b"key", "/a.png", 1.0)
    expired = blob_store.blob(b"key", "/a.png", query, 1.0 + blob_store.LINK_SECONDS, b"")
    level, path, verdict, message = only(expired)
    assert (level, path, verdict) == ("http", "body", "unusual")
    assert message == "status 403 with the XML of a blob store (AuthenticationFailed)"


def test_the_lowest_status_of_an_error_is_400() -> None:
    assert marks(HTTPResponse(400, {"content-type": "application/xml"}, b"<Error/><Error>")) == [
        ("http", "body", "unusual")
    ]


def test_other_xml_is_no_error_answer() -> None:
    xml = {"content-type": "application/xml"}
    assert marks(HTTPResponse(403, xml, b"<Error>no</Error>")) == [("http", "body", "unusual")]
    assert marks(HTTPResponse(403, xml, b"<failed/>")) == [("http", "body", "invalid")]


# --- what an answer is sent as ---


@pytest.mark.parametrize(
    "content_type", ["Application/JSON", "application/json; charset=utf-8", "application/problem+json"]
)
def test_a_content_type_of_json_is_right(content_type: str) -> None:
    assert check(answer(plain(), headers={"content-type": content_type})) == []


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "text/event-stream", "image/png", ""])
def test_json_of_another_content_type_is_unusual(content_type: str) -> None:
    assert marks(answer(plain(), headers={"content-type": content_type})) == [
        ("http", "headers.content-type", "unusual")
    ]


def test_no_content_type_is_unusual() -> None:
    assert only(answer(plain(), headers={}))[3] == "content-type is missing; expected application/json for this body"


@pytest.mark.parametrize("body", [b"<!doctype html><p>Hello", b"null", b"1 fox", b"\xff\xd8", b"\0\0"])
@pytest.mark.parametrize("headers", [{}, {"content-type": "text/html"}])
def test_what_is_no_json_and_does_not_claim_to_be_is_invalid_at_http(body: bytes, headers: dict[str, str]) -> None:
    assert marks(HTTPResponse(200, headers, body)) == [("http", "body", "invalid")]


def test_a_page_that_claims_to_be_json_is_invalid_at_json() -> None:
    assert marks(HTTPResponse(200, JSON_TYPE, b"<!doctype html>")) == [("json", "$", "invalid")]


@pytest.mark.parametrize("headers", [{}, JSON_TYPE, {"content-type": "image/png"}])
def test_an_empty_200_is_invalid_at_http(headers: dict[str, str]) -> None:
    level, path, verdict, message = only(HTTPResponse(200, headers, b""))
    assert (level, path, verdict) == ("http", "body", "invalid")
    assert message == "status 200 with an empty body; expected JSON"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-32-be"])
def test_json_of_any_encoding_is_seen_behind_a_wrong_content_type(encoding: str) -> None:
    body = json.dumps(plain()).encode(encoding)
    found = marks(HTTPResponse(200, {}, body))
    assert found == [("http", "headers.content-type", "unusual"), ("json", "$", "tolerated")]


# --- pictures behind a url ---


@pytest.mark.parametrize("file_format", OUTPUT_FORMATS)
def test_a_picture_behind_a_url_is_right(file_format: str) -> None:
    told = {"content-type": "image/svg+xml" if file_format == "svg" else f"image/{file_format}"}
    assert check(HTTPResponse(200, told, make_picture(file_format, 8, 8))) == []


def test_a_picture_of_another_type_than_told_is_unusual() -> None:
    response = HTTPResponse(200, {"content-type": "image/png"}, make_picture("jpeg", 8, 8))
    assert only(response)[1:] == (
        "headers.content-type",
        "unusual",
        "content-type is image/png, and the body is image/jpeg",
    )


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/octet-stream"}])
def test_a_picture_that_is_not_said_to_be_one_is_unusual(headers: dict[str, str]) -> None:
    level, path, verdict, message = only(HTTPResponse(200, headers, make_picture("webp", 8, 8)))
    assert (level, path, verdict) == ("http", "headers.content-type", "unusual")
    assert message.endswith("expected an image type for this body")


@pytest.mark.parametrize("body", [b"no picture", make_picture("png", 64, 64)[:60]])
def test_what_only_claims_to_be_a_picture_is_invalid_at_image(body: bytes) -> None:
    assert {("image", "body", "invalid")} == set(marks(HTTPResponse(200, {"content-type": "image/png"}, body)))


def test_nobody_looks_for_a_picture_in_json_or_html() -> None:
    svg = make_picture("svg", 8, 8)
    assert marks(HTTPResponse(200, JSON_TYPE, svg)) == [("json", "$", "invalid")]
    assert marks(HTTPResponse(200, {"content-type": "text/html"}, svg)) == [("http", "body", "invalid")]


# --- Content-Length ---


def with_length(value: str, body: bytes = b"{}", **more: str) -> HTTPResponse:
    return HTTPResponse(200, {**JSON_TYPE, "Content-Length": value, **more}, body)


@pytest.mark.parametrize(("length", "what"), [("900", "truncated"), ("1", "too long")])
def test_a_body_of_another_length_is_invalid_at_http(length: str, what: str) -> None:
    assert only(with_length(length)) == (
        "http",
        "body",
        "invalid",
        f"the body is {what}: 2 bytes, where Content-Length says {length}",
    )


@pytest.mark.parametrize("length", ["two", "-2", "2.0", "+2", "9" * 5000, "2, 3", "²"])
def test_a_malformed_length_is_invalid_at_http(length: str) -> None:
    level, path, verdict, message = only(with_length(length))
    assert (level, path, verdict) == ("http", "headers.content-length", "invalid")
    assert len(message) < 200


def test_two_lengths_have_to_agree() -> None:
    pairs = [("content-type", "application/json"), ("content-length", "900"), ("Content-Length", "901")]
    assert marks(HTTPResponse(200, pairs, b"{}")) == [("http", "headers.content-length", "invalid")]
    assert ("http", "headers.content-length", "invalid") not in marks(with_length("2, 2"))


def test_a_transfer_encoding_overrides_a_length() -> None:
    overridden = with_length("900", answers.pretty(plain()), **{"transfer-encoding": "chunked"})
    assert marks(overridden) == [("http", "headers.content-length", "unusual")]


def test_a_length_beside_a_content_encoding_is_not_compared() -> None:
    encoded = with_length("900", answers.pretty(plain()), **{"content-encoding": "gzip"})
    assert marks(encoded) == [("http", "headers.content-encoding", "unusual")]
    assert check(with_length(" ", answers.pretty(plain()))) == []


# --- content-encoding ---


def encoded(body: bytes, *codings: str) -> HTTPResponse:
    return HTTPResponse(200, [*JSON_TYPE.items(), *(("Content-Encoding", coding) for coding in codings)], body)


def deflated(body: bytes, bits: int) -> bytes:
    packer = zlib.compressobj(wbits=bits)
    return packer.compress(body) + packer.flush()


BODY = answers.pretty(plain(created="now"))
UNUSUAL_ENCODING = ("http", "headers.content-encoding", "unusual")
JUDGED = ("schema", "$.created", "invalid")


@pytest.mark.parametrize(
    ("coding", "bits"), [("gzip", 31), ("X-GZip", 31), ("deflate", 15), ("deflate", -15), ("identity, gzip", 31)]
)
def test_a_body_that_is_still_encoded_is_judged_by_its_content(coding: str, bits: int) -> None:
    assert marks(encoded(deflated(BODY, bits), coding)) == [UNUSUAL_ENCODING, JUDGED]


def test_deflate_that_begins_like_zlib_and_is_not_is_inflated() -> None:
    length = len(BODY).to_bytes(2, "little")
    stored = b"\x08" + length + bytes(255 - each for each in length) + BODY + b"\x03\x00"  # RFC 1951, section 3.2.4
    assert int.from_bytes(stored[:2], "big") % 31
    assert marks(encoded(stored, "deflate")) == [UNUSUAL_ENCODING, JUDGED]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "rot13", "gzip, br"])
def test_a_header_beside_a_plain_body_is_unusual(coding: str) -> None:
    assert marks(encoded(BODY, coding)) == [UNUSUAL_ENCODING, JUDGED]


def test_identity_is_no_encoding() -> None:
    assert marks(encoded(BODY, "identity", "")) == [JUDGED]


def test_an_empty_body_is_not_encoded() -> None:
    assert marks(encoded(b"", "gzip")) == [UNUSUAL_ENCODING, ("http", "body", "invalid")]


def test_gzip_that_no_header_tells_of_is_invalid_at_http() -> None:
    assert only(encoded(gzip.compress(BODY)))[1:] == (
        "body",
        "invalid",
        "the body is gzip, and no content-encoding says so",
    )


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_an_encoding_that_is_unknown_here_ends_the_judging(coding: str) -> None:
    level, path, verdict, message = only(encoded(b"\x8b\x02\x80\x80", coding))
    assert (level, path, verdict) == UNUSUAL_ENCODING
    assert message == f"content-encoding says {coding}, which cannot be undone here: the body is not judged"


def test_two_encodings_end_the_judging() -> None:
    twice = gzip.compress(gzip.compress(BODY))
    assert marks(encoded(twice, "gzip", "gzip")) == [UNUSUAL_ENCODING]


CUT = "and the encoded body is cut off after {} bytes"
BROKEN = "and the body cannot be decoded: Error -3 while decompressing data: "


@pytest.mark.parametrize(
    ("coding", "body", "message"),
    [
        ("gzip", gzip.compress(BODY)[:-1], CUT.format(len(gzip.compress(BODY)) - 1)),
        ("gzip", gzip.compress(BODY)[:40], CUT.format(40)),
        ("gzip", b"\x1f\x8b\x08\x00", CUT.format(4)),
        ("gzip", gzip.compress(BODY)[:-8] + b"\0" * 8, BROKEN + "incorrect data check"),
        ("deflate", deflated(BODY, 15)[:30], CUT.format(30)),
        ("deflate", b"\xfffox", BROKEN + "invalid block type"),
    ],
    ids=["gzip-last-byte", "gzip-half", "gzip-head", "gzip-sum", "deflate-half", "deflate-junk"],
)
def test_a_broken_encoding_is_invalid_at_http(coding: str, body: bytes, message: str) -> None:
    assert marks(encoded(body, coding)) == [UNUSUAL_ENCODING, ("http", "body", "invalid")]
    assert check(encoded(body, coding))[1].message == f"content-encoding says {coding}, {message}"


def test_what_is_neither_gzip_nor_json_is_judged_as_it_is() -> None:
    assert marks(encoded(b"<html>", "gzip")) == [UNUSUAL_ENCODING, ("json", "$", "invalid")]


def test_what_follows_the_encoded_body_is_tolerated() -> None:
    assert marks(encoded(gzip.compress(BODY) * 2, "gzip")) == [UNUSUAL_ENCODING, ("http", "body", "tolerated"), JUDGED]


def test_a_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(b"[" + b" " * 40_000_000)
    start = time.process_time()
    _, finding = check(encoded(bomb, "gzip"))
    assert time.process_time() - start < 2
    assert (finding.level, finding.path, finding.verdict) == ("http", "body", "unusual")
    assert finding.message == "the body inflates to more than 16777216 bytes: it is not judged"


def test_a_large_answer_is_inflated_as_far_as_its_size_allows() -> None:
    noise = random.Random(0).randbytes(400_000)
    large = gzip.compress(b" " * 17_000_000 + noise)
    assert marks(encoded(large, "gzip")) == [UNUSUAL_ENCODING, ("json", "$", "invalid")]
    assert level_http.INFLATED_LIMIT >= 10 * 4 / 3 * 8_294_400


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "check() expected an HTTPResponse as response; got None"),
        ((b"{}",), "check() expected an HTTPResponse as response; got b'{}'"),
        ((HTTPResponse(200, {}, b""), {}), "check() expected an HTTPRequest or None as request; got {}"),
    ],
)
def test_what_is_no_response_is_refused_by_name(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(*arguments)
    assert str(caught.value) == message
