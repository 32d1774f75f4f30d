"""Judging a WebP by its chunks (RFC 9649), before Pillow sees it."""

from __future__ import annotations

from pytest_imgresponse.images.raster import Broken, Raster, lettered


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
                raise Broken(f"WebP breaks off in its chunk {lettered(kind)}: {end - at - 8} of {length} bytes")
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
                raise Broken(f"WebP holds no pixels where they are to begin: its first chunk is {lettered(kind)}")
