"""The arguments of the strategies: what can be asked for, what contradicts, and what is left to draw."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_imgresponse.api.families import (
    BACKGROUNDS,
    CLEAR_FORMATS,
    FAMILIES,
    FEWEST_PIXELS,
    LONGEST_EDGE,
    MOST_PIXELS,
    QUALITIES,
    RESPONSE_FORMATS,
    STILL_FORMATS,
    Family,
)
from pytest_imgresponse.images import OUTPUT_FORMATS

SHORTEST_EDGE = 8
"""Of any picture here, in pixels: a smaller one has no room for what tells it from another."""

SEEN_SIZE = "1254x1254"
"""What gpt-image-2 answered to 1024x1024 (recorded: maruel/genai, gpt-image-2)."""
LARGE_SIZES = ("2160x3840", "3840x1280")
"""Whose pictures take longest to make: unless more are wanted for, one an answer."""
# Where any size goes: fixed ones, recorded ones, and the borders: fewest pixels, 3:1 and 1:3, most pixels and the
# longest edge. A dozen, since most formats take their time over the first picture of each.
_FLEXIBLE_SIZES = (
    "1024x1024",
    "1024x1536",
    "1536x1024",
    "1536x864",
    "1280x720",
    SEEN_SIZE,
    "1024x640",
    "640x1024",
    "1440x480",
    "480x1440",
    *LARGE_SIZES,
)
_SMALL_PIXELS = 2**21
# Formats whose pictures are made in a millisecond: of them there is any size, up to so many pixels.
_QUICK_FORMATS = ("png", "svg")
# One model for each kind of answer, the plainest first; those of one family answer alike.
_MODELS = ("dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-2", "gpt-image-2.5-sunburst")


class Wanted(NamedTuple):
    """The arguments of a strategy; None is for what is left to draw. `stream` is True where events are to be drawn."""

    model: str | None = None
    n: int | None = None
    size: str | None = None
    output_format: str | None = None
    quality: str | None = None
    background: str | None = None
    response_format: str | None = None
    stream: bool | None = None


class Kind(NamedTuple):
    """A kind of answer. `echo` is whether it tells what its pictures are."""

    model: str
    output_format: str = "png"
    quality: str = "low"
    response_format: str = "b64_json"
    echo: bool = False


def require_one_of(name: str, value: object, allowed: Iterable[str], *, more: str = "") -> None:
    """Raises `InvalidArgument` for a value that is not among those allowed."""
    expected = tuple(allowed)
    if not isinstance(value, str) or value not in expected:
        raise InvalidArgument(f"expected {name} to be one of {', '.join(expected)}; got {name}={value!r}{more}")


def require_integer(name: str, value: object, low: int, high: int) -> None:
    """Raises `InvalidArgument` for what is no integer from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidArgument(f"expected {name} to be an integer from {low} to {high}; got {name}={value!r}")


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


def require_values(wanted: Wanted) -> None:
    """Raises `InvalidArgument` for an argument that is wrong whatever the others are."""
    if wanted.model is not None:
        more = "; the answers of other servers are among edge_cases()"
        require_one_of("model", wanted.model, FAMILIES, more=more)
    if wanted.n is not None:
        require_integer("n", wanted.n, 1, 10)
    if wanted.size is not None:
        edges_of(wanted.size)
    for name, value, allowed in (
        ("output_format", wanted.output_format, OUTPUT_FORMATS),
        ("quality", wanted.quality, QUALITIES),
        ("background", wanted.background, BACKGROUNDS),
        ("response_format", wanted.response_format, RESPONSE_FORMATS),
    ):
        if value is not None:
            require_one_of(name, value, allowed)


def kinds(wanted: Wanted) -> st.SearchStrategy[Kind]:
    """The kinds of answers to these arguments. Raises `InvalidArgument` for a wrong one, and for a contradiction.

    All in one draw, so that a hundred examples have each format and each quality.
    """
    require_values(wanted)
    return _kinds(wanted)


@lru_cache(maxsize=256)
def _kinds(wanted: Wanted) -> st.SearchStrategy[Kind]:
    models = _MODELS if wanted.model is None else (wanted.model,)
    able = [model for model in models if _contradiction(model, wanted) is None]
    if not able:
        given = wanted._replace(n=None if wanted.stream else wanted.n, stream=None)
        got = ", ".join(f"{name}={value!r}" for name, value in given._asdict().items() if value is not None)
        reasons = "; ".join(f"{model} {_contradiction(model, wanted)}" for model in models)
        raise InvalidArgument(f"expected arguments that one answer can satisfy; got {got}: {reasons}")
    return st.sampled_from([kind for model in able for kind in _kinds_of(model, wanted)])


