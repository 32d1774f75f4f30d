"""Cassettes beside their tests, where pytest-recording keeps them, and what is said of one that lies elsewhere."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from pytest_imgresponse._paths import Layouts, SuiteTest, cassette_beside

MARKED = "@pytest.mark.imgresponse\ndef test_it(): ask()\n"


def case(name, file="/suite/tests/test_logo.py", nodeid="tests/test_logo.py::test_it"):
    return SuiteTest(nodeid, Path(file), name)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("test_it", "test_it"),
        ("TestShop.test_it[webp]", "TestShop.test_it[webp]"),
        ("test_it[a b#ü]", "test_it[a b#ü]"),
        ("""test_it[<>?%*:|"'/\\]""", "test_it[-----------]"),
        (f"test_it[{'x' * 300}]", f"test_it[{'x' * 207}...f50202b1389d6ee79018aec8169cf535"),
    ],
)
def test_the_name_is_that_of_pytest_recording(name, file):
    assert str(cassette_beside(case(name))) == f"test_logo/{file}.yaml"


class TestBeside:
    @pytest.fixture
    def suite(self, suite):
        return suite.configure("imgresponse_cassette_layout = beside")

    def cassettes(self, suite):
        return sorted(str(path.relative_to(suite.root)) for path in suite.root.rglob("*.yaml"))

    def test_each_folder_of_tests_has_its_cassettes(self, suite):
        source = MARKED + "@pytest.mark.imgresponse('fox')\nclass TestShop:\n    def test_it(self): ask()\n"
        suite.write(source, "tests/test_logo.py").write(source, "tests/unit/test_logo.py").write(source, "test_top.py")
        run = suite.record("--import-mode=importlib").outcomes(passed=6).sent(6)
        run.says("imgresponse: record mode once, cassettes in cassettes beside the tests")
        assert self.cassettes(suite) == [
            "cassettes/fox.yaml",
            "cassettes/test_top/test_it.yaml",
            "tests/cassettes/fox.yaml",
            "tests/cassettes/test_logo/test_it.yaml",
            "tests/unit/cassettes/fox.yaml",
            "tests/unit/cassettes/test_logo/test_it.yaml",
        ]
        for folder in ("cassettes", "tests/cassettes", "tests/unit/cassettes"):
            assert "*.png binary" in (suite.root / folder / ".gitattributes").read_text()
        suite.run("--imgresponse-strict", "--import-mode=importlib").outcomes(passed=6).sent(0)

    def test_the_summary_and_strict_name_them(self, suite):
        suite.write(MARKED.replace("ask()", "ask(), ask('two')")).record().outcomes(passed=1)
        suite.write(MARKED).run().outcomes(passed=1).says("unplayed: 1 in tests/cassettes/test_logo/test_it.yaml")

    def test_the_folder_may_have_another_name(self, suite):
        suite.configure("imgresponse_cassette_layout = beside", "imgresponse_cassette_dir = tapes/images")
        suite.write(MARKED).record().outcomes(passed=1).says("cassettes in tapes/images beside the tests")
        assert self.cassettes(suite) == ["tests/tapes/images/test_logo/test_it.yaml"]

    def test_tests_whose_files_have_one_name_are_refused(self, suite):
        suite.write(
            "@pytest.mark.imgresponse\n@pytest.mark.parametrize('at', ['a:b', 'a?b', 'c'])\ndef test_it(at): ask()\n"
        )
        suite.record().outcomes(errors=2, passed=1).sent(1).says("is claimed by 2: tests/test_logo.py::test_it[a:b], ")

    def test_the_longest_name_can_be_recorded(self, suite):
        suite.write("@pytest.mark.imgresponse\n@pytest.mark.parametrize('at', ['x' * 300])\ndef test_it(at): ask()\n")
        for mode in ("once", "rewrite"):
            suite.record(mode=mode).outcomes(passed=1).sent(1)
        suite.run().outcomes(passed=1).sent(0)

    def test_asked_for_by_name(self, suite):
        suite.write("def test_it(request):\n    request.getfixturevalue('imgresponse')\n    ask()")
        suite.record().outcomes(passed=1)
        assert self.cassettes(suite) == ["tests/cassettes/test_logo/test_it.yaml"]

    def test_a_link_that_leads_out_is_refused(self, suite, tmp_path):
        suite.write(MARKED)
        (tmp_path / "elsewhere").mkdir()
        (suite.root / "tests/cassettes").mkdir()
        (suite.root / "tests/cassettes/test_logo").symlink_to(tmp_path / "elsewhere")
        suite.record().outcomes(errors=1).sent(0).says("lies outside of the cassette directory")


