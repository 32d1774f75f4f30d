"""Judging pictures in formats that no document of the API names, before Pillow sees them.

Of each as much is read as tells its size in pixels and where it ends: Pillow decodes the first picture of a file, and
for some formats it neither looks at the size of what it decodes nor misses what was cut off.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from struct import Struct
from struct import error as StructError  # noqa: N812 - the class has a name in lower case

from pytest_imgresponse.images import PIXEL_LIMIT
from pytest_imgresponse.images.formats import KINDS, without_codec
from pytest_imgresponse.images.raster import Broken, Pixels, Raster

_ENTRY = Struct("<BB6xII")  # of an ICO: width, height, …, the length of the picture and its place
_TAGS = {
    256: "width",
    257: "height",
    273: "places",
    279: "lengths",
    322: "tile width",
    323: "tile height",
    324: "places",
    325: "lengths",
}
_SIZES = ("width", "height", "tile width", "tile height")
_MOST_PIECES = 2**16
"""Strips or tiles of a TIFF, and entries of its directory, that are looked at."""
_MOST_PAGES = 64


class Other(Raster, ABC):
    """A picture in another format."""

    suffix: str
    """The suffix of its files."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        try:
            self.read()
        except (StructError, OverflowError) as error:
            raise Broken(f"{self.name} breaks off in its header, after {len(data)} bytes") from error

    @abstractmethod
    def read(self) -> None:
        """Read the size and whether all is there. Raises `Broken`; for what is cut also `StructError`."""

    def ends(self, end: int, what: str) -> None:
        """Raises `Broken` where the file is shorter than that."""
        if end > len(self.content):
            raise Broken(f"{self.name} breaks off in {what}: it has {len(self.content)} of {end} bytes")

    def pixels(self, frames: int) -> Pixels:
        """The pixels, where the Pillow that is installed can decode them."""
        if without_codec(KINDS[self.suffix]):
            self.say("tolerated", f"{self.name} is not decoded: the Pillow that is installed was built without it")
            return Pixels()
        return super().pixels(frames)


class BMP(Other):
    """A BMP: its header says how long the file is."""

    name, suffix = "BMP", ".bmp"

    def read(self) -> None:
        """By its two headers (wingdi.h, BITMAPFILEHEADER and BITMAPINFOHEADER)."""
        length, place, header = Struct("<I4xII").unpack_from(self.content, 2)
        form = Struct("<HH") if header == 12 else Struct("<ii")
        width, height = form.unpack_from(self.content, 18)
        self.set_size(abs(width), abs(height))
        self.ends(max(length, place + 1), "its pixels")


class ICO(Other):
    """An ICO: a list of PNGs and BMPs. The list says little of their sizes, so they are read."""

    name, suffix = "ICO", ".ico"

    def read(self) -> None:
        """The largest picture within."""
        count = int.from_bytes(self.content[4:6], "little")
        largest = (0, 0)
        for number in range(count):
            width, height, length, place = _ENTRY.unpack_from(self.content, 6 + 16 * number)
            self.ends(place + length, f"its picture {number}, counted from 0")
            inner = self.content[place : place + 24]
            if inner.startswith(b"\x89PNG"):
                found: tuple[int, int] = Struct(">II").unpack_from(inner, 16)
            else:
                across, down = Struct("<4xii").unpack_from(inner)
                found = abs(across), abs(down) // 2  # with the mask below it
            largest = max(largest, found, (width or 256, height or 256), key=lambda size: size[0] * size[1])
        self.set_size(*largest)


