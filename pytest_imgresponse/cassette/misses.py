"""Misses: what is said of a request that the cassette does not answer, the nearest recorded one, and the way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from pytest_imgresponse._config import Settings
from pytest_imgresponse.cassette.interaction import Request
from pytest_imgresponse.cassette.matching import Facets, facets_of
from pytest_imgresponse.cassette.payloads import REFERENCE
from pytest_imgresponse.errors import CassetteError, CassetteMissingError, UnrecordedRequestError

_OTHERS = (".yaml", ".yml", ".yaml.gz", ".yaml.zst", ".json", ".json.gz")
"""How the names of other cassettes end: vcrpy's JSON, langchain's gzip."""
_LARGE = ("body", "query")
_SHOWN = 3  # differences
_COUNTED = 200  # differences, when the nearest is looked for
_VISITS = 300_000  # leaves that are compared in all, so that a miss is told at once
_FEWEST_VISITS = 100
_LONGEST_LINE = 72  # characters of a difference
_LONGEST_PATH = 26
_LONGEST_URL = 120


def miss(
    request: Request,
    path: Path,
    settings: Settings,
    remedy: str,
    *,
    recorded: Sequence[Facets] | None,
    other: str,
    same: int,
    asked: int,
    apart: str | None = None,
    unanswered: bool = False,
) -> CassetteError:
    """The error of a redacted request that has no answer.

    `recorded` are the requests of the cassette, None where there is none; `other` tells of one elsewhere;
    `same` is how often this one was recorded, `asked` how often it was asked. `remedy` is the way to record,
    `{mode}` in it the record mode. `apart` is what tells it from those that equal it otherwise; `unanswered`
    says that in this run a request of the cassette got no answer.
    """
    url = request.url if len(request.url) <= _LONGEST_URL else f"{request.url[:_LONGEST_URL]}…"
    head = f"no answer for {request.method} {url}, and nothing was sent (record mode {settings.record!r})."
    if unanswered:
        head += (
            "\nIn this run a request got no answer while it was recorded. Failures are not recorded: they are for "
            "LocalEndpoint.fail and stub."
        )
    if recorded is None:
        return CassetteMissingError(
            f"{head}\nThere is no cassette {path}.{other}\nTo record it: {remedy.replace('{mode}', 'once')}"
        )
    if apart is not None:
        held = f"this request {same} time(s), but they differ in {apart}."
    elif same:
        held = f"this request {same} time(s); it was asked {asked} times."
    elif recorded:
        facets = facets_of(request, settings.match_on)
        number = _nearest(recorded, facets)
        held = f"{len(recorded)} interaction(s); {_differing(recorded, facets, number)}"
        if all(recorded[number][name] == facets[name] for name in facets if name != "body"):
            held += "\nOnly the body differs; a `match_on` without 'body' leaves it out."
    else:
        held = "no interaction."
    return UnrecordedRequestError(
        f"{head}\nCassette {path} holds {held}\n"
        f"To add it: {remedy.replace('{mode}', 'new_episodes')}\n"
        f"With `rewrite` in its place, all of the cassette is recorded afresh."
    )


def told_of_another(path: Path, elsewhere: Iterable[tuple[Path, str | None]]) -> str:
    """A recording that is there in another form or place, and how to use it before one pays for it again."""
    for place, layout in [(path, None), *elsewhere]:
        for found in _alike(place):
            where = f" Beside it is {found.name}" if found.parent == path.parent else f"\nBut there is {found}"
            if found.suffix.lower() not in (".yaml", ".yml"):
                return f"{where}, which is not read: it has to be YAML (`imgresponse import`)."
            move = "rename" if found.parent == path.parent else "move"
            way = f"set the ini `imgresponse_cassette_layout = {layout}`, or " if layout else ""
            return f"{where}: {way}{move} it, its pictures too (or `imgresponse import`)."
    return ""


def _alike(place: Path) -> Iterator[Path]:
    """What is there under the name of a cassette, or under one that it may have had elsewhere."""
    names = [place.name, *(f"{place.stem}{end}" for end in _OTHERS)]
    try:
        there = {found.name.lower(): found for found in sorted(place.parent.iterdir())}
    except OSError:
        return
    yield from (there[name.lower()] for name in names if name.lower() in there)


def differences(recorded: Facets, asked: Facets) -> list[str]:
    """How two requests differ, a line each: `prompt: recorded 'a red fox', asked 'a red foxx'`."""
    return [_told(*found) for found in _Comparison(_VISITS).differences(recorded, asked)]


def nearest(recorded: Sequence[Facets], asked: Facets) -> str:
    """Which recorded request is nearest to one that has no match, and what differs."""
    return _differing(recorded, asked, _nearest(recorded, asked))


def _differing(recorded: Sequence[Facets], asked: Facets, number: int) -> str:
    found = list(_Comparison(_VISITS).differences(recorded[number], asked))
    shown = "".join(f"\n  {_told(*difference)}" for difference in found[:_SHOWN])
    more = f"\n  … and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"the nearest, number {number + 1}, differs in:{shown}{more}"


def _nearest(recorded: Sequence[Facets], asked: Facets) -> int:
    """By what kind of request it is, and then by how many places it differs in."""
    routes = [sum(facets[name] != asked[name] for name in asked if name not in _LARGE) for facets in recorded]
    candidates = [number for number, route in enumerate(routes) if route == min(routes)]
    visits = max(_FEWEST_VISITS, _VISITS // len(candidates))

    def distance(number: int) -> int:
        return sum(1 for _ in islice(_Comparison(visits).differences(recorded[number], asked), _COUNTED))

    return min(candidates, key=distance)


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


_ABSENT = _Absent()
_Difference = tuple[str, Any, Any]


class _Comparison:
    """Compares two requests leaf by leaf, up to so many: a body can hold any number of them."""

    def __init__(self, visits: int) -> None:
        self._left = visits

    def differences(self, recorded: Facets, asked: Facets) -> Iterator[_Difference]:
        """The path of each leaf that differs, `data[0].url`, and what it is in both."""
        for name in asked:
            old, new = _tree(name, recorded[name]), _tree(name, asked[name])
            yield from self._compare("" if name in _LARGE else name, old, new)

    def _compare(self, path: str, old: Any, new: Any) -> Iterator[_Difference]:
        kinds = [type(value) for value in (old, new) if value is not _ABSENT and value not in ({}, [])]
        children: Iterable[tuple[Any, Any, Any]]
        if kinds in ([dict], [dict, dict]):
            old, new = _or_empty(old, {}), _or_empty(new, {})
            before, after = f"{path}." if path else "", ""
            children = ((name, old.get(name, _ABSENT), new.get(name, _ABSENT)) for name in _names(old, new))
        elif kinds in ([list], [list, list]):
            before, after = f"{path}[", "]"
            both = zip_longest(_or_empty(old, []), _or_empty(new, []), fillvalue=_ABSENT)
            children = ((number, *pair) for number, pair in enumerate(both))
        else:
            if not _equal(old, new):
                yield path or "body", old, new
            return
        for name, one, other in children:
            self._left -= 1
            if self._left < 0:
                return
            if isinstance(one, dict | list) or isinstance(other, dict | list):
                yield from self._compare(f"{before}{name}{after}", one, other)
            elif not _equal(one, other):
                yield f"{before}{name}{after}", one, other


def _equal(old: Any, new: Any) -> bool:
    return type(old) is type(new) and bool(old == new)


def _names(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    yield from old
    yield from (name for name in new if name not in old)


def _or_empty(value: Any, empty: Any) -> Any:
    return value if isinstance(value, type(empty)) else empty


def _tree(name: str, value: Any) -> Any:
    """A facet as JSON: the fields of a form and of a query by their names."""
    if name == "query":
        return dict(_named(value, "query "))
    if name != "body":
        return value
    if value is None:
        return _ABSENT
    ((kind, meaning),) = value.items()
    return dict(_named(meaning, "")) if kind == "multipart" else meaning


def _named(pairs: Iterable[tuple[str, str]], prefix: str) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    for name, value in pairs:
        seen[name] = seen.get(name, 0) + 1
        yield f"{prefix}{name}" + (f"#{seen[name]}" if seen[name] > 1 else ""), value


def _told(path: str, old: Any, new: Any) -> str:
    """A difference in a line that a terminal takes."""
    path = path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH:]}"
    room = (_LONGEST_LINE - len(path) - len(": recorded ……'', asked ……''")) // 2
    start = 0
    if isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > room:
        same = next(
            (at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new))
        )
        start = max(0, same - room // 3)
    return f"{path}: recorded {_short(old, start, room)}, asked {_short(new, start, room)}"


def _short(value: Any, start: int, room: int) -> str:
    if isinstance(value, str) and (found := REFERENCE.search(value)) is not None:
        return f"the picture {found['sha256'][:12]}…"
    if not isinstance(value, str):
        text = repr(value)
        return text if len(text) <= room else f"{text[:room]}…"
    text, end = repr(value[start : start + room]), len(value) > start + room
    if len(text) > room + 2:  # escapes
        text, end = text[:room], True
    return f"{'…' * (start > 0)}{text}{'…' * end}"
