"""Cases at the level `image`: damaged PNGs. Where decoders disagree they are tolerated, else invalid."""

from __future__ import annotations

from collections.abc import Callable

from pytest_imgresponse.edge_cases.bending import redraw_pictures
from pytest_imgresponse.edge_cases.subjects import sized_picture
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import odd
from pytest_imgresponse.images.odd import Form, png


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 and OpenCV 5 refuse it", applies=sized_picture)
def half_png(response: HTTPResponse) -> HTTPResponse:
    """The PNG ends in the middle of its pixels, as a download that broke off leaves it."""
    return redraw_pictures(response, _half)


def _half(width: int, height: int) -> bytes:
    whole = png(width, height)
    start = whole.index(b"IDAT") + 4
    return whole[: start + (len(whole) - 16 - start) // 2]


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 and OpenCV 5 refuse it", applies=sized_picture)
def png_eight_bytes(response: HTTPResponse) -> HTTPResponse:
    """Of the PNG there are the eight bytes of its signature alone, which is all that many sniffers look at."""
    return redraw_pictures(response, lambda width, height: odd.SIGNATURE)


@edge_case(
    "invalid", "image", seen="PngSuite xlfn0g04 and xcrn0g04; run: Pillow 13.0.0 refuses it", applies=sized_picture
)
def png_as_text(response: HTTPResponse) -> HTTPResponse:
    """The PNG was sent as text: each carriage return before a line feed is gone, in its signature too."""
    return redraw_pictures(response, lambda width, height: png(width, height).replace(b"\r\n", b"\n"))


@edge_case("invalid", "image", seen="PngSuite xhdn0g08; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_bad_ihdr_crc(response: HTTPResponse) -> HTTPResponse:
    """The CRC of the PNG's header is wrong."""
    return redraw_pictures(response, lambda width, height: _flipped(png(width, height), 32))


@edge_case(
    "invalid",
    "image",
    seen="libspng tests/crashers/zero_width.png; run: Pillow 13.0.0 refuses it",
    applies=sized_picture,
)
def png_zero_width(response: HTTPResponse) -> HTTPResponse:
    """The header of the PNG says that it is 0 pixels wide."""
    return _with_header(response, lambda ihdr: bytes(4) + ihdr[4:])


@edge_case("invalid", "image", seen="W3C PNG, section 11.2.1; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_zero_height(response: HTTPResponse) -> HTTPResponse:
    """The header of the PNG says that it is 0 pixels high."""
    return _with_header(response, lambda ihdr: ihdr[:4] + bytes(4) + ihdr[8:])


@edge_case(
    "invalid",
    "image",
    seen="PngSuite xd0n2c08, xd3n2c08, xd9n2c08; run: Pillow 13.0.0 refuses it",
    applies=sized_picture,
)
def png_bad_depth(response: HTTPResponse) -> HTTPResponse:
    """The header of the PNG tells 3 bits a sample, which there are not."""
    return _with_header(response, lambda ihdr: ihdr[:8] + b"\x03" + ihdr[9:])


@edge_case("invalid", "image", seen="PngSuite xc1n0g08, xc9n2c08; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_bad_colour_type(response: HTTPResponse) -> HTTPResponse:
    """The header of the PNG tells colour type 1, which there is not."""
    return _with_header(response, lambda ihdr: ihdr[:9] + b"\x01" + ihdr[10:])


@edge_case("tolerated", "image", seen="W3C PNG, section 11.2.1; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_bad_compression(response: HTTPResponse) -> HTTPResponse:
    """The header of the PNG tells compression method 1, which there is not."""
    return _with_header(response, lambda ihdr: ihdr[:10] + b"\x01" + ihdr[11:])


@edge_case("invalid", "image", seen="W3C PNG, section 11.2.1; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_bad_interlace(response: HTTPResponse) -> HTTPResponse:
    """The header of the PNG tells interlace method 2, which there is not."""
    return _with_header(response, lambda ihdr: ihdr[:12] + b"\x02")


def _with_header(response: HTTPResponse, change: Callable[[bytes], bytes]) -> HTTPResponse:
    return redraw_pictures(response, lambda width, height: odd.bend_chunk(png(width, height), b"IHDR", change))


@edge_case("invalid", "image", seen="W3C PNG, section 5.6; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_no_ihdr(response: HTTPResponse) -> HTTPResponse:
    """The PNG has no header: its first chunk is the pixels."""
    return redraw_pictures(response, lambda width, height: odd.without(png(width, height), b"IHDR"))


@edge_case("invalid", "image", seen="W3C PNG, section 9.2; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_bad_filter(response: HTTPResponse) -> HTTPResponse:
    """The first line of the PNG has filter type 5, which there is not."""
    return redraw_pictures(response, lambda width, height: odd.png_with_pixels(width, height, _filter_5))


def _filter_5(lines: bytes) -> bytes:
    return b"\x05" + lines[1:]


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 loads it, the lower half black", applies=sized_picture)
def png_short_data(response: HTTPResponse) -> HTTPResponse:
    """The PNG is whole as a file, and its pixels, once inflated, are half of those that its header tells."""
    return redraw_pictures(response, lambda width, height: odd.png_with_pixels(width, height, _first_half))


def _first_half(lines: bytes) -> bytes:
    return lines[: len(lines) // 2]


@edge_case("invalid", "image", seen="PngSuite xdtn0g01; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_no_idat(response: HTTPResponse) -> HTTPResponse:
    """The PNG has a header and an end, and no pixels between them."""
    return redraw_pictures(response, lambda width, height: odd.without(png(width, height), b"IDAT"))


@edge_case(
    "invalid",
    "image",
    seen="Pillow 13 Tests/images/broken_data_stream.png; run: Pillow 13.0.0 refuses it",
    applies=sized_picture,
)
def png_no_zlib(response: HTTPResponse) -> HTTPResponse:
    """The pixels of the PNG are no zlib stream, under a right CRC."""
    return _with_pixels(response, lambda pixels: b"red fox " + pixels[8:])


@edge_case(
    "tolerated",
    "image",
    seen="PngSuite xcsn0g01; run: Pillow 13.0.0 loads it, OpenCV 5 refuses it",
    applies=sized_picture,
)
def png_bad_idat_crc(response: HTTPResponse) -> HTTPResponse:
    """The CRC of the PNG's pixels is wrong."""
    return redraw_pictures(response, lambda width, height: _flipped(png(width, height), -13))


@edge_case("tolerated", "image", seen="run: Pillow 13.0.0 loads it, OpenCV 5 refuses it", applies=sized_picture)
def png_no_iend(response: HTTPResponse) -> HTTPResponse:
    """The PNG ends after its pixels, without the chunk that says so."""
    return redraw_pictures(response, lambda width, height: odd.without(png(width, height), b"IEND"))


@edge_case("tolerated", "image", seen="run: Pillow 13.0.0 loads it, OpenCV 5 refuses it", applies=sized_picture)
def png_no_adler(response: HTTPResponse) -> HTTPResponse:
    """The zlib stream of the PNG's pixels ends before its checksum."""
    return _with_pixels(response, lambda pixels: pixels[:-4])


@edge_case(
    "tolerated",
    "image",
    seen="libspng tests/crashers/badadler.png; run: Pillow 13.0.0 refuses it",
    applies=sized_picture,
)
def png_bad_adler(response: HTTPResponse) -> HTTPResponse:
    """The checksum of the zlib stream of the PNG's pixels is wrong."""
    return _with_pixels(response, lambda pixels: _flipped(pixels, -1))


@edge_case("tolerated", "image", seen="run: Pillow 13.0.0 and OpenCV 5 load it", applies=sized_picture)
def png_more_data(response: HTTPResponse) -> HTTPResponse:
    """The pixels of the PNG, once inflated, are twice those that its header tells."""
    return redraw_pictures(response, lambda width, height: odd.png_with_pixels(width, height, _twice))


def _twice(lines: bytes) -> bytes:
    return lines * 2


def _with_pixels(response: HTTPResponse, change: Callable[[bytes], bytes]) -> HTTPResponse:
    return redraw_pictures(response, lambda width, height: odd.bend_chunk(png(width, height), b"IDAT", change))


@edge_case("tolerated", "image", seen="run: Pillow 13.0.0 loads it, OpenCV 5 refuses it", applies=sized_picture)
def png_no_plte(response: HTTPResponse) -> HTTPResponse:
    """The pixels of the PNG are indices, and it has no palette."""
    return redraw_pictures(response, lambda width, height: odd.without(png(width, height, odd.INDEXED), b"PLTE"))


@edge_case(
    "tolerated", "image", seen="W3C PNG, section 11.2.2; run: Pillow 13.0.0 and OpenCV 5 load it", applies=sized_picture
)
def png_index_out_of_range(response: HTTPResponse) -> HTTPResponse:
    """Pixels of the PNG are indices beyond the end of its palette."""
    form = Form(8, 3, (0,), (255,), odd.INDEXED.chunks)
    return redraw_pictures(response, lambda width, height: png(width, height, form))


@edge_case(
    "tolerated",
    "image",
    seen="W3C PNG, section 5.4; run: Pillow 13.0.0 loads it, OpenCV 5 refuses it",
    applies=sized_picture,
)
def png_unknown_critical_chunk(response: HTTPResponse) -> HTTPResponse:
    """The PNG has a chunk that nobody knows, and whose name says that nobody may pass over it."""
    return redraw_pictures(
        response, lambda width, height: odd.insert_before(png(width, height), b"IDAT", (b"FOXX", b"red"))
    )


@edge_case(
    "invalid",
    "image",
    seen="Pillow 13 Image.py (decompression bombs); run: Pillow 13.0.0 refuses it",
    applies=sized_picture,
)
def bomb_header_only(response: HTTPResponse) -> HTTPResponse:
    """A PNG of 45 bytes whose header tells 30,000 x 30,000 pixels, and which has none."""
    return redraw_pictures(response, lambda width, height: odd.joined([odd.header(30_000, 30_000), (b"IEND", b"")]))


def _flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 0xFF
    return bytes(changed)
