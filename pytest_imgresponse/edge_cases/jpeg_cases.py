"""Cases at the level `image`: JPEGs that are right and rare, and damaged ones."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw

from pytest_imgresponse.edge_cases.mutators import redraw_pictures
from pytest_imgresponse.edge_cases.predicates import sized_picture
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import jpeg_builder
from pytest_imgresponse.images.make import saved
from pytest_imgresponse.images.png_builder import GROUND, INK, TURNED, c2pa_manifest_store, icc_profile

_APP2, _APP11 = 0xE2, 0xEB
_SCAN_HEADER = 14
"""Bytes of the header of a scan of three components (ITU T.81, section B.2.3)."""


@lru_cache(maxsize=128)
def _jpeg(width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    picture = Image.new("RGB", (width, height), GROUND)
    box = (width // 4, height // 4, width - width // 4 - 1, height - height // 4 - 1)
    ImageDraw.Draw(picture).rectangle(box, INK)
    return saved(picture.convert(mode), "jpeg", quality=60, **options)


@edge_case("unusual", "image", seen="ITU T.81, annex G; run: Pillow 13.0.0 loads it", applies=sized_picture)
def jpeg_progressive(response: HTTPResponse) -> HTTPResponse:
    """The picture is a progressive JPEG, of several scans."""
    return redraw_pictures(response, lambda width, height: _jpeg(width, height, progressive=True))


@edge_case(
    "unusual",
    "image",
    seen="Pillow 13 Tests/images/hopper_gray.jpg; run: Pillow 13.0.0 loads it",
    applies=sized_picture,
)
def jpeg_gray(response: HTTPResponse) -> HTTPResponse:
    """The picture is a gray JPEG: one sample a pixel, where code may count on three."""
    return redraw_pictures(response, lambda width, height: _jpeg(width, height, "L"))


@edge_case(
    "unusual",
    "image",
    seen="Pillow 13 Tests/images/pil_sample_cmyk.jpg; run: Pillow 13.0.0 loads it",
    applies=sized_picture,
)
def jpeg_cmyk(response: HTTPResponse) -> HTTPResponse:
    """The picture is a JPEG in CMYK, with Adobe's inverted samples: four of them a pixel."""
    return redraw_pictures(response, lambda width, height: _jpeg(width, height, "CMYK"))


@edge_case("unusual", "image", seen="Pillow 13 Tests/images/hopper_orientation_6.jpg", applies=sized_picture)
def jpeg_exif_orientation(response: HTTPResponse) -> HTTPResponse:
    """The JPEG has EXIF that says it is to be shown turned by 90 degrees, which swaps width and height."""
    return redraw_pictures(response, lambda width, height: _jpeg(width, height, exif=b"Exif\0\0" + TURNED))


@edge_case(
    "unusual",
    "image",
    seen="Pillow 13 Tests/images/icc_profile_big.jpg; run: Pillow 13.0.0 loads it",
    applies=sized_picture,
)
def jpeg_icc(response: HTTPResponse) -> HTTPResponse:
    """The JPEG has an ICC profile that swaps red and green: who drops it gets other colours."""
    profile = jpeg_builder.segment(_APP2, b"ICC_PROFILE\0\x01\x01" + icc_profile())
    return _with_segment(response, profile)


@edge_case("unusual", "image", seen="C2PA 2.1, appendix A; run: Pillow 13.0.0 loads it", applies=sized_picture)
def jpeg_app11_c2pa(response: HTTPResponse) -> HTTPResponse:
    """The JPEG has a C2PA manifest store in APP11; whoever writes it anew loses it."""
    packet = b"JP" + b"\0\x01" + b"\0\0\0\x01" + c2pa_manifest_store()
    return _with_segment(response, jpeg_builder.segment(_APP11, packet))


@edge_case("unusual", "image", seen="ITU T.81, section B.1.1.2; run: Pillow 13.0.0 loads it", applies=sized_picture)
def jpeg_fill_bytes(response: HTTPResponse) -> HTTPResponse:
    """Before a marker of the JPEG there are fill bytes, which a reader of segments must pass over."""
    return _with_segment(response, b"\xff" * 7)


def _with_segment(response: HTTPResponse, segment: bytes) -> HTTPResponse:
    return redraw_pictures(response, lambda width, height: jpeg_builder.insert(_jpeg(width, height), segment))


