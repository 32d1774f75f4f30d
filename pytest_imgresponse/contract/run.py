"""A run of the contract: the edge cases one after the other, then answers that Hypothesis draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, currently_in_test_context, settings
from hypothesis import given as drawn
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from pytest_imgresponse.checks import VERDICTS
from pytest_imgresponse.contract.calling import Caller, Outcome, cause_of, excuse_of, failure_of, in_words
from pytest_imgresponse.contract.isolation import IsolatedCaller
from pytest_imgresponse.contract.paste_lines import line_of, preamble_of
from pytest_imgresponse.contract.plan import Base, Call, Untried, bases_of, trials_of
from pytest_imgresponse.contract.report import Report, Row
from pytest_imgresponse.contract.trial import Given, Trial, trial_of
from pytest_imgresponse.edge_cases import EDGE_CASES, EdgeCase
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.strategies import http_responses, variants

Watch = Callable[[str, str | None], None]
"""Told each trial's name, and why it broke the contract (None where it did not)."""

_MOST_WAYS = 5
"""Ways to break the contract that are looked for in generated answers: each takes many calls to shrink."""
_MOST_LOST_CALLS = 5
"""Calls in a row that hang or end their process: each of the hundreds to come would cost as much."""


def run_contract(
    caller: Caller,
    cases: Sequence[EdgeCase] | None,
    *,
    definitions: Mapping[str, str],
    from_response: HTTPResponse | None = None,
    except_for: Mapping[str, str] | None = None,
    max_examples: int | None = None,
    limits: tuple[float, int] | None = None,
    watch: Watch = lambda name, happened: None,
    report_on_interrupt: bool = False,
) -> Report:
    """The report of a parser, on all edge cases or on these.

    `definitions` are the lines of Python that define `parse`, `pictures` and `from_response`. `limits`, the seconds
    and the MiB of a call, put it in a child process. With `report_on_interrupt`, Ctrl-C ends it with the report of what
    was tried until then. Raises `ConfigError` where a case of `cases` cannot be tried.
    """
    if max_examples is None:
        max_examples = settings().max_examples if cases is None else 0
    if max_examples and currently_in_test_context():
        raise ConfigError(
            f"check_parser would generate {max_examples} answers, which Hypothesis does not allow within @given; give "
            "max_examples=0 there, or call it outside"
        )
    run: _Run | None = None
    try:
        with nullcontext(caller) if limits is None else IsolatedCaller(caller, *limits) as call:
            bases = bases_of(call, caller.given, from_response)
            if bases[0].definition:
                definitions = {**definitions, bases[0].source: bases[0].definition}
            run = _Run(call, caller, except_for or {}, watch)
            run.take_all(trials_of(bases, cases, caller.given), is_whole=cases is None)
            if max_examples and not run.stopped:
                run.generate(_answers(bases, from_response, caller.given), bases[0], max_examples)
    except KeyboardInterrupt:
        if run is None or not report_on_interrupt:
            raise
        run.stopped = "interrupted"
    return run.report(EDGE_CASES if cases is None else [case.name for case in cases], definitions)


def _answers(bases: Sequence[Base], from_response: HTTPResponse | None, given: Given) -> SearchStrategy[HTTPResponse]:
    around = variants(bases[0].response, bases[0].asked)
    # A user's own answer, or one that fits a request, is what to vary: answers of other models would not fit it.
    if from_response is not None or given == "http":
        return around
    return around | http_responses(verdicts=VERDICTS).filter(lambda response: not response.is_stream)


class _Found(Exception):  # noqa: N818 - tells Hypothesis that a test case failed, and is caught here
    """A generated answer breaks the contract in a way that is new."""


class _Hidden:
    """A generated answer that Hypothesis does not print: the report shows it, and bodies are long."""

    def __init__(self, response: HTTPResponse) -> None:
        self.response = response

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text("…")


