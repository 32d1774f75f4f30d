"""WebPs written chunk by chunk: flat pictures of any size in a few bytes, and without an encoder. Source: RFC 9649."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pytest_imgresponse.images.make import Colour

LONGEST = 16_384
"""Pixels of the longest side that lossless pixels can tell, in 14 bits (section 3.4)."""
_ANIMATED = 0x02  # the flag in the extended header (section 2.7.1)
_LITERALS, _LENGTHS = 256, 24  # levels of green, and codes of lengths, which share one alphabet (section 3.7.3)
_SYMBOLS, _DEPTH = 32, 5
"""As many symbols as codes of five bits: no code may be left over (section 3.7.2)."""
_LONGEST = 4096  # pixels that are copied at once
_ABOVE, _BEFORE = "0", "1"
"""From where pixels are copied: the codes of the distances 1 and 2, which stand for neighbours (section 3.6.2.2)."""


def riff(*chunks: bytes) -> bytes:
    """A file of these chunks (section 2.4)."""
    data = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(data)) + data


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk as it stands in a file: type, length, data, and a byte where the length is odd (section 2.3)."""
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def flat(width: int, height: int, colour: Colour) -> bytes:
    """The chunk of lossless pixels that are all of one colour, given as red, green and blue.

    Each prefix code has one symbol, which takes no bits (section 3.7.2.1.1): no size takes more bytes than another.
    """
    red, green, blue = colour
    codes = (_simple_code((level,)) for level in (green, red, blue, 255))
    return _lossless(width, height, False, "".join(codes) + "1000")  # and a code for distances, of one bit


def animated(width: int, height: int, *colours: Colour) -> bytes:
    """A file with a frame of each colour, 200 ms each (section 2.7.1.1)."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    frames = (
        chunk(b"ANMF", bytes(6) + size + (200).to_bytes(3, "little") + b"\0" + flat(width, height, colour))
        for colour in colours
    )
    return riff(chunk(b"VP8X", bytes([_ANIMATED, 0, 0, 0]) + size), chunk(b"ANIM", bytes(6)), *frames)


def flat_webp(width: int, height: int, ink: Colour, ground: Colour) -> bytes:
    """A rectangle on a ground, in the middle half of the picture; `width` and `height` are 8 pixels at least.

    Each row is coded as a copy of that above. Ten of 2160x3840 pixels take 25 ms and 4 kB each, by Pillow (lossless,
    its fastest) 400 to 800 ms and 22 kB. A strategy draws 24 of them for its first ten answers with ten pictures each,
    and Hypothesis fails a test as `too_slow` after one second of that.
    """
    left, top = width // 4, height // 4
    (red, green, blue, *alphas) = zip(ground, ink, strict=True)
    alpha = alphas[0] if alphas else (255, 255)
    greens = _greens(*green)
    channels = [(red, _pair(*red)), (blue, _pair(*blue)), (alpha, _pair(*alpha))]

    def pixel(which: int) -> str:
        return greens[green[which]] + "".join(codes[values[which]] for values, codes in channels)

    def copies(count: int, whence: str) -> Iterator[str]:
        while count > 0:
            code, more = _length(min(count, _LONGEST))
            yield greens[_LITERALS + code] + more + whence
            count -= _LONGEST

    bits = [
        # Code lengths of 0 and 5 alone, in one bit each, and then that of each symbol.
        *("0", _bits(4, 4), *(_bits(length, 3) for length in (0, 0, 1, 0, 0, 0, 0, 1)), "0"),
        "".join("1" if symbol in greens else "0" for symbol in range(_LITERALS + _LENGTHS)),
        *(_simple_code(values) for values, _ in channels),
        "1" + "1" + "0" + "0" + _bits(1, 8),  # two distances
        *(pixel(0), *copies(top * width - 1 + left, _BEFORE)),
        *(pixel(1), *copies(width - 2 * left - 1, _BEFORE), pixel(0), *copies(left - 1, _BEFORE)),
        *copies((height - 2 * top - 1) * width, _ABOVE),
        *copies(top * width, _BEFORE),
    ]
    return riff(_lossless(width, height, bool(alphas), "".join(bits)))


def _lossless(width: int, height: int, alpha: bool, bits: str) -> bytes:
    """The chunk of lossless pixels: its header (section 3.4), then these bits."""
    text = _bits(0x2F, 8) + _bits(width - 1, 14) + _bits(height - 1, 14) + _bits(alpha, 1) + "000"  # version 0
    text += "000" + bits  # no transform, no colour cache, one group of codes
    return chunk(b"VP8L", int(text[::-1], 2).to_bytes(-(-len(text) // 8), "little"))


def _greens(*literals: int) -> dict[int, str]:
    """The codes of these levels of green, of all lengths, and of some levels that fill up the codes (section 3.7.2)."""
    rest = (level for level in range(_SYMBOLS) if level not in literals)
    levels = {*literals}
    while len(levels) < _SYMBOLS - _LENGTHS:
        levels.add(next(rest))
    symbols = [*sorted(levels), *range(_LITERALS, _LITERALS + _LENGTHS)]
    return {symbol: f"{place:0{_DEPTH}b}" for place, symbol in enumerate(symbols)}


def _length(count: int) -> tuple[int, str]:
    """The code of a length, and the bits that tell it from others of that code (section 3.6.2.2)."""
    rest = count - 1
    if rest < 4:
        return rest, ""
    more = rest.bit_length() - 2
    return 2 * more + (rest >> more), _bits(rest & ((1 << more) - 1), more)


def _pair(one: int, other: int) -> dict[int, str]:
    """The codes of one or two levels: of one it takes no bits."""
    return {one: ""} if one == other else {min(one, other): "0", max(one, other): "1"}


def _simple_code(values: tuple[int, ...]) -> str:
    """A simple code of one or two levels (section 3.7.2.1.1)."""
    levels = sorted({*values})
    return "1" + _bits(len(levels) - 1, 1) + "1" + "".join(_bits(level, 8) for level in levels)


def _bits(value: int, number: int) -> str:
    """A number as it stands in the stream: its least bit first."""
    return f"{value:0{number}b}"[::-1]
