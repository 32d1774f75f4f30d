"""The documents: each snippet runs, each table is complete, each sample is what the code prints, each link leads somewhere."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

import pytest_imgresponse
from pytest_imgresponse import EDGE_CASES, FAULTS, check_parser, strategies
from pytest_imgresponse._config import CONFIG_OPTIONS, MARKER_OPTIONS, MATCHERS, RECORD_MODES
from pytest_imgresponse.api.api_errors import FAILURES
from pytest_imgresponse.checks import LEVELS, VERDICTS
from pytest_imgresponse.cli import COMMANDS, main
from pytest_imgresponse.errors import CassetteError, ImgResponseError
from pytest_imgresponse.exchanges import ExchangeLog

ROOT = Path(__file__).parents[1]


class Page(NamedTuple):
    """A page of the documents."""

    path: Path
    text: str

    def blocks(self, kind: str) -> list[str]:
        return re.findall(rf"```{kind}\n(.*?)```", self.text, re.DOTALL)

    @property
    def prose(self) -> str:
        """All but the blocks."""
        return re.sub(r"```.*?```", "", self.text, flags=re.DOTALL)

    def files(self) -> dict[str, str]:
        """What is in its blocks of Python, by the names that their first lines give."""
        return dict(re.fullmatch(r"# (\S+)\n(.*)", code, re.DOTALL).groups() for code in self.blocks("python"))

    def first_column(self, heading: str) -> list[str]:
        """The names in the first column of the table under a heading."""
        section = f"\n{self.prose}".partition(f"\n{heading}\n")[2]
        assert section, f"{self.path.name} has no {heading!r}"
        section = re.split(r"^#+ ", section, maxsplit=1, flags=re.MULTILINE)[0]
        return re.findall(r"^\| `([^`=]+)[^`]*`", section, re.MULTILINE)

    def anchors(self) -> set[str]:
        """What a link can name behind its `#`."""
        headings = re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def page(name: str) -> Page:
    path = ROOT / name
    return Page(path, path.read_text(encoding="utf-8"))


README = page("README.md")
PAGES = {path.stem: page(f"docs/{path.name}") for path in sorted((ROOT / "docs").glob("*.md"))}
EVERY = [README, *PAGES.values()]
FILES = {name: code for each in EVERY for name, code in each.files().items()}

# What public things consist of; their docstrings say the rest.
PARTS = {
    *("CassetteError", "CompletedEvent", "EdgeCase", "ErrorBody", "Finding", "HTTPRequest", "Image", "ImgResponse"),
    *("PartialImageEvent", "Report", "Stubbed", "SvgUsage", "Usage"),
}


FEW_EXAMPLES = """
from hypothesis import settings

