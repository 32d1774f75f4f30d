"""Recordings of other tools, read: a table of readers, each of which recognises its format.

A reader has a `NAME`, says with `recognises` of a parsed document whether it is of its format, and with `read` gives
its exchanges, the bodies in the clear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.errors import CassetteDecodeError
from pytest_imgresponse.importing import azure, cassetter, go_vcr, har, ruby_vcr, vcrpy
from pytest_imgresponse.importing.exchange import Exchange
from pytest_imgresponse.importing.reading import Notes
from pytest_imgresponse.importing.source import Source


class Reader(Protocol):
    """What the module of a format has."""

    NAME: str

    def recognises(self, tree: Any) -> bool:
        """Whether a document is of this format."""
        ...

    def read(self, source: Source, notes: Notes) -> Iterator[Exchange]:
        """Its exchanges. Raises `CassetteDecodeError`, `ValueError`, `TypeError`."""
        ...


READERS: tuple[Reader, ...] = (ruby_vcr, har, azure, go_vcr, cassetter, vcrpy)
"""In the order of asking: what vcrpy's recognises is the least particular."""
OURS = "imgresponse"
OF_PYTEST = (OURS, vcrpy.NAME, cassetter.NAME)
"""Formats that plugins of pytest keep beside test modules."""
_EXPECTED = ", ".join(reader.NAME for reader in READERS)


class NoRecordingError(CassetteDecodeError):
    """A file that can be read, and is none of a format that is known."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds: its format, its exchanges, and what should be known of it."""

    format: str
    exchanges: list[Exchange]
    notes: list[str]
    lost: int = 0
    """The answers that were left out because their bodies are not in the file."""
    is_partial: bool = False
    """Whether anything of the file was left out."""


def recording_in(source: Source) -> Recording:
    """The recording in a file. Raises `CassetteDecodeError`: `NoRecordingError` where it is of no known format."""
    path, tree = source.path, source.tree
    reader = next((reader for reader in READERS if reader.recognises(tree)), None)
    if reader is None:
        raise NoRecordingError(f"{path}: expected a recording of {_EXPECTED}; this is none of them")
    if reader is vcrpy and source.file_names:
        ours = [(each.request.http(), each.response.http()) for each in Store(path).load()]
        return Recording(OURS, ours, [])
    notes = Notes(path, reader.NAME)
    try:
        exchanges = [*reader.read(source, notes)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CassetteDecodeError(f"{path}: this {reader.NAME} recording cannot be read: {error}") from error
    left = sorted({coding for _, answer in exchanges if (coding := answer.header("content-encoding")) is not None})
    if left:
        notes.add(f"bodies are kept as they were sent: their {', '.join(left)} could not be removed")
    is_partial = bool(notes.is_partial or notes.lost or notes.unanswered)
    return Recording(reader.NAME, exchanges, notes.texts, notes.lost, is_partial)
