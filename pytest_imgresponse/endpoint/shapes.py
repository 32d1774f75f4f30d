"""What `drawing` draws: colours and figures by name, and how a prompt chooses among them.

A figure is data, strokes in a box of 100 by 100 units, so that one table serves bitmaps and SVG alike.
"""

from __future__ import annotations

import colorsys
import hashlib
import math
import re
from typing import Literal, NamedTuple

RGB = tuple[int, int, int]

COLOURS: dict[str, RGB] = {
    "red": (214, 40, 40),
    "orange": (240, 128, 24),
    "yellow": (250, 208, 44),
    "lime": (140, 210, 40),
    "green": (34, 150, 72),
    "olive": (120, 128, 40),
    "teal": (16, 138, 138),
    "turquoise": (48, 200, 192),
    "cyan": (20, 190, 226),
    "blue": (36, 92, 214),
    "navy": (22, 36, 96),
    "indigo": (72, 48, 160),
    "purple": (126, 52, 168),
    "violet": (146, 84, 222),
    "magenta": (214, 40, 170),
    "pink": (246, 132, 176),
    "maroon": (122, 24, 44),
    "brown": (122, 78, 44),
    "beige": (226, 208, 172),
    "gold": (218, 172, 32),
    "silver": (182, 188, 196),
    "gray": (128, 132, 140),
    "grey": (128, 132, 140),
    "black": (26, 26, 30),
    "white": (250, 250, 250),
}

INK: RGB = (30, 30, 38)
PAPER: RGB = (252, 250, 246)
_FIXED: dict[str, RGB] = {"ink": INK, "paper": PAPER, "bark": (112, 74, 46), "rose": (232, 120, 130)}


class Stroke(NamedTuple):
    """One filled polygon or ellipse, or one ring (an ellipse's outline, `RING` units wide).

    `tone` is `main`, `deep` or `pale` (made from the figure's colour) or the name of a fixed colour; `points`
    are x, y pairs, for an ellipse and a ring the corners of its box.
    """

    kind: Literal["polygon", "ellipse", "ring"]
    tone: str
    points: tuple[float, ...]


RING = 18


def _regular(corners: int, radius: float = 48, *, inner: float | None = None) -> tuple[float, ...]:
    """The corners of a regular polygon that stands on its base, or of a star with an inner radius."""
    steps = corners if inner is None else corners * 2
    points: list[float] = []
    for step in range(steps):
        reach = radius if inner is None or step % 2 == 0 else inner
        angle = 2 * math.pi * step / steps - math.pi / 2
        points += [round(50 + reach * math.cos(angle), 2), round(50 + reach * math.sin(angle), 2)]
    return tuple(points)


def _around(count: int, distance: float, radius: float) -> tuple[tuple[float, ...], ...]:
    """The boxes of `count` circles whose centres lie on a circle around the middle."""
    centres = _regular(count, distance)
    return tuple(
        (x - radius, y - radius, x + radius, y + radius) for x, y in zip(centres[::2], centres[1::2], strict=True)
    )