@edge_case("unusual", "image", seen="ITU T.81, section B.2.1; run: Pillow 13.0.0 loads it", applies=sized_picture)
def jpeg_restart_markers(response: HTTPResponse) -> HTTPResponse:
    """The JPEG has restart markers between the units of its pixels."""
    return redraw_pictures(response, lambda width, height: _jpeg(width, height, restart_marker_blocks=1))


@edge_case("unusual", "image", seen="run: Pillow 13.0.0 opens it as MPO, not as JPEG", applies=sized_picture)
def jpeg_multi_picture(response: HTTPResponse) -> HTTPResponse:
    """The file is two JPEGs in one, as cameras write them (CIPA DC-007); the first is the picture."""
    return redraw_pictures(response, _multi_picture)


@lru_cache(maxsize=128)
def _multi_picture(width: int, height: int) -> bytes:
    first, second = (Image.open(BytesIO(_jpeg(width, height, mode)), formats=["JPEG"]) for mode in ("RGB", "L"))
    return saved(first, "mpo", save_all=True, append_images=[second])


@edge_case(
    "unusual",
    "image",
    seen="libjpeg-turbo testimages/testimgari.jpg; run: Pillow 13.0.0 loads it",
    applies=sized_picture,
)
def jpeg_arithmetic(response: HTTPResponse) -> HTTPResponse:
    """The picture is a JPEG in arithmetic coding, which browsers do not show."""
    return redraw_pictures(response, jpeg_builder.arithmetic)


@edge_case(
    "unusual",
    "image",
    seen="libjpeg-turbo testimages/testorig12.jpg; run: Pillow 13.0.0 refuses it",
    applies=sized_picture,
)
def jpeg_12_bit(response: HTTPResponse) -> HTTPResponse:
    """The picture is a JPEG with 12 bits a sample."""
    return redraw_pictures(response, jpeg_builder.twelve_bits)


@edge_case("unusual", "image", seen="run: Pillow 13.0.0 and OpenCV 5 pass over them", applies=sized_picture)
def jpeg_trailing_bytes(response: HTTPResponse) -> HTTPResponse:
    """After the end of the JPEG there are more bytes: a text."""
    return redraw_pictures(response, lambda width, height: _jpeg(width, height) + b"\nmade by a fox\n")


@edge_case(
    "invalid",
    "image",
    seen="Pillow 13 Tests/images/truncated_jpeg.jpg; run: Pillow 13.0.0 refuses it",
    applies=sized_picture,
)
def half_jpeg(response: HTTPResponse) -> HTTPResponse:
    """The JPEG ends in the middle of its pixels, where a download broke off; Pillow's `verify` lets it pass."""
    return redraw_pictures(response, _half)


def _half(width: int, height: int) -> bytes:
    whole = _jpeg(width, height)
    start, end = jpeg_builder.scan_of(whole)
    return whole[: (start + end) // 2]


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 refuses it", applies=sized_picture)
def jpeg_no_scan(response: HTTPResponse) -> HTTPResponse:
    """The JPEG has headers and an end, and no pixels between them."""
    return redraw_pictures(response, _no_scan)


def _no_scan(width: int, height: int) -> bytes:
    whole = _jpeg(width, height)
    start, _ = jpeg_builder.scan_of(whole)
    return whole[: start - _SCAN_HEADER] + jpeg_builder.EOI


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 refuses it", applies=sized_picture)
def jpeg_three_bytes(response: HTTPResponse) -> HTTPResponse:
    """Of the JPEG there are the three bytes that sniffers look at."""
    return redraw_pictures(response, lambda width, height: jpeg_builder.SOI + b"\xff")


@edge_case("invalid", "image", seen="ITU T.81, section B.2.1; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def jpeg_no_eoi(response: HTTPResponse) -> HTTPResponse:
    """The JPEG ends after its pixels, without the marker that says so: it may as well have broken off."""
    return redraw_pictures(response, lambda width, height: _jpeg(width, height).removesuffix(jpeg_builder.EOI))


@edge_case("tolerated", "image", seen="run: Pillow 13.0.0 loads it, OpenCV 5 refuses it", applies=sized_picture)
def jpeg_scan_damage(response: HTTPResponse) -> HTTPResponse:
    """A part of the JPEG's pixels is overwritten: what follows is shifted and in other colours."""
    return redraw_pictures(response, _damaged)


def _damaged(width: int, height: int) -> bytes:
    whole = _jpeg(width, height)
    start, end = jpeg_builder.scan_of(whole)
    third = (end - start) // 3
    return whole[: start + third] + b"\x5a" * third + whole[start + 2 * third :]
