"""Misses: what is said of a request that the cassette does not answer, the nearest recorded one, and the way out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_imgresponse._config import Settings
from pytest_imgresponse.cassette.interaction import Request
from pytest_imgresponse.cassette.matching import Facets, facets_of, key_of
from pytest_imgresponse.cassette.payloads import REFERENCE
from pytest_imgresponse.errors import CassetteError, CassetteMissingError, UnrecordedRequestError

_OTHERS = (".yaml.gz", ".json", ".json.gz")
"""How the names of cassettes of other serializers end: vcrpy's JSON, langchain's gzip."""
_SHOWN = 12  # differences
_LONGEST = 80  # characters of a value


def miss(
    request: Request,
    key: str,
    path: Path,
    settings: Settings,
    remedy: str,
    *,
    recorded: Sequence[Facets] | None,
    elsewhere: Callable[[], Iterable[tuple[Path, str | None]]],
    asked: int,
) -> CassetteError:
    """The error of a redacted request that has no answer.

    `recorded` are the requests of the cassette, None where there is none; `elsewhere` gives where else one may
    lie; `asked` is how often this one was. `remedy` is the way to record, `{mode}` in it the record mode.
    """
    head = f"no answer for {request.method} {request.url}, and nothing was sent (record mode {settings.record!r})."
    if recorded is None:
        return CassetteMissingError(
            f"{head}\nThere is no cassette {path}.{_found(path, elsewhere())}\n"
            f"To record it: {remedy.replace('{mode}', 'once')}"
        )
    same = sum(key_of(facets) == key for facets in recorded)
    if same:
        held = f"this request {same} time(s); it was asked {asked} times."
    elif recorded:
        differs = nearest(recorded, facets_of(request, settings.match_on))
        held = f"{len(recorded)} interaction(s); {differs}"
    else:
        held = "no interaction."
    return UnrecordedRequestError(
        f"{head}\nCassette {path} holds {held}\n"
        f"To add it: {remedy.replace('{mode}', 'new_episodes')}\n"
        f"To record the cassette afresh: {remedy.replace('{mode}', 'rewrite')}"
    )


def _found(path: Path, elsewhere: Iterable[tuple[Path, str | None]]) -> str:
    """A recording that is there in another form or place, and how to use it before one pays for it again."""
    for place, layout in [(path, None), *elsewhere]:
        for found in (place, *(place.with_name(f"{place.stem}{end}") for end in _OTHERS)):
            if not os.path.lexists(found):
                continue
            where = f" Beside it is {found.name}" if found.parent == path.parent else f"\nBut there is {found}"
            if found.suffix not in (".yaml", ".yml"):
                return f"{where}, which is not read: it has to be YAML (`imgresponse import`)."
            way = f"set the ini `imgresponse_cassette_layout = {layout}`, or " if layout else ""
            return f"{where}: {way}move it, its pictures too (or `imgresponse import`)."
    return ""


def differences(recorded: Facets, asked: Facets) -> list[str]:
    """How two requests differ, a line each: `prompt: recorded 'a red fox', asked 'a red foxx'`."""
    lines = []
    for name in asked:
        before, after = _leaves_of(name, recorded[name]), _leaves_of(name, asked[name])
        for path in {**before, **after}:
            old, new = before.get(path, _ABSENT), after.get(path, _ABSENT)
            if json.dumps(old, default=repr) != json.dumps(new, default=repr):
                lines.append(f"{path}: recorded {_short(old)}, asked {_short(new)}")
    return lines


def nearest(recorded: Sequence[Facets], asked: Facets) -> str:
    """Which recorded request is nearest to one that has no match, and what differs."""
    number, facets = min(enumerate(recorded, 1), key=lambda numbered: _distance(numbered[1], asked))
    lines = differences(facets, asked)
    shown = "".join(f"\n  {line}" for line in lines[:_SHOWN])
    more = f"\n  … and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return f"the nearest, number {number}, differs in:{shown}{more}"


def _distance(recorded: Facets, asked: Facets) -> tuple[int, int]:
    """First what kind of request it is, then in how many places it differs."""
    route = sum(recorded[name] != asked[name] for name in asked if name not in ("body", "query"))
    return route, len(differences(recorded, asked))


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


_ABSENT = _Absent()


def _leaves_of(name: str, value: Any) -> dict[str, Any]:
    """The leaves of a facet by their paths: `data[0].url`, a field of a form by its name."""
    if name == "query":
        return dict(_named(value, "query "))
    if name != "body":
        return {name: value}
    if value is None:
        return {}
    ((kind, meaning),) = value.items()
    if kind == "multipart":
        return dict(_named(meaning, ""))
    return dict(_leaves(meaning, "")) if kind == "json" else {"body": meaning}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _leaves(item, f"{path}[{number}]")
    else:
        yield path or "body", value


def _named(pairs: Iterable[tuple[str, str]], prefix: str) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    for name, value in pairs:
        seen[name] = seen.get(name, 0) + 1
        yield f"{prefix}{name}" + (f"#{seen[name]}" if seen[name] > 1 else ""), value


def _short(value: Any) -> str:
    text = repr(value)
    if (found := REFERENCE.search(text)) is not None:
        return f"the picture {found['sha256'][:12]}…"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
