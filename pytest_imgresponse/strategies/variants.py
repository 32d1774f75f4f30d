"""A response, and responses that differ from it a little: `variants`.

A variant has some fields of its JSON changed, or was mutated by edge cases. What can be changed in a response is looked
up once (`_changeable`), since a test draws hundreds of variants of one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_imgresponse._model import DEEPEST
from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.checks.finding import LEVELS, key_path
from pytest_imgresponse.edge_cases import EDGE_CASES, EdgeCase
from pytest_imgresponse.edge_cases.mutators import mutate_events, with_body
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.strategies.responses import CHARACTERS

Path = tuple[str | int, ...]

BORDERS = (0, -1, 1, 2**31 - 1, 2**31, 2**53 + 1, 2**63, 10**30, 0.5, 1e308)
"""Numbers at which code breaks: zero and below; beyond integers of 32 bits, those that a float holds, and those of 64
bits; beyond all of these; a fraction; the largest power of ten that is a float."""

_MOST = 3
"""Changed fields of one variant at the most, or edge cases that mutate it."""
_WAYS = ("itself", *["once"] * 5, "replaced", "often", *["mutated"] * 3)
"""How a variant comes about. Repeated ones are drawn more often. The first are what a failure shrinks to: a single
changed field says more than an edge case, which may change many."""
_DROP = object()
"""Stands for a new value where the field is dropped."""

_texts = st.text(f"{CHARACTERS}\n\0", max_size=40)
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3), max_leaves=5
)


class _Change(NamedTuple):
    """The change of one field: its path, which begins with the number of the document, and its new value."""

    path: Path
    value: Any


class _Changeable(NamedTuple):
    """What can be changed in a response. Its `documents` are its JSON, or that of each of its events.

    `changes` are the strategies of the ways "once", "replaced" and "often"; `cases` are those of "mutated".
    """

    documents: tuple[Any, ...]
    ways: st.SearchStrategy[str]
    changes: Mapping[str, st.SearchStrategy[Sequence[_Change]]]
    cases: st.SearchStrategy[list[EdgeCase]]


@st.composite
def variants(draw: st.DrawFn, response: HTTPResponse, request: HTTPRequest | None = None) -> HTTPResponse:
    """Generates a response and variants of it: record once, fuzz around the truth.

    Drawn are the response itself; the response with one to three fields of its JSON, or of its events, dropped,
    replaced by any JSON value, or, where they are numbers, put to a border of what a number can be; and the response
    mutated by one to three edge cases, the innermost level first, so that they compose. A success is not made an error:
    `error_responses` has those. Whether a variant is right, `check` says.

    Of a response with changed fields the status, the headers (but a length) and the other fields stay. Its JSON is
    written anew, in lines or without as it was: of a repeated name the last value stays, and texts and numbers are
    written as Python does (`1e3` as `1000.0`). Edge cases write it in lines.

    `request` is what the response answers; with it, edge cases that depart from what was asked for are drawn too.

    Shrinks to the response itself; one that is not, to a single change: to a field dropped, put to a border or replaced
    where Hypothesis finds one that fails, else to one edge case.
    """
    if not isinstance(response, HTTPResponse):
        raise InvalidArgument(f"expected response to be an HTTPResponse; got {response!r}")
    if request is not None and not isinstance(request, HTTPRequest):
        raise InvalidArgument(f"expected request to be an HTTPRequest or None; got {request!r}")
    found = _changeable(response, request, tuple(EDGE_CASES.values()))
    way = draw(found.ways)
    if way == "mutated":
        for case, mutated in composed(response, request, draw(found.cases)):
            note(f"mutated by {case.name}: {case.reason}")
            response = mutated
        return response
    return _with_changes(response, found.documents, draw(found.changes[way])) if way != "itself" else response


@lru_cache(maxsize=4)
def _changeable(response: HTTPResponse, request: HTTPRequest | None, table: tuple[EdgeCase, ...]) -> _Changeable:
    cases = [case for case in table if case.applies(response, request)]
    documents = _documents(response)
    places = [path for number, document in enumerate(documents) for path in _places((number,), document)]
    if any(len(path) > DEEPEST for path in places):
        places = []
    once = st.sampled_from([*(_Change(path, _DROP) for path in places), *_at_borders(places, documents)])
    replaced = st.builds(_Change, st.sampled_from(places), _values)
    often = st.lists(once | replaced, min_size=1, max_size=_MOST)
    return _Changeable(
        documents,
        ways=st.sampled_from(_WAYS if places else ("itself", "mutated")),
        changes={"once": st.tuples(once), "replaced": st.tuples(replaced), "often": often},
        cases=st.lists(st.sampled_from(cases), min_size=1, max_size=_MOST),
    )


def _documents(response: HTTPResponse) -> tuple[Any, ...]:
    if response.is_stream:
        found: list[Any] = []
        mutate_events(response, found.append)
        return tuple(found)
    try:
        return (response.json(),)
    except (ValueError, RecursionError):
        return ()


def _places(path: Path, value: Any) -> Iterator[Path]:
    """The paths of all that is within a value, in the order of the document."""
    waiting = [(path, value)]  # a stack, since a document may be nested deeper than Python's own
    while waiting:
        at, found = waiting.pop()
        if at != path:
            yield at
        within = list(found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ())
        waiting += [((*at, step), inner) for step, inner in reversed(within)]


def _at_borders(places: list[Path], documents: tuple[Any, ...]) -> Iterator[_Change]:
    """The changes that put a number to a border: each number to each."""
    for path in places:
        number = _at(documents, path)
        if _is_number(number):
            yield from (_Change(path, border) for border in BORDERS if border != number)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def composed(
    response: HTTPResponse, request: HTTPRequest | None, cases: Sequence[EdgeCase]
) -> Iterator[tuple[EdgeCase, HTTPResponse]]:
    """Mutates a response by one case after the other; yields each that still applied, with what it made.

    A case that makes an error of a success is passed over: it leaves nothing of the response.
    """
    # The innermost level first: a picture can be damaged before its base64 or its JSON is, and not after.
    for case in sorted(dict.fromkeys(cases), key=lambda case: LEVELS.index(case.level), reverse=True):
        if case.applies(response, request):
            mutated = case(response, request)
            if mutated.status < 400 or response.status >= 400:
                response = mutated
                yield case, response


def _with_changes(response: HTTPResponse, documents: tuple[Any, ...], changes: Sequence[_Change]) -> HTTPResponse:
    values: Any = list(documents)
    effective = _effective(changes, documents)
    if not effective:
        return response
    for change in effective:
        note(f"changed {_in_words(change, documents)}")
        values = _changed(values, change.path, change.value)
    if not response.is_stream:
        end = b"\n" if response.body.endswith(b"\n") else b""
        return with_body(response, _laid_out_as(response.body, values[0]) + end)
    new = iter(values)

    def put(event: dict[str, Any]) -> None:
        value = next(new)
        event.clear()
        event.update(value)

    return mutate_events(response, put)


def _effective(changes: Sequence[_Change], documents: tuple[Any, ...]) -> list[_Change]:
    """The changes that take effect: none within another, one for each path, and none to the value that is there.

    Drops come last, from the end of a list to its start: dropping an item moves those after it to other paths.
    """
    by_path = {change.path: change for change in changes if not _has_already(change, documents)}
    kept = [each for path, each in by_path.items() if not any(path[:length] in by_path for length in range(len(path)))]
    dropped = [change for change in kept if change.value is _DROP]
    others = [change for change in kept if change.value is not _DROP]
    return others + sorted(dropped, key=lambda change: change.path, reverse=True)


def _has_already(change: _Change, documents: tuple[Any, ...]) -> bool:
    """Whether a field has the new value already."""
    old = _at(documents, change.path)
    # As JSON, since 1, 1.0 and True are equal in Python. Compared as Python first, which is quicker for large values.
    return bool(change.value == old) and json.dumps(change.value) == json.dumps(old)


def _in_words(change: _Change, documents: tuple[Any, ...]) -> str:
    """A change for a person: where, and what is there now."""
    number, *steps = change.path
    where = "$"
    for step in steps:
        where = f"{where}[{step}]" if isinstance(step, int) else key_path(where, step)
    event = f" of event {number}" if len(documents) > 1 else ""
    return f"{where}{event}: " + ("dropped" if change.value is _DROP else f"now {change.value!r}")


def _laid_out_as(body: bytes, value: Any) -> bytes:
    """A value as JSON, laid out as the body was: in lines, or in one line with spaces between its tokens or without."""
    start = body.strip()[:200]
    if b"\n" in start:
        return pretty(value)
    separators = (", ", ": ") if b'": ' in start else (",", ":")
    return json.dumps(value, separators=separators).encode()


def _changed(value: Any, path: Path, new: Any) -> Any:
    """A copy with one place changed."""
    step, rest = path[0], path[1:]
    copy = value.copy()
    if rest:
        copy[step] = _changed(value[step], rest, new)
    elif new is _DROP:
        del copy[step]
    else:
        copy[step] = new
    return copy
