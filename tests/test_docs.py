"""The documents: each snippet runs, each table is complete, each sample is what the code prints."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

import pytest_imgresponse
from pytest_imgresponse import EDGE_CASES, strategies
from pytest_imgresponse._config import CONFIG_OPTIONS, MARKER_OPTIONS, RECORD_MODES
from pytest_imgresponse.cli import main
from pytest_imgresponse.errors import CassetteError, ImgResponseError

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
FILES = dict(re.match(r"# (\S+)\n(.*)", code, re.DOTALL).groups() for kind, code in BLOCKS if kind == "python")


# What the things of the README consist of; their docstrings say the rest.
PARTS = {
    *("CassetteError", "CompletedEvent", "EdgeCase", "ErrorBody", "Finding", "HTTPRequest", "Image", "ImgResponse"),
    *("PartialImageEvent", "Report", "Stubbed", "SvgUsage", "Usage", "EDGE_CASES"),
}


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
    monkeypatch.syspath_prepend(suite.root)
    (suite.root / "parsers.py").write_text((ROOT / "tests/parsers.py").read_text(encoding="utf-8"), encoding="utf-8")
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
        "tests/test_parser.py",
        "tests/test_stub.py",
        "tests/test_strategies.py",
        "tests/conftest.py",
        "tests/test_persister.py",
    ]
    record, replay = blocks("console")[1].split("\n", 1)[0], blocks("console")[1].split("\n")[1]
    assert (record, replay) == ("pytest --imgresponse-record=once", "pytest")
    written.run(*record.split()[1:]).outcomes(passed=10).sent(4).says(blocks("text")[0].splitlines()[0])
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


def test_the_table_of_edge_cases_is_the_one_that_is_linked(capsys):
    assert main(["cases", "--markdown"]) == 0
    table = (ROOT / "docs/edge-cases.md").read_text(encoding="utf-8")
    assert table.endswith(capsys.readouterr().out), "imgresponse cases --markdown, below the heading of the file"
    assert f"{len(EDGE_CASES)} cases" in README


def test_the_table_of_strategies_is_complete():
    assert sorted(columns("## Strategies")) == strategies.__all__


SHOP = """
from parsers import PrefixKept

def parse(body):
    return PrefixKept().parse(body)
"""


def test_the_report_of_a_parser_is_the_one_that_is_shown(written, pytester):
    (pytester.path / "shop.py").write_text(SHOP)
    command = "imgresponse fuzz shop:parse --rejects-with parsers:ParserError --max-examples 0"
    report = "\n".join(pytester.run(*command.split()).outlines)
    shown = next(block for block in blocks("text") if "breaks the contract" in block).strip()
    assert untimed(shown) == untimed(report)


def untimed(report: str) -> str:
    return re.sub(r"slowest: \w+, \d+ ms", "slowest: …", report)


def test_the_command_that_fuzzes_is_the_one_that_is_shown(written, pytester):
    command = blocks("console")[2].strip()
    pytester.run(*command.split(), "--max-examples=0")
    assert "keeps the contract" in (pytester.path / "report.html").read_text(encoding="utf-8")


def test_every_file_that_is_linked_exists():
    for path in re.findall(r'src="([^"]+)"|`(tests/benchmarks/\S+)`|`(\.ci/run)`|\]\(((?:docs|tests)/[^)]+)\)', README):
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
    for name in set(pytest_imgresponse.__all__) - PARTS:
        assert name in README
    assert textwrap.dedent(README) == README
