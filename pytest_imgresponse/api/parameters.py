"""What a request asks for: one value, read from JSON or a form, and written as a request again.

Nothing is judged here: which values a model takes is a matter of `rules`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import parse_qsl, urlsplit

from pytest_imgresponse.http import HTTPRequest, Part, boundary_of, join_multipart, split_multipart

Operation = Literal["generations", "edits", "variations"]
"""The last step of an images route's path."""
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

JSON = "application/json"
FORM = "multipart/form-data"
_URL_ENCODED = "application/x-www-form-urlencoded"
_API = "https://api.openai.com/v1/images/"
_BOUNDARY = b"imgresponse-boundary"

# A form from a stranger may hold anything: one that no client sends is not read, so that reading takes no longer than
# the body is long. The API takes 16 images and some 20 fields; a file name has 255 bytes, three times that in escapes.
_MOST_PARTS, _LONGEST_HEAD = 100, 1024

_TEXTS = frozenset(
    {
        *("prompt", "model", "size", "quality", "background", "output_format", "response_format", "style"),
        *("moderation", "input_fidelity", "complexity", "safety_identifier", "user"),
    }
)
_NUMBERS = frozenset({"n", "output_compression", "partial_images", "frame_count", "frame_duration_ms"})
_IMAGE_FIELD = re.compile(r"image(\[[0-9]*\])?")
_NESTED = re.compile(r"(\w+)\[(\w+)\]")
_DATA_URL = re.compile(r"data:([\w/+.-]+);base64,(.*)", re.DOTALL)


class UnreadableBodyError(ValueError):
    """A body that holds no parameters: no JSON object, no form."""


