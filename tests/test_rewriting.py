"""What is recorded afresh takes the old cassette's place as a whole, and what was paid for is never lost."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from pytest_imgresponse import CassetteSaveError, replay
from pytest_imgresponse.cassette.store import Store
from tests.conftest import FIELDS, attack_size

KILLS = attack_size(3)
"""How many processes are killed."""
OLD, NEW = ["old 1", "old 2", "old 3"], ["new 1", "new 2", "new 3"]


@pytest.fixture
def path(tmp_path, ask) -> Path:
    """A cassette that holds three answers."""
    with replay(tmp_path / "fox", record="once"):
        for prompt in OLD:
            ask(prompt)
    return tmp_path / "fox.yaml"


def prompts(cassette: Path) -> list[str]:
    """What a cassette was asked. Each answer is read, and the hashes of the pictures with it."""
    held = Store(cassette).load()
    assert all(interaction.response.http().json() for interaction in held)
    return [interaction.request.http().json()["prompt"] for interaction in held]


def left_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob(".*.rewrite/*/*.yaml"))


def interrupt_a_rewrite(path, ask, *asked):
    with pytest.raises(KeyboardInterrupt), replay(path, record="rewrite"):
        for prompt in asked:
            ask(prompt)
        raise KeyboardInterrupt


class TestABlock:
    def test_until_it_ends_the_old_cassette_is_there(self, path, ask):
        with replay(path, record="rewrite"):
            for number, prompt in enumerate(NEW, 1):
                ask(prompt)
                assert prompts(path) == OLD
                assert prompts(*left_in(path.parent)) == NEW[:number]
        assert prompts(path) == NEW
        names = [".gitattributes", "fox-1.png", "fox-2.png", "fox-3.png", "fox.yaml"]
        assert sorted(entry.name for entry in path.parent.iterdir()) == names

    def test_the_next_of_its_process_adds_to_it(self, path, ask):
        for prompt in NEW:
            with replay(path, record="rewrite"):
                ask(prompt)
        assert prompts(path) == NEW

    def test_one_that_fails_keeps_what_it_recorded(self, path, ask):
        with pytest.raises(ZeroDivisionError), replay(path, record="rewrite"):
            ask("new 1")
            raise ZeroDivisionError
        assert prompts(path) == ["new 1"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
    def test_after_an_interrupted_one_the_next_says_where_its_answers_are(self, path, ask, error):
        with pytest.raises(error), replay(path, record="rewrite"):
            ask("new 1")
            raise error
        assert prompts(path) == OLD
        (left,) = left_in(path.parent)
        words = f"a rewrite did not end, and what it recorded is in {left.parent}: move that to {path.parent}"
        with pytest.warns(UserWarning, match=words) as warned, replay(path):
            ask("old 1")
        assert warned[0].filename == __file__
        for file in left.parent.iterdir():
            file.replace(path.parent / file.name)
        assert prompts(path) == ["new 1"]
        with replay(path):
            assert ask("new 1").status_code == 200
        assert not left.parent.exists()

    def test_an_interrupted_one_that_recorded_nothing_leaves_nothing(self, path, ask):
        interrupt_a_rewrite(path, ask)
        with replay(path):
            ask("old 1")

    def test_an_answer_that_comes_after_it_is_added(self, path, ask):
        asked, may_answer = threading.Event(), threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.set()
                may_answer.wait(10)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
            late = threading.Thread(target=httpx.get, args=[f"http://127.0.0.1:{server.server_port}/late"])
            with replay(path, record="rewrite"):
                ask("new 1")
                late.start()
                asked.wait(10)
            assert prompts(path) == ["new 1"]
            may_answer.set()
            late.join()
            server.shutdown()
        assert [interaction.response.status for interaction in Store(path).load()] == [200, 204]
        assert left_in(path.parent) == []

    def test_one_that_cannot_take_the_place_says_where_it_is(self, path, ask):
        with (
            pytest.raises(CassetteSaveError, match="could not take its place") as caught,
            replay(path, record="rewrite"),
        ):
            ask("new 1")
            path.unlink()
            path.mkdir()
        (left,) = left_in(path.parent)
        assert f"It is kept as a cassette in {left.parent}: mend the cause, then move it to {path.parent}" in str(
            caught.value
        )
        assert prompts(left) == ["new 1"]

    def test_one_of_which_an_answer_is_not_saved_leaves_the_old_cassette(self, path, ask):
        def before_save(text):
            return None if "created" in text and len(seen) == 1 else text

        seen = []
        with pytest.raises(CassetteSaveError), replay(path, record="rewrite", before_save=before_save):
            ask("new 1")
            seen.append(1)
            ask("new 2")
        assert prompts(path) == OLD
        assert prompts(*left_in(path.parent)) == ["new 1"]


class TestWhatIsLeft:
    @pytest.fixture
    def left(self, path, ask):
        """What another process left when it was interrupted."""
        interrupt_a_rewrite(path, ask, "lost 1")
        (left,) = left_in(path.parent)
        other = left.parent.with_name("0123abcd")
        left.parent.rename(other)
        return other / left.name

    def test_another_rewrite_names_it_and_leaves_it(self, path, ask, left):
        with pytest.warns(UserWarning, match=str(left.parent)), replay(path, record="rewrite"):
            ask("new 1")
        assert (prompts(path), prompts(left)) == (["new 1"], ["lost 1"])

    def test_it_is_removed_where_the_cassette_holds_it_all(self, path, ask, left):
        """The run was killed after its cassette took the old one's place."""
        Store(path).save(Store(left).load())
        with replay(path):
            ask("lost 1")
        assert not left.parent.parent.exists()

    def test_it_is_removed_where_it_holds_nothing(self, path, ask, left):
        left.unlink()
        with replay(path):
            ask("old 1")
        assert not left.parent.parent.exists()

    def test_it_is_named_where_it_is_damaged(self, path, ask, left):
        left.write_text("damaged")
        with pytest.warns(UserWarning, match=str(left.parent)), replay(path):
            ask("old 1")

    def test_it_is_no_cassette_to_serve(self, path, left):
        from pytest_imgresponse.cli._served_cassettes import cassettes_at

        assert cassettes_at(path.parent) == ([path], [])


