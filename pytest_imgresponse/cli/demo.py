"""Record and replay a small suite on this machine: no API key, no network.

Writes the suite into a new folder, records it from an images API that runs on the loopback for as long as that
takes, replays it when that API is gone, and says what happened and where the cassettes and pictures lie.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from pathlib import Path
from xml.etree import ElementTree

from pytest_imgresponse import ConfigError
from pytest_imgresponse.cli._demo_suite import official_client, write_suite

_say = partial(print, flush=True)  # each line is seen at once, through a pipe too
_FOLDER = "imgresponse-demo"
_KEY = "sk-imgresponse-demo"
_OUTCOMES = {"failure": "failed", "error": "failed", "skipped": "skipped"}  # by the tags of JUnit XML
_SHOWN_LINES = 32
_SHOWN_COLUMNS = 110


@dataclass(frozen=True)
class _Run:
    """A run of the suite."""

    exit_code: int
    output: str
    seconds: float
    outcomes: dict[str, str]

    @property
    def passed(self) -> bool:
        return self.exit_code == 0 and set(self.outcomes.values()) == {"passed"}

    def __str__(self) -> str:
        outcomes = list(self.outcomes.values())
        counts = [f"{outcomes.count(outcome)} {outcome}" for outcome in sorted(set(outcomes))]
        return f"{', '.join(counts) or 'no test ran'} in {self.seconds:.1f} s"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help=f"where to write the suite: a new or an empty folder (default: {_FOLDER}, or the first {_FOLDER}-N)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write, record, replay, tell. 0 where all of it went well, else 1; `ConfigError` for an occupied folder."""
    folder: Path = arguments.folder or _new_folder()
    try:
        _refuse_occupied(folder)
        client = official_client()
        write_suite(folder, official=client is not None)
    except OSError as error:
        print(f"imgresponse demo: the suite could not be written to {folder}: {error}", file=sys.stderr)
        return 1
    _say(f"The suite is {folder / 'test_demo.py'}; its client is {client or 'urllib.request'}.")

    from pytest_imgresponse import LocalEndpoint

    with LocalEndpoint() as endpoint:
        _say(f"\n1. Record   pytest --imgresponse-record=once\n   An images API is started at {endpoint.url}.")
        recorded = _pytest(folder, "--imgresponse-record=once", OPENAI_BASE_URL=endpoint.url, OPENAI_API_KEY=_KEY)
    _say(f"   {recorded}; the API answered {len(endpoint.requests)} requests.")
    if not recorded.passed:
        return _failed(recorded)

    _say("\n2. Replay   pytest --imgresponse-block-network\n   The API is stopped, and there is no key.")
    replayed = _pytest(folder, "--imgresponse-block-network", OPENAI_BASE_URL=endpoint.url)
    if not replayed.passed:
        _say(f"   {replayed}.")
        return _failed(replayed)
    _say(f"   {replayed}; no request was sent: nothing listens at {endpoint.url} any more.")

    width = max(map(len, recorded.outcomes))
    _say(f"\n   {'':{width}}   recorded   replayed")
    for name, outcome in recorded.outcomes.items():
        _say(f"   {name:{width}}   {outcome:8}   {replayed.outcomes.get(name, 'not run')}")
    _tell_files(folder)
    _tell_next(folder)
    return 0


def _new_folder() -> Path:
    names = chain([_FOLDER], (f"{_FOLDER}-{number}" for number in count(2)))
    return next(folder for name in names if not os.path.lexists(folder := Path(name)))


def _refuse_occupied(folder: Path) -> None:
    if folder.is_dir():
        held = sorted(entry.name for entry in folder.iterdir())
        if not held:
            return
        what = f"it holds {', '.join(held[:3])}{' and more' if len(held) > 3 else ''}"
    elif os.path.lexists(folder):
        what = "it is no folder"
    else:
        return
    raise ConfigError(
        f"expected a new or an empty folder; got {str(folder)!r}: {what}. Name another one (imgresponse demo FOLDER), "
        f"or remove this one; nothing was written"
    )


