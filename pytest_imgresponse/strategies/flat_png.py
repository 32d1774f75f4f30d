"""A PNG of two colours, put together from parts that are compressed once.

A picture of the usual size is made in 1 ms, where an encoder that looks at all its pixels takes ten: a test has its
first answers before Hypothesis finds them slow.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from pytest_imgresponse.images import odd

Colour = tuple[int, ...]
"""Levels from 0 to 255: red, green, blue, and alpha where there is one."""

_COLOUR_TYPES = {3: 2, 4: 6}
_AT_ONCE = 16
_SUB, _UP = b"\x01", b"\x02"


def flat_png(width: int, height: int, ink: Colour, ground: Colour) -> bytes:
    """A rectangle on a ground, in the middle half of the picture; `width` and `height` are 8 pixels at least."""
    header = odd.header(width, height, odd.Form(colour=_COLOUR_TYPES[len(ink)]))
    pixels = _zlib_stream(_rows(width, height, ink, ground))
    return odd.joined([header, (b"IDAT", pixels), (b"IEND", b"")])


def _rows(width: int, height: int, ink: Colour, ground: Colour) -> Iterator[tuple[bytes, int]]:
    """The filtered rows, and how often each is repeated: what is as above is all zeros (PNG, section 9.2)."""
    left, top = width // 4, height // 4
    depth, inside = len(ink), width - 2 * left
    as_above = _UP + bytes(width * depth)
    for number, (new, old) in enumerate(((ink, ground), (ground, ink))):
        step = bytes((a - b) % 256 for a, b in zip(new, old, strict=True))
        changed = _UP + bytes(left * depth) + step * inside + bytes(left * depth)
        if number == 0:
            yield _SUB + bytes(ground) + bytes((width - 1) * depth), 1
            yield as_above, top - 1
        yield changed, 1
        yield as_above, (height - 2 * top if number == 0 else top) - 1


def _zlib_stream(rows: Iterator[tuple[bytes, int]]) -> bytes:
    """The rows, compressed: parts that begin at a byte and look back at none before them (RFC 1951) can be repeated."""
    parts, checksum = [b"\x78\x01"], 1
    for row, times in rows:
        many, rest = divmod(times, _AT_ONCE)
        for block, count in ((row * _AT_ONCE, many), (row * rest, 1)):
            if count:
                parts += [_deflated(block)] * count
                for _ in range(count):
                    checksum = zlib.adler32(block, checksum)
    return b"".join([*parts, b"\x03\x00", checksum.to_bytes(4)])


def _deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH)
