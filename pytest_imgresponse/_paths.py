"""Where a test's cassette lies: `<cassette dir>/<module>/<Class.>test[parameters].yaml`.

In the layout `root` there is one cassette directory, and the module is told by its path; in the layout `beside` each
folder with tests has one of its own, and files are named as pytest-recording names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import md5, sha256
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from pytest_imgresponse.errors import ConfigError

Layout = Literal["root", "beside"]
LAYOUTS: tuple[str, ...] = get_args(Layout)

LONGEST = 120
"""Bytes of a file's stem; the names of pictures and of staged files are longer, and 255 is what disks take."""

_THEIR_UNSAFE = re.compile(r"""[<>?%*:|"'/\\]""")
_THEIR_LONGEST = 255
"""Both from pytest-recording 0.14.1, `get_default_cassette_name` and `use_cassette`."""
_UNSAFE = re.compile(r'[\x00-\x1f\x7f\ud800-\udfff<>:"/\\|?*#\s]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # Windows' devices


@dataclass(frozen=True, slots=True)
class SuiteTest:
    """A test, as far as the place of its cassette goes."""

    nodeid: str
    file: Path
    name: str
    """With its parameters, and its innermost class and a dot before it."""


@dataclass(frozen=True, slots=True)
class Layouts:
    """Where the cassettes of a suite lie: the root directory, and the ini values."""

    root: Path
    directory: str = "cassettes"
    layout: str = "root"

    def folder(self, test: SuiteTest, layout: str | None = None) -> Path:
        """The cassette directory of a test; a layout other than the suite's may be asked for."""
        return (test.file.parent if (layout or self.layout) == "beside" else self.root) / self.directory

    def cassette(self, test: SuiteTest, name: PurePosixPath | None = None, layout: str | None = None) -> Path:
        """The cassette of a test, or the one of that name that it shares."""
        layout = layout or self.layout
        own = cassette_beside(test) if layout == "beside" else cassette_of_test(test.nodeid)
        return self.folder(test, layout) / (own if name is None else name)

    def elsewhere(self, test: SuiteTest, name: PurePosixPath | None = None) -> Iterator[tuple[Path, str | None]]:
        """Where else a cassette of the test may lie, and the layout in which it would be found.

        pytest-recording and cassetter keep all of a module in one folder, named cassettes too; pytest-vcr keeps them
        in one for all modules, under the plain name.
        """
        other = next(layout for layout in LAYOUTS if layout != self.layout)
        yield self.cassette(test, name, other), other
        folder = test.file.parent / "cassettes"
        plain = f"{test.name}.yaml" if name is None else name
        for place in (folder / cassette_beside(test), folder / test.file.stem / plain, folder / plain):
            yield place, None


def cassette_beside(test: SuiteTest) -> PurePosixPath:
    """The cassette of a test in the layout `beside`, relative to the cassette directory: pytest-recording's."""
    name = _THEIR_UNSAFE.sub("-", test.name)
    if len(name) + len(".yaml") > _THEIR_LONGEST:
        digest = md5(name.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
        name = f"{name[: _THEIR_LONGEST - len('.yaml') - len(digest) - 3]}...{digest}"
    return PurePosixPath(test.file.stem) / f"{name}.yaml"


def cassette_of_test(nodeid: str) -> PurePosixPath:
    """The cassette of a test without a named one, relative to the cassette directory.

    The module is taken by its path from the root directory, without `tests/` and `.py`.
    """
    module, _, rest = nodeid.partition("::")
    folder = PurePosixPath(module.removesuffix(".py"))
    if folder.parts[:1] == ("tests",) and len(folder.parts) > 1:
        folder = PurePosixPath(*folder.parts[1:])
    name, bracket, parameters = rest.partition("[")
    stem = safe_name(name.replace("::", ".") + bracket + parameters)
    return PurePosixPath(*map(safe_name, folder.parts)) / f"{stem}.yaml"


def named_cassette(name: object, origin: str) -> PurePosixPath:
    """The cassette that a marker names, relative to the cassette directory. Raises `ConfigError`."""
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"name: expected the name of a cassette; got {name!r} (from {origin})")
    parts = name.removesuffix(".yaml").split("/")
    if any(safe_name(part) != part or part in (".", "..") for part in parts):
        raise ConfigError(
            f"name: expected a name of letters, digits and `-_.[]`, with `/` for folders within the cassette "
            f"directory; got {name!r} (from {origin})"
        )
    return PurePosixPath(*parts[:-1]) / f"{parts[-1]}.yaml"


def safe_name(name: str) -> str:
    """A name that every file system takes. One that had to be altered gets a short hash, so none collide."""
    safe = _UNSAFE.sub("_", name)
    while len(safe.encode()) > LONGEST:
        safe = safe[:-1]
    if safe != safe.strip(". ") or _RESERVED.fullmatch(safe) or not safe:
        safe = "_" + safe.strip(". ")
    return safe if safe == name else f"{safe}-{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def inside(folder: Path, cassette: Path) -> None:
    """Raises `ConfigError` where a link leads a cassette out of the cassette directory."""
    if not cassette.parent.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f"{cassette} lies outside of the cassette directory {folder}: a link leads there")
