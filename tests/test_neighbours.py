"""The plugin lives beside the other recorders, and beside what changes how tests run: each is in a folder of its own."""

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


def test_a_test_that_is_run_again_has_its_cassette_again(suite, api, pytest_with):
    """Each run of it is guarded, judged and counted on its own."""
    suite.write(
        """
        import pathlib
        runs = pathlib.Path("runs")

        @pytest.fixture(scope="class")
        def wide():
            with pytest.raises(Exception, match="the class fixture 'wide'"): ask("wide")

        @pytest.mark.imgresponse
        def test_it(wide):
            runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
            ask()
            assert len(runs.read_text()) % 2 == 0
        """
    )
    options = "--reruns=1", "--imgresponse-record=once"
    assert "1 passed, 1 rerun" in pytest_with("pytest-rerunfailures", *options)
    assert len(api.requests) == 1
    output = pytest_with("pytest-rerunfailures", "--reruns=1")
    assert "imgresponse: 2 replayed\n" in output
    assert "unplayed" not in output
    assert len(api.requests) == 1


def test_tests_in_any_order_share_a_cassette(suite, api, pytest_with):
    """What one order recorded, another replays; a wider fixture is guarded, whichever test comes first."""
    suite.write(
        """
        @pytest.fixture(scope="module")
        def wide():
            with pytest.raises(Exception, match="the module fixture 'wide'"): ask("wide")

        def test_unmarked(wide): pass

        @pytest.mark.imgresponse("shared")
        @pytest.mark.parametrize("n", range(5))
        def test_it(n, wide): ask(f"number {n}")
        """
    )
    pytest_with("pytest-randomly", "--imgresponse-record=once", "--randomly-seed=1")
    assert len(api.requests) == 5
    for seed in (2, 3):
        output = pytest_with("pytest-randomly", f"--randomly-seed={seed}")
        assert "5 replayed" in output
        assert "unplayed" not in output
    assert len(api.requests) == 5


def test_where_the_clock_stands_still(suite, api, pytest_with):
    """It is recorded and replayed as ever, over a client that waits and one that does not."""
    suite.write(
        """
        import asyncio, datetime
        from freezegun import freeze_time

        @freeze_time("2001-02-03")
        @pytest.mark.imgresponse
        def test_sync():
            assert datetime.date.today().year == 2001
            assert ask().status_code == 200

        async def over_async():
            async with httpx.AsyncClient() as client:
                return await client.get(BASE + "/models")

        @pytest.mark.imgresponse
        def test_async():
            with freeze_time("2001-02-03", real_asyncio=True):
                assert asyncio.run(over_async()).status_code == 404
        """
    )
    assert "2 recorded" in pytest_with("freezegun", "--imgresponse-record=once")
    assert "2 replayed" in pytest_with("freezegun", "--imgresponse-strict")
    assert len(api.requests) == 2


def test_over_uvloop(suite):
    """It replays what it recorded, whichever async client asks."""
    pytest.importorskip("uvloop")
    suite.write(
        """
        import aiohttp, uvloop
        from openai import AsyncOpenAI

        async def over_openai():
            async with AsyncOpenAI(base_url=BASE, api_key="sk-live-0123456789") as client:
                answer = await client.images.generate(model="dall-e-2", prompt="a", response_format="b64_json")
            return answer.data[0].b64_json

        async def over_aiohttp():
            fields = {"model": "dall-e-2", "prompt": "b", "response_format": "b64_json"}
            headers = {"Authorization": "Bearer sk-live-0123456789"}
            async with aiohttp.ClientSession(headers=headers) as session:
                async with session.post(BASE + "/images/generations", json=fields) as answer:
                    return (await answer.json())["data"][0]["b64_json"]

        @pytest.mark.imgresponse
        @pytest.mark.parametrize("ask", [over_openai, over_aiohttp], ids=lambda ask: ask.__name__)
        def test_it(ask, imgresponse):
            assert uvloop.run(ask()) == imgresponse.responses[0].data[0].b64_json
        """
    )
    suite.record("--imgresponse-block-network", subprocess=True).outcomes(passed=2).sent(2)
    suite.run("--imgresponse-block-network", "--imgresponse-strict", subprocess=True).outcomes(passed=2).sent(0)


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
    (suite.root / ours).parent.mkdir(parents=True)
    (suite.root / place).rename(suite.root / ours)
    test = suite.root / "tests/test_logo.py"
    test.write_text(test.read_text().replace("pytest.mark.vcr", "pytest.mark.imgresponse"))
    suite.run().outcomes(passed=1).sent(0)

    theirs = "".join(cells[column] for cells in rows)
    named = re.findall(r"`(--[\w-]+)|fixture `(\w+)`|`@pytest\.mark\.(\w+)", theirs)
    source = "".join(path.read_text(encoding="utf-8") for path in (NEIGHBOURS / name).glob("pytest_*/*.py"))
    source += "".join(path.read_text(encoding="utf-8") for path in (NEIGHBOURS / name).glob("pytest_*.py"))
    assert len(named) > 6
    for option, fixture, marker in named:
        declared = rf"addoption\(\s*['\"]{option}['\"]|^def {fixture or '-'}\(|['\"]{marker or '-'}: "
        assert re.search(declared, source, re.MULTILINE), (option, fixture, marker)
