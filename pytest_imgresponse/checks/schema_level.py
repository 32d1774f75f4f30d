"""The level `schema`: tables of fields, for what a right answer is by the documents.

Sources: the API reference of the images object, and the types of the official Python package (openai 3.54.0)
where they are newer. The models (`pytest_imgresponse.models`) have the same fields, but a model only accepts or
refuses; a table also says which departures are unusual and which are tolerated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pytest_imgresponse.api.families import BACKGROUNDS, QUALITIES, STREAM_FORMATS
from pytest_imgresponse.checks import values
from pytest_imgresponse.checks.finding import Finding, Verdict, listed, shown
from pytest_imgresponse.checks.values import Judge, is_number, schema_finding
from pytest_imgresponse.images import OUTPUT_FORMATS

MOST_JUDGED = 10_000
"""Images of one answer and events of one stream that are judged at the most; no real one has a hundredth."""


class Field(NamedTuple):
    """What a field may be, and the verdict where it is missing or null: None where that is right."""

    judge: Judge
    missing: Verdict | None = None
    null: Verdict | None = "unusual"


Table = Mapping[str, Field]


def fields(value: Mapping[str, Any], table: Table, path: str) -> Iterator[Finding]:
    """Judge the fields of an object by a table; what the table does not know is right."""
    missing: dict[Verdict, list[str]] = {}  # one finding for each verdict, not for each field
    for name, field in table.items():
        if name not in value:
            if field.missing is not None:
                missing.setdefault(field.missing, []).append(name)
        elif value[name] is None:
            if field.null is not None:
                required = field.null == "invalid"
                why = "the documents require a value" if required else "a key without a value is left out"
                yield schema_finding(f"{path}.{name}", field.null, f"null; {why}")
        else:
            yield from field.judge(value[name], f"{path}.{name}")
    for verdict, names in missing.items():
        where = f"{path}.{names[0]}" if len(names) == 1 else path
        are = "is missing; the documents require it" if len(names) == 1 else "are missing; the documents require them"
        yield schema_finding(where, verdict, f"{listed(names)} {are}")


def _nested(table: Table) -> Judge:
    def judge(value: Any, path: str) -> Iterator[Finding]:
        yield from values.record(value, path)
        if isinstance(value, dict):
            yield from fields(value, table, path)

    return judge


_TOKENS = Field(values.tokens, missing="unusual")

INPUT_DETAILS: Table = {"text_tokens": _TOKENS, "image_tokens": _TOKENS}
OUTPUT_DETAILS: Table = {"image_tokens": _TOKENS, "text_tokens": _TOKENS}
USAGE: Table = {
    "input_tokens": _TOKENS,
    "output_tokens": _TOKENS,
    "total_tokens": _TOKENS,
    "input_tokens_details": Field(_nested(INPUT_DETAILS), missing="unusual"),
    "output_tokens_details": Field(_nested(OUTPUT_DETAILS)),
}
SVG_USAGE: Table = {
    "input_tokens": _TOKENS,
    "model": Field(values.text, missing="unusual"),
    "output_tokens": _TOKENS,
    "reasoning_tokens": _TOKENS,
    "total_tokens": _TOKENS,
}
_CHAT_STYLE = ("prompt_tokens", "completion_tokens")  # Aico#315, LocalAI#7354, OpenRouter


def _usage(value: Any, path: str) -> Iterator[Finding]:
    yield from values.record(value, path)
    if not isinstance(value, dict):
        return
    if not value.keys() & USAGE.keys() - {"total_tokens"} and (chat := [n for n in _CHAT_STYLE if n in value]):
        yield schema_finding(
            path, "unusual", f"{listed(chat)}, as chat answers have it; expected input_tokens, output_tokens"
        )
        yield from fields(value, {name: _TOKENS for name in (*_CHAT_STYLE, "total_tokens") if name in value}, path)
        return
    yield from fields(value, USAGE, path)
    counted = [value.get(name) for name in ("input_tokens", "output_tokens", "total_tokens")]
    if counted == [0, 0, 0]:
        yield schema_finding(path, "unusual", "all tokens are 0; every generation costs some")
    yield from _sum(f"{path}.total_tokens", counted[2], counted[:2], "input_tokens and output_tokens")
    for name in ("input_tokens", "output_tokens"):
        details = value.get(f"{name}_details")
        if isinstance(details, dict):
            parts = [details.get(part) for part in INPUT_DETAILS]
            yield from _sum(f"{path}.{name}_details", value.get(name), parts, "text_tokens and image_tokens", name)


def _sum(path: str, total: Any, parts: list[Any], of: str, name: str = "") -> Iterator[Finding]:
    # Whole numbers only: of any other value there is a finding already, and floats would not add up exactly.
    if all(is_number(each) and not each % 1 for each in (total, *parts)) and sum(map(int, parts)) != total:
        whole = f"{name} is {shown(total)}" if name else shown(total)
        yield schema_finding(path, "unusual", f"{whole}, and {of} add up to {shown(sum(map(int, parts)))}")


def _svg_usage(value: Any, path: str) -> Iterator[Finding]:
    yield from values.record(value, path)
    if not isinstance(value, dict):
        return
    yield from fields(value, SVG_USAGE, path)
    counted: tuple[Any, ...] = tuple(value.get(f"{kind}_tokens") for kind in ("input", "output", "reasoning"))
    read, written, thought = counted
    total = value.get("total_tokens")
    yield from _sum(f"{path}.total_tokens", total, [read, written], "input_tokens and output_tokens")
    if is_number(thought) and is_number(written) and thought > written:
        message = f"{shown(thought)}, and output_tokens, of which they are a part, are {shown(written)}"
        yield schema_finding(f"{path}.reasoning_tokens", "unusual", message)


IMAGE: Table = {
    "b64_json": Field(values.text),
    "url": Field(values.link),
    "revised_prompt": Field(values.prose),
}
_OTHER_KEYS = {"image", "images", "image_url", "image_urls", "b64", "base64", "b64_image", "image_base64", "content"}
"""Keys under which compatible servers send pictures: Hyperbolic, bz-cogs#49."""


