"""Judging a JPEG by its markers (ITU T.81), before Pillow sees it."""

from __future__ import annotations

import re
from struct import Struct

from pytest_imgresponse.images import PIXEL_LIMIT, PIXEL_LIMIT_WORDS
from pytest_imgresponse.images.raster import Broken, Pixels, Raster, decoded

_SCANS = 10
"""Scans that a progressive picture usually has, at the most; each goes over all pixels."""
_SCANS_LIMIT = _SCANS * PIXEL_LIMIT
"""Pixels times scans."""
_FRAME = Struct(">BHHB")
# T.81, table B.1.
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_ALONE = (0x01, _SOI)  # markers without a segment
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# T.81, table B.2: the sample precision of each process; others than these two are lossless.
_PRECISIONS = {0xC0: (8,), **dict.fromkeys((0xC1, 0xC2, 0xC5, 0xC6, 0xC9, 0xCA, 0xCD, 0xCE), (8, 12))}
_LOSSLESS = range(2, 17)
_COMMON = frozenset({0xC0, 0xC1, 0xC2})
# A byte 0xFF is data before 0, filling before another 0xFF, and a restart within a scan before RST0 to RST7.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# What pixels depend on: frame, tables, scan, lines, restart interval, APP0 (JFIF) and APP14 (Adobe). Pillow gets
# nothing else: it takes what some segments hold for markers, and Pillow 11 reads Exif without a bound on memory.
_NEEDED = _FRAMES | {0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xE0, 0xEE}


class JPEG(Raster):
    """A JPEG. Without its end (EOI) it is cut; damage within a scan changes pixels, and no decoder has to see it."""

    name = "JPEG"

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.width = self.height = 0
        self._head = [data[:2]]
        self._scans = 0
        self._damaged = False
        scan, end = self._walk(data)
        self.content = b"".join([*self._head, data[scan:end]])
        if self._damaged:
            self.say("tolerated", "JPEG is damaged within its pixels: there is a marker where none can be")
        self.end(data, end)

    def _walk(self, data: bytes) -> tuple[int, int]:
        """Where the data of the first scan starts, and where the picture ends."""
        at, start = 2, 0
        while found := _MARKER.search(data, at):
            at = found.start()
            if (marker := data[at + 1]) == _EOI:
                if not start:
                    raise Broken("JPEG holds no pixels: it has no scan (SOS)")
                return start, at + 2
            if marker in _ALONE:
                at += 2
                continue
            after = at + 2 + int.from_bytes(data[at + 2 : at + 4])
            whole = at + 4 <= after <= len(data)
            if not start:
                if not whole:
                    raise Broken(f"JPEG breaks off in its header: the segment FF{marker:02X} at byte {at} is not whole")
                self._read_segment(marker, data[at:after])
                start = after if marker == _SOS else 0
            elif not whole:
                self._damaged, after = True, at + 2
            self._scans += marker == _SOS
            at = after
        where = "within its pixels" if start else "in its header"
        raise Broken(f"JPEG breaks off {where}: {len(data)} bytes, and no end (EOI)")

    def _read_segment(self, marker: int, segment: bytes) -> None:
        if marker in _NEEDED:
            self._head.append(segment)
        if marker in _FRAMES:
            if self.width:
                raise Broken("JPEG has a second frame header (SOF)")
            self._read_frame(marker, segment)
        elif marker == _SOS and not self.width:
            raise Broken("JPEG has no frame header (SOF) before its pixels")

    def _read_frame(self, marker: int, segment: bytes) -> None:
        if len(segment) < 4 + _FRAME.size:
            raise Broken(f"JPEG has a frame header (SOF) of {len(segment)} bytes")
        self._precision, height, width, self._components = _FRAME.unpack_from(segment, 4)
        self._process = marker
        self.set_size(width, height)
        if self._precision not in _PRECISIONS.get(marker, _LOSSLESS):
            raise Broken(f"JPEG has {self._precision} bits, which its process (SOF{marker & 15}) does not know")
        if not self._components or len(segment) != 4 + _FRAME.size + 3 * self._components:
            raise Broken(f"JPEG has {self._components} components in a frame header (SOF) of {len(segment)} bytes")

    @property
    def cost(self) -> int:
        """Scans beyond the usual ones cost as much as further pictures."""
        return min(max(self.area, self.area * self._scans // _SCANS), PIXEL_LIMIT)

    def over_limit(self) -> str | None:
        """What is too much to decode: the pixels, or the scans over them."""
        if self._scans * self.area <= _SCANS_LIMIT or self.area > PIXEL_LIMIT:
            return super().over_limit()
        size = f"{self.width}x{self.height} pixels"
        return f"JPEG has {self._scans} scans of {size}, {PIXEL_LIMIT_WORDS} of {_SCANS_LIMIT}: not decoded"

    def second_look(self, refusal: str) -> Pixels:
        """A remark where Pillow does not know the process, or where only what follows the header is damaged."""
        if self._process not in _COMMON or self._precision != 8 or self._components not in (1, 3, 4):
            what = f"{self._components} components of {self._precision} bits, process SOF{self._process & 15}"
            self.say("unusual", f"JPEG is legal ({what}), and this Pillow cannot decode it: {refusal}")
            return Pixels()
        # libjpeg fills in what a scan does not hold: what it makes of none, it makes of the header.
        if (bare := decoded(b"".join([*self._head, b"\xff\xd9"]), self.name, 1)).refusal:
            raise Broken(f"JPEG cannot be decoded: {bare.refusal}")
        if not self._damaged:
            self.say("tolerated", f"JPEG is damaged within its pixels: {refusal}")
        return bare
