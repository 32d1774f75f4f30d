"""The run: what has to be known across its tests and workers, such as which cassettes were started in it."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal

Deed = Literal["made", "rewritten", "replaced", "shared", "unsaved", "tagged", "unanswered"]
"""What is noted of a cassette: this run has made it; has started it afresh; has put that in the old one's place;
will do so when it ends, since tests share it; will not, since an answer could not be saved; knows the tags of what it
recorded; got no answer to one of its requests."""
_ID = 8  # letters


class Run:
    """What has to be known of a whole run, across tests and workers: which cassettes were started in it.

    A run is that of a suite, or a process outside of pytest. `directory` is shared by the workers of the run; without
    one the run is this process alone.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._noted: set[str] = set()
        self._tags: dict[Path, dict[str, list[str]]] = {}
        self._name = (uuid.uuid4().hex if directory is None else directory.name)[-_ID:]

    @property
    def id(self) -> str:
        """What tells it from other runs, in names of files; a forked process is another."""
        return self._name if self._directory is not None else f"{self._name}-{os.getpid()}"

    def has(self, what: Deed, cassette: Path) -> bool:
        """Whether this is noted of a cassette."""
        note = _note(what, cassette)
        return note in self._noted or (self._directory is not None and (self._directory / note).exists())

    def note(self, what: Deed, cassette: Path) -> None:
        """Note it. Called under the cassette's lock."""
        note = _note(what, cassette)
        self._noted.add(note)
        if self._directory is not None and not (self._directory / note).exists():
            self._directory.mkdir(mode=0o700, exist_ok=True)
            (self._directory / note).write_bytes(os.fsencode(cassette))

    def noted(self, what: Deed) -> list[Path]:
        """The cassettes of which this is noted, in the directory of the run."""
        notes = self._directory.glob(f"{what}-*") if self._directory is not None else ()
        return sorted(Path(os.fsdecode(note.read_bytes())) for note in notes)

    def tags_of(self, cassette: Path) -> dict[str, list[str]]:
        """The tags of what this run recorded into a cassette, by digest: on the disk it may have none."""
        notes = self._directory / _note("tagged", cassette) if self._directory is not None else None
        if notes is not None and notes.exists():
            self._tags[cassette] = json.loads(notes.read_bytes())
        return self._tags.setdefault(cassette, {})

    def note_tags(self, cassette: Path, digest: str, tags: Sequence[str]) -> None:
        """Note the tags of what was recorded. Called under the cassette's lock."""
        known = self.tags_of(cassette)
        if digest in known:
            return
        known[digest] = list(tags)
        if self._directory is not None:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            (self._directory / _note("tagged", cassette)).write_text(json.dumps(known))


def _note(what: Deed, cassette: Path) -> str:
    return f"{what}-{sha256(str(cassette.absolute()).encode('utf-8', 'surrogateescape')).hexdigest()}"


PROCESS = Run()
"""The run of a process without pytest."""
