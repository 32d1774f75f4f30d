"""YAML to plain values, for files that a stranger may have written.

Numbers and the like are left as texts, but within `parsed_body`, where pydantic-ai's serializer keeps a JSON value.

Built on libyaml's events, one by one: its composer follows nesting by recursion in C, without a limit, and
ends the process on a file of brackets; and PyYAML's constructors in Python take two thirds of a load's time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pybase64
import yaml

DEEPEST = 64
"""Levels of nesting; a cassette has nine."""
MOST_VALUES = 2**21
"""A cassette has 60 in an interaction; to read so many takes seconds."""
MOST_BY_ALIAS = 2**18
"""Characters and values that aliases may stand for, all together: a few lines of them could stand for gigabytes. vcrpy
writes aliases for what two requests share, such as headers."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML, _PYTHON = "tag:yaml.org,2002:", "tag:yaml.org,2002:python/"
_TEXTS = {
    None,
    "!",
    *(_YAML + kind for kind in ("str", "int", "float", "bool", "timestamp", "python/str", "python/unicode")),
}
_LISTS = {None, "!", _YAML + "seq", _PYTHON + "tuple"}
# How vcrpy wrote request bodies that were files or iterators; what counts is inside.
_WRAPPED = {_PYTHON + "object/new:_io.BytesIO": "state", _PYTHON + "object/apply:builtins.iter": "args"}
_MAPPINGS = {None, "!", _YAML + "map", *_WRAPPED}
_NULLS = {"", "~", "null", "Null", "NULL"}
_BINARIES = {_YAML + "binary", "!binary"}  # the latter is Ruby's
_NO_KEY = object()
PARSED_BODY = "parsed_body"
"""The key under which numbers are numbers."""
_LONGEST_NUMBER = 4300
"""Characters: what Python itself reads at the most."""
_SCALARS: Any = yaml.SafeLoader("")  # what PyYAML makes of a plain scalar (YAML 1.1)


def tree_of(text: str, plain: Callable[[str], Any] = str) -> Any:
    """The document as dicts, lists, texts, bytes and None; below `PARSED_BODY` also as numbers and booleans.

    `plain` makes something of a text that stands there without quotes or a tag, so may be a number. Raises
    `yaml.YAMLError` or `ValueError`: for what is no YAML, a tag that would construct an object, nesting beyond
    `DEEPEST`, an alias to what is not complete, a second document, more than `MOST_VALUES`.
    """
    events = yaml.parse(text, Loader=_Loader)
    return _Builder(plain).build(events)


class _Builder:
    def __init__(self, plain: Callable[[str], Any]) -> None:
        self.plain = plain
        self.anchors: dict[str, tuple[Any, int]] = {}  # the value, and how much it is
        self.amount = 0  # of what was read: a value is one, and a text as much again as its characters
        self.by_alias = 0
        self.begun: list[int] = []  # the amount where each open container began
        self.open: list[tuple[Any, str | None, str | None]] = []
        self.keys: list[Any] = []
        self.value_in: int | None = None  # how many containers are open around a value of `PARSED_BODY`
        self.documents = 0
        self.root: Any = None

    def build(self, events: Iterator[Any]) -> Any:
        for number, event in enumerate(events):
            kind = type(event)
            if number > MOST_VALUES:
                raise ValueError(f"it holds more than {MOST_VALUES} values")
            if kind is yaml.ScalarEvent:
                amount = 1 + len(event.value)
                self.amount += amount
                self._add(self._scalar(event), event.anchor, amount)
            elif kind in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
                self._start({} if kind is yaml.MappingStartEvent else [], event)
            elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
                self._end()
            elif kind is yaml.AliasEvent:
                self._add_alias(event.anchor)
            elif kind is yaml.DocumentStartEvent:
                self.documents += 1
                if self.documents > 1:
                    raise ValueError("it holds more than one document")
        return self.root

    def _scalar(self, event: Any) -> Any:
        is_key = bool(self.open) and isinstance(self.open[-1][0], dict) and self.keys[-1] is _NO_KEY
        return _scalar(event, self.plain) if self.value_in is None or is_key else _value(event)

    def _add_alias(self, anchor: str) -> None:
        if anchor not in self.anchors:
            raise ValueError(f"the alias *{anchor} stands for nothing that is complete")
        value, amount = self.anchors[anchor]
        self.amount += amount
        self.by_alias += amount
        if self.by_alias > MOST_BY_ALIAS:
            raise ValueError(f"its aliases stand for more than {MOST_BY_ALIAS} characters and values")
        self._add(value, None)

    def _start(self, container: Any, event: Any) -> None:
        if event.tag not in (_MAPPINGS if isinstance(container, dict) else _LISTS):
            raise ValueError(f"the tag {event.tag!r} would construct an object")
        if len(self.open) == DEEPEST:
            raise ValueError(f"it nests deeper than {DEEPEST} levels")
        self.begun.append(self.amount)
        self.amount += 1
        self.open.append((container, event.anchor, event.tag))
        self.keys.append(_NO_KEY)

    def _end(self) -> None:
        container, anchor, tag = self.open.pop()
        self.keys.pop()
        began = self.begun.pop()
        if tag in _WRAPPED:
            inside = container.get(_WRAPPED[tag])
            container = inside[0] if isinstance(inside, list) and inside else None
        self._add(container, anchor, self.amount - began)

    def _add(self, value: Any, anchor: str | None, amount: int = 0) -> None:
        if anchor is not None:
            self.anchors[anchor] = value, amount
        if not self.open:
            self.root = value
            return
        container = self.open[-1][0]
        if isinstance(container, list):
            container.append(value)
        elif self.keys[-1] is _NO_KEY:
            if not isinstance(value, str):
                raise ValueError(f"a key is a {type(value).__name__}, not a text")
            self.keys[-1] = value
            if value == PARSED_BODY and self.value_in is None:
                self.value_in = len(self.open)
        else:
            container[self.keys[-1]] = value
            self.keys[-1] = _NO_KEY
            if self.value_in == len(self.open):
                self.value_in = None


def _scalar(event: Any, plain: Callable[[str], Any]) -> Any:
    if event.tag in _BINARIES:
        return pybase64.b64decode("".join(event.value.split()), validate=True)
    if event.tag == _YAML + "null" or (event.implicit[0] and event.value in _NULLS):
        return None
    if event.tag not in _TEXTS:
        raise ValueError(f"the tag {event.tag!r} would construct an object")
    return plain(event.value) if event.implicit[0] else event.value


def _value(event: Any) -> Any:
    """A scalar as PyYAML reads it, but for dates, which JSON does not have."""
    tag = event.tag
    if event.implicit[0]:
        tag = _SCALARS.resolve(yaml.ScalarNode, event.value, (True, False))
    convert = {
        _YAML + "int": _SCALARS.construct_yaml_int,
        _YAML + "float": _SCALARS.construct_yaml_float,
        _YAML + "bool": _SCALARS.construct_yaml_bool,
    }.get(tag)
    if convert is None:
        return _scalar(event, str)
    if len(event.value) > _LONGEST_NUMBER:
        raise ValueError(f"a number has {len(event.value)} characters: {_LONGEST_NUMBER} are the most")
    return convert(yaml.ScalarNode(tag, event.value))
