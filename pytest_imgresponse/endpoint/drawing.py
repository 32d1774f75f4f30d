"""Pictures out of prompts: drawn with Pillow, the same for the same request, told apart at a glance."""

from __future__ import annotations

import base64
import io
import math
import struct
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from pytest_imgresponse.endpoint.shapes import FIGURES, INK, PAPER, RGB, RING, Scene, mix, scene, tone
from pytest_imgresponse.images.make import hex_colour, saved

UPLOAD_PIXELS = 40_000_000
"""The largest upload that is decoded, in pixels: a header may claim any size (a decompression bomb)."""

_FINE = 2  # figures are drawn this many times larger and reduced, which smooths their edges
_OPENERS: dict[bytes, type[Image.Image]] = {
    b"\x89PNG": PngImagePlugin.PngImageFile,
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"RIFF": WebPImagePlugin.WebPImageFile,
}
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
    zlib.error,
    Warning,
    Image.DecompressionBombError,
)


class UnreadableUploadError(Exception):
    """An upload that is no PNG, JPEG or WebP, is damaged, or claims more than `UPLOAD_PIXELS`."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """All that a drawn picture depends on. `mark` stands in its corner ("#2"), `note` under its caption."""

    prompt: str
    width: int
    height: int
    mark: str = ""
    note: str = ""
    transparent: bool = False


def draw(sketch: Sketch) -> Image.Image:
    """The picture of a prompt, RGBA where it is to be transparent, else RGB."""
    return _Drawing(sketch).picture()


def edit(sketch: Sketch, uploads: Sequence[Image.Image], mask: Image.Image | None) -> Image.Image:
    """The first upload, scaled, with the prompt's drawing where the mask is transparent.

    Without a mask the drawing is a badge in the corner; further uploads are shown small beside it. A
    transparent edit gets a clear margin.
    """
    width, height = sketch.width, sketch.height
    base = uploads[0].convert("RGBA").resize((width, height), Image.Resampling.BICUBIC)
    if mask is None:
        box = (round(width * 0.6), round(height * 0.03), round(width * 0.97), round(height * 0.4))
        base.alpha_composite(_framed(_part(sketch, box)), box[:2])
    else:
        clear = mask.convert("RGBA").getchannel("A").resize((width, height)).point(lambda alpha: 255 - alpha)
        box = clear.getbbox() or (0, 0, width, height)
        base.paste(_part(sketch, box), box[:2], clear.crop(box))
    side = max(8, min(width, height) // 6)
    for place, upload in enumerate(uploads[1:]):
        small = upload.convert("RGBA").resize((side, side), Image.Resampling.BICUBIC)
        base.alpha_composite(_framed(small), ((side // 4 + place * side * 5 // 4) % (width - side), side // 4))
    if not sketch.transparent:
        return Image.alpha_composite(Image.new("RGBA", base.size, PAPER), base).convert("RGB")
    margin = min(width, height) // 24
    shape = Image.new("L", base.size)
    ImageDraw.Draw(shape).rounded_rectangle((margin, margin, width - margin, height - margin), margin * 3, fill=255)
    return Image.composite(base, Image.new("RGBA", base.size), shape)


def vary(upload: Image.Image, width: int, height: int, index: int) -> Image.Image:
    """The upload scaled and mirrored, its colours turned further with each index."""
    turned = upload.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    hue, saturation, value = turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT).convert("HSV").split()
    shift = 48 * (index + 1)
    hue = hue.point(lambda level: (level + shift) % 256)
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def coarse(picture: Image.Image, step: int) -> Image.Image:
    """A partial image: the picture as blurred as its step (0, 1, 2) is early."""
    cells = (12, 32, 80)[step]
    scale = max(1, max(picture.size) // cells)
    small = picture.reduce(scale)
    return small.resize(picture.size, Image.Resampling.BICUBIC)


def encode(picture: Image.Image, file_format: str, compression: int = 100) -> bytes:
    """A picture as `png`, `webp` or `jpeg`; `compression`, from 0 to 100, is the quality of the last two."""
    if file_format == "png":
        return saved(picture, "png", compress_level=1)
    quality = 5 + round(compression * 0.9)
    return saved(picture, file_format, quality=quality, **({"method": 1} if file_format == "webp" else {}))


def bounce(sketch: Sketch, frames: int) -> list[Image.Image]:
    """The frames of a drawing whose figures go up and down once."""
    drawing = _Drawing(sketch)
    return [drawing.picture(math.sin(2 * math.pi * frame / frames) * 0.06) for frame in range(frames)]


def fade(upload: Image.Image, edited: Image.Image, frames: int) -> list[Image.Image]:
    """The frames from an upload to its edit."""
    before = upload.convert("RGB").resize(edited.size, Image.Resampling.BICUBIC)
    return [Image.blend(before, edited.convert("RGB"), frame / (frames - 1)) for frame in range(frames)]


def animate(pictures: Sequence[Image.Image], duration: int) -> bytes:
    """A GIF that repeats these frames, each shown for `duration` milliseconds."""
    flat = [picture.quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE) for picture in pictures]
    return saved(flat[0], "gif", save_all=True, append_images=flat[1:], duration=duration, loop=0)


def vector(sketch: Sketch, raster: Image.Image | None = None) -> bytes:
    """The prompt's figures as an SVG; with `raster`, an SVG that shows that picture (an edit)."""
    width, height = sketch.width, sketch.height
    box = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f"<title>{escape(_plain(sketch.prompt))}</title>",
    ]
    if raster is not None:
        data = base64.b64encode(encode(raster, "png")).decode()
        parts.append(f'<image width="{width}" height="{height}" href="data:image/png;base64,{data}"/>')
        return "\n".join([*parts, "</svg>\n"]).encode()
    drawing = _Drawing(sketch)
    if not sketch.transparent:
        parts.append(f'<rect width="100%" height="100%" fill="{hex_colour(drawing.scene.backdrop)}"/>')
    for (name, colour), (x, y, side) in zip(drawing.scene.figures, drawing.places(), strict=True):
        parts.append(f'<g transform="translate({x} {y}) scale({side / 100})">')
        parts += [_svg_stroke(each.kind, each.points, hex_colour(tone(each.tone, colour))) for each in FIGURES[name]]
        parts.append("</g>")
    size = max(10, height // 24)
    parts.append(
        f'<text x="{width // 2}" y="{height - size}" font-family="sans-serif" font-size="{size}" '
        f'text-anchor="middle">{escape(_plain(sketch.prompt)[:80])}</text>'
    )
    return "\n".join([*parts, "</svg>\n"]).encode()


def open_upload(content: bytes) -> Image.Image:
    """An uploaded PNG, JPEG or WebP, decoded. Raises `UnreadableUploadError`.

    The decoder is called directly, and not with a WebP that claims too much: Pillow would warn of it to the
    whole process.
    """
    opener = next((each for magic, each in _OPENERS.items() if content.startswith(magic)), None)
    if opener is None:
        raise UnreadableUploadError("no PNG, JPEG or WebP")
    try:
        if opener is WebPImagePlugin.WebPImageFile:
            _judge_claim(*_webp_claim(content))
        picture = opener(io.BytesIO(content))  # type: ignore[call-arg]
        _judge_claim(*picture.size)
        picture.load()
    except _UNREADABLE as error:
        raise UnreadableUploadError(str(error)) from error
    return picture


def _judge_claim(width: int, height: int) -> None:
    if width * height > UPLOAD_PIXELS:
        raise UnreadableUploadError(f"{width}x{height} is more than {UPLOAD_PIXELS} pixels")


def _webp_claim(content: bytes) -> tuple[int, int]:
    """The size in a WebP's first chunk (RFC 9649, sections 2.5 to 2.7)."""
    kind = content[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", content, 26)
    return width & 0x3FFF, height & 0x3FFF


class _Drawing:
    """One sketch on its way to a picture."""

    def __init__(self, sketch: Sketch) -> None:
        self.sketch = sketch
        self.scene: Scene = scene(sketch.prompt)
        self.turn = len(sketch.mark) and int(sketch.mark.removeprefix("#"))

    def places(self, lift: float = 0) -> list[tuple[int, int, int]]:
        """Where the figures stand: left, top and side of each, in pixels; `lift` is a share of the height."""
        width, height, count = self.sketch.width, self.sketch.height, len(self.scene.figures)
        side = max(4, min(round(width * 0.86 / count), round(height * 0.62)))
        left = (width - side * count) // (count + 1)
        top = round(height * (0.06 - lift)) + (round(height * 0.66) - side) // 2
        return [(left + place * (side + left), top, side) for place in range(count)]

    def picture(self, lift: float = 0) -> Image.Image:
        """The sketch, drawn."""
        size = (self.sketch.width, self.sketch.height)
        canvas = Image.new("RGBA", size) if self.sketch.transparent else self._backdrop(size)
        for (name, colour), (left, top, side) in zip(self.scene.figures, self.places(lift), strict=True):
            figure = _figure(name, colour, side, mirrored=self.turn % 2 == 0 and self.turn > 0)
            canvas.paste(figure, (left, top), figure.getchannel("A"))
        self._write(ImageDraw.Draw(canvas))
        return canvas

    def _backdrop(self, size: tuple[int, int]) -> Image.Image:
        """A gradient with two great discs, whose places come from the prompt and the mark."""
        ground = mix(self.scene.backdrop, INK if self.turn % 3 == 2 else PAPER, 0.16 * (self.turn % 3))
        strip = Image.new("RGB", (1, 2), mix(ground, PAPER, 0.3))
        strip.putpixel((0, 1), ground)
        canvas = strip.resize(size, Image.Resampling.BILINEAR)
        pen = ImageDraw.Draw(canvas)
        for disc in range(2):
            seed = (self.scene.seed >> (16 * disc)) + 977 * self.turn
            x, y = seed % size[0], seed // 7 % size[1]
            reach = min(size) * (2 + seed % 3) // 10
            pen.ellipse((x - reach, y - reach, x + reach, y + reach), mix(ground, PAPER, 0.22 + 0.16 * disc))
        return canvas

    def _write(self, pen: ImageDraw.ImageDraw) -> None:
        width, height = self.sketch.width, self.sketch.height
        points = max(9, min(width, height) // 24)
        big, small = _font(points), _font(max(8, points * 2 // 3))
        lines = _wrap(_folded(_plain(self.sketch.prompt)), big, width * 0.88, 3 if height >= 200 else 1)
        step = round(points * 1.25)
        panel = step * (len(lines) + bool(self.sketch.note)) + points
        top = height - panel - round(height * 0.03)
        pen.rounded_rectangle(
            (width * 0.03, top, width * 0.97, height * 0.97), points // 2, PAPER, mix(PAPER, INK, 0.25)
        )
        for row, line in enumerate(lines):
            pen.text((width / 2, top + points * 0.5 + (row + 0.5) * step), line, INK, big, "mm")
        if self.sketch.note:
            below = top + points * 0.5 + (len(lines) + 0.5) * step
            pen.text((width / 2, below), self.sketch.note, mix(INK, PAPER, 0.45), small, "mm")
        if self.sketch.mark:
            box = (points * 0.6, points * 0.6, points * 3.4, points * 2.6)
            pen.rounded_rectangle(box, points // 2, INK)
            pen.text((points * 2, points * 1.6), self.sketch.mark, PAPER, _font(round(points * 1.3)), "mm")


def _part(sketch: Sketch, box: tuple[int, int, int, int]) -> Image.Image:
    """The prompt drawn to fill a box of the picture."""
    return draw(Sketch(sketch.prompt, box[2] - box[0], box[3] - box[1], sketch.mark)).convert("RGBA")


def _framed(picture: Image.Image) -> Image.Image:
    ImageDraw.Draw(picture).rectangle(
        (0, 0, picture.width - 1, picture.height - 1), outline=PAPER, width=max(2, min(picture.size) // 40)
    )
    return picture


def _figure(name: str, main: RGB, side: int, *, mirrored: bool) -> Image.Image:
    # Clear pixels carry the figure's own colour, or its edge would be reduced towards black.
    layer = Image.new("RGBA", (side * _FINE, side * _FINE), (*main, 0))
    pen = ImageDraw.Draw(layer)
    unit = side * _FINE / 100
    for stroke in FIGURES[name]:
        points = [value * unit for value in stroke.points]
        colour = tone(stroke.tone, main)
        if stroke.kind == "polygon":
            pen.polygon(points, colour)
        elif stroke.kind == "ellipse":
            pen.ellipse(points, colour)
        else:
            pen.ellipse(points, outline=colour, width=round(RING * unit))
    layer = layer.reduce(_FINE)
    return layer.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else layer


def _svg_stroke(kind: str, points: tuple[float, ...], colour: str) -> str:
    if kind == "polygon":
        return f'<polygon points="{" ".join(f"{value:g}" for value in points)}" fill="{colour}"/>'
    x0, y0, x1, y1 = points
    inset = RING / 2 if kind == "ring" else 0
    paint = f'fill="none" stroke="{colour}" stroke-width="{RING}"' if kind == "ring" else f'fill="{colour}"'
    rx, ry = (x1 - x0) / 2 - inset, (y1 - y0) / 2 - inset
    return f'<ellipse cx="{(x0 + x1) / 2:g}" cy="{(y0 + y1) / 2:g}" rx="{rx:g}" ry="{ry:g}" {paint}/>'


@lru_cache(maxsize=32)
def _font(points: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(points)


def _plain(prompt: str) -> str:
    """The beginning of a prompt on one line, without what neither a font nor XML can hold."""
    shown = "".join(char if char.isprintable() else " " for char in prompt[:600])
    return " ".join(shown.split())


def _folded(text: str) -> str:
    """The text without accents, which Pillow's built-in font does not have."""
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float, most: int) -> list[str]:
    """The text in at most `most` lines, cut at words where it can be; "…" where it goes on."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < most:
        fits = _fitting(rest, font, room)
        cut = fits if fits == len(rest) else rest.rfind(" ", 0, fits + 1)
        cut = cut if cut > 0 else fits
        lines.append(rest[:cut])
        rest = rest[cut:].lstrip()
    if rest:
        lines[-1] = lines[-1][:-1] + "…"
    return lines or [""]


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> int:
    """How many characters fit on a line; at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= room else (low, middle - 1)
    return low
