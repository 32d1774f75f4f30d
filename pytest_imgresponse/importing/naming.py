"""Where a recording goes: what pytest-recording and pytest-vcr lay in their folders gets the names of our cassettes."""

from __future__ import annotations

import ast
import os
from functools import lru_cache
from pathlib import Path, PurePosixPath

from pytest_imgresponse._paths import cassette_of_test, safe_name

SUFFIXES = (".yaml", ".yml", ".json", ".har", ".zhar", ".zz")
"""Those of recordings; `.gz` may stand behind them."""
_FOLDER = "cassettes"
_ROOT_MARKS = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", "setup.py", ".git")
_LARGEST_MODULE = 2**22
_MOST_MODULES = 2000


def target_of(path: Path, given: Path, layout: str, *, of_pytest: bool) -> PurePosixPath:
    """The cassette that a recording becomes, relative to the folder that is imported to.

    `given` is what the person named: the file itself, or a folder above it. With `of_pytest`, the place in a folder
    `cassettes` beside test modules says which test it is of; elsewhere the folders stay as they are.
    """
    path, given = without_dots(path), without_dots(given)
    stem, folder = stem_of(path.name), path.parent
    cassettes = next((each for each in (folder, *folder.parents) if each.name == _FOLDER), None)
    if cassettes is None or not of_pytest:
        inner = folder.relative_to(given) if path != given else Path()
        return _safe(PurePosixPath(inner.as_posix()), stem)
    tests, inner = cassettes.parent, folder.relative_to(cassettes)
    module = inner.as_posix() if inner.parts else _module_of(tests, stem)
    above = PurePosixPath(_relative(tests, given).as_posix(), module or ".")
    if layout == "beside":
        return above.parent / _FOLDER / above.name / f"{stem}.yaml" if module else above / _FOLDER / f"{stem}.yaml"
    if module:
        return cassette_of_test(f"{above}.py::{_test_name(tests / f'{module}.py', stem)}")
    return _safe(PurePosixPath(*above.parts[1:]) if above.parts[:1] == ("tests",) else above, stem)


def without_dots(path: Path) -> Path:
    """An absolute path without `..`, so that it says what is below what; links are left as they are."""
    return Path(os.path.normpath(path.absolute()))


def stem_of(name: str) -> str:
    """A file's name without what says that it is a recording; a test's name may hold dots of its own."""
    name = name.removesuffix(".gz")
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def _safe(folder: PurePosixPath, stem: str) -> PurePosixPath:
    return PurePosixPath(*map(safe_name, folder.parts), f"{safe_name(stem)}.yaml")


def _relative(tests: Path, given: Path) -> Path:
    """A folder with tests by its path from the root directory of the suite."""
    here = Path.cwd()
    roots = [each for each in (tests, *tests.parents) if any((each / mark).exists() for mark in _ROOT_MARKS)]
    if here in roots or (not roots and tests.is_relative_to(here)):
        return tests.relative_to(here)
    if roots:
        return tests.relative_to(roots[0])
    return tests.relative_to(given) if tests.is_relative_to(given) else Path()


def _module_of(tests: Path, stem: str) -> str:
    """The one test module that has this test, in a folder or else below it; empty where there is none, or more.

    pytest-vcr keeps the cassettes of all modules in one folder.
    """
    name = stem.partition("[")[0]
    found = [module for module in _modules_in(tests) if name in _tests_in(module)]
    near = [module for module in found if module.parent == tests] or found
    return near[0].relative_to(tests).with_suffix("").as_posix() if len(near) == 1 else ""


def _test_name(module: Path, stem: str) -> str:
    """A test's name within its node id: with its outer classes, which the file's name does not tell."""
    name, bracket, parameters = stem.partition("[")
    return _tests_in(module).get(name, name) + bracket + parameters


@lru_cache(maxsize=256)
def _modules_in(tests: Path) -> tuple[Path, ...]:
    found: list[Path] = []
    for folder, folders, files in os.walk(tests):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        found += [Path(folder, name) for name in sorted(files) if name.endswith(".py")]
        if len(found) > _MOST_MODULES:
            break
    return tuple(found)


@lru_cache(maxsize=_MOST_MODULES)
def _tests_in(module: Path) -> dict[str, str]:
    """The tests of a module: by the innermost class and the function, with all classes."""
    try:
        if not module.is_file() or module.stat().st_size > _LARGEST_MODULE:
            return {}
        tree = ast.parse(module.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, str] = {}
    _collect(tree.body, (), found)
    return found


def _collect(body: list[ast.stmt], classes: tuple[str, ...], found: dict[str, str]) -> None:
    for node in body:
        if isinstance(node, ast.ClassDef):
            _collect(node.body, (*classes, node.name), found)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[".".join((*classes[-1:], node.name))] = ".".join((*classes, node.name))
