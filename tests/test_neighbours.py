"""The plugin lives beside the other recorders: each is installed in a folder of its own."""

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


BY_TORNADO = """
import asyncio
import json
from pytest_imgresponse import CassetteMissingError
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
    assert "8 passed" in pytest_with("tornado")
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
