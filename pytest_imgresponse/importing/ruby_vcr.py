"""Ruby VCR's YAML and JSON (`http_interactions`), and betamax's, which are of the same form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_imgresponse.importing.exchange import (
    Exchange,
    body_of,
    each,
    encoded,
    exchange,
    from_base64,
    mapping,
    pairs,
    text,
)
from pytest_imgresponse.importing.reading import Notes
from pytest_imgresponse.importing.source import Source

NAME = "Ruby VCR"
_BINARY = ("ascii-8bit", "binary")


def recognises(tree: Any) -> bool:
    """Whether it has `http_interactions`."""
    return isinstance(tree, dict) and "http_interactions" in tree


def read(source: Source, notes: Notes) -> Iterator[Exchange]:
    """Its exchanges, in the order of the file."""
    if "recorded_with" not in source.tree:
        raise ValueError("it was cut off: expected a last line `recorded_with`")
    for number, item in each(source.tree["http_interactions"] or []):
        with notes.interaction(number):
            request, response = mapping(item["request"]), mapping(item["response"])
            status = mapping(response["status"])
            yield exchange(
                (request["method"], request["uri"], pairs(request.get("headers")), _body(request.get("body"))),
                (status["code"], status.get("message"), pairs(response.get("headers")), _body(response.get("body"))),
            )


def _body(body: Any) -> bytes:
    """The bytes: Ruby gives a text the encoding that stands beside it."""
    if not isinstance(body, dict):
        return body_of(body)
    if body.get("base64_string") is not None:
        return from_base64(body["base64_string"])
    string, encoding = body.get("string"), text(body.get("encoding") or "")
    if isinstance(string, str) and encoding.lower() not in _BINARY:
        return encoded(string, encoding)
    return body_of(string)
