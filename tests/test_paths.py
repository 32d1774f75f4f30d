"""Where cassettes lie, and that no two names meet there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_imgresponse._paths import LONGEST, cassette_of_test, named_cassette, safe_name


@pytest.mark.parametrize(
    ("nodeid", "path"),
    [
        ("tests/test_logo.py::test_fox", "test_logo/test_fox.yaml"),
        ("tests/unit/test_logo.py::TestShop::test_fox[webp]", "unit/test_logo/TestShop.test_fox[webp].yaml"),
        ("test_logo.py::test_fox", "test_logo/test_fox.yaml"),
        ("src/tests/test_logo.py::test_fox", "src/tests/test_logo/test_fox.yaml"),
        ("tests::test_fox", "tests/test_fox.yaml"),
        ("tests/test_a.py::test_fox[a::b]", "test_a/test_fox[a__b]-1df93f13.yaml"),
    ],
)
def test_the_cassette_of_a_test(nodeid, path):
    assert str(cassette_of_test(nodeid)) == path


@given(st.text(min_size=1), st.text(min_size=1))
def test_names_that_every_file_system_takes_and_that_do_not_meet(one, other):
    for name in (one, other):
        safe = safe_name(name)
        assert 0 < len(safe.encode("utf-8", "surrogatepass")) <= LONGEST + 9
        assert not set(safe) & set('<>:"/\\|?* \n')
        assert safe == safe.strip(". ")
    assert (safe_name(one) == safe_name(other)) == (one == other)


@pytest.mark.parametrize("name", ["con", "NUL.txt", "lpt1", "..", ".", "a.", "ü" * 100, "\ud800"])
def test_names_that_are_altered(name):
    assert safe_name(name) != name


@pytest.mark.parametrize(
    ("name", "path"), [("fox", "fox.yaml"), ("fox.yaml", "fox.yaml"), ("shop/fox-1[a]", "shop/fox-1[a].yaml")]
)
def test_a_named_cassette(name, path):
    assert str(named_cassette(name, "here")) == path
