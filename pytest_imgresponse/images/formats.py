"""The formats of pictures in one table: their names, the suffixes of their files, their first bytes."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, get_args

OutputFormat = Literal["png", "webp", "jpeg", "gif", "svg"]
OUTPUT_FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)
"""What the pictures of answers are (openai 3.54.0, `images_response.py`)."""

PictureFormat = Literal[OutputFormat, "avif", "tiff", "jpeg2000", "ico", "bmp"]
"""What a picture is by its bytes: one of those, or of others that services are known to send."""


class Kind(NamedTuple):
    """A format: its name, by what its files begin, Pillow's name for it, and its media types, the registered one first.

    What Pillow is not to open has no name there.
    """

    name: PictureFormat
    begins: bytes
    pillow: str
    media_types: tuple[str, ...]


# In an SVG's beginning, group by group nothing is given back, so a hostile file costs no more than its length. Where a
# signature is short, what follows has to be right too: base64 of any numbers can begin like an ICO.
KINDS = {
    ".png": Kind("png", rb"\x89PNG\r\n\x1a\n", "PNG", ("image/png",)),
    ".jpg": Kind("jpeg", rb"\xff\xd8\xff", "JPEG", ("image/jpeg", "image/jpg")),
    ".webp": Kind("webp", rb"RIFF....WEBP", "WEBP", ("image/webp",)),
    ".gif": Kind("gif", rb"GIF8[79]a", "GIF", ("image/gif",)),
    # The major brand is AVIF's, or one of HEIF's with AVIF among the compatible ones (ISO/IEC 23000-22).
    ".avif": Kind("avif", rb"....ftyp(?:avi[fs]|m[is]f1....(?:....){0,9}?avi[fs])", "AVIF", ("image/avif",)),
    # TIFF 6.0, and BigTIFF.
    ".tiff": Kind("tiff", rb"II\*\0|MM\0\*|II\+\0\x08\0\0\0|MM\0\+\0\x08\0\0", "TIFF", ("image/tiff",)),
    # A file, or a codestream alone (ISO/IEC 15444-1, annexes I and A).
    ".jp2": Kind(
        "jpeg2000",
        rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
        "JPEG2000",
        ("image/jp2", "image/jpx", "image/j2c", "image/jpm"),
    ),
    # At least one picture; of the first: reserved, planes, bits of a pixel, and a length and a place below 2**24.
    ".ico": Kind(
        "ico",
        rb"\0\0\x01\0[^\0]\0...\0[\0\x01]\0[\0\x01\x04\x08\x10\x18\x20]\0...\0...\0",
        "ICO",
        ("image/vnd.microsoft.icon", "image/x-icon"),
    ),
    # Reserved, and the length of a header that there is.
    ".bmp": Kind(
        "bmp",
        rb"BM....\0\0\0\0....[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0",
        "BMP",
        ("image/bmp", "image/x-ms-bmp"),
    ),
    ".svg": Kind(
        "svg",
        rb"(?:\xef\xbb\xbf)?+(?>\s++|<\?(?>[^?]++|\?(?!>))*+\?>|<!--(?>[^-]++|-(?!->))*+-->|<!DOCTYPE[^>\[]*+>)*+"
        rb"<svg[\s/>]",
        "",
        ("image/svg+xml",),
    ),
}
"""The formats, by the suffix of their files."""

SUFFIXES = (*KINDS, ".bin")
"""The suffixes of the files beside a cassette: those of pictures, and of what is neither a picture nor text."""

FORMATS: dict[str, OutputFormat] = {
    suffix: name for suffix, kind in KINDS.items() for name in OUTPUT_FORMATS if name == kind.name
}
"""What `output_format` calls pictures, by the suffix of their files."""

_FEATURES = {"webp": "webp", "avif": "avif", "jpeg2000": "jpg_2000"}
_BEGINS = re.compile(b"|".join(b"(%s)" % kind.begins for kind in KINDS.values()), re.DOTALL)
_IN_ORDER = tuple(KINDS)


def suffix_of(data: bytes) -> str | None:
    """The file suffix of a picture, by its first bytes; None where it is no picture.

    Knows the formats of `KINDS`: by their signatures, and SVG by an `svg` root element.
    """
    found = _BEGINS.match(data)
    return None if found is None or found.lastindex is None else _IN_ORDER[found.lastindex - 1]


def without_codec(kind: Kind) -> bool:
    """Whether this Pillow was built without what decodes a format, or is older than that."""
    from PIL import features

    feature = _FEATURES.get(kind.name)
    if feature is None:
        return False
    known = {*features.modules, *features.codecs}
    return feature not in known or not features.check(feature)
