"""vcrpy's cassettes of every age: YAML and JSON, of pydantic-ai's and langchain's serializers, and of vcrpy 0.x."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_imgresponse.importing.exchange import (
    Exchange,
    body_of,
    each,
    exchange,
    from_base64,
    json_bytes,
    mapping,
    pairs,
    text,
    typed,
)
from pytest_imgresponse.importing.reading import Notes
from pytest_imgresponse.importing.source import Source

NAME = "vcrpy"
_PARSED = "parsed_body"
_PORTS = {"https": "443", "http": "80"}


def recognises(tree: Any) -> bool:
    """Whether it has `interactions`, or langchain's `requests` and `responses`, or is vcrpy 0.x's list of them."""
    if isinstance(tree, list):
        request = tree[0].get("request") if tree and isinstance(tree[0], dict) else None
        return isinstance(request, dict) and "protocol" in request and "host" in request
    if not isinstance(tree, dict):
        return False
    return "interactions" in tree or ("requests" in tree and "responses" in tree)


def read(source: Source, notes: Notes) -> Iterator[Exchange]:
    """Its exchanges, in the order of recording."""
    for number, item in each(_items(source.tree)):
        with notes.interaction(number):
            request, response = mapping(item["request"]), mapping(item["response"])
            headers = pairs(response.get("headers"))
            if "status_code" in response:  # httpx's answers, before vcrpy 8.2
                status, reason, body = response["status_code"], None, response.get("content")
            else:
                told = mapping(response["status"])
                status, reason, body = told["code"], told.get("message"), response.get("body")
            yield exchange(
                (request["method"], request["uri"], pairs(request.get("headers")), _body(request, notes)),
                (status, reason, headers, _body({**response, "body": body}, notes)),
            )


def _items(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_of_0_x(item) for _, item in each(tree)]
    if "interactions" not in tree:
        requests, responses = tree["requests"], tree["responses"]
        if not isinstance(requests, list) or not isinstance(responses, list) or len(requests) != len(responses):
            raise ValueError("its `requests` and `responses` are no lists of one length")
        return [{"request": asked, "response": answer} for asked, answer in zip(requests, responses, strict=True)]
    if "version" not in tree:
        raise ValueError("it was cut off: expected a last line `version: 1`")
    return tree["interactions"]


def _body(message: Mapping[str, Any], notes: Notes) -> bytes:
    """The bytes of a text, of the chunks of an iterator, or of JSON that a serializer has parsed."""
    if other := [name for name in message if "body" in name and name not in ("body", _PARSED)]:
        raise ValueError(f"it has {other[0]!r} in the place of `body`: another serializer wrote it")
    body = message.get("body")
    if isinstance(body, dict) and "base64_string" in body:
        return from_base64(body["base64_string"])
    if isinstance(body, dict) and ("string" in body or not body):  # that of an answer, one level deeper
        body = body.get("string")
    parsed = message.get(_PARSED) if body is None else body if isinstance(body, dict) else None
    if parsed is not None:
        notes.by_value += 1
        return json_bytes(typed(parsed, yaml_1_1=True))
    return b"".join(map(body_of, body)) if isinstance(body, list) else body_of(body)


def _of_0_x(item: Mapping[str, Any]) -> dict[str, Any]:
    """An interaction as vcrpy 1 has it (its `vcr.migration`)."""
    asked, answer = mapping(item["request"]), dict(mapping(item["response"]))
    scheme, port = text(asked["protocol"]), str(asked.get("port") or "")
    host = text(asked["host"]) + (f":{port}" if port not in ("", _PORTS.get(scheme)) else "")
    headers = asked.get("headers")
    if isinstance(headers, list):  # a frozenset of pairs
        found = headers[0] if len(headers) == 1 and isinstance(headers[0], list) else headers
        headers = {text(name): value for name, value in found}
    if isinstance(answer.get("headers"), list):
        lines = [re.split(r":\s*", text(line).strip(), maxsplit=1) for line in answer["headers"]]
        answer["headers"] = {}
        for name, value in lines:
            answer["headers"].setdefault(name, []).append(value)
    request = {"method": asked["method"], "uri": f"{scheme}://{host}{text(asked['path'])}", "headers": headers}
    return {"request": {**request, "body": asked.get("body")}, "response": answer}
