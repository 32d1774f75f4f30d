"""JPEGs written segment by segment: codings that Pillow does not write, and segments in their place.

Source: ITU-T T.81 (JPEG).
"""

from __future__ import annotations

import struct
from functools import lru_cache
from itertools import cycle

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
_APP0, _DQT, _DHT, _SOS, _DRI, _RST0 = 0xE0, 0xDB, 0xC4, 0xDA, 0xDD, 0xD0
_HUFFMAN, _ARITHMETIC = 0xC1, 0xC9  # extended sequential frames (table B.1: SOF1, SOF9)

# Units of 16 x 16 pixels, in YCbCr: four blocks of luminance, one each of two colours.
_UNIT = 16
_BLOCKS = 6
_COMPONENTS = b"\x03" + b"\x01\x22\0" + b"\x02\x11\x01" + b"\x03\x11\x01"
_SCAN = b"\x03" + b"\x01\0" + b"\x02\x11" + b"\x03\x11" + b"\0\x3f\0"


def segment(marker: int, data: bytes) -> bytes:
    """A marker segment as it stands in a file: marker, length, data (section B.1.1.4)."""
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def insert(jpeg: bytes, *segments: bytes) -> bytes:
    """With segments after the JFIF header of a file that Pillow wrote."""
    end = 4 + int.from_bytes(jpeg[4:6])
    return jpeg[:end] + b"".join(segments) + jpeg[end:]


def scan_of(jpeg: bytes) -> tuple[int, int]:
    """Where the pixels of a whole file with one scan start, after the header of the scan, and end."""
    at = len(SOI)
    while jpeg[at + 1] != _SOS:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return at + 2 + int.from_bytes(jpeg[at + 2 : at + 4]), len(jpeg) - len(EOI)


@lru_cache(maxsize=128)
def arithmetic(width: int, height: int) -> bytes:
    """The file of an even gray in arithmetic coding, of this size in pixels.

    Each unit is a restart interval of its own, so that all are coded alike: in one byte, by annex D, for six
    blocks each of which says "no difference" and "end of block".
    """
    marks = cycle(bytes([0xFF, _RST0 + number]) for number in range(8))
    pixels = b"".join(b"\x20" + mark for mark, _ in zip(marks, range(_units(width, height)), strict=False))[:-2]
    return _file(width, height, _ARITHMETIC, 8, segment(_DRI, b"\0\x01"), pixels)


@lru_cache(maxsize=128)
def twelve_bits(width: int, height: int) -> bytes:
    """The file of an even gray with 12 bits a sample, of this size in pixels.

    Its Huffman tables have one code, 0, which means "no difference" and "end of block": two bits a block.
    """
    tables = b"".join(segment(_DHT, bytes([table, 1]) + bytes(15) + b"\0") for table in (0x00, 0x10, 0x01, 0x11))
    bits = _units(width, height) * _BLOCKS * 2
    pixels = bytes(bits // 8) + (b"\x0f" if bits % 8 else b"")  # what is left of the last byte is ones (F.1.2.3)
    return _file(width, height, _HUFFMAN, 12, tables, pixels)


def _units(width: int, height: int) -> int:
    return -(-width // _UNIT) * -(-height // _UNIT)


def _file(width: int, height: int, frame: int, depth: int, tables: bytes, pixels: bytes) -> bytes:
    return b"".join(
        [
            SOI,
            segment(_APP0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
            *(segment(_DQT, bytes([table]) + b"\x08" * 64) for table in (0, 1)),
            segment(frame, struct.pack(">BHH", depth, height, width) + _COMPONENTS),
            tables,
            segment(_SOS, _SCAN),
            pixels,
            EOI,
        ]
    )
