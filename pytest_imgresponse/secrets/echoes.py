"""Echoes: values found again in a text in whatever form they stand there.

A value may be percent-encoded, once or more, escaped as JSON or XML does it, or stand in other case. The text is read
once however many values are known: each value is looked up by its longest word.
"""

from __future__ import annotations

import re
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from pytest_imgresponse.secrets.escapes import json_layer, url_layer

# An escape, which is part of no word, or else a word: the escapes of URLs (RFC 3986, section 2.1), those again within
# a URL, those of JSON (RFC 8259, section 7), also of a JSON text within one.
_WORDS = re.compile(r"%(?:25)*[0-9A-Fa-f]{2}|\\+(?:u[0-9A-Fa-f]{4}|[A-Za-z])|(?P<word>[A-Za-z0-9]+)")
_ESCAPE_BEFORE = re.compile(r"(?:%(?:25)*[0-9A-Fa-f]{2}|\\(?:u[0-9A-Fa-f]{4}|[A-Za-z]))\Z")
_WORD = re.compile("[A-Za-z0-9]+")
_LONGEST_FORM = 24
"""Characters that one character of a value may become."""
_FEW = 48
_ESCAPED_WORD = re.compile(r"(?:%|\\u00)(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")
_XML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#(?:39|x27);"}


class _Value(NamedTuple):
    value: str
    before: str
    """What stands before its longest word."""
    after: str


class Echoes:
    """Known values. Two that differ in nothing but case count as one."""

    def __init__(self) -> None:
        self._by_word: dict[str, list[_Value]] = defaultdict(list)
        self._values: set[str] = set()

    def add(self, value: str) -> None:
        """Know a value from now on. One without a letter or digit is nothing that could be found."""
        if value in self._values:
            return
        word = max(_WORD.findall(value), key=len, default="")
        if not word:
            return
        self._values.add(value)
        before, _, after = value.partition(word)
        known = self._by_word[word.lower()]
        insort(known, _Value(value, before, after), key=lambda other: -len(other.value))  # one may be part of another

    def replaced(self, text: str, replacement: Callable[[str, str], str]) -> str:
        """The text with each value that stands in it, and is no part of a longer word, replaced.

        `replacement` is called with the value and with the form in which it stands there.
        """
        if not self._by_word:
            return text
        text = _written(text, self._spans(text), replacement)
        # Letters that need no escape may have one.
        if ("%" in text or r"\u00" in text) and _ESCAPED_WORD.search(text):
            for layer in (json_layer(text, 0), url_layer(text)):
                spans = list(self._spans(layer.text))
                found = [(layer.origin(start), layer.origin(end), value) for start, end, value in spans]
                if found:
                    return self.replaced(_written(text, found, replacement), replacement)
        return text

    def _spans(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where the values stand, one after the other."""
        if len(self._by_word) <= _FEW:  # for which it is faster to look for each
            lowered = text.lower()
            if not any(word in lowered for word in self._by_word):
                return
        done = 0
        for found in _WORDS.finditer(text):
            word = found["word"]
            if word is None or found.start() < done:
                continue
            for known in self._by_word.get(word.lower(), ()):
                span = _span(known, text, found, done)
                if span is not None:
                    yield (*span, known.value)
                    done = span[1]
                    break


def _written(text: str, spans: Iterable[tuple[int, int, str]], replacement: Callable[[str, str], str]) -> str:
    pieces: list[str] = []
    done = 0
    for start, end, value in spans:
        pieces += (text[done:start], replacement(value, text[start:end]))
        done = end
    return "".join((*pieces, text[done:])) if pieces else text


def _span(known: _Value, text: str, word: re.Match[str], done: int) -> tuple[int, int] | None:
    """Where a value stands around its longest word, if it does."""
    start, end = word.start() - len(known.before), word.end() + len(known.after)
    if start < done or text[start : word.start()] != known.before or text[word.end() : end] != known.after:
        head = text[max(done, word.start() - len(known.before) * _LONGEST_FORM) : word.start()]
        before, after = _pattern(known.before, r"\Z").search(head), _pattern(known.after).match(text, word.end())
        if before is None or after is None:
            return None
        start, end = word.start() - len(before[0]), after.end()
    near = text[max(0, start - _LONGEST_FORM) : start]
    if text[end : end + 1].isalnum() or (near[-1:].isalnum() and not _ESCAPE_BEFORE.search(near)):
        return None
    return start, end


@cache
def _forms(character: str) -> str:
    """A pattern of the forms that a character may have."""
    if character.isascii() and character.isalnum():
        return character
    escaped = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    units = character.encode("utf-16-be", "surrogatepass").hex()
    unicode = "".join(rf"\\+u{units[i : i + 4]}" for i in range(0, len(units), 4))
    more = "".join(f"|{form}" for form in (_XML.get(character), r"\+" if character == " " else None) if form)
    return rf"(?:\\*{re.escape(character)}|{escaped}|{unicode}{more})"


@lru_cache(maxsize=4096)
def _pattern(text: str, end: str = "") -> re.Pattern[str]:
    return re.compile("".join(map(_forms, text)) + end, re.IGNORECASE)
