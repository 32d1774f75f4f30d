"""Text within text: what a JSON string, a URL or XML says in the clear, and where each character of it stood.

What is found in the clear is replaced where it stood, in the form that it had there; all else stays byte for byte.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable
from html import escape, unescape
from typing import NamedTuple
from urllib.parse import quote, unquote

Write = Callable[[str], str]
"""Gives a text in the clear the form that it must have where it is written."""
Replace = Callable[[str, str], str]
"""What stands for a value: called with it in the clear and with its place, which does not change with the value."""


def as_it_is(text: str) -> str:
    """The form of what is in the clear already."""
    return text


class Found(NamedTuple):
    """A secret: its span in a text, its value in the clear, its place, and how what replaces it is written.

    A place that is `counted` is that of a message and gets the number of the value within it. What has secrets
    `inside` is none itself, such as an archive in base64: it is written anew.
    """

    start: int
    end: int
    value: str
    place: str
    counted: bool
    write: Write
    inside: Callable[[Replace], str] | None = None


class Layer(NamedTuple):
    """A text in the clear; `starts` and `origins` are where it and the text that it was read from go in step."""

    text: str
    starts: list[int]
    origins: list[int]
    write: Write

    def origin(self, position: int) -> int:
        """Where a position of the clear text is in the text that it was read from."""
        index = bisect_right(self.starts, position) - 1
        return self.origins[index] + position - self.starts[index]

    def lifted(self, found: Found) -> Found:
        """What was found in the clear text, as found in the text that it was read from."""
        inner, outer = found.write, self.write
        write = outer if inner is as_it_is else (lambda text: outer(inner(text)))
        return found._replace(start=self.origin(found.start), end=self.origin(found.end), write=write)


def _layer(
    raw: str, start: int, escapes: re.Pattern[str], clear: Callable[[re.Match[str]], str], write: Write
) -> Layer:
    """The layer of `raw`, which stands at `start` of its text."""
    pieces: list[str] = []
    starts, origins = [0], [start]
    length = position = 0
    for found in escapes.finditer(raw):
        piece = clear(found)
        pieces += (raw[position : found.start()], piece)
        length += found.start() - position
        starts += (length, length + len(piece))
        origins += (start + found.start(), start + found.end())
        length += len(piece)
        position = found.end()
    pieces.append(raw[position:])
    return Layer("".join(pieces), starts, origins, write)


_JSON_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ESCAPED_BYTE = re.compile(r"%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f])+")
_ESCAPED_BYTE_OR_PLUS = re.compile(r"\+|%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f])+")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{1,8});")


def json_layer(raw: str, start: int) -> Layer:
    """What the inside of a JSON string says, which may be cut."""
    if "\\" not in raw:
        return Layer(raw, [0], [start], _json_text)
    slashes = r"\/" in raw
    return _layer(raw, start, _JSON_ESCAPE, _json_clear, _json_text_with_slashes if slashes else _json_text)


def _json_clear(found: re.Match[str]) -> str:
    escape = found[0]
    if len(escape) == 2:  # `\u` without its digits among them
        return _SIMPLE.get(escape[1], escape[1])
    if len(escape) == 6:
        return chr(int(escape[2:6], 16))
    return chr(0x10000 + ((int(escape[2:6], 16) & 0x3FF) << 10) + (int(escape[8:], 16) & 0x3FF))


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _json_text_with_slashes(text: str) -> str:
    return _json_text(text).replace("/", r"\/")


def url_layer(raw: str, start: int = 0) -> Layer:
    """What a percent-encoded text says."""
    return _layer(raw, start, _ESCAPED_BYTE, lambda found: unquote(found[0]), _url_text)


def form_layer(raw: str, start: int = 0) -> Layer:
    """What a text in a form says, where a plus sign is a blank."""
    clear = lambda found: " " if found[0] == "+" else unquote(found[0])  # noqa: E731
    return _layer(raw, start, _ESCAPED_BYTE_OR_PLUS, clear, _url_text)


def _url_text(text: str) -> str:
    return quote(text, safe="")


def xml_layer(raw: str, start: int = 0) -> Layer:
    """What a text of XML or HTML says."""
    return _layer(raw, start, _ENTITY, lambda found: unescape(found[0]), _xml_text)


def _xml_text(text: str) -> str:
    return escape(text)
