"""Saving: what a session recorded is on the disk before the test goes on, or is put where it can be written."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pytest_imgresponse._config import Settings
from pytest_imgresponse.cassette.interaction import Interaction
from pytest_imgresponse.cassette.matching import facets_of, key_of
from pytest_imgresponse.cassette.merging import Ticket, are_only_errors, merge, still_held_back
from pytest_imgresponse.cassette.redaction import Redactor
from pytest_imgresponse.cassette.rewriting import Rewrite
from pytest_imgresponse.cassette.runs import Run
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.errors import CassetteDecodeError, CassetteSaveError


class Saver:
    """Saves a cassette, for whoever holds the lock of its session.

    `old` is what the cassette held when it was opened; None where there was none. A cassette that is rewritten takes
    the old one's place in `close`, a `shared` one when the run ends.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        redactor: Redactor,
        run: Run,
        attributes: Path,
        old: Sequence[Interaction] | None,
        *,
        shared: bool = False,
    ) -> None:
        self.error: CassetteSaveError | None = None
        """What could not be saved, until it is."""
        self.not_kept: list[Interaction] = []
        """The errors that did not replace a success."""
        self._store = store
        self._settings = settings
        self._redactor = redactor
        self._run = run
        self._attributes = attributes
        self._old = old or []
        self._existed = old is not None
        self._held_back: set[str] = set()
        self._unsaved: list[Interaction] = []
        self._elsewhere: Store | None = None
        self._known: dict[str, tuple[Interaction, str]] = {}
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

    def hold_back(self, success: Interaction, error: Interaction) -> None:
        """The old success stays in its place, and the error is not saved."""
        self._held_back.add(success.digest)
        self.not_kept.append(error)

    def save(self, tickets: Sequence[Ticket]) -> None:
        """Save what the tickets recorded. What goes wrong is kept in `error`."""
        try:
            self._save(tickets)
        except (OSError, CassetteDecodeError) as error:
            self.error = self._rescued(tickets, error)
        if self._interrupted is not None:  # the answer came after the test
            self.close(tickets, interrupted=self._interrupted)

    def put_elsewhere(self, unsaved: Interaction, tickets: Sequence[Ticket], cause: Exception) -> None:
        """Keep what may not stand in the cassette, and `error`."""
        self._unsaved.append(unsaved)
        self.error = self._rescued(tickets, cause)

    def rewritten(self) -> list[Interaction]:
        """What other tests of this run have rewritten of a shared cassette so far. Raises `CassetteDecodeError`."""
        return self._rewrite.load_beside() if self._rewrite is not None else []

    def close(self, tickets: Sequence[Ticket], *, interrupted: bool) -> Path | None:
        """What was saved is saved again where it is gone, and what is rewritten takes the old cassette's place.

        Gives its path where it stays beside the old one: this run was interrupted, or something could not be saved.
        """
        if self._interrupted is None and self.error is None and self._is_gone(tickets):
            for ticket in tickets:
                ticket.saved = False
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
        saved = {t.recorded.digest for t in tickets if t.saved and t.recorded is not None}
        store = self._rewrite.store if self._rewrite else self._store
        try:
            if not saved or not store.has_changed():
                return False
            return not saved <= {interaction.digest for interaction in store.load()} if store.exists() else True
        except (OSError, CassetteDecodeError):  # whoever reads it next is told
            return False

    def _save(self, tickets: Sequence[Ticket]) -> None:
        recorded = [ticket for ticket in tickets if ticket.recorded is not None]
        rewrite, path = self._rewrite, self._store.path
        if not recorded and not (rewrite and self._held_back):
            return
        with self._store.lock():
            held_back = still_held_back(self._old, self._held_back, tickets) if rewrite else []
            disk = rewrite.load() if rewrite else self._store.load() if self._store.exists() else []
            merged = merge([*map(self._clean, disk)], tickets, self._key_of, [*map(self._clean, held_back)])
            if rewrite:
                rewrite.save(merged, self._attributes, begun=not are_only_errors(recorded, self._old))
            else:
                self._store.save(merged, self._attributes)
            self.error = self.error if self._unsaved else None
            for ticket in recorded:
                ticket.saved = True
            if rewrite and self._shared:
                self._run.note("shared", path)
            if not self._existed:
                self._run.note("made", path)

    def _clean(self, interaction: Interaction) -> Interaction:
        """An interaction of the disk as we would save it: plain vcrpy, or laxer rules, may have written it."""
        if interaction.digest not in self._known:
            request, response = interaction.request, interaction.response
            clean = Interaction(self._redactor.request(request), self._redactor.response(response, request))
            known = clean, key_of(facets_of(clean.request, self._settings.match_on))
            self._known[interaction.digest] = self._known[clean.digest] = known
        return self._known[interaction.digest][0]

    def _key_of(self, clean: Interaction) -> str:
        return self._known[clean.digest][1]

    def _rescued(self, tickets: Sequence[Ticket], cause: Exception) -> CassetteSaveError:
        """Put the answers where they can be written; the error says where."""
        path = self._store.path
        answers = [ticket.recorded for ticket in tickets if ticket.recorded is not None] + self._unsaved
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
