"""What a request carries: parameters and uploads, out of a JSON or a multipart body."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pytest_imgresponse.api.answers import Refused
from pytest_imgresponse.http import HTTPRequest, Part, boundary_of, split_multipart

_PARSE = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
    "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If "
    "you have trouble figuring out how to fix this, please contact us through our help center at "
    "help.openai.com.)"
)
_IMAGE_FIELD = re.compile(r"image(\[[0-9]*\])?")
_NESTED = re.compile(r"(\w+)\[(\w+)\]")
_TYPES: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


class Upload(NamedTuple):
    """An uploaded file: the name under which errors speak of it, its media type, its bytes."""

    name: str
    mimetype: str
    content: bytes


class Body(NamedTuple):
    """The parameters of a request, its uploads, and whether it was a form (where all values are texts)."""

    values: Mapping[str, Any]
    images: tuple[Upload, ...]
    mask: Upload | None
    form: bool


def read(request: HTTPRequest, *, kinds: tuple[str, ...]) -> Body:
    """The body of a request whose content type is one of `kinds`. Raises `Refused`."""
    kind = request.content_type
    if kind not in kinds:
        accepted = " or ".join(f"'{each}'" for each in kinds)
        raise Refused(
            f"Unsupported content type: '{kind}'. This API method only accepts {accepted} requests, but you "
            f"specified the header 'Content-Type: {kind}'. Please try again with a supported content type.",
            code="unsupported_content_type",
        )
    return _json(request) if kind == "application/json" else _form(request)


def wrong_type(name: str, expected: str, value: object) -> Refused:
    """The refusal of a value of another type (recorded for files, quoted for numbers and flags)."""
    got = _TYPES[type(value)]
    return Refused(
        f"Invalid type for '{name}': expected {expected}, but got {got} instead.",
        param=name,
        code="invalid_type",
    )


def _json(request: HTTPRequest) -> Body:
    try:
        values = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Refused(_PARSE) from None
    if not isinstance(values, dict):
        raise Refused(_PARSE)
    if request.url.partition("?")[0].endswith("/edits"):
        for name in ("image", "image[]"):
            if name in values:
                raise Refused(
                    f"Unknown parameter: '{name}'. For application/json on /v1/images/edits, use 'images' (array).",
                    param=name,
                    code="invalid_value",
                )
        images = values.pop("images", None) or []
        mask = values.pop("mask", None)
        if not isinstance(images, list):
            raise wrong_type("images", "an array of objects", images)
        return Body(
            values,
            tuple(_reference(f"images[{place}]", image) for place, image in enumerate(images)),
            _reference("mask", mask) if mask is not None else None,
            form=False,
        )
    return Body(values, (), None, form=False)


def _reference(name: str, image: object) -> Upload:
    """An image of the JSON form: `{"image_url": "data:…"}`. Nothing is fetched, no file kept."""
    if not isinstance(image, dict):
        raise wrong_type(name, "an object", image)
    url = image.get("image_url")
    found = re.fullmatch(r"data:([\w/+.-]+);base64,(.*)", url, re.DOTALL) if isinstance(url, str) else None
    try:
        if found:
            return Upload(name, found[1], base64.b64decode(found[2], validate=True))
    except (binascii.Error, ValueError):
        pass
    raise Refused(
        f"Invalid '{name}': this local endpoint fetches no URLs and keeps no files; send an 'image_url' that "
        "is a base64-encoded data URL.",
        param=f"{name}.image_url",
        code="invalid_value",
    )


def _form(request: HTTPRequest) -> Body:
    boundary = boundary_of(request.header("content-type"))
    parts = split_multipart(request.body, boundary) if boundary else None
    if parts is None:
        raise Refused("Could not parse multipart form")
    values: dict[str, Any] = {}
    images: list[Upload] = []
    mask = None
    for part in parts:
        name = part.parameter("name") or ""
        if _IMAGE_FIELD.fullmatch(name):
            images.append(_file(f"image[{len(images)}]", part))
        elif name == "mask":
            mask = _file(name, part)
        elif nested := _NESTED.fullmatch(name):
            _object(values, nested[1])[nested[2]] = _text(part)
        else:
            values[name] = _text(part)
    return Body(values, tuple(images), mask, form=True)


def _object(values: dict[str, Any], name: str) -> dict[str, Any]:
    held = values.setdefault(name, {})
    if not isinstance(held, dict):
        raise wrong_type(name, "an object", held)
    return held


def _text(part: Part) -> str:
    return part.content.decode("utf-8", "replace")


def _file(name: str, part: Part) -> Upload:
    declared = re.search(rb"(?im)^content-type:\s*([^\r\n;]+)", part.head)
    if part.parameter("filename") is None and declared is None:
        raise wrong_type(name, "a file", "")
    mimetype = declared[1].decode("latin-1").strip().lower() if declared else "application/octet-stream"
    return Upload(name, mimetype, part.content)