settings.register_profile("documents", max_examples=10, deadline=None)
settings.load_profile("documents")
"""


@pytest.fixture
def written(suite, api, monkeypatch):
    """The files of the documents in a folder, beside a local API that stands for the real one."""
    monkeypatch.setenv("OPENAI_BASE_URL", api.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-documents-0123456789")
    monkeypatch.syspath_prepend(suite.root)
    (suite.root / "parsers.py").write_text((ROOT / "tests/parsers.py").read_text(encoding="utf-8"), encoding="utf-8")
    for name, code in FILES.items():
        path = suite.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code, encoding="utf-8")
    (suite.root / "conftest.py").write_text(FEW_EXAMPLES)
    return suite


def command_line(command: str) -> list[str]:
    """A command, of the scripts that are installed beside this Python."""
    name, *arguments = shlex.split(command)
    return [str(Path(sysconfig.get_path("scripts")) / name), *arguments]


class TestSnippets:
    def test_each_has_a_file_of_its_own(self):
        assert sum(len(each.blocks("python")) for each in EVERY) == len(FILES) == 15

    def test_every_snippet_runs_and_the_fixture_records_and_replays(self, written, monkeypatch):
        record, replay = README.blocks("console")[1].splitlines()
        assert (record, replay) == ("pytest --imgresponse-record=once", "pytest")
        assert PAGES["recording"].blocks("console")[0].splitlines() == [record, replay]
        recorded, replayed = README.blocks("text")[0].splitlines()

        # In a process of its own: one snippet enters an edge case into the table.
        written.run(*record.split()[1:], subprocess=True).outcomes(passed=17).sent(6)
        written.cassettes.joinpath("test_logo/test_logo.yaml").unlink()
        written.run(*record.split()[1:], "tests/test_logo.py").outcomes(passed=1).sent(1).says(recorded)
        monkeypatch.delenv("OPENAI_API_KEY")
        written.run("tests/test_logo.py").outcomes(passed=1).sent(0).says(replayed)

    def test_every_command_is_one_that_is_known(self, written):
        """Those of pytest are parsed by it, those of ours by ours; what they do is for other tests."""
        commands = [line for each in EVERY for block in each.blocks("console") for line in block.splitlines()]
        assert len(commands) > 10
        for command in commands:
            for name, *arguments in map(shlex.split, command.split(" && ")):
                if name == "pytest":
                    written.run(*arguments, "--version").says(f"pytest {pytest.__version__}")
                elif name == "imgresponse":
                    with pytest.raises(SystemExit) as ended:
                        main([*arguments, "--help"])
                    assert ended.value.code == 0
                else:
                    assert re.match(r"(python -m )?pip install ", command)

    def test_the_settings_are_known(self, pytester):
        (settings,) = PAGES["command-line"].blocks("toml")
        pytester.makepyprojecttoml(settings)
        pytester.makepyfile("def test_nothing(): pass")
        result = pytester.runpytest_inprocess("--strict-config", "-p", "no:asyncio")
        result.stdout.fnmatch_lines("imgresponse: record mode none (replay only), cassettes in tests/cassettes")
        assert tomllib.loads(settings)["tool"]["pytest"]["ini_options"]["imgresponse_block_network"] is True


class TestSamples:
    def test_the_miss_is_the_one_that_is_shown(self, written):
        written.record("tests/test_logo.py").outcomes(passed=1)
        path = written.root / "tests/test_logo.py"
        path.write_text(path.read_text().replace("a red fox", "a red foxx"))
        output = written.run("tests/test_logo.py").outcomes(failed=1).output
        (shown,) = PAGES["matching-and-redaction"].blocks("text")
        shown = shown.replace("https://api.openai.com", "http://127.0.0.1")
        for line in shown.strip().removeprefix("UnrecordedRequestError: ").splitlines():
            assert line in output

    def test_the_cassette_is_the_one_that_is_shown(self):
        path = ROOT / "cassettes/test_fox_shop/test_red_fox.yaml"
        cassette = iter(path.read_text(encoding="utf-8").splitlines())
        for line in PAGES["cassettes"].blocks("yaml")[0].splitlines():
            assert line in cassette, "not there, or not in this order"
        tree = PAGES["cassettes"].blocks("text")[0]
        assert tree.startswith("cassettes/\n  .gitattributes\n  test_fox_shop/\n")
        for name in ("test_red_fox.yaml", "test_red_fox-1.png"):
            assert name in tree
            assert (ROOT / "cassettes/test_fox_shop" / name).exists()

    def test_the_report_of_a_parser_is_the_one_that_is_shown(self, written, pytester):
        (pytester.path / "shop.py").write_text(SHOP)
        command = "imgresponse fuzz shop:parse --rejects-with parsers:ParserError --max-examples 0"
        report = "\n".join(pytester.run(*command_line(command)).outlines)
        (shown,) = PAGES["contract"].blocks("text")
        assert untimed(shown.strip()) == untimed(report)

    def test_the_command_that_fuzzes_is_the_one_that_is_shown(self, written, pytester):
        (command,) = PAGES["contract"].blocks("console")
        pytester.run(*command_line(command), "--max-examples=0")
        assert "keeps the contract" in (pytester.path / "report.html").read_text(encoding="utf-8")


SHOP = """
from parsers import PrefixKept

def parse(body):
    return PrefixKept().parse(body)
