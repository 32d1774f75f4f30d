"""Mutators: how a case changes the headers, the body, the JSON, the events, the payloads or the pictures of a response.

Each function gives a new response and leaves the one given as it is. What it does not change stays byte for byte, but
for JSON, which is written anew as the API writes it. `map_pictures` and `redraw_pictures` keep what the response
declares of its pictures true (`output_format`, `background`); `swap_pictures` and `draw_instead` leave it as it is, for
cases in which it is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pybase64

from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.base64_text import strictly
from pytest_imgresponse.edge_cases.predicates import object_of, outline_of, size_of
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import FORMATS, OutputFormat, suffix_of
from pytest_imgresponse.images.make import make_picture


def with_header(response: HTTPResponse, name: str, value: str | None) -> HTTPResponse:
    """With one header of this name and value in the place of those there were; without any for None."""
    # In the place of the first, since a header that moved would be one more thing that the case changed.
    place = next((n for n, (key, _) in enumerate(response.headers) if key.lower() == name), len(response.headers))
    headers = [pair for pair in response.headers if pair[0].lower() != name]
    if value is not None:
        headers.insert(place, (name, value))
    return replace(response, headers=tuple(headers))


def with_body(response: HTTPResponse, body: bytes) -> HTTPResponse:
    """With another body, and with a Content-Length that is right where there was one."""
    changed = replace(response, body=body)
    if changed.header("content-length") is None:
        return changed
    return with_header(changed, "content-length", str(len(body)))


def mutate_json(response: HTTPResponse, change: Callable[[dict[str, Any]], object]) -> HTTPResponse:
    """With its JSON object changed: in place, or into what `change` returns where that is not None."""
    value = response.json()
    changed = change(value)
    # A newline at the end stays: it is what one of the cases adds.
    end = b"\n" if response.body.endswith(b"\n") else b""
    return with_body(response, pretty(value if changed is None else changed) + end)


def mutate_events(response: HTTPResponse, change: Callable[[dict[str, Any]], None]) -> HTTPResponse:
    """With the JSON object of each event changed in place; comments and line ends stay."""
    lines = response.body.splitlines(keepends=True)
    for number, line in enumerate(lines):
        text = line.rstrip(b"\r\n")
        if text.startswith(b"data:") and (value := object_of(text[5:])) is not None:
            change(value)
            lines[number] = b"data: " + json.dumps(value, separators=(",", ":")).encode() + line[len(text) :]
    return with_body(response, b"".join(lines))


def mutate_images(response: HTTPResponse, change: Callable[[dict[str, Any]], None]) -> HTTPResponse:
    """With each object that may hold a payload changed in place: the items of `data`, the image events."""

    def mutate_items(value: dict[str, Any]) -> None:
        for item in value.get("data") or ():
            if isinstance(item, dict):
                change(item)

    if response.is_stream:
        return mutate_events(response, change)
    return mutate_json(response, mutate_items)


def map_payloads(response: HTTPResponse, change: Callable[[str], str]) -> HTTPResponse:
    """With each payload changed, in JSON and in streams."""

    def mutate(image: dict[str, Any]) -> None:
        if isinstance(text := image.get("b64_json"), str) and text:
            image["b64_json"] = change(text)

    return mutate_images(response, mutate)


def map_pictures(response: HTTPResponse, change: Callable[[bytes], bytes]) -> HTTPResponse:
    """With each picture in plain base64 changed; `output_format`, where declared, is that of the first new one."""
    new_formats: list[str] = []

    def change_and_note(data: bytes) -> bytes:
        changed = change(data)
        new_formats.append(FORMATS.get(suffix_of(changed) or "", ""))
        return changed

    changed = swap_pictures(response, change_and_note)
    return tell(changed, "output_format", new_formats[0]) if any(new_formats[:1]) else changed


def with_fields(response: HTTPResponse, **fields: object) -> HTTPResponse:
    """With these fields of its JSON object set; new ones come last."""
    return mutate_json(response, lambda answer: answer.update(fields))


def without_fields(response: HTTPResponse, *names: str) -> HTTPResponse:
    """Without these fields of its JSON object."""
    return mutate_json(response, lambda answer: {name: answer[name] for name in answer if name not in names})


def with_image_fields(response: HTTPResponse, **fields: object) -> HTTPResponse:
    """With these fields of each item of `data` set; new ones come last."""
    return mutate_images(response, lambda image: image.update(fields))


def redrawn(data: bytes, *, file_format: OutputFormat | None = None, size: tuple[int, int] | None = None) -> bytes:
    """A plain picture in the place of this one, with its format, pixel size and alpha where none are given."""
    outline = outline_of(data)
    if outline is None:
        return data
    width, height = size or outline.size
    return make_picture(file_format or outline.file_format, width, height, transparent=outline.alpha)


def tell(response: HTTPResponse, name: str, value: str) -> HTTPResponse:
    """With this value in each field of this name that is a text: in its JSON object, or in its events."""

    def change(each: dict[str, Any]) -> None:
        if isinstance(each.get(name), str):
            each[name] = value

    if response.is_stream:
        return mutate_events(response, change)
    return mutate_json(response, change)


Draw = Callable[[int, int], bytes]
"""Makes a picture, or what is to stand in its place, of a width and a height in pixels."""


def redraw_pictures(response: HTTPResponse, draw: Draw, *, clear: bool = False) -> HTTPResponse:
    """With each raster picture drawn anew at its own pixel size; `clear` where the new ones have transparent parts.

    `output_format` and `background` are those of the new pictures, where they are declared.
    """
    drawn = map_pictures(response, _drawing(draw))
    return tell(drawn, "background", "transparent" if clear else "opaque")


def swap_pictures(response: HTTPResponse, change: Callable[[bytes], bytes]) -> HTTPResponse:
    """With each picture in plain base64 changed, and what the response declares of it left as it is."""

    def swap(text: str) -> str:
        data = strictly(text)
        return text if data is None else pybase64.b64encode(change(data)).decode()

    return map_payloads(response, swap)


def draw_instead(response: HTTPResponse, draw: Draw) -> HTTPResponse:
    """With something drawn in the place of each raster picture, and what the response declares of it left as it is."""
    return swap_pictures(response, _drawing(draw))


def _drawing(draw: Draw) -> Callable[[bytes], bytes]:
    """What changes a raster picture to a drawing of its size; any other stays as it is."""
    return lambda data: data if (size := size_of(data)) is None else draw(*size)
