"""What `import` and `export` share: the files that are meant, what became of each, and how that is shown."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

from pytest_imgresponse._terminal import escaped
from pytest_imgresponse.errors import ConfigError, ImgResponseError
from pytest_imgresponse.importing.naming import SUFFIXES, without_dots

Status = Literal["written", "would be written", "unchanged", "failed", "left out"]
_HEADINGS = ("FILE", "FORMAT", "INTERACTIONS", "PICTURES", "BEFORE", "AFTER", "BECOMES")
_PATIENCE, _BETWEEN = 1.0, 0.1
"""Seconds without a word, and between two words: what takes long shows how far it is."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a recording; `given` is what the person named, the file itself or a folder above it."""

    path: Path
    given: Path

    @property
    def is_likely(self) -> bool:
        """Whether it was named itself, or has the suffix of a recording; or is a folder that could not be entered."""
        return self.path == self.given or self.path.is_dir() or self.path.name.removesuffix(".gz").endswith(SUFFIXES)


@dataclass(slots=True)
class Outcome:
    """What became of a file."""

    file: str
    status: Status = "left out"
    format: str = ""
    interactions: int = 0
    pictures: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    target: str = ""
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    lost: int = 0


def files_at(paths: Sequence[Path]) -> list[Found]:
    """The files that are named, and the regular ones in folders that are; links in these are not followed.

    Raises `ConfigError` for a path where there is nothing.
    """
    found: dict[Path, Found] = {}
    for given in paths:
        if not os.path.lexists(given):
            raise ConfigError(f"expected a recording, or a folder with some; there is no {given}")
        for path in _below(given) if given.is_dir() else [given]:
            found.setdefault(path.absolute(), Found(path, given))
    return [*found.values()]


def is_below(path: Path, folder: Path) -> bool:
    """Whether a path is that folder, or something in it."""
    return without_dots(path).is_relative_to(without_dots(folder))


def _below(folder: Path) -> Iterator[Path]:
    unreadable: list[Path] = []
    for here, folders, names in os.walk(folder, onerror=lambda error: unreadable.append(Path(error.filename))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            if not name.startswith(".") and stat.S_ISREG(path.lstat().st_mode):
                yield path
    yield from unreadable  # what they are will be said of each


def each_of(
    files: Sequence[Found], do: Callable[[Found], Outcome | None], *, command: str, quiet: bool
) -> list[Outcome]:
    """What becomes of each file, one after the other: what is wrong with one is its outcome, and the others go on."""
    outcomes = []
    with _progress(len(files), quiet=quiet) as advance:
        for number, found in enumerate(files, 1):
            try:
                outcome = do(found)
            except KeyboardInterrupt:
                print(f"imgresponse {command}: interrupted; what was written is whole", file=sys.stderr)
                raise SystemExit(130) from None
            except (ImgResponseError, OSError, RecursionError, MemoryError) as error:
                problem = str(error) or type(error).__name__
                outcome = Outcome(str(found.path), "failed", problem=problem)
            except Exception as error:  # noqa: BLE001 - a fault of ours in one file does not keep the others back
                problem = (
                    f"{found.path}: {type(error).__name__}: {error}; this is a fault of imgresponse, not of the file"
                )
                outcome = Outcome(str(found.path), "failed", problem=problem)
            if outcome is not None:
                outcomes.append(outcome)
            advance(number)
    return outcomes


def report(outcomes: Sequence[Outcome], *, as_json: bool) -> int:
    """Show them, and return the exit code: 1 where something could not be converted, else 0."""
    failed = [each for each in outcomes if each.status == "failed" or each.lost]
    if as_json:
        counts = {status.replace(" ", "_"): 0 for status in get_args(Status)}
        for each in outcomes:
            counts[each.status.replace(" ", "_")] += 1
        files = [asdict(each) for each in outcomes if each.status != "left out"]
        print(json.dumps({**counts, "files": files}, indent=2))
        return 1 if failed else 0
    shown = [each for each in outcomes if each.status not in ("failed", "left out")]
    if shown:
        _table([_row(each) for each in shown])
    for each in outcomes:
        for note in each.notes:
            print(_line(f"{each.file}: {note}"))
    for each in outcomes:
        if each.status == "failed":
            print(_line(each.problem if each.file in each.problem else f"{each.file}: {each.problem}"), file=sys.stderr)
    print(_summary(outcomes))
    return 1 if failed else 0


def _row(outcome: Outcome) -> tuple[str, ...]:
    becomes = f"{outcome.target} (unchanged)" if outcome.status == "unchanged" else outcome.target
    numbers = (outcome.interactions, outcome.pictures, outcome.bytes_before, outcome.bytes_after)
    return (_line(outcome.file), outcome.format, *(f"{number:,}" for number in numbers), _line(becomes))


def _summary(outcomes: Sequence[Outcome]) -> str:
    counts: dict[str, int] = {}
    for each in outcomes:
        counts[each.status] = counts.get(each.status, 0) + 1
    words = {"left out": "left out (no recordings)", "unchanged": "there already"}
    done = [each for each in outcomes if each.status in ("written", "would be written")]
    sizes = f"; {sum(e.bytes_before for e in done):,} bytes become {sum(e.bytes_after for e in done):,}" if done else ""
    return ", ".join(f"{count} {words.get(status, status)}" for status, count in counts.items()) + sizes


def _line(text: str) -> str:
    return escaped(text).replace("\n", "\\n")


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    """By rich on a terminal, where it is installed; else in plain text, in columns."""
    if sys.stdout.isatty():
        try:
            from rich.console import Console
            from rich.table import Table
            from rich.text import Text
        except ImportError:
            pass
        else:
            table = Table(box=None, pad_edge=False)
            for place, heading in enumerate(_HEADINGS):
                table.add_column(heading, justify="right" if 2 <= place <= 5 else "left", overflow="fold")
            for row in rows:
                table.add_row(*map(Text, row))
            Console().print(table)
            return
    lines = [_HEADINGS, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_HEADINGS))]
    for line in lines:
        cells = [
            cell.rjust(width) if 2 <= place <= 5 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A line on a terminal that says how far it is, once it has taken more than a second."""
    began = last = time.monotonic()
    shown = False

    def advance(number: int) -> None:
        nonlocal last, shown
        now = time.monotonic()
        if now - began > _PATIENCE and now - last > _BETWEEN:
            print(f"\r{number} of {total} files", end="", file=sys.stderr, flush=True)
            last, shown = now, True

    try:
        yield advance if sys.stderr.isatty() and not quiet else lambda number: None
    finally:
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def nothing_in(paths: Iterable[Path], what: str) -> ConfigError:
    """The error for folders without what was looked for."""
    return ConfigError(f"expected {what} in {', '.join(map(str, paths))}; there is none")