class TIFF(Other):
    """A TIFF, of which the first picture counts; those behind it have to be there."""

    name, suffix = "TIFF", ".tiff"

    def read(self) -> None:
        """By its directories (TIFF 6.0, section 2; a BigTIFF has longer numbers)."""
        order = "<" if self.content[:2] == b"II" else ">"
        big = self.content[2:4] in (b"+\0", b"\0+")
        number, several = Struct(order + ("Q" if big else "I")), Struct(order + ("Q" if big else "H"))
        entry = Struct(order + ("HHQ" if big else "HHI"))
        (place,) = number.unpack_from(self.content, 8 if big else 4)
        for page in range(_MOST_PAGES):
            (count,) = several.unpack_from(self.content, place)
            found: dict[str, list[int]] = {}
            at = place + several.size
            for _ in range(min(count, _MOST_PIECES)):
                tag, kind, values = entry.unpack_from(self.content, at)
                if tag in _TAGS:
                    found[_TAGS[tag]] = self._values(order, kind, values, at + entry.size, number.size)
                at += entry.size + number.size
            if page == 0:
                width, height, across, down = (found.get(name, [0])[0] for name in _SIZES)
                # libtiff decodes a tile as a whole, whatever the picture needs of it.
                self.set_size(*((across, down) if across * down > PIXEL_LIMIT else (width, height)))
            for place, length in zip(found.get("places", ()), found.get("lengths", ()), strict=False):
                self.ends(place + length, f"the pixels of its picture {page}, counted from 0")
            (place,) = number.unpack_from(self.content, at)
            if not place:
                break

    def _values(self, order: str, kind: int, count: int, at: int, room: int) -> list[int]:
        letter = {1: "B", 3: "H", 4: "I", 16: "Q"}.get(kind)
        if letter is None or not count:
            raise Broken(f"TIFF is damaged: a number of its directory has the type {kind}, and {count} values")
        form = Struct(f"{order}{min(count, _MOST_PIECES)}{letter}")
        if form.size > room:
            at = Struct(order + ("Q" if room == 8 else "I")).unpack_from(self.content, at)[0]
        return list(form.unpack_from(self.content, at))


class _Boxes(Other):
    """A file of boxes, each of which says how long it is (ISO/IEC 14496-12, section 4.2)."""

    needed: bytes
    """The box with the pixels."""

    def boxes(self) -> Iterator[tuple[bytes, int, int]]:
        """The type of each box, and where its content begins and ends."""
        at, there, size = 0, False, len(self.content)
        while at < size - 7 or not (there or at == size):
            length, kind = Struct(">I4s").unpack_from(self.content, at)
            start = at + 8
            if length == 1:
                length, start = Struct(">Q").unpack_from(self.content, at + 8)[0], at + 16
            end = size if length == 0 else at + length
            if end < start or (there and not kind.isalnum()):
                break
            self.ends(end, f"its box {kind.decode('latin-1')!r}")
            yield kind, start, end
            there, at = there or kind == self.needed, end
        if not there:
            raise Broken(f"{self.name} holds no pixels: it has no box {self.needed.decode()!r}")
        self.end(self.content, at)


class AVIF(_Boxes):
    """An AVIF (ISO/IEC 23000-22)."""

    name, suffix, needed = "AVIF", ".avif", b"mdat"
    copies = 3

    def read(self) -> None:
        """The largest size that it tells: of a grid it tells those of its tiles too."""
        sizes = [(0, 0)]
        for kind, start, end in self.boxes():
            at = self.content.find(b"ispe", start, end) if kind in (b"meta", b"moov") else -1
            while at >= 0:
                sizes.append(Struct(">8xII").unpack_from(self.content, at))
                at = self.content.find(b"ispe", at + 4, end)
        self.set_size(*max(sizes, key=lambda size: size[0] * size[1]))


class JPEG2000(_Boxes):
    """A JPEG 2000, by the header of its codestream (ISO/IEC 15444-1, annex A.5.1), and by its last two bytes."""

    name, suffix, needed = "JPEG2000", ".jp2", b"jp2c"
    copies = 4

    def read(self) -> None:
        """The size is that of the codestream, which is what is decoded."""
        start, end = 0, len(self.content)
        if not self.content.startswith(b"\xff\x4f"):
            start, end = next((start, end) for kind, start, end in [*self.boxes()] if kind == self.needed)
        right, below, left, above = Struct(">8xIIII").unpack_from(self.content, start)
        self.set_size(max(0, right - left), max(0, below - above))
        if self.content[end - 2 : end] != b"\xff\xd9":
            raise Broken("JPEG2000 breaks off within its pixels: they have no end (EOC)")


OTHERS: dict[str, type[Other]] = {"avif": AVIF, "tiff": TIFF, "jpeg2000": JPEG2000, "ico": ICO, "bmp": BMP}
"""The formats of this module, by name."""
