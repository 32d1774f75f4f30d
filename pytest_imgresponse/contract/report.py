"""The report of a run: what was tried, what broke the contract, and the lines that show it again."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

from pytest_imgresponse._terminal import escaped
from pytest_imgresponse.contract.calling import Outcome, cause_of
from pytest_imgresponse.contract.trial import Given, Trial
from pytest_imgresponse.http import HTTPResponse

_SHOWN = 240
"""Characters of a body that a row shows."""
_WIDTH = 120
"""Characters of a line, but for those to paste."""
_COUNT_WIDTH = len(" (and 100 more)")
_REASONS = 3
"""Reasons why cases were not tried, that the text of a report gives; `not_tried` holds them all."""
_PAYLOAD = re.compile(r"([A-Za-z0-9+/_-]{24})[A-Za-z0-9+/=_-]{40,}")


@dataclass(frozen=True, slots=True)
class Row:
    """One trial that broke the contract: what happened, and the line to paste that does it again."""

    trial: Trial
    outcome: Outcome
    happened: str
    reproduce: str

    @property
    def cause(self) -> tuple[str, ...]:
        """What it has in common with others that broke the contract in the same way."""
        return cause_of(self.trial, self.outcome)

    @property
    def size(self) -> int:
        """The bytes of its test case."""
        return len(self.trial.response.body) + sum(map(len, self.trial.served.values()))

    def as_json(self) -> dict[str, Any]:
        """The row for machines; the body and what is at its urls in base64, for they may be anything."""
        trial, response = self.trial, self.trial.response
        return {
            "case": trial.name,
            "level": trial.level,
            "verdict": trial.verdict,
            "happened": self.happened,
            "reason": trial.reason,
            "seen": trial.seen,
            "seconds": round(self.outcome.seconds, 4),
            "reproduce": self.reproduce,
            "status": response.status,
            "headers": [list(pair) for pair in response.headers],
            "body": base64.b64encode(response.body).decode(),
            "pictures": {url: base64.b64encode(data).decode() for url, data in trial.served.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `check_parser` found.

    `tried` counts the plain answers and edge cases, and `accepted` those that the parser took; `generated` the answers
    that were generated, those of shrinking included. `rows` are the trials that broke the contract: the plain answers
    and edge cases but those excepted, and of the generated answers the smallest for each further way to break it.
    `excepted` are the failing cases of `except_for` with the reasons given, `unneeded` its other cases with why they
    need not be there, `not_tried` the cases that were left out, with why. `stopped` says why the run ended early.
    `preamble` are the lines of Python that stand before each line to paste. `slowest` is the name of the slowest trial,
    and its seconds.
    """

    parser: str
    given: Given
    tried: int
    accepted: int
    generated: int
    rows: Sequence[Row]
    preamble: str = ""
    excepted: Mapping[str, str] = field(default_factory=dict)
    unneeded: Mapping[str, str] = field(default_factory=dict)
    not_tried: Mapping[str, str] = field(default_factory=dict)
    stopped: str = ""
    slowest: tuple[str, float] = ("", 0.0)

    @property
    def ways(self) -> list[list[Row]]:
        """The rows by their cause, the smallest test case first."""
        found: dict[tuple[str, ...], list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.cause, []).append(row)
        return [sorted(rows, key=lambda row: row.size) for rows in found.values()]

    @property
    def way_of(self) -> dict[tuple[str, ...], int]:
        """The number of the way to break the contract that a cause is, from 1."""
        return {rows[0].cause: number for number, rows in enumerate(self.ways, 1)}

    @property
    def headline(self) -> str:
        """What came of it, in a sentence."""
        if not self.rows:
            so_far = ", as far as it was tried" if self.stopped else ""
            return f"{self.parser} keeps the contract of a parser{so_far}"
        ways = len(self.ways)
        return f"{self.parser} breaks the contract of a parser in {ways} way{'s' if ways > 1 else ''}"

    @property
    def notes(self) -> list[str]:
        """What else there is to say: which cases may fail, which were not tried, why it ended early."""
        notes = [f"excepted: {name} ({reason})" for name, reason in self.excepted.items()]
        notes += [f"except_for names {name}, which {why}: take it out" for name, why in self.unneeded.items()]
        if self.stopped:
            notes.append(f"stopped: {self.stopped}")
        if self.not_tried:
            counts = Counter(self.not_tried.values()).most_common()
            shown = [*counts[:_REASONS], ("others", sum(count for _, count in counts[_REASONS:]))]
            reasons = ", ".join(f"{why} ({count})" for why, count in shown if count)
            notes.append(f"{len(self.not_tried)} not tried: {reasons}")
        return notes

    def as_json(self) -> dict[str, Any]:
        """The report for machines; each finding with the number of its way to break the contract, from 1."""
        numbers = self.way_of
        return {
            "parser": self.parser,
            "given": self.given,
            "tried": self.tried,
            "accepted": self.accepted,
            "generated": self.generated,
            "slowest": {"case": self.slowest[0], "seconds": round(self.slowest[1], 4)},
            "excepted": dict(self.excepted),
            "unneeded": dict(self.unneeded),
            "not_tried": dict(self.not_tried),
            "stopped": self.stopped,
            "preamble": self.preamble,
            "ways": len(numbers),
            "findings": [{"way": numbers[row.cause], **row.as_json()} for row in self.rows],
        }

    def __str__(self) -> str:
        """The report for people: a headline, a table, then for each way its smallest test case and line to paste."""
        return escaped("\n".join(self._lines()))

    def _lines(self) -> Iterator[str]:
        yield self.headline
        yield from _wrapped(
            f"  tried: {self.tried} plain answers and edge cases, of which it accepted {self.accepted}; "
            f"{self.generated} generated answers (given={self.given!r})"
        )
        name, seconds = self.slowest
        yield from (f"  slowest: {name}, {seconds * 1000:.0f} ms",) if name else ()
        for note in self.notes:
            yield from _wrapped(f"  {note}")
        if self.rows:
            width = max(len(rows[0].trial.name) for rows in self.ways)
            room = _WIDTH - _COUNT_WIDTH - len(_columns("", width, None, ""))
            yield from self._table(width, room)
            yield from ("", "  The smallest test case of each, and the line that shows it again, after", "")
            yield from (f"    {line}" for line in self.preamble.splitlines())
            for rows in self.ways:
                yield ""
                yield from _details(rows, room)

    def _table(self, width: int, room: int) -> Iterator[str]:
        """The first row of each way: its name padded to `width` characters, what happened cut to `room` characters."""
        yield from ("", f"{_columns('case', width, 'level', 'verdict')}what happened")
        yield f"{_columns('-' * width, width, '------', '---------')}-------------"
        for first, *others in self.ways:
            columns = _columns(first.trial.name, width, first.trial.level, first.trial.verdict)
            yield f"{columns}{_cut(first.happened, room)}{f' (and {len(others)} more)' if others else ''}"


