"""The plugin as its user meets it: fixture, marker, options, modes, report. Each test is a story of runs."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys

import pytest

from pytest_imgresponse import plugin


def test_the_fixture_records_and_replays(suite):
    suite.write(
        """
        def test_red_fox(imgresponse):
            answer = ask()
            assert imgresponse.responses[0].data[0].b64_json == answer.json()["data"][0]["b64_json"]
            assert imgresponse.images[0].size == (256, 256)
            assert imgresponse.last.status == 200
            assert imgresponse.requests[0].json()["prompt"] == "a red fox"
            assert imgresponse.cassette.name == "test_red_fox.yaml"
        """
    )
    suite.record().outcomes(passed=1).sent(1).says("1 recorded (0 output tokens)")
    assert suite.files() == ["test_logo/test_red_fox-1.png", "test_logo/test_red_fox.yaml"]
    suite.run().outcomes(passed=1).sent(0).says("1 replayed")


def test_a_marker_alone_is_enough_on_function_class_and_module(suite):
    suite.write("@pytest.mark.imgresponse\ndef test_it(): ask()\n", "tests/test_function.py")
    suite.write("@pytest.mark.imgresponse\nclass TestShop:\n    def test_it(self): ask()\n", "tests/test_class.py")
    suite.write("pytestmark = pytest.mark.imgresponse\ndef test_it(): ask()\n", "tests/unit/test_module.py")
    suite.record().outcomes(passed=3).sent(3)
    assert [name for name in suite.files() if name.endswith(".yaml")] == [
        "test_class/TestShop.test_it.yaml",
        "test_function/test_it.yaml",
        "unit/test_module/test_it.yaml",
    ]
    suite.run().outcomes(passed=3).sent(0)


def test_parameters_have_cassettes_of_their_own(suite):
    suite.write(
        """
        @pytest.mark.imgresponse
        @pytest.mark.parametrize("prompt", ["a", "b:b", "b?b", "x" * 300, "CON", "../up"])
        def test_it(prompt):
            assert ask(prompt).status_code == 200
        """
    )
    suite.record().outcomes(passed=6).sent(6)
    suite.run().outcomes(passed=6).sent(0)
    names = [name for name in suite.files() if name.endswith(".yaml")]
    assert "test_logo/test_it[a].yaml" in names
    assert len(names) == 6
    assert all(len(name.encode()) < 200 and "/" not in name.removeprefix("test_logo/") for name in names)


def test_a_class_that_names_its_cassette_shares_it(suite):
    suite.write(
        """
        @pytest.mark.imgresponse("shop/shared")
        class TestShop:
            def test_one(self): ask("one")
            def test_two(self): ask("two")
            def test_one_again(self): ask("one")
        """
    )
    suite.record().outcomes(passed=3).sent(2).says("2 recorded", "1 replayed")
    assert suite.files() == ["shop/shared-1.png", "shop/shared-2.png", "shop/shared.yaml"]
    suite.run("--imgresponse-strict").outcomes(passed=3).sent(0).says_not("unplayed")


def test_unittest_classes(suite):
    suite.write(
        """
        import unittest

        @pytest.mark.imgresponse
        class TestShop(unittest.TestCase):
            def setUp(self):
                self.answer = ask()

            def test_it(self):
                self.assertEqual(self.answer.status_code, 200)
        """
    )
    suite.record().outcomes(passed=1).sent(1)
    suite.run().outcomes(passed=1).sent(0)


@pytest.mark.parametrize("marks", ["@pytest.mark.asyncio", "@pytest.mark.anyio"])
def test_async_tests(suite, marks):
    suite.write(
        f"""
        @pytest.fixture
        def anyio_backend(): return "asyncio"

        @pytest.mark.imgresponse
        {marks}
        async def test_it():
            async with httpx.AsyncClient() as client:
                fields = {{"model": "dall-e-2", "size": "256x256", "prompt": "a", "response_format": "b64_json"}}
                headers = {{"Authorization": "Bearer sk-live-0123456789"}}
                answer = await client.post(BASE + "/images/generations", json=fields, headers=headers)
            assert answer.status_code == 200
        """
    )
    suite.record().outcomes(passed=1).sent(1)
    suite.run().outcomes(passed=1).sent(0)


def test_nothing_is_sent_unless_asked_to_record(suite):
    suite.write("@pytest.mark.imgresponse\ndef test_red_fox(): ask()")
    suite.run().outcomes(failed=1).sent(0).says(
        "CassetteMissingError",
        "no answer for POST http://127.0.0.1/v1/images/generations, and nothing was sent (record mode 'none').",
        "There is no cassette",
        "pytest 'tests/test_logo.py::test_red_fox' --imgresponse-record=once",
    )
    assert not suite.cassettes.exists()


def test_a_missing_cassette_does_not_matter_to_a_test_that_asks_nothing(suite):
    suite.write("@pytest.mark.imgresponse\ndef test_it(): pass")
    suite.run().outcomes(passed=1)


def test_a_miss_names_the_nearest_request_and_the_way_out(suite):
    source = "@pytest.mark.imgresponse\ndef test_it():\n    ask('a blue house', n=2)\n    ask({!r})\n"
    suite.write(source.format("a red fox")).record().outcomes(passed=1)
    suite.write(source.format("a red foxx")).run().outcomes(failed=1).sent(0).says(
        "UnrecordedRequestError",
        "holds 2 interaction(s); the nearest, number 2, differs in:",
        "prompt: recorded 'a red fox', asked 'a red foxx'",
        "--imgresponse-record=new_episodes",
        "Only the body differs; a `match_on` without 'body' leaves it out.",
        "With `rewrite` in its place, all of the cassette is recorded afresh.",
    )


def test_an_answer_is_given_once(suite):
    suite.write("@pytest.mark.imgresponse\ndef test_it(): ask()").record()
    suite.write("@pytest.mark.imgresponse\ndef test_it(): ask(), ask()").run().outcomes(failed=1).sent(0).says(
        "holds this request 1 time(s); it was asked 2 times"
    )


class TestRecordModes:
    SOURCE = "@pytest.mark.imgresponse\ndef test_it():\n    {}\n"

    def write(self, suite, *prompts):
        suite.write(self.SOURCE.format("; ".join(f"ask({prompt!r})" for prompt in prompts)))

    def test_once_adds_nothing_to_a_cassette(self, suite):
        self.write(suite, "one")
        suite.record(mode="once").outcomes(passed=1).sent(1)
        self.write(suite, "one", "two")
        suite.record(mode="once").outcomes(failed=1).sent(0).says("prompt: recorded 'one', asked 'two'")

    def test_new_episodes_adds_what_is_missing(self, suite):
        self.write(suite, "one")
        suite.record(mode="new_episodes").outcomes(passed=1).sent(1)
        self.write(suite, "one", "two")
        suite.record(mode="new_episodes").outcomes(passed=1).sent(1).says("1 recorded", "1 replayed")
        assert suite.files() == ["test_logo/test_it-1.png", "test_logo/test_it-2.png", "test_logo/test_it.yaml"]
        suite.run().outcomes(passed=1).sent(0)

    def test_all_replaces_what_was_asked_and_keeps_the_rest(self, suite):
        self.write(suite, "one", "two")
        suite.record().outcomes(passed=1)
        before = (suite.cassettes / "test_logo/test_it.yaml").read_text()
        self.write(suite, "two")
        suite.record(mode="all").outcomes(passed=1).sent(1)
        after = (suite.cassettes / "test_logo/test_it.yaml").read_text()
        assert after.count("- request:") == before.count("- request:") == 2
        self.write(suite, "one", "two")
        suite.run().outcomes(passed=1).sent(0)

    def test_rewrite_starts_afresh(self, suite):
        self.write(suite, "one", "two")
        suite.record().outcomes(passed=1)
        self.write(suite, "three")
        suite.record(mode="rewrite").outcomes(passed=1).sent(1)
        assert suite.files() == ["test_logo/test_it-1.png", "test_logo/test_it.yaml"]
        suite.run("--imgresponse-strict").outcomes(passed=1).sent(0)

    def test_rewrite_starts_a_shared_cassette_afresh_once(self, suite):
        source = "pytestmark = pytest.mark.imgresponse('shared')\ndef test_{0}(): ask('{0}')\n"
        suite.write(source.format("old"), "tests/test_a.py").record().outcomes(passed=1)
        suite.write(source.format("one"), "tests/test_a.py").write(source.format("two"), "tests/test_b.py")
        suite.record(mode="rewrite").outcomes(passed=2).sent(2)
        text = (suite.cassettes / "shared.yaml").read_text()
        assert ("one" in text, "two" in text, "old" in text) == (True, True, False)

    def test_an_error_does_not_replace_a_success(self, suite, api):
        self.write(suite, "one")
        suite.record().outcomes(passed=1)
        before = (suite.cassettes / "test_logo/test_it.yaml").read_bytes()
        for mode in ("all", "rewrite"):
            api.fail("server_error")
            suite.record(mode=mode).outcomes(passed=1).sent(1).says("did not keep an error", "500 for")
            assert (suite.cassettes / "test_logo/test_it.yaml").read_bytes() == before

    def test_an_error_is_recorded_where_there_was_none_and_named(self, suite):
        self.write(suite, "unsafe")
        suite.record().outcomes(passed=1).says("recorded an error, which will replay as it is: 400 in")

    def test_a_failing_test_keeps_its_recording(self, suite):
        suite.write("@pytest.mark.imgresponse\ndef test_it():\n    ask()\n    assert False")
        suite.record().outcomes(failed=1).sent(1)
        suite.run().outcomes(failed=1).sent(0).says("assert False")


class TestPrecedence:
    SOURCE = """
    @pytest.fixture
    def imgresponse_config(): return {config}

    @pytest.mark.imgresponse{marker}
    def test_it(imgresponse):
        assert imgresponse.recording is {expected}
    """

    @pytest.mark.parametrize(
        ("arguments", "marker", "config", "ini", "expected"),
        [
            ((), "", {}, None, False),
            ((), "", {}, "all", True),
            ((), "", {"record": "none"}, "all", False),
            ((), "(record='all')", {"record": "none"}, "none", True),
            (("--imgresponse-record=all",), "(record='once')", {}, None, True),
            (("--imgresponse-record=none",), "(record='all')", {"record": "all"}, "all", False),
            (("--imgresponse-record=all",), "(record='none')", {"record": "all"}, "all", False),
        ],
    )
    def test_command_line_over_marker_over_config_over_ini(self, suite, arguments, marker, config, ini, expected):
        if ini:
            suite.configure(f"imgresponse_record = {ini}")
        suite.write(self.SOURCE.format(config=config, marker=marker, expected=expected))
        suite.run(*arguments).outcomes(passed=1)

    def test_the_closest_marker_wins_option_by_option(self, suite):
        suite.write(
            """
            @pytest.mark.imgresponse("named", record="none")
            class TestShop:
                @pytest.mark.imgresponse(record="all")
                def test_it(self, imgresponse):
                    assert imgresponse.recording
                    assert imgresponse.cassette.name == "named.yaml"
            """
        )
        suite.run().outcomes(passed=1)


def test_a_test_that_is_no_function_is_left_alone(suite):
    suite.root.joinpath("conftest.py").write_text(
        """
