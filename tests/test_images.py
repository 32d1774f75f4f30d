"""The judge of picture bytes: what it says of whole, odd, damaged and hostile files, each made here by hand or by Pillow."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections import OrderedDict
from pathlib import Path

import pytest
from PIL import Image, ImageFile

from pytest_imgresponse import ResponseError
from pytest_imgresponse.api import families
from pytest_imgresponse.images import (
    FORMATS,
    OUTPUT_FORMATS,
    PIXEL_LIMIT_WORDS,
    judge,
    open_image,
    suffix_of,
    webp_builder,
)
from pytest_imgresponse.images.judge import Judgement, judged
from pytest_imgresponse.images.make import make_picture, saved

SIGNATURE = b"\x89PNG\r\n\x1a\n"
NOISE = Image.frombytes("RGB", (40, 30), random.Random(7).randbytes(3600))


def say(data: bytes) -> list[tuple[str, str]]:
    return [(remark.verdict, remark.message) for remark in judged(data).remarks]


def one(data: bytes) -> tuple[str, str]:
    said = say(data)
    assert len(said) == 1, said
    return said[0]


# --- PNG ---------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes = b"", crc: bytes | None = None) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data)) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + checksum


def header(width=16, height=16, depth=8, colour=2, compression=0, filtering=0, interlace=0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, compression, filtering, interlace))


def rows(width=16, height=16, pixel=b"\1\2\3") -> bytes:
    return (b"\0" + pixel * width) * height


def idat(raw: bytes | None = None) -> bytes:
    return chunk(b"IDAT", zlib.compress(rows() if raw is None else raw))


def flushed(raw: bytes) -> bytes:
    """A zlib stream without its end."""
    engine = zlib.compressobj()
    return engine.compress(raw) + engine.flush(zlib.Z_FULL_FLUSH)


END = chunk(b"IEND")
ROWS = zlib.compress(rows())


def png(*chunks: bytes, head: bytes | None = None, end: bytes = END) -> bytes:
    return b"".join([SIGNATURE, header() if head is None else head, *(chunks or (idat(),)), end])


def indexed(*chunks: bytes, index: int = 1, depth: int = 8) -> bytes:
    return png(*chunks, idat(rows(pixel=bytes([index]))), head=header(depth=depth, colour=3))


PALETTE = chunk(b"PLTE", b"\1\2\3\4\5\6")
TEXT = chunk(b"tEXt", b"a\0b")
BOMB = zlib.compress(bytes(2_000_000))


FCTL = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 16, 16, 0, 0, 1, 10, 0, 0))


@pytest.mark.parametrize(
    "data",
    [
        png(),
        png(chunk(b"caBX", b"a manifest"), chunk(b"eXIf", b"II*\0"), TEXT, idat(), chunk(b"tIME", bytes(7))),
        png(chunk(b"IDAT", ROWS[:2]), chunk(b"IDAT"), chunk(b"IDAT", ROWS[2:9]), chunk(b"IDAT", ROWS[9:])),
        png(chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"a profile")), idat()),
        png(chunk(b"gAMA", struct.pack(">I", 45455)), idat()),
        indexed(PALETTE),
        png(chunk(b"acTL", struct.pack(">II", 0, 0)), idat()),  # no frames: Pillow warns
        png(chunk(b"acTL", struct.pack(">II", 1, 0)), chunk(b"acTL", struct.pack(">II", 1, 0)), idat()),  # warns too
        png(idat(), chunk(b"PLTE", bytes(4)), chunk(b"acTL", struct.pack(">II", 2, 0)), FCTL),  # too late to count
    ],
)
def test_a_right_png_gets_no_remark(data):
    assert judged(data) == Judgement("png", (16, 16), True)


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 1), (1, 5), (7, 9), (8, 8), (33, 17)])
@pytest.mark.parametrize(
    ("colour", "depth"),
    [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 8), (4, 8), (4, 16), (6, 8), (6, 16)],
)
def test_each_form_of_png_is_whole_with_all_its_rows_and_broken_without_the_last_byte(colour, depth, size, interlace):
    width, height = size
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = [(0, 0, 1, 1)]
    if interlace:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x, y, dx, dy in passes:
        columns, lines = len(range(x, width, dx)), len(range(y, height, dy))
        raw += (b"\0" + bytes((columns * bits + 7) // 8)) * lines if columns else b""
    palette = [chunk(b"PLTE", bytes(6))] if colour == 3 else []
    head = header(width, height, depth, colour, interlace=interlace)
    whole = judged(png(*palette, idat(raw), head=head))
    assert (whole.size, whole.remarks, whole.opaque) == (size, (), colour not in (4, 6))
    verdict, message = one(png(*palette, idat(raw[:-1]), head=head))
    assert verdict == "invalid"
    assert message.startswith("PNG holds ")


BROKEN_PNG = {
    "8 bytes": (SIGNATURE, "PNG breaks off in its header, after 8 bytes"),
    "no CRC of the header": (SIGNATURE + header()[:-2], "PNG breaks off in its header, after 31 bytes"),
    "no header": (
        SIGNATURE + idat(b"") + END,
        "PNG begins with the chunk IDAT of 8 bytes: expected its header, IHDR of 13",
    ),
    "short header": (
        png(head=chunk(b"IHDR", bytes(12))),
        "PNG begins with the chunk IHDR of 12 bytes: expected its header, IHDR of 13",
    ),
    "header CRC": (png(head=header()[:-4] + b"fail"), "PNG has a wrong CRC in its header (IHDR)"),
    "two headers": (png(header(9000, 9000), idat()), "PNG has a second header (IHDR)"),
    "no width": (png(head=header(0, 16)), "PNG has 0x16 pixels: a picture has 1x1 or more"),
    "no height": (png(head=header(16, 0)), "PNG has 16x0 pixels: a picture has 1x1 or more"),
    "too wide": (png(head=header(2**31, 1)), "PNG has 2147483648x1 pixels: a side has 2147483647 at most"),
    "depth": (png(head=header(depth=3)), "PNG has 3 bits with the colour type 2: there is no such pair"),
    "colour": (png(head=header(colour=1)), "PNG has 8 bits with the colour type 1: there is no such pair"),
    "pair": (png(head=header(depth=4)), "PNG has 4 bits with the colour type 2: there is no such pair"),
    "filter method": (png(head=header(filtering=1)), "PNG has the filter method 1: 0 is the highest"),
    "interlace": (png(head=header(interlace=2)), "PNG has the interlace method 2: 1 is the highest"),
    "no IDAT": (png(TEXT), "PNG holds no pixels: it has no IDAT chunk"),
    "empty IDAT": (png(chunk(b"IDAT")), "PNG holds no zlib stream in its IDAT chunks"),
    "no deflate": (png(chunk(b"IDAT", b"\0\0" + ROWS[2:])), "PNG holds no zlib stream in its IDAT chunks"),
    "large window": (png(chunk(b"IDAT", b"\x88\x1c" + ROWS[2:])), "PNG holds no zlib stream in its IDAT chunks"),
    "half": (png(idat(rows()[: 49 * 5 + 1])), "PNG holds 5 of 16 rows"),
    "nothing": (png(idat(b"")), "PNG holds 0 of 16 rows"),
    "behind another": (png(chunk(b"IDAT", ROWS[:10]), TEXT, chunk(b"IDAT", ROWS[10:])), "PNG holds 1 of 16 rows"),
    "damaged later": (
        png(chunk(b"IDAT", flushed(rows()[:490]) + b"\xff" * 20)),
        "PNG holds 10 of 16 rows: its data is damaged (Error -3 while decompressing data: invalid block type)",
    ),
    "filter": (
        png(idat(rows(height=3) + b"\5" + rows(height=13)[1:])),
        "PNG has the filter type 5 in row 3: there are 0 to 4",
    ),
    "damaged": (
        png(chunk(b"IDAT", ROWS[:2] + b"\xff" * 20)),
        "PNG holds 0 of 16 rows: its data is damaged (Error -3 while decompressing data: invalid block type)",
    ),
    "cut": (png()[:60], "PNG breaks off in its chunk IDAT, after 19 of 22 bytes"),
    "cut text": (png(TEXT)[:42], "PNG breaks off in its chunk tEXt, after 1 of 3 bytes"),
    "cut frame": (
        png(idat(), chunk(b"fdAT", bytes(9)))[:-19],
        "PNG breaks off in its chunk fdAT, after 6 of 9 bytes",
    ),
    "type": (
        png(chunk(b"te\0t", b"a"), idat()),
        r"PNG is damaged: at byte 37 te\x00t, where the type of a chunk has to be",
    ),
    "palette": (indexed(chunk(b"PLTE", bytes(4))), "PNG has a palette (PLTE) of 4 bytes: expected 3 for each colour"),
    "long palette": (
        indexed(chunk(b"PLTE", bytes(257 * 3))),
        "PNG has a palette (PLTE) of 771 bytes: expected 3 for each colour",
    ),
    "palette CRC": (indexed(PALETTE[:-4] + b"fail"), "PNG has a wrong CRC in its palette (PLTE)"),
}


@pytest.mark.parametrize("name", BROKEN_PNG)
def test_a_broken_png_is_invalid_and_the_message_says_why(name):
    data, message = BROKEN_PNG[name]
    assert one(data) == ("invalid", message)
    assert judged(data) == Judgement("png", remarks=judged(data).remarks)


def test_the_filter_type_is_told_with_its_row_beyond_the_first_piece():
    raw = bytearray(rows(64, 2000))
    raw[1500 * 193] = 7
    assert one(png(idat(bytes(raw)), head=header(64, 2000))) == (
        "invalid",
        "PNG has the filter type 7 in row 1500: there are 0 to 4",
    )


def test_the_rows_of_adam7_are_counted_through_its_passes():
    head = header(8, 8, colour=0, interlace=1)
    lines = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]  # pixels and rows of each pass
    raw = b"".join((b"\0" + bytes(pixels)) * count for pixels, count in lines)
    assert one(png(idat(raw[:-20]), head=head)) == ("invalid", "PNG holds 12 of 15 rows")
    assert one(png(idat(raw[:-9] + b"\x05" + bytes(8)), head=head)) == (
        "invalid",
        "PNG has the filter type 5 in row 14: there are 0 to 4",
    )


DAMAGED_PNG = {
    "IDAT CRC": (png(idat()[:-4] + b"fail"), "PNG has a wrong CRC in its chunk IDAT at byte 33"),
    "text CRC": (png(TEXT[:-4] + b"fail", idat()), "PNG has a wrong CRC in its chunk tEXt at byte 33"),
    "two CRCs": (
        png(TEXT[:-4] + b"fail", idat()[:-4] + b"fail"),
        "PNG has a wrong CRC in its chunk tEXt at byte 33",
    ),
    "no end": (png(end=b""), "PNG has no end (IEND), or not the whole of it"),
    "cut in the last CRC": (png(end=b"")[:-3], "PNG has no end (IEND), or not the whole of it"),
    "cut behind the pixels": (png(idat(), TEXT)[:-17], "PNG has no end (IEND), or not the whole of it"),
    "cut in the end": (png()[:-1], "PNG has no end (IEND), or not the whole of it"),
    "no Adler-32": (png(chunk(b"IDAT", ROWS[:-4])), "PNG has no Adler-32 checksum after its rows"),
    "Adler-32": (png(chunk(b"IDAT", ROWS[:-4] + b"fail")), "PNG has a wrong Adler-32 checksum after its rows"),
    "more": (png(idat(rows() + b"more")), "PNG holds more data than its 16 rows take"),
    "no PLTE": (indexed(), "PNG has pixels by the colours of a palette, and no palette (PLTE)"),
    "empty PLTE": (
        indexed(chunk(b"PLTE")),
        "PNG has pixels by the colours of a palette, and no palette (PLTE)",
    ),
    "index": (indexed(PALETTE, index=9), "PNG uses the colour 9 of a palette of 2, from 0"),
    "critical": (png(chunk(b"FOXX", b"red"), idat()), "PNG has the critical chunk FOXX, which no standard knows"),
    "critical CRC": (
        png(chunk(b"FOXX", b"red", b"fail"), idat()),
        "PNG has a wrong CRC in its chunk FOXX at byte 33",
    ),
    "text method": (
        png(chunk(b"zTXt", b"a\0\1b"), idat()),
        "PNG has all its rows, and Pillow refuses it: Pillow makes nothing of its header",
    ),
}


@pytest.mark.parametrize("name", DAMAGED_PNG)
def test_a_png_that_decoders_disagree_on_is_tolerated(name):
    data, message = DAMAGED_PNG[name]
    assert one(data) == ("tolerated", message)
    assert judged(data).size == (16, 16)


def test_a_chunk_that_pillow_refuses_is_tolerated():
    verdict, message = one(png(chunk(b"tRNS", b"\0"), idat()))  # what it says differs from Pillow to Pillow
    assert verdict == "tolerated"
    assert message.startswith("PNG has all its rows, and Pillow refuses it: Pillow ")


def test_damage_after_all_rows_is_tolerated():
    assert one(png(chunk(b"IDAT", flushed(rows()) + b"\xff" * 9))) == (
        "tolerated",
        "PNG has all its 16 rows, and after them its data is damaged",
    )


@pytest.mark.parametrize(
    "text",
    [
        [chunk(b"zTXt", b"a\0\0" + BOMB)],
        [chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB)],
        [chunk(b"tEXt", b"a\0" + bytes(65_000_000)), chunk(b"tEXt", b"b\0" + bytes(3_000_000))],
    ],
)
def test_text_over_a_limit_of_pillow_is_legal(text):
    verdict, message = one(png(*text, idat()))
    assert verdict == "unusual"
    assert message.startswith("PNG has all its rows, and Pillow refuses it: Pillow says ")


def test_an_animated_png_is_unusual_and_all_frames_are_decoded():
    frames = [NOISE.rotate(angle) for angle in (5, 10)]
    data = saved(NOISE, "png", save_all=True, append_images=frames)
    assert one(data) == ("unusual", "PNG is animated (APNG): 3 frames")
    second = data.index(b"fdAT")
    length = int.from_bytes(data[second - 4 : second])
    body = data[second + 4 : second + 8] + b"\xff" * (length - 4)
    damaged = data[: second - 4] + chunk(b"fdAT", body) + data[second + 8 + length :]
    assert say(damaged) == [
        ("unusual", "PNG is animated (APNG): 3 frames"),
        (
            "tolerated",
            "PNG has all its rows, and Pillow refuses it: Pillow says 'broken data stream when reading image file'",
        ),
    ]


def test_a_still_in_the_form_of_an_animation_is_a_still():
    assert say(png(chunk(b"acTL", struct.pack(">II", 1, 0)), FCTL, idat())) == []


@pytest.mark.parametrize(
    ("data", "opaque"),
    [
        (png(idat(rows(pixel=b"\1\2\3\xff")), head=header(colour=6)), True),
        (png(idat(rows(pixel=b"\1\2\3\xfe")), head=header(colour=6)), False),
        (png(idat(rows(pixel=b"\1\xff")), head=header(colour=4)), True),
        (png(idat(rows(pixel=b"\1\0")), head=header(colour=4)), False),
        (indexed(PALETTE, chunk(b"tRNS", b"\0\xff")), True),  # the clear colour is not used
        (indexed(PALETTE, chunk(b"tRNS", b"\xff\x80")), False),
        (png(chunk(b"tRNS", b"\0\1\0\2\0\3"), idat()), False),
        (png(chunk(b"tRNS", b"\0\1\0\2\0\4"), idat()), True),
        (png(chunk(b"tRNS", b"\0\1"), idat(rows(pixel=b"\1")), head=header(colour=0)), False),
        (png(chunk(b"tRNS", b"\0\1"), idat(rows(pixel=b"\0\1")), head=header(depth=16, colour=0)), None),
        (png(chunk(b"tRNS", b"\0\1\0\1\0\1"), idat(rows(pixel=b"\0\1" * 3)), head=header(depth=16)), None),
        (png(idat()[:-4] + b"fail"), True),
        (png(TEXT[:-4] + b"fail", idat(rows(pixel=b"\1\2\3\0")), head=header(colour=6)), False),
    ],
)
def test_whether_every_pixel_is_opaque_is_known_for_each_kind_of_transparency(data, opaque):
    assert judged(data).opaque is opaque


# --- JPEG --------------------------------------------------------------------------------------------------------

EOI = b"\xff\xd9"
JPEG = saved(NOISE, "jpeg")
SCAN = JPEG.index(b"\xff\xda") + 14  # after the header of the scan, which has three components
FRAME = JPEG.index(b"\xff\xc0")


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def reframed(marker: int = 0xC0, precision: int = 8, size: tuple[int, int] = (40, 30), jpeg: bytes = JPEG) -> bytes:
    frame = bytes([0xFF, marker, 0, 17, precision]) + struct.pack(">HH", size[1], size[0])
    return jpeg[:FRAME] + frame + jpeg[FRAME + 9 :]


@pytest.mark.parametrize(
    "data",
    [
        JPEG,
        saved(NOISE, "jpeg", progressive=True),
        saved(NOISE.convert("L"), "jpeg"),
        saved(NOISE.convert("CMYK"), "jpeg"),
        saved(NOISE, "jpeg", restart_marker_blocks=1),
        JPEG[:2] + b"\xff\xff\xff" + JPEG[2:],
        JPEG[:2] + b"\xff\xd8\xff\x01" + JPEG[2:],  # markers without a length
        JPEG[:2] + segment(0xEB, b"JP" + bytes(50)) + segment(0xFE, b"a comment") + JPEG[2:],
        JPEG[:2] + segment(0xF0, reframed(size=(9000, 9000))[FRAME : FRAME + 19]) + JPEG[2:],  # read by Pillow
        JPEG[:2] + segment(0xE1, b"Exif\0\0" + random.Random(1).randbytes(300)) + JPEG[2:],
        JPEG[:2] + segment(0xE2, b"MPF\0II*\0" + bytes(30)) + JPEG[2:],  # Pillow warns of a malformed MPO
        JPEG[:SCAN] + b"\x5a" * 300 + JPEG[SCAN + 300 :],  # other pixels
    ],
)
def test_a_right_jpeg_gets_no_remark(data):
    assert judged(data) == Judgement("jpeg", (40, 30), True)


BROKEN_JPEG = {
    "3 bytes": (JPEG[:3], "JPEG breaks off in its header: 3 bytes, and no end (EOI)"),
    "half": (JPEG[: len(JPEG) // 2], f"JPEG breaks off within its pixels: {len(JPEG) // 2} bytes, and no end (EOI)"),
    "no EOI": (JPEG[:-2], f"JPEG breaks off within its pixels: {len(JPEG) - 2} bytes, and no end (EOI)"),
    "half in a thumbnail": (
        JPEG[:2] + segment(0xE1, b"a thumbnail" + EOI) + JPEG[2 : SCAN + 50],
        f"JPEG breaks off within its pixels: {SCAN + 67} bytes, and no end (EOI)",
    ),
    "segment": (
        JPEG[:2] + b"\xff\xdb\xff\xff" + JPEG[2:],
        "JPEG breaks off in its header: the segment FFDB at byte 2 is not whole",
    ),
    "length": (
        JPEG[:2] + b"\xff\xe5\0\1" + JPEG[2:],
        "JPEG breaks off in its header: the segment FFE5 at byte 2 is not whole",
    ),
    "no scan": (JPEG[: SCAN - 14] + EOI, "JPEG holds no pixels: it has no scan (SOS)"),
    "no frame": (
        JPEG[:FRAME] + JPEG[FRAME + 19 :],
        "JPEG has no frame header (SOF) before its pixels",
    ),
    "two frames": (JPEG[:FRAME] + JPEG[FRAME : FRAME + 19] + JPEG[FRAME:], "JPEG has a second frame header (SOF)"),
    "short frame": (
        JPEG[:FRAME] + segment(0xC0, b"\x08\0\x10") + JPEG[FRAME + 19 :],
        "JPEG has a frame header (SOF) of 7 bytes",
    ),
    "components": (
        JPEG[: FRAME + 9] + b"\4" + JPEG[FRAME + 10 :],
        "JPEG has 4 components in a frame header (SOF) of 19 bytes",
    ),
    "no components": (
        JPEG[:FRAME] + segment(0xC0, b"\x08\0\x10\0\x10\0") + JPEG[FRAME + 19 :],
        "JPEG has 0 components in a frame header (SOF) of 10 bytes",
    ),
    "no height": (reframed(size=(40, 0)), "JPEG has 40x0 pixels: a picture has 1x1 or more"),
    "precision": (reframed(precision=9), "JPEG has 9 bits, which its process (SOF0) does not know"),
    "lossless precision": (reframed(0xC3, 17), "JPEG has 17 bits, which its process (SOF3) does not know"),
    "tables": (
        JPEG.replace(segment(0xC4, b"")[:2], b"\xff\xdd", 1),
        "JPEG cannot be decoded: Pillow says 'broken data stream when reading image file'",
    ),
}


@pytest.mark.parametrize("name", BROKEN_JPEG)
def test_a_broken_jpeg_is_invalid_and_the_message_says_why(name):
    data, message = BROKEN_JPEG[name]
    assert one(data) == ("invalid", message)


@pytest.mark.parametrize(
    "damage",
    [
        segment(0xC4, b"abc"),  # tables that are none
        JPEG[FRAME : FRAME + 19],  # a frame
        b"\xff\xe1\xff\xff",  # a segment longer than the file
        segment(0xC4, b"abc") + b"\xff\xe1\xff\xff",  # both: one remark
    ],
)
def test_damage_within_the_pixels_of_a_jpeg_is_tolerated(damage):
    verdict, message = one(JPEG[: SCAN + 200] + damage + JPEG[SCAN + 200 :])
    assert verdict == "tolerated"
    assert message.startswith("JPEG is damaged within its pixels: ")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (reframed(0xC1, 12), "3 components of 12 bits, process SOF1"),
        (reframed(0xC3), "3 components of 8 bits, process SOF3"),
        (
            JPEG[:FRAME] + segment(0xC0, b"\x08\0\x1e\0\x28\2\1\x11\0\2\x11\1") + JPEG[FRAME + 19 :],
            "2 components of 8 bits, process SOF0",
        ),
    ],
)
def test_a_legal_jpeg_that_pillow_cannot_decode_is_unusual(data, what):
    verdict, message = one(data)
    assert verdict == "unusual"
    assert message.startswith(f"JPEG is legal ({what}), and this Pillow cannot decode it: ")
    assert judged(data).size == (40, 30)


def test_many_scans_over_many_pixels_are_not_decoded():
    progressive = saved(Image.new("L", (16, 16)), "jpeg", progressive=True)
    frame, scan = progressive.index(b"\xff\xc2"), progressive.index(b"\xff\xda")
    large = progressive[: frame + 5] + struct.pack(">HH", 5000, 5000) + progressive[frame + 9 :]
    data = large[:scan] + large[scan:-2] * 9 + EOI
    verdict, message = one(data)
    assert (verdict, PIXEL_LIMIT_WORDS in message) == ("unusual", True)
    assert judged(data).cost == 34_000_000
    assert message.endswith(" scans of 5000x5000 pixels, over the pixel limit of 340000000: not decoded")


# --- WebP and GIF ------------------------------------------------------------------------------------------------

LOSSY, LOSSLESS = saved(NOISE, "webp"), saved(NOISE, "webp", lossless=True)
EXTENDED = saved(NOISE, "webp", exif=b"Exif\0\0II*\0")
CLEAR = NOISE.convert("RGBA")
CLEAR.putalpha(9)


def riff(data: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(data)) + b"WEBP" + data


@pytest.mark.parametrize(
    ("data", "opaque"),
    [
        (LOSSY, True),
        (LOSSLESS, True),
        (EXTENDED, True),
        (saved(CLEAR, "webp"), False),
        (saved(CLEAR, "webp", lossless=True), False),
        (riff(LOSSY[12:] + b"ODD \3\0\0\0abc\0MORE\4\0\0\0abcd"), True),
    ],
)
def test_a_right_webp_gets_no_remark(data, opaque):
    assert judged(data) == Judgement("webp", (40, 30), opaque)


BROKEN_WEBP = {
    "12 bytes": (riff(b""), "WebP holds no pixels: it has no chunk VP8, VP8L or VP8X"),
    "half": (LOSSY[:99], f"WebP breaks off: it has 99 of the {len(LOSSY)} bytes that its RIFF header announces"),
    "RIFF too long": (
        LOSSY[:4] + struct.pack("<I", len(LOSSY)) + LOSSY[8:],
        f"WebP breaks off: it has {len(LOSSY)} of the {len(LOSSY) + 8} bytes that its RIFF header announces",
    ),
    "RIFF too short": (
        LOSSY[:4] + struct.pack("<I", 92) + LOSSY[8:],
        f"WebP breaks off in its chunk VP8 : 80 of {len(LOSSY) - 20} bytes",
    ),
    "half in whole chunks": (
        riff(LOSSY[12:16] + struct.pack("<I", 200) + LOSSY[20:220]),
        "WebP cannot be decoded: Pillow says 'failed to read next frame'",
    ),
    "only EXIF": (
        riff(b"EXIF\4\0\0\0abcd"),
        "WebP holds no pixels where they are to begin: its first chunk is EXIF",
    ),
    "no key frame": (
        riff(LOSSY[12:23] + b"abc" + LOSSY[26:]),
        "WebP holds no pixels where they are to begin: its first chunk is VP8 ",
    ),
    "no signature": (
        riff(LOSSLESS[12:20] + b"\0" + LOSSLESS[21:]),
        "WebP holds no pixels where they are to begin: its first chunk is VP8L",
    ),
    "short header": (
        riff(b"VP8X\4\0\0\0abcd"),
        "WebP holds no pixels where they are to begin: its first chunk is VP8X",
    ),
    "frames of a still": (
        riff(b"VP8X\n\0\0\0\0\0\0\0\x27\0\0\x1d\0\0" + LOSSY[12:] + b"ANMF\0\0\0\0" * 2),
        "WebP cannot be decoded: Pillow says 'could not create decoder object'",
    ),
    "no width": (riff(LOSSY[12:26] + b"\0\0" + LOSSY[28:]), "WebP has 0x30 pixels: a picture has 1x1 or more"),
    "no picture": (
        riff(b"VP8X\n\0\0\0" + bytes(10)),
        "WebP cannot be decoded: Pillow says 'could not create decoder object'",
    ),
}


@pytest.mark.parametrize("name", BROKEN_WEBP)
def test_a_broken_webp_is_invalid_and_the_message_says_why(name):
    data, message = BROKEN_WEBP[name]
    assert one(data) == ("invalid", message)


def test_an_animated_webp_is_unusual_and_all_frames_are_decoded():
    data = saved(NOISE, "webp", save_all=True, append_images=[NOISE.rotate(5), NOISE.rotate(9)])
    assert one(data) == ("unusual", "WebP is animated: 3 frames")
    assert one(saved(NOISE, "webp", save_all=True, append_images=[CLEAR])) == ("unusual", "WebP is animated: 2 frames")
    key = data.rindex(b"\x9d\x01\x2a")
    assert one(data[:key] + b"abc" + data[key + 3 :])[0] == "invalid"


def sub_blocks(codes: bytes) -> bytes:
    parts = [codes[at : at + 255] for at in range(0, len(codes), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def gif(*blocks: bytes, size: tuple[int, int] = (8, 8)) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, 0, 0) + bytes(3) + b"\xff" * 3 + b"".join(blocks) + b";"


def frame(width: int = 8, height: int = 8, left: int = 0, table: bytes = b"") -> bytes:
    # Codes of three bits, with a clear code (4) before each pixel (0) so that they stay that long; 5 ends.
    bits = "".join(format(code, "03b")[::-1] for code in [*(4, 0) * (width * height), 5])
    codes = int(bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little")
    flags = 0x80 if table else 0
    return b"," + struct.pack("<HHHHB", left, 0, width, height, flags) + table + b"\2" + sub_blocks(codes)


@pytest.mark.parametrize(
    "data",
    [
        gif(frame()),
        gif(b"!\xfe" + sub_blocks(b"a comment" * 60), frame(), frame(4, 4, 2, table=bytes(6))),
        gif(b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0", frame(), b"!\xf9\4\0\1\0\0\0", frame()),
    ],
)
def test_a_right_gif_gets_no_remark(data):
    assert judged(data) == Judgement("gif", (8, 8), True)


def test_a_gif_is_clear_where_a_frame_is():
    assert judged(gif(b"!\xf9\4\1\0\0\0\0", frame())).opaque is False
    assert judged(gif(b"!\xf9\4\1\0\0\0\0", frame(), b"!\xf9\4\0\0\0\0\0", frame())).opaque is False
    assert judged(gif(b"!\xf9\4\1\0\0\1\0", frame())).opaque is True  # the clear colour is not used


def test_the_size_of_a_gif_is_that_of_its_screen_where_a_frame_is_larger():
    assert judged(gif(frame(12, 3))) == Judgement("gif", (8, 8), True)


BROKEN_GIF = {
    "6 bytes": (b"GIF89a", "GIF breaks off in its header, after 6 bytes"),
    "no frame": (gif(), "GIF holds no pixels: it has no image"),
    "no frame, no trailer": (gif()[:-1], "GIF holds no pixels: it has no image"),
    "no width": (gif(frame(), size=(0, 8)), "GIF has 0x8 pixels: a picture has 1x1 or more"),
    "half": (gif(frame())[:50], "GIF breaks off within a block, after 50 bytes"),
    "comment": (gif(frame(), b"!\xfe\x90abc"), f"GIF breaks off within a block, after {len(gif(frame())) + 6} bytes"),
    "frame header": (gif(frame())[:25], "GIF breaks off in the header of its frame 0, counted from 0"),
    "junk": (
        gif(frame(), b"A"),
        f"GIF is damaged: 0x41 at byte {len(gif(frame())) - 1}, where a block or the trailer has to begin",
    ),
    "short codes": (
        gif(frame()[:11] + sub_blocks(frame()[12:20])),
        "GIF cannot be decoded: Pillow says 'image file is truncated (1 bytes not processed)'",
    ),
    "short codes of the second": (
        gif(frame(), frame()[:11] + sub_blocks(frame()[12:20])),
        "GIF cannot be decoded: Pillow says 'image file is truncated (1 bytes not processed)'",
    ),
}


@pytest.mark.parametrize("name", BROKEN_GIF)
def test_a_broken_gif_is_invalid_and_the_message_says_why(name):
    data, message = BROKEN_GIF[name]
    assert one(data) == ("invalid", message)


@pytest.mark.parametrize("data", [gif(frame(), frame())[:-1], gif(frame(), b"!\xfe\1a\0")[:-1]])
def test_a_gif_without_its_trailer_is_tolerated_where_no_block_is_cut(data):
    assert one(data) == ("tolerated", "GIF has no trailer: frames may be missing")


def test_more_frames_than_the_limit_allows_are_decoded_in_part(monkeypatch):
    monkeypatch.setattr(judge, "_FRAMES_LIMIT", 2_500_000)
    damaged = frame()[:11] + sub_blocks(b"\xff" * 20)
    assert one(gif(*[frame(1, 1)] * 12, damaged, size=(500, 500))) == (
        "unusual",
        "GIF has 13 frames, over the pixel limit of 2500000 for all of them: decoded are 10",
    )


def test_a_frame_counts_for_more_than_its_pixels(monkeypatch):
    monkeypatch.setattr(judge, "_FRAMES_LIMIT", 100_000)
    assert say(gif(*[frame(1, 1)] * 10, size=(1, 1))) == []
    assert one(gif(*[frame(1, 1)] * 11, size=(1, 1)))[1].endswith(": decoded are 10")


def test_a_frame_that_only_pillow_finds_is_not_decoded_over_the_limit():
    # After an extension without data Pillow reads on: the next one is data to it, and in that data is a frame.
    hidden = b"," + struct.pack("<HHHHB", 0, 0, 9000, 9000, 0) + b"\2\1\0\0"
    data = gif(b"!\xf0\0", b"!\xfe", sub_blocks(bytes(31) + b"\0" + hidden), frame())
    assert one(data) == ("invalid", "GIF cannot be decoded: Pillow says '9000x9000 pixels in frame 0'")


# --- what all formats share --------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["png", "jpeg", "webp", "gif"])
def test_bytes_after_the_end_are_unusual(file_format):
    data = make_picture(file_format, 20, 10)
    name = {"webp": "WebP"}.get(file_format, file_format.upper())
    assert one(data + b"fox") == ("unusual", f"{name} ends at byte {len(data)}, and 3 bytes come after it")


def blocks_of_nothing(size: int) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    mebibyte = engine.compress(bytes(1 << 20)) + engine.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + mebibyte * -(-size // (1 << 20))


WIDE = {
    "png": png(chunk(b"IDAT", blocks_of_nothing(1678 * 13416)), head=header(13416, 13416, 1, 0)),
    "png beyond counting": png(chunk(b"IDAT", blocks_of_nothing(257 << 20)), head=header(30000, 30000)),
    "jpeg": reframed(size=(30000, 30000)),
    "webp": riff(b"VP8X\n\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2),
    "gif": gif(frame(1, 1), size=(30000, 30000)),
    "gif frame": gif(frame(1, 1, left=65000), b"," + struct.pack("<HHHHB", 0, 0, 1, 60000, 0) + b"\2\0"),
}


@pytest.mark.parametrize("name", WIDE)
def test_a_picture_over_the_pixel_limit_gets_that_one_remark(name):
    verdict, message = one(WIDE[name])
    assert verdict == "unusual"
    limit = 17_000_000 if name.startswith(("webp", "gif")) else 34_000_000
    assert message.endswith(f" pixels, over the pixel limit of {limit}: not decoded")
    assert (judged(WIDE[name]).size, judged(WIDE[name]).opaque) == (None, None)


def test_the_cost_of_a_picture_is_the_pixels_that_are_decoded():
    assert judged(make_picture("png", 200, 100)).cost == 20_000
    assert judged(make_picture("webp", 3, 4)).cost == 10_000
    assert judged(webp_builder.animated(200, 100, (1, 1, 1), (2, 2, 2))).cost == 40_000
    assert judged(webp_builder.animated(4000, 4000, *[(n, 1, 1) for n in range(9)])).cost == 34_000_000
    assert judged(make_picture("svg", 200, 100)).cost == judged(b"fox").cost == 0


def test_what_turns_out_to_be_broken_costs_its_pixels():
    assert judged(make_picture("png", 200, 100)[:-60]).cost == 0
    assert judged(png(head=header(200, 100))).cost == 20_000


def test_many_scans_cost_as_much_as_many_pictures():
    progressive = saved(Image.new("L", (200, 100)), "jpeg", progressive=True)
    scan = progressive.index(b"\xff\xda")
    assert judged(progressive).cost == 20_000
    assert judged(progressive[:-2] + progressive[scan:-2] * 9 + EOI).cost > 60_000


def test_a_header_that_claims_many_pixels_without_data_is_invalid():
    assert one(png(head=header(30000, 30000))) == ("invalid", "PNG holds 0 of 30000 rows")


def test_a_limit_that_is_set_for_pillow_is_no_fault_of_the_picture(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    verdict, message = one(make_picture("png", 31, 37))
    assert verdict == "unusual"
    assert message.startswith("PNG is over the limit that is set here for Pillow: Image size (1147 pixels) exceeds")


@pytest.mark.parametrize("data", [png(idat(rows()[:500])), JPEG[:700], LOSSY[:300], gif(frame(), frame(7, 7))[:55]])
def test_a_pillow_that_loads_truncated_pictures_changes_nothing(monkeypatch, data):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert one(data)[0] == "invalid"


# --- SVG ---------------------------------------------------------------------------------------------------------

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><path d="M0 0"/></svg>'


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (SVG, (40, 30)),
        (SVG.replace('"40"', '" 40.0px "'), (40, 30)),
        (SVG.replace('"40"', '"100%"'), None),
        (SVG.replace('"40"', '"40.5"'), None),
        (SVG.replace(' width="40"', ""), None),
        (SVG.replace('width="40" height="30"', 'viewBox="0 0 40 30"'), (40, 30)),
        (SVG.replace('width="40" height="30"', 'viewBox="-1,-1,40,30"'), (40, 30)),
        (SVG.replace('width="40" height="30"', 'viewBox="0 0 40"'), None),
        (SVG.replace('width="40" height="30"', ""), None),
        (f'\ufeff<?xml version="1.0"?>\n<!-- a fox -->{SVG}', (40, 30)),
        (f'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">{SVG}', (40, 30)),
        ('<s:svg xmlns:s="http://www.w3.org/2000/svg" width="4" height="3"/>', (4, 3)),
        (SVG.replace("<path", '<a href="https://example.org/"/><use href="#a"/><image href="data:,"/><path'), (40, 30)),
    ],
)
def test_a_right_svg_gets_no_remark(text, size):
    assert judged(text.encode()) == Judgement("svg", size)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SVG.replace("<path", "<script>1</script><g onload='1'/><path"), "SVG holds scripts: 2"),
        (SVG.replace("<path", "<foreignObject/><path"), "SVG holds foreignObject, which is no SVG: 1"),
        (SVG.replace("<path", "<image href=' https://a/b.png'/><use xmlns:xlink='x' xlink:href='b.svg#c'/><path"), "SVG holds references to other files: 2"),
        (SVG.replace("<path d=\"M0 0\"/>", "<g>" * 256 + "</g>" * 256), "SVG nests 257 elements: over 256 renderers give up"),
        (SVG + " " * (4 << 20), "SVG has 4194389 bytes: parsed are the first 4194304"),
    ],
)  # fmt: skip
def test_an_odd_svg_is_unusual(text, message):
    assert one(text.encode()) == ("unusual", message)


def test_an_svg_without_a_namespace_is_tolerated():
    bare = SVG.replace(' xmlns="http://www.w3.org/2000/svg"', "")
    message = "SVG has no namespace: expected xmlns='http://www.w3.org/2000/svg' at its root"
    assert one(bare.encode()) == ("tolerated", message)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_an_svg_in_utf_16_is_read_and_unusual(encoding):
    data = f'<?xml version="1.0" encoding="utf-16"?>{SVG}'.encode(encoding)
    assert one(data) == ("unusual", "SVG is encoded in UTF-16: UTF-8 is what is read everywhere")
    assert judged(data).size == (40, 30)


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SVG[:-3], "SVG is not well-formed: unclosed token: line 1, column 79"),
        (SVG[:-6], "SVG is not well-formed: no element found: line 1, column 79"),
        (SVG.replace("<path", "<b><path"), "SVG is not well-formed: mismatched tag: line 1, column 84"),
        (SVG.replace("<path", "&fox;<path"), "SVG is not well-formed: undefined entity: line 1, column 63"),
        (
            SVG.replace("http://www.w3.org/2000/svg", "https://www.w3.org/2000/svg"),
            "SVG has the namespace 'https://www.w3.org/2000/svg': expected 'http://www.w3.org/2000/svg'",
        ),
        (
            f'<!DOCTYPE svg [<!ENTITY l0 "fox">{LAUGHS}]>{SVG.replace("<path", "&l9;<path")}',
            "SVG declares a DTD of its own (<!DOCTYPE svg […]>), which a safe parser refuses",
        ),
        (
            f'<!DOCTYPE svg [<!ENTITY f SYSTEM "file:///etc/passwd">]>{SVG}',
            "SVG declares a DTD of its own (<!DOCTYPE svg […]>), which a safe parser refuses",
        ),
    ],
)
def test_a_broken_svg_is_invalid_and_the_message_says_why(text, message):
    assert one(text.encode()) == ("invalid", message)


@pytest.mark.parametrize("encoding", ["rot13", "no-such-encoding", "utf-7", "unicode_escape", "idna"])
def test_an_svg_that_names_an_odd_encoding_is_no_reason_to_raise(encoding):
    assert len(say(f'<?xml version="1.0" encoding="{encoding}"?>{SVG}'.encode())) <= 1


# --- what is no picture of the API -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "0 bytes"),
        (b"\x89PNG\n\x1a\n and so on", "a PNG whose first 8 bytes are damaged"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a RIFF file that is no WebP"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\0\1\2\3\4\5\6\7\x08\x09", "10 bytes that begin 00 01 02 03 04 05 06 07"),
        (b"BMW makes cars, no pictures", "text of 27 bytes that begin 'BMW makes cars, no pictu'"),
        (b"\0\0\1\0", "4 bytes that begin 00 00 01 00"),
        (b"sorry, no picture today", "text of 23 bytes that begin 'sorry, no picture today'"),
        (b'{"error": "quota"}', 'JSON of 18 bytes that begin \'{"error": "quota"}\''),
        (b"<!DOCTYPE html>\n<HTML><p>502<br></HTML>", "HTML"),
        (b"<html", "markup that is not well-formed (unclosed token: line 1, column 0)"),
        (b"<rss><channel/></rss>", "XML with the root 'rss'"),
        (b"<html>" + b" " * (4 << 20), "HTML"),
        (b"<!--" + b" " * (4 << 20) + b"--><svg/>", "markup without an element in its first 4194304 bytes"),
    ],
)
def test_what_is_no_picture_is_invalid_and_named(data, what):
    assert one(data) == ("invalid", f"no picture, but {what}: expected PNG, JPEG, WebP, GIF or SVG")
    assert judged(data).file_format is None


def test_a_picture_that_pillow_does_not_read_is_tolerated_and_not_decoded():
    data = b"\0\0\0\x1cftypheic" + bytes(20)
    message = f"a HEIC picture of {len(data)} bytes, not decoded: expected PNG, JPEG, WebP, GIF or SVG"
    assert one(data) == ("tolerated", message)


def test_a_video_is_no_picture():
    assert one(b"\0\0\0\x1cftypisom" + bytes(20))[0] == "invalid"


def test_the_formats_are_told_alike_everywhere():
    assert set(FORMATS.values()) == set(OUTPUT_FORMATS)
    assert all(FORMATS[suffix_of(make_picture(name, 8, 8))] == name for name in OUTPUT_FORMATS)
    assert set(families.STREAM_FORMATS) == set(OUTPUT_FORMATS) - {"gif", "svg"}


# --- keeping, threads, memory ------------------------------------------------------------------------------------


def test_what_was_said_of_the_same_bytes_is_kept_for_those_seen_last(monkeypatch):
    monkeypatch.setattr(judge, "_judged", OrderedDict())
    monkeypatch.setattr(judge, "_KEPT", 2)
    first, second, third = (make_picture("png", 50 + n, 60) for n in range(3))
    said, other = judged(first), judged(second)
    assert judged(bytes(bytearray(first))) is said
    judged(third)
    assert judged(first) is said
    assert judged(second) is not other
    assert judged(second) == other
    assert len(judge._judged) == 2


def test_threads_judge_at_once_and_leave_the_filters_of_warnings_as_they_were():
    filters, wrong = list(warnings.filters), []

    def work(seed: int) -> None:
        for n in range(10):
            data = make_picture(("png", "jpeg", "webp", "gif", "svg")[n % 5], 30 + seed, 40, seed=seed)
            wrong.extend(say(data))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert warnings.filters == filters


MEMORY = """
import struct, sys, zlib
sys.path.insert(0, {root!r})
from tests import test_images as made
from pytest_imgresponse.images.judge import judged