def _image(value: Any, path: str) -> Iterator[Finding]:
    yield from values.record(value, path)
    if not isinstance(value, dict):
        return
    yield from fields(value, IMAGE, path)
    if isinstance(value.get("b64_json"), str) and isinstance(value.get("url"), str):
        yield schema_finding(path, "unusual", "both b64_json and url; the API sends one of them")
    elif not value.keys() & {"b64_json", "url"} and (other := sorted(value.keys() & _OTHER_KEYS)):
        yield schema_finding(path, "unusual", f"{listed(other)} in the place of b64_json or url")


def _data(value: Any, path: str) -> Iterator[Finding]:
    if not isinstance(value, list):
        yield schema_finding(path, "invalid", f"{shown(value)}; expected an array of images")
        return
    for number, item in enumerate(value[:MOST_JUDGED]):
        if item is None:
            yield schema_finding(f"{path}[{number}]", "invalid", "null; expected an object, an image")
        else:
            yield from _image(item, f"{path}[{number}]")
    if len(value) > MOST_JUDGED:
        message = f"{len(value)} images; 10 are the most that can be asked for, {MOST_JUDGED} were judged"
        yield schema_finding(path, "unusual", message)


RESPONSE: Table = {
    "created": Field(values.timestamp, missing="unusual"),
    "data": Field(_data, null=None),  # null is judged by `answer`, at the level `json`
    "background": Field(values.one_of(*BACKGROUNDS)),
    "output_format": Field(values.one_of(*OUTPUT_FORMATS)),
    "size": Field(values.pixel_size()),
    "quality": Field(values.one_of(*QUALITIES)),
    "usage": Field(_usage),
    "safety_identifier": Field(values.text),
    "svg_usage": Field(_svg_usage),
}


def answer(value: Any) -> Iterator[Finding]:
    """Judge the JSON of a 200."""
    yield from values.record(value, "$")
    if not isinstance(value, dict):
        return
    if (error := value.get("error")) is not None:
        # Invalid even beside pictures: a client that goes by the status would never see the error.
        yield schema_finding("$.error", "invalid", f"{shown(error)}: an error, where the status says success")
    if "data" in value and value["data"] is None:
        yield Finding("json", "$.data", "unusual", "null; a key without a value is left out")
    yield from fields(value, RESPONSE, "$")
    if not value.get("data") and (other := sorted(value.keys() & _OTHER_KEYS)):
        yield schema_finding(f"$.{other[0]}", "unusual", f"{listed(other)} in the place of data")


ERROR: Table = {
    "message": Field(values.text, missing="invalid", null="invalid"),
    "type": Field(values.text, missing="invalid", null="invalid"),
    "param": Field(values.text, null=None),
    "code": Field(values.error_code, null=None),
    "moderation_details": Field(values.record),
}

EVENT_ERROR: Table = {**ERROR, "type": Field(values.text)}
"""An error in a stream whose fields stand beside the type of the event."""


def error_answer(value: Any, path: str = "$") -> Iterator[Finding]:
    """Judge the JSON of an error: `{"error": {…}}`."""
    yield from values.record(value, path)
    if not isinstance(value, dict):
        return
    if "error" not in value:
        yield schema_finding(path, "invalid", f"{shown(value)}; expected an object with the key error")
    elif not isinstance(value["error"], dict):
        expected = "an object with message, type, param and code"
        yield schema_finding(f"{path}.error", "invalid", f"{shown(value['error'])}; expected {expected}")
    else:
        yield from fields(value["error"], ERROR, f"{path}.error")


_AS_ASKED = "auto"
"""What events give for a size, quality or background that the request left to the model."""


def _of_event(judge: Judge) -> Field:
    """A field that the SDK's types require without enforcing it; servers that imitate the stream leave most out."""
    return Field(judge, missing="tolerated", null="tolerated")


COMPLETED: Table = {
    "type": Field(values.text),
    "b64_json": Field(values.text),
    "created_at": _of_event(values.timestamp),
    "size": _of_event(values.pixel_size(_AS_ASKED)),
    "quality": _of_event(values.one_of(*QUALITIES, _AS_ASKED)),
    "background": _of_event(values.one_of(*BACKGROUNDS, _AS_ASKED)),
    "output_format": _of_event(values.one_of(*STREAM_FORMATS)),
    "usage": Field(_usage, missing="unusual"),
    "safety_identifier": Field(values.text),
}
PARTIAL: Table = {
    **{name: field for name, field in COMPLETED.items() if name not in ("usage", "safety_identifier")},
    "partial_image_index": _of_event(values.ordinal),
}


def images_of(value: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The objects in `data` that are judged, each with its path."""
    images = value.get("data")
    for number, image in enumerate(images[:MOST_JUDGED] if isinstance(images, list) else ()):
        if isinstance(image, dict):
            yield image, f"$.data[{number}]"


def image_event(value: Mapping[str, Any], table: Table, path: str) -> Iterator[Finding]:
    """Judge the JSON of an event that has a picture."""
    no_payload, url = value.get("b64_json") is None, value.get("url")
    if no_payload and url is not None:
        yield Finding("stream", f"{path}.url", "unusual", "a url in the place of b64_json")
        yield from values.link(url, f"{path}.url")
    yield from fields(value, table, path)
    if no_payload and url is None:
        yield schema_finding(f"{path}.b64_json", "invalid", "there is no picture in this event; expected its base64")
