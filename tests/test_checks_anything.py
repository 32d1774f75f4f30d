"""The judge before anything at all: it never raises, and says only what its words allow."""

from __future__ import annotations

import gzip
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_imgresponse.checks import LEVELS, VERDICTS, check
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from tests.test_checks import JSON_TYPE, answer, error, payload, plain, request, stream
from tests.test_checks_stream import completed, partial


def holds(response: HTTPResponse, asked: HTTPRequest | None = None) -> None:
    """What is true of the findings on any response."""
    for finding in check(response, asked):
        assert finding.level in LEVELS
        assert finding.verdict in VERDICTS
        assert finding.verdict != "valid"
        assert finding.path.startswith(("$", "headers.", "status", "body"))
        assert finding.message.isprintable()
        assert len(finding.message) < 400


texts = st.text(st.characters(), max_size=30)
NAMES = [
    "created",
    "data",
    "b64_json",
    "url",
    "revised_prompt",
    "usage",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "input_tokens_details",
    "text_tokens",
    "image_tokens",
    "svg_usage",
    "size",
    "quality",
    "background",
    "error",
    "output_format",
    "message",
    "type",
    "code",
    "model",
    "n",
    "stream",
    "prompt",
    "partial_image_index",
    "images",
]
names = st.sampled_from(NAMES)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from([payload(), payload("webp"), "data:,QUJD", "auto", "1x1", 10**400, -0.0]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | texts, inner, max_size=5),
    max_leaves=12,
)
statuses = st.sampled_from([200, 200, 200, 400, 500]) | st.integers()
media_types = st.sampled_from(
    [
        "application/json",
        "text/event-stream",
        "image/png",
        "text/html",
        "application/xml",
        "multipart/form-data; boundary=x",
    ]
)
headers = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "Content-Length", "content-encoding", "transfer-encoding", "openai-model"])
        | texts,
        media_types | st.sampled_from(["gzip", "deflate", "br", "0", "40", "chunked"]) | texts,
    ),
    max_size=5,
)


@given(statuses, headers, st.binary(max_size=200))
def test_any_bytes_are_judged(status: int, pairs: list[tuple[str, str]], body: bytes) -> None:
    holds(HTTPResponse(status, pairs, body))


@given(headers, st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_of_a_request_are_borne(pairs: list[tuple[str, str]], asked: bytes, body: bytes) -> None:
    holds(HTTPResponse(200, JSON_TYPE, body), HTTPRequest("POST", "https://example.com/", pairs, asked))


@given(st.sampled_from([200, 400]), headers, values, values)
@example(200, [], {"data": {"error": float("nan")}}, {"prompt": "\ud800"})
def test_any_json_is_judged(status: int, pairs: list[tuple[str, str]], value: Any, asked: Any) -> None:
    asks = HTTPRequest("POST", "https://example.com/", JSON_TYPE, json.dumps(asked).encode())
    holds(HTTPResponse(status, [*JSON_TYPE.items(), *pairs], json.dumps(value).encode()), asks)


@given(st.dictionaries(names, values, max_size=6), st.dictionaries(names, values, max_size=4))
def test_any_fields_in_the_place_of_plain_ones_are_judged(top: dict[str, Any], image: dict[str, Any]) -> None:
    holds(answer(plain(**{"data": [{**plain()["data"][0], **image}], **top})), request(size="8x8", n=2, model="x"))
    holds(answer({"error": {**error()["error"], **top}}, 400))


@given(st.lists(st.tuples(st.sampled_from(["image_generation.completed", "error", ""]) | texts, values), max_size=5))
def test_any_events_are_judged(events: list[tuple[str, Any]]) -> None:
    holds(
        stream(*(f"event: {name}\ndata: {json.dumps(value)}\n\n".encode("utf-8", "replace") for name, value in events))
    )


PLAIN = [
    answer(plain()),
    answer(error(), 400),
    stream(partial(), completed()),
    HTTPResponse(200, {**JSON_TYPE, "content-encoding": "gzip"}, gzip.compress(answer(plain()).body)),
    HTTPResponse(200, {**JSON_TYPE, "content-length": str(len(answer(plain()).body))}, answer(plain()).body),
]


@settings(max_examples=300)
@given(st.sampled_from(PLAIN), st.data())
def test_any_damage_to_a_plain_answer_is_judged(response: HTTPResponse, data: st.DataObject) -> None:
    body = bytearray(response.body)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body)))
        length = data.draw(st.integers(0, 40))
        body[place : place + length] = data.draw(
            st.binary(max_size=8) | st.sampled_from([b'"', b"{", b"\n\n", b"null"])
        )
    holds(HTTPResponse(response.status, response.headers, bytes(body)))