"""


def untimed(report: str) -> str:
    return re.sub(r"slowest: \w+, \d+ ms", "slowest: …", report)


class TestTables:
    @pytest.mark.parametrize("where", [README, PAGES["recording"]], ids=lambda where: where.path.name)
    def test_of_record_modes(self, where):
        assert where.first_column("## Record modes") == list(RECORD_MODES)

    def test_of_the_fixture(self):
        promised = [name for name, value in vars(ExchangeLog).items() if isinstance(value, property)]
        found = PAGES["recording"].first_column("## What the fixture gives")
        assert sorted(found) == sorted([*promised, "cassette", "recording"])
        for name in found:
            assert isinstance(getattr(pytest_imgresponse.ImgResponse, name), property)

    def test_of_options(self):
        recording = PAGES["recording"]
        assert recording.first_column("## Options") == list(CONFIG_OPTIONS)
        rows = re.findall(r"^\| `(\w+)` \| yes \|", recording.text, re.MULTILINE)
        assert rows == list(MARKER_OPTIONS)
        assert f"a list of {', '.join(f'`{name}`' for name in MATCHERS)}, or" in recording.text

    def test_of_the_options_and_ini_values_of_pytest(self, pytestconfig):
        here = PAGES["command-line"]
        group = pytestconfig._parser.getgroup("imgresponse")
        assert here.first_column("## Options of pytest") == [option.names()[0] for option in group.options]
        ours = {
            name: pytestconfig.getini(name) for name in pytestconfig._parser._inidict if name.startswith("imgresponse")
        }
        rows = re.findall(r"^\| `(imgresponse\w+)` \| `(\w+|\[\])` \|", here.text, re.MULTILINE)
        assert dict(rows) == {name: str(value).lower() for name, value in ours.items()}

    def test_of_commands(self):
        assert PAGES["command-line"].first_column("## The command `imgresponse`") == list(COMMANDS)

    def test_of_arguments(self):
        assert PAGES["contract"].first_column("## Arguments") == list(check_parser.__kwdefaults__)

    def test_of_errors(self):
        errors = {name for name in vars(pytest_imgresponse.errors) if name.endswith("Error")}
        assert set(PAGES["errors"].first_column("# Errors")) == errors - {
            ImgResponseError.__name__,
            CassetteError.__name__,
        }

    def test_of_strategies(self):
        assert sorted(PAGES["strategies"].first_column("# Strategies")) == strategies.__all__

    def test_of_verdicts_and_levels(self):
        assert PAGES["strategies"].first_column("## Edge cases") == list(VERDICTS)
        assert PAGES["strategies"].first_column("## The judge") == list(LEVELS)

    def test_of_faults(self):
        rows = "".join(f"| `{name}` | {kind.verdict} | {kind.reason} |\n" for name, kind in FAULTS.items())
        assert rows in PAGES["endpoint"].text
        for name in FAILURES:
            assert f"`{name}`" in PAGES["endpoint"].text

    def test_of_edge_cases(self, capsys):
        assert main(["cases", "--markdown"]) == 0
        assert PAGES["edge-cases"].text.endswith(capsys.readouterr().out), (
            "imgresponse cases --markdown, below the heading of the file"
        )
        told = {
            number for each in EVERY for number in re.findall(r"\b(2\d\d)\b(?= \[?edge cases|, each|\. \|)", each.text)
        }
        assert told | set(re.findall(r"the table of all (\d+)", PAGES["index"].text)) == {str(len(EDGE_CASES))}

    def test_of_contents(self):
        linked = re.findall(r"^\| \[[^\]]+\]\(([\w-]+)\.md\)", PAGES["index"].text, re.MULTILINE)
        assert sorted(linked) == sorted(set(PAGES) - {"index"})


class TestLinks:
    @pytest.mark.parametrize("where", EVERY, ids=lambda where: where.path.name)
    def test_lead_somewhere(self, where):
        links = re.findall(r'\]\(([^)\s]+)\)|src="([^"]+)"', where.prose)
        for link in map("".join, links):
            if link.startswith("https://"):
                continue
            name, _, anchor = link.partition("#")
            target = where.path.parent / name if name else where.path
            assert target.resolve().is_relative_to(ROOT)
            assert target.exists(), link
            if anchor:
                assert anchor in Page(target, target.read_text(encoding="utf-8")).anchors(), link

    def test_there_are_pictures(self):
        assert "docs/pictures/report.png" in {
            (each.path.parent / name).resolve().relative_to(ROOT).as_posix()
            for each in EVERY
            for name in re.findall(r'src="([^"]+)"', each.text)
        }


class TestPackageIndex:
    @pytest.fixture
    def metadata(self, tmp_path):
        """What a wheel would say of the project, had its repository this address."""

        def built(repository: str) -> dict:
            for name in ("README.md", "LICENSE", "hatch_build.py", "pytest_imgresponse/__init__.py"):
                (tmp_path / name).parent.mkdir(exist_ok=True)
                shutil.copy(ROOT / name, tmp_path / name)
            settings, number = re.subn(
                "^repository = .*$",
                f'repository = "{repository}"',
                (ROOT / "pyproject.toml").read_text(),
                flags=re.MULTILINE,
            )
            assert number == 1, "one setting alone"
            (tmp_path / "pyproject.toml").write_text(settings)
            command = [sys.executable, "-m", "hatchling", "metadata"]
            return json.loads(subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout)

        return built

    def test_links_and_pictures_lead_to_the_repository(self, metadata):
        told = metadata("https://repository.invalid/owner/name/")
        at, version = "https://repository.invalid/owner/name", f"v{pytest_imgresponse.__version__}"
        shown, links = told["readme"]["text"], re.compile(r'(?<=\]\()[^)]+|(?<=src=")[^"]+')
        for before, after in zip(links.findall(README.text), links.findall(shown), strict=True):
            kind = "raw" if before.endswith(".png") else "blob"
            assert after == (before if before.startswith("https://") else f"{at}/{kind}/{version}/{before}")
        assert told["readme"]["content-type"] == "text/markdown"
        assert told["urls"]["Source"] == at
        for name in ("Documentation", "Changelog"):
            assert (ROOT / told["urls"][name].removeprefix(f"{at}/blob/{version}/")).is_file()

    def test_no_address_is_made_up(self, metadata):
        told = metadata("")
        assert told["readme"]["text"] == README.text
        assert "urls" not in told


def test_the_readme_can_be_read_in_one_go():
    assert len(README.text.splitlines()) <= 200


def test_the_two_commands_are_those_of_the_continuous_integration():
    first, second = README.blocks("console")[-1].strip().splitlines()
    assert second == "pytest -n auto"
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    for command in (*first.split(" && "), second):
        assert re.search(rf"^ *{re.escape(command)}$", script, re.MULTILINE)


def test_the_names_of_the_public_things_are_mentioned():
    text = "".join(each.text for each in EVERY)
    for name in set(pytest_imgresponse.__all__) - PARTS:
        assert f"`{name}" in text or f".{name}" in text or f" {name}" in text
