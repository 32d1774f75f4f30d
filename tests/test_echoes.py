"""Echoes: a known value is found in whatever form it stands in a text, and nowhere else."""

from __future__ import annotations

import json
import time
import uuid
from urllib.parse import quote

import pytest

from pytest_imgresponse.secrets.echoes import Echoes

VALUE = "fox/den+7731=x"


def replaced(text: str, *values: str) -> str:
    echoes = Echoes()
    for value in values or (VALUE, VALUE):
        echoes.add(value)
    return echoes.replaced(text, lambda value, form: "<>")


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        VALUE.upper(),
        quote(VALUE, safe=""),
        quote(quote(VALUE, safe=""), safe=""),
        VALUE.replace("/", "\\/"),
        VALUE.replace("+", "\\u002B"),
        json.dumps(json.dumps(VALUE.replace("/", "\\/")))[3:-3],
        "".join(f"%{ord(character):02X}" for character in VALUE),
        "".join(f"\\u{ord(character):04x}" for character in VALUE),
    ],
)
@pytest.mark.parametrize("around", ["{}", "a {} b", "%2F{}%2F", "\\n{}\\n", "x_{}_1.png", "?of={}&n=1"])
def test_it_is_found(form, around):
    assert replaced(around.format(form)) == around.format("<>")


@pytest.mark.parametrize("text", ["", "a fox", f"x{VALUE}", f"{VALUE}y", "fox/den-7731=x", "den 7731", "%41%42"])
def test_what_is_no_such_value_is_left(text):
    assert replaced(text) == text


def test_the_longest_of_those_that_share_a_word_is_taken():
    assert replaced("key-77319931/abc 77319931", "77319931", "key-77319931/abc", "--") == "<> <>"


def test_a_text_is_read_once_however_many_values_are_known():
    echoes = Echoes()
    values = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(20_000)]
    for value in values:
        echoes.add(value)
    start = time.process_time()
    assert echoes.replaced(json.dumps(values), lambda value, form: "").count('""') == 20_000
    assert time.process_time() - start < 3
