"""What a right answer is, as pydantic models.

Sources: the API reference of the images object, and the types of the official Python package (openai 3.54)
where they are newer. Unknown fields are kept, and what was not sent is not dumped:
`model.model_dump(mode="json", exclude_unset=True)` equals the JSON that was received.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pybase64
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pytest_imgresponse.errors import ResponseError

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow")


class InputTokensDetails(_Model):
    """The input tokens in detail."""

    text_tokens: int
    """Text tokens in the prompt."""
    image_tokens: int
    """Image tokens in the prompt."""


class OutputTokensDetails(_Model):
    """The output tokens in detail; recordings before May 2026 lack them."""

    image_tokens: int
    """Image tokens that the model generated."""
    text_tokens: int
    """Text tokens that the model generated."""


class Usage(_Model):
    """What the generation cost, in tokens; GPT image models only."""

    input_tokens: int
    """Image and text tokens in the prompt."""
    output_tokens: int
    """Tokens that the model generated."""
    total_tokens: int
    """The sum of both."""
    input_tokens_details: InputTokensDetails | None = None
    """Their parts; the stream events of some servers leave them out."""
    output_tokens_details: OutputTokensDetails | None = None
    """Their parts."""


class _Payload(_Model):
    b64_json: str | None = None
    """The picture in base64 (RFC 4648, section 4)."""

    def image_bytes(self) -> bytes:
        """The picture's bytes, decoded strictly. Raises `ResponseError`."""
        if self.b64_json is None:
            raise ResponseError("there is no b64_json in this image; fetch its url instead")
        try:
            return pybase64.b64decode(self.b64_json, validate=True)
        except ValueError as error:
            raise ResponseError(f"b64_json ({self.b64_json[:40]!r}…) is no base64: {error}") from error

    def open(self) -> PillowImage:
        """The picture, loaded by Pillow under the pixel limit. Raises `ResponseError`."""
        from pytest_imgresponse.images import open_image

        return open_image(self.image_bytes())


class Image(_Payload):
    """One generated image."""

    url: str | None = None
    """Where the picture can be fetched for 60 minutes; dall-e-2 and dall-e-3."""
    revised_prompt: str | None = None
    """The prompt that was used; dall-e-3."""


class ImagesResponse(_Model):
    """The answer of `/images/generations`, `/images/edits` and `/images/variations`."""

    created: int
    """When the image was created, in Unix seconds."""
    data: list[Image] | None = None
    """The images."""
    background: str | None = None
    """`transparent` or `opaque`."""
    output_format: str | None = None
    """`png`, `webp`, `jpeg`, and newer `gif`, `svg`."""
    size: str | None = None
    """`WIDTHxHEIGHT` in pixels."""
    quality: str | None = None
    """`low`, `medium`, `high`, and newer `xhigh`, `max`."""
    usage: Usage | None = None
    """What it cost."""


class _Event(_Payload):
    created_at: int
    """When the event was created, in Unix seconds."""
    size: str
    """As asked for: `WIDTHxHEIGHT` or `auto`."""
    quality: str
    """As asked for."""
    background: str
    """As asked for: `transparent`, `opaque` or `auto`."""
    output_format: str
    """`png`, `webp` or `jpeg`."""


class PartialImageEvent(_Event):
    """A picture on its way."""

    type: Literal["image_generation.partial_image", "image_edit.partial_image"]
    """Which stream it belongs to."""
    partial_image_index: int
    """Its number, from 0."""


class CompletedEvent(_Event):
    """The final picture."""

    type: Literal["image_generation.completed", "image_edit.completed"]
    """Which stream it belongs to."""
    usage: Usage | None = None
    """What it cost."""


StreamEvent = PartialImageEvent | CompletedEvent
_EVENTS: TypeAdapter[StreamEvent] = TypeAdapter(StreamEvent)


class ErrorBody(_Model):
    """The `error` object of an answer that is none."""

    message: str
    """What went wrong, for a person."""
    type: str | None = None
    """The class of errors, such as `invalid_request_error`."""
    param: str | None = None
    """The parameter that it is about."""
    code: str | None = None
    """The error itself, such as `moderation_blocked`."""
    moderation_details: dict[str, Any] | None = Field(default=None)
    """What was found, where the safety system stepped in."""


def event_from(data: Any) -> StreamEvent:
    """The event that a JSON object of a stream is. Raises pydantic's `ValidationError`."""
    return _EVENTS.validate_python(data)
