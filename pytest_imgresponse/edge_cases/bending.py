"""How a case changes a response: its headers, its body, its JSON, its events, its payloads, its pictures.

Each function gives a new response and leaves the one given as it is. What it does not change stays byte for
byte, but for JSON, which is written anew as the API writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pybase64

from pytest_imgresponse.answers import pretty
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import suffix_of

_FORMATS = {".png": "png", ".jpg": "jpeg", ".webp": "webp", ".gif": "gif", ".svg": "svg"}


def with_header(response: HTTPResponse, name: str, value: str | None) -> HTTPResponse:
    """With one header of this name and value in the place of those there were; without any for None."""
    place = next((n for n, (key, _) in enumerate(response.headers) if key.lower() == name), len(response.headers))
    headers = [pair for pair in response.headers if pair[0].lower() != name]
    if value is not None:
        headers.insert(place, (name, value))
    return HTTPResponse(response.status, headers, response.body, reason=response.reason)


def with_body(response: HTTPResponse, body: bytes) -> HTTPResponse:
    """With another body. A Content-Length there was tells its length."""
    changed = HTTPResponse(response.status, response.headers, body, reason=response.reason)
    return (
        changed if changed.header("content-length") is None else with_header(changed, "content-length", str(len(body)))
    )


def bend_json(response: HTTPResponse, change: Callable[[dict[str, Any]], object]) -> HTTPResponse:
    """With its JSON object changed: in place, or into what `change` returns where that is not None."""
    value = response.json()
    changed = change(value)
    end = b"\n" if response.body.endswith(b"\n") else b""
    return with_body(response, pretty(value if changed is None else changed) + end)


def bend_events(response: HTTPResponse, change: Callable[[dict[str, Any]], None]) -> HTTPResponse:
    """With the JSON object of each event changed in place; comments and line ends stay."""
    lines = response.body.splitlines(keepends=True)
    for number, line in enumerate(lines):
        text = line.rstrip(b"\r\n")
        if text.startswith(b"data:") and isinstance(value := _loaded(text[5:]), dict):
            change(value)
            lines[number] = b"data: " + json.dumps(value, separators=(",", ":")).encode() + line[len(text) :]
    return with_body(response, b"".join(lines))


def _loaded(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None


def bend_images(response: HTTPResponse, change: Callable[[dict[str, Any]], None]) -> HTTPResponse:
    """With each object that may hold a payload changed in place: the items of `data`, the image events."""

    def bend_items(value: dict[str, Any]) -> None:
        for item in value.get("data") or ():
            if isinstance(item, dict):
                change(item)

    if response.content_type == "text/event-stream":
        return bend_events(response, change)
    return bend_json(response, bend_items)


def map_payloads(response: HTTPResponse, change: Callable[[str], str]) -> HTTPResponse:
    """With each payload changed, in JSON and in streams."""

    def bend(image: dict[str, Any]) -> None:
        if isinstance(text := image.get("b64_json"), str) and text:
            image["b64_json"] = change(text)

    return bend_images(response, bend)


def map_pictures(response: HTTPResponse, change: Callable[[bytes], bytes]) -> HTTPResponse:
    """With each picture in plain base64 changed, and with `output_format`, where it is told, after the new ones."""
    new_formats: list[str] = []

    def bend(text: str) -> str:
        try:
            data = change(pybase64.b64decode(text, validate=True))
        except ValueError:
            return text
        new_formats.append(_FORMATS.get(suffix_of(data) or "", ""))
        return pybase64.b64encode(data).decode()

    return _told(map_payloads(response, bend), "".join(new_formats[:1]))


def _told(response: HTTPResponse, output_format: str) -> HTTPResponse:
    def tell(value: dict[str, Any]) -> None:
        if output_format and isinstance(value.get("output_format"), str):
            value["output_format"] = output_format

    if response.content_type == "text/event-stream":
        return bend_events(response, tell)
    return bend_json(response, tell)
