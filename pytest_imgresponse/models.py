"""What a right answer is, as pydantic models.

A field's docstring ends with its source. `reference`: the API reference of the images object, as of the first GPT image
model. `SDK`: the types of the official package openai 3.54, where they say more. `recorded`: answers of the API.

What is right by either is accepted, fields that neither knows are kept, and what was not sent is not dumped:
`model.model_dump(mode="json", exclude_unset=True)` equals the JSON that was received. Types are strict, since a
client that is lenient here hides what others stumble over:

- a number is no string, a string no number, and `true` neither; 1.0 is read as 1, and 1.5 is refused where an
  integer belongs; tokens and indices are never negative; each item of `data` is an object;
- what is optional may be null too: servers send that, though no document declares it;
- where the documents list values (`quality`, `background`, …) there may be others: the next model has them;
- what is required is so by both documents. A field that is optional here and required there says so. `created` is
  always required, though some servers leave it out: without it, an error would be read as an answer without images.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pytest_imgresponse._model import Model, brief, loaded
from pytest_imgresponse.base64_text import read, strictly
from pytest_imgresponse.errors import ResponseError
from pytest_imgresponse.images import KINDS, open_image, suffix_of

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

from pytest_imgresponse.images import PictureFormat

_NO_BASE64 = re.compile("[^A-Za-z0-9+/]")


def _integral(value: object) -> object:
    """JSON has one kind of number (RFC 8259, section 6), and some encoders write all of them as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_integral)]
Count = Annotated[int, BeforeValidator(_integral), Field(ge=0)]


class InputTokensDetails(Model):
    """The input tokens in detail; their sum is `Usage.input_tokens`."""

    text_tokens: Count
    """Text tokens in the prompt (reference)."""
    image_tokens: Count
    """Image tokens in the prompt, such as those of the pictures to edit (reference)."""


class OutputTokensDetails(Model):
    """The output tokens in detail; their sum is `Usage.output_tokens`."""

    image_tokens: Count
    """Image tokens that the model generated (reference)."""
    text_tokens: Count
    """Text tokens that the model generated (reference)."""


class Usage(Model):
    """What the generation cost, in tokens; GPT image models only."""

    input_tokens: Count
    """Text and image tokens in the prompt (reference)."""
    output_tokens: Count
    """Tokens that the model generated (reference)."""
    total_tokens: Count
    """The sum of both, in tokens (reference)."""
    input_tokens_details: InputTokensDetails | None = None
    """The input tokens in detail (reference, as required; seen without: mudler/LocalAI#7354)."""
    output_tokens_details: OutputTokensDetails | None = None
    """The output tokens in detail (reference; not in what was recorded before May 2026, nor in streams)."""


class SvgUsage(Model):
    """What writing an SVG cost, in tokens, apart from what rendering pictures did."""

    input_tokens: Count
    """Tokens in the prompt (SDK)."""
    output_tokens: Count
    """Tokens that the model wrote (SDK)."""
    reasoning_tokens: Count
    """Tokens that the model thought in (SDK)."""
    total_tokens: Count
    """The sum of input and output tokens (SDK)."""
    model: str
    """The model that wrote it (SDK)."""


class _Payload(Model):
    b64_json: str | None = None
    """The picture's bytes in base64 (reference; RFC 4648, section 4)."""

    def image_bytes(self, *, lenient: bool = False) -> bytes:
        """The picture's bytes, decoded strictly: the standard alphabet, padded, and nothing else.

        Bits of the last character that carry no data may be set, as in Python's own decoder. `lenient` also takes what
        servers are known to send: a data-URL prefix (`data:image/png;base64,`), white space, the url-safe alphabet,
        missing padding. Raises `ResponseError` where there is no payload, an empty one, or one that cannot be read.
        """
        if (text := self.b64_json) is None:
            raise ResponseError("there is no b64_json in this image; if it has a url, the picture is behind that")
        data = strictly(text)
        if data is None and lenient:
            data = read(text).data
        if data:
            return data
        if data is not None:
            raise ResponseError(f"b64_json ({text[:40]!r}) is empty: expected a picture in base64")
        hint = "; image_bytes(lenient=True) reads it" if not lenient and read(text).data else ""
        shown = f"{text[:40]!r}{'…' * (len(text) > 40)}"
        raise ResponseError(f"b64_json ({shown}) is no base64: {_flaw(text)}{hint}")

    def open(self, *, lenient: bool = False) -> PillowImage:
        """The picture, loaded by Pillow; `lenient` is that of `image_bytes`.

        Raises `ResponseError` where that does, and for what is no raster picture (an SVG), or of more pixels than
        `pytest_imgresponse.images.PIXEL_LIMIT`.
        """
        data = self.image_bytes(lenient=lenient)
        if suffix_of(data) == ".svg":
            raise ResponseError("this image is an SVG, which is no raster picture: image_bytes() has its text")
        return open_image(data)

    @property
    def format(self) -> PictureFormat | None:
        """The picture's real format, by its bytes; None for any other.

        In the words of `output_format`, or else `avif`, `tiff`, `jpeg2000`, `ico` or `bmp`. The payload is read as
        `image_bytes(lenient=True)` does. Raises `ResponseError` where that does.
        """
        kind = KINDS.get(suffix_of(self.image_bytes(lenient=True)) or "")
        return None if kind is None else kind.name


