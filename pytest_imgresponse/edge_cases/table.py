"""The table: `@edge_case` enters a function into it, under the function's name."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Protocol, SupportsIndex

from pytest_imgresponse.checks.finding import LEVELS, VERDICTS, Level, Verdict
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse


class Mutator(Protocol):
    """A case that needs the response alone."""

    __name__: str

    def __call__(self, response: HTTPResponse, /) -> HTTPResponse:
        """The response, changed."""
        ...


class MutatorWithRequest(Protocol):
    """A case that departs from what a request asked for."""

    __name__: str

    def __call__(self, response: HTTPResponse, request: HTTPRequest, /) -> HTTPResponse:
        """The response, changed."""
        ...


Predicate = Callable[[HTTPResponse], bool]
PredicateWithRequest = Callable[[HTTPResponse, HTTPRequest], bool]

# Both kinds as an `EdgeCase` calls them: with the request, or with None where it is not known.
_AppliesTo = Callable[[HTTPResponse, HTTPRequest | None], bool]
_Mutates = Callable[[HTTPResponse, HTTPRequest | None], HTTPResponse]


@dataclass(frozen=True, slots=True, eq=False)
class EdgeCase:
    """One way in which an answer can be unusual or wrong; called with a response, it gives the changed one.

    It is equal to itself alone: two that are described in the same words may do different things.

    `reason` says what it is, `seen` where it was seen: an issue, a standard, a recording, or a run of a named
    version. `level` is where it bites. One that departs from what was asked for `needs_request`.
    """

    name: str
    verdict: Verdict
    level: Level
    reason: str
    seen: str
    applies_to: str
    needs_request: bool
    _applies: _AppliesTo = field(repr=False)
    _mutate: _Mutates = field(repr=False)

    def applies(self, response: HTTPResponse, request: HTTPRequest | None = None) -> bool:
        """Whether it makes sense for this response; False where it needs a request and there is none."""
        return self._applies(response, request)

    def __call__(self, response: HTTPResponse, request: HTTPRequest | None = None) -> HTTPResponse:
        """The changed response; the one given is left as it is. Raises `ValueError` where it does not apply."""
        if not self.applies(response, request):
            raise ValueError(f"{self.name} applies to {self.applies_to}, and not to this response")
        return self._mutate(response, request)

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """By its name where it is in the table: pickle cannot take functions that were defined within others."""
        in_table = EDGE_CASES.get(self.name) is self
        return (_case_called, (self.name,)) if in_table else object.__reduce_ex__(self, protocol)


_CASES: dict[str, EdgeCase] = {}
EDGE_CASES: Mapping[str, EdgeCase] = MappingProxyType(_CASES)
"""All edge cases by name, from the outermost level to the innermost; after them any that were entered later.

A view, to be read alone: `edge_case` enters a case.
"""


def sort_cases() -> None:
    """Put the cases in order: from the outermost level to the innermost, and within one from right to wrong."""
    for case in sorted(_CASES.values(), key=lambda case: (LEVELS.index(case.level), VERDICTS.index(case.verdict))):
        _CASES[case.name] = _CASES.pop(case.name)


def _case_called(name: str) -> EdgeCase:
    return EDGE_CASES[name]


def hint(name: object, known: Collection[str] = EDGE_CASES) -> str:
    """The end of an error about a name that no edge case has: those that are similar, or how to see them all."""
    if not isinstance(name, str):
        return ""
    similar = get_close_matches(name, known, n=3) or [each for each in known if name in each][:3]
    return f"; did you mean {' or '.join(similar)}?" if similar else "; `imgresponse cases` lists their names"


def edge_case(verdict: Verdict, level: Level, *, seen: str, applies: Predicate) -> Callable[[Mutator], Mutator]:
    """Enter a function into the table: its name is the case's, its docstring the reason.

    `applies` is a predicate whose docstring says to what it applies. Raises `ValueError` for a second case of
    one name, and for one without a reason or a source, and `ConfigError` where Python leaves docstrings out (`-OO`).
    """

    def enter(mutate: Mutator) -> Mutator:
        _enter(
            mutate,
            applies,
            lambda response, _: applies(response),
            lambda response, _: mutate(response),
            verdict=verdict,
            level=level,
            seen=seen,
            needs_request=False,
        )
        return mutate

    return enter


def edge_case_with_request(
    verdict: Verdict, level: Level, *, seen: str, applies: PredicateWithRequest
) -> Callable[[MutatorWithRequest], MutatorWithRequest]:
    """As `edge_case`, for a function and a predicate that take the request too."""

    def applies_with_request(response: HTTPResponse, request: HTTPRequest | None) -> bool:
        return request is not None and applies(response, request)

    def enter(mutate: MutatorWithRequest) -> MutatorWithRequest:
        def mutate_with_request(response: HTTPResponse, request: HTTPRequest | None) -> HTTPResponse:
            assert request is not None, "EdgeCase asks first whether the case applies"
            return mutate(response, request)

        _enter(
            mutate,
            applies,
            applies_with_request,
            mutate_with_request,
            verdict=verdict,
            level=level,
            seen=seen,
            needs_request=True,
        )
        return mutate

    return enter


def _enter(
    mutate: Mutator | MutatorWithRequest,
    predicate: Predicate | PredicateWithRequest,
    applies: _AppliesTo,
    mutates: _Mutates,
    *,
    verdict: Verdict,
    level: Level,
    seen: str,
    needs_request: bool,
) -> None:
    """Enter a case, named and described by the function and the predicate that the user wrote."""
    if sys.flags.optimize > 1:
        raise ConfigError(
            "edge cases are described by their docstrings, which python -OO (PYTHONOPTIMIZE=2) leaves out; run Python "
            "with -O, or without"
        )
    name, reason, applies_to = mutate.__name__, _sentence(mutate), _sentence(predicate)
    if (there := _CASES.get(name)) is not None:
        raise ValueError(f"two edge cases are called {name}: {there.reason!r} and {reason!r}")
    for what, text in (("docstring", reason), ("source (seen=…)", seen), ("docstring of its predicate", applies_to)):
        if not text:
            raise ValueError(f"the edge case {name} has no {what}")
    _CASES[name] = EdgeCase(name, verdict, level, reason, seen, applies_to, needs_request, applies, mutates)


def _sentence(function: object) -> str:
    return re.sub(r"\s+", " ", getattr(function, "__doc__", None) or "").strip().removesuffix(".")