class _Run:
    """What a run has found so far; `stopped` says why it ended before its end."""

    def __init__(self, call: Call, caller: Caller, except_for: Mapping[str, str], watch: Watch) -> None:
        self._call = call
        self._caller = caller
        self._except_for = except_for
        self._watch = watch
        self._rows: list[Row] = []
        self._generated_rows: dict[tuple[str, ...], Row] = {}  # by cause
        self._known_causes: set[tuple[str, ...]] = set()  # what is in a row already, and is not reported again
        self._excuses: set[tuple[str, ...]] = set()  # of the cases that may fail
        self._excepted: dict[str, str] = {}
        self._not_tried: dict[str, str] = {}
        self._slowest = ("", 0.0)
        self._tried: set[str] = set()
        self._accepted = 0
        self._count = 0
        self._generated = 0
        self._hung = False
        self.stopped = ""

    def take_all(self, trials: Iterable[tuple[str, Trial | Untried]], *, is_whole: bool) -> None:
        """Tries what can be tried. Where cases are named, raises `ConfigError` for one that cannot, and tries none."""
        if not is_whole:
            trials = [self._tryable(name, trial) for name, trial in trials]
        first: tuple[Trial, Outcome] | None = None
        lost_in_a_row = acceptable = 0
        for name, trial in trials:
            if isinstance(trial, Untried):
                self._not_tried[name] = trial.why
                continue
            outcome = self._call(trial)
            self._record(trial, outcome)
            if trial.verdict != "invalid" and trial.response.status < 300:
                first, acceptable = first or (trial, outcome), acceptable + 1
            lost_in_a_row = lost_in_a_row + 1 if outcome.kind in ("hung", "ended") else 0
            if lost_in_a_row == _MOST_LOST_CALLS:
                self.stopped = f"{lost_in_a_row} calls in a row hung or ended their process"
                return
        if is_whole and first is not None and not self._accepted:
            self._keep_refusal_of_all(*first, acceptable)

    def _tryable(self, name: str, trial: Trial | Untried) -> tuple[str, Trial]:
        if isinstance(trial, Untried):
            raise ConfigError(
                f"the case {name!r} cannot be tried with given={self._caller.given!r}: it {trial.why}; "
                f"try it with {trial.way_out}"
            )
        return name, trial

    def _record(self, trial: Trial, outcome: Outcome) -> None:
        """Judges what a parser did with an edge case or a plain answer."""
        self._count += 1
        self._tried.add(trial.name)
        self._accepted += outcome.kind == "accepted"
        happened = self._judged(trial, outcome)
        if happened is None:
            return
        if trial.name in self._except_for:
            self._excepted[trial.name] = self._except_for[trial.name]
            self._excuses.add(excuse_of(trial, outcome))
        else:
            self._known_causes.add(cause_of(trial, outcome))
            self._rows.append(self._row(trial, outcome, happened))

    def _keep_refusal_of_all(self, trial: Trial, outcome: Outcome, count: int) -> None:
        """Report a parser that accepted nothing, by the first answer that it should have."""
        # Each refusal alone may be excused, such as one of a picture that Pillow cannot open; all of them are not.
        if all(row.trial is not trial for row in self._rows):
            happened = f"accepted none of {count} answers that are not invalid: {in_words(outcome)}"
            self._rows.append(self._row(trial, outcome, happened))

    def _judged(self, trial: Trial, outcome: Outcome) -> str | None:
        if outcome.seconds > self._slowest[1]:
            self._slowest = (trial.name, outcome.seconds)
        happened = failure_of(trial, outcome)
        self._watch(trial.name, happened)
        return happened

    def _row(self, trial: Trial, outcome: Outcome, happened: str) -> Row:
        return Row(
            trial=trial,
            outcome=outcome,
            happened=happened,
            reproduce=line_of(trial, self._caller.given, outcome, self._caller.ignore_hosts),
        )

    def generate(self, answers: SearchStrategy[HTTPResponse], base: Base, max_examples: int) -> None:
        """Draws answers until nothing new is found, and keeps the smallest of each way to break the contract.

        Where the parser hangs it ends: each such answer costs the time limit.
        """
        new = True
        while new and len(self._generated_rows) < _MOST_WAYS and not self._hung:
            # Having found a failure, Hypothesis soon stops drawing, and rarer ones would go unseen. So it runs again,
            # with what it has found passed over, until a run finds nothing new.
            before = len(self._generated_rows)
            self._draw(answers, base, max_examples)
            self._known_causes |= self._generated_rows.keys()
            new = len(self._generated_rows) > before

    def _draw(self, answers: SearchStrategy[HTTPResponse], base: Base, max_examples: int) -> None:
        signals: dict[tuple[str, ...], type[_Found]] = {}

        @settings(
            max_examples=max_examples,
            database=None,
            deadline=None,
            verbosity=Verbosity.quiet,
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=True,
            suppress_health_check=list(HealthCheck),  # slow parsers and large answers are expected
        )
        @drawn(answers.map(_Hidden))
        def every(found: _Hidden) -> None:
            trial = trial_of("generated", found.response, self._caller.given, request=base.asked)
            if trial is None or self._hung:
                return
            self._generated += 1
            outcome = self._call(trial)
            self._hung = outcome.kind == "hung"
            happened = self._judged(trial, outcome)
            cause = cause_of(trial, outcome)
            if happened is None or cause in self._known_causes or excuse_of(trial, outcome) in self._excuses:
                return
            if len(self._generated_rows) >= _MOST_WAYS and cause not in self._generated_rows:
                return
            # Written over while Hypothesis shrinks, which ends with the smallest test case of each cause.
            self._generated_rows[cause] = self._row(trial, outcome, happened)
            if outcome.kind in ("hung", "out of memory", "ended"):
                return  # not raised, and so not shrunk: each attempt would cost a child process, and the limit again
            # Hypothesis takes two failures for one unless their types or lines differ: so one type for each cause.
            raise signals.setdefault(cause, type("_Found", (_Found,), {}))(happened)

        try:
            every()
        except* (_Found, Flaky):  # Flaky: a parser that answers otherwise the second time; its row is there already
            pass

    def report(self, names: Iterable[str], definitions: Mapping[str, str]) -> Report:
        """What was found, of these cases; `definitions` are those of the names that lines to paste use."""
        names = list(names)
        rows = [*self._rows, *self._generated_rows.values()]
        unneeded = set(self._except_for).intersection(names) - self._excepted.keys()
        left = [name for name in names if name not in self._tried and name not in self._not_tried]
        return Report(
            parser=self._caller.name,
            given=self._caller.given,
            tried=self._count,
            accepted=self._accepted,
            generated=self._generated,
            rows=rows,
            preamble=preamble_of([row.reproduce for row in rows], definitions),
            excepted=self._excepted,
            unneeded={name: "holds" if name in self._tried else "is not tried here" for name in sorted(unneeded)},
            not_tried={**self._not_tried, **dict.fromkeys(left, "were left when it stopped")},
            stopped=self.stopped,
            slowest=self._slowest,
        )
