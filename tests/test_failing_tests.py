"""How a failing test tells an error of ours: its own line and the message, in at most 20 lines of 80 columns."""

from __future__ import annotations

import re

import pytest

ASK = {
    "openai": """
    from openai import OpenAI
    OpenAI(base_url=BASE, max_retries=0).images.generate(model="gpt-image-2", prompt=PROMPT)""",
    "openai_async": """
    from openai import AsyncOpenAI
    async def main():
        async with AsyncOpenAI(base_url=BASE, max_retries=0) as client:
            await client.images.generate(model="gpt-image-2", prompt=PROMPT)
    asyncio.run(main())""",
    "httpx": """
    ask(PROMPT)""",
    "httpx_async": """
    async def main():
        async with httpx.AsyncClient() as client:
            await client.post(BASE + "/images/generations", json={"prompt": PROMPT})
    asyncio.run(main())""",
    "requests_in_a_helper": """
    helper(PROMPT)""",
    "aiohttp": """
    import aiohttp
    async def main():
        async with aiohttp.ClientSession() as client:
            await client.post(BASE + "/images/generations", json={"prompt": PROMPT})
    asyncio.run(main())""",
    "urllib": """
    from urllib.request import urlopen
    urlopen(BASE + "/images/generations", data=PROMPT.encode())""",
    "a_thread": """
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor() as pool:
        pool.submit(helper, PROMPT).result()""",
    "wrapped": """
    try:
        helper(PROMPT)
    except Exception as error:
        raise RuntimeError("no picture " * 50) from error""",
    "within_another": """
    try:
        helper(PROMPT)
    finally:
        assert 1 == 2, "no picture\\nat all" """,
    "a_group": """
    async def main():
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(one(f"{PROMPT} {number}"))
    async def one(prompt):
        helper(prompt)
    asyncio.run(main())""",
    "set_up": """
    assert made""",
    "many_differences": """
    ask(PROMPT, **{f"field{number}" * 9: PROMPT for number in range(40)})""",
    "a_long_url": """
    httpx.get(BASE + "/x?" + "&".join(f"signature{number}=0123456789abcdef" for number in range(99)))""",
    "another_error": """
    from pytest_imgresponse import replay
    with replay("x", record="onec"):
        pass""",
}  # fmt: skip
SOURCE = """
import asyncio
import requests

PROMPT = "a red fox in a hat, walking through the snow of a long winter night " * 9

def helper(prompt):
    prompt = prompt.strip()
    return requests.post(BASE + "/images/generations", json={{"prompt": prompt}})

@pytest.fixture
def made(request):
    if "set_up" in request.node.name:
        return helper(PROMPT)

@pytest.mark.imgresponse
def test_{name}(made):{ask}
"""


def told(output):
    """What a failing test prints, as a terminal of 80 columns breaks it."""
    section = re.split(r"\n=+ (?:FAILURES|ERRORS) =+\n", output)[1].partition("\n====")[0]
    return [part for line in section.splitlines() for part in re.findall(".{1,80}", line) or [""]]


def write(suite, case, *, recorded=True):
    suite.write(SOURCE.format(name=case, ask=ASK[case]))
    if recorded:
        cassette = suite.cassettes / f"test_logo/test_{case}.yaml"
        cassette.parent.mkdir(parents=True)
        cassette.write_text(
            "interactions:\n- request: {method: POST, uri: 'http://127.0.0.1/v1/images/generations', headers: {},"
            ' body: \'{"prompt": "a red fox in a hat, walking"}\'}\n'
            "  response: {status: {code: 200, message: OK}, headers: {}, body: {string: '{}'}}\nversion: 1\n"
        )


@pytest.fixture
def suite(suite, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("CI", raising=False)
    return suite.configure("filterwarnings = ignore")


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("case", ASK)
def test_it_takes_20_lines_at_the_most(suite, case, recorded):
    write(suite, case, recorded=recorded)
    run = suite.run()
    lines = told(run.output)
    assert len(lines) <= 20, "\n".join(lines)
    text = "\n".join(lines)
    own = "made" if case == "set_up" else f"test_{case}"
    assert re.search(rf"tests/test_logo\.py:\d+: in {own}", text), text
    assert "site-packages" not in text
    assert "pytest_imgresponse/" not in text
    error = (
        "ConfigError" if case == "another_error" else "UnrecordedRequestError" if recorded else "CassetteMissingError"
    )
    assert error in text
    if case in ("a_thread", "requests_in_a_helper", "wrapped", "within_another", "set_up"):
        assert "in helper" in text


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ("auto", "tests/test_logo.py:"),
        ("short", "tests/test_logo.py:"),
        ("long", "in helper"),
        ("native", "Traceback (most recent call last):"),
        ("line", "CassetteMissingError: no answer for POST"),
        ("no", ""),
    ],
)
def test_other_styles(suite, style, words):
    write(suite, "requests_in_a_helper", recorded=False)
    output = suite.run(f"--tb={style}").says(words).output
    assert "site-packages" not in output
    assert "FAILED tests/test_logo.py::test_requests_in_a_helper - pytest_imgresponse" in output or style == "no"


