"""Cases at the level `image`: PNGs that are right, but not the RGB of 8 bits that the API sends, then damaged ones.

Their bytes are written chunk by chunk (`images.png_builder`), since Pillow writes neither the rare forms nor damage.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import lru_cache

from pytest_imgresponse.edge_cases.mutators import redraw_pictures
from pytest_imgresponse.edge_cases.predicates import sized_picture
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images.png_builder import (
    GROUND,
    INDEXED,
    INK,
    SIGNATURE,
    TURNED,
    Form,
    c2pa_manifest_store,
    change_chunk,
    header,
    icc_profile,
    insert_before,
    joined,
    png,
    png_with_pixels,
    split,
    without,
)

_PALETTE = (b"PLTE", bytes(GROUND + INK))


def _drawn(response: HTTPResponse, form: Form, *, clear: bool = False) -> HTTPResponse:
    """With each picture a PNG whose pixels are written in this form; `clear` where parts are transparent."""
    return redraw_pictures(response, lambda width, height: png(width, height, form), clear=clear)


def _changed(response: HTTPResponse, change: Callable[[bytes], bytes]) -> HTTPResponse:
    """With each picture a plain PNG whose bytes were changed."""
    return redraw_pictures(response, lambda width, height: change(png(width, height)))


def _with_chunk(response: HTTPResponse, kind: bytes, data: bytes) -> HTTPResponse:
    """With each picture a plain PNG that has one more chunk before its pixels."""
    return _changed(response, lambda plain: insert_before(plain, b"IDAT", (kind, data)))


@edge_case(
    "unusual", "image", seen="PngSuite basn2c16; run: Pillow 13.0.0 keeps 8 of the 16 bits", applies=sized_picture
)
def png_16_bit(response: HTTPResponse) -> HTTPResponse:
    """The picture is a PNG with 16 bits a sample."""
    return _drawn(response, Form(16, 2, (8224, 16448, 24673), (58596, 23644, 10281)))


@edge_case("unusual", "image", seen="PngSuite basn0g16; run: Pillow 13.0.0 opens it as I;16", applies=sized_picture)
def png_16_bit_gray(response: HTTPResponse) -> HTTPResponse:
    """The picture is a gray PNG with 16 bits a sample, which a conversion to 8 bits may clip to white."""
    return _drawn(response, Form(16, 0, (15420,), (51401,)))


@edge_case("unusual", "image", seen="PngSuite basn0g08; run: Pillow 13.0.0 opens it as L", applies=sized_picture)
def png_gray(response: HTTPResponse) -> HTTPResponse:
    """The picture is a gray PNG: one sample a pixel, where code may count on three."""
    return _drawn(response, Form(8, 0, (60,), (200,)))


@edge_case("unusual", "image", seen="PngSuite basn0g01; run: Pillow 13.0.0 opens it as 1", applies=sized_picture)
def png_1_bit(response: HTTPResponse) -> HTTPResponse:
    """The picture is a PNG in black and white, with eight pixels to a byte."""
    return _drawn(response, Form(1, 0, (0,), (1,)))


@edge_case("unusual", "image", seen="PngSuite basn4a08; run: Pillow 13.0.0 opens it as LA", applies=sized_picture)
def png_gray_alpha(response: HTTPResponse) -> HTTPResponse:
    """The picture is a PNG of gray and alpha: two samples a pixel."""
    return _drawn(response, Form(8, 4, (60, 0), (200, 128)), clear=True)


@edge_case("unusual", "image", seen="PngSuite basn3p08; run: Pillow 13.0.0 opens it as P", applies=sized_picture)
def png_palette(response: HTTPResponse) -> HTTPResponse:
    """The picture is a PNG whose pixels are indices into a palette."""
    return _drawn(response, INDEXED)


@edge_case("unusual", "image", seen="PngSuite tbbn3p08; run: Pillow 13.0.0 opens it as P", applies=sized_picture)
def png_palette_trns(response: HTTPResponse) -> HTTPResponse:
    """The picture is a PNG with a palette whose colours let light through; it has no alpha channel."""
    return _drawn(response, Form(8, 3, (0,), (1,), (_PALETTE, (b"tRNS", b"\0\x80"))), clear=True)


@edge_case("unusual", "image", seen="PngSuite tbrn2c08; run: Pillow 13.0.0 opens it as RGB", applies=sized_picture)
def png_colour_key(response: HTTPResponse) -> HTTPResponse:
    """The picture is an RGB PNG without an alpha channel, in which one colour means transparent."""
    form = Form(chunks=((b"tRNS", bytes(byte for sample in INK for byte in (0, sample))),))
    return _drawn(response, form, clear=True)


@edge_case("unusual", "image", seen="PngSuite basi2c08; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_adam7(response: HTTPResponse) -> HTTPResponse:
    """The picture is an interlaced PNG: seven passes, some of them empty in a small picture."""
    return _drawn(response, Form(interlaced=True))


@edge_case("unusual", "image", seen="PngSuite basi0g01; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_adam7_1_bit(response: HTTPResponse) -> HTTPResponse:
    """The picture is an interlaced PNG in black and white, whose lines end within a byte in each pass."""
    return _drawn(response, Form(1, 0, (0,), (1,), interlaced=True))


@edge_case("unusual", "image", seen="PngSuite oi4n2c16; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_split_idat(response: HTTPResponse) -> HTTPResponse:
    """The pixels of the PNG are spread over several IDAT chunks, the first of two bytes and one of none."""
    return redraw_pictures(response, _split_idat)


def _split_idat(width: int, height: int) -> bytes:
    chunks = dict(split(png(width, height)))
    pixels = chunks.pop(b"IDAT")
    parts = [pixels[:2], b"", pixels[2:5], pixels[5:]]
    return joined([(b"IHDR", chunks[b"IHDR"]), *((b"IDAT", part) for part in parts), (b"IEND", b"")])


@edge_case(
    "unusual", "image", seen="W3C PNG, section 11.3.2.3 (iCCP); run: Pillow 13.0.0 loads it", applies=sized_picture
)
def png_iccp(response: HTTPResponse) -> HTTPResponse:
    """The PNG has an ICC profile that swaps red and green: who drops it gets other colours."""
    profile = b"swapped\0\0" + zlib.compress(icc_profile())
    return _with_chunk(response, b"iCCP", profile)


@edge_case("unusual", "image", seen="PngSuite exif2c08; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_exif(response: HTTPResponse) -> HTTPResponse:
    """The PNG has EXIF that says it is to be shown turned by 90 degrees, which swaps width and height."""
    return _with_chunk(response, b"eXIf", TURNED)


@edge_case("unusual", "image", seen="PngSuite ct1n0g04, cten0g04; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_text(response: HTTPResponse) -> HTTPResponse:
    """The PNG has text, in Latin-1 and in UTF-8, as image generators put the prompt there."""
    return redraw_pictures(response, _with_text)


def _with_text(width: int, height: int) -> bytes:
    latin = b"parameters\0un renard roux, sign\xe9"
    utf8 = "prompt\0\0\0ja\0\0赤い狐 🦊".encode()
    return insert_before(png(width, height), b"IDAT", (b"tEXt", latin), (b"iTXt", utf8))


@edge_case(
    "unusual", "image", seen="run: Pillow 13.0.0 refuses more than 1 MiB of text in a chunk", applies=sized_picture
)
def png_ztxt_over_1_mib(response: HTTPResponse) -> HTTPResponse:
    """The PNG has 2 MiB of text in a compressed chunk of 2 KiB: it is legal, and over Pillow's limit."""
    return _with_chunk(response, b"zTXt", _long_text())


