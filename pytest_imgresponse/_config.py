"""One frozen `Settings`, and the precedence of what it is made from.

Command line > marker > `imgresponse_config` > ini; but a marker's `record="none"` pins its cassette.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from pytest_imgresponse._peers import OPTIONS
from pytest_imgresponse.errors import ConfigError

RecordMode = Literal["none", "once", "new_episodes", "all", "rewrite"]
RECORD_MODES: tuple[str, ...] = get_args(RecordMode)
Matcher = str | Callable[[Any, Any], Any]
"""One of `MATCHERS`, `header:` and the name of a header, or a function of two requests, the recorded and the asked."""
MATCHERS = ("method", "scheme", "host", "port", "path", "query", "body")
HEADER = "header:"
Images = Literal["exact"]
IMAGES: tuple[str, ...] = get_args(Images)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a cassette is opened with. The names are those of the marker and of `imgresponse_config`."""

    record: str = "none"
    match_on: tuple[Matcher, ...] = MATCHERS
    images: str = "exact"
    allow_unplayed: bool = False
    allow_playback_repeats: bool = False
    ignore_hosts: tuple[str, ...] = ()
    redact_names: tuple[str, ...] = ()
    redact_values: tuple[str | re.Pattern[str], ...] = ()
    keep_names: tuple[str, ...] = ()
    keep_headers: tuple[str, ...] = ()
    before_save: Callable[[str], str] | None = None
    stand_in_keys: tuple[str, ...] = ("OPENAI_API_KEY",)


MARKER_OPTIONS = ("record", "match_on", "images", "allow_unplayed", "allow_playback_repeats", "ignore_hosts")
CONFIG_OPTIONS = tuple(field.name for field in fields(Settings))


@dataclass(frozen=True, slots=True)
class Layer:
    """Options from one place; `origin` says which, in words for an error message."""

    origin: str
    options: Mapping[str, Any]
    known: tuple[str, ...] = CONFIG_OPTIONS
    pins: bool = False
    """Whether its `record="none"` stands against every stronger layer."""


def settings_from(layers: Iterable[Layer]) -> Settings:
    """The settings of layers, the strongest first.

    Raises `ConfigError` for an unknown option or a bad value, in whichever layer it stands.
    """
    chosen: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.options.items():
            if name not in layer.known and name in OPTIONS:
                raise ConfigError(f"{name} (from {layer.origin}) is an option of other recorders; here {OPTIONS[name]}")
            if name not in layer.known:
                raise ConfigError(f"unknown option {name!r} (from {layer.origin}); known are: {', '.join(layer.known)}")
            checked = _CHECKS[name](name, value, layer.origin)
            if name == "record" and checked == "none" and layer.pins:
                chosen[name] = checked
            chosen.setdefault(name, checked)
    return Settings(**chosen)


def _choice(name: str, value: object, origin: str, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ConfigError(f"{name}: expected one of {', '.join(choices)}; got {value!r} (from {origin})")
    return value


def _record(name: str, value: object, origin: str) -> str:
    return _choice(name, value, origin, RECORD_MODES)


def _images(name: str, value: object, origin: str) -> str:
    return _choice(name, value, origin, IMAGES)


def _flag(name: str, value: object, origin: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{name}: expected True or False; got {value!r} (from {origin})")
    return value


def _texts(name: str, value: object, origin: str) -> tuple[str, ...]:
    return _items(name, value, origin, (str,), "strings")


def _texts_or_patterns(name: str, value: object, origin: str) -> tuple[Any, ...]:
    return _items(name, value, origin, (str, re.Pattern), "strings or compiled patterns")


def _items(name: str, value: object, origin: str, types: tuple[type, ...], what: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(v, types) and v for v in value):
        raise ConfigError(f"{name}: expected a list of {what}, none of them empty; got {value!r} (from {origin})")
    return tuple(value)


def header_of(matcher: str) -> str:
    """The name of the header that a matcher such as `header:x-model` compares, in lower case."""
    return matcher.removeprefix(HEADER).lower()


def _matchers(name: str, value: object, origin: str) -> tuple[Matcher, ...]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise ConfigError(f"{name}: expected a list of matchers; got {value!r} (from {origin})")
    if not value:
        raise ConfigError(f"{name}: expected at least one of {', '.join(MATCHERS)}; got {value!r} (from {origin})")
    for matcher in value:
        named = isinstance(matcher, str) and matcher.lower().startswith(HEADER) and header_of(matcher)
        if not named and not callable(matcher) and (not isinstance(matcher, str) or matcher not in MATCHERS):
            raise ConfigError(
                f"{name}: expected {', '.join(MATCHERS)}, `header:<name>` or a function of the recorded and the asked "
                f"request; got {matcher!r} (from {origin})"
            )
    return tuple(matcher.lower() if isinstance(matcher, str) else matcher for matcher in value)


def _function(name: str, value: object, origin: str) -> Callable[[str], str] | None:
    if value is not None and not callable(value):
        raise ConfigError(f"{name}: expected a function of one text; got {value!r} (from {origin})")
    return value


_CHECKS: dict[str, Callable[[str, object, str], Any]] = {
    "record": _record,
    "match_on": _matchers,
    "images": _images,
    "allow_unplayed": _flag,
    "allow_playback_repeats": _flag,
    "ignore_hosts": _texts,
    "redact_names": _texts,
    "redact_values": _texts_or_patterns,
    "keep_names": _texts,
    "keep_headers": _texts,
    "before_save": _function,
    "stand_in_keys": _texts,
}
