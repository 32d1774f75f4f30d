"""`imgresponse fuzz`: what it prints and writes, its exit codes, and what it refuses before it begins."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_imgresponse import LocalEndpoint
from pytest_imgresponse.api.samples import plain_responses
from pytest_imgresponse.cli import main
from tests.conftest import slow

SHOP = '''
"""A parser to fuzz."""
import base64, json, os, subprocess, sys, time

class Refused(Exception):
    pass

def right(body):
    from tests.parsers import parse
    return parse(body)

def naive(body):
    return [base64.b64decode(item["b64_json"]) for item in json.loads(body)["data"]]

def pictures(found):
    return found

def refuses(body):
    raise Refused("no")

def of_dict(answer):
    return answer["data"]

def of_response(response):
    return response.status

def program():
    import httpx
    return httpx.post("https://api.example/v1/images/generations", json={"prompt": "a fox"}).json()["data"]

def configured():
    import httpx
    httpx.get(os.environ["CONFIG"])
    return program()

def fetches():
    import httpx, io
    from PIL import Image
    answer = httpx.post("https://api.example/v1/images/generations", json={"prompt": "a fox"}).json()
    found = [httpx.get(item["url"]).content for item in answer["data"]]
    for data in found:
        Image.open(io.BytesIO(data))
    return found

async def later():
    yield program()

def loses(found):
    return []

def prints(body):
    print("a print of the parser")
    os.write(1, b"straight to stdout\\n")

def hangs(body):
    time.sleep(60)

def takes_its_time(body):
    time.sleep(0.2)
    raise Refused("no")

def dies(body):
    os.abort()

class Shop:
    @staticmethod
    def parse(body):
        return naive(body)

    def method(self, body):
        return naive(body)

def asks_nothing():
    pass

number = 5
errors = (Refused, ValueError)
mixed = (Refused, 5)
'''
CASES = ("--case", "c2pa_cabx", "--case", "trailing_junk")
ROOT = Path(__file__).parents[1]
LIMITED = """
version: 1
interactions:
- request: {method: POST, uri: 'https://api.example/v1/images/generations', body: '{}', headers: {}}
  response:
    status: {code: 429, message: Too Many Requests}
    headers: {content-type: [application/json]}
    body: {string: '{"error": {"message": "slow down", "type": "requests", "param": null, "code": null}}'}
"""
CASSETTE = (
    LIMITED
    + """
- request: {method: GET, uri: 'https://api.example/v1/models', body: null, headers: {}}
  response:
    status: {code: 200, message: OK}
    headers: {content-type: [application/json]}
    body: {string: '{"created": 1}'}
- request: {method: POST, uri: 'https://api.example/v1/images/generations', body: '{}', headers: {}}
  response:
    status: {code: 200, message: OK}
    headers: {content-type: [application/json]}
    body: {string: '{"created": 17, "data": []}'}