@lru_cache(maxsize=1)
def _long_text() -> bytes:
    return b"Comment\0\0" + zlib.compress(b"fox " * 2**19, 9)


@edge_case("unusual", "image", seen="W3C PNG, section 5.4; libspng tests/misc/unknown.png", applies=sized_picture)
def png_private_chunk(response: HTTPResponse) -> HTTPResponse:
    """The PNG has an ancillary chunk that nobody knows."""
    return _with_chunk(response, b"foXx", b"red")


@edge_case("valid", "image", seen="nika#177, w3c/png#542; recordings of gpt-image models", applies=sized_picture)
def c2pa_cabx(response: HTTPResponse) -> HTTPResponse:
    """The PNG has a C2PA manifest store, as those of the API do; whoever writes it anew loses it."""
    return _with_chunk(response, b"caBX", c2pa_manifest_store())


@edge_case("unusual", "image", seen="Pillow 13 Tests/images/apng; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_apng(response: HTTPResponse) -> HTTPResponse:
    """The picture is an animated PNG of two frames."""
    return redraw_pictures(response, _apng)


def _apng(width: int, height: int) -> bytes:
    # W3C PNG, section 11.3.6: two frames without end, 200 ms each; the second is one white pixel in the corner.
    frame = struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 200, 1000, 0, 0)
    corner = struct.pack(">IIIIIHHBB", 1, 1, 1, 0, 0, 200, 1000, 0, 0)
    pixel = struct.pack(">I", 2) + zlib.compress(b"\0\xff\xff\xff")
    first = insert_before(png(width, height), b"IDAT", (b"acTL", struct.pack(">II", 2, 0)), (b"fcTL", frame))
    return insert_before(first, b"IEND", (b"fcTL", corner), (b"fdAT", pixel))


