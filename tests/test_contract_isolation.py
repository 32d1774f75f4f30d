"""`check_parser(…, isolate=True)`: what hangs, eats memory or crashes is stopped and told, and the run goes on."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial
from pathlib import Path

import httpx
import pytest

from pytest_imgresponse import EDGE_CASES, ConfigError, check_parser
from pytest_imgresponse.api.samples import plain_responses
from pytest_imgresponse.contract import isolation
from tests import reports
from tests.parsers import ParserError, parse

VALID, UNUSUAL, INVALID = "c2pa_cabx", "data_url_prefix", "trailing_junk"
SIX = ["keys_reversed", VALID, UNUSUAL, "missing_padding", "bom", INVALID]
linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")


report_of = partial(reports.report_of, isolate=True, cases=[VALID])
happened = partial(reports.happened, isolate=True, cases=[VALID])


def on(case, does):
    """A parser that does something on one answer, and is right on the others."""
    mutated = EDGE_CASES[case](plain_responses()[0][1]).body

    def parse_or(body):
        if body == mutated:
            does()
        return parse(body)

    return parse_or


@pytest.fixture(autouse=True)
def no_child_left():
    """None is left behind, be it alive or a zombie."""
    yield
    assert multiprocessing.active_children() == []
    assert [name for name in children() if "resource_tracker" not in name] == []


def children():
    """The command lines of this process' children, zombies too."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = path.read_text().rpartition(")")
            if int(rest.split()[1]) == os.getpid():
                yield (path.parent / "cmdline").read_text()
        except OSError:  # it is gone
            continue


def sleep():
    time.sleep(60)


def spin():
    while True:
        pass


def bomb():
    return b"\0" * 2**33


def interrupt():
    raise KeyboardInterrupt


