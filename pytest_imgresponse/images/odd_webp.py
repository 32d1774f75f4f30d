"""Odd WebPs, written chunk by chunk: a file of any size in a few bytes. Source: RFC 9649."""

from __future__ import annotations

import struct

LONGEST = 16_384
"""Pixels of the longest side that lossless pixels can tell, in 14 bits (section 3.4)."""

_ANIMATED = 0x02  # the flag in the extended header (section 2.7.1)
_MAGIC = 0x2F


def riff(*chunks: bytes) -> bytes:
    """A file of these chunks (section 2.4)."""
    data = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(data)) + data


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk as it stands in a file: letters, length, data, and a byte where the length is odd (section 2.3)."""
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def flat(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """The chunk of lossless pixels that are all of one colour, given as red, green and blue.

    Each prefix code has one symbol, which takes no bits (section 3.7.2.1.1): no size takes more bytes than another.
    """
    red, green, blue = colour
    fields = [(_MAGIC, 8), (width - 1, 14), (height - 1, 14), (0, 1 + 3)]  # no alpha, version 0
    fields += [(0, 1), (0, 1), (0, 1)]  # no transform, no colour cache, one group of codes
    for symbol in (green, red, blue, 255):
        fields += [(1, 1), (0, 1), (1, 1), (symbol, 8)]  # a simple code of one symbol, in 8 bits
    fields += [(1, 1), (0, 1), (0, 1), (0, 1)]  # and one for distances, in 1 bit
    value = place = 0
    for field, bits in fields:
        value |= field << place
        place += bits
    return chunk(b"VP8L", value.to_bytes(-(-place // 8), "little"))


def animated(width: int, height: int, *colours: tuple[int, int, int]) -> bytes:
    """A file with a frame of each colour, 200 ms each (section 2.7.1.1)."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    frames = (
        chunk(b"ANMF", bytes(6) + size + (200).to_bytes(3, "little") + b"\0" + flat(width, height, colour))
        for colour in colours
    )
    return riff(chunk(b"VP8X", bytes([_ANIMATED, 0, 0, 0]) + size), chunk(b"ANIM", bytes(6)), *frames)