@edge_case("unusual", "image", seen="run: Pillow 13.0.0 and OpenCV 5 pass over them", applies=sized_picture)
def png_trailing_bytes(response: HTTPResponse) -> HTTPResponse:
    """After the end of the PNG there are more bytes: a text."""
    return _changed(response, lambda plain: plain + b"\nmade by a fox\n")


# Damaged ones. Each has one flaw, and right CRCs unless that is the flaw: a decoder that accepts it did not look there.


def _flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 0xFF
    return bytes(changed)


def _with_header(response: HTTPResponse, change: Callable[[bytes], bytes]) -> HTTPResponse:
    return _changed(response, lambda plain: change_chunk(plain, b"IHDR", change))


def _with_pixels(response: HTTPResponse, change: Callable[[bytes], bytes]) -> HTTPResponse:
    return _changed(response, lambda plain: change_chunk(plain, b"IDAT", change))


def _with_lines(response: HTTPResponse, change: Callable[[bytes], bytes]) -> HTTPResponse:
    """With each picture a plain PNG whose scanlines were changed before they were compressed.

    The file is cached by `change`: give a function of this module, since each lambda is another key.
    """
    return redraw_pictures(response, lambda width, height: png_with_pixels(width, height, change))


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
    return redraw_pictures(response, lambda width, height: SIGNATURE)


@edge_case(
    "invalid", "image", seen="PngSuite xlfn0g04 and xcrn0g04; run: Pillow 13.0.0 refuses it", applies=sized_picture
)
def png_as_text(response: HTTPResponse) -> HTTPResponse:
    """The PNG was sent as text: each carriage return before a line feed is gone, in its signature too."""
    return _changed(response, lambda plain: plain.replace(b"\r\n", b"\n"))


