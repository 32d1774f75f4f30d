"""What a reader notes of a recording while it reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_imgresponse.errors import CassetteDecodeError


class Notes:
    """What a person should know of a recording that was read."""

    def __init__(self, path: Path, name: str) -> None:
        self.by_value = 0
        """The bodies of which only the JSON value was kept, not how it was written."""
        self.lost = 0
        """The answers that were left out because their bodies are not in the file."""
        self.unanswered = 0
        """The requests that got no answer, and were left out."""
        self.is_partial = False
        """Whether something else was left out."""
        self._path = path
        self._name = name
        self._others: dict[str, None] = {}

    def add(self, note: str) -> None:
        """Note something once."""
        self._others[note] = None

    @contextmanager
    def interaction(self, number: int) -> Iterator[None]:
        """Within it, what cannot be read is an error that names the interaction. Raises `CassetteDecodeError`."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, CassetteDecodeError) as error:
            problem = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            raise CassetteDecodeError(
                f"{self._path}: interaction {number} of this {self._name} recording cannot be read: {problem[:400]}"
            ) from error

    @property
    def texts(self) -> list[str]:
        """All of it, in words."""
        notes = [*self._others]
        if self.by_value:
            notes.append(f"bodies kept as JSON values, not as the bytes that were received: {self.by_value}")
        if self.unanswered:
            notes.append(f"requests left out because they got no answer: {self.unanswered}")
        if self.lost:
            notes.append(f"answers left out because their bodies are not in the file: {self.lost}")
        return notes
