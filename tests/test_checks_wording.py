"""How findings speak of values: on one line, and short."""

from __future__ import annotations

import pytest

from pytest_imgresponse.checks.finding import key_path, listed, shortened, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        (float("nan"), "NaN"),
        (10**50, "1" + "0" * 39 + "…"),
        ("fox", '"fox"'),
        ("x" * 40, '"' + "x" * 40 + '"'),
        ("x" * 41, '"' + "x" * 40 + '"… (41 characters)'),
        ("\0" * 16, '"' + r"\u0000" * 16 + '"'),
        ("\0" * 17, '"' + r"\u0000" * 16 + r"\u0… (17 characters)"),
        ([], "an empty array"),
        ([1, 2], "an array of 2"),
        ({}, "an empty object"),
        (dict.fromkeys("abcde"), "an object with the keys a, b, c, d, e"),
        (dict.fromkeys("abcdef"), "an object with the keys a, b, c, d, e, …"),
        ({"a\n": 1}, r"an object with the keys a\n"),
    ],
)
def test_a_value_is_shown_as_json_or_by_what_it_is(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("text", "short"), [("é" * 40, "é" * 40), ("x" * 41, "x" * 40 + "…"), ("a\r\nb\u202e", r"a\r\nb\u202e"), ("", "")]
)
def test_a_text_is_shortened_to_a_line(text: str, short: str) -> None:
    assert shortened(text) == short


@pytest.mark.parametrize(
    ("key", "path"),
    [("b64_json", "$.b64_json"), ("", '$[""]'), ("a b", '$["a b"]'), ("0", '$["0"]'), ('"', r'$["\""]')],
)
def test_a_key_that_is_no_name_stands_in_brackets(key: str, path: str) -> None:
    assert key_path("$", key) == path


def test_names_are_listed() -> None:
    assert [listed(list(names)) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
