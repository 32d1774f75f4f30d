"""cassetter's YAML: structured bodies (`type`, `content`), the status a number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_imgresponse.importing.exchange import (
    Exchange,
    each,
    encoded,
    exchange,
    json_bytes,
    mapping,
    pairs,
    text,
    typed,
)
from pytest_imgresponse.importing.reading import Notes
from pytest_imgresponse.importing.source import Source

NAME = "cassetter"


def recognises(tree: Any) -> bool:
    """Whether the answer of its first interaction has a number as status and a body with a type."""
    items = tree.get("interactions") if isinstance(tree, dict) else None
    if not isinstance(items, list) or not items or not isinstance(items[0], dict):
        return False
    response = items[0].get("response")
    if not isinstance(response, dict):
        return False
    body = response.get("body")
    return isinstance(response.get("status"), str) and isinstance(body, dict) and "type" in body


def read(source: Source, notes: Notes) -> Iterator[Exchange]:
    """Its exchanges, in the order of the file, which cassetter sorts by URL."""
    for number, item in each(source.tree["interactions"]):
        with notes.interaction(number):
            if "recorded_at" not in item:
                raise ValueError("it was cut off: expected `recorded_at` at its end")
            request, response = mapping(item["request"]), mapping(item["response"])
            yield exchange(
                (request["method"], request["uri"], pairs(request.get("headers")), _body(request, notes)),
                (response["status"], "", pairs(response.get("headers")), _body(response, notes)),
            )
    if source.tree.get("grpc_interactions") or source.tree.get("ws_interactions"):
        notes.add("gRPC and WebSocket messages were left out")
        notes.is_partial = True


def _body(message: Any, notes: Notes) -> bytes:
    body = message.get("body")
    if body is None:
        return b""
    kind, content = mapping(body).get("type"), body.get("content")
    if kind == "none":
        return b""
    if kind == "json":
        notes.by_value += 1
        return json_bytes(typed(content))
    if kind == "text":
        return encoded(text(content or ""))
    if kind == "binary":
        return bytes.fromhex("".join(text(content or "").split()))
    raise ValueError(f"its body is of the type {str(kind)[:40]!r}; expected json, text, binary or none")
