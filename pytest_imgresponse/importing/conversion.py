"""From a recording of another tool to a cassette, and from a cassette to plain vcrpy: written, read again, compared."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_imgresponse._config import Settings
from pytest_imgresponse._paths import safe_name
from pytest_imgresponse.cassette import document
from pytest_imgresponse.cassette.cleaning import Cleaning
from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.cassette.payloads import File
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.errors import CassetteDecodeError, CassetteSaveError
from pytest_imgresponse.importing.exchange import Exchange, body_of
from pytest_imgresponse.importing.source import Source

_PICTURES = (".png", ".jpg", ".webp", ".gif")


def as_cassette(exchanges: Sequence[Exchange], settings: Settings) -> list[Interaction]:
    """The exchanges as a cassette keeps them, redacted. Raises `CassetteSaveError` where that would touch a picture."""
    received = [Interaction(Request.of(asked), Response.of(answer)) for asked, answer in exchanges]
    clean = Cleaning(settings).stored(received)
    if _pictures(received) != _pictures(clean):
        raise CassetteSaveError("redaction would have changed a picture; nothing was written")
    return clean


def _pictures(interactions: Iterable[Interaction]) -> list[str]:
    return [file.sha256 for each in interactions for file in each.files if file.suffix in _PICTURES]


def files_of(interactions: Iterable[Interaction]) -> list[File]:
    """The files of interactions, each once."""
    return [*{file.sha256: file for each in interactions for file in each.files}.values()]


def size_of(interactions: Sequence[Interaction], stem: str) -> int:
    """The bytes that a cassette with this name and its files take."""
    text = document.join([document.dump(each, lambda file: f"{stem}-1{file.suffix}") for each in interactions])
    return len(text.encode()) + sum(len(file.read()) for file in files_of(interactions))


def holds(target: Path, interactions: Sequence[Interaction]) -> bool:
    """Whether a cassette is there that holds just these, with their pictures as files."""
    try:
        names = Source.at(target).file_names
        return len(names) == len(files_of(interactions)) and facts_of(Store(target).load()) == facts_of(interactions)
    except (OSError, CassetteDecodeError):
        return False


def facts_of(interactions: Iterable[Interaction]) -> list[tuple[object, ...]]:
    """What must come back when a cassette is read: all but the order of headers with other names between them."""
    facts: list[tuple[object, ...]] = []
    for asked, answer in ((each.request.http(), each.response.http()) for each in interactions):
        facts.append((asked.method, asked.url, sorted(asked.headers), asked.body))
        facts.append((answer.status, answer.reason, sorted(answer.headers), answer.body))
    return facts


def write_cassette(target: Path, interactions: Sequence[Interaction], attributes: Path) -> None:
    """Write a cassette, read it again and compare.

    Raises `OSError`, or `CassetteSaveError` where it does not come back as it was; what is new is then removed.
    """
    store = Store(target)
    with store.lock():
        existed = os.path.lexists(target)
        store.save(interactions, attributes)
        if holds(target, interactions):
            return
        try:
            Store(target).load()
            problem = "what was written does not read back as it was"
        except CassetteDecodeError as error:
            problem = f"what was written could not be read: {error}"
        if not existed:
            own = re.compile(rf"{re.escape(safe_name(target.stem))}-\d+\.\w+")
            remove(target, [entry.name for entry in target.parent.iterdir() if own.fullmatch(entry.name)])
    raise CassetteSaveError(f"{target}: {problem}; the source is as it was")


def inline(exchanges: Iterable[Exchange]) -> bytes:
    """The text of a cassette for vcrpy alone."""
    return document.join([document.dump_inline(*each) for each in exchanges]).encode()


def is_inline(data: bytes, path: Path, exchanges: Sequence[Exchange]) -> bool:
    """Whether a text for vcrpy alone holds these, read as vcrpy reads it: each body is as it stands there."""
    source = Source(path, data)
    items = zip(source.tree["interactions"], exchanges, strict=True)
    return all(
        body_of(item["request"]["body"]) == asked.body and body_of(item["response"]["body"]["string"]) == answer.body
        for item, (asked, answer) in items
    )


def remove(path: Path, names: Iterable[str]) -> None:
    """Remove a recording and the files beside it that are its own. Raises `OSError`."""
    path.unlink(missing_ok=True)
    own = f"{safe_name(path.stem)}-"
    for name in names:
        if Path(name).name == name and name.startswith(own):  # a stranger's recording may name any file
            path.with_name(name).unlink(missing_ok=True)
