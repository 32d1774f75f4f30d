"""A run of the contract: the edge cases one after the other, then answers that Hypothesis draws."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import given as drawn
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from pytest_imgresponse.checks import VERDICTS
from pytest_imgresponse.contract.bases import Base, bases_of, trials_of
from pytest_imgresponse.contract.calling import Caller
from pytest_imgresponse.contract.isolation import IsolatedCaller
from pytest_imgresponse.contract.outcome import Outcome, failure_of, signature_of
from pytest_imgresponse.contract.report import Report, Row, preamble_of, reproduction
from pytest_imgresponse.contract.trial import Given, Trial, trial_of
from pytest_imgresponse.edge_cases import EdgeCase
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.strategies import http_responses, variants

Call = Callable[[Trial], Outcome]
Watch = Callable[[str, str | None], None]
"""Told each trial's name, and why it broke the contract (None where it did not)."""

_MOST = 5
"""Ways to break the contract that a run shrinks; who has mended these runs it again."""


def run_contract(
    caller: Caller,
    cases: Sequence[EdgeCase] | None,
    *,
    from_response: HTTPResponse | None = None,
    except_for: Mapping[str, str] | None = None,
    max_examples: int | None = None,
    limits: tuple[float, int] | None = None,
    watch: Watch = lambda name, happened: None,
) -> Report:
    """The report of a parser, on all edge cases or on these.

    `limits`, the seconds and the MiB of a call, put it in a child process. Raises `ConfigError` where nothing can be
    tried, or a case of `cases` cannot.
    """
    if max_examples is None:
        max_examples = settings().max_examples if cases is None else 0
    with nullcontext(caller) if limits is None else IsolatedCaller(caller, *limits) as call:
        bases = bases_of(call, caller.given, from_response)
        run = _Run(call, caller.given, except_for or {}, watch)
        for trial in trials_of(bases, cases, caller.given):
            run.take(trial, call(trial))
        _require_tried(run.names, cases, caller.given)
        if max_examples:
            run.generate(_answers(bases, from_response, caller.given), bases[0], max_examples)
    answer = bases[0].response if bases[0].source == "answer" else None
    return run.report(caller.name, cases, answer)


def _require_tried(names: Collection[str], cases: Sequence[EdgeCase] | None, given: Given) -> None:
    for case in cases or ():
        if case.name not in names:
            raise ConfigError(
                f"cases names {case.name!r}, which cannot be tried with given={given!r}: it applies to "
                f"{case.applies_to[0].lower()}{case.applies_to[1:]}; give from_response={{such a response}}"
            )
    if not names:
        raise ConfigError(f"nothing can be tried: with given={given!r}, from_response has to be JSON")


def _answers(bases: Sequence[Base], from_response: HTTPResponse | None, given: Given) -> SearchStrategy[HTTPResponse]:
    near = variants(bases[0].response, bases[0].asked)
    if from_response is not None or given == "http":
        return near
    return near | http_responses(verdicts=VERDICTS).filter(lambda response: not response.is_stream)


class _Found(Exception):  # noqa: N818 - a signal to Hypothesis, never seen outside
    """A generated answer breaks the contract in a way that is new."""


class _Drawn:
    """A generated answer. Hypothesis would print its whole body; the report says it all."""

    def __init__(self, response: HTTPResponse) -> None:
        self.response = response

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text("…")


class _Run:
    """What a run has found so far."""

    def __init__(self, call: Call, given: Given, except_for: Mapping[str, str], watch: Watch) -> None:
        self._call = call
        self._given = given
        self._except_for = except_for
        self._watch = watch
        self._rows: list[Row] = []
        self._known: set[tuple[str, ...]] = set()
        self._excepted: dict[str, str] = {}
        self._slowest = ("", 0.0)
        self._tried = 0
        self._generated = 0
        self._hung = False
        self.names: set[str] = set()

    def take(self, trial: Trial, outcome: Outcome) -> None:
        """Judges what a parser did with an edge case or a plain answer."""
        self._tried += 1
        self.names.add(trial.name)
        happened = self._judged(trial, outcome)
        if happened is None:
            return
        self._known.add(signature_of(trial, outcome))
        if trial.name in self._except_for:
            self._excepted[trial.name] = self._except_for[trial.name]
        else:
            self._keep(trial, outcome, happened)

    def _judged(self, trial: Trial, outcome: Outcome) -> str | None:
        if outcome.seconds > self._slowest[1]:
            self._slowest = (trial.name, outcome.seconds)
        happened = failure_of(trial, outcome)
        self._watch(trial.name, happened)
        return happened

    def _keep(self, trial: Trial, outcome: Outcome, happened: str) -> None:
        self._rows.append(Row(trial, outcome, happened, reproduction(trial, self._given, outcome.through)))

    def generate(self, answers: SearchStrategy[HTTPResponse], base: Base, max_examples: int) -> None:
        """Draws answers until nothing new is found, and keeps the smallest of each way to break the contract.

        Where the parser hangs it ends: each such answer costs the time limit.
        """
        found: dict[tuple[str, ...], tuple[Trial, Outcome, str]] = {}
        while len(found) < _MOST and not self._hung:
            # Hypothesis soon stops drawing when it has found something, and then what is rarer would go unseen.
            new = self._drawn(answers, base, max_examples, _MOST - len(found))
            found |= new
            self._known |= new.keys()
            if not new:
                break
        for trial, outcome, happened in found.values():
            self._keep(trial, outcome, happened)

    def _drawn(
        self, answers: SearchStrategy[HTTPResponse], base: Base, max_examples: int, most: int
    ) -> dict[tuple[str, ...], tuple[Trial, Outcome, str]]:
        signals: dict[tuple[str, ...], type[_Found]] = {}
        smallest: dict[tuple[str, ...], tuple[Trial, Outcome, str]] = {}

        @settings(
            max_examples=max_examples,
            database=None,
            deadline=None,
            verbosity=Verbosity.quiet,
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=True,
            suppress_health_check=list(HealthCheck),
        )
        @drawn(answers.map(_Drawn))
        def every(found: _Drawn) -> None:
            trial = trial_of("generated", found.response, self._given, request=base.asked)
            if trial is None or self._hung:
                return
            self._generated += 1
            outcome = self._call(trial)
            self._hung = outcome.kind == "hung"
            happened = self._judged(trial, outcome)
            signature = signature_of(trial, outcome)
            if happened is None or signature in self._known or (len(smallest) >= most and signature not in smallest):
                return
            smallest[signature] = (trial, outcome, happened)  # Hypothesis ends with the smallest of each
            if outcome.kind in ("hung", "out of memory", "ended"):
                return  # each try to shrink it would cost a child, and the limit again
            # Hypothesis tells failures apart by type and line: one type for each signature.
            raise signals.setdefault(signature, type("_Found", (_Found,), {}))(happened)

        try:
            every()
        except* (_Found, Flaky):
            pass
        return smallest

    def report(self, parser: str, cases: Sequence[EdgeCase] | None, answer: HTTPResponse | None) -> Report:
        """What was found; `answer` is what the API would say to a client."""
        told = self._except_for if cases is None else {case.name for case in cases} & set(self._except_for)
        return Report(
            parser,
            self._given,
            self._tried,
            self._generated,
            self._rows,
            preamble_of([row.reproduce for row in self._rows], answer),
            self._excepted,
            {
                name: "holds" if name in self.names else "is not tried here"
                for name in sorted(told)
                if name not in self._excepted
            },
            self._slowest,
        )
