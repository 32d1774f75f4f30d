"""Rewriting: a cassette that is recorded afresh lies beside the old one until it takes its place as a whole.

That of `fox.yaml` is `.fox.yaml.rewrite/<run>/fox.yaml`, its pictures beside it, so that it can be moved as it is.
It takes the old one's place when its test ends, one that tests share when the run ends. Of a run that was killed it
stays, and whoever opens the cassette next says so.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from pytest_imgresponse._paths import safe_name
from pytest_imgresponse.cassette.interaction import Interaction
from pytest_imgresponse.cassette.runs import Run
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.errors import CassetteDecodeError, CassetteSaveError


def _folder(cassette: Path) -> Path:
    return cassette.with_name(f".{safe_name(cassette.stem)}{cassette.suffix}.rewrite")


class Rewrite:
    """What one run rewrites of a cassette. `load` and `save` are for whoever holds the lock of `old`."""

    def __init__(self, old: Store, run: Run) -> None:
        self._old = old
        self._run = run
        self.store = Store(_folder(old.path) / run.id / old.path.name)
        """Beside the old cassette."""

    @property
    def begun(self) -> bool:
        """Whether this run has recorded something that is to take the old cassette's place."""
        return self._run.has("rewritten", self._old.path)

    def load_beside(self) -> list[Interaction]:
        """What is beside the cassette."""
        return self.store.load() if self.store.exists() else []

    def load(self) -> list[Interaction]:
        """What this run has rewritten so far: beside the cassette, or in its place already."""
        if not self.store.exists() and self._run.has("replaced", self._old.path) and self._old.exists():
            return self._old.load()
        return self.load_beside()

    def save(self, interactions: list[Interaction], attributes: Path, *, begun: bool) -> None:
        """Replace what is beside the cassette. Raises `OSError`."""
        self.store.path.parent.mkdir(parents=True, exist_ok=True)
        self.store.save(interactions, attributes)
        if begun:
            self._run.note("rewritten", self._old.path)

    def finish(self) -> None:
        """Take the old cassette's place, unless nothing was recorded that may. Raises `CassetteSaveError`."""
        try:
            with self._old.lock():
                if self.begun and self.store.exists():
                    self._old.save(self.store.load())
                    self._run.note("replaced", self._old.path)
                _remove(self.store.path.parent)
        except (OSError, CassetteDecodeError) as error:
            raise CassetteSaveError(
                f"{self._old.path}: what was recorded could not take its place: {error}. It is kept as a cassette in "
                f"{self.store.path.parent}: mend the cause, then move it to {self._old.path.parent}, or record again"
            ) from error


def finish_shared(run: Run, *, cut_short: bool) -> tuple[list[Path], list[CassetteSaveError]]:
    """The run has ended: the rewritten cassettes that its tests share take the place of the old ones.

    Gives those that stay beside the old ones, since the run was cut short or an answer could not be saved; and what
    went wrong.
    """
    stay, errors = [], []
    for path in run.noted("shared"):
        rewrite = Rewrite(Store(path), run)
        if rewrite.begun and (cut_short or run.has("unsaved", path)):
            stay.append(rewrite.store.path)
            continue
        try:
            rewrite.finish()
        except CassetteSaveError as error:
            errors.append(error)
    return stay, errors


def unfinished(cassette: Path, held: Iterable[Interaction], but: str | None) -> list[Path]:
    """What runs recorded to rewrite a cassette and did not finish, by path, but for one that is at work.

    `held` is what the cassette holds: a run that was killed after it took its place left nothing but its folder.
    """
    folder = _folder(cassette)
    if not folder.exists():
        return []
    found = []
    known = {interaction.digest for interaction in held}
    with ExitStack() as stack, suppress(OSError):
        with suppress(OSError):  # where nothing can be written, no run is at work
            stack.enter_context(Store(cassette).lock())
        for run_folder in sorted(folder.iterdir()):
            store = Store(run_folder / cassette.name)
            if run_folder.name == but:
                continue
            if _holds_more(store, known):
                found.append(store.path)
            else:
                _remove(run_folder)
    return found


def _holds_more(store: Store, known: set[str]) -> bool:
    try:
        return store.exists() and not {interaction.digest for interaction in store.load()} <= known
    except (OSError, CassetteDecodeError):
        return True


def _remove(folder: Path) -> None:
    """Remove what a run left, and the folder of all runs if it was the last. What cannot be removed is named later."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()