"""
)


@pytest.fixture(autouse=True)
def shop(tmp_path, monkeypatch):
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "talks.py").write_text("print('a print of the module')\ndef parse(body): raise ValueError\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("shop", None)
    sys.modules.pop("talks", None)


def fuzz(capfd, *arguments):
    code = main(["fuzz", *map(str, arguments)])
    out, err = capfd.readouterr()
    return code, out, err


def refused(capfd, *arguments):
    """What it says on stderr when it refuses: with exit code 2, and nothing else."""
    code, out, err = fuzz(capfd, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("imgresponse fuzz: ")
    return err.removeprefix("imgresponse fuzz: ").removesuffix("\n")


def in_a_process(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, **options)


HEAR_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
RUN = HEAR_CTRL_C + "import sys; from pytest_imgresponse.cli import main; sys.exit(main(['fuzz', *sys.argv[1:]]))"


# -- what it does -----------------------------------------------------------------------------------------------------


class TestRun:
    def test_a_right_parser_keeps_the_contract(self, capfd):
        code, out, err = fuzz(
            capfd, "tests.parsers:parse", "--rejects-with", "tests.parsers:ParserError", "--max-examples", 5
        )
        assert (code, err) == (0, "")
        assert re.match(
            r"tests\.parsers\.Parser\.parse keeps the contract of a parser\n  tried: 2\d\d plain answers", out
        )
        assert "; 5 generated answers (given='bytes')\n  slowest: " in out
        assert "\n  39 not tried: needs a stream (36), needs an error answer (2), swaps a stream and a document" in out

    def test_a_wrong_one_breaks_it(self, capfd):
        code, out, err = fuzz(capfd, "shop:naive", *CASES)
        assert (code, err) == (1, "")
        assert out.startswith("shop.naive breaks the contract of a parser in 1 way\n  tried: 2 plain answers and edge")
        assert "trailing_junk  json    invalid    raised JSONDecodeError: Extra data: " in out

    @pytest.mark.slow
    def test_it_runs_all_and_generates_two_hundred(self, capfd):
        code, out, _ = fuzz(capfd, "shop:refuses", "--rejects-with", "shop:Refused")
        assert code == 1
        assert int(re.search(r"(\d+) generated answers", out)[1]) >= 200

    @pytest.mark.parametrize(
        ("target", "given"), [("shop:of_dict", "dict"), ("shop:of_response", "response"), ("shop:program", "http")]
    )
    def test_each_form(self, capfd, target, given):
        code, out, _ = fuzz(capfd, target, "--given", given, "--case", "error_object_200")
        assert (code, f"(given='{given}')" in out) == (1, True)

    def test_every_option(self, capfd):
        options = ["--rejects-with", "shop:Refused", "--rejects-with", "json:JSONDecodeError"]
        options += ["--pictures", "shop:pictures", "--except", "data_null=seen nowhere", "--max-examples", "0"]
        options += ["--time-limit", "5.5", "--memory-limit", "2048", *CASES, "--case", "data_null"]
        code, out, err = fuzz(capfd, "shop:Shop.parse", *options)
        assert (code, err) == (0, "")
        assert out.endswith("\n  excepted: data_null (seen nowhere)\n")

    def test_pictures_are_compared(self, capfd):
        code, out, _ = fuzz(capfd, "shop:naive", "--pictures", "builtins:iter", "--case", "c2pa_cabx")
        assert code == 0
        code, out, _ = fuzz(
            capfd, "shop:naive", "--pictures", "builtins:reversed", "--case", "sizes_differ_within_response"
        )
        assert (code, "accepted it with another picture than its own" in out) == (1, True)

    def test_errors_may_be_a_tuple(self, capfd):
        code, out, _ = fuzz(capfd, "shop:refuses", "--case", "trailing_junk", "--rejects-with", "shop:errors")
        assert (code, out.splitlines()[0]) == (0, "shop.refuses keeps the contract of a parser")

    def test_what_hangs_or_dies_is_told(self, capfd):
        code, out, _ = fuzz(capfd, "shop:hangs", "--case", "c2pa_cabx", "--time-limit", "0.3")
        assert (code, "hung: no answer within 0.3 s" in out) == (1, True)
        code, out, err = fuzz(capfd, "shop:dies", *CASES)
        assert (code, out.count("ended: the process, by SIGABRT (and 1 more)")) == (1, 1)
        assert "Fatal Python error: Aborted" in err

    def test_a_host_that_is_ignored_passes(self, capfd, monkeypatch):
        with LocalEndpoint() as server:
            monkeypatch.setenv("CONFIG", server.url.replace("/v1", "/config"))
            options = ("shop:configured", "--given", "http", "--case", "answer_null")
            told = refused(capfd, *options)
            assert re.search(r"asked nothing .* is not stubbed, .*with ignore_hosts \(--ignore-host\)$", told)
            assert len(server.requests) == 0
            code, out, _ = fuzz(capfd, *options, "--ignore-host", "127.0.0.1")
            assert code == 1
            assert "with stub(EDGE_CASES[\"answer_null\"](answer), ignore_hosts=['127.0.0.1']): parse()" in out
            assert "raised TypeError: 'NoneType' object is not subscriptable at shop.py" in out

    @pytest.mark.parametrize("parser", ["hangs", "dies"])
    def test_after_five_in_a_row_that_hang_or_die_it_stops(self, capfd, parser):
        code, out, _ = fuzz(capfd, f"shop:{parser}", "--time-limit", "0.2")
        assert (code, out.splitlines()[3]) == (1, "  stopped: 5 calls in a row hung or ended their process")
        assert re.search(r"\n  tried: 5 plain .*; 0 generated answers \(given='bytes'\)\n  slowest: \w+, \d+ ms\n", out)
        assert re.search(r"\n  2\d\d not tried: were left when it stopped \(2\d\d\)\n", out)

    @pytest.mark.parametrize("name", ["body.json", "stream.txt"])
    def test_around_a_body_in_a_file(self, capfd, tmp_path, name):
        answer = plain_responses()[5 if name == "stream.txt" else 0][1]
        (tmp_path / name).write_bytes(answer.body)
        case = "comment_after_id" if name == "stream.txt" else "c2pa_cabx"
        code, out, _ = fuzz(capfd, "shop:refuses", "--from-response", name, "--case", case, "--max-examples", "5")
        assert (code, f'parse(EDGE_CASES["{case}"](from_response).body)' in out) == (1, True)

    def test_around_the_first_good_answer_of_an_images_route_in_a_cassette(self, capfd, tmp_path):
        (tmp_path / "fox.yaml").write_text(CASSETTE)
        code, out, _ = fuzz(capfd, "shop:refuses", "--from-response", "fox.yaml", "--case", "keys_reversed")
        assert (code, '200 application/json: { "data": [], "created": 17 }' in out) == (1, True)

    @pytest.mark.slow
    def test_a_fork_is_not_needed_to_find_the_module(self, tmp_path):
        done = in_a_process("shop:naive", *CASES, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (1, "")


class TestLinesToPaste:
    """What is printed is pasted into a fresh interpreter."""

    @pytest.mark.parametrize(
        ("arguments", "happens"),
        [
            (["shop:naive", "--case", "data_null"], "TypeError: 'NoneType' object is not iterable"),
            (["shop:of_dict", "--given", "dict", "--case", "error_object_200"], "KeyError: 'data'"),
            (["shop:refuses", "--from-response", "fox.yaml", "--max-examples", "0"], "shop.Refused: no"),
            (
                ["shop:naive", "--pictures", "shop:loses", "--case", "c2pa_cabx"],
                "AssertionError: accepted it with 0 of its 1 pictures",
            ),
            *slow(
                (
                    ["shop:fetches", "--given", "http", "--case", "picture_is_html"],
                    "PIL.UnidentifiedImageError: cannot identify image file",
                ),
                (["shop:Shop.parse", "--case", "data_null"], "TypeError: 'NoneType' object is not iterable"),
                (
                    ["shop:program", "--given", "http", "--case", "answer_null"],
                    "'NoneType' object is not subscriptable",
                ),
                (
                    ["shop:naive", "--pictures", "shop:of_dict", "--case", "c2pa_cabx"],
                    "TypeError: list indices must be integers or slices, not str",
                ),
                (
                    ["shop:fetches", "--given", "http", "--pictures", "shop:loses", "--case", "png_gray"],
                    "AssertionError: accepted it with 0 of its 1 pictures",
                ),
                (["shop:later", "--given", "http", "--case", "trailing_junk"], "JSONDecodeError: Extra data"),
            ),
        ],
    )
    def test_they_show_the_same_again(self, capfd, tmp_path, arguments, happens):
        (tmp_path / "fox.yaml").write_text(CASSETTE)
        code, out, _ = fuzz(capfd, *arguments)
        pasted = pasted_from(out)
        assert code == 1
        done = subprocess.run(
            [sys.executable, "-c", pasted],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert happens in done.stderr.splitlines()[-1]


def pasted_from(report):
    """The preamble, and the line of the first way to break the contract."""
    preamble, first = report.partition("that shows it again, after\n\n")[2].split("\n\n")[:2]
    line = next(line for line in first.splitlines() if re.match(" {4}(assert|consume|parse|with)[ (]", line))
    return "\n".join(line.strip() for line in [*preamble.splitlines(), line])


class TestJson:
    def test_stdout_is_json_and_nothing_else(self, capfd):
        code, out, err = fuzz(capfd, "shop:prints", "--json", *CASES)
        found = json.loads(out)
        assert code == 1
        assert [row["case"] for row in found["findings"]] == ["trailing_junk"]
        assert sorted(set(err.splitlines())) == ["a print of the parser", "straight to stdout"]

    def test_be_it_that_the_module_prints_when_it_is_imported(self, capfd):
        code, out, err = fuzz(capfd, "talks:parse", "--json", *CASES)
        assert (code, len(json.loads(out)["findings"]), err) == (1, 2, "a print of the module\n")

    def test_it_says_what_came_of_a_right_one(self, capfd):
        code, out, _ = fuzz(capfd, "shop:naive", "--json", "--case", "c2pa_cabx")
        found = json.loads(out)
        assert (code, found["parser"], found["tried"], found["findings"]) == (0, "shop.naive", 1, [])


# -- progress ---------------------------------------------------------------------------------------------------------


def on_a_terminal(*arguments, cwd, interrupt_at=None, stdout=None):
    """The exit code, and what a terminal got (what was written to stdout goes there too, unless it is given)."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "200"}
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdin=theirs, stdout=stdout or theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    text, end = "", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                text += os.read(ours, 65536).decode("utf-8", "replace")
            except OSError:  # the terminal's other end is closed
                break
            if interrupt_at and interrupt_at in text:
                os.killpg(process.pid, signal.SIGINT)
                interrupt_at = None
    os.close(ours)
    return process.wait(30), text


