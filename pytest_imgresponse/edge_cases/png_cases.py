"""Cases at the level `image`: PNGs that are right, and not the RGB of 8 bits that the API sends."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import lru_cache

from pytest_imgresponse.edge_cases.mutators import redraw_pictures
from pytest_imgresponse.edge_cases.predicates import sized_picture
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import png_builder
from pytest_imgresponse.images.png_builder import TURNED, Form, change_chunk, png

_PALETTE = (b"PLTE", bytes(png_builder.GROUND + png_builder.INK))
_GRAY = Form(8, 0, (60,), (200,))
_BILEVEL = Form(1, 0, (0,), (1,))


@edge_case(
    "unusual", "image", seen="PngSuite basn2c16; run: Pillow 13.0.0 keeps 8 of the 16 bits", applies=sized_picture
)
def png_16_bit(response: HTTPResponse) -> HTTPResponse:
    """The picture is a PNG with 16 bits a sample."""
    form = Form(16, 2, (8224, 16448, 24673), (58596, 23644, 10281))
    return redraw_pictures(response, lambda width, height: png_builder.png(width, height, form))


@edge_case("unusual", "image", seen="PngSuite basn0g16; run: Pillow 13.0.0 opens it as I;16", applies=sized_picture)
def png_16_bit_gray(response: HTTPResponse) -> HTTPResponse:
    """The picture is a gray PNG with 16 bits a sample, which a conversion to 8 bits may clip to white."""
    form = Form(16, 0, (15420,), (51401,))
    return redraw_pictures(response, lambda width, height: png_builder.png(width, height, form))


@edge_case("unusual", "image", seen="PngSuite basn0g08; run: Pillow 13.0.0 opens it as L", applies=sized_picture)
def png_gray(response: HTTPResponse) -> HTTPResponse:
    """The picture is a gray PNG: one sample a pixel, where code may count on three."""
    return redraw_pictures(response, lambda width, height: png_builder.png(width, height, _GRAY))


@edge_case("unusual", "image", seen="PngSuite basn0g01; run: Pillow 13.0.0 opens it as 1", applies=sized_picture)
def png_1_bit(response: HTTPResponse) -> HTTPResponse:
    """The picture is a PNG in black and white, with eight pixels to a byte."""
    return redraw_pictures(response, lambda width, height: png_builder.png(width, height, _BILEVEL))


@edge_case("unusual", "image", seen="PngSuite basn4a08; run: Pillow 13.0.0 opens it as LA", applies=sized_picture)
def png_gray_alpha(response: HTTPResponse) -> HTTPResponse:
    """The picture is a PNG of gray and alpha: two samples a pixel."""
    form = Form(8, 4, (60, 0), (200, 128))
    return redraw_pictures(response, lambda width, height: png_builder.png(width, height, form), clear=True)


@edge_case("unusual", "image", seen="PngSuite basn3p08; run: Pillow 13.0.0 opens it as P", applies=sized_picture)
def png_palette(response: HTTPResponse) -> HTTPResponse:
    """The picture is a PNG whose pixels are indices into a palette."""
    return redraw_pictures(response, lambda width, height: png_builder.png(width, height, png_builder.INDEXED))


@edge_case("unusual", "image", seen="PngSuite tbbn3p08; run: Pillow 13.0.0 opens it as P", applies=sized_picture)
def png_palette_trns(response: HTTPResponse) -> HTTPResponse:
    """The picture is a PNG with a palette whose colours let light through; it has no alpha channel."""
    form = Form(8, 3, (0,), (1,), (_PALETTE, (b"tRNS", b"\0\x80")))
    return redraw_pictures(response, lambda width, height: png_builder.png(width, height, form), clear=True)


@edge_case("unusual", "image", seen="PngSuite tbrn2c08; run: Pillow 13.0.0 opens it as RGB", applies=sized_picture)
def png_colour_key(response: HTTPResponse) -> HTTPResponse:
    """The picture is an RGB PNG without an alpha channel, in which one colour means transparent."""
    form = Form(chunks=((b"tRNS", bytes(byte for sample in png_builder.INK for byte in (0, sample))),))
    return redraw_pictures(response, lambda width, height: png_builder.png(width, height, form), clear=True)


@edge_case("unusual", "image", seen="PngSuite basi2c08; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_adam7(response: HTTPResponse) -> HTTPResponse:
    """The picture is an interlaced PNG: seven passes, some of them empty in a small picture."""
    return redraw_pictures(response, lambda width, height: png_builder.png(width, height, Form(interlaced=True)))


@edge_case("unusual", "image", seen="PngSuite basi0g01; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_adam7_1_bit(response: HTTPResponse) -> HTTPResponse:
    """The picture is an interlaced PNG in black and white, whose lines end within a byte in each pass."""
    form = Form(1, 0, (0,), (1,), interlaced=True)
    return redraw_pictures(response, lambda width, height: png_builder.png(width, height, form))


@edge_case("unusual", "image", seen="PngSuite oi4n2c16; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_split_idat(response: HTTPResponse) -> HTTPResponse:
    """The pixels of the PNG are spread over several IDAT chunks, the first of two bytes and one of none."""
    return redraw_pictures(response, _split_idat)


def _split_idat(width: int, height: int) -> bytes:
    chunks = dict(png_builder.split(png_builder.png(width, height)))
    pixels = chunks.pop(b"IDAT")
    parts = [pixels[:2], b"", pixels[2:5], pixels[5:]]
    return png_builder.joined([(b"IHDR", chunks[b"IHDR"]), *((b"IDAT", part) for part in parts), (b"IEND", b"")])


@edge_case(
    "unusual", "image", seen="W3C PNG, section 11.3.2.3 (iCCP); run: Pillow 13.0.0 loads it", applies=sized_picture
)
def png_iccp(response: HTTPResponse) -> HTTPResponse:
    """The PNG has an ICC profile that swaps red and green: who drops it gets other colours."""
    profile = b"swapped\0\0" + zlib.compress(png_builder.icc_profile())
    return redraw_pictures(response, lambda width, height: _with_chunk(width, height, b"iCCP", profile))


@edge_case("unusual", "image", seen="PngSuite exif2c08; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_exif(response: HTTPResponse) -> HTTPResponse:
    """The PNG has EXIF that says it is to be shown turned by 90 degrees, which swaps width and height."""
    return redraw_pictures(response, lambda width, height: _with_chunk(width, height, b"eXIf", TURNED))


@edge_case("unusual", "image", seen="PngSuite ct1n0g04, cten0g04; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_text(response: HTTPResponse) -> HTTPResponse:
    """The PNG has text, in Latin-1 and in UTF-8, as image generators put the prompt there."""
    return redraw_pictures(response, _with_text)


def _with_text(width: int, height: int) -> bytes:
    latin = b"parameters\0un renard roux, sign\xe9"
    utf8 = "prompt\0\0\0ja\0\0赤い狐 🦊".encode()
    return png_builder.insert_before(png_builder.png(width, height), b"IDAT", (b"tEXt", latin), (b"iTXt", utf8))


@edge_case(
    "unusual", "image", seen="run: Pillow 13.0.0 refuses more than 1 MiB of text in a chunk", applies=sized_picture
)
def png_ztxt_over_1_mib(response: HTTPResponse) -> HTTPResponse:
    """The PNG has 2 MiB of text in a compressed chunk of 2 KiB: it is legal, and over Pillow's limit."""
    return redraw_pictures(response, lambda width, height: _with_chunk(width, height, b"zTXt", _long_text()))


