"""Counting the rows of a PNG by inflating its data piece by piece, and keeping none of it."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable
from typing import NamedTuple

from pytest_imgresponse.images import PIXEL_LIMIT

_INFLATE_LIMIT = 4 * PIXEL_LIMIT
"""Bytes that are inflated at the most: what as many pixels take in RGBA."""
_PIECE = 1 << 16
_FILTERS = bytes(range(5))
"""PNG 3rd edition, 9.2: None, Sub, Up, Average, Paeth."""
# PNG 3rd edition, 8.1, Adam7: of each pass the first column and row, and the steps between columns and rows.
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


class Pass(NamedTuple):
    """The rows of one size that follow each other: all of a plain PNG, or one of the seven passes of Adam7.

    `stride` is in bytes, with the filter byte before each row.
    """

    stride: int
    rows: int


class Rows(NamedTuple):
    """What the data of a PNG holds.

    `fault` says why it is invalid, `odd` why decoders disagree on it; both are empty for a right one.
    """

    fault: str = ""
    odd: str = ""


def passes_of(width: int, height: int, bits: int, *, interlaced: bool) -> list[Pass]:
    """The passes of a picture with that many bits a pixel."""
    shapes = [(width, height)]
    if interlaced:
        shapes = [(-((x - width) // dx), -((y - height) // dy)) for x, y, dx, dy in ADAM7]
    return [Pass(1 + (columns * bits + 7) // 8, rows) for columns, rows in shapes if columns > 0 and rows > 0]


def rows_of(data: bytes, passes: list[Pass]) -> Rows:
    """What the data of all IDAT chunks holds of the rows that the header promises.

    Data beyond the limit is taken for right: whether it is decoded is another question.
    """
    if not _has_zlib_header(data):
        return Rows(fault="PNG holds no zlib stream in its IDAT chunks")
    stream, promised, inflated = _Stream(data), sum(each.rows for each in passes), 0
    there = 0
    for stride, rows in passes:
        offset = 0
        while offset < stride * rows:
            piece = stream.read(min(stride * rows - offset, _PIECE))
            if not piece:
                return Rows(fault=f"PNG holds {there + offset // stride} of {promised} rows{stream.trouble}")
            filters = piece[-offset % stride :: stride]
            if filters.translate(None, _FILTERS):
                row, kind = next((row, kind) for row, kind in enumerate(filters) if kind not in _FILTERS)
                row += there - (-offset // stride)
                return Rows(fault=f"PNG has the filter type {kind} in row {row}: there are 0 to 4")
            offset += len(piece)
            inflated += len(piece)
            if inflated >= _INFLATE_LIMIT:
                return Rows()
        there += rows
    return _ending(stream, promised)


def _has_zlib_header(data: bytes) -> bool:
    # RFC 1950, 2.2: deflate, with a window of at most 32 KiB, and no dictionary; together a multiple of 31.
    if len(data) < 2 or data[0] & 15 != zlib.DEFLATED:
        return False
    return data[0] >> 4 <= 7 and not data[1] & 32 and int.from_bytes(data[:2]) % 31 == 0


def _ending(stream: _Stream, promised: int) -> Rows:
    if stream.read(1):
        return Rows(odd=f"PNG holds more data than its {promised} rows take")
    if stream.trouble:
        return Rows(odd=f"PNG has all its {promised} rows, and after them its data is damaged")
    if stream.rest[:4] == stream.checksum.to_bytes(4):
        return Rows()
    return Rows(odd=f"PNG has {'a wrong' if len(stream.rest) >= 4 else 'no'} Adler-32 checksum after its rows")


def _salvaged(decompress: Callable[[bytes, int], bytes], given: bytes, most: int) -> bytes:
    """What comes before the damage: the call that meets it keeps that back."""
    piece, at = b"", 0
    with contextlib.suppress(zlib.error):
        while len(piece) < most and at < len(given):
            piece += decompress(given[at : at + 1], most - len(piece))
            at += 1
    return piece


class _Stream:
    """A zlib stream that is read in pieces. Its checksum is computed, not compared."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._next = 2  # the header of two bytes is behind us
        self._engine = zlib.decompressobj(-zlib.MAX_WBITS)
        self.checksum = 1
        self.trouble = ""

    def read(self, most: int) -> bytes:
        """At least a byte and at most `most`; none where the stream ends, breaks off or is damaged."""
        piece, engine = b"", self._engine
        while not (piece or engine.eof or self.trouble):
            given = engine.unconsumed_tail
            if not given:
                given = self._data[self._next : self._next + _PIECE]
                self._next += len(given)
            before = engine.copy()
            try:
                piece = engine.decompress(given, most)
            except zlib.error as error:
                self.trouble = f": its data is damaged ({error})"
                piece = _salvaged(before.decompress, given, most)
            if not given:
                break
        self.checksum = zlib.adler32(piece, self.checksum)
        return piece

    @property
    def rest(self) -> bytes:
        """What follows the compressed data."""
        return self._engine.unused_data + self._data[self._next :]