FIGURES: dict[str, tuple[Stroke, ...]] = {
    "circle": (Stroke("ellipse", "main", (4, 4, 96, 96)), Stroke("ellipse", "pale", (22, 16, 44, 34))),
    "square": (
        Stroke("polygon", "main", (8, 8, 92, 8, 92, 92, 8, 92)),
        Stroke("polygon", "pale", (16, 16, 40, 16, 16, 40)),
    ),
    "triangle": (
        Stroke("polygon", "main", (50, 6, 97, 90, 3, 90)),
        Stroke("polygon", "pale", (50, 24, 58, 38, 42, 38)),
    ),
    "star": (
        Stroke("polygon", "main", _regular(5, 50, inner=21)),
        Stroke("polygon", "pale", _regular(5, 22, inner=9)),
    ),
    "ring": (Stroke("ring", "main", (5, 5, 95, 95)),),
    "hexagon": (Stroke("polygon", "main", _regular(6)), Stroke("polygon", "pale", _regular(6, 18))),
    "fox": (
        Stroke("polygon", "main", (10, 4, 46, 30, 12, 48)),
        Stroke("polygon", "main", (90, 4, 54, 30, 88, 48)),
        Stroke("polygon", "ink", (15, 13, 30, 25, 17, 36)),
        Stroke("polygon", "ink", (85, 13, 70, 25, 83, 36)),
        Stroke("polygon", "main", (12, 48, 26, 32, 50, 25, 74, 32, 88, 48, 72, 76, 50, 96, 28, 76)),
        Stroke("polygon", "paper", (12, 48, 36, 57, 50, 96, 28, 76)),
        Stroke("polygon", "paper", (88, 48, 64, 57, 50, 96, 72, 76)),
        Stroke("ellipse", "ink", (31, 46, 41, 56)),
        Stroke("ellipse", "ink", (59, 46, 69, 56)),
        Stroke("ellipse", "ink", (43, 84, 57, 97)),
    ),
    "cat": (
        Stroke("polygon", "main", (12, 4, 46, 26, 14, 58)),
        Stroke("polygon", "main", (88, 4, 54, 26, 86, 58)),
        Stroke("polygon", "rose", (18, 14, 35, 25, 19, 40)),
        Stroke("polygon", "rose", (82, 14, 65, 25, 81, 40)),
        Stroke("ellipse", "main", (10, 22, 90, 94)),
        Stroke("ellipse", "paper", (25, 44, 43, 62)),
        Stroke("ellipse", "paper", (57, 44, 75, 62)),
        Stroke("ellipse", "ink", (31, 45, 37, 61)),
        Stroke("ellipse", "ink", (63, 45, 69, 61)),
        Stroke("polygon", "rose", (44, 68, 56, 68, 50, 75)),
        Stroke("polygon", "ink", (2, 66, 38, 71, 38, 72.5, 2, 68)),
        Stroke("polygon", "ink", (2, 80, 38, 75, 38, 76.5, 2, 82)),
        Stroke("polygon", "ink", (98, 66, 62, 71, 62, 72.5, 98, 68)),
        Stroke("polygon", "ink", (98, 80, 62, 75, 62, 76.5, 98, 82)),
        Stroke("polygon", "ink", (49, 75, 51, 75, 51, 82, 49, 82)),
    ),
    "sun": (
        Stroke("polygon", "main", _regular(12, 50, inner=34)),
        Stroke("ellipse", "deep", (20, 20, 80, 80)),
        Stroke("ellipse", "main", (23, 23, 77, 77)),
        Stroke("ellipse", "ink", (37, 40, 43, 49)),
        Stroke("ellipse", "ink", (57, 40, 63, 49)),
        Stroke("ellipse", "rose", (43, 57, 57, 66)),
    ),
    "house": (
        Stroke("polygon", "bark", (70, 8, 80, 8, 80, 40, 70, 40)),
        Stroke("polygon", "paper", (14, 44, 86, 44, 86, 96, 14, 96)),
        Stroke("polygon", "main", (50, 6, 98, 48, 2, 48)),
        Stroke("polygon", "deep", (42, 62, 58, 62, 58, 96, 42, 96)),
        Stroke("polygon", "ink", (21, 58, 35, 58, 35, 74, 21, 74)),
        Stroke("polygon", "ink", (65, 58, 79, 58, 79, 74, 65, 74)),
    ),
    "tree": (
        Stroke("polygon", "bark", (44, 60, 56, 60, 59, 98, 41, 98)),
        Stroke("ellipse", "deep", (6, 34, 56, 78)),
        Stroke("ellipse", "deep", (44, 34, 94, 78)),
        Stroke("ellipse", "main", (20, 2, 80, 62)),
        Stroke("ellipse", "pale", (30, 10, 52, 30)),
    ),
    "heart": (
        Stroke("ellipse", "main", (4, 10, 52, 56)),
        Stroke("ellipse", "main", (48, 10, 96, 56)),
        Stroke("polygon", "main", (8, 44, 50, 24, 92, 44, 50, 96)),
        Stroke("ellipse", "pale", (16, 20, 32, 34)),
    ),
    "flower": (
        Stroke("polygon", "tree", (48, 60, 52, 60, 53, 99, 47, 99)),
        *(
            Stroke("ellipse", "main", (x0 * 0.8 + 10, y0 * 0.8 - 4, x1 * 0.8 + 10, y1 * 0.8 - 4))
            for x0, y0, x1, y1 in _around(6, 28, 17)
        ),
        Stroke("ellipse", "sun", (38, 24, 62, 48)),
    ),
    "fish": (
        Stroke("polygon", "deep", (72, 50, 98, 26, 92, 50, 98, 74)),
        Stroke("polygon", "deep", (36, 30, 58, 10, 62, 34)),
        Stroke("ellipse", "main", (4, 24, 80, 76)),
        Stroke("ellipse", "pale", (34, 40, 62, 62)),
        Stroke("ellipse", "paper", (14, 38, 28, 52)),
        Stroke("ellipse", "ink", (17, 42, 24, 49)),
    ),
}

