"""The arguments of `check_parser`: each is refused by name, with the value that was given, before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Any

from pytest_imgresponse.contract.calling import Caller
from pytest_imgresponse.contract.trial import GIVEN
from pytest_imgresponse.edge_cases import EDGE_CASES, EdgeCase
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import HTTPResponse

Errors = type[BaseException] | tuple[type[BaseException], ...]


def caller_of(parse: Any, given: Any, rejects_with: Any, pictures: Any) -> Caller:
    """The caller of a parser. Raises `ConfigError` for what cannot be called, and for errors that are none."""
    if not callable(parse) or inspect.isasyncgenfunction(parse):
        raise ConfigError(
            f"expected parse to be a function, a coroutine function or a generator function; got {parse!r}"
        )
    if given not in GIVEN:
        raise ConfigError(f"expected given to be one of {', '.join(GIVEN)}; got {given!r}")
    if pictures is not None and not callable(pictures):
        raise ConfigError(f"expected pictures to be a function of what parse returns; got {pictures!r}")
    errors = rejects_with if isinstance(rejects_with, tuple) else (rejects_with,)
    for error in errors:
        if not (isinstance(error, type) and issubclass(error, BaseException)):
            raise ConfigError(f"expected rejects_with to be an exception class or a tuple of them; got {error!r}")
    return Caller(parse, given, errors, pictures)


def cases_of(names: Any) -> list[EdgeCase] | None:
    """The edge cases of these names, None for all. Raises `ConfigError` for a name that is none."""
    if names is None:
        return None
    if isinstance(names, str) or not isinstance(names, Collection) or not names:
        raise ConfigError(f"expected cases to be a list of names of edge cases; got {names!r}")
    return [_case(name, "cases") for name in names]


def _case(name: Any, where: str) -> EdgeCase:
    if not isinstance(name, str) or name not in EDGE_CASES:
        raise ConfigError(f"{where} names {name!r}, which is no edge case; `imgresponse cases` lists them")
    return EDGE_CASES[name]


def exceptions_of(value: Any) -> dict[str, str]:
    """The cases that may fail, with their reasons. Raises `ConfigError` for a name or a reason that is none."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"expected except_for to map names of edge cases to reasons; got {value!r}")
    for name, reason in value.items():
        _case(name, "except_for")
        if not (isinstance(reason, str) and reason.strip()):
            raise ConfigError(f"except_for gives no reason for {name!r}: expected a sentence, got {reason!r}")
    return dict(value)


def response_of(value: Any) -> HTTPResponse | None:
    """What the answers are bent from. Raises `ConfigError` for what is no response."""
    if value is not None and not isinstance(value, HTTPResponse):
        raise ConfigError(
            f"expected from_response to be an HTTPResponse (a fixture's and a cassette's `http_responses` hold some); "
            f"got {value!r:.200}"
        )
    return value


def count_of(value: Any, name: str, least: int) -> int:
    """A whole number. Raises `ConfigError` for one below the least, and for what is none."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"expected {name} to be a whole number from {least}; got {value!r}")
    return value


def seconds_of(value: Any) -> float:
    """A time limit. Raises `ConfigError` for one that is not above zero and at most a day, and for what is none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 86_400:
        raise ConfigError(f"expected time_limit to be seconds above 0, at most a day; got {value!r}")
    return value
