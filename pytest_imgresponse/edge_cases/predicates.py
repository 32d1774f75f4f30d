"""Predicates: to which responses an edge case applies. The docstring of each completes "it applies to …".

They ask the same few things of a response again and again, for each of some 300 cases: `content_of` and `outline_of`
look a response and a picture up.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any

from PIL import Image

from pytest_imgresponse.api.families import MOST_PIXELS
from pytest_imgresponse.api.sse import events_of
from pytest_imgresponse.base64_text import strictly
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import FORMATS, OutputFormat, suffix_of

RASTERS: dict[str | None, OutputFormat] = {suffix: name for suffix, name in FORMATS.items() if name != "svg"}


@dataclass(frozen=True, slots=True)
class Content:
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
        return [data for text in self.payloads() if suffix_of(data := decoded(text)) in RASTERS]


@lru_cache(maxsize=4)
def content_of(response: HTTPResponse) -> Content:
    """What is in a response. It is cached, so nobody may change what it holds."""
    if response.is_stream:
        found = (object_of(event.data) for event in events_of(response.body))
        return Content(None, tuple(each for each in found if each is not None))
    return Content(object_of(response.body) if response.status == 200 else None, ())


DEEPEST = 100
"""Levels of nesting up to which JSON is mutated: deeper, what can be read may be too deep to be written.

Half of what the models read (`_model.DEEPEST`): a case may wrap what is there.
"""


def object_of(text: str | bytes) -> dict[str, Any] | None:
    """The JSON object that a text is; None where it is none, or nested deeper than `DEEPEST`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and _is_shallow(value) else None


def _is_shallow(value: dict[str, Any]) -> bool:
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        inner = (item for each in level for item in (each.values() if isinstance(each, dict) else each))
        if not (level := [item for item in inner if isinstance(item, dict | list)]):
            return True
    return False


def decoded(payload: object) -> bytes:
    """The bytes behind a payload in plain base64; none behind anything else."""
    return (strictly(payload) or b"") if isinstance(payload, str) else b""


DECLARED = ("background", "output_format", "quality", "size", "usage")
"""What a GPT image model declares of its pictures, in JSON beside `created` and `data`."""


def any_response(response: HTTPResponse) -> bool:
    """Any response."""
    return True


def json_answer(response: HTTPResponse) -> bool:
    """A 200 answer whose body is a JSON object with `data`."""
    return "data" in (content_of(response).json or {})


def stream(response: HTTPResponse) -> bool:
    """A stream of image events."""
    return any("type" in event for event in content_of(response).events)


def payload(response: HTTPResponse) -> bool:
    """A response with a payload, in JSON or in a stream."""
    return bool(content_of(response).payloads())


def picture(response: HTTPResponse) -> bool:
    """A response with a raster picture in plain base64."""
    return bool(content_of(response).pictures())


def two_pictures(response: HTTPResponse) -> bool:
    """A 200 answer with two raster pictures or more."""
    return json_answer(response) and len(content_of(response).pictures()) > 1


def url_answer(response: HTTPResponse) -> bool:
    """A 200 answer whose images have a url."""
    return any(isinstance(image.get("url"), str) for image in content_of(response).images())


def with_image(response: HTTPResponse) -> bool:
    """A 200 answer with an image."""
    return json_answer(response) and any(True for _ in content_of(response).images())


def with_usage(response: HTTPResponse) -> bool:
    """A 200 answer with a usage in it."""
    return isinstance((content_of(response).json or {}).get("usage"), dict)


def error_answer(response: HTTPResponse) -> bool:
    """An answer of status 400 or more whose body is JSON with an `error` object."""
    return response.status >= 400 and isinstance((object_of(response.body) or {}).get("error"), dict)


def success(response: HTTPResponse) -> bool:
    """A response of status 200."""
    return response.status == 200


def json_object(response: HTTPResponse) -> bool:
    """A 200 answer whose body is a JSON object."""
    return content_of(response).json is not None


def json_payload(response: HTTPResponse) -> bool:
    """A 200 answer with a payload."""
    return json_answer(response) and payload(response)


@dataclass(frozen=True, slots=True)
class Outline:
    """What the header of a raster picture says: format, width and height in pixels, and whether it has alpha."""

    file_format: OutputFormat
    size: tuple[int, int]
    alpha: bool


LONGEST = 16_383
"""Pixels of the longest side that every raster format can have: that of a lossy WebP (RFC 6386, section 9.1)."""


def outline_of(data: bytes) -> Outline | None:
    """The outline of a raster picture that every format can draw anew; None for any other, and for no header."""
    file_format = RASTERS.get(suffix_of(data))
    if file_format is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(BytesIO(data), formats=[file_format])
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
            return None
    if image.width * image.height > MOST_PIXELS or max(image.size) > LONGEST:
        return None
    return Outline(file_format, image.size, image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info)


def legible(response: HTTPResponse) -> bool:
    """A 200 answer with raster pictures whose headers can be read."""
    outlines = map(outline_of, content_of(response).pictures())
    return json_answer(response) and picture(response) and all(each is not None for each in outlines)


def opaque(response: HTTPResponse) -> bool:
    """A 200 answer with raster pictures without alpha, whose headers can be read."""
    outlines = map(outline_of, content_of(response).pictures())
    return legible(response) and all(each is not None and not each.alpha for each in outlines)


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels of a raster picture that every format can draw anew; None for any other."""
    outline = outline_of(data)
    return None if outline is None else outline.size


def sized_picture(response: HTTPResponse) -> bool:
    """A response with a raster picture whose header can be read."""
    return any(size_of(data) for data in content_of(response).pictures())


def sized_picture_in_json(response: HTTPResponse) -> bool:
    """A 200 answer with a raster picture whose header can be read."""
    return json_answer(response) and sized_picture(response)


def oblong_picture(response: HTTPResponse) -> bool:
    """A response with a raster picture that is no square."""
    return any(size is not None and size[0] != size[1] for size in map(size_of, content_of(response).pictures()))


def declares_size(response: HTTPResponse) -> bool:
    """A response that declares `size`, with a raster picture whose header can be read."""
    return sized_picture(response) and _declares(response, "size")


def declares_format(response: HTTPResponse) -> bool:
    """A response that declares `output_format`, with a raster picture whose header can be read."""
    return sized_picture(response) and _declares(response, "output_format")


def declares_background(response: HTTPResponse) -> bool:
    """A response that declares `background`, with a raster picture whose header can be read."""
    return sized_picture(response) and _declares(response, "background")


def _declares(response: HTTPResponse, name: str) -> bool:
    content = content_of(response)
    return any(isinstance(each.get(name), str) for each in (content.json or {}, *content.events))
