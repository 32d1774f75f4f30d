"""The payloads of a response: through the level `base64` to the level `image`."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

from pytest_imgresponse.checks import base64
from pytest_imgresponse.checks.asked import Asked
from pytest_imgresponse.checks.finding import Finding
from pytest_imgresponse.checks.image import image_findings
from pytest_imgresponse.checks.schema import images_of
from pytest_imgresponse.images import PIXEL_LIMIT_WORDS
from pytest_imgresponse.images.judge import Judgement, judged

PIXEL_BUDGET = 128_000_000
"""Pixels of one response that are decoded at the most, and up to a picture more: ten of the API's largest are
82,944,000. Small files can hold many pixels, and time goes by those."""

MOST_PICTURES = 64
"""Pictures of one response that are decoded at the most: ten, and three partial ones of each, are 40."""


class Pictures:
    """Judges the pictures of one response, by what it says of them and by what the request asked for."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._count = 0
        self._pixels = 0
        self._first_size: tuple[int, int] | None = None

    def of_answer(self, value: Mapping[str, Any]) -> Iterator[Finding]:
        """Judge the pictures of a JSON answer."""
        for image, place in images_of(value):
            path = f"{place}.b64_json"
            picture = yield from self._judged(image, path)
            if picture is not None:
                yield from self._final(picture, path, value)
                yield from self._same_size(picture, path)

    def of_event(self, value: Mapping[str, Any], path: str, *, partial: bool) -> Iterator[Finding]:
        """Judge the picture of an event; of a partial one nothing is said but its format."""
        path = f"{path}.b64_json"
        picture = yield from self._judged(value, path)
        if picture is None:
            return
        if partial:
            yield from image_findings(picture, path, output_format=_told(value, "output_format"))
        else:
            yield from self._final(picture, path, value)

    def _judged(self, image: Mapping[str, Any], path: str) -> Generator[Finding, None, Judgement | None]:
        text = image.get("b64_json")
        if not isinstance(text, str):
            return None
        findings, data = base64.decoded(text, path)
        yield from findings
        self._count += data is not None
        if data is not None and self._count <= MOST_PICTURES:
            if self._pixels < PIXEL_BUDGET:
                picture = judged(data)
                self._pixels += picture.cost
                return picture
            told = f"{PIXEL_LIMIT_WORDS} of {PIXEL_BUDGET} for one response: {self._pixels} were decoded before it"
            yield Finding("image", path, "unusual", f"not decoded: the picture is {told}")
            return None
        if self._count == MOST_PICTURES + 1:
            yield Finding("image", path, "unusual", f"more than {MOST_PICTURES} pictures: the others are not judged")
        return None

    def _final(self, picture: Judgement, path: str, value: Mapping[str, Any]) -> Iterator[Finding]:
        told = {name: _told(value, name) for name in ("output_format", "size", "background")}
        yield from image_findings(picture, path, **told)
        ground = {True: "opaque", False: "transparent", None: None}[picture.opaque]
        real = {
            "output_format": picture.file_format,
            "size": "{}x{}".format(*picture.size) if picture.size else None,
            "background": ground,
        }
        yield from self._asked.of_picture({name: real[name] for name in real if told[name] is None}, path)

    def _same_size(self, picture: Judgement, path: str) -> Iterator[Finding]:
        size = picture.size
        if size and self._first_size and size != self._first_size:
            sizes = "{}x{} pixels; the first picture has {}x{}".format(*size, *self._first_size)
            yield Finding("image", path, "unusual", f"the picture has {sizes}")
        self._first_size = self._first_size or size


def _told(value: Mapping[str, Any], name: str) -> str | None:
    told = value.get(name)
    return told if isinstance(told, str) and told != "auto" else None