def _pytest(folder: Path, *options: str, **variables: str) -> _Run:
    """Run the suite in a process of its own. The plugin is named in case autoloading is off."""
    command = [sys.executable, "-m", "pytest", "-p", "imgresponse", "-p", "no:cacheprovider", "--color=no", *options]
    with tempfile.TemporaryDirectory(prefix="imgresponse-demo-") as place:
        report = Path(place) / "report.xml"
        began = time.perf_counter()
        process = subprocess.run(  # noqa: S603 - this interpreter and these options
            [*command, f"--junitxml={report}"],
            cwd=folder,
            env=_environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        seconds = time.perf_counter() - began
        outcomes = dict(_outcomes(report))
    return _Run(process.returncode, process.stdout.decode("utf-8", "replace"), seconds, outcomes)


def _environment(variables: dict[str, str]) -> dict[str, str]:
    """Ours without what leads elsewhere: the user's API key and account, proxies, the options of other runs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("OPENAI_") and not name.upper().endswith("_PROXY") and name != "PYTEST_ADDOPTS"
    }
    # NO_PROXY because, without any variable, Python asks the operating system for a proxy.
    return {
        **kept,
        "NO_PROXY": "127.0.0.1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        **variables,
    }


def _outcomes(report: Path) -> Iterator[tuple[str, str]]:
    """The tests of a JUnit report by name: whatever plugins do to the terminal, it stays the same."""
    if not report.exists():
        return
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - our pytest wrote it
        found = (_OUTCOMES[child.tag] for child in case if child.tag in _OUTCOMES)
        yield case.get("name", ""), next(found, "passed")


def _failed(failed: _Run) -> int:
    _say(f"\nThe demo did not go well. What pytest said (exit code {failed.exit_code}):\n\n{failed.output}")
    return 1


def _tell_files(folder: Path) -> None:
    rows = list(_tree(folder, "   "))
    width = max(len(label) for label, _ in rows)
    _say(f"\nThe files in {folder.resolve()}")
    for label, size in rows:
        _say(f"{label:{width}}   {size:>9}".rstrip())
    first = min((folder / "cassettes").rglob("*.yaml"))
    lines = first.read_text(encoding="utf-8").splitlines()
    _say(f"\nHow {first.relative_to(folder).as_posix()} begins")
    for line in lines[:_SHOWN_LINES]:
        _say(f"   | {line if len(line) <= _SHOWN_COLUMNS else line[: _SHOWN_COLUMNS - 3] + '...'}".rstrip())


def _tree(folder: Path, indent: str) -> Iterator[tuple[str, str]]:
    """The files below a folder, before its folders; each with its size."""
    for entry in sorted(folder.iterdir(), key=lambda entry: (entry.is_dir(), entry.name)):
        if entry.is_dir():
            yield f"{indent}{entry.name}/", ""
            yield from _tree(entry, f"{indent}  ")
        else:
            size = entry.stat().st_size
            yield f"{indent}{entry.name}", f"{size} bytes" if size < 1000 else f"{size / 1000:.1f} kB   "


def _tell_next(folder: Path) -> None:
    join = subprocess.list2cmdline if os.name == "nt" else shlex.join
    beside = Path(shutil.which("pytest") or "").parent == Path(sys.executable).parent
    command = "pytest" if beside else join([sys.executable, "-m", "pytest"])
    _say(
        f"\nNext: cd {join([str(folder)])}\n\n"
        f"   {command}\n"
        f"      replays again: no key, and nothing is sent.\n\n"
        f"   {command} --imgresponse-record=rewrite\n"
        f"      records OpenAI's answers instead: set OPENAI_API_KEY, leave OPENAI_BASE_URL unset. It costs three\n"
        f"      pictures of low quality, some US cents in all (https://openai.com/api/pricing); the error is free.\n\n"
        f"Delete the folder before you run a suite around it: that one would collect these tests too."
    )
