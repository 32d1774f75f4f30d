"""Responses that edge cases have mutated: `edge_cases` and `http_responses`."""

from __future__ import annotations

from collections.abc import Collection, Set
from functools import lru_cache
from typing import Any, NamedTuple

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_imgresponse.checks.finding import LEVELS, VERDICTS, Level, Verdict
from pytest_imgresponse.edge_cases import EDGE_CASES, EdgeCase
from pytest_imgresponse.edge_cases.table import hint
from pytest_imgresponse.http import HTTPRequest, HTTPResponse, shortened
from pytest_imgresponse.strategies.choices import Choice
from pytest_imgresponse.strategies.originals import Variation, form_of, mutate
from pytest_imgresponse.strategies.responses import draw_choice, entropies

Cases = Collection[str | EdgeCase]

_PLAIN: tuple[Verdict, ...] = ("valid",)
_numbers = st.sampled_from(range(12))
# Not `integers`, which prefers small numbers: each of these is to be as likely as another.
_variations = st.sampled_from(range(2**32))
_ways = st.sampled_from(["plainest", *["plain"] * 4, *["mutated"] * 6])


class Mutation(NamedTuple):
    """What an edge case makes of a response.

    `original` is a response, and `request` the one that it answers: some cases depart from what was asked for.
    `response` is the original as `case` changed it.
    """

    case: EdgeCase
    request: HTTPRequest
    original: HTTPResponse
    response: HTTPResponse

    def __repr__(self) -> str:
        """Short: a body holds pictures."""
        case, kind = self.case, self.original.content_type
        return f"<{case.name} ({case.verdict}, {case.level}) of {kind}: {shortened(self.response.body, 300)}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """As Hypothesis prints it, which for a named tuple would be all fields, with their megabytes."""
        printer.text(repr(self))


@st.composite
def edge_cases(
    draw: st.DrawFn,
    *,
    verdicts: Collection[Verdict] | None = None,
    levels: Collection[Level] | None = None,
    cases: Cases | None = None,
) -> Mutation:
    """Generates mutations: a `case`, a `request`, the `original` response to it, and the `response` that the case made.

    Mostly each case comes once, so that few draws go through the whole table, and always on the same response: where it
    applies to one, an answer of gpt-image-1 (a PNG, a WebP, a JPEG or a transparent PNG). Else it comes on any to which
    it applies: JSON answers of all kinds of models where it can, else streams, else errors.
    `verdicts` and `levels` narrow the table, `cases` names rows of it (or holds them). Edge cases of your own, which
    `pytest_imgresponse.edge_cases.edge_case` enters into the table, are drawn as all others.

    Shrinks to the first case of the table, on the response where it comes once.
    """
    return draw(
        _mutated(_matching(_names("verdicts", verdicts, VERDICTS), _names("levels", levels, LEVELS), _rows(cases)))
    )


@st.composite
def http_responses(
    draw: st.DrawFn,
    *,
    verdicts: Collection[Verdict] | None = _PLAIN,
    levels: Collection[Level] | None = None,
    cases: Cases | None = None,
) -> HTTPResponse:
    """Generates what `images_responses` does, as HTTP: status 200, headers and bytes as the real API sends them.

    When asked, also responses that one edge case has mutated, which is about half of them:

    - `verdicts=["valid"]`, as it is left, has plain responses alone;
    - with other `verdicts` the edge cases of these come; `valid` among them stands for its cases and plain responses.
      None is for all four;
    - with `levels` edge cases come alone: those of the `verdicts` that bite at one of these levels;
    - with `cases`, which names them (or holds them), these come alone; where there are `levels` too, those of them that
      bite there. To name a case is to name its verdict: `verdicts` is not asked.

    All answer a request for JSON, but for cases of streams, which are drawn where `levels` has `stream`, and for
    cases that are named. `stream_responses` and `error_responses` have the plain ones of those.

    Shrinks to the plainest response; where no plain ones are drawn, to the first of the cases, as `edge_cases` does.
    """
    wanted = _names("verdicts", verdicts, VERDICTS) or VERDICTS
    bitten, rows = _names("levels", levels, LEVELS), _rows(cases)
    if rows is not None:
        return draw(_mutated(_matching(None, bitten, rows))).response
    if bitten is not None or "valid" not in wanted:
        return draw(_mutated(_matching(wanted, bitten, None, for_json=True))).response
    way = draw(_ways) if {*wanted} > {*_PLAIN} else "plain"
    if way == "mutated":
        return draw(_mutated(_matching(wanted, None, None, for_json=True))).response
    if way == "plainest":  # Hypothesis shrinks to the fewest draws, and this takes no more
        return Choice().http()
    return draw_choice(draw).http(draw(entropies))


def _names(name: str, values: object, allowed: tuple[str, ...]) -> tuple[str, ...] | None:
    """The names that an argument holds, in the order of `allowed`; None where it is not given.

    Raises `InvalidArgument`.
    """
    if values is None:
        return None
    if isinstance(values, str) or not isinstance(values, Collection) or not values:
        raise InvalidArgument(f"expected {name} to be a collection of {', '.join(allowed)}; got {name}={values!r}")
    for value in values:
        if value not in allowed:
            expected = ", ".join(allowed)
            raise InvalidArgument(
                f"expected each of {name} to be one of {expected}; got {value!r} in {name}={values!r}"
            )
    return tuple(name for name in allowed if name in values)


def _rows(cases: object) -> tuple[EdgeCase, ...] | None:
    """The edge cases of an argument that takes them or their names. Raises `InvalidArgument`.

    Those of a set come in the order of the table. The order of the set itself is another in each run, and a failure
    that Hypothesis has saved would not be found again.
    """
    if cases is None:
        return None
    if isinstance(cases, str) or not isinstance(cases, Collection) or not cases:
        raise InvalidArgument(f"expected cases to be a collection of edge cases or their names; got cases={cases!r}")
    rows = tuple(map(_row, cases))
    if not isinstance(cases, Set):
        return rows
    places = {name: place for place, name in enumerate(EDGE_CASES)}
    return tuple(sorted(rows, key=lambda case: (places.get(case.name, len(places)), case.name)))


def _row(case: object) -> EdgeCase:
    if isinstance(case, EdgeCase):
        return case
    if isinstance(case, str) and case in EDGE_CASES:
        return EDGE_CASES[case]
    raise InvalidArgument(f"expected each of cases to be an edge case or the name of one; got {case!r}{hint(case)}")


def _matching(
    verdicts: tuple[str, ...] | None,
    levels: tuple[str, ...] | None,
    rows: tuple[EdgeCase, ...] | None,
    *,
    for_json: bool = False,
) -> tuple[EdgeCase, ...]:
    """The edge cases that match; with `for_json` those that a request for JSON can meet. Raises `InvalidArgument`.

    Where the level `stream` is named, those of streams are among them.
    """
    found = [
        case
        for case in (EDGE_CASES.values() if rows is None else rows)
        if case.verdict in (verdicts or VERDICTS) and case.level in (levels or LEVELS)
    ]
    if for_json:
        forms = ("answer", "stream") if "stream" in (levels or ()) else ("answer",)
        found = [case for case in found if form_of(case) in forms]
    if not found:
        names = None if rows is None else [case.name for case in rows]
        arguments = {"verdicts": verdicts, "levels": levels, "cases": names}
        given = ", ".join(f"{name}={value!r}" for name, value in arguments.items() if value is not None)
        raise InvalidArgument(f"no edge case matches {given}")
    return tuple(found)


@lru_cache(maxsize=256)
@st.composite
def _mutated(draw: st.DrawFn, found: tuple[EdgeCase, ...]) -> Mutation:
    """What these cases make of responses."""
    # Hypothesis does not run the same test case twice. After a case there is nothing more to draw, so each case is run
    # once, and the whole table in few draws. None, for any case on any response, is drawn now and then among them, and
    # alone once each case was run.
    case = draw(st.sampled_from([*found, None]))
    if case is not None:
        exchange, mutated = mutate(case)
    else:
        case = draw(st.sampled_from(found))
        exchange, mutated = mutate(case, draw(_numbers), Variation.from_number(draw(_variations)))
    note(f"mutated by {case.name}: {case.reason}")
    return Mutation(case, *exchange, mutated)
