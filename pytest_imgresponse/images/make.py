"""Making plain pictures: small files of any pixel size, quickly, and the same for the same arguments."""

from __future__ import annotations

import colorsys
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw

from pytest_imgresponse.images import OutputFormat

Colour = tuple[int, ...]
"""Levels from 0 to 255: red, green, blue, and alpha where there is one."""

# The fastest settings: what is drawn is flat, and small under any.
_SAVING = {
    "png": {"compress_level": 1},
    "webp": {"lossless": True, "quality": 0, "method": 0},
    "jpeg": {"quality": 60},
}
_PALETTE = b"paints"
"""Stands for the ground and the ink of a GIF in its tables of colours."""


@lru_cache(maxsize=1024)
def make_picture(
    file_format: OutputFormat, width: int, height: int, *, transparent: bool = False, seed: int = 0
) -> bytes:
    """The bytes of a picture: a rectangle on a ground, in two colours that `seed` chooses.

    `width` and `height` are in pixels. `transparent` makes the ground clear, in formats that can. A GIF has two
    frames, as the API sends no still ones.
    """
    ink, ground = colours_of(seed)
    # The first row is ground at any size, or a small picture could not be clear.
    box = (width // 4, max(1, height // 4), width - width // 4 - 1, max(1, height - height // 4 - 1))
    if file_format == "svg":
        return _svg(width, height, box, hex_colour(ink), None if transparent else hex_colour(ground))
    if file_format == "gif":
        return _gif(width, height, box, transparent).replace(_PALETTE, bytes((*ground, *ink)))
    clear = transparent and file_format != "jpeg"
    picture = Image.new("RGBA" if clear else "RGB", (width, height), (*ground, 0) if clear else ground)
    ImageDraw.Draw(picture).rectangle(box, (*ink, 255) if clear else ink)
    return saved(picture, file_format, **_SAVING[file_format])


def saved(picture: Image.Image, file_format: str, **options: object) -> bytes:
    """A Pillow image as the bytes of a file; the options are those of Pillow's `save`."""
    out = BytesIO()
    picture.save(out, file_format.upper(), **options)
    return out.getvalue()


@lru_cache(maxsize=64)
def _gif(width: int, height: int, box: tuple[int, int, int, int], clear: bool) -> bytes:
    """With `_PALETTE` for its colours: encoded once for all of them, since a large one takes its time."""
    frames = []
    for more in (0, 1):
        frame = Image.new("P", (width, height))
        frame.putpalette(_PALETTE)
        ImageDraw.Draw(frame).rectangle((box[0], box[1], box[2], max(box[1], box[3] - more)), 1)
        frames.append(frame)
    options = {"transparency": 0, "disposal": 2} if clear else {}
    return saved(frames[0], "gif", save_all=True, append_images=frames[1:], duration=200, loop=0, **options)


def _svg(width: int, height: int, box: tuple[int, int, int, int], ink: str, ground: str | None) -> bytes:
    back = "" if ground is None else f'<rect width="{width}" height="{height}" fill="{ground}"/>'
    front = (
        f'<rect x="{box[0]}" y="{box[1]}" width="{box[2] - box[0] + 1}" height="{box[3] - box[1] + 1}" fill="{ink}"/>'
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    return f"{head}{back}{front}</svg>\n".encode()


def colours_of(seed: int) -> tuple[Colour, Colour]:
    """The ink and the ground of a picture; 24 seeds in a row have different ones."""
    return _colour(seed, 0.8), _colour(seed + 5, 0.25)


def _colour(seed: int, saturation: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(seed * 7 % 24 / 24, saturation, 0.9)
    return round(red * 255), round(green * 255), round(blue * 255)


def hex_colour(colour: Colour) -> str:
    """A colour as SVG has it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