def _columns(name: str, width: int, level: str | None, verdict: str) -> str:
    return f"  {name:<{width}}  {level or '':<6}  {verdict:<9}  "


def _details(rows: Sequence[Row], room: int) -> Iterator[str]:
    """The smallest test case of one way to break the contract, what the table cut, and the names of its others."""
    smallest, *others = rows
    trial = smallest.trial
    yield from _wrapped(f"  {trial.name}: {trial.reason}{f' (seen: {trial.seen})' if trial.seen else ''}")
    yield from _wrapped(f"    {smallest.happened}") if len(smallest.happened) > room else ()
    yield from _wrapped(f"    {shortened(trial.response)}")
    yield f"    {smallest.reproduce}"
    yield from _wrapped(f"    and {len(others)} more: {', '.join(row.trial.name for row in others)}") if others else ()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _wrapped(line: str) -> list[str]:
    """A line that begins with spaces, in lines; further ones begin with two more."""
    indent = " " * (len(line) - len(line.lstrip()))
    return wrap(
        line.lstrip(),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def shortened(response: HTTPResponse) -> str:
    """A response on one line: its status, its content type and its body, with long base64 cut."""
    text = _PAYLOAD.sub(r"\1…", response.body.decode("utf-8", "backslashreplace"))
    text = " ".join(text.split())
    cut = f"{text[:_SHOWN]}… ({len(response.body)} bytes)" if len(text) > _SHOWN else text
    return f"{response.status} {response.content_type or 'no content type'}: {cut or '(empty)'}"
