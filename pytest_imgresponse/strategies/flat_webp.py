"""A lossless WebP of two colours, written bit by bit: a run of equal pixels takes two bytes for 4,096 of them.

A picture of eight million pixels is made in a few ms, where an encoder that looks at all of them takes seventy: an
answer of ten is drawn before Hypothesis finds it slow. Source: RFC 9649, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_imgresponse.images import odd_webp

Colour = tuple[int, ...]
"""Levels from 0 to 255: red, green, blue, and alpha where there is one."""

_LITERALS, _LENGTHS = 256, 24
_SYMBOLS, _DEPTH = 32, 5
"""As many symbols as codes of five bits: no code may be left over (section 3.7.2)."""
_LONGEST = 4096
_ABOVE, _BEFORE = "0", "1"
"""From where pixels are copied: the codes of the distances 1 and 2, which stand for neighbours (section 3.6.2.2)."""


def flat_webp(width: int, height: int, ink: Colour, ground: Colour) -> bytes:
    """A rectangle on a ground, in the middle half of the picture; `width` and `height` are 8 pixels at least."""
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
        *(_bits(0x2F, 8), _bits(width - 1, 14), _bits(height - 1, 14), _bits(bool(alphas), 1), _bits(0, 3)),
        "000",  # no transform, no colour cache, one group of codes
        # Code lengths of 0 and 5 alone, told in one bit each, and then that of each symbol.
        *("0", _bits(4, 4), *(_bits(length, 3) for length in (0, 0, 1, 0, 0, 0, 0, 1)), "0"),
        "".join("1" if symbol in greens else "0" for symbol in range(_LITERALS + _LENGTHS)),
        *(_told(values) for values, _ in channels),
        "1" + "1" + "0" + "0" + _bits(1, 8),  # two distances
        *(pixel(0), *copies(top * width - 1 + left, _BEFORE)),
        *(pixel(1), *copies(width - 2 * left - 1, _BEFORE), pixel(0), *copies(left - 1, _BEFORE)),
        *copies((height - 2 * top - 1) * width, _ABOVE),
        *copies(top * width, _BEFORE),
    ]
    text = "".join(bits)
    return odd_webp.riff(odd_webp.chunk(b"VP8L", int(text[::-1], 2).to_bytes(-(-len(text) // 8), "little")))


def _bits(value: int, number: int) -> str:
    """A number as it stands in the stream: its least bit first."""
    return f"{value:0{number}b}"[::-1]


def _greens(*literals: int) -> dict[int, str]:
    """The codes of these levels of green, of all lengths, and of some levels that fill up the codes (section 3.7.2)."""
    rest = (level for level in range(_SYMBOLS) if level not in literals)
    levels = {*literals}
    while len(levels) < _SYMBOLS - _LENGTHS:
        levels.add(next(rest))
    symbols = [*sorted(levels), *range(_LITERALS, _LITERALS + _LENGTHS)]
    return {symbol: f"{place:0{_DEPTH}b}" for place, symbol in enumerate(symbols)}


def _pair(one: int, other: int) -> dict[int, str]:
    """The codes of one or two levels: of one it takes no bits."""
    return {one: ""} if one == other else {min(one, other): "0", max(one, other): "1"}


def _told(values: tuple[int, ...]) -> str:
    """A simple code of one or two levels (section 3.7.2.1.1)."""
    levels = sorted({*values})
    return "1" + _bits(len(levels) - 1, 1) + "1" + "".join(_bits(level, 8) for level in levels)


def _length(count: int) -> tuple[int, str]:
    """The code of a length, and the bits that tell it from others of that code (section 3.6.2.2)."""
    rest = count - 1
    if rest < 4:
        return rest, ""
    more = rest.bit_length() - 2
    return 2 * more + (rest >> more), _bits(rest & ((1 << more) - 1), more)
