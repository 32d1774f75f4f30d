"""Judging a picture by its bytes alone: its format, its size, whether it is whole, and what is odd about it.

What it says of the same bytes is kept, under their digest: strategies have the same pictures judged thousands of times.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from pytest_imgresponse.images import FORMATS, PIXEL_LIMIT, PIXEL_LIMIT_WORDS, suffix_of
from pytest_imgresponse.images.foreign import foreign
from pytest_imgresponse.images.gif import GIF
from pytest_imgresponse.images.jpeg import JPEG
from pytest_imgresponse.images.png import PNG
from pytest_imgresponse.images.raster import SMALLEST_FRAME, Broken, Raster, Remark
from pytest_imgresponse.images.svg import SVG, NoSVG
from pytest_imgresponse.images.webp import WebP

_RASTERS: dict[str, type[Raster]] = {"png": PNG, "jpeg": JPEG, "webp": WebP, "gif": GIF}
# Markup, with a byte order mark and in UTF-16 too.
_MARKUP = re.compile(rb"[\xef\xbb\xbf\xfe\xff\0\s]*+<")
_FRAMES_LIMIT = PIXEL_LIMIT
"""Pixels of all frames of an animation together: sixteen frames of 1920x1080 are within it."""
_KEPT = 4096
_judged: OrderedDict[bytes, Judgement] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the bytes of a picture tell.

    `file_format` as in `output_format`, None for what is none of the five; `size` in pixels, width first;
    `opaque`: whether every pixel is. Both are None where they are not known: of an invalid picture, of one over
    the pixel limit, and for `opaque` of an SVG. `cost`: the pixels that were decoded, up to the pixel limit.
    """

    file_format: str | None
    size: tuple[int, int] | None = None
    opaque: bool | None = None
    remarks: tuple[Remark, ...] = ()
    cost: int = field(default=0, compare=False)


def judged(data: bytes) -> Judgement:
    """What is to say of a picture. Never raises, and decodes nothing that is over the pixel limit."""
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
    file_format = FORMATS.get(suffix or "", "svg")
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
    if too_much := raster.over_limit():
        return Judgement(file_format, remarks=(Remark("unusual", too_much),))
    frames = min(raster.frames, max(1, _FRAMES_LIMIT // max(raster.area, SMALLEST_FRAME)))
    pixels = raster.pixels(frames)
    if frames < raster.frames:
        limit = f"{PIXEL_LIMIT_WORDS} of {_FRAMES_LIMIT} for all of them"
        raster.say("unusual", f"{raster.name} has {raster.frames} frames, {limit}: decoded are {frames}")
    opaque = None if raster.key_is_lost else pixels.opaque
    return Judgement(file_format, (raster.width, raster.height), opaque, tuple(raster.remarks))
