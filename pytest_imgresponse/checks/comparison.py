"""The comparison with the request: its route, and what its body asks for.

Compared are model, n, size, output_format, quality, background, response_format, stream and partial_images.
What differs is unusual: servers give what they can, and a right parser copes. A stream that nobody asked for is
tolerated: a parser of JSON may refuse it. What a request leaves out is not compared, nor is `auto`; but for `n` and
`stream`, whose defaults are 1 and false (images reference).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_imgresponse.api.answers import EVENT_NAMES
from pytest_imgresponse.api.families import BACKGROUNDS, RESPONSE_FORMATS
from pytest_imgresponse.api.parameters import Parameters, UnreadableBodyError, parameters_of
from pytest_imgresponse.checks.finding import Finding, Level, shown
from pytest_imgresponse.checks.http_level import Kind
from pytest_imgresponse.checks.schema_level import images_of
from pytest_imgresponse.checks.values import SIZE
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import OUTPUT_FORMATS

_COMPARED = {
    "size": SIZE,
    "output_format": re.compile("|".join(OUTPUT_FORMATS)),
    "quality": re.compile("(?!auto$).+"),
    "background": re.compile("|".join(BACKGROUNDS)),
    "response_format": re.compile("|".join(RESPONSE_FORMATS)),
}
"""What a value is that can be compared; `auto` is for the server to choose."""
_DESCRIBED = ("size", "output_format", "quality", "background")
_LONGEST_MODEL = 1024


@dataclass(frozen=True, slots=True)
class Comparison:
    """An answer beside the parameters of the request that asked for it; None where there are none to compare with."""

    asked: Parameters | None = None
    names_deployment: bool = False
    """Whether the model of the request is a name of the user's own (Azure)."""

    @property
    def n(self) -> int | None:
        """How many images were asked for: one where the request does not say; None where that cannot be known."""
        return self._number("n", least=1, default=1)

    @property
    def partial_images(self) -> int | None:
        """How many partial pictures of each were asked for."""
        return self._number("partial_images", least=0, default=None)

    def _number(self, name: str, *, least: int, default: int | None) -> int | None:
        """A number that makes sense; some clients send it as a text, which some servers take."""
        if self.asked is None or name in self.asked.null:
            return None
        value = self.asked.wrong.get(name, getattr(self.asked, name))
        if value is None:
            return default
        if isinstance(value, str) and re.fullmatch("[0-9]{1,2}", value):
            value = int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= least else None

    @property
    def route(self) -> str | None:
        """What the events of its answer are called: `image_generation` or `image_edit`."""
        return EVENT_NAMES.get(self.asked.operation or "variations") if self.asked is not None else None

    @property
    def stream(self) -> bool | None:
        """Whether events were asked for: not where the request does not say; None where that cannot be known."""
        if self.asked is None:
            return None
        value = self.asked.wrong.get("stream", self.asked.stream)
        return {"true": True, "false": False}.get(value) if isinstance(value, str) else value is True

    @property
    def model(self) -> str | None:
        """The model that was asked for."""
        return self.asked.model or None if self.asked is not None and not self.names_deployment else None

    def of(self, name: str) -> str | None:
        """The value of a parameter, where it can be compared."""
        value = getattr(self.asked, name, None)
        return value if isinstance(value, str) and _COMPARED[name].fullmatch(value) else None

    @property
    def number(self) -> str:
        """`n` in words; only where it is known."""
        by_default = self.asked is not None and self.asked.n is None
        return f"the request asks for {self.n} by default" if by_default else f"the request asked for {self.n}"

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
        wanted = self.of("response_format")
        if wanted and there and wanted not in there:
            message = f"the request asked for {wanted}"
            yield Finding("schema", f"{path}.{there[0]}", "unusual", f"{there[0]}; {message}")

    def of_declared(self, value: Mapping[str, Any], path: str) -> Iterator[Finding]:
        """The fields that repeat what was asked for, in an answer and in the final event of a stream."""
        for name in _DESCRIBED:
            wanted, there = self.of(name), value.get(name)
            if wanted is not None and isinstance(there, str) and there not in (wanted, "auto"):
                message = f"{shown(there)}; the request asked for {shown(wanted)}"
                yield Finding("schema", f"{path}.{name}", "unusual", message)

    def of_picture(self, real: Mapping[str, str | None], path: str) -> Iterator[Finding]:
        """What a picture is, where the answer does not say it."""
        for name, there in real.items():
            wanted = self.of(name)
            if None not in (wanted, there) and wanted != there:
                yield Finding("image", path, "unusual", f"the picture is {there}; the request asked for {wanted}")

    def _of_model(self, level: Level, path: str, told: str) -> Iterator[Finding]:
        """A dated snapshot and its alias are the same: `gpt-image-2-2026-04-21` and `gpt-image-2`.

        So is one that a gateway calls by its maker: `openai/gpt-image-2`.
        """
        if (wanted := self.model) is None:
            return
        asked, named = (model.rpartition("/")[2] for model in (wanted, told))
        if asked not in (named, _undated(named)) and _undated(asked) != named:
            yield Finding(level, path, "unusual", f"{shown(told)} answers; the request asked for {shown(wanted)}")


def _undated(model: str) -> str:
    return re.sub(r"-[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", "", model[:_LONGEST_MODEL])


def asked_by(request: HTTPRequest | None) -> Comparison:
    """The comparison with a request; with nothing, where there is none or its body is not of the images API."""
    if request is None:
        return Comparison()
    try:
        asked = parameters_of(request)
    except UnreadableBodyError:
        return Comparison()
    if not _is_of_images(asked):
        return Comparison()
    return Comparison(asked, names_deployment="/deployments/" in request.url.partition("?")[0])


def _is_of_images(asked: Parameters) -> bool:
    """Whether a body asks for pictures: by a prompt, or by pictures in whatever form servers take them."""
    named = {*asked.said, *asked.null, *asked.unknown, *(name.partition("[")[0] for name in asked.wrong)}
    return bool(asked.images) or not named.isdisjoint({"prompt", "image", "image[]", "images"})