class TestASuite:
    OWN = "@pytest.mark.imgresponse\ndef test_it():\n    {}\n"
    SHARED = "pytestmark = pytest.mark.imgresponse('fox')\ndef test_one():\n    {}\ndef test_two():\n    {}\n"

    def test_an_interrupted_test_leaves_its_cassette_and_both_runs_say_where_the_rest_is(self, suite):
        suite.write(self.OWN.format("ask('old')")).record().outcomes(passed=1)
        suite.write(self.OWN.format("ask('new'); pytest.exit('enough')"))
        told = "a rewrite did not end, and what it recorded is kept; move it to where the cassette is, or delete it: "
        place = "cassettes/test_logo/.test_it.yaml.rewrite/"
        suite.record(mode="rewrite").sent(1).says(told + place)
        assert prompts(suite.cassettes / "test_logo/test_it.yaml") == ["old"]
        assert prompts(*left_in(suite.cassettes)) == ["new"]
        suite.write(self.OWN.format("ask('old')")).run().outcomes(passed=1).sent(0).says(told + place)

    def test_one_that_fails_in_set_up_keeps_what_it_recorded(self, suite):
        suite.write(self.OWN.format("ask('old')")).record().outcomes(passed=1)
        suite.write(
            """
            @pytest.fixture
            def broken():
                ask("new")
                assert False

            @pytest.mark.imgresponse
            def test_it(broken): pass
            """
        )
        suite.record(mode="rewrite").outcomes(errors=1).says_not("did not end")
        assert prompts(suite.cassettes / "test_logo/test_it.yaml") == ["new"]

    def test_a_shared_one_is_replaced_when_the_run_ends(self, suite):
        suite.write(self.SHARED.format("ask('old 1')", "ask('old 2')")).record().outcomes(passed=2)
        held = "from pathlib import Path; assert 'old 2' in Path('cassettes/fox.yaml').read_text()"
        suite.write(self.SHARED.format("ask('new 1')", f"ask('new 2'); {held}"))
        suite.record(mode="rewrite").outcomes(passed=2).says_not("did not end")
        assert prompts(suite.cassettes / "fox.yaml") == ["new 1", "new 2"]
        assert suite.files() == ["fox-1.png", "fox-2.png", "fox.yaml"]

    @pytest.mark.parametrize("stop", ["assert False", "pytest.exit('enough')"])
    def test_a_shared_one_is_left_where_the_run_is_cut_short(self, suite, stop):
        suite.write(self.SHARED.format("ask('old 1')", "ask('old 2')")).record().outcomes(passed=2)
        suite.write(self.SHARED.format(f"ask('new 1'); {stop}", "ask('new 2')"))
        suite.record("-x", mode="rewrite").sent(1).says("did not end", "cassettes/.fox.yaml.rewrite/")
        assert prompts(suite.cassettes / "fox.yaml") == ["old 1", "old 2"]
        assert prompts(*left_in(suite.cassettes)) == ["new 1"]

    def test_an_error_of_one_test_replaces_no_success_of_an_older_run(self, suite, api):
        """The other test is what starts the cassette afresh."""
        source = self.SHARED.format("ask('one')", "ask('two')")
        suite.write(source).record().outcomes(passed=2)
        first = Store(suite.cassettes / "fox.yaml").load()[0]
        api.fail("server_error")
        suite.record(mode="rewrite").outcomes(passed=2).sent(2).says("did not keep an error")
        kept = Store(suite.cassettes / "fox.yaml").load()
        assert [interaction.response.status for interaction in kept] == [200, 200]
        assert kept[0].digest == first.digest

    def test_an_error_of_one_test_replaces_no_success_of_another(self, suite, api, monkeypatch):
        monkeypatch.setattr(pytest, "api", api, raising=False)
        suite.write(self.SHARED.format("ask('one')", "pytest.api.fail('server_error'); ask('one'); ask('two')"))
        suite.record(mode="rewrite").outcomes(passed=2).sent(3).says("did not keep an error")
        assert prompts(suite.cassettes / "fox.yaml") == ["one", "two"]
        assert [i.response.status for i in Store(suite.cassettes / "fox.yaml").load()] == [200, 200]

    def test_errors_alone_leave_the_old_one(self, suite, api):
        suite.write(self.SHARED.format("ask('one')", "pass")).record().outcomes(passed=2)
        before = (suite.cassettes / "fox.yaml").read_bytes()
        api.fail("server_error")
        suite.record(mode="rewrite").outcomes(passed=2).sent(1).says_not("did not end")
        assert (suite.cassettes / "fox.yaml").read_bytes() == before
        assert suite.files() == ["fox-1.png", "fox.yaml"]

    def test_a_shared_one_of_which_an_answer_is_not_saved_is_left(self, suite):
        suite.write(self.SHARED.format("ask('old 1')", "ask('old 2')")).record().outcomes(passed=2)
        config = "@pytest.fixture\ndef imgresponse_config():\n    return {'before_save': lambda t: None if 'created' in t else t}\n"
        suite.write("@pytest.mark.imgresponse('fox')\ndef test_first(): ask('new 1')", "tests/test_first.py")
        suite.write(config + self.SHARED.format("ask('new 2')", "ask('new 3')"))
        suite.record(mode="rewrite").outcomes(passed=3, errors=2).says("did not end", "CassetteSaveError")
        assert prompts(suite.cassettes / "fox.yaml") == ["old 1", "old 2"]

    def test_a_shared_one_that_cannot_take_the_place_fails_the_run(self, suite):
        suite.write(self.SHARED.format("ask('old 1')", "ask('old 2')")).record().outcomes(passed=2)
        spoil = "os.unlink('cassettes/fox.yaml'); os.mkdir('cassettes/fox.yaml')"
        suite.write(self.SHARED.format("ask('new 1')", f"ask('new 2'); {spoil}"))
        run = suite.record(mode="rewrite").outcomes(passed=2).says("not saved: ", "could not take its place")
        assert run.result.ret == pytest.ExitCode.TESTS_FAILED
        assert prompts(*left_in(suite.cassettes)) == ["new 1", "new 2"]

    @pytest.mark.slow
    def test_workers_that_rewrite_a_shared_one_and_one_that_dies(self, suite):
        source = "pytestmark = pytest.mark.imgresponse('fox')\n@pytest.mark.parametrize('n', range(6))\ndef test_it(n):\n    {}\n"
        suite.write(source.format("ask(f'old {n}')")).record().outcomes(passed=6)
        suite.write(source.format("ask(f'new {n}')\n    if n == 3: os._exit(1)"))
        suite.record("-n2", mode="rewrite", subprocess=True).says("crashed").says_not("did not end")
        assert sorted(prompts(suite.cassettes / "fox.yaml")) == [f"new {n}" for n in range(6)]


