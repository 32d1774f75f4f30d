"""The base of the models: reading JSON, saying what is wrong with it, and a short repr."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from pytest_imgresponse.errors import ResponseError

DEEPEST = 200
"""Levels of objects and arrays within each other that are read; pydantic dumps no more than 254.

`variants` changes fields as deep; edge cases stop at half of it (`edge_cases.predicates.DEEPEST`).
"""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 5
_SHOWN_CHARACTERS = 80
_SHOWN_BEGINNING = 16
_UNITS = {"created": " (Unix seconds)", "created_at": " (Unix seconds)"}
_EXPECTED = {
    "list_type": "an array",
    "model_type": "an object",
    "dict_type": "an object",
    "int_type": "an integer",
    "string_type": "a string",
    "greater_than_equal": "an integer from 0",
}


class Model(BaseModel):
    """A model of JSON that keeps what it does not know and what it was not sent."""

    # Python reads 1e999 as infinity. Pydantic would dump that as null; as a constant it stays infinity.
    model_config = ConfigDict(extra="allow", strict=True, ser_json_inf_nan="constants", use_attribute_docstrings=True)

    @classmethod
    def from_json(cls, body: bytes | str | dict[str, Any], *, source: str = "this body") -> Self:
        """The model of a body, or of what was parsed from one.

        Raises `ResponseError` for whatever it is not: no UTF-8 (a byte order mark is passed over), no JSON (NaN is
        none), nested deeper than `DEEPEST`, a name with half a surrogate pair, or a field that is missing or wrong.
        The message names `source`, and for each field its JSON path, what was expected and what came.
        """
        value = loaded(body, source)
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise ResponseError(f"{source} is no {cls.__name__}: {_complaints(error)}") from None

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """The fields that were set, of long texts the beginning.

        pytest and Hypothesis print them, and payloads are megabytes. A field that was sent as null is None, one that
        was not sent is not shown.
        """
        for name, value in super().__repr_args__():
            if name in self.model_fields_set:
                yield str(_shown(name)), _shown(value)


class _Long:
    """Shows a long text by its length and its beginning; in angle brackets, since it cannot be evaluated."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return f"<{len(self._text)} characters: {self._text[:_SHOWN_BEGINNING]!r}…>"


def _shown(value: object) -> object:
    """A value of JSON with its long texts shortened, also where they are names; models within shorten their own."""
    if isinstance(value, dict):
        return {_shown(name): _shown(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shown(inner) for inner in value]
    return _Long(value) if isinstance(value, str) and len(value) > _SHOWN_CHARACTERS else value


def loaded(body: bytes | str | dict[str, Any], source: str) -> Any:
    """What a body holds, as JSON. Raises `ResponseError`, which names `source`."""
    value: Any = body
    if isinstance(body, bytes | str):
        try:
            text = body.decode("utf-8-sig") if isinstance(body, bytes) else body
            value = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise ResponseError(f"{source} ({body[:_SHOWN_CHARACTERS]!r}) is no JSON: {error}") from None
    if why := _what_cannot_be_dumped(value):
        raise ResponseError(f"{source} {why}")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number there (RFC 8259, section 6)")


def _what_cannot_be_dumped(value: object) -> str | None:
    """Why a value that can be read could not be written again, as the end of a sentence; None where it can."""
    level = [value]  # one level of nesting after the other, and no recursion: a hostile body may be nested any deep
    for _ in range(DEEPEST):
        deeper: list[object] = []
        for each in level:
            if isinstance(each, dict):
                if _LONE_SURROGATE.search("".join(map(str, each))):
                    return "has a field whose name holds half a surrogate pair, which is no Unicode text"
                deeper.extend(each.values())
            elif isinstance(each, list):
                deeper.extend(each)
        if not deeper:
            return None
        level = deeper
    return f"holds objects or arrays within each other, deeper than {DEEPEST} levels"


def _complaints(error: ValidationError) -> str:
    more = f"; and {error.error_count() - _SHOWN} more" if error.error_count() > _SHOWN else ""
    return "; ".join(map(_complaint, error.errors(include_url=False)[:_SHOWN])) + more


def _complaint(details: ErrorDetails) -> str:
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in details["loc"])
    if details["type"] == "missing":
        return f"{path} is required; the fields there are {brief(list(details['input']))}"
    expected = _EXPECTED.get(details["type"]) or details["msg"].removeprefix("Input should be ")
    unit = _UNITS.get(str(details["loc"][-1]), "") if details["loc"] else ""
    return f"{path}: expected {expected}{unit}, got {brief(details['input'])}"


def brief(value: object) -> str:
    """A value as JSON, of a long one the beginning."""
    text = json.dumps(value, default=repr, skipkeys=True)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
