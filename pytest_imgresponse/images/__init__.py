"""Picture bytes: what format they are, and opening them under a pixel limit."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Literal, get_args

from pytest_imgresponse.errors import ResponseError

if TYPE_CHECKING:
    from PIL import Image

    from pytest_imgresponse.images.webp_gif import WebP

OutputFormat = Literal["png", "webp", "jpeg", "gif", "svg"]
OUTPUT_FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)
"""What the pictures of answers are (openai 3.54.0, `images_response.py`)."""

PIXEL_LIMIT = 34_000_000
"""Pixels that are decoded of one file at the most: some four of the API's largest pictures, which have 8,294,400."""

PIXEL_LIMIT_WORDS = "over the pixel limit"
"""What each finding about a picture too large to decode says."""

FORMATS: dict[str, OutputFormat] = {".png": "png", ".jpg": "jpeg", ".webp": "webp", ".gif": "gif", ".svg": "svg"}
"""What `output_format` calls the pictures that `suffix_of` knows."""

# Group by group nothing is given back, so a hostile file costs no more than its length.
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?+(?>\s++|<\?(?>[^?]++|\?(?!>))*+\?>|<!--(?>[^-]++|-(?!->))*+-->|<!DOCTYPE[^>\[]*+>)*+"
    rb"<svg[\s/>]"
)


def suffix_of(data: bytes) -> str | None:
    """The file suffix of a picture, by its first bytes; None where it is no picture.

    Knows PNG, JPEG, WebP, GIF (their signatures) and SVG (an `svg` root element).
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if data.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ".webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return ".gif"
    return ".svg" if _SVG.match(data) else None


def open_image(data: bytes) -> Image.Image:
    """A loaded Pillow image. Raises `ResponseError` for what is no raster picture or over the limit.

    The size in the header is judged before anything is decoded.
    """
    import warnings

    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # No other decoders: for EPS, Pillow would start a program on what came from a stranger.
            image = Image.open(BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF"))
        width, height = image.size
        if width * height > PIXEL_LIMIT:
            raise ResponseError(f"a picture of {width}x{height} pixels is over the limit of {PIXEL_LIMIT}")
        image.load()
    except UnidentifiedImageError as error:
        raise ResponseError(f"{len(data)} bytes ({data[:12]!r}…) are no PNG, JPEG, WebP or GIF") from error
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ResponseError(f"{len(data)} bytes cannot be opened as a picture: {error}") from error
    return image


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
