"""The levels `base64` and `image`: the payloads of a response, and the pictures that they hold.

`Pictures` takes each payload of a response through both; `judge_base64` and `image_findings` judge a single one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

import pybase64

from pytest_imgresponse.base64_text import Reading, read, strictly
from pytest_imgresponse.checks.comparison import Comparison
from pytest_imgresponse.checks.finding import Finding, Verdict, shown
from pytest_imgresponse.checks.schema_level import images_of
from pytest_imgresponse.checks.values import SIZE
from pytest_imgresponse.images import OUTPUT_FORMATS, PIXEL_BUDGET, PIXEL_LIMIT_WORDS
from pytest_imgresponse.images.judge import Judgement, judged

MOST_PICTURES = 64
"""Pictures of one response that are decoded at the most: ten, and three partial ones of each, are 40."""


class Pictures:
    """Judges the pictures of one response, by what it says of them and by what the request asked for."""

    def __init__(self, asked: Comparison) -> None:
        self._asked = asked
        self._count = 0
        self._pixels = 0
        self._first_size: tuple[int, int] | None = None

    def of_answer(self, value: Mapping[str, Any]) -> Iterator[Finding]:
        """Judge the pictures of a JSON answer."""
        for image, place in images_of(value):
            path = f"{place}.b64_json"
            picture = yield from self._decoded_picture(image, path)
            if picture is not None:
                yield from self._final(picture, path, value)
                yield from self._same_size(picture, path)

    def of_event(self, value: Mapping[str, Any], path: str, *, partial: bool) -> Iterator[Finding]:
        """Judge the picture of an event; of a partial one nothing is said but its format."""
        path = f"{path}.b64_json"
        picture = yield from self._decoded_picture(value, path)
        if picture is None:
            return
        if partial:
            yield from image_findings(picture, path, output_format=_declared(value, "output_format"))
        else:
            yield from self._final(picture, path, value)

    def _decoded_picture(self, image: Mapping[str, Any], path: str) -> Generator[Finding, None, Judgement | None]:
        text = image.get("b64_json")
        if not isinstance(text, str):
            return None
        findings, data = judge_base64(text, path)
        yield from findings
        self._count += data is not None
        if data is not None and self._count <= MOST_PICTURES:
            if self._pixels < PIXEL_BUDGET:
                picture = judged(data)
                self._pixels += picture.cost
                return picture
            over = f"{PIXEL_LIMIT_WORDS} of {PIXEL_BUDGET} for one response: {self._pixels} were decoded before it"
            yield Finding("image", path, "unusual", f"not decoded: the picture is {over}")
            return None
        if self._count == MOST_PICTURES + 1:
            yield Finding("image", path, "unusual", f"more than {MOST_PICTURES} pictures: the others are not judged")
        return None

    def _final(self, picture: Judgement, path: str, value: Mapping[str, Any]) -> Iterator[Finding]:
        declared = {name: _declared(value, name) for name in ("output_format", "size", "background")}
        yield from image_findings(picture, path, **declared)
        ground = {True: "opaque", False: "transparent", None: None}[picture.opaque]
        real = {
            "output_format": picture.file_format,
            "size": "{}x{}".format(*picture.size) if picture.size else None,
            "background": ground,
        }
        # What the answer declares was compared with the request at the level `schema`.
        yield from self._asked.of_picture({name: real[name] for name in real if declared[name] is None}, path)

    def _same_size(self, picture: Judgement, path: str) -> Iterator[Finding]:
        size = picture.size
        if size and self._first_size and size != self._first_size:
            sizes = "{}x{} pixels; the first picture has {}x{}".format(*size, *self._first_size)
            yield Finding("image", path, "unusual", f"the picture has {sizes}")
        self._first_size = self._first_size or size


def _declared(value: Mapping[str, Any], name: str) -> str | None:
    """What an answer says of its pictures, where that says something: `auto` does not."""
    declared = value.get(name)
    return declared if isinstance(declared, str) and declared != "auto" else None


_Remark = tuple[Verdict, str]


def judge_base64(text: str, path: str) -> tuple[list[Finding], bytes | None]:
    """What is unusual or wrong with a payload, and its bytes: None where it cannot be decoded (RFC 4648)."""
    data, characters, remarks = strictly(text), text, list[_Remark]()
    if data is None:
        reading = read(text)
        data, characters = reading.data, reading.characters + "=" * reading.needed
        remarks = [*_departures(text, reading)]
        if data is None:
            remarks.append(("invalid", _why_unreadable(text, reading)))
    if data == b"":
        remarks.append(("invalid", "the payload is empty; expected a picture in base64"))
    elif data and (rest := len(data) % 3) and pybase64.b64encode(data[-rest:]).decode() != characters[-4:]:
        # Of one or two bytes at the end, base64 leaves four or two bits over, which an encoder sets to zero.
        message = f"the last characters {characters[-4:]} hold bits that belong to no byte (RFC 4648, section 3.5)"
        remarks.append(("tolerated", message))
    return [Finding("base64", path, verdict, message) for verdict, message in remarks], data or None


def _departures(text: str, reading: Reading) -> Iterator[_Remark]:
    """What a decoder has to undo before it can read the payload."""
    if reading.bad_prefix:
        return
    if reading.prefix:
        yield "unusual", f"the payload starts with {shown(reading.prefix)}, as data URLs do"
    if reading.white_space:
        left = len(reading.characters) + reading.padding
        yield "unusual", f"white space in the payload; {left} characters are left without it"
    if reading.url_safe:
        both = ", and that of plain base64 beside it" if reading.mixed else ""
        verdict: Verdict = "tolerated" if reading.mixed else "unusual"
        yield verdict, f"the url-safe alphabet is used (RFC 4648, section 5){both}"
    if reading.data is not None and reading.padding != reading.needed:
        message = f"padding characters at the end: {reading.padding}; expected {reading.needed} (RFC 4648, section 3.2)"
        # Too little is widely sent, and easily added. Too much comes from broken code, and decoders disagree.
        yield "unusual" if reading.padding < reading.needed else "tolerated", message


def _why_unreadable(text: str, reading: Reading) -> str:
    """Why a payload cannot be decoded."""
    if reading.bad_prefix:
        return f"the payload starts with {shown(text)}; expected the base64 alone"
    if reading.foreign:
        at = text.index(reading.foreign[0], text.index(",") + 1 if reading.prefix else 0)
        return f"no base64: {shown(reading.foreign)} at character {at}"
    return f"no base64: {len(reading.characters)} characters, a number that no bytes give; it may be cut off"


def image_findings(
    judgement: Judgement,
    path: str,
    *,
    output_format: str | None = None,
    size: str | None = None,
    background: str | None = None,
) -> list[Finding]:
    """What is unusual or wrong with a picture that was judged; `path` is where it was.

    `output_format`, `size` and `background` are what the response declares; what is None, or no value that
    tells something of the picture (`auto`), is not compared.
    """
    findings = [Finding("image", path, remark.verdict, remark.message) for remark in judgement.remarks]
    if any(finding.verdict == "invalid" for finding in findings):
        return findings  # the size and the format of a damaged picture cannot be relied on
    departures = (
        _other_format(judgement, output_format),
        _other_size(judgement, size),
        _other_background(judgement, background),
    )
    return findings + [Finding("image", path, "unusual", message) for message in departures if message]


def _other_format(judgement: Judgement, declared: str | None) -> str | None:
    if judgement.file_format in (None, declared) or declared not in OUTPUT_FORMATS:
        return None
    return f"the picture is {judgement.file_format}; output_format says {declared}"


def _other_size(judgement: Judgement, declared: str | None) -> str | None:
    if judgement.size is None or declared is None or not SIZE.fullmatch(declared):
        return None
    actual = f"{judgement.size[0]}x{judgement.size[1]}"
    return f"the picture has {actual} pixels; size says {declared}" if actual != declared else None


def _other_background(judgement: Judgement, declared: str | None) -> str | None:
    match declared, judgement.opaque:
        case "transparent", True:
            return "every pixel of the picture is opaque; background says transparent"
        case "opaque", False:
            return "the picture has pixels that are not opaque; background says opaque"
    return None
