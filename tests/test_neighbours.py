"""The plugin lives beside the other recorders, and beside what changes how tests run: each is in a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_imgresponse import HTTPResponse

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
    suite.write(source.format("fs"))
    assert "2 replayed" in pytest_with("pyfakefs")
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


NESTED_SUITE = {
    "tests/test_logo.py": """
@pytest.mark.vcr
def test_fox(): ask('a fox')

class TestShop:
    @pytest.mark.vcr
    @pytest.mark.parametrize('prompt', ['a hare', 'v1.5'])
    def test_two(self, prompt): ask(prompt)

    class TestInner:
        @pytest.mark.vcr
        def test_deep(self): ask('deep')
""",
    "tests/sub/test_other.py": "@pytest.mark.vcr\ndef test_other(): ask('another')\n",
}


@pytest.mark.parametrize("name", THEIR_MODE)
def test_a_suite_of_theirs_is_imported_and_replays(suite, api, pytest_with, name):
    for path, text in NESTED_SUITE.items():
        suite.write(text, path)
    pytest_with(name, f"{THEIR_MODE[name]}=once")
    assert len(api.requests) == 5
    command = [sys.executable, "-m", "pytest_imgresponse", "import", "tests", "--to", "cassettes", "--move"]
    subprocess.run(command, cwd=suite.root, check=True)
    assert not [*suite.root.glob("tests/**/*.yaml")]
    for path in NESTED_SUITE:
        file = suite.root / path
        file.write_text(file.read_text().replace("pytest.mark.vcr", "pytest.mark.imgresponse"))
    suite.run().outcomes(passed=5).sent(0)


BY_TORNADO = """
import asyncio
import json
from pytest_imgresponse import CassetteMissingError, UnrecordableRequestError
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

@pytest.fixture(params=["simple", "curl"])
def fetch(request):
    name = f"tornado.{request.param}_httpclient.{request.param.title()}AsyncHTTPClient"
    if request.param == "curl":
        pytest.importorskip("pycurl")
    order = json.dumps({"model": "dall-e-2", "prompt": "a red fox", "size": "256x256", "response_format": "b64_json"})
    headers = {"Authorization": "Bearer sk-live-0123456789", "Content-Type": "application/json"}

    async def main(url=BASE + "/images/generations", **options):
        AsyncHTTPClient.configure(name)
        asked = HTTPRequest(url, method="POST", headers=headers, body=order, **options)
        return await asyncio.wait_for(AsyncHTTPClient(force_instance=True).fetch(asked, raise_error=False), 9)

    return lambda *arguments, **options: asyncio.run(main(*arguments, **options))

@pytest.mark.imgresponse
def test_picture(imgresponse, fetch):
    answer = fetch()
    assert (answer.code, answer.headers["OpenAI-Version"]) == (200, "2020-10-01")
    assert json.loads(answer.body)["data"][0]["b64_json"]
    assert imgresponse.images[0].size == (256, 256)

@pytest.mark.imgresponse(ignore_hosts=["127.0.0.1"])
def test_passes(fetch):
    assert fetch().code == 200

@pytest.mark.imgresponse
def test_steps(imgresponse, fetch):
    answer = fetch()
    assert (answer.code, answer.effective_url[-10:]) == (404, "/v1/models")  # of the loopback no port is recorded
    assert answer.request.url == BASE + "/images/generations"
    elsewhere = fetch()
    assert (elsewhere.code, elsewhere.effective_url[:16]) == (404, "http://localhost")
    assert fetch(follow_redirects=False).code == 302
    assert [each.status for each in imgresponse.http_responses] == [303, 404, 307, 404, 302]

@pytest.mark.imgresponse
def test_no_answer(imgresponse, fetch):
    with pytest.raises(Exception) as caught:
        fetch("http://127.0.0.1:9/")
    assert isinstance(caught.value, CassetteMissingError) is not imgresponse.recording

@pytest.mark.imgresponse(allow_unplayed=True)
def test_callbacks(fetch):
    for name in ("streaming_callback", "header_callback"):
        with pytest.raises(UnrecordableRequestError, match=f"a `{name}`, which vcrpy does not serve; nothing was sent"):
            fetch(**{name: print})