class TestProgress:
    @pytest.mark.slow
    def test_on_a_terminal_it_counts(self, tmp_path):
        code, text = on_a_terminal(
            "shop:refuses", "--rejects-with", "shop:Refused", "--max-examples", "30", cwd=tmp_path
        )
        assert code == 1
        assert re.search(r"\d+ tried, \d+ broke the contract: \w+", text)
        assert "shop.refuses breaks the contract of a parser" in text

    def test_beside_json_on_a_terminal_there_is_none(self, tmp_path):
        with open(tmp_path / "out", "wb") as file:
            code, text = on_a_terminal("shop:naive", "--json", *CASES, cwd=tmp_path, stdout=file)
        assert (code, text) == (1, "")
        assert json.loads((tmp_path / "out").read_text())["findings"]

    def test_ctrl_c_ends_it_with_the_report_of_what_there_is(self, tmp_path):
        options = ("--rejects-with", "shop:Refused", "--html", "report.html")
        code, text = on_a_terminal("shop:takes_its_time", *options, cwd=tmp_path, interrupt_at="2 tried")
        assert code == 130
        assert "\n  stopped: interrupted\n" in text.replace("\r", "")
        assert re.search(r"\d+ not tried: were left when it stopped \(\d+\)", text)
        assert "refused it with Refused: no" in text
        assert "Traceback" not in text
        assert "<b>Stopped:</b> interrupted" in (tmp_path / "report.html").read_text(encoding="utf-8")

    def test_ctrl_c_before_anything_is_tried_leaves_nothing(self, tmp_path):
        (tmp_path / "waits.py").write_text("print('here', flush=True)\nimport time\ntime.sleep(30)\n")
        code, text = on_a_terminal("waits:parse", "--html", "report.html", cwd=tmp_path, interrupt_at="here")
        assert code == 130
        assert text.replace("\r", "").rstrip().endswith("imgresponse fuzz: interrupted; there is no report")
        assert not (tmp_path / "report.html").exists()

    def test_ctrl_c_in_the_same_process_too(self, capfd, tmp_path):
        (tmp_path / "stops.py").write_text("raise KeyboardInterrupt\n")
        assert fuzz(capfd, "stops:parse") == (130, "", "imgresponse fuzz: interrupted; there is no report\n")


