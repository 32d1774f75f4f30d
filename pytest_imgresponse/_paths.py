"""Where a test's cassette lies: `<cassette dir>/<module>/<Class.>test[parameters].yaml`."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path, PurePosixPath

from pytest_imgresponse.errors import ConfigError

LONGEST = 120
"""Bytes of a file's stem; the names of pictures and of staged files are longer, and 255 is what disks take."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f\ud800-\udfff<>:"/\\|?*#\s]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # Windows' devices


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
