"""Judging a PNG by its chunks and by the rows that its data holds, before Pillow sees it.

Source: W3C, Portable Network Graphics, third edition.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator
from struct import Struct
from typing import NamedTuple

from pytest_imgresponse.images import PIXEL_LIMIT
from pytest_imgresponse.images.raster import Broken, Pixels, Raster, Verdict, chunk_name, decoded

_LONGEST_SIDE = 2**31 - 1
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Section 11.2.1, table 12: the bit depths of each colour type.
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_INDEXED = 3
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_PIXEL_DATA = (b"IDAT", b"fdAT")
_HEADER = Struct(">IIBBBBB")
_CHUNK = Struct(">I4s")
_INFLATE_LIMIT = 4 * PIXEL_LIMIT
"""Bytes that are inflated at the most: what as many pixels take in RGBA."""
_PIECE = 1 << 16
_FILTERS = bytes(range(5))
"""Section 9.2: None, Sub, Up, Average, Paeth."""
# Section 8.1, Adam7: of each pass the first column and row, and the steps between columns and rows.
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


class Chunk(NamedTuple):
    """A chunk: its type, and where the data that it announces start and end; the CRC follows."""

    kind: bytes
    start: int
    end: int

    @property
    def name(self) -> str:
        """Its type as text."""
        return chunk_name(self.kind)


def chunks_of(data: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG up to IEND.

    The last one may end beyond the file. `png_builder` does not share this, so that neither hides a fault of the other.
    """
    at = 8
    while at + 8 <= len(data):
        length, kind = _CHUNK.unpack_from(data, at)
        yield Chunk(kind, at + 8, at + 8 + length)
        if kind == b"IEND":
            return
        at += 12 + length