"""


def test_tornado(suite, api, pytest_with):
    """Its clients record and replay, redirections step by step, and each request of theirs comes to an end."""
    elsewhere = api.url.replace("127.0.0.1", "localhost")
    steps = {f"{api.url}/models": 303, f"{elsewhere}/models": 307, "/": 302}
    for location, status in [*steps.items()] * 2:  # for each client
        api.answer(HTTPResponse(status, {"Location": location}, b""))
    suite.write(BY_TORNADO)
    for chosen, sent in (("steps", 10), ("not steps", 4)):
        before = len(api.requests)
        pytest_with("tornado", "--imgresponse-record=once", "-k", chosen)
        assert len(api.requests) - before == sent
    asked = [r.header("authorization") for r in api.requests[:5]]
    assert asked == ["Bearer sk-live-0123456789"] * 3 + [None, "Bearer sk-live-0123456789"]
    assert "10 passed" in pytest_with("tornado")
    assert len(api.requests) == 14 + 2  # of the host that is ignored


BY_BLOCKBUSTER = """
import aiohttp
import openai  # and with it pydantic, whose import blocks
import yarl
from blockbuster import blockbuster_ctx

@pytest.fixture(autouse=True)
def no_blocking_call(request, imgresponse):
    with blockbuster_ctx() as blockbuster:
        if imgresponse.recording:
            blockbuster.deactivate()
        yield

HEADERS = {"Authorization": "Bearer sk-live-0123456789"}
ORDER = {"model": "dall-e-2", "prompt": "a red fox", "size": "256x256", "response_format": "url", "n": 2}

@pytest.mark.asyncio
@pytest.mark.imgresponse
async def test_httpx(imgresponse):
    async with httpx.AsyncClient(headers=HEADERS) as client:
        for form in ("b64_json", "url"):
            answer = await client.post(BASE + "/images/generations", json={**ORDER, "response_format": form})
        for item in answer.json()["data"]:
            assert (await client.get(item["url"])).content
    assert [image.size for image in imgresponse.images] == [(256, 256)] * 4
    assert len(imgresponse.responses) == 2

@pytest.mark.asyncio
@pytest.mark.imgresponse
async def test_aiohttp(imgresponse):
    async with aiohttp.ClientSession(headers=HEADERS) as client:
        async with client.post(BASE + "/images/generations", json=ORDER) as response:
            url = (await response.json())["data"][0]["url"]
        async with client.get(yarl.URL(url, encoded=True)) as response:
            assert await response.read()
    assert imgresponse.images[0].size == (256, 256)

@pytest.mark.asyncio
@pytest.mark.imgresponse
async def test_miss():
    with pytest.raises(Exception, match="There is no cassette"):
        async with httpx.AsyncClient() as client:
            await client.get(BASE)
"""


def test_blockbuster(suite, api, pytest_with):
    """No replay makes a blocking call in a running event loop."""
    suite.write(BY_BLOCKBUSTER)
    pytest_with("blockbuster", "--imgresponse-record=once", "-k", "not miss")
    assert len(api.requests) == 6
    assert "3 passed" in pytest_with("blockbuster")
    assert len(api.requests) == 6


BY_NIQUESTS = """
import asyncio
import niquests

ORDER = {"model": "dall-e-2", "prompt": "a red fox", "size": "256x256", "response_format": "b64_json"}
HEADERS = {"Authorization": "Bearer sk-live-0123456789"}

@pytest.mark.imgresponse
def test_session(imgresponse):
    answer = niquests.post(BASE + "/images/generations", json=ORDER, headers=HEADERS)
    assert (answer.status_code, answer.headers["OpenAI-Version"]) == (200, "2020-10-01")
    assert answer.json() == imgresponse.last.json()

async def ask():
    async with niquests.AsyncSession() as session:
        return (await session.post(BASE + "/images/generations?key=s3cret", json=ORDER, headers=HEADERS)).status_code

@pytest.mark.imgresponse
def test_async_session():
    with pytest.raises(Exception) as caught:
        asyncio.run(ask())
    assert type(caught.value).__name__ == "UnrecordableRequestError"
    assert "AsyncHTTPConnectionPool, which vcrpy does not see" in str(caught.value)
    assert "s3cret" not in str(caught.value)

@pytest.mark.imgresponse(ignore_hosts=["127.0.0.1"])
def test_passes():
    assert asyncio.run(ask()) == 200
"""


def test_niquests(suite, api, pytest_with):
    """Its session records and replays; the asynchronous one is refused, not sent in silence."""
    suite.write(BY_NIQUESTS)
    for mode, sent in (("once", 2), ("none", 1)):
        before = len(api.requests)
        assert "3 passed" in pytest_with("niquests", f"--imgresponse-record={mode}")
        assert len(api.requests) - before == sent
