"""PNGs written chunk by chunk: what Pillow does not write, what nobody should, and flat ones without an encoder.

Source: W3C, Portable Network Graphics, third edition.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from pytest_imgresponse.images.make import Colour
from pytest_imgresponse.images.png import ADAM7

SIGNATURE = b"\x89PNG\r\n\x1a\n"
Chunk = tuple[bytes, bytes]
"""The type of a chunk, four letters, and its data."""
INK, GROUND = (228, 92, 40), (32, 64, 96)
"""The colours of these pictures: none that `make_picture` uses, so that a picture drawn anew always differs."""
TURNED = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
"""EXIF whose one entry is orientation 6: to be shown turned by 90 degrees (CIPA DC-008, section 4.6.4)."""
_COLOUR_TYPES = {3: 2, 4: 6}
_AT_ONCE = 16
_SUB, _UP = b"\x01", b"\x02"


@dataclass(frozen=True, slots=True)
class Form:
    """How the pixels of a PNG are written: bits a sample, colour type, and the samples of a pixel (section 11.2.1)."""

    depth: int = 8
    colour: int = 2
    ground: tuple[int, ...] = GROUND
    ink: tuple[int, ...] = INK
    chunks: tuple[Chunk, ...] = ()
    """What stands between the header and the pixels."""
    interlaced: bool = False


PLAIN = Form()
"""Three samples of 8 bits: what the API sends."""
INDEXED = Form(8, 3, (0,), (1,), ((b"PLTE", bytes(GROUND + INK)),))
"""Numbers of the colours of a palette."""


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """A chunk as it stands in a file: length, type, data, CRC (section 5.3)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def joined(chunks: Iterable[Chunk]) -> bytes:
    """A file of these chunks, each with its right CRC."""
    return SIGNATURE + b"".join(chunk(kind, data) for kind, data in chunks)


def split(png: bytes) -> list[Chunk]:
    """The chunks of a file that is whole. The judge reads with its own (`png.chunks_of`), to be independent of this."""
    chunks, at = [], len(SIGNATURE)
    while at < len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4])
        chunks.append((png[at + 4 : at + 8], png[at + 8 : end]))
        at = end + 4
    return chunks


def change_chunk(png: bytes, kind: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """With the data of each chunk of a kind changed, under its right CRC."""
    return joined((name, change(data) if name == kind else data) for name, data in split(png))


def insert_before(png: bytes, kind: bytes, *new: Chunk) -> bytes:
    """With new chunks before the first of a kind."""
    chunks = split(png)
    place = [name for name, _ in chunks].index(kind)
    return joined([*chunks[:place], *new, *chunks[place:]])


def without(png: bytes, kind: bytes) -> bytes:
    """Without the chunks of a kind."""
    return joined((name, data) for name, data in split(png) if name != kind)


def header(width: int, height: int, form: Form = PLAIN) -> Chunk:
    """The IHDR of a picture of this size in pixels."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, form.depth, form.colour, 0, 0, form.interlaced)


@lru_cache(maxsize=128)
def png(width: int, height: int, form: Form = PLAIN, *, level: int = 1) -> bytes:
    """The file of a rectangle on a ground, of this size in pixels; `level` is zlib's, from 0 to 9."""
    pixels = (b"IDAT", zlib.compress(scanlines(width, height, form), level))
    return joined([header(width, height, form), *form.chunks, pixels, (b"IEND", b"")])


@lru_cache(maxsize=128)
def png_with_pixels(width: int, height: int, change: Callable[[bytes], bytes]) -> bytes:
    """A plain file whose scanlines were changed before they were compressed."""
    pixels = zlib.compress(change(scanlines(width, height, PLAIN)), 1)
    return joined([header(width, height), (b"IDAT", pixels), (b"IEND", b"")])


def scanlines(width: int, height: int, form: Form) -> bytes:
    """The pixels before compression: each line a filter type, which is 0, and its samples; pass by pass."""
    sides, inside = range(width // 4, width - width // 4), range(height // 4, height - height // 4)
    lines: list[bytes] = []
    for column, row, across, down in ADAM7 if form.interlaced else ((0, 0, 1, 1),):
        columns = range(column, width, across)
        if columns:
            plain = _line(form, [form.ground for _ in columns])
            marked = _line(form, [form.ink if x in sides else form.ground for x in columns])
            lines += [marked if y in inside else plain for y in range(row, height, down)]
    return b"".join(lines)


def _line(form: Form, pixels: list[tuple[int, ...]]) -> bytes:
    written = {pixel: "".join(format(sample, f"0{form.depth}b") for sample in pixel) for pixel in set(pixels)}
    bits = "".join(written[pixel] for pixel in pixels)
    size = -(-len(bits) // 8)
    return b"\0" + int(bits.ljust(size * 8, "0"), 2).to_bytes(size)


def flat_png(width: int, height: int, ink: Colour, ground: Colour) -> bytes:
    """A rectangle on a ground, in the middle half of the picture; `width` and `height` are 8 pixels at least.

    Rows are compressed once and repeated. Ten of 2160x3840 pixels take 0.1 s, as `png` writes them 0.4 s, and by Pillow
    at its fastest 0.8 s: too long for Hypothesis, as `flat_webp` says.
    """
    first = header(width, height, Form(colour=_COLOUR_TYPES[len(ink)]))
    pixels = _zlib_stream(_rows(width, height, ink, ground))
    return joined([first, (b"IDAT", pixels), (b"IEND", b"")])


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


def c2pa_manifest_store() -> bytes:
    """A C2PA manifest store without manifests: one JUMBF superbox (ISO 19566-5; C2PA 2.1, section 11.1)."""
    kind = bytes.fromhex("63327061 0011 0010 8000 00aa00389b71")
    return _box(b"jumb", _box(b"jumd", kind + b"\x03c2pa\0"))


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def icc_profile() -> bytes:
    """A small ICC profile, version 2, of a display whose red and green are swapped: who drops it sees it."""
    tags: dict[bytes, bytes] = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 8) + b"swapped\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"CC0\0",
        b"wtpt": _xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": _xyz(0.3851, 0.7169, 0.0971),
        b"gXYZ": _xyz(0.4361, 0.2225, 0.0139),
        b"bXYZ": _xyz(0.1431, 0.0606, 0.7141),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv" + bytes(4) + struct.pack(">IH", 1, 0x0233)),
    }
    table, data, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += name + struct.pack(">II", start + len(data), len(tag))
        data += tag + bytes(-len(tag) % 4)
    made = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    head = struct.pack(">I4x", start + len(data)) + b"\x02\x10\0\0mntrRGB XYZ " + made + b"acsp"
    return head.ljust(68, b"\0") + _xyz(0.9642, 1.0, 0.8249)[8:] + bytes(48) + table + data


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))