import pytest

class Item(pytest.Item):
    def runtest(self): pass

class File(pytest.File):
    def collect(self):
        yield Item.from_parent(self, name="it")

def pytest_collect_file(parent, file_path):
    return File.from_parent(parent, path=file_path) if file_path.suffix == ".item" else None
"""
    )
    suite.root.joinpath("a.item").touch()
    suite.run("a.item").outcomes(passed=1)


def test_an_option_of_a_marker_that_is_none_says_nothing(suite):
    suite.write(
        """
        @pytest.mark.imgresponse("named", record="all")
        class TestShop:
            @pytest.mark.imgresponse(None, record=None)
            def test_it(self, imgresponse):
                assert imgresponse.recording
                assert imgresponse.cassette.name == "named.yaml"
        """
    )
    suite.run().outcomes(passed=1)


class TestRefusals:
    @pytest.mark.parametrize(
        ("marker", "message"),
        [
            ("(recrd='all')", "unknown option 'recrd' (from the marker of tests/test_logo.py::test_it); known are:"),
            ("(record='onec')", "record: expected one of none, once, new_episodes, all, rewrite; got 'onec'"),
            ("(images='compact')", "images: expected one of exact; got 'compact'"),
            ("(match_on=['mehtod'])", "match_on: expected method, scheme, host, port, path, query, body, "),
            ("(match_on=[])", "match_on: expected at least one of method"),
            ("(match_on='body')", "match_on: expected a list of matchers"),
            ("(allow_unplayed=1)", "allow_unplayed: expected True or False; got 1"),
            ("(ignore_hosts='a')", "ignore_hosts: expected a list of strings, none of them empty; got 'a'"),
            ("('../up')", "name: expected a name of letters"),
            ("('/up')", "name: expected a name of letters"),
            ("('')", "name: expected the name of a cassette; got ''"),
            ("(7)", "name: expected the name of a cassette; got 7"),
            ("('a', 'b')", "expected one name of a cassette; got ['a', 'b']"),
            ("('a', name='b')", "expected one name of a cassette; got ['a', 'b']"),
        ],
    )
    def test_of_a_marker(self, suite, marker, message):
        suite.write(f"@pytest.mark.imgresponse{marker}\ndef test_it(): pass\ndef test_other(): pass")
        suite.run().outcomes(errors=1, passed=1).says("ConfigError", message).says_not("Traceback")

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            ("{'recrd': 'all'}", "unknown option 'recrd' (from the fixture imgresponse_config); known are:"),
            ("{'redact_names': 'user'}", "redact_names: expected a list of strings"),
            ("{'redact_values': [7]}", "redact_values: expected a list of strings or compiled patterns"),
            ("{'before_save': 'f'}", "before_save: expected a function of one text; got 'f'"),
            ("['record']", "expected the fixture imgresponse_config to return a dict; got ['record']"),
        ],
    )
    def test_of_the_config_fixture(self, suite, config, message):
        suite.write(
            f"@pytest.fixture\ndef imgresponse_config(): return {config}\n\n"
            "@pytest.mark.imgresponse\ndef test_it(): pass\n"
        )
        suite.run().outcomes(errors=1).says(message)

    def test_of_a_flag_in_the_ini_file(self, suite):
        suite.configure("imgresponse_block_network = perhaps").write("def test_it(): pass")
        assert suite.run().says("perhaps").result.ret == pytest.ExitCode.USAGE_ERROR

    def test_of_a_test_of_hypothesis(self, suite):
        suite.write(
            """
            from hypothesis import given, strategies as st

            @pytest.mark.imgresponse
            @given(st.booleans())
            def test_it(flag): ask()
            """
        )
        suite.record().outcomes(errors=1).sent(0).says("is a test of Hypothesis", "replay(path)")

    def test_of_files_outside_of_the_root_directory_that_meet(self, suite):
        for name in ("out/a/test_it.py", "out/b/test_it.py"):
            suite.write("@pytest.mark.imgresponse\ndef test_it(): ask()", name)
        (suite.root / "root").mkdir()
        run = suite.record("--rootdir=root", "--import-mode=importlib", "out/a/test_it.py", "out/b/test_it.py")
        run.outcomes(errors=2).sent(0).says("is claimed by 2", "out/a/test_it.py::test_it")

    @pytest.mark.parametrize("name", ["record", "images"])
    def test_of_an_ini_value(self, suite, name):
        suite.configure(f"imgresponse_{name} = onec")
        suite.write("def test_it(): pass")
        result = suite.run()
        assert result.result.ret == pytest.ExitCode.USAGE_ERROR
        result.says(f"{name}: expected one of", f"got 'onec' (from ini `imgresponse_{name}` in tox.ini)")

    def test_of_the_command_line(self, suite):
        suite.write("def test_it(): pass")
        assert suite.record(mode="onec").result.ret == pytest.ExitCode.USAGE_ERROR

    def test_of_two_tests_that_claim_one_file(self, suite):
        for name in ("tests/test_a.py", "test_a.py"):
            suite.write(
                "@pytest.mark.imgresponse\ndef test_it(): ask()\n@pytest.mark.imgresponse('b')\ndef test_b(): 1", name
            )
        suite.record("--import-mode=importlib").outcomes(errors=2, passed=2).sent(0).says(
            "CassetteInUseError", "is claimed by 2: test_a.py::test_it, tests/test_a.py::test_it"
        )

    def test_of_a_cassette_directory_that_a_link_leads_out_of(self, suite, tmp_path_factory):
        suite.write("@pytest.mark.imgresponse\ndef test_it(): ask()")
        suite.cassettes.mkdir()
        (suite.cassettes / "test_logo").symlink_to(tmp_path_factory.mktemp("elsewhere"))
        suite.record().outcomes(errors=1).sent(0).says("lies outside of the cassette directory")


class TestReport:
    def test_the_header_says_the_mode(self, suite):
        suite.write("def test_it(): pass")
        suite.run().says("imgresponse: record mode none (replay only), cassettes in cassettes")
        suite.record().says("imgresponse: record mode once, cassettes in cassettes")

    def test_a_run_without_cassettes_has_no_summary(self, suite):
        suite.write("def test_it(): pass")
        assert suite.run().output.count("imgresponse:") == 1

    def test_recorded_tokens_are_counted(self, suite):
        fields = "model='gpt-image-1', size='1024x1024', quality='low', response_format=None"
        suite.write(f"@pytest.mark.imgresponse\ndef test_it(): ask({fields})\n")
        suite.record().outcomes(passed=1).says("1 recorded (272 output tokens)")

    def test_unplayed_interactions_are_named(self, suite):
        suite.write("@pytest.mark.imgresponse\ndef test_it(): ask(), ask('two')").record()
        suite.write("@pytest.mark.imgresponse\ndef test_it(): ask()")
        suite.run().outcomes(passed=1).says("1 replayed, 1 unplayed", "unplayed: 1 in cassettes/test_logo/test_it.yaml")

    def test_strict_makes_them_a_failure(self, suite):
        suite.write("@pytest.mark.imgresponse\ndef test_it(): ask(), ask('two')").record()
        suite.write("@pytest.mark.imgresponse\ndef test_it(): ask()")
        suite.run("--imgresponse-strict").outcomes(passed=1, errors=1).says(
            "UnplayedError: 1 of 2 interactions of", "  POST http://127.0.0.1/v1/images/generations"
        )
        suite.write("@pytest.mark.imgresponse(allow_unplayed=True)\ndef test_it(): ask()")
        suite.run("--imgresponse-strict").outcomes(passed=1).says_not("unplayed")

    def test_a_failed_test_is_not_blamed_for_what_it_left(self, suite):
        suite.write("@pytest.mark.imgresponse\ndef test_it(): ask(), ask('two')").record()
        suite.write("@pytest.mark.imgresponse\ndef test_it():\n    ask()\n    assert 0")
        suite.run("--imgresponse-strict").outcomes(failed=1).says_not("unplayed").says("assert 0")

    def test_a_shared_cassette_is_judged_when_the_run_ends(self, suite):
        source = (
            "pytestmark = pytest.mark.imgresponse('shared')\ndef test_one(): ask('one')\ndef test_two(): ask('two')\n"
        )
        suite.write(source).record()
        suite.run("--imgresponse-strict").outcomes(passed=2).says_not("unplayed")
        suite.write(source.replace("ask('two')", "pass"))
        result = suite.run("--imgresponse-strict").outcomes(passed=2).says("unplayed: 1 in cassettes/shared.yaml")
        assert result.result.ret == pytest.ExitCode.TESTS_FAILED
        assert suite.run().result.ret == pytest.ExitCode.OK
        for narrow in (["-k", "test_one"], ["tests/test_logo.py::test_one"], ["tests/test_logo.py"]):
            assert suite.run("--imgresponse-strict", *narrow).result.ret == pytest.ExitCode.OK

    def test_what_this_run_recorded_counts_as_played(self, suite):
        source = (
            "pytestmark = pytest.mark.imgresponse('shared')\ndef test_one(): ask('one')\ndef test_two(): ask('two')\n"
        )
        result = suite.write(source).record("--imgresponse-strict").outcomes(passed=2).says_not("unplayed")
        assert result.result.ret == pytest.ExitCode.OK

    def test_what_a_teardown_asks_is_played(self, suite):
        suite.write(
            """
            @pytest.fixture
            def late():
                yield
                ask("late")

            @pytest.mark.imgresponse
            def test_it(late): ask()
            """
        )
        suite.record().outcomes(passed=1).sent(2)
        suite.run("--imgresponse-strict").outcomes(passed=1).says("2 replayed")

    def test_a_caught_miss_is_named_and_strict_fails_it(self, suite):
        suite.write("@pytest.mark.imgresponse\ndef test_it():\n    try: ask()\n    except Exception: pass")
        suite.run().outcomes(passed=1).says(
            "passed although a request had no recorded answer: tests/test_logo.py::test_it: no answer for POST"
        )
        suite.run("--imgresponse-strict").outcomes(passed=1, errors=1).says("CassetteMissingError")

    def test_long_lists_are_cut(self, suite):
        suite.write(
            "@pytest.mark.imgresponse\n@pytest.mark.parametrize('n', range(12))\n"
            "def test_it(n):\n    try: ask()\n    except Exception: pass"
        )
        assert suite.run().outcomes(passed=12).says("… and 2 more").output.count("passed although") == 11


class TestKeysAndFixtures:
    def test_a_stand_in_key_is_set_for_a_replay_and_removed_after_it(self, suite, monkeypatch):
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        suite.write(
            """
            @pytest.fixture
            def client():
                from openai import OpenAI
                return OpenAI(base_url=BASE)

            @pytest.mark.imgresponse
            def test_it(client):
                client.images.generate(model="dall-e-2", prompt="a", size="256x256")

            def test_after():
                assert "OPENAI_API_KEY" not in os.environ
            """
        )
        suite.record("-k", "test_it").outcomes(errors=1, deselected=1).sent(0)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-live-0123456789")
        suite.record("-k", "test_it").outcomes(passed=1, deselected=1).sent(1)
        monkeypatch.delenv("OPENAI_API_KEY")
        suite.run().outcomes(passed=2).sent(0)

    def test_a_config_with_parameters(self, suite):
        suite.write(
            """
            @pytest.fixture(params=["none", "all"])
            def imgresponse_config(request): return {"record": request.param}

            def test_it(imgresponse, request):
                assert imgresponse.recording is (request.node.callspec.params["imgresponse_config"] == "all")
            """
        )
        suite.run().outcomes(passed=2)

    @pytest.mark.parametrize("scope", ["function", "module", "session"])
    def test_the_cassette_is_open_before_other_function_fixtures(self, suite, scope):
        suite.write(
            f"""
            @pytest.fixture(scope="{scope}")
            def imgresponse_config(): return {{}}

            @pytest.fixture(autouse=True)
            def early(): ask("early")

            @pytest.fixture
            def late(tmp_path): ask("late")

            def test_it(late, imgresponse, tmp_path):
                assert [r.json()["prompt"] for r in imgresponse.requests] == ["early", "late"]
            """
        )
        suite.record().outcomes(passed=1).sent(2)
        suite.run().outcomes(passed=1).sent(0)

    def test_the_cassette_is_open_first_where_pytest_does_not_tell_the_scopes(self, suite, monkeypatch):
        """The scopes come from a name that is private to pytest; were it renamed, marked tests would go on."""
        monkeypatch.setattr(plugin, "FIXTURE_INFO", "_renamed")
        suite.write(
            """
            @pytest.fixture(scope="session")
            def wide(): return "wide"

            @pytest.fixture
            def early(): ask("early")

            @pytest.mark.imgresponse
            def test_marked(wide, early, tmp_path): assert (wide, ask("late").status_code) == ("wide", 200)

            def test_asking_by_name(early, imgresponse): assert len(imgresponse.requests) == 1

            def test_unmarked(wide): pass
            """
        )
        suite.record().outcomes(passed=3).sent(3)
        suite.run().outcomes(passed=3).sent(0)

    def test_a_config_that_needs_a_fixture_of_the_test_sets_it_up_once(self, suite):
        suite.write(
            """
            made = []

            @pytest.fixture
            def folder():
                made.append(1)
                return len(made)

            @pytest.fixture
            def imgresponse_config(folder): return {"ignore_hosts": [str(folder)]}

            @pytest.mark.imgresponse
            def test_it(folder):
                assert folder == 1 and made == [1]
            """
        )
        suite.run().outcomes(passed=1)

    def test_the_fixture_asked_for_by_name(self, suite):
        suite.write("def test_it(request):\n    request.getfixturevalue('imgresponse')\n    ask()")
        suite.record().outcomes(passed=1).sent(1)
        suite.run().outcomes(passed=1).sent(0)

    def test_the_endpoint_fixture(self, suite):
        suite.write(
            """
            def test_it(imgresponse_endpoint):
                answer = httpx.get(imgresponse_endpoint.url + "/nothing", headers={"Authorization": "Bearer sk-x"})
                assert answer.status_code == 404
            """
        )
        suite.run().outcomes(passed=1)

    def test_block_network(self, suite):
        suite.write(
            """
            import socket

            @pytest.mark.imgresponse
            def test_it():
                for connect in ("connect", "connect_ex"):
                    with socket.socket() as one, pytest.raises(Exception, match="blocked.*--imgresponse-block-network"):
                        getattr(one, connect)(("192.0.2.1", 80))
                with pytest.raises(Exception, match="example.com:80 was blocked"):
                    socket.socket().connect(("example.com", 80))
                with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as two:
                    two.connect(("localhost", server.getsockname()[1]))
                socket.socketpair()[0].close()
            """
        )
        suite.run("--imgresponse-block-network", "-Wignore").outcomes(passed=1)
        suite.configure("imgresponse_block_network = true")
        suite.run("-Wignore").outcomes(passed=1)


@pytest.mark.slow
class TestXdist:
    def test_two_workers_record_into_one_cassette_and_both_are_kept(self, suite):
        suite.write(
            "pytestmark = pytest.mark.imgresponse('shared')\n"
            "@pytest.mark.parametrize('n', range(8))\ndef test_it(n): ask(f'number {n}')\n"
        )
        suite.record("-n2", subprocess=True).outcomes(passed=8).sent(8).says("8 recorded")
        assert (suite.cassettes / "shared.yaml").read_text().count("- request:") == 8
        suite.run("-n2", "--imgresponse-strict", subprocess=True).outcomes(passed=8).sent(0).says("8 replayed")
        suite.record("-n2", mode="rewrite", subprocess=True).outcomes(passed=8).sent(8)
        assert (suite.cassettes / "shared.yaml").read_text().count("- request:") == 8

    @pytest.mark.parametrize("mode", ["once", "all", "rewrite"])
    def test_workers_that_ask_the_same_do_not_let_a_cassette_grow(self, suite, mode):
        suite.write(
            "pytestmark = pytest.mark.imgresponse('shared')\n"
            "@pytest.mark.parametrize('n', range(4))\ndef test_it(n): ask()\n"
        )
        for _ in range(2):
            suite.record("-n2", mode=mode, subprocess=True).outcomes(passed=4)
            assert (suite.cassettes / "shared.yaml").read_text().count("- request:") == 1
        suite.run("--imgresponse-strict").outcomes(passed=4).sent(0).says_not("unplayed")

    def test_a_worker_that_dies_leaves_what_it_recorded(self, suite):
        suite.write("@pytest.mark.imgresponse\ndef test_it():\n    ask()\n    os._exit(1)\n")
        suite.record("-n1", "--max-worker-restart=0", subprocess=True).sent(1).says("worker 'gw0' crashed")
        suite.write("@pytest.mark.imgresponse\ndef test_it(): ask()")
        suite.run().outcomes(passed=1).sent(0)

    def test_what_the_workers_left_unplayed_is_judged_together(self, suite):
        source = "pytestmark = pytest.mark.imgresponse('shared')\n@pytest.mark.parametrize('n', range(4))\ndef test_it(n): {}\n"
        suite.write(source.format("ask(str(n))")).record().outcomes(passed=4)
        suite.write(source.format("ask(str(n)) if n else 1"))
        result = suite.run("-n2", "--imgresponse-strict", subprocess=True).outcomes(passed=4)
        result.says("unplayed: 1 in cassettes/shared.yaml")
        assert result.result.ret == pytest.ExitCode.TESTS_FAILED


def test_the_plugin_imports_nothing_heavy(suite):
    suite.root.joinpath("conftest.py").write_text(
        "import sys\ndef pytest_unconfigure():\n"
        "    heavy = {'vcr', 'pydantic', 'PIL', 'hypothesis', 'yaml', 'pybase64', 'filelock'} & set(sys.modules)\n"
        "    print('HEAVY', sorted(heavy))\n"
    )
    suite.root.joinpath("tests").mkdir()
    source = "import pytest\ndef test_it(): pass\n@pytest.mark.imgresponse\ndef test_other(): pass\n"
    suite.root.joinpath("tests/test_logo.py").write_text(source)
    suite.run("-s", "-k", "test_it", subprocess=True).outcomes(passed=1, deselected=1).says("HEAVY []")


def test_public_names_are_lazy_and_complete():
    code = (
        "import sys, pytest_imgresponse as p\n"
        "assert not {'vcr', 'pydantic', 'PIL'} & set(sys.modules)\n"
        "assert all(getattr(p, name) is not None for name in p.__all__)\n"
        "try:\n    p.nothing\nexcept AttributeError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "has no attribute 'nothing'" in done.stdout


@pytest.mark.parametrize("name", ["pytest_imgresponse", "pytest_imgresponse.strategies"])
def test_dir_shows_public_names_alone(name):
    """Neither what the module imports nor its submodules, also after all of them were imported."""
    code = (
        "import sys, pytest_imgresponse, importlib\n"
        "[getattr(pytest_imgresponse, name) for name in pytest_imgresponse.__all__]\n"
        "module = importlib.import_module(sys.argv[1])\n"
        "shown = {name for name in dir(module) if not name.startswith('__')}\n"
        "assert shown == set(module.__all__), shown ^ set(module.__all__)\n"
        "assert {'__all__', '__doc__', '__name__', '__file__'} <= set(dir(module))\n"
    )
    subprocess.run([sys.executable, "-c", code, name], check=True)


def test_gitattributes_are_written_once(suite):
    suite.write("@pytest.mark.imgresponse\ndef test_it(): ask()").record()
    path = suite.cassettes / ".gitattributes"
    assert "*.png binary" in path.read_text()
    assert "*.yaml text eol=lf" in path.read_text()
    path.write_text("mine\n")
    suite.record(mode="rewrite")
    assert path.read_text() == "mine\n"


def test_recording_twice_gives_the_same_bytes_but_for_dates(suite, monkeypatch):
    """Multipart boundaries and ports of the loopback are drawn anew each time."""
    suite.write(
        """
        from pathlib import Path
        from PIL import Image

        @pytest.mark.imgresponse
        def test_it(tmp_path):
            ask()
            ask("two", n=2)
            Image.new("RGBA", (64, 64)).save(tmp_path / "a.png")
            httpx.post(
                BASE + "/images/edits", data={"prompt": "a hat", "size": "256x256", "model": "dall-e-2"},
                files={"image": ("a.png", (tmp_path / "a.png").read_bytes(), "image/png")},
                headers={"Authorization": "Bearer sk-live-0123456789"},
            ).raise_for_status()
        """
    )

    def recorded():
        suite.record(mode="rewrite").outcomes(passed=1)
        text = (suite.cassettes / "test_logo/test_it.yaml").read_text()
        text = re.sub(
            r"date: .*|\"created\": \d+|openai-processing-ms: .*|x-ratelimit-.*|[?&](st|se|skt|ske)=[^&\\n]*", "", text
        )
        return text, [hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(suite.cassettes.rglob("*.png"))]

    first = recorded()
    suite.api.stop()
    suite.api.start()
    monkeypatch.setenv("BASE", suite.api.url)
    assert recorded() == first