_OWN_COLOUR = {
    "fox": "orange",
    "cat": "gray",
    "sun": "yellow",
    "house": "red",
    "tree": "green",
    "heart": "red",
    "flower": "pink",
}
_SAME_AS = {"kitten": "cat", "kitty": "cat", "home": "house", "cottage": "house", "ball": "circle"}
_SHAPES = ("circle", "square", "triangle", "star", "ring", "hexagon")


class Scene(NamedTuple):
    """What a prompt asks for: up to three figures, each with its colour, and the colour behind them."""

    figures: tuple[tuple[str, RGB], ...]
    backdrop: RGB
    seed: int


def tone(name: str, main: RGB) -> RGB:
    """The colour of a stroke of a figure whose own colour is `main`."""
    if name == "deep":
        return mix(main, INK, 0.35)
    if name == "pale":
        return mix(main, PAPER, 0.55)
    if name in _OWN_COLOUR:
        return COLOURS[_OWN_COLOUR[name]]
    return _FIXED.get(name, main)


def mix(one: RGB, other: RGB, share: float) -> RGB:
    """A colour between two; `share` is how much of the other, from 0 to 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def scene(prompt: str) -> Scene:
    """The figures and colours named in a prompt, in its order; what it leaves open, its hash decides.

    A colour belongs to the figure after it ("red fox"), else to a figure still without one ("a fox in red");
    one that is left over, or stands before the word "background", is the backdrop.
    """
    seed = int.from_bytes(hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()[:8])
    found: list[tuple[str, RGB | None]] = []
    backdrop: RGB | None = None
    spare: list[RGB] = []
    for word in re.findall(r"[a-z]+", prompt.lower()):
        if word in COLOURS:
            spare.append(COLOURS[word])
        elif word == "background" and spare:
            backdrop = spare.pop()
        elif (name := _figure(word)) and len(found) < 3:
            found.append((name, spare.pop() if spare else None))
    figures = []
    for name, colour in found or [(_SHAPES[seed % len(_SHAPES)], None)]:
        own = COLOURS.get(_OWN_COLOUR.get(name, ""), _hue(seed >> 8, 0.78, 0.82))
        figures.append((name, colour or (spare.pop(0) if spare else own)))
    if backdrop is None:
        backdrop = spare[0] if spare else _behind(figures[0][1], seed)
    return Scene(tuple(figures), backdrop, seed)


def _figure(word: str) -> str | None:
    singular = (word, word.removesuffix("s"), word.removesuffix("es"))
    return next((name for each in singular if (name := _SAME_AS.get(each, each)) in FIGURES), None)


def _hue(seed: int, saturation: float, value: float) -> RGB:
    red, green, blue = colorsys.hsv_to_rgb(seed % 360 / 360, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _behind(main: RGB, seed: int) -> RGB:
    """A backdrop that lets a colour stand out: of another hue, light behind all but the palest."""
    own = round(colorsys.rgb_to_hsv(*(level / 255 for level in main))[0] * 360)
    away = own + 100 + (seed >> 20) % 160
    pale = min(main) > 160
    return _hue(away, 0.6, 0.4) if pale else _hue(away, 0.3, 0.94)
