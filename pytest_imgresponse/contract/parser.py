"""`check_parser`, and its arguments: each wrong one is refused by name, with the value given, before anything runs.

`imgresponse fuzz` reads the same arguments from its options: `called` is the name under which the user gave one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pytest_imgresponse._config import Layer, settings_from
from pytest_imgresponse.contract.calling import Caller, Pictures
from pytest_imgresponse.contract.paste_lines import defining, holding
from pytest_imgresponse.contract.report import Report
from pytest_imgresponse.contract.run import run_contract
from pytest_imgresponse.contract.trial import GIVEN, Given, trial_of
from pytest_imgresponse.edge_cases import EDGE_CASES, EdgeCase
from pytest_imgresponse.edge_cases.table import hint
from pytest_imgresponse.errors import ConfigError, ContractError
from pytest_imgresponse.http import HTTPResponse

Errors = type[BaseException] | tuple[type[BaseException], ...]
_TAKES: dict[Given, tuple[str, ...]] = {"bytes": ("body",), "dict": ("answer",), "response": ("response",), "http": ()}
"""The arguments that a parser is called with."""
assert tuple(_TAKES) == GIVEN

_NO_CASES = {
    "plain": "is no edge case but a plain answer: they are tried where no cases are named",
    "generated": "is no edge case but an answer that Hypothesis draws: max_examples (--max-examples) says how many",
}
"""What stands among the cases of a report, and cannot be asked for by name."""


def caller_of(
    parse: Any, given: Any, rejects_with: Any, pictures: Any, ignore_hosts: Any, *, called: str = "rejects_with"
) -> Caller:
    """The caller of a parser. Raises `ConfigError` for what cannot be called in that form, and for wrong arguments."""
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
    _require_signature(caller)
    return caller


def _require_signature(caller: Caller) -> None:
    """Raises `ConfigError` for a parser that takes other arguments: each call would fail in the same way."""
    try:
        signature = inspect.signature(caller.parse)
    except (ValueError, TypeError):  # functions written in C may have no signature
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
    """How to call a parser of this signature, as the end of an error; empty where that is not plain."""
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
    # The order of a set is another in each run: sorted, a failure comes at the same place again.
    in_order = names if isinstance(names, Sequence) else sorted(names, key=str)
    return [_case(name, called) for name in in_order]


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
    """What the answers are mutated from. Raises `ConfigError` for what is no response that a parser has to accept."""
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


def check_parser(
    parse: Callable[..., Any],
    *,
    given: Given = "bytes",
    rejects_with: Errors = (),
    except_for: Mapping[str, str] | None = None,
    from_response: HTTPResponse | None = None,
    pictures: Pictures | None = None,
    cases: Sequence[str] | None = None,
    ignore_hosts: Sequence[str] | None = None,
    max_examples: int | None = None,
    isolate: bool = False,
    time_limit: float = 10.0,
    memory_limit: int = 1024,
) -> Report:
    """Checks that a parser keeps its contract: over the edge cases that it can be given, then over generated answers.

    What is valid or unusual it must accept; but an error, an image without a raster picture, and a picture that Pillow
    cannot open or that is over the pixel limit it may refuse. What is invalid it must refuse. What is tolerated it may
    accept or refuse. To refuse is to raise one of `rejects_with`; any other exception breaks the contract, and so does
    refusing everything.

    `given` is what `parse` takes: the `bytes` of a body, the `dict` of its JSON, the `response` (an
    `HTTPResponse`), or nothing: with `http`, `parse()` asks through whatever client it has, and `stub` answers; if it
    fetches its pictures from urls, those of the edge cases are there. Requests to `ignore_hosts` pass.
    It may be async, and what it returns is run to its end: a generator, the stream of a client.

    `from_response` is the answer that edge cases mutate and that others are generated around (a stream, for a parser of
    streams); it must be accepted itself. By default these are plain answers, with `http` what the API would answer to
    the request made. `pictures` takes what `parse` returned and gives the bytes of its pictures, which must then be
    those of the answer. `except_for` names edge cases that may fail, each with its reason. `cases` names the only ones
    to try. `max_examples` is how many answers are generated: by default as many as Hypothesis' profile says, and none
    where `cases` are named; within `@given` it has to be 0.

    With `isolate` the parser runs in a child process, where it may take `time_limit` seconds an answer and
    `memory_limit` MiB (Linux) more than at its start; without, nothing can stop it, and its time is reported.
    Five calls in a row that hang, or end the child, end the run.

    Returns the report, which names the edge cases that were not tried, with why. Raises `ContractError`, which holds
    it, where the contract is broken, and `ConfigError` for arguments that are unknown or wrong.
    """
    __tracebackhide__ = True  # the report says it all
    limits = (seconds_of(time_limit), count_of(memory_limit, "memory_limit", 1))
    caller = caller_of(parse, given, rejects_with, pictures, ignore_hosts)
    base = response_of(from_response, caller.given)
    report = run_contract(
        caller,
        cases_of(cases),
        definitions={
            "parse": defining("parse", parse),
            "pictures": defining("pictures", pictures),
            "from_response": holding("from_response", base),
        },
        from_response=base,
        except_for=exceptions_of(except_for),
        max_examples=None if max_examples is None else count_of(max_examples, "max_examples", 0),
        limits=limits if isolate else None,
    )
    if report.rows:
        raise ContractError(str(report), report)
    return report
