"""The report of a contract: what was tried, what broke it, and the lines that show it again."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_imgresponse.contract.outcome import Outcome
from pytest_imgresponse.contract.trial import Given, Trial
from pytest_imgresponse.http import HTTPResponse

_SHOWN = 240
"""Letters of a body that a row shows."""
_PAYLOAD = re.compile(r"([A-Za-z0-9+/_-]{24})[A-Za-z0-9+/=_-]{40,}")


@dataclass(frozen=True, slots=True)
class Row:
    """One trial that broke the contract: what happened, and the line to paste that does it again."""

    trial: Trial
    outcome: Outcome
    happened: str
    reproduce: str

    def as_json(self) -> dict[str, Any]:
        """The row for machines; the body in base64, for it may be anything."""
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
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What `check_parser` found.

    `tried` counts the plain answers and edge cases, `generated` the answers that were generated, those of shrinking
    included. `excepted` are the failing cases of `except_for` with the reasons given, `unneeded` its others with why
    they need not be there. `preamble` are the lines of Python that stand before each line to paste. `slowest` is the
    name of a trial, and its seconds.
    """

    parser: str
    given: Given
    tried: int
    generated: int
    rows: Sequence[Row]
    preamble: str = ""
    excepted: Mapping[str, str] = field(default_factory=dict)
    unneeded: Mapping[str, str] = field(default_factory=dict)
    slowest: tuple[str, float] = ("", 0.0)

    @property
    def headline(self) -> str:
        """What came of it, in a sentence."""
        if not self.rows:
            return f"{self.parser} keeps the contract of a parser"
        ways = "1 way" if len(self.rows) == 1 else f"{len(self.rows)} ways"
        return f"{self.parser} breaks the contract of a parser in {ways}"

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {
            "parser": self.parser,
            "given": self.given,
            "tried": self.tried,
            "generated": self.generated,
            "slowest": {"case": self.slowest[0], "seconds": round(self.slowest[1], 4)},
            "excepted": dict(self.excepted),
            "unneeded": dict(self.unneeded),
            "preamble": self.preamble,
            "findings": [row.as_json() for row in self.rows],
        }

    def __str__(self) -> str:
        """The report for people: a headline, a table, then for each row the test case and the way back."""
        return escaped("\n".join(self._lines()))

    def _lines(self) -> Iterator[str]:
        yield self.headline
        yield (
            f"  tried: {self.tried} plain answers and edge cases, {self.generated} generated answers "
            f"(given={self.given!r}); slowest: {self.slowest[0]}, {self.slowest[1] * 1000:.0f} ms"
        )
        for name, reason in self.excepted.items():
            yield f"  excepted: {name} ({reason})"
        for name, why in self.unneeded.items():
            yield f"  except_for names {name}, which {why}: take it out"
        if self.rows:
            yield from self._table()
            yield from ("", "  The smallest test case of each, and the line that shows it again, after", "")
            yield from (f"    {line}" for line in self.preamble.splitlines())
            for row in self.rows:
                seen = f" (seen: {row.trial.seen})" if row.trial.seen else ""
                yield from ("", f"  {row.trial.name}: {row.trial.reason}{seen}")
                yield from (f"    {shortened(row.trial.response)}", f"    {row.reproduce}")

    def _table(self) -> Iterator[str]:
        width = max(len(row.trial.name) for row in self.rows)
        yield from ("", f"  {'case':<{width}}  level   verdict    what happened")
        yield f"  {'-' * width}  ------  ---------  -------------"
        for row in self.rows:
            trial = row.trial
            yield f"  {trial.name:<{width}}  {trial.level or '':<6}  {trial.verdict:<9}  {row.happened}"


def escaped(text: str) -> str:
    """A text without what a terminal would obey: but for line ends, what cannot be printed is written as escapes."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def shortened(response: HTTPResponse) -> str:
    """A response on one line: its status, its content type and its body, with long base64 cut."""
    text = _PAYLOAD.sub(r"\1…", response.body.decode("utf-8", "backslashreplace"))
    text = " ".join(text.split())
    cut = f"{text[:_SHOWN]}… ({len(response.body)} bytes)" if len(text) > _SHOWN else text
    return f"{response.status} {response.content_type or 'no content type'}: {cut or '(empty)'}"


def reproduction(trial: Trial, given: Given, through: str) -> str:
    """The line of Python that gives the parser this trial again; what was generated is packed into it."""
    response = trial.source or _packed(trial.response)
    body = f"{response}.body" if trial.source else _unpacking(trial.response.body)
    argument = {"bytes": body, "dict": f"json.loads({body})", "response": response, "http": ""}[given]
    call = f"{through}(parse({argument}))" if through else f"parse({argument})"
    return f"with stub({response}): {call}" if given == "http" else call


def _packed(response: HTTPResponse) -> str:
    """The Python expression of a response."""
    return f"HTTPResponse({response.status}, {list(response.headers)!r}, {_unpacking(response.body)})"


def _unpacking(body: bytes) -> str:
    """The Python expression of bytes."""
    return f'zlib.decompress(base64.b85decode("{base64.b85encode(zlib.compress(body, 9)).decode()}"))'


def preamble_of(lines: Sequence[str], answer: HTTPResponse | None) -> str:
    """What the lines need: imports, and of a client the `answer` to what it asked."""
    text = "\n".join(lines)
    answers = [f"answer = {_packed(answer)}"] if answer is not None and "(answer" in text else []
    text += "".join(answers)
    modules = [name for name in ("asyncio", "base64", "json", "zlib") if f"{name}." in text]
    names = [name for name in ("EDGE_CASES", "HTTPResponse", "stub") if re.search(rf"\b{name}[\[(]", text)]
    needed = {
        f"import {', '.join(modules)}": modules,
        f"from pytest_imgresponse import {', '.join(names)}": names,
        "from pytest_imgresponse.edge_cases.plain import plain_responses": "plain_responses()" in text,
        "# from_response: as it was given": "(from_response" in text,
    }
    return "\n".join([*(line for line, is_needed in needed.items() if is_needed), *answers])
