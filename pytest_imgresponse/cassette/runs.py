"""What has to be known of a whole run, across tests and workers: which cassettes were started in it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path


class Run:
    """One run of a suite, or one process outside of pytest.

    `directory` is shared by the workers of the run; without one the run is this process alone.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._started: set[str] = set()

    def started(self, cassette: Path) -> bool:
        """Whether this run has made the cassette, or has started it afresh."""
        name = _name(cassette)
        return name in self._started or (self._directory is not None and (self._directory / name).exists())

    def start(self, cassette: Path) -> None:
        """Note that it has. Called under the cassette's lock."""
        name = _name(cassette)
        self._started.add(name)
        if self._directory is not None:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            (self._directory / name).touch()


def _name(cassette: Path) -> str:
    return sha256(str(cassette.absolute()).encode("utf-8", "surrogateescape")).hexdigest()


PROCESS = Run()
"""The run of a process without pytest."""
