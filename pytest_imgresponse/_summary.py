"""What the terminal summary says, added up over the tests and the workers of a run."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_imgresponse.cassette.session import Session

_OUTPUT_TOKENS = re.compile(r'"output_tokens"\s*:\s*(\d+)')
_SHOWN = 10


@dataclass
class Tally:
    """The counts of a run. Plain types alone: a worker sends its own to the controller."""

    recorded: int = 0
    output_tokens: int = 0
    replayed: int = 0
    unplayed: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    not_kept: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    not_saved: list[str] = field(default_factory=list)
    shared: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def add(self, session: Session, test: str, *, passed: bool, shared: bool) -> None:
        """Count one test's use of its cassette. Unplayed interactions count where it passed."""
        cassette = str(session.path)
        for ticket in session.answered:
            if ticket.recorded is not None:
                self.recorded += 1
                self.output_tokens += sum(map(int, _OUTPUT_TOKENS.findall(ticket.recorded.response.body.text)))
                if ticket.recorded.response.status >= 400:
                    self.failed.append(f"{ticket.recorded.response.status} in {cassette} ({test})")
            elif ticket.played is not None:
                self.replayed += 1
        self.not_kept += [f"{i.response.status} for {cassette} ({test})" for i in session.not_kept]
        self.unfinished += [str(cassette.parent) for cassette in session.unfinished]
        if not passed:
            return
        self.missed += [f"{test}: {str(miss).splitlines()[0]}" for miss in session.misses]
        if session.settings.allow_unplayed:
            return
        if shared:
            self._share(session, cassette, test)
        elif session.unplayed:
            self.unplayed[cassette] = len(session.unplayed)

    def _share(self, session: Session, cassette: str, test: str) -> None:
        seen: Counter[str] = Counter()
        unplayed = {id(interaction) for interaction in session.unplayed}
        entry = self.shared.setdefault(cassette, {"held": [], "played": [], "tests": []})
        recorded = [ticket.recorded for ticket in session.answered if ticket.recorded is not None]
        for interaction in [*session.loaded, *recorded]:
            seen[interaction.digest] += 1
            name = f"{interaction.digest}:{seen[interaction.digest]}"
            entry["held"].append(name)
            if id(interaction) not in unplayed:
                entry["played"].append(name)
        entry["tests"].append(test)

    def merge(self, sent: Mapping[str, Any]) -> None:
        """Add what a worker sent (`as_dict` of its own)."""
        other = Tally(**sent)
        self.recorded += other.recorded
        self.output_tokens += other.output_tokens
        self.replayed += other.replayed
        self.unplayed.update(other.unplayed)
        for mine, theirs in (
            (self.failed, other.failed),
            (self.not_kept, other.not_kept),
            (self.missed, other.missed),
            (self.unfinished, other.unfinished),
        ):
            mine += theirs
        for cassette, entry in other.shared.items():
            known = self.shared.setdefault(cassette, {"held": [], "played": [], "tests": []})
            for name, values in entry.items():
                known[name] += values

    def as_dict(self) -> dict[str, Any]:
        """What `merge` takes."""
        return asdict(self)

    def judge_shared(self, users: Mapping[str, set[str]]) -> dict[str, int]:
        """The unplayed interactions of shared cassettes, where all the tests that use one have passed.

        `users` are the collected tests by cassette.
        """
        judged = {}
        for cassette, entry in self.shared.items():
            left = set(entry["held"]) - set(entry["played"])
            if left and users.get(cassette, set()) <= set(entry["tests"]):
                judged[cassette] = len(left)
        return judged

    def lines(self, root: Path) -> Iterator[str]:
        """The summary, its paths from `root`; nothing where no test used a cassette."""
        counts = []
        if self.recorded:
            counts.append(f"{self.recorded} recorded ({self.output_tokens} output tokens)")
        if self.replayed:
            counts.append(f"{self.replayed} replayed")
        if self.unplayed:
            counts.append(f"{sum(self.unplayed.values())} unplayed")
        if counts:
            yield ", ".join(counts)
        unplayed = [f"{n} in {cassette}" for cassette, n in sorted(self.unplayed.items())]
        for title, entries in (
            ("recorded an error, which will replay as it is", self.failed),
            ("did not keep an error, since the cassette holds a success", self.not_kept),
            ("unplayed", unplayed),
            ("passed although a request had no recorded answer", self.missed),
            (
                "a rewrite did not end, and what it recorded is kept; move it to where the cassette is, or delete it",
                list(dict.fromkeys(self.unfinished)),
            ),
            ("not saved", self.not_saved),
        ):
            for entry in entries[:_SHOWN]:
                yield f"{title}: {entry}".replace(f"{root}{os.sep}", "")
            if len(entries) > _SHOWN:
                yield f"{title}: … and {len(entries) - _SHOWN} more"