NURSERY = """
import json, os, signal, sys, time
import httpx
from pytest_imgresponse import replay

FIELDS = json.loads(os.environ["FIELDS"])

def record(path, prompts, answered):
    with replay(path, record="rewrite"):
        for prompt in prompts:
            httpx.post(
                os.environ["BASE"] + "/images/generations", json={**FIELDS, "prompt": prompt},
                headers={"Authorization": "Bearer sk-live-0123456789"},
            ).raise_for_status()
            os.write(answered, b".")

for line in sys.stdin:
    path, prompts, seconds = json.loads(line)
    end, answered = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        record(path, prompts, answered)
        os._exit(0)
    os.close(answered)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(json.dumps([len(os.read(end, 99)), time.monotonic() - began]), flush=True)
    os.close(end)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that are forked")
def test_whenever_it_is_killed_there_is_the_old_cassette_or_the_new_one(api, path, tmp_path):
    """And each answer that the client got is in the new one, or where the next says."""
    environment = {**os.environ, "BASE": api.url, "FIELDS": json.dumps(FIELDS)}
    command = [sys.executable, "-c", NURSERY]
    drawn = random.Random(0)

    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as nursery:

        def rewrite(cassette, kill_after):
            print(json.dumps([str(cassette), NEW, kill_after]), file=nursery.stdin, flush=True)
            return json.loads(nursery.stdout.readline())

        folder = shutil.copytree(path.parent, tmp_path / "first", ignore=shutil.ignore_patterns("first"))
        answered, seconds = rewrite(folder / "fox.yaml", None)
        assert (answered, prompts(folder / "fox.yaml"), left_in(folder)) == (3, NEW, [])
        for number in range(KILLS):
            folder = tmp_path / str(number)
            folder.mkdir()
            for file in path.parent.glob("fox*.*"):
                shutil.copy(file, folder)
            answered, _ = rewrite(folder / "fox.yaml", drawn.uniform(0, 1.1 * seconds))
            held, left = prompts(folder / "fox.yaml"), left_in(folder)
            saved = prompts(*left) if left else []
            assert held in (OLD, NEW)
            assert held == NEW or len(saved) >= answered
            assert saved == NEW[: len(saved)]
            with warnings.catch_warnings(record=True, action="always") as told, replay(folder / "fox"):
                pass
            assert [str(left[0].parent) in str(each.message) for each in told] == [True] * (held == OLD and saved != [])
            assert left_in(folder) == (left if held == OLD else [])
        nursery.stdin.close()