class TestWhatIsStopped:
    @pytest.mark.parametrize("hangs", [sleep, spin, lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {15}) or sleep()])
    def test_a_hang_is_told_within_the_limit_and_the_run_goes_on(self, hangs):
        began = time.monotonic()
        report = report_of(on(UNUSUAL, hangs), cases=SIX, rejects_with=ParserError, time_limit=0.4)
        assert [(row.trial.name, row.happened) for row in report.rows] == [(UNUSUAL, "hung: no answer within 0.4 s")]
        assert report.tried == 6
        assert report.slowest == (UNUSUAL, 0.4)
        assert time.monotonic() - began < 5

    @linux
    @pytest.mark.parametrize("refuses", [ParserError, Exception])
    def test_a_memory_bomb_is_told_and_the_run_goes_on(self, refuses):
        report = report_of(on(UNUSUAL, bomb), cases=SIX, rejects_with=refuses, memory_limit=256)
        assert [(row.trial.name, row.happened) for row in report.rows] == [
            (UNUSUAL, "out of memory: more than 256 MiB")
        ]

    @linux
    def test_the_limit_is_beyond_what_the_child_has_at_its_start(self):
        held = b"\0" * 2**28
        assert not happened(on(VALID, lambda: len(b"\0" * 2**26) and held), memory_limit=256)

    @linux
    def test_after_a_bomb_the_child_is_a_new_one(self):
        hoard = []

        def hoarding():
            while True:
                hoard.append(b"\0" * 2**24)

        hoards = on(UNUSUAL, hoarding)

        def parse(body):
            assert len(b"\0" * 2**26) == 2**26  # what each call needs, of which a hoard leaves nothing
            return hoards(body)

        report = report_of(parse, cases=SIX, rejects_with=ParserError, memory_limit=256)
        assert [row.trial.name for row in report.rows] == [UNUSUAL]
        assert hoard == []

    @pytest.mark.parametrize(
        ("crash", "told"),
        [
            (os.abort, "ended: the process, by SIGABRT"),
            (lambda: os.kill(os.getpid(), signal.SIGSEGV), "ended: the process, by SIGSEGV"),
            (lambda: os._exit(3), "ended: the process, with exit code 3"),
            (interrupt, "ended: the process, with exit code 0"),
        ],
    )
    def test_a_crash_is_told_and_the_run_goes_on(self, crash, told):
        report = report_of(on(UNUSUAL, crash), cases=SIX, rejects_with=ParserError)
        assert [(row.trial.name, row.happened) for row in report.rows] == [(UNUSUAL, told)]
        assert report.tried == 6

    def test_five_crashes_that_are_not_in_a_row_do_not_end_the_run(self):
        report = report_of(on(UNUSUAL, os.abort), cases=[UNUSUAL, VALID] * 6, rejects_with=ParserError)
        assert (report.tried, report.stopped) == (12, "")

    def test_the_time_of_a_crash_counts(self):
        report = report_of(on(UNUSUAL, lambda: time.sleep(0.1) or os.abort()), cases=[UNUSUAL])
        assert report.slowest[0] == UNUSUAL
        assert report.slowest[1] > 0.1

    def test_one_that_closes_every_file_is_given_up(self, monkeypatch):
        monkeypatch.setattr(isolation, "_GRACE", 0.2)
        closes = on(UNUSUAL, lambda: os.closerange(3, 1000) or sleep())
        assert happened(closes, cases=SIX, rejects_with=ParserError) == {UNUSUAL: "ended: the process, by SIGKILL"}

    def test_what_it_has_started_ends_with_it(self, tmp_path):
        def start():
            (tmp_path / "pid").write_text(str(subprocess.Popen(["sleep", "60"]).pid))
            sleep()

        happened(on(UNUSUAL, start), cases=[UNUSUAL], time_limit=0.5)
        assert ends(int((tmp_path / "pid").read_text()))

    def test_where_there_are_no_process_groups_it_is_ended_alone(self, monkeypatch):
        monkeypatch.delattr(os, "killpg")
        monkeypatch.delattr(os, "setsid")
        told = happened(on(UNUSUAL, sleep), cases=SIX, rejects_with=ParserError, time_limit=0.3)
        assert told == {UNUSUAL: "hung: no answer within 0.3 s"}

    def test_where_memory_cannot_be_limited_the_rest_holds(self, monkeypatch, tmp_path):
        monkeypatch.setattr(isolation, "_STATM", tmp_path / "none")
        assert not happened(on(VALID, lambda: b"\0" * 2**25), rejects_with=ParserError, memory_limit=1)

    def test_what_was_generated_and_hangs_is_told_once_and_ends_the_run(self):
        known = EDGE_CASES[INVALID](plain_responses()[0][1]).body
        report = report_of(lambda body: body == known or sleep(), cases=[INVALID], max_examples=100, time_limit=0.3)
        assert [(row.trial.name, row.happened) for row in report.rows] == [
            (INVALID, "accepted it silently ($)"),
            ("generated", "hung: no answer within 0.3 s"),
        ]
        assert report.generated == 1

    def test_what_was_generated_and_crashes_is_told_once_and_not_shrunk(self):
        known = EDGE_CASES[INVALID](plain_responses()[0][1]).body
        report = report_of(lambda body: body == known or os._exit(7), cases=[INVALID], max_examples=10)
        assert [row.trial.name for row in report.rows if row.outcome.kind == "ended"] == ["generated"]
        assert report.generated == 20  # ten, and ten that find nothing new


def ends(pid):
    """Whether a process is gone, or a zombie of somebody else's, within two seconds."""
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


class TestWhatIsTheSame:
    def test_a_right_parser_keeps_the_contract(self):
        report = report_of(
            parse, cases=None, rejects_with=ParserError, max_examples=20, pictures=lambda found: [p.data for p in found]
        )
        assert (report.rows, report.generated) == ([], 20)

    def test_the_report_is_that_of_a_run_in_this_process(self):
        def parse(body):
            return json.loads(body)["data"][0]["b64_json"]

        inside, outside = (report_of(parse, cases=None, isolate=isolate).as_json() for isolate in (True, False))
        for report in (inside, outside):
            del report["slowest"]
            for row in report["findings"]:
                del row["seconds"]
        assert inside == outside

    def test_a_closure_a_lambda_and_a_method_are_taken_along(self):
        seen = []

        class Shop:
            def parse(self, body):
                seen.append(body)
                raise ParserError(f"{len(seen)} so far")

        told = happened(Shop().parse, cases=[VALID, UNUSUAL], rejects_with=ParserError)
        assert told == {
            VALID: "refused it with ParserError: 1 so far",
            UNUSUAL: "refused it with ParserError: 2 so far",
        }
        assert seen == []
        assert not happened(lambda body: seen.append(body))

    @pytest.mark.asyncio
    async def test_a_coroutine_in_an_async_test(self):
        async def parse(body):
            await asyncio.sleep(0)
            raise ParserError("late")

        assert happened(parse) == {VALID: "raised ParserError: late at " + where(parse, 2)}

    def test_a_client_is_answered_there(self):
        def parse():
            order = {"prompt": "a fox", "model": "gpt-image-1.5"}
            answer = httpx.post("https://api.example/v1/images/generations", json=order)
            raise ParserError(answer.status_code)

        told = happened(parse, given="http", cases=["status_201", "html_gateway_page_504"], rejects_with=ParserError)
        assert told == {"status_201": "refused it with ParserError: 201"}

    def test_a_client_that_hangs_before_it_asks_is_told(self):
        with pytest.raises(ConfigError, match=r"asked nothing of an images route \(hung: no answer within 0.3 s\)"):
            check_parser(sleep, given="http", isolate=True, time_limit=0.3)

    def test_threads_of_this_process_are_no_matter(self):
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        try:
            assert not happened(parse)
        finally:
            done.set()
            thread.join()

    def test_the_parser_may_start_processes_of_its_own(self):
        def parse(body):
            with multiprocessing.get_context("fork").Pool(1) as pool:
                assert pool.map(len, [body]) == [len(body)]

        assert not happened(parse)

    def test_what_it_prints_goes_to_stderr(self, capfd):
        def parse(body):
            print("to stdout")
            os.write(1, b"straight to stdout\n")
            subprocess.run(["echo", "from a process of its own"], check=True)

        assert not happened(parse)
        out, err = capfd.readouterr()
        assert out == ""
        assert sorted(err.splitlines()) == ["from a process of its own", "straight to stdout", "to stdout"]


