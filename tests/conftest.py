"""What several test modules share."""

from __future__ import annotations

import os
import shutil
import socket
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpcore
import httpcore2
import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings

from pytest_imgresponse import ImagePersister, ImagesResponse, LocalEndpoint

# Runs within this process drop what they were the first to import, and C extensions stand no second import; of
# httpcore and httpcore2 there would be two, whose errors differ.
assert httpcore
assert httpcore2
assert ImagePersister
assert ImagesResponse

pytest_plugins = ["pytester"]

# How long a draw takes says how busy the machine is. Tests that are about deadlines and health checks set their own.
# The explanation of a failure costs up to 500 more draws, and each `find` ends in a failure of its own.
settings.register_profile(
    "tests",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[phase for phase in Phase if phase is not Phase.explain],
)
settings.load_profile("tests")

RECORDINGS = Path(os.environ.get("IMGRESPONSE_RECORDINGS") or Path(__file__).parents[2] / "shared" / "recordings")


def installed(command: str) -> str:
    """The path of a command beside this Python, whether its environment is activated or not."""
    path = shutil.which(command, path=sysconfig.get_path("scripts"))
    assert path is not None, f"the script `{command}` is not installed beside this Python"
    return path


def slow(*cases: Any) -> list[Any]:
    """Cases of a test that run among the slow ones; a tuple has a value for each of its parameters."""
    return [pytest.param(*case if isinstance(case, tuple) else (case,), marks=pytest.mark.slow) for case in cases]


@pytest.fixture
def recordings() -> Path:
    """The folder of real recordings, which lies outside of the repository."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"no real recordings in {RECORDINGS}; set IMGRESPONSE_RECORDINGS to their folder")
    return RECORDINGS


@pytest.fixture
def api() -> Iterator[LocalEndpoint]:
    with LocalEndpoint() as endpoint:
        yield endpoint


FIELDS = {"model": "dall-e-2", "size": "256x256", "response_format": "b64_json"}
"""Of a request that the API answers with a small picture."""


@pytest.fixture
def ask(api: LocalEndpoint) -> Callable[..., httpx.Response]:
    """Asks the API on the loopback for a picture."""

    def ask(prompt: str = "a red fox", **fields: Any) -> httpx.Response:
        headers = {"Authorization": "Bearer sk-live-0123456789"}
        return httpx.post(f"{api.url}/images/generations", json={**FIELDS, "prompt": prompt, **fields}, headers=headers)

    return ask


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting any socket raises: what passes under it has sent nothing."""

    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError(f"a connection to {address} was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


PREAMBLE = """
import os
import httpx
import pytest

BASE = os.environ["BASE"]

def ask(prompt="a red fox", **fields):
    fields = {"model": "dall-e-2", "size": "256x256", "response_format": "b64_json", "prompt": prompt, **fields}
    fields = {name: value for name, value in fields.items() if value is not None}
    return httpx.post(BASE + "/images/generations", json=fields, headers={"Authorization": "Bearer sk-live-0123456789"})
"""


class Run:
    """What a run of a written suite did."""

    def __init__(self, result: pytest.RunResult, asked: int) -> None:
        self.result = result
        self.asked = asked
        self.output = result.stdout.str() + result.stderr.str()

    def outcomes(self, **expected: int) -> Run:
        found = {name: n for name, n in self.result.parseoutcomes().items() if name != "warnings"}
        assert found == expected, self.output
        return self

    def says(self, *texts: str) -> Run:
        for text in texts:
            assert text in self.output, f"{text!r} not in:\n{self.output}"
        return self

    def says_not(self, text: str) -> Run:
        assert text not in self.output, self.output
        return self

    def sent(self, number: int) -> Run:
        assert self.asked == number, self.output
        return self


class Suite:
    """A suite in a folder of its own, whose tests ask a local endpoint."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, api: LocalEndpoint) -> None:
        self.pytester = pytester
        self.api = api
        self.root = pytester.path
        self.cassettes = pytester.path / "cassettes"
        monkeypatch.setenv("BASE", api.url)
        self.configure()

    def configure(self, *lines: str) -> Suite:
        self.pytester.makeini("\n".join(["[pytest]", "asyncio_default_fixture_loop_scope = function", *lines]))
        return self

    def write(self, source: str, name: str = "tests/test_logo.py") -> Suite:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PREAMBLE + textwrap.dedent(source), encoding="utf-8")
        return self

    def run(self, *arguments: str, subprocess: bool = False) -> Run:
        before = len(self.api.requests)
        how = self.pytester.runpytest_subprocess if subprocess else self.pytester.runpytest_inprocess
        result = how("-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments)
        return Run(result, len(self.api.requests) - before)

    def record(self, *arguments: str, mode: str = "once", **options: bool) -> Run:
        return self.run(f"--imgresponse-record={mode}", *arguments, **options)

    def files(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.cassettes).as_posix())
            for path in self.cassettes.rglob("*")
            if path.is_file() and path.name != ".gitattributes"
        )


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, api: LocalEndpoint) -> Suite:
    return Suite(pytester, monkeypatch, api)


def attack_size(small: int) -> int:
    """How many mutations a test tries: a few, or as many as `IMGRESPONSE_ATTACK_SIZE` says."""
    return int(os.environ.get("IMGRESPONSE_ATTACK_SIZE") or small)