@lru_cache(maxsize=1)
def _long_text() -> bytes:
    return b"Comment\0\0" + zlib.compress(b"fox " * 2**19, 9)


@edge_case("unusual", "image", seen="W3C PNG, section 5.4; libspng tests/misc/unknown.png", applies=sized_picture)
def png_private_chunk(response: HTTPResponse) -> HTTPResponse:
    """The PNG has an ancillary chunk that nobody knows."""
    return redraw_pictures(response, lambda width, height: _with_chunk(width, height, b"foXx", b"red"))


@edge_case("valid", "image", seen="nika#177, w3c/png#542; recordings of gpt-image models", applies=sized_picture)
def c2pa_cabx(response: HTTPResponse) -> HTTPResponse:
    """The PNG has a C2PA manifest store, as those of the API do; whoever writes it anew loses it."""
    store = png_builder.c2pa_manifest_store()
    return redraw_pictures(response, lambda width, height: _with_chunk(width, height, b"caBX", store))


def _with_chunk(width: int, height: int, kind: bytes, data: bytes) -> bytes:
    return png_builder.insert_before(png_builder.png(width, height), b"IDAT", (kind, data))


@edge_case("unusual", "image", seen="Pillow 13 Tests/images/apng; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_apng(response: HTTPResponse) -> HTTPResponse:
    """The picture is an animated PNG of two frames."""
    return redraw_pictures(response, _apng)


def _apng(width: int, height: int) -> bytes:
    # W3C PNG, section 11.3.6: two frames without end, 200 ms each; the second is one white pixel in the corner.
    frame = struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 200, 1000, 0, 0)
    corner = struct.pack(">IIIIIHHBB", 1, 1, 1, 0, 0, 200, 1000, 0, 0)
    pixel = struct.pack(">I", 2) + zlib.compress(b"\0\xff\xff\xff")
    first = png_builder.insert_before(
        png_builder.png(width, height), b"IDAT", (b"acTL", struct.pack(">II", 2, 0)), (b"fcTL", frame)
    )
    return png_builder.insert_before(first, b"IEND", (b"fcTL", corner), (b"fdAT", pixel))