def where(function, lines):
    return f"{os.path.basename(__file__)}:{function.__code__.co_firstlineno + lines}"


class TestSpawning:
    """Where there is no fork, the child imports the parser."""

    @pytest.fixture(autouse=True)
    def spawning(self, monkeypatch):
        monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])

    def test_a_parser_of_a_module_is_called_there(self):
        told = happened(json.loads, cases=[VALID, INVALID], memory_limit=4096)
        assert list(told) == [INVALID]
        assert told[INVALID].startswith("raised JSONDecodeError: Extra data")

    @pytest.mark.parametrize("cannot", [lambda body: None, threading.Lock().acquire, sys.stdout.write])
    def test_one_that_cannot_be_taken_there_is_refused(self, cannot):
        with pytest.raises(ConfigError, match=r"cannot be taken to a child process \(.*\); define it, its errors"):
            report_of(cannot)

    def test_one_whose_module_cannot_be_imported_there_is_refused(self, tmp_path, monkeypatch):
        (tmp_path / "here_alone.py").write_text("def parse(body): ...\n")
        monkeypatch.syspath_prepend(tmp_path)
        import here_alone

        (tmp_path / "here_alone.py").unlink()
        with pytest.raises(ConfigError, match=r"the parser here_alone.parse cannot be taken .*EOFError"):
            report_of(here_alone.parse)


def test_when_the_run_is_killed_the_child_ends(tmp_path):
    """It waits for its parent's next word, and not for its own."""
    source = """
        import os, pathlib, sys
        from pytest_imgresponse import check_parser

        def parse(body):
            pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
            os.kill(os.getppid(), 9)

        check_parser(parse, isolate=True)
    """
    (tmp_path / "run.py").write_text(textwrap.dedent(source))
    done = subprocess.run([sys.executable, str(tmp_path / "run.py"), str(tmp_path / "pid")], timeout=60)
    assert done.returncode == -9
    assert ends(int((tmp_path / "pid").read_text()))


@pytest.fixture
def interruptible():
    """Ctrl-C is heard, whatever started these tests has made of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_run_that_is_interrupted_leaves_no_child():
    main = os.getpid()

    def interrupt():
        os.kill(main, signal.SIGINT)
        sleep()

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        check_parser(on(VALID, interrupt), isolate=True, cases=[VALID])
    assert time.monotonic() - began < 5


@pytest.mark.skipif(not hasattr(os, "setsid"), reason="there are no process groups here")
def test_a_child_that_hangs_does_not_outlive_a_parent_that_is_killed(tmp_path):
    told = tmp_path / "pid"
    script = textwrap.dedent(f"""
        import os, pathlib, time
        from pytest_imgresponse import check_parser

        def parse(body):
            pathlib.Path({str(told)!r}).write_text(str(os.getpid()))
            while True:
                time.sleep(0.01)

        check_parser(parse, isolate=True, time_limit=600, max_examples=0)
    """)
    parent = subprocess.Popen([sys.executable, "-c", script])
    while not (told.exists() and told.read_text()):
        time.sleep(0.05)
    child = int(told.read_text())
    parent.kill()
    parent.wait()
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(child, 0)
            time.sleep(0.1)
