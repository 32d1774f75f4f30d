"""Valid event streams: `stream_responses`."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

from hypothesis import strategies as st

from pytest_imgresponse import answers
from pytest_imgresponse.families import OutputFormat
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.strategies.asking import Asked, require_integer, require_one_of
from pytest_imgresponse.strategies.pictures import payload_of
from pytest_imgresponse.strategies.responses import draw_choice, entropies
from pytest_imgresponse.strategies.telling import PROMPT, Choice, asked_look, asking, sent_headers

Operation = Literal["generation", "edit"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
MOST_PARTIALS = 3
"""What `partial_images` can be at the most (openai 3.54, `image_generate_params.py`)."""

_operations = st.sampled_from(OPERATIONS)
_partials = st.integers(0, MOST_PARTIALS)


class StreamChoice(NamedTuple):
    """All that a stream depends on; `auto` for one that tells just what was asked for."""

    choice: Choice
    operation: Operation = "generation"
    partials: int = 0
    auto: bool = False


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
    stream. Some streams tell `auto` for size, quality and background, as they do when that was asked for.

    Shrinks to the completed event of a generation alone, with one opaque PNG of 1024x1024.
    """
    asked = Asked(model, 1, size, output_format, quality, background, stream=True)
    return http_stream(draw_stream(draw, asked, operation, partial_images), draw(entropies))


def draw_stream(
    draw: st.DrawFn, asked: Asked, operation: Operation | None = None, partial_images: int | None = None
) -> StreamChoice:
    """What a stream depends on, of what was asked for."""
    if operation is not None:
        require_one_of("operation", operation, OPERATIONS)
    if partial_images is not None:
        require_integer("partial_images", partial_images, 0, MOST_PARTIALS)
    told = asked.size or asked.quality or asked.background
    return StreamChoice(
        draw_choice(draw, asked),
        draw(_operations) if operation is None else operation,
        draw(_partials) if partial_images is None else partial_images,
        not told and draw(st.booleans()),
    )


def http_stream(chosen: StreamChoice, entropy: int = 0) -> HTTPResponse:
    """The stream as HTTP. What is random in its headers is drawn from `entropy`."""
    choice, name = chosen.choice, f"image_{chosen.operation}"
    common: dict[str, Any] = {
        "created_at": choice.created,
        "size": "auto" if chosen.auto else choice.size,
        "quality": "auto" if chosen.auto else choice.quality,
        "background": "auto" if chosen.auto else choice.background,
        "output_format": choice.output_format,
    }
    if choice.safety_identifier is not None:
        common["safety_identifier"] = choice.safety_identifier
    events = [
        answers.event(
            f"{name}.partial_image", {"b64_json": _payload(choice, 1 + n), **common, "partial_image_index": n}
        )
        for n in range(chosen.partials)
    ]
    usage = choice.tokens._replace(told_apart=False).usage()
    events.append(answers.event(f"{name}.completed", {"b64_json": _payload(choice, 0), **common, "usage": usage}))
    headers = sent_headers(choice.created, entropy, content_type="text/event-stream; charset=utf-8")
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
    }
    if chosen.auto:
        wanted |= dict.fromkeys(("size", "quality", "background"), "auto")
    if chosen.operation == "generation":
        return asking("generations", wanted)
    upload = payload_of("png", "256x256", False, 0)
    return asking("edits", {**wanted, "images": [{"image_url": f"data:image/png;base64,{upload}"}]})
