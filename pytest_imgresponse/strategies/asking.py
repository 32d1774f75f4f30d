"""The arguments of the strategies: what can be asked for, what contradicts, and what is left to draw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_imgresponse.families import (
    BACKGROUNDS,
    CLEAR_FORMATS,
    FAMILIES,
    FEWEST_PIXELS,
    LONGEST_EDGE,
    MOST_PIXELS,
    OUTPUT_FORMATS,
    QUALITIES,
    RESPONSE_FORMATS,
    STILL_FORMATS,
    Family,
)

SHORTEST_EDGE = 8
"""Of any picture here, in pixels: a smaller one has no room for what tells it from another."""

SEEN_SIZE = "1254x1254"
"""What gpt-image-2 answered to 1024x1024 (recorded: maruel/genai, gpt-image-2)."""
LARGE_SIZES = ("2160x3840", "3840x1280")
"""Whose pictures take longest to make: unless more are asked for, one an answer."""
# Where any size goes: the fixed ones, recorded ones, and the borders: fewest pixels, 3:1 and 1:3, most pixels and the
# longest edge. A dozen, since the first picture of each costs its making.
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
# One model for each kind of answer, the plainest first; those of one family answer alike.
_KINDS = ("dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-1.5", "gpt-image-2", "gpt-image-2.5-sunburst")


class Asked(NamedTuple):
    """The arguments of a strategy; None is for what is left to draw. `stream` is True where events are to be drawn."""

    model: str | None = None
    n: int | None = None
    size: str | None = None
    output_format: str | None = None
    quality: str | None = None
    background: str | None = None
    response_format: str | None = None
    stream: bool | None = None


class Menu(NamedTuple):
    """What one model can answer, as strategies; each draws the plainest first."""

    model: str
    formats: st.SearchStrategy[str]
    backgrounds: Mapping[str, st.SearchStrategy[str]]
    sizes: st.SearchStrategy[str]
    counts: st.SearchStrategy[int]
    qualities: st.SearchStrategy[str]
    response_formats: st.SearchStrategy[str]
    echoes: st.SearchStrategy[bool]


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


def require_values(asked: Asked) -> None:
    """Raises `InvalidArgument` for an argument that is wrong whatever the others are."""
    if asked.model is not None:
        more = "; the answers of other servers are among edge_cases()"
        require_one_of("model", asked.model, FAMILIES, more=more)
    if asked.n is not None:
        require_integer("n", asked.n, 1, 10)
    if asked.size is not None:
        edges_of(asked.size)
    for name, value, allowed in (
        ("output_format", asked.output_format, OUTPUT_FORMATS),
        ("quality", asked.quality, QUALITIES),
        ("background", asked.background, BACKGROUNDS),
        ("response_format", asked.response_format, RESPONSE_FORMATS),
    ):
        if value is not None:
            require_one_of(name, value, allowed)


def menus(asked: Asked) -> st.SearchStrategy[Menu]:
    """What can be drawn for these arguments. Raises `InvalidArgument` for a wrong one, and for a contradiction."""
    require_values(asked)
    return _menus(asked)


@lru_cache(maxsize=256)
def _menus(asked: Asked) -> st.SearchStrategy[Menu]:
    models = _KINDS if asked.model is None else (asked.model,)
    able = [model for model in models if _contradiction(model, asked) is None]
    if not able:
        got = ", ".join(f"{name}={value!r}" for name, value in asked._asdict().items() if value is not None)
        reasons = "; ".join(f"{model} {_contradiction(model, asked)}" for model in models)
        raise InvalidArgument(f"expected arguments that one answer can satisfy; got {got}: {reasons}")
    return st.sampled_from([_menu(model, asked) for model in able])


def _contradiction(model: str, asked: Asked) -> str | None:
    """Why no answer of this model is what was asked for; None where there is one."""
    family = FAMILIES[model]
    n, output_format = asked.n or 1, asked.output_format or "png"
    for wrong, reason in (
        (n > family.most, f"answers with {family.most} image{'s' * (family.most > 1)} at the most"),
        (asked.size is not None and not _has_size(family, asked.size), f"has {_sizes_in_words(family)}"),
        (family.legacy and asked.quality is not None, "tells no quality"),
        (family.legacy and asked.background is not None, "tells no background"),
        (family.legacy and output_format != "png", "answers with png alone"),
        (output_format not in family.formats, f"answers with {', '.join(family.formats)}"),
        (asked.quality is not None and asked.quality not in family.qualities, f"has no quality {asked.quality}"),
        (asked.response_format == "url" and not family.legacy, "answers with b64_json alone"),
        (
            asked.background == "transparent" and output_format not in CLEAR_FORMATS,
            "has no transparent " + output_format,
        ),
        (output_format == "svg" and n > 1, "answers with one svg at the most"),
        (asked.stream and family.legacy, "does not stream"),
        (asked.stream and output_format in STILL_FORMATS, f"does not stream {output_format}"),
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


def _menu(model: str, asked: Asked) -> Menu:
    family = FAMILIES[model]
    formats = [
        name
        for name in ((asked.output_format,) if asked.output_format else family.formats)
        if _contradiction(model, asked._replace(output_format=name)) is None
    ]
    # Where there is nothing to choose, as much is drawn: the fewer draws, the plainer it is to the shrinker.
    opaque = st.sampled_from(("opaque", "opaque"))
    either = st.sampled_from(BACKGROUNDS)
    clear = () if family.legacy else CLEAR_FORMATS
    told = any((asked.size, asked.output_format, asked.quality, asked.background, asked.stream))
    return Menu(
        model=model,
        formats=_drawn(formats),
        backgrounds={
            name: st.just(asked.background) if asked.background else either if name in clear else opaque
            for name in formats
        },
        sizes=_drawn((asked.size,) if asked.size else _fixed_sizes(family) or _FLEXIBLE_SIZES),
        counts=_counts(family) if asked.n is None else st.just(asked.n),
        qualities=_drawn(
            (asked.quality,) if asked.quality else tuple(name for name in family.qualities if name != "auto")
        ),
        response_formats=_drawn(
            (asked.response_format,) if asked.response_format else RESPONSE_FORMATS[: 1 + family.legacy]
        ),
        # The first answers of gpt-image-1 did not tell what they were (recorded: ruby_llm, 59dd4cc2).
        echoes=st.booleans() if family.sizes and not family.legacy and not told else st.just(not family.legacy),
    )


def _drawn(values: Sequence[str]) -> st.SearchStrategy[str]:
    return st.just(values[0]) if len(values) == 1 else st.sampled_from(values)


def _counts(family: Family) -> st.SearchStrategy[int]:
    """One image most often: more cost their time."""
    return st.just(1) if family.most == 1 else st.one_of(st.just(1), st.just(2), st.integers(1, family.most))
