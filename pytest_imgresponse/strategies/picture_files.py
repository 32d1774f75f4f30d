"""Pictures: as files and as payloads, made once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, cast

import pybase64
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from PIL import GifImagePlugin, JpegImagePlugin, WebPImagePlugin

from pytest_imgresponse.api.families import LONGEST_EDGE
from pytest_imgresponse.images import OUTPUT_FORMATS, OutputFormat
from pytest_imgresponse.images.make import colours_of, make_picture
from pytest_imgresponse.images.png_builder import flat_png
from pytest_imgresponse.images.webp_builder import flat_webp

# Pillow imports them, and more, when it first needs one: not while Hypothesis takes the time of a draw. Named, or the
# import would be taken for one that nobody needs.
_ENCODERS = (GifImagePlugin, JpegImagePlugin, WebPImagePlugin)

SHORTEST_EDGE = 8
"""Of any picture here, in pixels: a smaller one has no room for what tells it from another."""
SEEDS = 3
LOOKS = SEEDS + 9
"""Pictures that differ in their colours alone: what is first drawn, and nine more to fill an answer with ten."""
seeds: st.SearchStrategy[int] = st.sampled_from(range(SEEDS))
"""What the first picture of an answer is drawn from. Few: each picture costs its making, once."""

_FILE_SIZES = ("1024x1024", "256x256", "512x512", "8x8", "1536x1024", "1024x1536", "64x48", "17x31", "1792x1024")


def require_one_of(name: str, value: object, allowed: Iterable[str], *, more: str = "") -> None:
    """Raises `InvalidArgument` for a value that is not among those allowed."""
    expected = tuple(allowed)
    if not isinstance(value, str) or value not in expected:
        raise InvalidArgument(f"expected {name} to be one of {', '.join(expected)}; got {name}={value!r}{more}")


def edges_of(size: object) -> tuple[int, int]:
    """Width and height of a size, in pixels. Raises `InvalidArgument`."""
    found = re.fullmatch(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})", size) if isinstance(size, str) else None
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    if not SHORTEST_EDGE <= min(width, height) <= max(width, height) <= LONGEST_EDGE:
        raise InvalidArgument(
            f"expected size to be WIDTHxHEIGHT with edges from {SHORTEST_EDGE} to {LONGEST_EDGE} pixels, such as "
            f"'1024x1024'; got size={size!r}"
        )
    return width, height


@lru_cache(maxsize=1024)
def payload_of(output_format: str, size: str, transparent: bool, seed: int) -> str:
    """The base64 of what `picture_of` returns for the same arguments: how Hypothesis prints what it drew."""
    return pybase64.b64encode(picture_of(output_format, size, transparent, seed)).decode()


@lru_cache(maxsize=1024)
def picture_of(output_format: str, size: str, transparent: bool, seed: int) -> bytes:
    """A picture as a file: how Hypothesis prints what `image_files` drew.

    `seed` chooses among 12 pictures of this format, size and ground. Raises `InvalidArgument` for another format or
    size than `image_files` takes.
    """
    require_one_of("output_format", output_format, OUTPUT_FORMATS)
    width, height = edges_of(size)
    if output_format not in _FLAT:
        return make_picture(cast(OutputFormat, output_format), width, height, transparent=transparent, seed=seed)
    flat, (ink, ground) = _FLAT[output_format], colours_of(seed)
    return flat(width, height, (*ink, 255), (*ground, 0)) if transparent else flat(width, height, ink, ground)


_FLAT = {"png": flat_png, "webp": flat_webp}
"""Written without an encoder, since those of Pillow take too long: the figures are beside the functions."""


@st.composite
def image_files(
    draw: st.DrawFn,
    *,
    output_format: OutputFormat | None = None,
    size: str | None = None,
    transparent: bool | None = None,
) -> bytes:
    """Generates the bytes of picture files: PNG, WebP, JPEG, GIF (of two frames) and SVG, as an API would send them.

    All can be decoded, but for SVG, which is no raster. `output_format` is one of `png`, `webp`, `jpeg`, `gif` and
    `svg`; `size` is `WIDTHxHEIGHT` in pixels, edges from 8 to 3840; `transparent` says whether the ground is clear,
    which no JPEG can be. Hypothesis prints a picture as `picture_of(…)`.

    Shrinks to an opaque PNG of 1024x1024.
    """
    return draw(st.builds(picture_of, **draw(_looks(output_format, size, transparent))))


@st.composite
def base64_payloads(
    draw: st.DrawFn,
    *,
    output_format: OutputFormat | None = None,
    size: str | None = None,
    transparent: bool | None = None,
) -> str:
    """Generates payloads: the base64 texts (RFC 4648, section 4) of what `image_files` generates, on one line.

    The arguments are those of `image_files`. Hypothesis prints a payload as `payload_of(…)`, which is short, and what a
    `.map()` makes of one in full.

    Shrinks to an opaque PNG of 1024x1024.
    """
    return draw(st.builds(payload_of, **draw(_looks(output_format, size, transparent))))


@st.composite
def _looks(
    draw: st.DrawFn, output_format: str | None, size: str | None, transparent: bool | None
) -> dict[str, st.SearchStrategy[Any]]:
    """The arguments of `picture_of`, for `st.builds`: Hypothesis prints that call, and not the bytes."""
    if output_format is not None:
        require_one_of("output_format", output_format, OUTPUT_FORMATS)
    if size is not None:
        edges_of(size)
    if transparent is not None and not isinstance(transparent, bool):
        raise InvalidArgument(f"expected transparent to be True, False or None; got transparent={transparent!r}")
    if transparent and output_format == "jpeg":
        raise InvalidArgument("a jpeg cannot be transparent; got transparent=True, output_format='jpeg'")
    able = [name for name in OUTPUT_FORMATS if not (transparent and name == "jpeg")]
    chosen: str = draw(st.sampled_from(able)) if output_format is None else output_format
    if transparent is None:
        transparent = draw(st.booleans()) and chosen != "jpeg"
    size = size or draw(st.sampled_from(_FILE_SIZES))
    look = {"output_format": chosen, "size": size, "transparent": transparent, "seed": draw(seeds)}
    return {name: st.just(value) for name, value in look.items()}
