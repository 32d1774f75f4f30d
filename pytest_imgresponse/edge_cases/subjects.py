"""To what a response an edge case applies: predicates, whose docstrings complete "it applies to …"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pybase64

from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import suffix_of
from pytest_imgresponse.sse import events_of

_RASTER = (".png", ".jpg", ".webp", ".gif")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is in a response, looked up once for all predicates."""

    json: dict[str, Any] | None
    """The object that is its body, where its status is 200 and it has none but a JSON body."""
    events: tuple[dict[str, Any], ...]
    """The objects of its events, where it is a stream."""

    def images(self) -> Iterator[dict[str, Any]]:
        """The objects that may hold a payload: the items of `data`, the image events."""
        data = (self.json or {}).get("data")
        yield from (item for item in (data if isinstance(data, list) else ()) if isinstance(item, dict))
        yield from self.events

    def payloads(self) -> list[str]:
        """Its payloads: the texts called `b64_json` that are not empty."""
        texts = (image.get("b64_json") for image in self.images())
        return [text for text in texts if isinstance(text, str) and text]

    def pictures(self) -> list[bytes]:
        """The raster pictures behind payloads that are plain base64."""
        return [data for text in self.payloads() if suffix_of(data := _decoded(text)) in _RASTER]


@lru_cache(maxsize=4)
def subject_of(response: HTTPResponse) -> Subject:
    """What is in a response. Nobody may change what it holds."""
    if response.content_type == "text/event-stream":
        found = (_object(event.data) for event in events_of(response.body))
        return Subject(None, tuple(each for each in found if each is not None))
    return Subject(_object(response.body) if response.status == 200 else None, ())


def _object(text: str | bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _decoded(text: str) -> bytes:
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        return b""


def any_response(response: HTTPResponse) -> bool:
    """Any response."""
    return True


def json_answer(response: HTTPResponse) -> bool:
    """A 200 answer whose body is a JSON object with `data`."""
    return "data" in (subject_of(response).json or {})


def stream(response: HTTPResponse) -> bool:
    """A stream of image events."""
    return any("type" in event for event in subject_of(response).events)


def payload(response: HTTPResponse) -> bool:
    """A response with a payload, in JSON or in a stream."""
    return bool(subject_of(response).payloads())


def picture(response: HTTPResponse) -> bool:
    """A response with a raster picture in plain base64."""
    return bool(subject_of(response).pictures())


def two_pictures(response: HTTPResponse) -> bool:
    """A 200 answer with two raster pictures or more."""
    return json_answer(response) and len(subject_of(response).pictures()) > 1


def url_answer(response: HTTPResponse) -> bool:
    """A 200 answer whose images have a url."""
    return any(isinstance(image.get("url"), str) for image in subject_of(response).images())


def with_image(response: HTTPResponse) -> bool:
    """A 200 answer with an image."""
    return json_answer(response) and any(True for _ in subject_of(response).images())


def with_usage(response: HTTPResponse) -> bool:
    """A 200 answer with a usage in it."""
    return isinstance((subject_of(response).json or {}).get("usage"), dict)


def error_answer(response: HTTPResponse) -> bool:
    """An answer of status 400 or more whose body is JSON with an `error` object."""
    return response.status >= 400 and isinstance((_object(response.body) or {}).get("error"), dict)