def test_the_long_style_is_kept_where_it_is_no_longer(suite):
    suite.write("@pytest.mark.imgresponse\ndef test_it():\n    httpx.get(BASE)\n")
    run = suite.run("--tb=long").says("    def test_it():", ">       httpx.get(BASE)")
    assert len(told(run.output)) <= 20
    suite.write("@pytest.mark.imgresponse\ndef test_it():\n" + "    a = 1\n" * 20 + "    ask()\n")
    run = suite.run("--tb=long").says("in test_it").says_not("    a = 1")
    assert len(told(run.output)) <= 20


def test_full_trace_shows_all(suite):
    write(suite, "httpx", recorded=False)
    suite.run("--full-trace").says("interception.py", "_inner_handle_request")


def test_what_it_led_to_is_said(suite):
    for case, words in {
        "wrapped": "It led to RuntimeError: no picture no picture",
        "within_another": "It led to AssertionError: no picture",
        "a_group": "It led to ExceptionGroup: unhandled errors in a TaskGroup (3 sub-exceptions)",
    }.items():
        write(suite, case, recorded=False)
        suite.run().says(words)


def test_other_failures_are_left_as_they_are(suite):
    suite.write("def test_it():\n    before = 1\n    assert before == 2\n")
    suite.run().outcomes(failed=1).says("    def test_it():", ">       assert before == 2")


def test_xfail_and_its_kind_see_what_was_raised(suite):
    suite.write(
        "@pytest.mark.xfail(raises=RuntimeError)\n@pytest.mark.imgresponse\ndef test_it():\n"
        "    try:\n        ask()\n    except Exception as error:\n        raise RuntimeError from error\n"
    )
    suite.run().outcomes(xfailed=1)


def test_an_error_that_nothing_of_the_users_led_to_is_short_too(suite):
    """It is raised in a plugin's fixture, say."""
    suite.root.joinpath("conftest.py").write_text(
        "import pytest\nfrom pytest_imgresponse import ConfigError\nfrom types import FunctionType\n"
        "source = compile('def made():\\n    raise ConfigError(\"x\")\\n', '/elsewhere/plugin.py', 'exec')\n"
        "exec(source)\n"
    )
    suite.write("import conftest\nmade = pytest.fixture(conftest.made)\ndef test_it(made): pass\n", "test_it.py")
    suite.run().outcomes(errors=1).says("/elsewhere/plugin.py:2: in made", "ConfigError: x")


def test_a_message_of_any_length_is_cut(suite):
    suite.write(
        "from pytest_imgresponse import ConfigError\ndef test_it():\n"
        "    raise ConfigError('\\n'.join(f'line {number}' for number in range(99)))\n"
    )
    run = suite.run().says("line 14", "… 84 more line(s); --full-trace shows them").says_not("line 15")
    assert len(told(run.output)) <= 20


def test_an_error_of_the_set_up_is_told_once(suite):
    suite.write("@pytest.mark.imgresponse\ndef test_it(): ask()")
    cassette = suite.cassettes / "test_logo/test_it.yaml"
    cassette.parent.mkdir(parents=True)
    cassette.write_text("interactions: [{request: {}}]\nversion: 1\n")
    run = suite.run().outcomes(errors=1)
    assert "\n".join(told(run.output)).count("CassetteDecodeError: ") == 1
    assert "During handling" not in run.output


def test_a_helper_is_left_out_where_its_line_takes_too_much_room(suite):
    suite.write(
        "def helper():\n    return ask(" + "prompt='a red fox " + "x" * 500 + "')\n"
        "@pytest.mark.imgresponse\ndef test_it(): helper()\n"
    )
    run = suite.run().says("in test_it").says_not("in helper")
    assert len(told(run.output)) <= 20


def test_the_report_of_a_parser_is_not_cut(suite):
    suite.write(
        "from pytest_imgresponse import ContractError\ndef test_it():\n"
        "    raise ContractError('\\n'.join(f'line {number}' for number in range(99)), None)\n"
    )
    suite.run().says("line 98")
