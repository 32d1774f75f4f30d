"""Pictures out of prompts, drawn with Pillow: the same for the same request, and told apart at a glance."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from xml.sax.saxutils import escape

from PIL import Image, ImageColor, ImageDraw, ImageFont, ImageOps

from pytest_imgresponse.images import UnreadableUploadError as UnreadableUploadError
from pytest_imgresponse.images import open_upload as open_upload
from pytest_imgresponse.images.make import hex_colour, saved

_INK, _PAPER = "#1e1e26", "#fcfaf6"
_font = lru_cache(maxsize=32)(ImageFont.load_default)

# The parts of each shape: a colour, empty for that of the shape, and points (x, y) in a box of 100 by 100. Four numbers
# are the box of an ellipse, more are the corners of a polygon.
_PARTS: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    ("circle", "", (4, 4, 96, 96)),
    ("square", "", (8, 8, 92, 8, 92, 92, 8, 92)),
    ("triangle", "", (50, 6, 97, 90, 3, 90)),
    ("star", "", (50, 0, 62, 33, 98, 35, 70, 57, 79, 90, 50, 71, 21, 90, 30, 57, 2, 35, 38, 33)),
    ("heart", "", (4, 10, 52, 56)),
    ("heart", "", (48, 10, 96, 56)),
    ("heart", "", (8.5, 46, 50, 24, 91.5, 46, 50, 96)),
    ("sun", "", (16, 16, 84, 16, 84, 84, 16, 84)),
    ("sun", "", (50, 2, 98, 50, 50, 98, 2, 50)),
    ("sun", "orange", (26, 26, 74, 74)),
    ("tree", "sienna", (43, 56, 57, 56, 59, 98, 41, 98)),
    ("tree", "", (14, 2, 86, 72)),
    ("house", "linen", (14, 44, 86, 44, 86, 96, 14, 96)),
    ("house", "", (50, 6, 98, 48, 2, 48)),
    ("house", "sienna", (42, 62, 58, 62, 58, 96, 42, 96)),
    ("fox", "", (10, 4, 42, 28, 58, 28, 90, 4, 88, 48, 72, 76, 50, 96, 28, 76, 12, 48)),
    ("fox", "white", (12, 48, 36, 57, 50, 96, 64, 57, 88, 48, 72, 76, 50, 96, 28, 76)),
    ("fox", _INK, (31, 46, 41, 56)),
    ("fox", _INK, (59, 46, 69, 56)),
    ("fox", _INK, (43, 84, 57, 97)),
)
_OWN_COLOURS = {"heart": "crimson", "sun": "gold", "tree": "forestgreen", "house": "firebrick", "fox": "darkorange"}
SHAPES = {shape: [part[1:] for part in _PARTS if part[0] == shape] for shape, _, _ in _PARTS}
_PLAIN_SHAPES = [shape for shape in SHAPES if shape not in _OWN_COLOURS]


@dataclass(frozen=True, slots=True)
class Sketch:
    """All that a drawn picture depends on. `mark` stands in its corner ("#2"), `note` under its caption."""

    prompt: str
    width: int
    height: int
    mark: str = ""
    note: str = ""
    transparent: bool = False


def scene(sketch: Sketch) -> tuple[list[tuple[str, str]], str]:
    """Up to three shapes, each with its colour, and the colour behind them.

    They are what the prompt names, in its order, colours as in CSS; a hash decides what it leaves open. A colour
    belongs to the shape after it ("red fox"), else to a shape that has none yet ("a fox in red"). One that is left
    over, or stands before the word "background", is the backdrop.
    """
    seed, backdrop = _seed(sketch), ""
    shapes: list[tuple[str, str]] = []
    spare: list[str] = []
    for word in re.findall(r"[a-z]+", sketch.prompt.lower()):
        named = [each for each in (word, word.removesuffix("s"), word.removesuffix("es")) if each in SHAPES]
        if word in ImageColor.colormap:
            spare.append(word)
        elif word == "background" and spare:
            backdrop = spare.pop()
        elif named and len(shapes) < 3:
            shapes.append((named[0], spare.pop() if spare else ""))
    any_colour = f"hsl({seed // 8 % 360}, 75%, 45%)"
    shapes = [
        (shape, colour or (spare.pop(0) if spare else _OWN_COLOURS.get(shape, any_colour)))
        for shape, colour in shapes or [(_PLAIN_SHAPES[seed % len(_PLAIN_SHAPES)], "")]
    ]
    red, green, blue = ImageColor.getrgb(shapes[0][1])[:3]
    # A bright shape (by the luma of ITU-R BT.601) stands out from a dark backdrop, any other from a light one.
    shade = "50%, 18%" if 299 * red + 587 * green + 114 * blue > 135_000 else "60%, 86%"
    return shapes, backdrop or (spare[0] if spare else f"hsl({seed // 4096 % 360}, {shade})")


def _seed(sketch: Sketch) -> int:
    return int.from_bytes(hashlib.sha256((sketch.mark + sketch.prompt).encode("utf-8", "surrogatepass")).digest()[:8])


def draw(sketch: Sketch, lift: float = 0) -> Image.Image:
    """The picture, RGBA where it is transparent, else RGB; its shapes stand higher by `lift`, a share of its height."""
    shapes, backdrop = scene(sketch)
    size = sketch.width, sketch.height
    canvas = Image.new("RGBA", size) if sketch.transparent else _backdrop(size, backdrop, _seed(sketch))
    for (shape, colour), (left, top, side) in zip(shapes, _places(sketch, len(shapes), lift), strict=True):
        # Twice as large and then reduced, for smooth edges; in colour where it is clear, or they would be dark.
        layer = Image.new("RGBA", (side * 2, side * 2), (*ImageColor.getrgb(colour)[:3], 0))
        pen = ImageDraw.Draw(layer)
        for own, points in SHAPES[shape]:
            scaled = [value * side / 50 for value in points]
            (pen.ellipse if len(points) == 4 else pen.polygon)(scaled, own or colour)
        layer = layer.reduce(2)
        canvas.paste(layer, (left, top), None if sketch.transparent else layer)
    _write(ImageDraw.Draw(canvas), sketch)
    return canvas


def _places(sketch: Sketch, count: int, lift: float = 0) -> list[tuple[int, int, int]]:
    """Where the shapes stand: left, top and side of each, in pixels."""
    width, height = sketch.width, sketch.height
    side = max(4, min(round(width * 0.86 / count), round(height * 0.62)))
    gap = (width - side * count) // (count + 1)
    top = round(height * (0.06 - lift)) + (round(height * 0.66) - side) // 2
    return [(gap + place * (side + gap), top, side) for place in range(count)]


def _backdrop(size: tuple[int, int], colour: str, seed: int) -> Image.Image:
    """A gradient with two great discs."""
    strip = Image.new("RGB", (1, 2), colour)
    ImageDraw.Draw(strip, "RGBA").point((0, 0), (255, 255, 255, 80))  # in this mode what is drawn is blended
    canvas = strip.resize(size, Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(canvas, "RGBA")
    for disc in (seed, seed >> 20):
        x, y, reach = disc % size[0], disc // 7 % size[1], min(size) * (2 + disc % 3) // 10
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), (255, 255, 255, 60))
    return canvas


def _write(pen: ImageDraw.ImageDraw, sketch: Sketch) -> None:
    """The caption and the note on a panel at the bottom, and the mark in the corner."""
    width, height = sketch.width, sketch.height
    points = max(9, min(width, height) // 24)
    font, step = _font(points), round(points * 1.25)
    # Without accents, which Pillow's own font does not have.
    text = "".join(char for char in unicodedata.normalize("NFKD", _plain(sketch)) if not unicodedata.combining(char))
    columns = max(1, int(len(text) * width * 0.85 / max(1, font.getlength(text))))
    lines = textwrap.wrap(text, columns, max_lines=3 if height >= 200 else 1, placeholder="…")
    top = height * 0.97 - step * (len(lines) + bool(sketch.note)) - points
    pen.rounded_rectangle((width * 0.03, top, width * 0.97, height * 0.97), points // 2, _PAPER, "silver")
    for row, line in enumerate([*lines, sketch.note]):
        fill, used = (_INK, font) if row < len(lines) else ("dimgray", _font(max(8, points * 2 // 3)))
        pen.text((width / 2, top + points * 0.5 + (row + 0.5) * step), line, fill, used, "mm")
    if sketch.mark:
        pen.rounded_rectangle((points * 0.6, points * 0.6, points * 3.4, points * 2.6), points // 2, _INK)
        pen.text((points * 2, points * 1.6), sketch.mark, _PAPER, _font(round(points * 1.3)), "mm")


def _plain(sketch: Sketch) -> str:
    """The beginning of the prompt on one line, without what neither a font nor XML can hold."""
    return " ".join("".join(char if char.isprintable() else " " for char in sketch.prompt[:600]).split())


def edit(sketch: Sketch, uploads: Sequence[Image.Image], mask: Image.Image | None) -> Image.Image:
    """The first upload, scaled, with the prompt's drawing where the mask is transparent.

    Without a mask the drawing is a badge in the corner; further uploads are shown small beside it. A transparent edit
    has a clear margin.
    """
    size = width, height = sketch.width, sketch.height
    base, clear = _fitted(uploads[0], size), Image.new("L", size)
    if mask is None:
        ImageDraw.Draw(clear).rectangle((width * 0.6, height * 0.03, width * 0.97, height * 0.4), 255)
    else:
        clear = mask.convert("RGBA").getchannel("A").resize(size).point(lambda alpha: 255 - alpha)
    box = clear.getbbox() or (0, 0, *size)
    part = replace(sketch, width=box[2] - box[0], height=box[3] - box[1], note="", transparent=False)
    base.paste(draw(part), box[:2], clear.crop(box))
    side = max(8, min(size) // 6)
    for place, upload in enumerate(uploads[1:]):
        left = (side // 4 + place * side * 5 // 4) % (width - side)
        base.paste(_fitted(upload, (side, side), "RGB"), (left, side // 4))
    if not sketch.transparent:
        return Image.alpha_composite(Image.new("RGBA", size, _PAPER), base).convert("RGB")
    margin, shape = min(size) // 24, Image.new("L", size)
    ImageDraw.Draw(shape).rounded_rectangle((margin, margin, width - margin, height - margin), margin * 3, fill=255)
    return Image.composite(base, Image.new("RGBA", size), shape)


def _fitted(upload: Image.Image, size: tuple[int, int], mode: str = "RGBA") -> Image.Image:
    return upload.convert(mode).resize(size, Image.Resampling.BICUBIC)


def vary(upload: Image.Image, width: int, height: int, index: int) -> Image.Image:
    """The upload scaled and mirrored, its colours turned further with each index."""
    hue, saturation, value = ImageOps.mirror(_fitted(upload, (width, height), "RGB")).convert("HSV").split()
    hue = hue.point(lambda level: (level + 48 * (index + 1)) % 256)
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def coarse(picture: Image.Image, step: int) -> Image.Image:
    """A partial image: the picture as blurred as its step (0, 1, 2) is early."""
    cells = (12, 32, 80)[step]
    return picture.reduce(max(1, max(picture.size) // cells)).resize(picture.size, Image.Resampling.BICUBIC)


def encode(picture: Image.Image, file_format: str, compression: int = 100) -> bytes:
    """A picture as `png`, `webp` or `jpeg`; `compression`, from 0 to 100, is the quality of the last two."""
    # Each encoder takes what is its own: `compress_level` is for PNG alone, and `method` for WebP.
    return saved(picture, file_format, compress_level=1, quality=5 + round(compression * 0.9), method=1)


def bounce(sketch: Sketch, frames: int) -> list[Image.Image]:
    """The frames of a drawing whose shapes go up and down once."""
    return [draw(sketch, math.sin(2 * math.pi * frame / frames) * 0.06) for frame in range(frames)]


def fade(upload: Image.Image, edited: Image.Image, frames: int) -> list[Image.Image]:
    """The frames from an upload to its edit."""
    before, after = _fitted(upload, edited.size, "RGB"), edited.convert("RGB")
    return [Image.blend(before, after, frame / (frames - 1)) for frame in range(frames)]


def animate(pictures: Sequence[Image.Image], duration: int) -> bytes:
    """A GIF that repeats these frames, each shown for `duration` milliseconds."""
    flat = [picture.quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE) for picture in pictures]
    return saved(flat[0], "gif", save_all=True, append_images=flat[1:], duration=duration, loop=0)


def vector(sketch: Sketch, raster: Image.Image | None = None) -> bytes:
    """The prompt's shapes as an SVG; with `raster`, an SVG that shows that picture (an edit)."""
    width, height, caption = sketch.width, sketch.height, _plain(sketch)
    box = f'width="{width}" height="{height}"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {box} viewBox="0 0 {width} {height}">']
    lines += [f"<title>{escape(caption)}</title>"]
    if raster is not None:
        data = base64.b64encode(encode(raster, "png")).decode()
        return "\n".join([*lines, f'<image {box} href="data:image/png;base64,{data}"/>', "</svg>\n"]).encode()
    shapes, backdrop = scene(sketch)
    lines += [] if sketch.transparent else [f'<rect {box} fill="{hex_colour(ImageColor.getrgb(backdrop))}"/>']
    for (shape, colour), (left, top, side) in zip(shapes, _places(sketch, len(shapes)), strict=True):
        lines += [f'<g transform="translate({left} {top}) scale({side / 100})">']
        for own, (x0, y0, x1, y1, *more) in SHAPES[shape]:
            element = f'ellipse cx="{(x0 + x1) / 2}" cy="{(y0 + y1) / 2}" rx="{(x1 - x0) / 2}" ry="{(y1 - y0) / 2}"'
            if more:
                element = f'polygon points="{" ".join(map(str, (x0, y0, x1, y1, *more)))}"'
            lines += [f'<{element} fill="{hex_colour(ImageColor.getrgb(own or colour))}"/>']
        lines += ["</g>"]
    points = max(10, height // 24)
    place = f'x="{width // 2}" y="{height - points}" font-size="{points}" font-family="sans-serif" text-anchor="middle"'
    return "\n".join([*lines, f"<text {place}>{escape(caption[:80])}</text>", "</svg>\n"]).encode()
