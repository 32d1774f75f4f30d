"""Valid event streams: `stream_responses`."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import Literal, get_args

from hypothesis import strategies as st

from pytest_imgresponse.api import parameters
from pytest_imgresponse.api.parameters import Parameters
from pytest_imgresponse.api.rules import RANGES
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import OutputFormat
from pytest_imgresponse.strategies.choices import Choice, arguments, require_integer
from pytest_imgresponse.strategies.picture_files import require_one_of
from pytest_imgresponse.strategies.responses import draw_choice, entropies

Operation = Literal["generation", "edit"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
MOST_PARTIALS = RANGES["partial_images"][1]

_operations = st.sampled_from(OPERATIONS)
_partials = st.sampled_from(range(MOST_PARTIALS + 1))
_CAN_BE_AUTO = ("size", "quality", "background")


_ROUTES: dict[Operation, parameters.Operation] = {"generation": "generations", "edit": "edits"}


@st.composite
def stream_responses(
    draw: st.DrawFn,
    *,
    operation: Operation | None = None,
    partial_images: int | None = None,
    model: str | None = None,
    size: str | None = None,
    output_format: OutputFormat | None = None,
    quality: str | None = None,
    background: str | None = None,
) -> HTTPResponse:
    """Generates valid event streams of the GPT image models: up to three partial images, and the completed one.

    Status 200, headers and bytes as the real API sends them. `operation` is `generation` or `edit`; `partial_images`
    is how many of them there are, from 0 to 3; the other arguments are those of `images_responses`. GIF and SVG do not
    stream. Of size, quality and background some streams tell `auto`, as they do when that was asked for.

    Shrinks to the completed event of a generation alone, with one opaque PNG of 1024x1024.
    """
    asked = arguments(
        model=model,
        n=1,
        size=size,
        output_format=output_format,
        quality=quality,
        background=background,
        stream=True,
        partial_images=partial_images,
    )
    return draw_stream(draw, asked, operation).http(draw(entropies))


def draw_stream(draw: st.DrawFn, asked: Parameters, operation: Operation | None = None) -> Choice:
    """What a stream depends on, for what was asked."""
    if operation is not None:
        require_one_of("operation", operation, OPERATIONS)
    if asked.partial_images is not None:
        require_integer("partial_images", asked.partial_images, 0, MOST_PARTIALS)
    able = tuple(name for name in _CAN_BE_AUTO if getattr(asked, name) is None)
    choice = draw_choice(draw, asked)
    route = _ROUTES[draw(_operations) if operation is None else operation]
    partials = draw(_partials) if asked.partial_images is None else asked.partial_images
    return choice.with_parameters(operation=route, partial_images=partials)._replace(auto=draw(_autos(able)))


@lru_cache(maxsize=8)
def _autos(able: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    """Any of these names, none most often."""
    some = [names for number in range(1, 1 + len(able)) for names in combinations(able, number)]
    return st.sampled_from([*[()] * (1 + len(some)), *some])
