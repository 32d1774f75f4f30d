"""The arguments of `check_parser`: each is refused by name, with the value that was given, before anything runs.

`called` is the name under which the user gave it: on the command line, that of an option.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pytest_imgresponse._config import Layer, settings_from
from pytest_imgresponse.contract.calling import Caller
from pytest_imgresponse.contract.trial import GIVEN, Given, trial_of
from pytest_imgresponse.edge_cases import EDGE_CASES, EdgeCase
from pytest_imgresponse.edge_cases.table import hint
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import HTTPResponse

Errors = type[BaseException] | tuple[type[BaseException], ...]
_TAKES: dict[Given, tuple[str, ...]] = {"bytes": ("body",), "dict": ("answer",), "response": ("response",), "http": ()}
assert tuple(_TAKES) == GIVEN


def caller_of(
    parse: Any, given: Any, rejects_with: Any, pictures: Any, ignore_hosts: Any, *, called: str = "rejects_with"
) -> Caller:
    """The caller of a parser. Raises `ConfigError` for what cannot be called so, and for errors that are none."""
    if not callable(parse):
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
            raise ConfigError(f"expected {called} to be an exception class or a tuple of them; got {error!r}")
    caller = Caller(parse, given, errors, pictures, _hosts_of(ignore_hosts, given))
    _require_callable_so(caller)
    return caller


def _require_callable_so(caller: Caller) -> None:
    """Raises `ConfigError` for a parser that takes other arguments: each call would fail in the same way."""
    try:
        signature = inspect.signature(caller.parse)
    except (ValueError, TypeError):  # what is written in C may have none
        return
    taken = _TAKES[caller.given]
    try:
        signature.bind(*taken)
    except TypeError:
        raise ConfigError(
            f"given={caller.given!r} calls parse({', '.join(taken)}); {caller.name} takes {signature}"
            f"{_way_out(caller, signature)}"
        ) from None


def _way_out(caller: Caller, signature: inspect.Signature) -> str:
    """What a parser of this signature may be, as the end of an error."""
    if not signature.parameters:
        return "; if it asks for its answer itself, that is given='http' (--given http)"
    if inspect.isfunction(caller.parse) and next(iter(signature.parameters)) == "self":
        return (
            "; it is a method: give that of an object, such as Shop().parse; on the command line that of an instance "
            "in the module, such as shop:shop.parse"
        )
    return ""


def _hosts_of(value: Any, given: Given) -> tuple[str, ...]:
    if value is None:
        return ()
    if given != "http":
        raise ConfigError(
            f"ignore_hosts (--ignore-host) goes with given='http', whose client asks hosts; got {value!r}"
        )
    return settings_from([Layer("the call of check_parser()", {"ignore_hosts": value})]).ignore_hosts


def cases_of(names: Any, *, called: str = "cases") -> list[EdgeCase] | None:
    """The edge cases of these names, None for all. Raises `ConfigError` for a name that is none."""
    if names is None:
        return None
    if isinstance(names, str) or not isinstance(names, Collection) or not names:
        raise ConfigError(f"expected {called} to be a list of names of edge cases; got {names!r}")
    in_order = names if isinstance(names, Sequence) else sorted(names, key=str)
    return [_case(name, called) for name in in_order]


_NO_CASES = {
    "plain": "is no edge case but a plain answer: they are tried where no cases are named",
    "generated": "is no edge case but an answer that Hypothesis draws: max_examples (--max-examples) says how many",
}
"""What stands among the cases of a report, and cannot be asked for by name."""


def _case(name: Any, called: str) -> EdgeCase:
    if isinstance(name, str) and name in _NO_CASES:
        raise ConfigError(f"{called} names {name!r}, which {_NO_CASES[name]}")
    if not isinstance(name, str) or name not in EDGE_CASES:
        raise ConfigError(f"{called} names {name!r}, which is no edge case{hint(name)}")
    return EDGE_CASES[name]


def exceptions_of(value: Any, *, called: str = "except_for") -> dict[str, str]:
    """The cases that may fail, with their reasons. Raises `ConfigError` for a name or a reason that is none."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"expected {called} to map names of edge cases to reasons; got {value!r}")
    for name, reason in value.items():
        _case(name, called)
        if not (isinstance(reason, str) and reason.strip()):
            raise ConfigError(f"{called} gives no reason for {name!r}: expected a sentence, got {reason!r}")
    return dict(value)


def response_of(value: Any, given: Given, *, called: str = "from_response") -> HTTPResponse | None:
    """What the answers are bent from. Raises `ConfigError` for what is no response that a parser has to accept."""
    if value is None:
        return None
    if not isinstance(value, HTTPResponse):
        raise ConfigError(
            f"expected {called} to be an HTTPResponse (a fixture's and a cassette's `http_responses` hold some); "
            f"got {value!r:.200}"
        )
    trial = trial_of("plain", value, given)
    if trial is None:
        raise ConfigError(f"{called} cannot be parsed with given={given!r}: its body has to be JSON")
    if trial.verdict == "invalid" and value.status >= 400:
        raise ConfigError(
            f"{called} is an error (status {value.status}), which given={given!r} does not show; expected an answer of "
            "status 200, or given='response'"
        )
    if trial.verdict == "invalid":
        raise ConfigError(
            f"{called} is invalid at the level {trial.level} ({trial.reason}), so that no parser has to accept it; "
            "expected an answer in which check() finds nothing invalid"
        )
    return value


def count_of(value: Any, called: str, least: int) -> int:
    """A whole number. Raises `ConfigError` for one below the least, and for what is none."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"expected {called} to be a whole number from {least}; got {value!r}")
    return value


def seconds_of(value: Any, called: str = "time_limit") -> float:
    """A time limit. Raises `ConfigError` for one that is not above zero and at most a day, and for what is none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 86_400:
        raise ConfigError(f"expected {called} to be seconds above 0, at most a day; got {value!r}")
    return value
