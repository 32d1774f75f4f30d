"""Cassettes on the disk: a YAML file and the pictures beside it.

At any moment there is the old cassette or the new one. New pictures are staged beside the old under a name
with their hash, the YAML is replaced, the staged files take their final names; a reader that meets a wrong
hash looks for the staged file before it complains.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePath

from filelock import FileLock

from pytest_imgresponse._paths import safe_name
from pytest_imgresponse.cassette import document
from pytest_imgresponse.cassette.interaction import Interaction
from pytest_imgresponse.cassette.payloads import File
from pytest_imgresponse.errors import CassetteDecodeError
from pytest_imgresponse.images import SUFFIXES, suffix_of

LOCK_SECONDS = 60.0
"""How long a save waits for another worker's."""

_GITATTRIBUTES = "".join(["*.yaml text eol=lf\n", *(f"*{suffix} binary\n" for suffix in SUFFIXES)])
LARGEST_FILE = 256 * 2**20
"""Bytes of a cassette or a picture that are read at the most: a sparse file can have any length."""
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class Store:
    """One cassette on the disk: `load` reads it, `save` replaces it for whoever holds `lock`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stem = safe_name(path.stem)
        self._short = f"{self._stem}{path.suffix}"  # in those of other files, which may be no longer than disks take
        self._seen: tuple[int, ...] | None = None
        self._interactions: list[Interaction] = []
        self._names: dict[str, str] = {}  # of the files of the cassette on the disk, by hash
        self._items: dict[tuple[str, tuple[str, ...]], str] = {}
        self._placed: set[str] = set()  # by this store, so that each save need not hash them again
        self._swept = False

    def exists(self) -> bool:
        """Whether there is a file of that name, good or bad, or none that may be looked for."""
        try:
            self.path.lstat()
        except PermissionError:
            return True  # `load` says what is not permitted
        except OSError:
            return False
        return True

    def has_changed(self) -> bool:
        """Whether the file is another than this store has loaded or saved last, or is gone. Raises `OSError`."""
        return not self.exists() or _identity(self.path.stat()) != self._seen

    def load(self) -> list[Interaction]:
        """The interactions, their pictures not yet read. Raises `CassetteDecodeError`, or `OSError`."""
        mode = self.path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # to open a pipe would wait for its other end
            raise CassetteDecodeError(f"{self.path}: expected a cassette; this is no regular file")
        with self.path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if _identity(facts) == self._seen:
                return list(self._interactions)
            if facts.st_size > LARGEST_FILE:
                raise CassetteDecodeError(f"{self.path}: {_too_large(facts.st_size)}")
            data = file.read()
        if data.startswith(_LFS_POINTER):
            raise CassetteDecodeError(f"{self.path}: this is a Git LFS pointer, not a cassette; run `git lfs pull`")
        if b"\0" in data:  # as in a sparse file, which would be as long again as a text
            raise CassetteDecodeError(f"{self.path}: not a cassette: it holds a NUL byte; {document.WAY_OUT}")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise CassetteDecodeError(
                f"{self.path}: not a cassette: no UTF-8 text ({error}); {document.WAY_OUT}"
            ) from error
        self._names.clear()
        self._interactions = document.parse(text, str(self.path), self._resolve)
        self._seen = _identity(facts)
        return list(self._interactions)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held by one process at a time; makes the folder. Raises `OSError`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock_path = self.path.with_name(f".{self._short}.lock")
        with FileLock(lock_path, timeout=LOCK_SECONDS):
            try:
                yield
            finally:
                # Whoever waits for it finds the file gone and makes a new one; Windows keeps an open file.
                with suppress(OSError):
                    lock_path.unlink()

    def save(self, interactions: Sequence[Interaction], attributes: Path | None = None) -> None:
        """Replace the cassette. `attributes` is the folder that gets a `.gitattributes` if it has none.

        Raises `OSError`; the cassette is then as it was.
        """
        names = self._name(interactions)

        def name_of(file: File) -> str:
            return names[file.sha256]

        text = document.join([self._item(interaction, name_of) for interaction in interactions])
        before = self._names_before()
        staged: list[tuple[Path, Path]] = []
        new: list[Path] = []
        try:
            for temporary, final, data in self._to_stage(interactions, names, before):
                staged.append((temporary, final))
                if not temporary.exists():
                    new.append(temporary)
                write_whole(temporary, data)
            write_whole(self.path, text.encode(), self._short)
        except BaseException:
            for temporary in new:
                temporary.unlink(missing_ok=True)
            raise
        for temporary, final in staged:
            temporary.replace(final)
        own = re.compile(rf"{re.escape(self._stem)}-\d+(?:{'|'.join(map(re.escape, SUFFIXES))})")
        for name in set(before.values()) - set(names.values()):
            if own.fullmatch(name):  # a stranger's cassette may name any file
                (self.path.parent / name).unlink(missing_ok=True)
        self._sweep()
        self._placed.update(names)
        self._names, self._interactions, self._seen = names, list(interactions), _identity(self.path.stat())
        if attributes is not None and not os.path.lexists(attributes / ".gitattributes"):
            write_whole(attributes / ".gitattributes", _GITATTRIBUTES.encode())

    def _item(self, interaction: Interaction, name_of: Callable[[File], str]) -> str:
        """The YAML of an interaction, written once however often the cassette is saved."""
        key = (interaction.digest, tuple(map(name_of, interaction.files)))
        if key not in self._items:
            self._items[key] = document.dump(interaction, name_of)
        return self._items[key]

    def _name(self, interactions: Sequence[Interaction]) -> dict[str, str]:
        """A name for each file: the cassette's, a number in the order of asking, the suffix."""
        names: dict[str, str] = {}
        for interaction in interactions:
            for file in interaction.files:
                names.setdefault(file.sha256, f"{self._stem}-{len(names) + 1}{file.suffix}")
        return names

    def _names_before(self) -> dict[str, str]:
        try:
            self.load()
        except (OSError, CassetteDecodeError):
            return {}
        return dict(self._names)

    def _to_stage(
        self, interactions: Sequence[Interaction], names: dict[str, str], before: dict[str, str]
    ) -> Iterator[tuple[Path, Path, bytes]]:
        """What is not in its place: where to write it, where to move it, and its bytes."""
        files = {file.sha256: file for interaction in interactions for file in interaction.files}
        for digest, file in files.items():
            temporary, final = self._staged(digest), self.path.parent / names[digest]
            kept = before.get(digest) == names[digest]
            if kept and not temporary.exists() and (digest in self._placed or self._is(final, digest)):
                continue
            try:
                yield temporary, final, file.read()
            except CassetteDecodeError:
                if not kept:  # what was damaged before stays so, and does not keep a new answer from the disk
                    raise

    def _is(self, path: Path, digest: str) -> bool:
        with suppress(CassetteDecodeError):
            data = self._regular_bytes(path)
            return data is not None and sha256(data).hexdigest() == digest
        return False

    def _staged(self, digest: str) -> Path:
        return self.path.with_name(f".{self._stem}.{digest}")

    def _sweep(self) -> None:
        """Remove, once, what a killed process left behind while it saved this cassette."""
        if self._swept:
            return
        stem, name = re.escape(self._stem), re.escape(self._short)
        left = re.compile(rf"\.+{stem}\.[0-9a-f]{{64}}(\.\d+\.tmp)?|\.{name}\.\d+\.tmp")
        with os.scandir(self.path.parent) as entries:  # of a thousand cassettes each looks through the folder
            found = [entry.name for entry in entries if entry.name.startswith(".") and left.fullmatch(entry.name)]
        for name in found:
            (self.path.parent / name).unlink(missing_ok=True)
        self._swept = True

    def _resolve(self, name: str, digest: str) -> File:
        """The file of a reference, in the cassette's own folder. Raises `ValueError` for one that is not."""
        path = PurePath(name)
        if name in (".", "..") or path.name != name or ":" in name or "\0" in name:
            raise ValueError(f"the reference to {name!r} leads out of the cassette's folder")
        if self._names.setdefault(digest, name) != name:
            raise ValueError(f"{name!r} and {self._names[digest]!r} have the same hash: one of them was altered")
        return File(digest, path.suffix, partial(self._read, digest, name), str(self.path))

    def _read(self, digest: str, name: str) -> bytes:
        """The bytes of a picture, verified. Raises `CassetteDecodeError`."""
        path = self.path.parent / self._names.get(digest, name)
        found = None
        for place in self._places(path, digest):
            data = self._regular_bytes(place)
            if data is not None and sha256(data).hexdigest() == digest:
                return data
            found = data if place == path else found
        raise CassetteDecodeError(self._complaint(path, digest, found))

    def _places(self, path: Path, digest: str) -> Iterator[Path]:
        """Where a picture may be: another worker may be moving it at this moment."""
        yield path
        yield self._staged(digest)
        yield path
        with suppress(OSError, CassetteDecodeError):
            self.load()  # the cassette may have been saved since, and its pictures numbered anew
        yield self.path.parent / self._names.get(digest, path.name)

    def _regular_bytes(self, path: Path) -> bytes | None:
        """The bytes of a regular file; None where there is none. A link is refused: it may lead anywhere.

        Raises `CassetteDecodeError` for what is there and is no such file, or may not be read.
        """
        try:
            facts = path.lstat()
            mode = facts.st_mode
            if stat.S_ISREG(mode) and facts.st_size <= LARGEST_FILE:
                return path.read_bytes()
        except PermissionError as error:
            raise CassetteDecodeError(
                f"{self.path}: {path.name} may not be read: {error}; give this user the permission"
            ) from error
        except OSError:
            return None
        if stat.S_ISREG(mode):
            raise CassetteDecodeError(f"{self.path}: {path.name}: {_too_large(facts.st_size)}")
        what = "a symbolic link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise CassetteDecodeError(
            f"{self.path}: {path.name} is {what}; a picture must be a regular file; {document.WAY_OUT}"
        )

    def _complaint(self, path: Path, digest: str, data: bytes | None) -> str:
        if data is None:
            return f"{self.path}: the picture {path.name} is missing; {document.WAY_OUT}"
        if data.startswith(_LFS_POINTER):
            return f"{self.path}: {path.name} is a Git LFS pointer, not a picture; run `git lfs pull`"
        suffix = suffix_of(data)
        kind = "" if suffix in (None, path.suffix) else f" and is a {str(suffix)[1:]} file now"
        return (
            f"{self.path}: the picture {path.name} has changed since it was recorded{kind}: expected SHA-256 "
            f"{digest}, got {sha256(data).hexdigest()} ({len(data)} bytes); {document.WAY_OUT}"
        )


def _too_large(size: int) -> str:
    return f"a file of {size} bytes is too large to be read: {LARGEST_FILE} are the most; {document.WAY_OUT}"


def _identity(facts: os.stat_result) -> tuple[int, ...]:
    return facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size, facts.st_ino


def write_whole(path: Path, data: bytes, name: str | None = None) -> None:
    """Write a file as a whole or not at all; what stands there, be it a link, is not followed. Raises `OSError`."""
    temporary = path.with_name(f".{name or path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