WITHOUT_EXTRA = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("rich", "jinja2", "markupsafe"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""


class TestWithoutTheExtra:
    def run(self, *arguments, cwd):
        command = [sys.executable, "-c", WITHOUT_EXTRA + RUN, *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)

    def test_it_works(self, tmp_path):
        done = self.run("shop:naive", *CASES, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.startswith("shop.naive breaks the contract of a parser in 1 way\n")

    def test_for_a_page_it_says_what_to_install_before_it_begins(self, tmp_path):
        done = self.run("no_such:module", "--html", "report.html", cwd=tmp_path)
        told = "imgresponse fuzz: --html needs jinja2: pip install 'pytest-imgresponse[cli]'\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", told)
        assert not (tmp_path / "report.html").exists()

    def test_in_the_same_process_too(self, capfd, monkeypatch):
        for name in ("jinja2", "rich", "rich.console", "rich.progress"):
            monkeypatch.setitem(sys.modules, name, None)
        assert refused(capfd, "shop:naive", "--html", "r.html").startswith("--html needs jinja2: pip install")
        assert fuzz(capfd, "shop:naive", "--case", "c2pa_cabx")[0] == 0


# -- what it refuses --------------------------------------------------------------------------------------------------


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["shop"], "expected MODULE:NAME, such as shop.parser:parse; got 'shop'"),
            ([":parse"], "expected MODULE:NAME, such as shop.parser:parse; got ':parse'"),
            (
                ["no_such:parse"],
                r"'no_such:parse' cannot be imported from .*: ModuleNotFoundError: No module named 'no_such'",
            ),
            (["..shop:parse"], "expected MODULE:NAME, such as shop.parser:parse; got '..shop:parse'"),
            (["shop.py:parse"], "expected MODULE:NAME, such as shop:parse; got 'shop.py:parse'"),
            (["./shop:parse"], "expected MODULE:NAME, such as shop:parse; got './shop:parse'"),
            (["src/shop.py:parse"], "expected MODULE:NAME, such as src.shop:parse; got 'src/shop.py:parse'"),
            (["/shop:parse"], "expected MODULE:NAME, such as shop.parser:parse; got '/shop:parse'"),
            (["shop.py"], "expected MODULE:NAME, such as shop.parser:parse; got 'shop.py'"),
            (["broken:parse"], r"'broken:parse' cannot be imported from .*: SyntaxError: "),
            (["exits:parse"], r"'exits:parse' cannot be imported from .*: SystemExit: bye"),
            (["shop:no_such"], "'shop:no_such': shop has no no_such"),
            (["shop:niave"], r"'shop:niave': shop has no niave; did you mean naive\?$"),
            (
                ["shop:program"],
                r"given='bytes' calls parse\(body\); shop.program takes \(\); .* \(--given http\)$",
            ),
            (
                ["shop:naive", "--rejects-with", "shop:mixed"],
                "expected each --rejects-with to be an exception class or a tuple of them; got 5",
            ),
            (["shop:naive", "--rejects-with", "shop:number"], "expected each --rejects-with to be .*; got 5$"),
            (["shop:naive", "--case", "plain"], "--case names 'plain', which is no edge case but a plain answer"),
            (["shop:Shop.no_such"], "'shop:Shop.no_such': shop has no Shop.no_such"),
            (["shop:number"], "'shop:number' is 5, which cannot be called"),
            (
                ["shop:naive", "--rejects-with", "shop:naive"],
                "expected each --rejects-with to be an exception class .*; got <func",
            ),
            (
                ["shop:naive", "--rejects-with", "ValueError"],
                "--rejects-with: expected MODULE:NAME, such as builtins:ValueError; got 'ValueError'",
            ),
            (["shop:naive", "--rejects-with", "shop:Nope"], "--rejects-with: 'shop:Nope': shop has no Nope"),
            (["shop:naive", "--pictures", "shop:number"], "--pictures: 'shop:number' is 5, which cannot be called"),
            (
                ["shop:naive", "--case", "no_such"],
                "--case names 'no_such', which is no edge case; `imgresponse cases` lists their names",
            ),
            (
                ["shop:naive", "--except", "trailing_jnuk=why"],
                "--except names 'trailing_jnuk', which is no edge case; did you mean trailing_junk",
            ),
            (["shop:naive", "--except", "bom="], "--except gives no reason for 'bom'"),
            (
                ["shop:naive", "--time-limit", "0"],
                "expected --time-limit to be seconds above 0, at most a day; got 0.0",
            ),
            (
                ["shop:naive", "--time-limit", "nan"],
                "expected --time-limit to be seconds above 0, at most a day; got nan",
            ),
            (["shop:naive", "--memory-limit", "0"], "expected --memory-limit to be a whole number from 1; got 0"),
            (["shop:naive", "--from-response", "no.json"], "--from-response: 'no.json' cannot be read: No such file"),
            (["shop:naive", "--from-response", "no.yaml"], "--from-response: 'no.yaml' cannot be read: No such file"),
            (["shop:naive", "--from-response", "."], "--from-response: '.' cannot be read: Is a directory"),
            (["shop:naive", "--from-response", "bad.yaml"], "bad.yaml: "),
            (
                ["shop:naive", "--from-response", "none.yaml"],
                "--from-response: 'none.yaml' holds no good answer of an images route$",
            ),
            (
                ["shop:naive", "--from-response", "limited.yaml"],
                "--from-response: 'limited.yaml' holds no good answer of an images route; of its 1, each is an error$",
            ),
            (
                ["shop:naive", "--from-response", "shop.py"],
                r"--from-response: what 'shop.py' holds is invalid at the level json \(\$: no JSON: .*\), so that no parser has to accept it; "
                r"expected an answer in which check\(\) finds nothing invalid",
            ),
            (
                ["shop:naive", "--case", "comment_after_id"],
                "the case 'comment_after_id' cannot be tried with given='bytes': it needs a stream; try it with such a "
                "response as from_response",
            ),
            (
                ["shop:naive", "--ignore-host", "a"],
                r"ignore_hosts .--ignore-host. goes with given='http', .*; got \['a'\]",
            ),
            (
                ["shop:Shop.method"],
                r"given='bytes' calls parse\(body\); shop.Shop.method takes \(self, body\); it is a me",
            ),
            (["shop:naive", "--html", "."], "--html: '.' cannot be written: Is a directory"),
            (
                ["shop:naive", "--html", "no/such/folder.html"],
                "--html: 'no/such/folder.html' cannot be written: No such file",
            ),
            (["shop:naive", "--given", "http"], r"given='http' calls parse\(\); shop.naive takes \(body\)"),
            (["shop:asks_nothing", "--given", "http"], "given='http': parse.. asked nothing of an images route"),
        ],
    )
    def test_what_was_asked_wrongly_is_refused_by_name(self, capfd, tmp_path, arguments, told):
        (tmp_path / "broken.py").write_text("def parse(:\n")
        (tmp_path / "exits.py").write_text("raise SystemExit('bye')\n")
        (tmp_path / "bad.yaml").write_text("- nothing\n")
        (tmp_path / "none.yaml").write_text("version: 1\ninteractions: []\n")
        (tmp_path / "limited.yaml").write_text(LIMITED)
        assert re.match(told, refused(capfd, *arguments), re.DOTALL)

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["shop:naive", "--max-examples", "-1"], "expected a whole number from 0; got '-1'"),
            (["shop:naive", "--memory-limit", "much"], "expected a whole number from 0; got 'much'"),
            (["shop:naive", "--time-limit", "long"], "invalid float value: 'long'"),
            (["shop:naive", "--given", "text"], "invalid choice: 'text'"),
            (
                ["shop:naive", "--except", "bom"],
                "expected NAME=REASON, such as trailing_junk='no server sends it'; got 'bom'",
            ),
            ([], "the following arguments are required: MODULE:CALLABLE"),
        ],
    )
    def test_what_is_no_argument_is_refused_by_argparse(self, capfd, arguments, told):
        with pytest.raises(SystemExit) as caught:
            main(["fuzz", *arguments])
        assert caught.value.code == 2
        assert told in capfd.readouterr().err

    def test_a_page_that_cannot_be_written_is_found_before_anything_is_tried(self, capfd):
        began = time.monotonic()
        refused(capfd, "shop:hangs", "--html", "no/such/folder.html", "--time-limit", "9")
        assert time.monotonic() - began < 5

    @pytest.mark.parametrize("before", [None, "an old page"])
    def test_one_that_can_be_written_is_left_as_it_is_until_there_is_a_report(self, capfd, tmp_path, before):
        page = tmp_path / "report.html"
        if before is not None:
            page.write_text(before)
        refused(capfd, "shop:naive", "--html", "report.html", "--case", "no_such")
        assert (page.read_text() if page.exists() else None) == before

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    def test_a_full_disk_is_told(self, capfd):
        assert refused(capfd, "shop:naive", "--html", "/dev/full", "--case", "c2pa_cabx") == (
            "--html: '/dev/full' cannot be written: No space left on device"
        )


def test_the_help_names_each_option(capfd):
    with pytest.raises(SystemExit):
        main(["fuzz", "--help"])
    text = " ".join(capfd.readouterr().out.split())
    assert "The exit code is 0 where the contract holds, 1 where it is broken, 2 for what was asked wrongly" in text
    assert "generated answers (200; none with --case)" in text


def test_a_page_is_written(capfd, tmp_path):
    code, out, _ = fuzz(capfd, "shop:naive", *CASES, "--html", "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (code, "shop.naive breaks the contract" in out) == (1, True)
    assert page.startswith("<!doctype html>")
    assert "<h2>trailing_junk</h2>" in page