class PNG(Raster):
    """A PNG. Its rows are counted here, since Pillow is content with half of them."""

    name = "PNG"

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._view = memoryview(data)
        self._head: list[Chunk] = []
        self._idat: list[Chunk] = []
        self._wrong_crc: Chunk | None = None
        self._unknown: Chunk | None = None
        self._animated = False
        self._entries = 0
        self._suspect = False
        self._last = self._walk()
        if not self._animated:
            self.frames = 1

    def inspect(self) -> None:
        """Inflate the rows, and judge the chunks."""
        self._judge_damage(self._judge_rows())
        self._judge_chunks()

    def _walk(self) -> Chunk:
        chunks = chunks_of(self.content)
        if (last := next(chunks, None)) is None:
            raise Broken(f"PNG breaks off in its header, after {len(self.content)} bytes")
        self._read_header(last)
        self._head.append(last)
        for chunk in chunks:
            if not chunk.kind.isalpha() or chunk.end > len(self.content):
                self._break_off(chunk)
                break
            if self._wrong_crc is None and self._crc_is_wrong(chunk):
                self._wrong_crc = chunk
            self._take(chunk, last)
            last = chunk
        return last

    def _read_header(self, chunk: Chunk) -> None:
        if chunk.kind != b"IHDR" or chunk.end - chunk.start != _HEADER.size:
            first = f"{chunk.name} of {chunk.end - chunk.start} bytes"
            raise Broken(f"PNG begins with the chunk {first}: expected its header, IHDR of {_HEADER.size}")
        if chunk.end + 4 > len(self.content):
            raise Broken(f"PNG breaks off in its header, after {len(self.content)} bytes")
        width, height, self._depth, self._colour, compression, filtering, interlace = _HEADER.unpack_from(
            self.content, chunk.start
        )
        self.set_size(width, height)
        if max(width, height) > _LONGEST_SIDE:
            raise Broken(f"PNG has {width}x{height} pixels: a side has {_LONGEST_SIDE} at most")
        if self._depth not in _DEPTHS.get(self._colour, ()):
            raise Broken(f"PNG has {self._depth} bits with the colour type {self._colour}: there is no such pair")
        if compression:
            self.say(
                "tolerated", f"PNG has the compression method {compression}, and there is but 0; decoders pass over it"
            )
        methods = (("filter", filtering, 0), ("interlace", interlace, 1))
        for what, method, highest in methods:
            if method > highest:
                raise Broken(f"PNG has the {what} method {method}: {highest} is the highest")
        if self._crc_is_wrong(chunk):
            raise Broken("PNG has a wrong CRC in its header (IHDR)")
        bits = self._depth * _CHANNELS[self._colour]
        self._passes = passes_of(width, height, bits, interlaced=bool(interlace))

    def _crc_is_wrong(self, chunk: Chunk) -> bool:
        found = self.content[chunk.end : chunk.end + 4]
        # One that the file breaks off in is not wrong: that the end is missing gets a remark already.
        return len(found) == 4 and zlib.crc32(self._view[chunk.start - 4 : chunk.end]) != int.from_bytes(found)

    def _break_off(self, chunk: Chunk) -> None:
        if self._idat and chunk.kind not in _PIXEL_DATA:
            return  # all pixels may be there; that the end is missing gets its remark
        if not chunk.kind.isalpha():
            raise Broken(f"PNG is damaged: at byte {chunk.start - 4} {chunk.name}, where the type of a chunk has to be")
        there, announced = len(self.content) - chunk.start, chunk.end - chunk.start
        raise Broken(f"PNG breaks off in its chunk {chunk.name}, after {there} of {announced} bytes")

    def _take(self, chunk: Chunk, last: Chunk) -> None:
        match chunk.kind:
            case b"IHDR":
                raise Broken("PNG has a second header (IHDR)")
            case b"IDAT":
                if not self._idat or last.kind == b"IDAT":  # no decoder reads on behind another chunk
                    self._idat.append(chunk)
            case b"PLTE" | b"tRNS" if not self._idat:
                self._head.append(chunk)
                if chunk.kind == b"PLTE":
                    self._read_palette(chunk)
                else:
                    self.key_is_lost = self._depth == 16
            case b"acTL" if not self._idat:
                self._animated = True
            case b"fcTL" if self._idat:
                self.frames += 1
            case kind if kind[:1].isupper() and kind not in _CRITICAL:
                self._unknown = self._unknown or chunk

    def _read_palette(self, chunk: Chunk) -> None:
        self._entries, rest = divmod(chunk.end - chunk.start, 3)
        if rest or self._entries > 256:
            raise Broken(f"PNG has a palette (PLTE) of {chunk.end - chunk.start} bytes: expected 3 for each colour")
        if self._crc_is_wrong(chunk):
            raise Broken("PNG has a wrong CRC in its palette (PLTE)")

    def _judge_rows(self) -> str:
        if not self._idat:
            raise Broken("PNG holds no pixels: it has no IDAT chunk")
        rows = rows_of(b"".join(self._view[each.start : each.end] for each in self._idat), self._passes)
        if rows.fault:
            raise Broken(rows.fault)
        return rows.damage

    def _judge_damage(self, damage: str) -> None:
        if self._wrong_crc:  # which explains the rows as well
            damage = f"PNG has a wrong CRC in its chunk {self._wrong_crc.name} at byte {self._wrong_crc.start - 8}"
        if damage:
            self.say("tolerated", damage)
            self._suspect = True

    def _judge_chunks(self) -> None:
        last = self._last
        if self._unknown and self._unknown != self._wrong_crc:
            self.say("tolerated", f"PNG has the critical chunk {self._unknown.name}, which no standard knows")
        if self._colour == _INDEXED and not self._entries:
            self.say("tolerated", "PNG has pixels by the colours of a palette, and no palette (PLTE)")
            self._suspect = True
        if self.frames > 1:
            self.say("unusual", f"PNG is animated (APNG): {self.frames} frames")
        if last.kind == b"IEND" and last.end + 4 <= len(self.content):
            self.end(self.content, last.end + 4)
        else:
            self.say("tolerated", "PNG has no end (IEND), or not the whole of it")
            self._suspect = True

    def pixels(self, frames: int) -> Pixels:
        """The pixels of the first frames. All rows are there: what Pillow refuses all the same is not invalid."""
        if self._suspect:
            return self._bare_pixels()  # what Pillow may refuse has its remark
        pixels = super().pixels(frames)
        if self._entries and pixels.highest is not None and pixels.highest >= self._entries:
            self.say("tolerated", f"PNG uses the colour {pixels.highest} of a palette of {self._entries}, from 0")
        return pixels

    def second_look(self, refusal: str) -> Pixels:
        """A remark, and the pixels by the chunks that they need."""
        # MAX_TEXT_CHUNK and MAX_TEXT_MEMORY are limits of Pillow's own: the file is legal.
        verdict: Verdict = "unusual" if "MAX_TEXT" in refusal else "tolerated"
        self.say(verdict, f"PNG has all its rows, and Pillow refuses it: {refusal}")
        return self._bare_pixels()

    def _bare_pixels(self) -> Pixels:
        kept = (self._view[chunk.start - 8 : chunk.end + 4] for chunk in [*self._head, *self._idat])
        return decoded(b"".join([self.content[:8], *kept]), self.name, 1)


class Pass(NamedTuple):
    """The rows of one size that follow each other: all of a plain PNG, or one of the seven passes of Adam7.

    `stride` is in bytes, with the filter byte before each row.
    """

    stride: int
    rows: int


class Rows(NamedTuple):
    """What the data of a PNG holds.

    `fault` says why it is invalid, `damage` what decoders may pass over; both are empty for a right one.
    """

    fault: str = ""
    damage: str = ""


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
        return Rows(damage=f"PNG holds more data than its {promised} rows take")
    if stream.trouble:
        return Rows(damage=f"PNG has all its {promised} rows, and after them its data is damaged")
    if stream.rest[:4] == stream.checksum.to_bytes(4):
        return Rows()
    return Rows(damage=f"PNG has {'a wrong' if len(stream.rest) >= 4 else 'no'} Adler-32 checksum after its rows")


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


def _salvaged(decompress: Callable[[bytes, int], bytes], given: bytes, most: int) -> bytes:
    """What comes before the damage: the call that meets it keeps that back."""
    piece, at = b"", 0
    with contextlib.suppress(zlib.error):
        while len(piece) < most and at < len(given):
            piece += decompress(given[at : at + 1], most - len(piece))
            at += 1
    return piece