@edge_case("invalid", "image", seen="PngSuite xhdn0g08; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_bad_ihdr_crc(response: HTTPResponse) -> HTTPResponse:
    """The CRC of the PNG's header is wrong."""
    return _changed(response, lambda plain: _flipped(plain, 32))


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
    """The header of the PNG says 3 bits a sample, which no PNG has."""
    return _with_header(response, lambda ihdr: ihdr[:8] + b"\x03" + ihdr[9:])


@edge_case("invalid", "image", seen="PngSuite xc1n0g08, xc9n2c08; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_bad_colour_type(response: HTTPResponse) -> HTTPResponse:
    """The header of the PNG says colour type 1, which does not exist."""
    return _with_header(response, lambda ihdr: ihdr[:9] + b"\x01" + ihdr[10:])


@edge_case("tolerated", "image", seen="W3C PNG, section 11.2.1; run: Pillow 13.0.0 loads it", applies=sized_picture)
def png_bad_compression(response: HTTPResponse) -> HTTPResponse:
    """The header of the PNG says compression method 1, which does not exist."""
    return _with_header(response, lambda ihdr: ihdr[:10] + b"\x01" + ihdr[11:])


@edge_case("invalid", "image", seen="W3C PNG, section 11.2.1; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_bad_interlace(response: HTTPResponse) -> HTTPResponse:
    """The header of the PNG says interlace method 2, which does not exist."""
    return _with_header(response, lambda ihdr: ihdr[:12] + b"\x02")


@edge_case("invalid", "image", seen="W3C PNG, section 5.6; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_no_ihdr(response: HTTPResponse) -> HTTPResponse:
    """The PNG has no header: its first chunk is the pixels."""
    return _changed(response, lambda plain: without(plain, b"IHDR"))


@edge_case("invalid", "image", seen="W3C PNG, section 9.2; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_bad_filter(response: HTTPResponse) -> HTTPResponse:
    """The first line of the PNG has filter type 5, which does not exist."""
    return _with_lines(response, _filter_5)


def _filter_5(lines: bytes) -> bytes:
    return b"\x05" + lines[1:]


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 loads it, the lower half black", applies=sized_picture)
def png_short_data(response: HTTPResponse) -> HTTPResponse:
    """The PNG is whole as a file, and its pixels, once inflated, are half as many as its header says."""
    return _with_lines(response, _first_half)


def _first_half(lines: bytes) -> bytes:
    return lines[: len(lines) // 2]


@edge_case("invalid", "image", seen="PngSuite xdtn0g01; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def png_no_idat(response: HTTPResponse) -> HTTPResponse:
    """The PNG has a header and an end, and no pixels between them."""
    return _changed(response, lambda plain: without(plain, b"IDAT"))


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
    return _changed(response, lambda plain: _flipped(plain, -13))


@edge_case("tolerated", "image", seen="run: Pillow 13.0.0 loads it, OpenCV 5 refuses it", applies=sized_picture)
def png_no_iend(response: HTTPResponse) -> HTTPResponse:
    """The PNG ends after its pixels, without the chunk that says so."""
    return _changed(response, lambda plain: without(plain, b"IEND"))


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
    """The pixels of the PNG, once inflated, are twice as many as its header says."""
    return _with_lines(response, _twice)


def _twice(lines: bytes) -> bytes:
    return lines * 2


@edge_case("tolerated", "image", seen="run: Pillow 13.0.0 loads it, OpenCV 5 refuses it", applies=sized_picture)
def png_no_plte(response: HTTPResponse) -> HTTPResponse:
    """The pixels of the PNG are indices, and it has no palette."""
    return redraw_pictures(response, lambda width, height: without(png(width, height, INDEXED), b"PLTE"))


@edge_case(
    "tolerated", "image", seen="W3C PNG, section 11.2.2; run: Pillow 13.0.0 and OpenCV 5 load it", applies=sized_picture
)
def png_index_out_of_range(response: HTTPResponse) -> HTTPResponse:
    """Pixels of the PNG are indices beyond the end of its palette."""
    return _drawn(response, Form(8, 3, (0,), (255,), INDEXED.chunks))


@edge_case(
    "tolerated",
    "image",
    seen="W3C PNG, section 5.4; run: Pillow 13.0.0 loads it, OpenCV 5 refuses it",
    applies=sized_picture,
)
def png_unknown_critical_chunk(response: HTTPResponse) -> HTTPResponse:
    """The PNG has a chunk that nobody knows, and whose name says that nobody may pass over it."""
    return _changed(response, lambda plain: insert_before(plain, b"IDAT", (b"FOXX", b"red")))


@edge_case(
    "invalid",
    "image",
    seen="Pillow 13 Image.py (decompression bombs); run: Pillow 13.0.0 refuses it",
    applies=sized_picture,
)
def bomb_header_only(response: HTTPResponse) -> HTTPResponse:
    """A PNG of 45 bytes whose header says 30,000 x 30,000 pixels, and which has none."""
    return redraw_pictures(response, lambda width, height: joined([header(30_000, 30_000), (b"IEND", b"")]))
