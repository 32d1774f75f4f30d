"""The strings and numbers of a JSON text with their places and the names that they stand under.

The text may be cut, be several documents after one another, or have something between them, such as the `data:` of an
event stream; it may be nested as deep as it likes. It is read once, by its tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pytest_imgresponse.secrets.escapes import json_layer
from pytest_imgresponse.secrets.names import Kind, Names, innocent_within, looks_secret, names_a_person

_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}\[\]:,]|(?<![\w.+-])-?\d[\d.eE+-]*+', re.DOTALL)
_COLON = re.compile(r"\s{0,100}+:")
_LABELS = frozenset(
    (
        "name",
        "key",
        "header",
        "field",
        "param",
        "parameter",
        "k",
        "id",
        "label",
        "header_name",
        "headername",
        "variable",
        "title",
    )
)
_VALUES = frozenset(("value", "val", "v", "header_value", "headervalue", "values"))
_CONTENTS = frozenset(("content", "data", "text", "default"))
# Not the value of a name but what a JSON Schema says of it, by one of its keywords that comes first or by its type.
_SCHEMA = re.compile(
    r'\s*"(?:properties|(?:max|min)(?:Length|imum|Items)|examples|enum|pattern|\$ref|anyOf|oneOf|allOf)"\s*:'
    r'|[^{}]{0,300}?"type"\s*:\s*"(?:string|integer|number|boolean|object|array|null)"'
)
_LONGEST_LABEL = 64
_DEEPEST_PATH = 16


class Leaf(NamedTuple):
    """A string (without its quotes) or a number: its span, the kind and the name that it stands under, and its path."""

    start: int
    end: int
    is_number: bool
    kind: Kind | None
    name: str
    path: str


class _Frame:
    """An object or an array that is open: where in it the text is, and the kind that its own name gave it."""

    __slots__ = ("after", "index", "is_array", "key", "kind", "label", "name", "values")

    def __init__(self, is_array: bool, kind: Kind | None, name: str) -> None:
        self.is_array, self.kind, self.name = is_array, kind, name
        self.index = 0
        self.key = ""
        self.after = False  # behind a colon
        self.label = ""  # the text under `name`, `key`, …; in an array the string before
        self.values: list[tuple[Leaf, bool]] = []  # those under `value`, until the label is known


def leaves(
    text: str, names: Names, may_hold: Callable[[str], bool], start: int = 0, end: int | None = None, place: str = ""
) -> Iterator[Leaf]:
    """The values from `start` to `end` that stand under a name of a kind, or are strings of which `may_hold` is true.

    In order, but for pairs such as `{"value": …, "name": …}`.
    """
    return _Reader(text, names, may_hold, place).leaves(start, len(text) if end is None else end)


class _Reader:
    def __init__(self, text: str, names: Names, may_hold: Callable[[str], bool], place: str) -> None:
        self._text, self._names, self._may_hold, self._place = text, names, may_hold, place
        self._stack = [_Frame(True, None, "")]  # around all documents

    def leaves(self, start: int, end: int) -> Iterator[Leaf]:
        text, stack = self._text, self._stack
        key: tuple[int, int] | None = None  # the string that a colon would make a key
        top = stack[0]
        for token in _TOKEN.finditer(text, start, end):
            sign = text[token.start()]
            if sign == '"':
                span = token.start() + 1, token.end() - _closed(token[0])
                if not top.after and (_COLON.match(text, token.end()) if top.is_array else True):
                    key = span
                else:
                    yield from self._leaf(span, False)
            elif sign == ":":
                if key is not None:
                    raw = text[slice(*key)]
                    if len(raw) >= 20 and top.kind in (Kind.CERTAIN, Kind.AMBIGUOUS) and looks_secret(raw):
                        yield Leaf(*key, False, Kind.AMBIGUOUS, top.name, self._path())
                    elif len(raw) >= 12 and self._may_hold(raw):
                        yield Leaf(*key, False, None, "", self._path())
                    top.key, top.after, key = (raw if "\\" not in raw else json_layer(raw, 0).text), True, None
            elif sign == ",":
                top.index += top is not stack[0]
                top.after, key = False, None
            elif sign in "{[":
                kind, name = self._kind(top)
                if kind is not None and sign == "{" and _SCHEMA.match(text, token.end()):
                    kind, name = None, ""
                top = _Frame(sign == "[", kind, name)
                stack.append(top)
                key = None
            elif sign in "}]":
                key = None
                if len(stack) > 1:
                    yield from self._paired(stack.pop())
                    top = stack[-1]
                    top.index += top is stack[0]
                top.after = False
            else:
                yield from self._leaf(token.span(), True)
        while stack:
            yield from self._paired(stack.pop())

    def _kind(self, top: _Frame) -> tuple[Kind | None, str]:
        """The kind and the name that a value stands under."""
        if top.is_array and not top.after:
            return top.kind, top.name
        name = top.key
        if self._names.kept(name):
            return None, name
        own = self._names.kind(name)
        if top.kind is Kind.CERTAIN:
            return (None if own is None and innocent_within(name) else Kind.CERTAIN), name
        if own is None and top.label and name.lower() in _VALUES:
            return self._names.kind(top.label), name
        if own is Kind.AMBIGUOUS and top.name:  # `"auth": {"token": …}`
            return self._names.kind(f"{top.name}_{name}") or own, name
        if own is None and top.kind is Kind.AMBIGUOUS and not innocent_within(name):
            return Kind.AMBIGUOUS, name
        if own is None and top.kind is Kind.PERSON and names_a_person(name):
            return Kind.PERSON, name
        return own, name

    def _leaf(self, span: tuple[int, int], is_number: bool) -> Iterator[Leaf]:
        top, text = self._stack[-1], self._text
        kind, name = self._kind(top)
        if top.is_array:
            label, top.label = top.label, ""
            if not is_number and span[1] - span[0] <= _LONGEST_LABEL:
                top.label = text[slice(*span)]
            if kind is None and label and self._names.kind(label) is Kind.CERTAIN:  # `["Authorization", "Bearer …"]`
                kind, name = Kind.AMBIGUOUS, label
        elif kind is None or kind is Kind.AMBIGUOUS:
            lowered = name.lower()
            if lowered in _LABELS:
                if not top.label and not is_number:
                    top.label = json_layer(text[span[0] : min(span[1], span[0] + _LONGEST_LABEL)], 0).text
            elif lowered in _VALUES or lowered in _CONTENTS:
                top.values.append((Leaf(*span, is_number, kind, name, self._path()), lowered in _CONTENTS))
                return
        if kind is not None or (not is_number and self._may_hold(text[slice(*span)])):
            yield Leaf(*span, is_number, kind, name, self._path())

    def _paired(self, frame: _Frame) -> Iterator[Leaf]:
        """The values of an object, by its label."""
        for leaf, is_content in frame.values:
            kind = self._names.kind(frame.label) if frame.label else None
            if kind is None or (is_content and kind is Kind.PERSON):
                if leaf.kind is not None or (not leaf.is_number and self._may_hold(self._text[leaf.start : leaf.end])):
                    yield leaf
            else:
                yield leaf._replace(kind=Kind.AMBIGUOUS if leaf.name == "default" else kind, name=frame.label)

    def _path(self) -> str:
        root = self._stack[0]
        pieces = [f"[{root.index}]"] if root.index else []
        pieces += [f".{root.key}"] if root.after else []
        pieces += [
            f"[{frame.index}]" if frame.is_array else f".{frame.key}"
            for frame in self._stack[max(1, len(self._stack) - _DEEPEST_PATH) :]
        ]
        path = "".join(pieces)
        return f"{self._place}{path}" if self._place else path.removeprefix(".")


def _closed(string: str) -> bool:
    """Whether a token ends in the quote that closes it; where the text was cut it may end in an escaped one or none."""
    return len(string) > 1 and string[-1] == '"' and (len(string) - 1 - len(string[:-1].rstrip("\\"))) % 2 == 0
