"""go-vcr's YAML (v1 to v4): `url` and `code`, bodies as texts, or `!!binary` where they are no UTF-8."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from pytest_imgresponse.importing.exchange import Exchange, body_of, each, exchange, header_of, mapping, pairs, text
from pytest_imgresponse.importing.reading import Notes
from pytest_imgresponse.importing.source import Source

NAME = "go-vcr"


def recognises(tree: Any) -> bool:
    """Whether its first request has a `url`, where vcrpy has a `uri`."""
    items = tree.get("interactions") if isinstance(tree, dict) else None
    if not isinstance(items, list) or not items or not isinstance(items[0], dict):
        return False
    request = items[0].get("request")
    return isinstance(request, dict) and "uri" not in request and ("url" in request or "request_uri" in request)


def read(source: Source, notes: Notes) -> Iterator[Exchange]:
    """Its exchanges, in the order of the file."""
    for number, item in each(source.tree["interactions"]):
        with notes.interaction(number):
            request, response = mapping(item["request"]), mapping(item["response"])
            headers = pairs(request.get("headers"))
            reason = text(response.get("status") or "").removeprefix(text(response["code"])).strip()
            yield exchange(
                (request.get("method") or "GET", _url(request), headers, _asked(request, headers)),
                (response["code"], reason, pairs(response.get("headers")), body_of(response.get("body"))),
            )


def _url(request: Mapping[str, Any]) -> str:
    """The URL; what a server recorded has its host apart."""
    url, host = text(request.get("url") or request.get("request_uri") or ""), text(request.get("host") or "")
    return f"http://{host}{url}" if url.startswith("/") and host else url


def _asked(request: Mapping[str, Any], headers: list[tuple[str, str]]) -> bytes:
    """The body of a request; a form that Go had parsed before the recorder saw it stands under `form` alone."""
    body, form = body_of(request.get("body")), request.get("form")
    if body or not form or "form-urlencoded" not in header_of(headers, "content-type").lower():
        return body
    return urlencode([(name, text(value)) for name, values in mapping(form).items() for value in values or ()]).encode()
