"""What the API answers: one value, and its two forms, a JSON document and a stream of events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pytest_imgresponse.api import families
from pytest_imgresponse.api.families import FAMILIES
from pytest_imgresponse.api.parameters import JSON, Operation, Parameters
from pytest_imgresponse.api.sse import event
from pytest_imgresponse.http import HTTPResponse

JSON_TYPE = JSON
STREAM_TYPE = "text/event-stream; charset=utf-8"
EVENT_NAMES: dict[Operation, str] = {"generations": "image_generation", "edits": "image_edit"}
"""What the names of its events begin with (openai 3.54.0, `image_gen_*_event.py`, `image_edit_*_event.py`)."""


class Tokens(NamedTuple):
    """What an answer cost, in tokens: text and images of the prompt, images and text that were generated.

    The sum of the output is told in any case, its parts where `told_apart`: not before May 2026, nor in streams.
    """

    text: int = 1
    image: int = 0
    drawn: int = 1
    written: int = 0
    told_apart: bool = False

    def usage(self) -> dict[str, Any]:
        """The usage, its fields in the recorded order."""
        usage: dict[str, Any] = {
            "input_tokens": self.text + self.image,
            "input_tokens_details": {"image_tokens": self.image, "text_tokens": self.text},
            "output_tokens": self.drawn + self.written,
        }
        if self.told_apart:
            usage["output_tokens_details"] = {"image_tokens": self.drawn, "text_tokens": self.written}
        usage["total_tokens"] = sum(self[:4])
        return usage


class SvgTokens(NamedTuple):
    """What writing an SVG cost, in tokens: those of the prompt, of the text and of reasoning, and the model."""

    text: int
    written: int
    reasoning: int = 0
    model: str = "gpt-5"

    def usage(self) -> dict[str, Any]:
        """The usage, its fields in the recorded order."""
        return {
            "input_tokens": self.text,
            "model": self.model,
            "output_tokens": self.written + self.reasoning,
            "reasoning_tokens": self.reasoning,
            "total_tokens": self.text + self.written + self.reasoning,
        }


_FEWEST_TOKENS = Tokens()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An images answer: all that it tells. Its pictures are handed in, as base64 or, with `by_url`, as urls.

    `created` is in Unix seconds. `partials` are the partial pictures of each picture, for a stream. `describes` says
    whether it tells what its pictures are: their background, format, quality and size; the first answers of
    gpt-image-1 did not (recorded: ruby_llm, 59dd4cc2), and those of the retired models never do.
    """

    model: str
    created: int
    pictures: Sequence[str]
    partials: Sequence[Sequence[str]] = ()
    operation: Operation = "generations"
    stream: bool = False
    by_url: bool = False
    describes: bool = True
    background: str = "opaque"
    output_format: str = "png"
    quality: str = "low"
    size: str = "1024x1024"
    revised_prompt: str = "A red fox in the snow."
    safety_identifier: str | None = None
    tokens: Tokens = _FEWEST_TOKENS
    svg_tokens: SvgTokens | None = None

    @property
    def content_type(self) -> str:
        """The content type of its body."""
        return STREAM_TYPE if self.stream else JSON_TYPE

    @property
    def body(self) -> bytes:
        """Its body: the events of a stream, or a document as the family of its model writes it."""
        if self.stream:
            return b"".join(event(name, fields) for name, fields in events(self))
        # Recordings of dall-e-2 and dall-e-3 end in a newline, all others do not.
        return pretty(document(self)) + (b"\n" if FAMILIES[self.model].legacy else b"")

    def http(self, headers: Sequence[tuple[str, str]]) -> HTTPResponse:
        """The answer as HTTP, with these headers."""
        return HTTPResponse(200, headers, self.body)


def document(answer: Answer) -> dict[str, Any]:
    """The JSON of an answer, its fields in the recorded order."""
    family = FAMILIES[answer.model]
    data = [_image(answer, picture) for picture in answer.pictures]
    if family.legacy:
        return {"created": answer.created, "data": data}
    told: dict[str, Any] = {"created": answer.created}
    if answer.describes:
        told |= {"background": answer.background, "data": data, "output_format": answer.output_format}
        told |= {"quality": answer.quality, **_identifier(answer), "size": answer.size}
    else:
        told["data"] = data
    if answer.svg_tokens is not None:
        told["svg_usage"] = answer.svg_tokens.usage()
    return {**told, "usage": answer.tokens.usage()}


def _image(answer: Answer, picture: str) -> dict[str, str]:
    revised = {"revised_prompt": answer.revised_prompt} if answer.model == "dall-e-3" else {}
    return {**revised, "url" if answer.by_url else "b64_json": picture}


def _identifier(answer: Answer) -> dict[str, str]:
    if answer.safety_identifier is None or not FAMILIES[answer.model].echoes_identifier:
        return {}
    return {"safety_identifier": answer.safety_identifier}


def events(answer: Answer) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of an answer as a stream, each with its name: of each picture the partial ones, then the whole."""
    name = EVENT_NAMES[answer.operation]
    described = {
        "created_at": answer.created,
        "size": answer.size,
        "quality": answer.quality,
        "background": answer.background,
        "output_format": answer.output_format,
    }
    usage = answer.tokens._replace(told_apart=False).usage()
    for number, picture in enumerate(answer.pictures):
        for index, partial in enumerate(answer.partials[number] if answer.partials else ()):
            yield f"{name}.partial_image", {"b64_json": partial, **described, "partial_image_index": index}
        yield f"{name}.completed", {"b64_json": picture, **described, **_identifier(answer), "usage": usage}


def answer_to(
    asked: Parameters,
    pictures: Sequence[str],
    *,
    created: int,
    partials: Sequence[Sequence[str]] = (),
    uploads: Sequence[tuple[int, int]] = (),
) -> Answer:
    """The answer to parameters that are settled (`rules.settled`).

    `uploads` are the pixel sizes of the pictures that came with them, by which input tokens are counted. In a stream
    each event tells the cost of one picture.
    """
    model, quality = asked.model or "", asked.quality or ""
    text, image = families.input_tokens(asked.prompt or "", uploads)
    one = families.output_tokens(FAMILIES[model], quality, *asked.edges)
    svg = None
    if asked.output_format == "svg":
        size = len(pictures[0]) // 4 * 3 - pictures[0][-2:].count("=")
        written = size // 4  # a token for four bytes, as of the prompt
        svg = SvgTokens(text + image, written, model=str((asked.svg or {}).get("model") or "gpt-5"))
    return Answer(
        model=model,
        created=created,
        pictures=pictures,
        partials=partials,
        operation=asked.operation or "generations",
        stream=bool(asked.stream),
        by_url=asked.response_format == "url",
        background=asked.background or "",
        output_format=asked.output_format or "",
        quality=quality,
        size=asked.size or "",
        revised_prompt=f"A clear, simple picture of {asked.prompt}",
        safety_identifier=asked.safety_identifier,
        tokens=Tokens(text, image, one if asked.stream else one * len(pictures), told_apart=True),
        svg_tokens=svg,
    )


def pretty(value: Any) -> bytes:
    """JSON as the gpt-image models send it: two spaces, no newline at the end (recorded)."""
    return json.dumps(value, indent=2).encode()
