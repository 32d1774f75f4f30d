"""What the terminal summary says, added up over the tests and the workers of a run."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
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
    unseen: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    loopback: int = 0
    unanswered: list[str] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    shared: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """The names of headers that recorded answers had and cassettes do not keep; each once."""

    def add(self, session: Session, test: str, *, passed: bool, shared: bool, unseen: bool) -> None:
        """Count one test's use of its cassette. Unplayed interactions count where it passed."""
        from pytest_imgresponse.cassette.kept_headers import left_out

        cassette = str(session.path)
        for ticket in session.answered:
            if ticket.sent is not None:
                assert ticket.exchange is not None
                self.recorded += 1
                self._note_left_out(left_out(ticket.exchange.response.headers, session.settings.keep_headers))
                self.output_tokens += sum(map(int, _OUTPUT_TOKENS.findall(ticket.sent.body.text)))
                if ticket.sent.status >= 400:
                    self.failed.append(f"{ticket.sent.status} in {cassette} ({test})")
            elif ticket.played is not None:
                self.replayed += 1
        self.not_kept += [f"{error.status} for {cassette} ({test})" for error in session.not_kept]
        self.unfinished += [str(cassette.parent) for cassette in session.unfinished]
        self.unanswered += [f"{asked} ({test})" for asked in session.unanswered]
        self.served += [f"{served} ({test})" for served in session.served]
        self.unseen += [test] if unseen else []
        if not passed:
            return
        self.missed += [f"{test}: {str(miss).splitlines()[0]}" for miss in session.misses]
        if session.settings.allow_unplayed:
            return
        if shared:
            self._share(session, cassette, test)
        elif session.unplayed:
            self.unplayed[cassette] = len(session.unplayed)

    def _note_left_out(self, names: Iterable[str]) -> None:
        self.left_out = sorted({*self.left_out, *names})

    def _share(self, session: Session, cassette: str, test: str) -> None:
        seen: Counter[str] = Counter()
        unplayed = {id(interaction) for interaction in session.unplayed}
        entry = self.shared.setdefault(cassette, {"held": [], "played": [], "tests": []})
        recorded = [ticket.saved for ticket in session.answered if ticket.saved is not None]
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
        self.loopback += other.loopback
        self.unplayed.update(other.unplayed)
        self._note_left_out(other.left_out)
        for mine, theirs in (
            (self.failed, other.failed),
            (self.not_kept, other.not_kept),
            (self.missed, other.missed),
            (self.unfinished, other.unfinished),
            (self.unseen, other.unseen),
            (self.refused, other.refused),
            (self.unanswered, other.unanswered),
            (self.served, other.served),
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
        if self.loopback:
            yield f"{_counted(self.loopback, 'request')} to the loopback passed outside of the cassettes"
        if self.unanswered:
            yield (
                f"{_counted(len(self.unanswered), 'request')} got no answer and will not replay (failures are for "
                f"LocalEndpoint.fail and stub)"
            )
        if self.left_out:
            more = f", … and {len(self.left_out) - _SHOWN} more" if len(self.left_out) > _SHOWN else ""
            shown = ", ".join(self.left_out[:_SHOWN])
            yield f"left out of the cassettes: headers {shown}{more} (keep_headers keeps them)"
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
            ("saw no request", self.unseen),
            ("refused", self.refused),
            ("no answer", self.unanswered),
            ("recorded a server of the tests' own, which replay does not run", self.served),
        ):
            for entry in entries[:_SHOWN]:
                yield f"{title}: {entry}".replace(f"{root}{os.sep}", "")
            if len(entries) > _SHOWN:
                yield f"{title}: … and {len(entries) - _SHOWN} more"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
