"""Judging a PNG by its chunks (PNG, 3rd edition), before Pillow sees it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from pytest_imgresponse.images.decoding import Pixels, decoded
from pytest_imgresponse.images.png_rows import passes_of, rows_of
from pytest_imgresponse.images.raster import Broken, Raster, Verdict, lettered

_HEADER = Struct(">IIBBBBB")
_CHUNK = Struct(">I4s")
_LONGEST_SIDE = 2**31 - 1
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# PNG 3rd edition, 11.2.1, table 12: the bit depths of each colour type.
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_INDEXED = 3
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_PIXEL_DATA = (b"IDAT", b"fdAT")


class Chunk(NamedTuple):
    """A chunk: its type, and where the data that it announces start and end; the CRC follows."""

    kind: bytes
    start: int
    end: int

    @property
    def name(self) -> str:
        """Its type as text."""
        return lettered(self.kind)


def chunks_of(data: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG up to IEND. The last one may end beyond the file. It takes nothing from `odd`, the maker."""
    at = 8
    while at + 8 <= len(data):
        length, kind = _CHUNK.unpack_from(data, at)
        yield Chunk(kind, at + 8, at + 8 + length)
        if kind == b"IEND":
            return
        at += 12 + length


class PNG(Raster):
    """A PNG. Its rows are counted here, since Pillow takes half of them for all."""

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
        """Inflate the rows, and judge what is odd about the chunks."""
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
        told = self.content[chunk.end : chunk.end + 4]
        # One that the file breaks off in is not wrong: that the end is missing gets a remark already.
        return len(told) == 4 and zlib.crc32(self._view[chunk.start - 4 : chunk.end]) != int.from_bytes(told)

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
        self._entries, odd = divmod(chunk.end - chunk.start, 3)
        if odd or self._entries > 256:
            raise Broken(f"PNG has a palette (PLTE) of {chunk.end - chunk.start} bytes: expected 3 for each colour")
        if self._crc_is_wrong(chunk):
            raise Broken("PNG has a wrong CRC in its palette (PLTE)")

    def _judge_rows(self) -> str:
        if not self._idat:
            raise Broken("PNG holds no pixels: it has no IDAT chunk")
        rows = rows_of(b"".join(self._view[each.start : each.end] for each in self._idat), self._passes)
        if rows.fault:
            raise Broken(rows.fault)
        return rows.odd

    def _judge_damage(self, odd_rows: str) -> None:
        damage = odd_rows
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
