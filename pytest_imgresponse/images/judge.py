"""The judge of a picture: what its bytes are, whether they are whole, and what its pixels tell."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from pytest_imgresponse.images import KINDS, PIXEL_LIMIT, PIXEL_LIMIT_WORDS, suffix_of
from pytest_imgresponse.images.jpeg import JPEG
from pytest_imgresponse.images.other_formats import OTHERS
from pytest_imgresponse.images.png import PNG
from pytest_imgresponse.images.raster import SMALLEST_FRAME, Broken, Raster, Remark
from pytest_imgresponse.images.svg import SVG, NoSVG
from pytest_imgresponse.images.webp_gif import GIF, WebP

_RASTERS: dict[str, type[Raster]] = {"png": PNG, "jpeg": JPEG, "webp": WebP, "gif": GIF, **OTHERS}
# Markup, with a byte order mark and in UTF-16 too.
_MARKUP = re.compile(rb"[\xef\xbb\xbf\xfe\xff\0\s]*+<")
_FRAMES_LIMIT = PIXEL_LIMIT
"""Pixels of all frames of an animation together: sixteen frames of 1920x1080 are within it."""
_KEPT = 4096  # judgements, the least recently used of which is dropped
_EXPECTED = "expected PNG, JPEG, WebP, GIF or SVG"
_PICTURES = (
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"qoif", "a QOI"),
    (b"8BPS\0\1", "a PSD"),
)
# ISO/IEC 23008-12 (HEIF): the major brand, which follows `ftyp` at byte 4.
_BRANDS = {b"heic": "a HEIC", b"heix": "a HEIC", b"mif1": "a HEIF"}
_OTHERS = (
    (b"%PDF-", "a PDF"),
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x89PNG", "a PNG whose first 8 bytes are damaged"),
    (b"RIFF", "a RIFF file that is no WebP"),
    (b"version https://git-lfs", "a Git LFS pointer"),
)
_SHORTEST = 16  # bytes of a picture of another format: shorter ones only begin like one
_judged: OrderedDict[bytes, Judgement] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the bytes of a picture tell.

    `file_format` as in `output_format`, or another that Pillow decodes, None for all else; `size` in pixels, width
    first; `opaque`: whether every pixel is. Both are None where they are not known: of an invalid picture, of one over
    the pixel limit, and for `opaque` of an SVG. `cost`: the pixels that were decoded, up to the pixel limit.
    """

    file_format: str | None
    size: tuple[int, int] | None = None
    opaque: bool | None = None
    remarks: tuple[Remark, ...] = ()
    cost: int = field(default=0, compare=False)


def judged(data: bytes) -> Judgement:
    """The judgement of a picture. Never raises, and decodes nothing that is over the pixel limit."""
    digest = hashlib.sha256(data).digest()
    with _lock:
        if (judgement := _judged.get(digest)) is not None:
            _judged.move_to_end(digest)
            return judgement
    judgement = _judge(data)
    with _lock:
        _judged[digest] = judgement
        if len(_judged) > _KEPT:
            _judged.popitem(last=False)
    return judgement


def _judge(data: bytes) -> Judgement:
    suffix = suffix_of(data)
    file_format = KINDS[suffix or ".svg"].name
    raster_class = _RASTERS.get(file_format)
    cost = 0
    try:
        if raster_class:
            raster = raster_class(data)
            cost = raster.cost
            return replace(_judge_raster(file_format, raster), cost=cost)
        if suffix or _MARKUP.match(data):
            svg = SVG(data)
            return Judgement("svg", svg.size, None, tuple(svg.remarks))
    except Broken as broken:
        return Judgement(file_format, remarks=(Remark("invalid", str(broken)),), cost=cost)
    except NoSVG as other:
        return Judgement(None, remarks=(foreign(data, str(other)),))
    return Judgement(None, remarks=(foreign(data),))


def _judge_raster(file_format: str, raster: Raster) -> Judgement:
    raster.inspect()
    if file_format in OTHERS:
        raster.say("tolerated", f"the picture is in the format {raster.name}: {_EXPECTED}")
    if too_much := raster.over_limit():
        return Judgement(file_format, remarks=(Remark("unusual", too_much),))
    frames = min(raster.frames, max(1, _FRAMES_LIMIT // max(raster.area, SMALLEST_FRAME)))
    pixels = raster.pixels(frames)
    if frames < raster.frames:
        limit = f"{PIXEL_LIMIT_WORDS} of {_FRAMES_LIMIT} for all of them"
        raster.say("unusual", f"{raster.name} has {raster.frames} frames, {limit}: decoded are {frames}")
    opaque = None if raster.key_is_lost else pixels.opaque
    return Judgement(file_format, (raster.width, raster.height), opaque, tuple(raster.remarks))


def foreign(data: bytes, known: str = "") -> Remark:
    """What the bytes are. `known` is what was found out already.

    A picture of a format that Pillow does not read is tolerated: no document names it, some decoders read it. It is not
    decoded here, and what is shorter than any picture is none.
    """
    if picture := _picture(data):
        return Remark("tolerated", f"{picture} picture of {len(data)} bytes, not decoded: {_EXPECTED}")
    return Remark("invalid", f"no picture, but {known or _what(data)}: {_EXPECTED}")


def _picture(data: bytes) -> str | None:
    if len(data) < _SHORTEST:
        return None
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12])
    return next((name for start, name in _PICTURES if data.startswith(start)), None)


def _what(data: bytes) -> str:
    for start, name in _OTHERS:
        if data.startswith(start):
            return name
    if not data:
        return "0 bytes"
    beginning = data[:24]
    if all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in beginning):
        text = beginning.decode("ascii").strip()
        what = "HTML" if text[:14].lower().startswith(("<!doctype html", "<html")) else "text"
        what = "JSON" if text.startswith(("{", "[")) else what
        return f"{what} of {len(data)} bytes that begin {text!r}"
    return f"{len(data)} bytes that begin {beginning[:8].hex(' ')}"
