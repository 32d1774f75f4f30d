"""The values of the level `schema`: for each kind of value a function that judges one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from pytest_imgresponse.checks.finding import Finding, Verdict, shown

Judge = Callable[[Any, str], Iterator[Finding]]
"""Judges a value that is not null; the text is its path."""

SIZE = re.compile(r"[1-9][0-9]{0,5}x[1-9][0-9]{0,5}")
"""`WIDTHxHEIGHT` in pixels (openai 3.54.0, `images_response.py`)."""

_MILLISECONDS = 10**11
"""From here on a time is taken for milliseconds: Unix seconds come here in the year 5138."""

_EXACT = 2**53
"""The largest integer up to which a double holds each one (RFC 8259, section 6)."""

_HTTPS = re.compile(r"(?i)https://[^/?#\s]")
_SCHEME = re.compile(r"(?i)[a-z][a-z0-9+.-]{0,20}:")
_SCHEMES = {"https:": "without a host", "http:": "without TLS", "data:": "a data URL"}
_HIDDEN = re.compile("[\ud800-\udfff\0]")


def schema_finding(path: str, verdict: Verdict, message: str) -> Finding:
    """A finding of the level `schema`."""
    return Finding("schema", path, verdict, message)


def _wrong(value: Any, path: str, expected: str) -> Finding:
    return schema_finding(path, "invalid", f"{shown(value)}; expected {expected}")


def text(value: Any, path: str) -> Iterator[Finding]:
    """Any text."""
    if not isinstance(value, str):
        yield _wrong(value, path, "a string")


def prose(value: Any, path: str) -> Iterator[Finding]:
    """A text for people: NUL and half a surrogate pair are unusual, since programs fail that write them to a file."""
    yield from text(value, path)
    if isinstance(value, str) and (hidden := _HIDDEN.search(value)):
        what = "NUL" if hidden[0] == "\0" else "a lone surrogate, which has no UTF-8,"
        yield schema_finding(path, "unusual", f"{what} is at character {hidden.start()}")


def error_code(value: Any, path: str) -> Iterator[Finding]:
    """A text; several servers send the status in its place, as a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        yield schema_finding(path, "unusual", f"{shown(value)} is a number; the API sends a string")
    else:
        yield from text(value, path)


def record(value: Any, path: str) -> Iterator[Finding]:
    """Any object."""
    if not isinstance(value, dict):
        yield _wrong(value, path, "an object")


def one_of(*values: str) -> Judge:
    """One of these texts; another is drift."""

    def judge(value: Any, path: str) -> Iterator[Finding]:
        yield from text(value, path)
        if isinstance(value, str) and value not in values:
            yield schema_finding(path, "unusual", f"{shown(value)} is new; known are {', '.join(values)}")

    return judge


def pixel_size(*names: str) -> Judge:
    """`WIDTHxHEIGHT`, or one of these names."""

    def judge(value: Any, path: str) -> Iterator[Finding]:
        yield from text(value, path)
        if isinstance(value, str) and value not in names and not SIZE.fullmatch(value):
            yield schema_finding(path, "unusual", f"{shown(value)}; expected WIDTHxHEIGHT, such as 1024x1024")

    return judge


def is_number(value: Any) -> bool:
    """Whether it is a number that JSON has: no bool, no NaN, no infinity."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -math.inf < value < math.inf


def _integer(value: Any, path: str, what: str) -> Iterator[Finding]:
    if isinstance(value, float) and not math.isfinite(value):
        return  # there is a finding of it at the level `json`
    if not is_number(value) or value % 1:
        yield _wrong(value, path, what)
    elif isinstance(value, float):
        yield schema_finding(path, "tolerated", f"{shown(value)} has a fraction of zero; expected {what}")


def _natural(value: Any, path: str, what: str) -> Iterator[Finding]:
    if is_number(value) and value < 0:
        yield _wrong(value, path, what)
    else:
        yield from _integer(value, path, what)


def timestamp(value: Any, path: str) -> Iterator[Finding]:
    """Unix seconds."""
    yield from _integer(value, path, "an integer, Unix seconds")
    if is_number(value) and value >= _MILLISECONDS:
        yield schema_finding(
            path, "tolerated", f"{shown(value)} seconds is beyond the year 5138; it may be in milliseconds"
        )
    elif is_number(value) and value <= 0:
        yield schema_finding(path, "unusual", f"{shown(value)} is no time at which an image was created")


def tokens(value: Any, path: str) -> Iterator[Finding]:
    """A number of tokens."""
    yield from _natural(value, path, "an integer from 0, a number of tokens")
    if is_number(value) and value > _EXACT:
        yield schema_finding(path, "unusual", f"{shown(value)} tokens; doubles are exact up to 2**53")


def ordinal(value: Any, path: str) -> Iterator[Finding]:
    """The number of a picture; whether it is the right one, is judged at the level `stream`."""
    yield from _natural(value, path, "an integer from 0")


def link(value: Any, path: str) -> Iterator[Finding]:
    """Where a picture can be fetched."""
    yield from text(value, path)
    if isinstance(value, str) and not _HTTPS.match(value):
        scheme = _SCHEME.match(value)
        what = _SCHEMES.get(scheme[0].lower(), "of another scheme") if scheme else "relative"
        yield schema_finding(path, "unusual", f"the url {shown(value)} is {what}; expected https://…")