@pytest.mark.parametrize(
    ("ini", "words"),
    [
        (["layout = besides"], "expected one of root, beside; got 'besides' (from ini `imgresponse_cassette_layout`"),
        (["layout = beside", "dir = /tapes"], "expected the name of a folder; got '/tapes'"),
        (["layout = beside", "dir = ../tapes"], "(from ini `imgresponse_cassette_dir` in tox.ini)"),
    ],
)
def test_a_layout_that_is_wrong_is_refused(suite, ini, words):
    suite.configure(*(f"imgresponse_cassette_{line}" for line in ini)).write(MARKED)
    assert suite.run().says(words).result.ret == pytest.ExitCode.USAGE_ERROR


class TestElsewhere:
    @pytest.mark.parametrize(
        ("layout", "place", "way"),
        [
            (
                "root",
                "tests/cassettes/test_logo/test_it.yaml",
                "set the ini `imgresponse_cassette_layout = beside`, or move",
            ),
            (
                "beside",
                "cassettes/test_logo/test_it.yaml",
                "set the ini `imgresponse_cassette_layout = root`, or move it",
            ),
            ("root", "tests/cassettes/test_it.yaml", "move it, its pictures too (or `imgresponse import`)"),
            (
                "root",
                "tests/cassettes/test_logo/test_it.json",
                "which is not read: it has to be YAML (`imgresponse import`)",
            ),
            ("root", "tests/cassettes/test_logo/test_it.yaml.gz", "which is not read"),
        ],
    )
    def test_the_error_names_what_is_there(self, suite, layout, place, way):
        suite.configure(f"imgresponse_cassette_layout = {layout}").write(MARKED)
        (suite.root / place).parent.mkdir(parents=True)
        (suite.root / place).touch()
        suite.run().outcomes(failed=1).sent(0).says(f"But there is {place}", way)

    def test_a_named_one_too(self, suite):
        suite.write("@pytest.mark.imgresponse('fox')\ndef test_it(): ask()")
        place = suite.root / "tests/cassettes/test_logo/fox.yaml"
        place.parent.mkdir(parents=True)
        place.touch()
        suite.run().outcomes(failed=1).says("But there is tests/cassettes/test_logo/fox.yaml")


def test_the_places_of_other_recorders():
    test = case("TestShop.test_it[a:b]", nodeid="tests/test_logo.py::TestShop::test_it[a:b]")
    layouts = Layouts(Path("/suite"), "tapes")
    assert [(str(path), layout) for path, layout in layouts.elsewhere(test)] == [
        ("/suite/tests/tapes/test_logo/TestShop.test_it[a-b].yaml", "beside"),
        ("/suite/tests/cassettes/test_logo/TestShop.test_it[a-b].yaml", None),
        ("/suite/tests/cassettes/test_logo/TestShop.test_it[a:b].yaml", None),
        ("/suite/tests/cassettes/TestShop.test_it[a:b].yaml", None),
    ]
    named = list(layouts.elsewhere(test, PurePosixPath("shop/fox.yaml")))
    assert (Path("/suite/tests/tapes/shop/fox.yaml"), "beside") in named
    assert (Path("/suite/tests/cassettes/test_logo/shop/fox.yaml"), None) in named
