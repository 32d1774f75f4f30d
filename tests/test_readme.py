"""The README: each snippet runs, each table is complete, each sample is what the code prints."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

import pytest_imgresponse
from pytest_imgresponse._config import CONFIG_OPTIONS, MARKER_OPTIONS, RECORD_MODES
from pytest_imgresponse.errors import CassetteError, ImgResponseError

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
FILES = dict(re.match(r"# (\S+)\n(.*)", code, re.DOTALL).groups() for kind, code in BLOCKS if kind == "python")


def blocks(kind: str) -> list[str]:
    return [code for found, code in BLOCKS if found == kind]


def columns(heading: str) -> list[str]:
    """The names in the first column of the table under a heading."""
    return re.findall(r"^\| `(\w+)`", README.partition(heading)[2].partition("\n## ")[0], re.MULTILINE)


@pytest.fixture
def written(suite, api, monkeypatch):
    """The README's files in a folder, beside a local API that stands for the real one."""
    monkeypatch.setenv("OPENAI_BASE_URL", api.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-readme-0123456789")
    for name, code in FILES.items():
        path = suite.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code, encoding="utf-8")
    return suite


def test_every_snippet_runs_and_the_fixture_records_and_replays(written, monkeypatch):
    assert list(FILES) == [
        "tests/test_logo.py",
        "tests/test_replay.py",
        "tests/test_endpoint.py",
        "tests/conftest.py",
        "tests/test_persister.py",
    ]
    record, replay = blocks("console")[1].split("\n", 1)[0], blocks("console")[1].split("\n")[1]
    assert (record, replay) == ("pytest --imgresponse-record=once", "pytest")
    written.run(*record.split()[1:]).outcomes(passed=4).sent(3).says(blocks("text")[0].splitlines()[0])
    monkeypatch.delenv("OPENAI_API_KEY")
    written.run("tests/test_logo.py").outcomes(passed=1).sent(0).says(blocks("text")[0].splitlines()[1])


def test_the_miss_is_the_one_that_is_shown(written):
    written.record("tests/test_logo.py").outcomes(passed=1)
    path = written.root / "tests/test_logo.py"
    path.write_text(path.read_text().replace("a red fox", "a red foxx"))
    output = written.run("tests/test_logo.py").outcomes(failed=1).output
    shown = next(block for block in blocks("text") if "UnrecordedRequestError" in block).strip()
    shown = shown.replace("https://api.openai.com", "http://127.0.0.1").replace(
        "Cassette cassettes", f"Cassette {written.root}/cassettes"
    )
    for line in shown.removeprefix("UnrecordedRequestError: ").splitlines():
        assert line in output


def test_the_cassette_is_the_one_that_is_shown():
    cassette = iter((ROOT / "cassettes/test_fox_shop/test_red_fox.yaml").read_text(encoding="utf-8").splitlines())
    for line in blocks("yaml")[0].splitlines():
        assert line in cassette, "not there, or not in this order"
    tree = next(block for block in blocks("text") if block.startswith("cassettes/"))
    for name in ("test_red_fox.yaml", "test_red_fox-1.png"):
        assert name in tree
        assert (ROOT / "cassettes/test_fox_shop" / name).exists()


def test_every_file_that_is_linked_exists():
    for path in re.findall(r'src="([^"]+)"|`(tests/benchmarks/\S+)`|`(\.ci/run)`', README):
        assert (ROOT / "".join(path)).exists()


def test_the_tables_are_complete():
    assert columns("## Record modes") == list(RECORD_MODES)
    errors = {name for name in vars(pytest_imgresponse.errors) if name.endswith("Error")}
    assert set(columns("## Errors")) == errors - {ImgResponseError.__name__, CassetteError.__name__}
    for name in (*MARKER_OPTIONS, *CONFIG_OPTIONS):
        assert f"`{name}`" in README


def test_the_two_commands_are_those_of_the_continuous_integration():
    install, test = blocks("console")[0].strip().splitlines()
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert install.removeprefix("python -m pip install ") in script
    for command in test.split(" && "):
        assert re.search(rf"(^|&& ){re.escape(command)}\)?$", script, re.MULTILINE)


def test_the_name_of_the_public_things_are_mentioned():
    for name in ("replay", "LocalEndpoint", "ImagePersister", "ImagesResponse"):
        assert name in README
    assert textwrap.dedent(README) == README