def peak():
    # Of this process alone; what `getrusage` tells begins with that of the process which started it.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

for file_format in ("png", "jpeg", "webp", "gif", "svg"):
    judged(made.make_picture(file_format, 64, 64))
ifd = struct.pack("<H", 5000) + b"".join(struct.pack("<HHII", tag, 1, 60000, 8) for tag in range(5000))
exif = made.segment(0xE1, b"Exif\\0\\0II*\\0\\x08\\0\\0\\0" + ifd) + made.segment(0xE2, b"MPF\\0II*\\0\\x08\\0\\0\\0" + ifd)
hostile = {{
    **made.WIDE,
    "claims": made.png(head=made.header(30000, 30000, colour=6)),
    "profile": made.png(made.chunk(b"iCCP", b"a\\0\\0" + made.blocks_of_nothing(200 << 20)), made.idat()),
    "text": made.png(made.chunk(b"zTXt", b"a\\0\\0" + made.blocks_of_nothing(200 << 20)), made.idat()),
    "exif": made.JPEG[:2] + exif + made.JPEG[2:],
    "laughs": ("<!DOCTYPE svg [<!ENTITY l0 'fox'>" + made.LAUGHS + "]><svg>&l9;</svg>").encode(),
    "names": ("<svg xmlns='" + "n" * 100000 + "'>" + "<a/>" * 100000 + "</svg>").encode(),
    "frames": made.gif(*[made.frame(1, 1)] * 9000, size=(100, 100)),
}}
for name, data in hostile.items():
    before = peak()
    judged(data)
    print(name, (peak() - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process alone is told by Linux")
def test_no_hostile_file_takes_memory():
    root = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", MEMORY.format(root=root)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    mebibytes = {name: int(taken) for name, taken in (line.rsplit(" ", 1) for line in done.stdout.splitlines())}
    assert len(mebibytes) == len(WIDE) + 7
    assert {name: taken for name, taken in mebibytes.items() if taken > 24} == {}


def test_no_program_is_started_for_what_a_stranger_sent():
    """Pillow hands EPS to Ghostscript, where there is one."""
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    with pytest.raises(
        ResponseError,
        match=r"bytes \(b'%!PS-Adobe-3'…\) are no PNG, JPEG, WebP, GIF, AVIF, TIFF, JPEG 2000, ICO or BMP",
    ):
        open_image(eps)