class Image(_Payload):
    """One generated image: `b64_json` from GPT image models; from dall-e-2 and -3 that or a `url`, as asked for."""

    url: str | None = None
    """Where the picture can be fetched, for 60 minutes (reference; dall-e-2 and -3, and compatible servers)."""
    revised_prompt: str | None = None
    """The prompt that was used in the place of the one that was sent (reference; dall-e-3)."""


class ImagesResponse(Model):
    """The answer of `/images/generations`, `/images/edits` and `/images/variations`.

    What both documents require it requires, though compatible servers leave it out, and `check` calls that unusual:
    without `created`, or with a usage in money or in the names of the chat API, `HTTPResponse.json()` has the answer.
    """

    created: Whole
    """When the images were created, in Unix seconds (reference)."""
    data: list[Image] | None = None
    """The images, in order (reference); fewer than asked for, where some were blocked."""
    background: str | None = None
    """The background of the images: `transparent` or `opaque` (reference)."""
    output_format: str | None = None
    """The format of the images: `png`, `webp` or `jpeg` (reference), `gif` or `svg` (SDK)."""
    size: str | None = None
    """The size of the images in pixels, as `WIDTHxHEIGHT`: `1024x1024`, `1024x1536` or `1536x1024` (reference),
    or any other (SDK; recorded: `1254x1254`)."""
    quality: str | None = None
    """The quality of the images: `low`, `medium` or `high` (reference), `xhigh` or `max` (SDK)."""
    usage: Usage | None = None
    """What the images cost, in tokens (reference; GPT image models)."""
    svg_usage: SvgUsage | None = None
    """What writing an SVG cost, in tokens (SDK)."""
    safety_identifier: str | None = None
    """Whose request it was to the safety system: its `safety_identifier`, or else its `user` (SDK)."""


class _Event(_Payload):
    created_at: Whole
    """When the event was created, in Unix seconds (SDK)."""
    size: str
    """The size of the picture in pixels, as `WIDTHxHEIGHT`, or `auto` (SDK)."""
    quality: str
    """The quality that was asked for: `low`, `medium`, `high`, `xhigh`, `max` or `auto` (SDK)."""
    background: str
    """The background that was asked for: `transparent`, `opaque` or `auto` (SDK)."""
    output_format: str
    """The format of the picture: `png`, `webp` or `jpeg`; GIF and SVG do not stream (SDK)."""


class PartialImageEvent(_Event):
    """A picture that is not finished yet: up to three of them come before the completed one."""

    type: Literal["image_generation.partial_image", "image_edit.partial_image"]
    """Which route's stream it belongs to (SDK)."""
    b64_json: str
    """The picture's bytes in base64 (SDK; RFC 4648, section 4)."""
    partial_image_index: Count
    """Its number among the partial ones, from 0 (SDK)."""


class CompletedEvent(_Event):
    """The final picture of a stream, and what it cost."""

    type: Literal["image_generation.completed", "image_edit.completed"]
    """Which route's stream it belongs to (SDK)."""
    b64_json: str | None = None
    """The picture's bytes in base64 (SDK, as required; seen with a `url` instead:
    astrbot_plugin_image_generation#55)."""
    usage: Usage | None = None
    """What the picture cost, in tokens (SDK, as required; seen without from compatible servers)."""
    safety_identifier: str | None = None
    """As in `ImagesResponse` (SDK)."""

    @model_validator(mode="after")
    def _has_a_picture(self) -> Self:
        if self.b64_json is None and not (self.model_extra or {}).get("url"):
            raise PydanticCustomError("no_picture", "b64_json, or else a url")
        return self


StreamEvent = PartialImageEvent | CompletedEvent
_EVENTS: dict[str, type[PartialImageEvent] | type[CompletedEvent]] = {
    name: model
    for model in (PartialImageEvent, CompletedEvent)
    for name in get_args(model.model_fields["type"].annotation)
}


class ErrorBody(Model):
    """The object `error` of an answer that is one, or of an event that ends a stream."""

    message: str
    """What went wrong, for a person (recorded)."""
    type: str
    """The class of errors, such as `invalid_request_error` (recorded)."""
    param: str | None = None
    """The parameter that it is about, where there is one (recorded; null in most)."""
    code: str | None = None
    """The error's own name, such as `moderation_blocked` (recorded; null in many)."""
    moderation_details: dict[str, Any] | None = None
    """What the safety system found, and at which stage (reported: ucx0204/CarrotMangaTranslator#122)."""


def event_from(data: bytes | str | dict[str, Any], *, source: str = "this event") -> StreamEvent:
    """The event that the data of a server-sent event, or what was parsed from them, is.

    Raises `ResponseError` for what is no event of an image stream, as `ImagesResponse.from_json` does.
    """
    value = loaded(data, source)
    name = value.get("type") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in _EVENTS:
        known, got = ", ".join(_EVENTS), brief(value if name is None else name)
        raise ResponseError(f"{source} is no image event: expected an object whose $.type is one of {known}; got {got}")
    return _EVENTS[name].from_json(value, source=source)


def _flaw(text: str) -> str:
    characters = text.rstrip("=")
    if found := _NO_BASE64.search(characters):
        return f"{found[0]!r} at {found.start()} is out of place"
    return f"its characters ({len(characters)}) and padding ({len(text) - len(characters)}) do not make groups of four"