@edge_case("unusual", "image", seen="run: Pillow 13.0.0 and OpenCV 5 pass over them", applies=sized_picture)
def png_trailing_bytes(response: HTTPResponse) -> HTTPResponse:
    """After the end of the PNG there are more bytes: a text."""
    return redraw_pictures(response, lambda width, height: png_builder.png(width, height) + b"\nmade by a fox\n")


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
    return redraw_pictures(response, lambda width, height: png_builder.SIGNATURE)


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
    return redraw_pictures(response, lambda width, height: change_chunk(png(width, height), b"IHDR", change))


@edge_case("invalid", "image", seen="W3C PNG, section 5.6; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_no_ihdr(response: HTTPResponse) -> HTTPResponse:
    """The PNG has no header: its first chunk is the pixels."""
    return redraw_pictures(response, lambda width, height: png_builder.without(png(width, height), b"IHDR"))


@edge_case("invalid", "image", seen="W3C PNG, section 9.2; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_bad_filter(response: HTTPResponse) -> HTTPResponse:
    """The first line of the PNG has filter type 5, which there is not."""
    return redraw_pictures(response, lambda width, height: png_builder.png_with_pixels(width, height, _filter_5))


def _filter_5(lines: bytes) -> bytes:
    return b"\x05" + lines[1:]


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 loads it, the lower half black", applies=sized_picture)
def png_short_data(response: HTTPResponse) -> HTTPResponse:
    """The PNG is whole as a file, and its pixels, once inflated, are half of those that its header tells."""
    return redraw_pictures(response, lambda width, height: png_builder.png_with_pixels(width, height, _first_half))


def _first_half(lines: bytes) -> bytes:
    return lines[: len(lines) // 2]


@edge_case("invalid", "image", seen="PngSuite xdtn0g01; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_no_idat(response: HTTPResponse) -> HTTPResponse:
    """The PNG has a header and an end, and no pixels between them."""
    return redraw_pictures(response, lambda width, height: png_builder.without(png(width, height), b"IDAT"))


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
    return redraw_pictures(response, lambda width, height: png_builder.without(png(width, height), b"IEND"))


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
    return redraw_pictures(response, lambda width, height: png_builder.png_with_pixels(width, height, _twice))


def _twice(lines: bytes) -> bytes:
    return lines * 2


def _with_pixels(response: HTTPResponse, change: Callable[[bytes], bytes]) -> HTTPResponse:
    return redraw_pictures(response, lambda width, height: change_chunk(png(width, height), b"IDAT", change))


@edge_case("tolerated", "image", seen="run: Pillow 13.0.0 loads it, OpenCV 5 refuses it", applies=sized_picture)
def png_no_plte(response: HTTPResponse) -> HTTPResponse:
    """The pixels of the PNG are indices, and it has no palette."""
    return redraw_pictures(
        response, lambda width, height: png_builder.without(png(width, height, png_builder.INDEXED), b"PLTE")
    )


@edge_case(
    "tolerated", "image", seen="W3C PNG, section 11.2.2; run: Pillow 13.0.0 and OpenCV 5 load it", applies=sized_picture
)
def png_index_out_of_range(response: HTTPResponse) -> HTTPResponse:
    """Pixels of the PNG are indices beyond the end of its palette."""
    form = Form(8, 3, (0,), (255,), png_builder.INDEXED.chunks)
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
        response, lambda width, height: png_builder.insert_before(png(width, height), b"IDAT", (b"FOXX", b"red"))
    )


@edge_case(
    "invalid",
    "image",
    seen="Pillow 13 Image.py (decompression bombs); run: Pillow 13.0.0 refuses it",
    applies=sized_picture,
)
def bomb_header_only(response: HTTPResponse) -> HTTPResponse:
    """A PNG of 45 bytes whose header tells 30,000 x 30,000 pixels, and which has none."""
    return redraw_pictures(
        response, lambda width, height: png_builder.joined([png_builder.header(30_000, 30_000), (b"IEND", b"")])
    )


def _flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 0xFF
    return bytes(changed)
