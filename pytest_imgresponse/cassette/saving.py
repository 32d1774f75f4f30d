"""Saving: what a session recorded is on the disk before the test goes on, or is put where it can be written."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pytest_imgresponse._config import Settings
from pytest_imgresponse.cassette.cleaning import Cleaning
from pytest_imgresponse.cassette.interaction import Interaction, Response
from pytest_imgresponse.cassette.matching import Likeness
from pytest_imgresponse.cassette.merging import Ticket, are_only_errors, merge, still_held_back, with_needed_tags
from pytest_imgresponse.cassette.rewriting import Rewrite
from pytest_imgresponse.cassette.runs import Run
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.errors import CassetteDecodeError, CassetteSaveError, ConfigError


class Saver:
    """Saves a cassette, for whoever holds the lock of its session.

    `old` is what the cassette held when it was opened; None where there was none. A cassette that is rewritten takes
    the old one's place in `close`, a `shared` one when the run ends.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        cleaning: Cleaning,
        run: Run,
        attributes: Path,
        old: Sequence[Interaction] | None,
        *,
        shared: bool = False,
    ) -> None:
        self.error: CassetteSaveError | None = None
        """What could not be saved, until it is."""
        self.not_kept: list[Response] = []
        """The errors that did not replace a success."""
        self._store = store
        self._cleaning = cleaning
        self._run = run
        self._attributes = attributes
        self._old = old or []
        self._existed = old is not None
        self._known: set[str] = set()  # the digests of what was there, and of what this session recorded
        self._held_back: set[str] = set()
        self._unsaved: list[Interaction] = []
        self._elsewhere: Store | None = None
        self._probed = False
        self._rewrite = Rewrite(store, run) if settings.record == "rewrite" else None
        self._shared = shared
        self._interrupted: bool | None = None
        """How the test ended; None while it runs."""

    @property
    def made(self) -> bool:
        """Whether this run has made the cassette, or is about to."""
        return not self._existed or self._run.has("made", self._store.path)

    def probe(self) -> None:
        """Before the first request is sent: make sure that its answer can be written. Raises `CassetteSaveError`."""
        if self._probed:
            return
        path = self._store.path
        try:
            with self._store.lock():
                pass
        except OSError as error:
            raise CassetteSaveError(
                f"{path}: nothing was sent, since the cassette could not be written: {error}; make {path.parent} a "
                f"folder that can be written to, or set `imgresponse_cassette_dir`"
            ) from error
        self._probed = True

    def hold_back(self, success: Interaction, error: Response) -> None:
        """The old success stays in its place, and the error is not saved."""
        self._held_back.add(success.digest)
        self.not_kept.append(error)

    def save(self, tickets: Sequence[Ticket]) -> None:
        """Save what the tickets recorded. What goes wrong is kept in `error`."""
        try:
            self._save(tickets)
        except (OSError, CassetteDecodeError) as error:
            self.error = self._rescued(tickets, error)
        except ConfigError as error:  # of `before_save`; what it has not seen may not stand in the cassette
            for ticket in tickets:
                if ticket.sent is not None and ticket.recorded is None:
                    self._unsaved.append(
                        self._cleaning.interaction(ticket.clean, ticket.sent, ticket.likeness.key, 0, plainly=True)
                    )
                    ticket.sent = None
            self.error = self._rescued(tickets, error)
        if self._interrupted is not None:  # the answer came after the test
            self.close(tickets, interrupted=self._interrupted)

    def rewritten(self) -> list[Interaction]:
        """What other tests of this run have rewritten of a shared cassette so far. Raises `CassetteDecodeError`."""
        return self._rewrite.load_beside() if self._rewrite is not None else []

    def close(self, tickets: Sequence[Ticket], *, interrupted: bool) -> Path | None:
        """What was saved is saved again where it is gone, and what is rewritten takes the old cassette's place.

        Gives its path where it stays beside the old one: this run was interrupted, or something could not be saved.
        """
        if self._interrupted is None and self.error is None and self._is_gone(tickets):
            for ticket in tickets:
                ticket.saved = None
            self.save(tickets)
        self._interrupted = interrupted
        rewrite = self._rewrite
        if rewrite is None or not rewrite.store.exists():
            return None
        if self._shared:
            if self.error is not None:
                self._run.note("unsaved", self._store.path)
            return None
        if rewrite.begun and (interrupted or self.error is not None):
            return rewrite.store.path
        try:
            rewrite.finish()
        except CassetteSaveError as error:
            self.error = error
        return None

    def _is_gone(self, tickets: Sequence[Ticket]) -> bool:
        """Whether an answer that was saved is not on the disk: the file system was a fake one (pyfakefs), say."""
        saved = {ticket.saved.digest for ticket in tickets if ticket.saved is not None}
        store = self._rewrite.store if self._rewrite else self._store
        try:
            if not saved or not store.has_changed():
                return False
            return not saved <= {interaction.digest for interaction in store.load()} if store.exists() else True
        except (OSError, CassetteDecodeError):  # whoever reads it next is told
            return False

    def _save(self, tickets: Sequence[Ticket]) -> None:
        recorded = [ticket for ticket in tickets if ticket.sent is not None]
        rewrite, path = self._rewrite, self._store.path
        if not recorded and not (rewrite and self._held_back):
            return
        with self._store.lock():
            held_back = still_held_back(self._old, self._held_back, tickets) if rewrite else []
            disk = rewrite.load() if rewrite else self._store.load() if self._store.exists() else []
            self._known |= {interaction.digest for interaction in self._cleaning.stored(self._old, saving=True)}
            slots = self._merged(disk, tickets, held_back)
            interactions = self._written(slots)
            if rewrite:
                rewrite.save(interactions, self._attributes, begun=not are_only_errors(recorded, self._old))
            else:
                self._store.save(interactions, self._attributes)
            self.error = self.error if self._unsaved else None
            for slot, interaction in zip(slots, interactions, strict=True):
                if isinstance(slot, Ticket):
                    slot.saved = interaction
            if rewrite and self._shared:
                self._run.note("shared", path)
            if not self._existed:
                self._run.note("made", path)

    def _merged(
        self, disk: Sequence[Interaction], tickets: Sequence[Ticket], held_back: Sequence[Interaction]
    ) -> list[Interaction | Ticket]:
        """What the cassette is to hold. An answer is redacted here: its placeholders depend on its place."""
        cleaning = self._cleaning
        clean = cleaning.stored(disk, saving=True)
        slots = merge(clean, tickets, self._likeness_of, cleaning.stored(held_back, saving=True))
        numbers: Counter[str] = Counter()
        for slot in slots:
            key = slot.likeness.key if isinstance(slot, Ticket) else cleaning.likeness_of(slot).key
            if isinstance(slot, Ticket) and slot.recorded is None:
                assert slot.sent is not None
                slot.recorded = cleaning.interaction(slot.clean, slot.sent, key, numbers[key])
                slot.likeness = cleaning.likeness_of(slot.recorded)
                self._known.add(slot.recorded.digest)
            numbers[key] += 1
        return slots

    def _likeness_of(self, interaction: Interaction) -> Likeness:
        """What an interaction is compared by. A bare placeholder of another worker is one value, and not any."""
        likeness = self._cleaning.likeness_of(interaction)
        if not likeness.tags or interaction.digest in self._known or any(likeness.tags):
            return likeness
        noted = self._run.tags_of(self._store.path).get(interaction.digest)
        return replace(likeness, tags=tuple(noted) if noted else ("?",) * len(likeness.tags))

    def _written(self, slots: Sequence[Interaction | Ticket]) -> list[Interaction]:
        """The interactions as they stand on the disk, with the tags that are needed there."""
        interactions = [slot if isinstance(slot, Interaction) else _recorded(slot) for slot in slots]
        own = {_recorded(slot).digest for slot in slots if isinstance(slot, Ticket)}
        written = with_needed_tags(
            interactions,
            self._likeness_of,
            lambda interaction: interaction.digest not in own and self._cleaning.is_tagged(interaction),
        )
        for slot, interaction in zip(slots, written, strict=True):
            if isinstance(slot, Ticket):
                self._cleaning.saved(interaction, _recorded(slot))
                if slot.likeness.tags:
                    self._run.note_tags(self._store.path, interaction.digest, slot.likeness.tags)
        return written

    def _rescued(self, tickets: Sequence[Ticket], cause: Exception) -> CassetteSaveError:
        """Put the answers where they can be written; the error says where."""
        path = self._store.path
        slots = self._merged([], [ticket for ticket in tickets if ticket.sent is not None], [])
        answers = [*self._written(slots), *self._unsaved]
        problem = f"{path}: {len(answers)} answer(s) could not be saved: {cause}"
        try:
            if self._elsewhere is None:
                self._elsewhere = Store(Path(tempfile.mkdtemp(prefix="imgresponse-")) / path.name)
            self._elsewhere.save(answers)
        except OSError as second:
            return CassetteSaveError(f"{problem}; nor elsewhere: {second}. Make room and record again")
        return CassetteSaveError(
            f"{problem}. They are kept as a cassette in {self._elsewhere.path.parent}: mend the cause, then move it to "
            f"{path.parent}, or record again"
        )


def _recorded(ticket: Ticket) -> Interaction:
    assert ticket.recorded is not None
    return ticket.recorded