class Upload(NamedTuple):
    """An uploaded picture: the name under which errors speak of it, its media type, its bytes."""

    name: str
    mimetype: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The parameters of a request, called as the API calls them. None is for what it does not say, or says as null.

    `operation` is None for a route that is none of the images API. `images` and `mask` are its uploads. `wrong` has
    the values that are of another type than their parameter, and under names such as `image[0]` those that are no
    upload; `null` has the names of what it says as null, `unknown` the names that no model knows; `is_form` says
    that it came as a form.
    """

    operation: Operation | None = "generations"
    model: str | None = None
    prompt: str | None = None
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    output_compression: int | None = None
    moderation: str | None = None
    style: str | None = None
    input_fidelity: str | None = None
    complexity: str | None = None
    frame_count: int | None = None
    frame_duration_ms: int | None = None
    svg: Mapping[str, Any] | None = field(default=None, hash=False)
    response_format: str | None = None
    stream: bool | None = None
    partial_images: int | None = None
    safety_identifier: str | None = None
    user: str | None = None
    images: tuple[Upload, ...] = ()
    mask: Upload | None = None
    wrong: Mapping[str, Any] = field(default_factory=dict, hash=False)
    null: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    is_form: bool = False

    @property
    def said(self) -> dict[str, Any]:
        """The parameters that it says, by name, in the order of this class; without its uploads."""
        return {name: value for name in NAMES if (value := getattr(self, name)) is not None}

    @property
    def edges(self) -> tuple[int, int]:
        """Width and height of its size, in pixels; for a size of the form `WIDTHxHEIGHT`."""
        width, _, height = (self.size or "").partition("x")
        return int(width), int(height)

    @property
    def transparent(self) -> bool:
        """Whether it asks for a transparent background."""
        return self.background == "transparent"

    def request(self, *, as_form: bool | None = None) -> HTTPRequest:
        """A request to the official API that says this: JSON, or a multipart form, as variations have to be."""
        accepted = "text/event-stream" if self.stream else JSON
        if as_form is None:
            as_form = self.operation == "variations"
        if as_form:
            content_type, body = f"{FORM}; boundary={_BOUNDARY.decode()}", join_multipart(self._parts(), _BOUNDARY)
        else:
            content_type, body = JSON, json.dumps(self._document()).encode()
        headers = (("accept", accepted), ("content-type", content_type))
        return HTTPRequest("POST", f"{_API}{self.operation}", headers, body)

    def _document(self) -> dict[str, Any]:
        said = self.said
        if self.images:
            said["images"] = [_reference(upload) for upload in self.images]
        if self.mask is not None:
            said["mask"] = _reference(self.mask)
        return said

    def _parts(self) -> list[Part]:
        texts: dict[str, Any] = {}
        for name, value in self.said.items():
            texts |= {f"{name}[{key}]": inner for key, inner in value.items()} if name == "svg" else {name: value}
        parts = [_part(name, _form_text(value)) for name, value in texts.items()]
        parts += [_part("image[]", upload.content, upload.mimetype) for upload in self.images]
        return [*parts, *([_part("mask", self.mask.content, self.mask.mimetype)] if self.mask is not None else [])]


NAMES = tuple(each.name for each in fields(Parameters) if each.name in {*_TEXTS, *_NUMBERS, "stream", "svg"})
"""The parameters that are no uploads, in the order of the class."""


def operation_of(url: str) -> Operation | None:
    """The operation that a URL asks for, whatever its host and the prefix of its path."""
    try:
        path = urlsplit(url).path
    except ValueError:
        path = url.partition("?")[0]
    last = path.rstrip("/").rpartition("/")[2]
    return next((operation for operation in OPERATIONS if operation == last), None)


def parameters_of(request: HTTPRequest) -> Parameters:
    """The parameters of a request. Raises `UnreadableBodyError`."""
    operation = operation_of(request.url)
    if request.content_type.startswith("multipart/"):
        boundary = boundary_of(request.header("content-type"))
        return _of_form(operation, split_multipart(request.body, boundary) if boundary else None)
    if request.content_type == _URL_ENCODED:
        form = _Form()
        for name, text in parse_qsl(request.body.decode("latin-1"), keep_blank_values=True)[:_MOST_PARTS]:
            form.take_text(name, text)
        return form.parameters(operation)
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise UnreadableBodyError("the body is no JSON") from error
    if not isinstance(document, dict):
        raise UnreadableBodyError("the body is JSON, and no object")
    return _of_document(operation, document)


def _of_document(operation: Operation | None, document: dict[str, Any]) -> Parameters:
    found: dict[str, Any] = {}
    wrong: dict[str, Any] = {}
    null: list[str] = []
    unknown: list[str] = []
    for name, value in document.items():
        if operation == "edits" and name in ("images", "mask") and value:
            _take_references(name, value, found, wrong)
        elif operation == "edits" and name in ("images", "mask"):
            null.append(name)
        elif name not in NAMES:
            unknown.append(name)
        elif value is None:
            null.append(name)
        else:
            (found if _is_right(name, value) else wrong)[name] = value
    return Parameters(operation=operation, wrong=wrong, null=tuple(null), unknown=tuple(unknown), **found)


def _is_right(name: str, value: object) -> bool:
    if name in _TEXTS:
        return isinstance(value, str)
    if name in _NUMBERS:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, dict if name == "svg" else bool)


def _take_references(name: str, value: object, found: dict[str, Any], wrong: dict[str, Any]) -> None:
    """The images of an edit in JSON: `{"image_url": "data:…"}`. What a URL or a file id leads to is not read."""
    if name == "mask":
        found["mask"] = _referred_to(name, value, wrong)
    elif isinstance(value, list):
        uploads = [_referred_to(f"images[{place}]", each, wrong) for place, each in enumerate(value)]
        found["images"] = tuple(upload for upload in uploads if upload is not None)
    else:
        wrong[name] = value


def _referred_to(name: str, value: object, wrong: dict[str, Any]) -> Upload | None:
    url = value.get("image_url") if isinstance(value, dict) else None
    data = _DATA_URL.fullmatch(url) if isinstance(url, str) else None
    try:
        if data is not None:
            return Upload(name, data[1], base64.b64decode(data[2], validate=True))
    except (binascii.Error, ValueError):
        pass
    wrong[name] = value
    return None


def _reference(upload: Upload) -> dict[str, str]:
    return {"image_url": f"data:{upload.mimetype};base64,{base64.b64encode(upload.content).decode()}"}


def _of_form(operation: Operation | None, parts: list[Part] | None) -> Parameters:
    """The parameters of a multipart form."""
    if parts is None or len(parts) > _MOST_PARTS or any(len(part.head) > _LONGEST_HEAD for part in parts):
        raise UnreadableBodyError("the body is no multipart form that a client would send")
    form = _Form()
    images: list[Upload] = []
    masks: list[Upload] = []
    for part in parts:
        name = part.parameter("name") or ""
        if _IMAGE_FIELD.fullmatch(name):
            form.take_file(f"image[{len(images)}]", part, images)
        elif name == "mask":
            form.take_file(name, part, masks)
        else:
            form.take_text(name, part.content.decode("utf-8", "replace"))
    return form.parameters(operation, images=tuple(images), mask=masks[-1] if masks else None)


class _Form:
    """The fields of a form, in which every value is a text."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}
        self._wrong: dict[str, Any] = {}
        self._unknown: list[str] = []

    def parameters(self, operation: Operation | None, **uploads: Any) -> Parameters:
        unknown = tuple(self._unknown)
        return Parameters(
            operation=operation, wrong=self._wrong, unknown=unknown, is_form=True, **self._found, **uploads
        )

    def take_file(self, name: str, part: Part, uploads: list[Upload]) -> None:
        declared = re.search(rb"(?im)^content-type:\s*([^\r\n;]+)", part.head)
        if part.parameter("filename") is None and declared is None:
            self._wrong[name] = ""
            return
        mimetype = declared[1].decode("latin-1").strip().lower() if declared else "application/octet-stream"
        uploads.append(Upload(name, mimetype, part.content))

    def take_text(self, name: str, text: str) -> None:
        if nested := _NESTED.fullmatch(name):  # `svg[model]`: a field of an object
            self._take_nested(nested[1], nested[2], text)
        elif name not in NAMES:
            self._unknown.append(name)
        elif (value := _from_text(name, text)) is not None:
            self._found[name] = value
        else:
            self._wrong[name] = text

    def _take_nested(self, name: str, key: str, text: str) -> None:
        if name not in NAMES:
            self._unknown.append(name)
        elif name != "svg":
            self._wrong[name] = {key: text}
        elif name not in self._wrong:
            self._found.setdefault(name, {})[key] = text


def _from_text(name: str, text: str) -> Any:
    """The value of a form's field; None where it is none of its type."""
    if name in _TEXTS:
        return text
    if name in _NUMBERS:
        return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None
    return {"true": True, "false": False}.get(text) if name == "stream" else None


def _form_text(value: object) -> bytes:
    return (str(value).lower() if isinstance(value, bool) else str(value)).encode("utf-8", "replace")


def _part(name: str, content: bytes, mimetype: str | None = None) -> Part:
    file = f'; filename="image"\r\nContent-Type: {mimetype}' if mimetype is not None else ""
    return Part(f'Content-Disposition: form-data; name="{name}"{file}'.encode(), content)