def _kinds_of(model: str, wanted: Wanted) -> list[Kind]:
    """The plainest first. Those of retired models twice: they have few, and there are recordings of many."""
    family = FAMILIES[model]
    if family.legacy:
        sent = (wanted.response_format,) if wanted.response_format else RESPONSE_FORMATS
        return [Kind(model, response_format=each) for each in sent] * 2
    formats = [
        name
        for name in ((wanted.output_format,) if wanted.output_format else family.formats)
        if _contradiction(model, wanted._replace(output_format=name)) is None
    ]
    qualities = (wanted.quality,) if wanted.quality else [name for name in family.qualities if name != "auto"]
    told = any((wanted.size, wanted.output_format, wanted.quality, wanted.background, wanted.stream))
    # The first answers of gpt-image-1 did not tell what they were (recorded: ruby_llm, 59dd4cc2).
    untold = zip(formats, qualities, strict=False) if family.sizes and not told else ()
    looks = [(output_format, quality) for output_format in formats for quality in qualities]
    return [*(Kind(model, *look) for look in untold), *(Kind(model, *look, echo=True) for look in looks)]


def _contradiction(model: str, wanted: Wanted) -> str | None:
    """Why no answer of this model is what was wanted for; None where there is one."""
    family = FAMILIES[model]
    n, output_format = wanted.n or 1, wanted.output_format or "png"
    for wrong, reason in (
        (n > family.most, f"answers with {family.most} image{'s' * (family.most > 1)} at the most"),
        (wanted.size is not None and not _has_size(family, wanted.size), f"has {_sizes_in_words(family)}"),
        (family.legacy and wanted.quality is not None, "tells no quality"),
        (family.legacy and wanted.background is not None, "tells no background"),
        (family.legacy and output_format != "png", "answers with png alone"),
        (output_format not in family.formats, f"answers with {', '.join(family.formats)}"),
        (wanted.quality is not None and wanted.quality not in family.qualities, f"has no quality {wanted.quality}"),
        (wanted.response_format == "url" and not family.legacy, "answers with b64_json alone"),
        (
            wanted.background == "transparent" and output_format not in CLEAR_FORMATS,
            "has no transparent " + output_format,
        ),
        (output_format == "svg" and n > 1, "answers with one svg at the most"),
        (wanted.stream and family.legacy, "does not stream"),
        (wanted.stream and output_format in STILL_FORMATS, f"does not stream {output_format}"),
    ):
        if wrong:
            return reason
    return None


def _has_size(family: Family, size: str) -> bool:
    """Whether a model of this family answers with this size (openai 3.54, `image_generate_params.py`)."""
    if family.sizes or size == SEEN_SIZE:
        return size in (family.sizes or (SEEN_SIZE,))
    width, height = edges_of(size)
    near = max(width, height) <= 3 * min(width, height)
    return near and width % 16 == height % 16 == 0 and FEWEST_PIXELS <= width * height <= MOST_PIXELS


def _sizes_in_words(family: Family) -> str:
    if family.sizes:
        return f"the sizes {', '.join(_fixed_sizes(family))}"
    return f"sizes of edges that are multiples of 16, from 1:3 to 3:1, and from {FEWEST_PIXELS} to {MOST_PIXELS} pixels"


def _fixed_sizes(family: Family) -> tuple[str, ...]:
    """The plainest first."""
    return tuple(sorted(set(family.sizes) - {"auto"}, key=lambda size: (size != "1024x1024", size)))


@lru_cache(maxsize=256)
def sizes(kind: Kind, wanted: Wanted) -> st.SearchStrategy[str]:
    """The sizes of such an answer, the plainest first."""
    family = FAMILIES[kind.model]
    if wanted.size:
        return st.just(wanted.size)
    if family.sizes:
        return st.sampled_from(_fixed_sizes(family))
    known = st.sampled_from(_FLEXIBLE_SIZES)
    if kind.output_format not in _QUICK_FORMATS:
        return known
    # One in four is of any size: that is a picture to make, though in a millisecond, where the others are made already.
    return st.one_of(known, known, known, st.sampled_from(_small_sizes()))


@lru_cache(maxsize=1)
def _small_sizes() -> tuple[str, ...]:
    edges = range(16, LONGEST_EDGE + 1, 16)
    near = ((width, height) for width in edges for height in edges if max(width, height) <= 3 * min(width, height))
    return tuple(f"{width}x{height}" for width, height in near if FEWEST_PIXELS <= width * height <= _SMALL_PIXELS)


@lru_cache(maxsize=256)
def counts(kind: Kind, wanted: Wanted) -> st.SearchStrategy[int]:
    """How many images: one most often, since more cost their time."""
    most = FAMILIES[kind.model].most
    if wanted.n is not None or most == 1:
        return st.just(wanted.n or 1)
    return st.sampled_from([*[1] * most, *[2] * most, *range(1, most + 1)])


# Where there is nothing to choose, as much is drawn: the fewer draws, the plainer it is to the shrinker.
_OPAQUE = st.sampled_from(("opaque", "opaque"))
_EITHER = st.sampled_from(BACKGROUNDS)


def backgrounds(kind: Kind, wanted: Wanted) -> st.SearchStrategy[str]:
    """The backgrounds of such an answer."""
    if wanted.background:
        return st.just(wanted.background)
    return _OPAQUE if FAMILIES[kind.model].legacy or kind.output_format not in CLEAR_FORMATS else _EITHER
