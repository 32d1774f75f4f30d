"""The table: `@edge_case` enters a function into it, under the function's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Protocol

from pytest_imgresponse.checks.finding import Level, Verdict
from pytest_imgresponse.http import HTTPRequest, HTTPResponse


class Bend(Protocol):
    """A case that needs the response alone."""

    __name__: str

    def __call__(self, response: HTTPResponse, /) -> HTTPResponse:
        """The response, changed."""
        ...


class BendAsAsked(Protocol):
    """A case that departs from what a request asked for."""

    __name__: str

    def __call__(self, response: HTTPResponse, request: HTTPRequest, /) -> HTTPResponse:
        """The response, changed."""
        ...


Applies = Callable[[HTTPResponse], bool]
AppliesAsAsked = Callable[[HTTPResponse, HTTPRequest], bool]


@dataclass(frozen=True, slots=True)
class EdgeCase:
    """One way in which an answer can be odd or wrong; called with a response, it gives the changed one.

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
    _applies: Applies | AppliesAsAsked = field(repr=False, compare=False)
    _bend: Bend | BendAsAsked = field(repr=False, compare=False)

    def applies(self, response: HTTPResponse, request: HTTPRequest | None = None) -> bool:
        """Whether it makes sense for this response; False where it needs a request and there is none."""
        if not self.needs_request:
            return self._applies(response)  # type: ignore[call-arg]
        return request is not None and self._applies(response, request)  # type: ignore[call-arg]

    def __call__(self, response: HTTPResponse, request: HTTPRequest | None = None) -> HTTPResponse:
        """The changed response; the one given is left as it is. Raises `ValueError` where it does not apply."""
        if not self.applies(response, request):
            raise ValueError(f"{self.name} applies to {self.applies_to}, and not to this response")
        if not self.needs_request:
            return self._bend(response)  # type: ignore[call-arg]
        return self._bend(response, request)  # type: ignore[call-arg, arg-type]


EDGE_CASES: dict[str, EdgeCase] = {}
"""All edge cases by name, from the outermost level to the innermost."""


def hint(name: object, known: Collection[str] = EDGE_CASES) -> str:
    """The end of an error about a name that no edge case has: those near to it, or how to see them all."""
    near = get_close_matches(str(name), known, n=3) or [each for each in known if str(name) in each][:3]
    return f"; did you mean {' or '.join(near)}?" if near else "; `imgresponse cases` lists their names"


def edge_case(verdict: Verdict, level: Level, *, seen: str, applies: Applies) -> Callable[[Bend], Bend]:
    """Enter a function into the table: its name is the case's, its docstring the reason.

    `applies` is a predicate whose docstring says to what it applies. Raises `ValueError` for a second case of
    one name, and for one without a reason or a source.
    """

    def enter(bend: Bend) -> Bend:
        _enter(bend, verdict, level, seen, applies, needs_request=False)
        return bend

    return enter


def edge_case_as_asked(
    verdict: Verdict, level: Level, *, seen: str, applies: AppliesAsAsked
) -> Callable[[BendAsAsked], BendAsAsked]:
    """As `edge_case`, for a function and a predicate that take the request too."""

    def enter(bend: BendAsAsked) -> BendAsAsked:
        _enter(bend, verdict, level, seen, applies, needs_request=True)
        return bend

    return enter


def _enter(
    bend: Bend | BendAsAsked,
    verdict: Verdict,
    level: Level,
    seen: str,
    applies: Applies | AppliesAsAsked,
    *,
    needs_request: bool,
) -> None:
    name, reason, where = bend.__name__, _sentence(bend), _sentence(applies)
    if (there := EDGE_CASES.get(name)) is not None:
        raise ValueError(f"two edge cases are called {name}: {there.reason!r} and {reason!r}")
    for what, text in (("docstring", reason), ("source (seen=…)", seen), ("docstring of its predicate", where)):
        if not text:
            raise ValueError(f"the edge case {name} has no {what}")
    EDGE_CASES[name] = EdgeCase(name, verdict, level, reason, seen, where, needs_request, applies, bend)


def _sentence(function: object) -> str:
    return re.sub(r"\s+", " ", getattr(function, "__doc__", None) or "").strip().removesuffix(".")
