"""What has to be known of a whole run, across tests and workers: which cassettes were started in it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Literal

Deed = Literal["made", "rewritten"]


class Run:
    """One run of a suite, or one process outside of pytest.

    `directory` is shared by the workers of the run; without one the run is this process alone.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._noted: set[str] = set()

    def has(self, what: Deed, cassette: Path) -> bool:
        """Whether this run has made the cassette, or has started it afresh."""
        note = _note(what, cassette)
        return note in self._noted or (self._directory is not None and (self._directory / note).exists())

    def note(self, what: Deed, cassette: Path) -> None:
        """Note that it has. Called under the cassette's lock."""
        note = _note(what, cassette)
        self._noted.add(note)
        if self._directory is not None:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            (self._directory / note).touch()


def _note(what: Deed, cassette: Path) -> str:
    return f"{what}-{sha256(str(cassette.absolute()).encode('utf-8', 'surrogateescape')).hexdigest()}"


PROCESS = Run()
"""The run of a process without pytest."""
