"""Valid event streams: `stream_responses`."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import Any, Literal, NamedTuple, get_args

from hypothesis import strategies as st

from pytest_imgresponse.api import answers
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import OutputFormat
from pytest_imgresponse.strategies.asking import Wanted, require_integer, require_one_of
from pytest_imgresponse.strategies.picture_files import payload_of
from pytest_imgresponse.strategies.responses import draw_choice, entropies
from pytest_imgresponse.strategies.telling import PROMPT, Choice, asked_look, asking

Operation = Literal["generation", "edit"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
MOST_PARTIALS = 3
"""What `partial_images` can be at the most (openai 3.54, `image_generate_params.py`)."""

_operations = st.sampled_from(OPERATIONS)
_partials = st.sampled_from(range(MOST_PARTIALS + 1))
_CAN_BE_AUTO = ("size", "quality", "background")


class StreamChoice(NamedTuple):
    """All that a stream depends on; `auto` names the fields that tell `auto`, as it was asked for."""

    choice: Choice
    operation: Operation = "generation"
    partials: int = 0
    auto: tuple[str, ...] = ()


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
    wanted = Wanted(model, 1, size, output_format, quality, background, stream=True)
    return http_stream(draw_stream(draw, wanted, operation, partial_images), draw(entropies))


def draw_stream(
    draw: st.DrawFn, wanted: Wanted, operation: Operation | None = None, partial_images: int | None = None
) -> StreamChoice:
    """What a stream depends on, of what was asked for."""
    if operation is not None:
        require_one_of("operation", operation, OPERATIONS)
    if partial_images is not None:
        require_integer("partial_images", partial_images, 0, MOST_PARTIALS)
    able = tuple(name for name in _CAN_BE_AUTO if getattr(wanted, name) is None)
    return StreamChoice(
        draw_choice(draw, wanted),
        draw(_operations) if operation is None else operation,
        draw(_partials) if partial_images is None else partial_images,
        draw(_autos(able)),
    )


@lru_cache(maxsize=8)
def _autos(able: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    """Any of these names, none most often."""
    some = [names for number in range(1, 1 + len(able)) for names in combinations(able, number)]
    return st.sampled_from([*[()] * (1 + len(some)), *some])


def http_stream(chosen: StreamChoice, entropy: int = 0) -> HTTPResponse:
    """The stream as HTTP. What is random in its headers is drawn from `entropy`."""
    choice, name = chosen.choice, f"image_{chosen.operation}"
    common: dict[str, Any] = {
        "created_at": choice.created,
        "size": choice.size,
        "quality": choice.quality,
        "background": choice.background,
        "output_format": choice.output_format,
        **dict.fromkeys(chosen.auto, "auto"),
    }
    events = [
        answers.event(
            f"{name}.partial_image", {"b64_json": _payload(choice, 1 + n), **common, "partial_image_index": n}
        )
        for n in range(chosen.partials)
    ]
    completed = {"b64_json": _payload(choice, 0), **common}
    if choice.safety_identifier is not None:
        completed["safety_identifier"] = choice.safety_identifier
    completed["usage"] = choice.tokens._replace(told_apart=False).usage()
    events.append(answers.event(f"{name}.completed", completed))
    headers = answers.seeded_headers(entropy, choice.created, content_type="text/event-stream; charset=utf-8")
    return HTTPResponse(200, headers, b"".join(events))


def _payload(choice: Choice, number: int) -> str:
    return payload_of(choice.output_format, choice.size, choice.background == "transparent", choice.seed + number)


def request_for_stream(chosen: StreamChoice) -> HTTPRequest:
    """A request that asks for just this stream."""
    choice = chosen.choice
    wanted: dict[str, Any] = {
        "model": choice.model,
        "prompt": PROMPT,
        **asked_look(choice),
        "stream": True,
        "partial_images": chosen.partials,
        **dict.fromkeys(chosen.auto, "auto"),
    }
    if chosen.operation == "generation":
        return asking("generations", wanted)
    upload = payload_of("png", "256x256", False, 0)
    return asking("edits", {**wanted, "images": [{"image_url": f"data:image/png;base64,{upload}"}]})
