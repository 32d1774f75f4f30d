"""Judging a WebP by its chunks (RFC 9649), before Pillow sees it."""

from __future__ import annotations

from struct import Struct

from pytest_imgresponse.images.raster import Broken, Raster, chunk_name

_SCREEN = Struct("<HHBxx")
_FRAME = Struct("<HHHHB")
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B


class WebP(Raster):
    """A WebP: what its RIFF header announces has to be there. libwebp itself refuses pixels that are cut."""

    name = "WebP"
    copies = 2

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        end = 8 + int.from_bytes(data[4:8], "little")
        if end > len(data):
            raise Broken(f"WebP breaks off: it has {len(data)} of the {end} bytes that its RIFF header announces")
        self.width = self.height = 0
        frames, at = 0, 12
        while at + 8 <= end:
            kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
            if at + 8 + length > end:
                raise Broken(f"WebP breaks off in its chunk {chunk_name(kind)}: {end - at - 8} of {length} bytes")
            if not self.width:
                self._read_size(kind, data[at + 8 : at + 18])
            frames += kind == b"ANMF"
            at += 8 + length + length % 2
        if not self.width:
            raise Broken("WebP holds no pixels: it has no chunk VP8, VP8L or VP8X")
        if frames > 1:
            self.frames = frames
            self.say("unusual", f"WebP is animated: {frames} frames")
        self.end(data, end)

    def _read_size(self, kind: bytes, header: bytes) -> None:
        match kind:
            case b"VP8X" if len(header) == 10:
                self.set_size(1 + int.from_bytes(header[4:7], "little"), 1 + int.from_bytes(header[7:10], "little"))
            case b"VP8 " if header[3:6] == b"\x9d\x01\x2a" and len(header) == 10:
                sides = int.from_bytes(header[6:8], "little"), int.from_bytes(header[8:10], "little")
                self.set_size(sides[0] & 0x3FFF, sides[1] & 0x3FFF)
            case b"VP8L" if header[:1] == b"\x2f" and len(header) >= 5:
                bits = int.from_bytes(header[1:5], "little")
                self.set_size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
            case _:
                raise Broken(f"WebP holds no pixels where they are to begin: its first chunk is {chunk_name(kind)}")


class GIF(Raster):
    """A GIF. Pillow does not check that it has its trailer, nor that its last block is whole: here that is done."""

    name = "GIF"
    copies = 2

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        if len(data) < 6 + _SCREEN.size:
            raise Broken(f"GIF breaks off in its header, after {len(data)} bytes")
        width, height, flags = _SCREEN.unpack_from(data, 6)
        self.set_size(width, height)
        self._canvas: tuple[int, int] = width, height
        self.frames = 0
        end = self._walk(6 + _SCREEN.size + _table(flags))
        if not self.frames:
            raise Broken("GIF holds no pixels: it has no image")
        self.end(data, end)

    @property
    def area(self) -> int:
        """The pixels of the canvas: Pillow makes it as large as each frame needs."""
        return self._canvas[0] * self._canvas[1]

    def _walk(self, at: int) -> int:
        """Where the picture ends."""
        data = self.content
        while at < len(data):
            if (kind := data[at]) == _TRAILER:
                return at + 1
            if kind == _IMAGE:
                at = self._after_blocks(self._read_frame(at + 1))
            elif kind == _EXTENSION:
                at = self._after_blocks(at + 2)
            else:
                raise Broken(f"GIF is damaged: 0x{kind:02X} at byte {at}, where a block or the trailer has to begin")
        self.say("tolerated", "GIF has no trailer: frames may be missing")
        return at

    def _read_frame(self, at: int) -> int:
        if at + _FRAME.size > len(self.content):
            raise Broken(f"GIF breaks off in the header of its frame {self.frames}, counted from 0")
        flags: int
        left, top, width, height, flags = _FRAME.unpack_from(self.content, at)
        self._canvas = max(self._canvas[0], left + width), max(self._canvas[1], top + height)
        self.frames += 1
        return at + _FRAME.size + _table(flags) + 1  # and the byte that says how long the first codes are

    def _after_blocks(self, at: int) -> int:
        data, size = self.content, len(self.content)
        while at < size and (length := data[at]):
            at += 1 + length
        if at >= size:
            raise Broken(f"GIF breaks off within a block, after {size} bytes")
        return at + 1


def _table(flags: int) -> int:
    """The bytes of a colour table, by the flags that announce it."""
    return 6 << (flags & 7) if flags & 0x80 else 0
