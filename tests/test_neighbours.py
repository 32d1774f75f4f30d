"""The plugin lives beside the other recorders: each is installed in a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

NEIGHBOURS = Path(os.environ.get("IMGRESPONSE_NEIGHBOURS") or "neighbours")
README = Path(__file__).parents[1] / "README.md"
pytestmark = pytest.mark.slow

THEIR_TEST = "@pytest.mark.vcr\ndef test_theirs(): ask('theirs')\n"
THEIR_MODE = {"pytest-recording": "--record-mode", "pytest-vcr": "--vcr-record", "cassetter": "--record-mode"}


@pytest.fixture
def pytest_with(suite, api):
    """Runs pytest with another recorder beside our plugin, and gives what it printed."""

    def run(name, *arguments):
        folder = NEIGHBOURS / name
        if not folder.is_dir():
            pytest.skip(f"{name} is not installed in {folder}; set IMGRESPONSE_NEIGHBOURS to a folder of such folders")
        environment = {**os.environ, "PYTHONPATH": str(folder), "BASE": api.url}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(command, cwd=suite.root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("name", THEIR_MODE)
def test_beside(suite, api, pytest_with, name):
    """Each records and replays its own test, with both plugins loaded."""
    suite.write("@pytest.mark.imgresponse\ndef test_ours(): ask('ours')\n" + THEIR_TEST)

    def run(*arguments):
        before = len(api.requests)
        output = pytest_with(name, *arguments)
        assert "2 passed" in output
        assert name.replace("pytest-", "") in output.partition("plugins: ")[2].partition("\n")[0]
        return len(api.requests) - before

    assert run("--imgresponse-record=once", f"{THEIR_MODE[name]}=once") == 2
    assert "test_logo/test_ours.yaml" in suite.files()
    assert run() == 0


@pytest.mark.parametrize("mode", ["once", "all", "rewrite"])
def test_beside_the_fake_file_system_of_pyfakefs(suite, api, pytest_with, mode):
    """What is recorded under its fixture is on the real disk, and replays under it."""
    source = """
    @pytest.mark.imgresponse
    def test_it({}):
        ask()
        assert httpx.get(BASE + "/none", headers={{"Authorization": "Bearer sk-x"}}).status_code == 404
    """
    suite.write(source.format("fs"))
    assert "2 recorded" in pytest_with("pyfakefs", f"--imgresponse-record={mode}")
    assert suite.files() == ["test_logo/test_it-1.png", "test_logo/test_it.yaml"]
    suite.write(source.format("")).run("--imgresponse-strict").outcomes(passed=1).sent(0)
    suite.write(source.format("fs").replace("ask()", ""))  # without the picture, which is read when it is asked for
    assert "1 replayed" in pytest_with("pyfakefs")
    if mode != "once":
        suite.write(source.format("fs"))
        assert "2 recorded" in pytest_with("pyfakefs", f"--imgresponse-record={mode}")
        assert suite.files() == ["test_logo/test_it-1.png", "test_logo/test_it.yaml"]


THEIR_SUITE = """
@pytest.mark.vcr
class TestShop:
    class TestInner:
        def test_it(self): ask("inner")

    @pytest.mark.parametrize("at", ["a b", "2:3", "v1.5", "ü#", "q" * 300])
    def test_it(self, at): ask(at)

@pytest.mark.vcr
@pytest.mark.parametrize("at", ["<?>", 'x|"y"', "a/b", "it's*"])
def test_it(at): ask(at)
"""


@pytest.mark.parametrize("name", ["pytest-recording", "cassetter"])
def test_its_cassettes_are_found_where_they_are(suite, api, pytest_with, name):
    """And those of pytest-recording replay there, with `imgresponse_cassette_layout = beside`."""
    length = 300 if name == "pytest-recording" else 200  # the other does not shorten names
    files = ("tests/test_logo.py", "tests/unit/test_logo.py")
    for file in files:
        suite.write(THEIR_SUITE.replace("300", str(length)), file)
    arguments = ["--import-mode=importlib", "-p", "no:hypothesispytest"]
    pytest_with(name, "--record-mode=once", *arguments)
    assert len(api.requests) == 20
    for file in files:
        suite.write(THEIR_SUITE.replace("300", str(length)).replace("pytest.mark.vcr", "pytest.mark.imgresponse"), file)
    found = "But there is tests/unit/cassettes/test_logo/"
    layout = ": set the ini `imgresponse_cassette_layout = beside`"
    suite.run(*arguments, "-k", "unit").outcomes(failed=10, deselected=10).sent(0).says(
        f"{found}TestShop.test_it[v1.5].yaml{layout}",
        f"{found}TestInner.test_it.yaml{layout}",
        f"{found}test_it[---].yaml{layout}",
    )
    suite.configure("imgresponse_cassette_layout = beside")
    if name == "pytest-recording":
        suite.run(*arguments).outcomes(passed=20).sent(0)
        suite.record(*arguments, mode="rewrite").outcomes(passed=20).sent(20)
        suite.run(*arguments, "--imgresponse-strict").outcomes(passed=20).sent(0)


@pytest.mark.parametrize(("column", "name"), [(1, "pytest-recording"), (2, "pytest-vcr")])
def test_who_comes_from_it_finds_what_the_readme_says(suite, api, pytest_with, column, name):
    """Their options, markers and fixtures are these, their cassette lies there, and replays when it is moved to ours."""
    section = README.read_text(encoding="utf-8").partition("\n## Coming from ")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    told = {cells[0]: cells for cells in rows}
    assert told[""][column] == name

    place, ours = (told["cassette of `test_fox` in `tests/test_logo.py`"][n].strip("`") for n in (column, 3))
    suite.write("@pytest.mark.vcr\ndef test_fox(): assert ask().json()['data'][0]['b64_json']\n")
    pytest_with(name, told["record"][column].strip("`"))
    assert len(api.requests) == 1
    to_ours = (
        suite.root.joinpath("tests/test_logo.py").read_text().replace("pytest.mark.vcr", "pytest.mark.imgresponse")
    )
    suite.root.joinpath("tests/test_logo.py").write_text(to_ours)
    suite.run().outcomes(failed=1).sent(0).says(f"But there is {place}")
    (suite.root / ours).parent.mkdir(parents=True)
    (suite.root / place).rename(suite.root / ours)
    suite.run().outcomes(passed=1).sent(0)

    theirs = "".join(cells[column] for cells in rows)
    named = re.findall(r"`(--[\w-]+)|fixture `(\w+)`|`@pytest\.mark\.(\w+)", theirs)
    source = "".join(path.read_text(encoding="utf-8") for path in (NEIGHBOURS / name).glob("pytest_*/*.py"))
    source += "".join(path.read_text(encoding="utf-8") for path in (NEIGHBOURS / name).glob("pytest_*.py"))
    assert len(named) > 6
    for option, fixture, marker in named:
        declared = rf"addoption\(\s*['\"]{option}['\"]|^def {fixture or '-'}\(|['\"]{marker or '-'}: "
        assert re.search(declared, source, re.MULTILINE), (option, fixture, marker)
