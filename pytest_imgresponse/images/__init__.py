"""Picture bytes: what format they are, and opening them under a pixel limit."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from pytest_imgresponse.errors import ResponseError
from pytest_imgresponse.images.formats import (
    FORMATS,
    KINDS,
    OUTPUT_FORMATS,
    SUFFIXES,
    Kind,
    OutputFormat,
    PictureFormat,
    suffix_of,
    without_codec,
)

if TYPE_CHECKING:
    from PIL import Image

    from pytest_imgresponse.images.webp_gif import WebP

__all__ = [
    "FORMATS",
    "KINDS",
    "OUTPUT_FORMATS",
    "PIXEL_BUDGET",
    "PIXEL_LIMIT",
    "PIXEL_LIMIT_WORDS",
    "SUFFIXES",
    "OutputFormat",
    "PictureFormat",
    "UnreadableUploadError",
    "open_image",
    "open_upload",
    "suffix_of",
]

PIXEL_LIMIT = 34_000_000
"""Pixels that are decoded of one file at the most: some four of the API's largest pictures, which have 8,294,400."""

PIXEL_BUDGET = 128_000_000
"""Pixels of one response that are decoded at the most, and up to a picture more: ten of the API's largest are
82,944,000. It is pixels that take time to decode, and a small file can hold many."""

PIXEL_LIMIT_WORDS = "over the pixel limit"
"""What each finding about a picture too large to decode says."""

_OPENED = "PNG, JPEG, WebP, GIF, AVIF, TIFF, JPEG 2000, ICO or BMP"


def open_image(data: bytes) -> Image.Image:
    """A loaded Pillow image. Raises `ResponseError` for what is no raster picture or over the limit.

    The size in the header is judged before anything is decoded.
    """
    import warnings

    from PIL import Image, UnidentifiedImageError

    kind = KINDS.get(suffix_of(data) or "")
    if kind is None or not kind.pillow:
        raise ResponseError(f"{len(data)} bytes ({data[:12]!r}…) are no {_OPENED}")
    if without_codec(kind):
        raise ResponseError(f"{len(data)} bytes of {kind.pillow}: the Pillow that is installed was built without it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about sizes and metadata
            # No other decoders: for EPS, Pillow would start a program on what came from a stranger.
            image = Image.open(BytesIO(data), formats=(kind.pillow,))
            for width, height in (image.size, *_more_sizes(data, kind)):
                if width * height > PIXEL_LIMIT:
                    raise ResponseError(f"a picture of {width}x{height} pixels is over the limit of {PIXEL_LIMIT}")
            image.load()
    except ResponseError:
        raise
    except UnidentifiedImageError as error:  # its message holds an address in memory
        raise ResponseError(f"{len(data)} bytes ({data[:12]!r}…) are no {_OPENED}") from error
    except Exception as error:  # on hostile bytes Pillow raises whatever happens to it
        raise ResponseError(f"{len(data)} bytes cannot be opened as a picture: {error}") from error
    return image


def _more_sizes(data: bytes, kind: Kind) -> list[tuple[int, int]]:
    """What else the file says of its pixels, where that may be more than Pillow tells before it decodes them."""
    from pytest_imgresponse.images.other_formats import OTHERS
    from pytest_imgresponse.images.raster import Broken

    if kind.name not in OTHERS:
        return []
    try:
        raster = OTHERS[kind.name](data)
    except Broken as broken:
        raise ResponseError(f"{len(data)} bytes cannot be opened as a picture: {broken}") from broken
    return [(raster.width, raster.height)]


class UnreadableUploadError(Exception):
    """An upload that is no PNG, JPEG or WebP, is damaged, or claims more than `PIXEL_LIMIT`."""


def open_upload(data: bytes) -> Image.Image:
    """An uploaded PNG, JPEG or WebP, decoded. Raises `UnreadableUploadError`.

    For the threads of a server: `open_image` silences a warning, and does so for the whole process.
    """
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    from pytest_imgresponse.images.webp_gif import WebP

    openers: dict[str, type[Image.Image]] = {".png": PngImageFile, ".jpg": JpegImageFile, ".webp": WebPImageFile}
    suffix = suffix_of(data) or ""
    if suffix not in openers:
        raise UnreadableUploadError("no PNG, JPEG or WebP")
    try:
        # The decoders themselves do not warn. That of WebP takes memory for all pixels as soon as it is made.
        if suffix == ".webp":
            _judge_claim(WebP(data))
        image = openers[suffix](BytesIO(data))  # type: ignore[call-arg]
        _judge_claim(image)
        image.load()
    except Exception as error:
        raise UnreadableUploadError(str(error)) from error
    return image


def _judge_claim(claim: Image.Image | WebP) -> None:
    if claim.width * claim.height > PIXEL_LIMIT:
        raise UnreadableUploadError(f"{claim.width}x{claim.height} is more than {PIXEL_LIMIT} pixels")
