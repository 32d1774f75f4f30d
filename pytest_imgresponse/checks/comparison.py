"""The comparison with the request: its route, and what its body asks for.

Compared are model, n, size, output_format, quality, background, response_format, stream and partial_images.
What differs is unusual: servers give what they can, and a right parser copes. A stream that nobody asked for is
tolerated: a parser of JSON may refuse it. What a request leaves out is not compared, nor is `auto`; but for `n` and
`stream`, whose defaults are 1 and false (images reference).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_imgresponse.api.families import BACKGROUNDS, RESPONSE_FORMATS
from pytest_imgresponse.checks.finding import Finding, Level, shown
from pytest_imgresponse.checks.http_level import Kind
from pytest_imgresponse.checks.schema_level import images_of
from pytest_imgresponse.checks.values import SIZE
from pytest_imgresponse.http import HTTPRequest, HTTPResponse, boundary_of, split_multipart
from pytest_imgresponse.images import OUTPUT_FORMATS

_DECLARED = ("size", "output_format", "quality", "background")
_ROUTES = {"generations": "image_generation", "edits": "image_edit"}
_OF_IMAGES = {"prompt", "image", "image[]", "images"}
_MOST_PARTS, _LONGEST_HEAD, _LONGEST_TEXT = 100, 1024, 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asked for; None where it does not say, or not in a way that can be compared."""

    n: int | None = None
    n_by_default: bool = field(default=False, compare=False)
    stream: bool | None = None
    model: str | None = None
    size: str | None = None
    output_format: str | None = None
    quality: str | None = None
    background: str | None = None
    response_format: str | None = None
    partial_images: int | None = None
    route: str | None = None
    """What its events are called: `image_generation` or `image_edit`."""

    @property
    def number(self) -> str:
        """`n` in words; only where it is known."""
        return f"the request asks for {self.n} by default" if self.n_by_default else f"the request asked for {self.n}"

    def of_answer(self, response: HTTPResponse, kind: Kind) -> Iterator[Finding]:
        """What can be compared before the content is read."""
        told = response.header("openai-model")
        yield from self._of_model("http", "headers.openai-model", told) if told is not None else ()
        if self.stream is True and kind == "json":
            yield Finding("stream", "body", "unusual", "one JSON document; the request asked for a stream of events")
        elif self.stream is False and kind == "stream":
            yield Finding("stream", "body", "tolerated", "a stream of events; the request did not ask for one")

    def of_number(self, value: Any) -> Iterator[Finding]:
        """How many images there are. Fewer are a matter of the level json: what is not there meets no schema."""
        images = value.get("data") if isinstance(value, dict) else None
        if self.n is not None and isinstance(images, list) and len(images) != self.n:
            level: Level = "json" if len(images) < self.n else "schema"
            yield Finding(level, "$.data", "unusual", f"images: {len(images)}; {self.number}")

    def of_json(self, value: Mapping[str, Any]) -> Iterator[Finding]:
        """What the JSON of an answer says of itself."""
        if isinstance(model := value.get("model"), str):
            yield from self._of_model("schema", "$.model", model)
        for image, path in images_of(value):
            yield from self._of_image(image, path)
        yield from self.of_declared(value, "$")

    def _of_image(self, image: Mapping[str, Any], path: str) -> Iterator[Finding]:
        there = [name for name in RESPONSE_FORMATS if image.get(name) is not None]
        if self.response_format and there and self.response_format not in there:
            message = f"the request asked for {self.response_format}"
            yield Finding("schema", f"{path}.{there[0]}", "unusual", f"{there[0]}; {message}")

    def of_declared(self, value: Mapping[str, Any], path: str) -> Iterator[Finding]:
        """The fields that repeat what was asked for, in an answer and in the final event of a stream."""
        for name in _DECLARED:
            wanted, there = getattr(self, name), value.get(name)
            if wanted is not None and isinstance(there, str) and there not in (wanted, "auto"):
                message = f"{shown(there)}; the request asked for {shown(wanted)}"
                yield Finding("schema", f"{path}.{name}", "unusual", message)

    def of_picture(self, real: Mapping[str, str | None], path: str) -> Iterator[Finding]:
        """What a picture is, where the answer does not say it."""
        for name, there in real.items():
            wanted = getattr(self, name)
            if None not in (wanted, there) and wanted != there:
                yield Finding("image", path, "unusual", f"the picture is {there}; the request asked for {wanted}")

    def _of_model(self, level: Level, path: str, told: str) -> Iterator[Finding]:
        """A dated snapshot and its alias are the same: `gpt-image-2-2026-04-21` and `gpt-image-2`.

        So is one that a gateway calls by its maker: `openai/gpt-image-2`.
        """
        wanted = self.model
        if wanted is None:
            return
        asked, named = (model.rpartition("/")[2] for model in (wanted, told))
        if asked not in (named, _undated(named)) and _undated(asked) != named:
            yield Finding(level, path, "unusual", f"{shown(told)} answers; the request asked for {shown(wanted)}")


def _undated(model: str) -> str:
    return re.sub(r"-[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", "", model[:_LONGEST_TEXT])


def asked_by(request: HTTPRequest | None) -> Asked:
    """What a request asked for. Nothing, where there is none or its body is not of the images API."""
    if request is None or (given := _given(request)) is None:
        return Asked()
    path, size = request.url.partition("?")[0], _text(given, "size")
    return Asked(
        n=_number(given.get("n", 1)),
        n_by_default="n" not in given,
        stream=_flag(given.get("stream", False)),
        model=None if "/deployments/" in path else _text(given, "model"),  # Azure: a name of the user's own
        size=size if size and SIZE.fullmatch(size) else None,
        output_format=_text(given, "output_format", *OUTPUT_FORMATS),
        quality=_text(given, "quality"),
        background=_text(given, "background", *BACKGROUNDS),
        response_format=_text(given, "response_format", *RESPONSE_FORMATS),
        partial_images=_number(given.get("partial_images"), least=0),
        route=_ROUTES.get(path.rstrip("/").rpartition("/")[2]),
    )


def _given(request: HTTPRequest) -> Mapping[str, Any] | None:
    try:
        boundary = boundary_of(request.header("content-type"))
        given = _form(request.body, boundary) if boundary else request.json()
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) and given.keys() & _OF_IMAGES else None


def _form(body: bytes, boundary: bytes) -> dict[str, str]:
    parts = (split_multipart(body, boundary) or [])[:_MOST_PARTS]
    small = (part for part in parts if len(part.head) <= _LONGEST_HEAD)
    return {part.parameter("name") or "": part.content[:_LONGEST_TEXT].decode("utf-8", "replace") for part in small}


def _text(given: Mapping[str, Any], name: str, *known: str) -> str | None:
    value = given.get(name)
    return value if isinstance(value, str) and value not in ("", "auto") and value in (known or (value,)) else None


def _number(value: Any, *, least: int = 1) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,2}", value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= least else None


def _flag(value: Any) -> bool | None:
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else value is True
