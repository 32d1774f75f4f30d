"""The level json of the judge: UTF-8, one document, and what RFC 8259 forbids or leaves open."""

from __future__ import annotations

import json

import pytest

from pytest_imgresponse.api import answers
from pytest_imgresponse.checks import check
from pytest_imgresponse.http import HTTPResponse
from tests.test_checks import JSON_TYPE, answer, error, marks, only, payload, plain

BODY = answers.pretty(plain())


def sent(body: bytes) -> HTTPResponse:
    return HTTPResponse(200, JSON_TYPE, body)


def with_member(member: bytes, **changes: object) -> HTTPResponse:
    """A plain answer with one more member, written as it is."""
    return sent(b"{" + member + b"," + answers.pretty(plain(**changes))[1:])


# --- the text ---


@pytest.mark.parametrize("body", [BODY + b"\n", json.dumps(plain()).encode(), BODY.replace(b"\n", b"\r\n\t ")])
def test_white_space_elsewhere_is_right(body: bytes) -> None:
    assert check(sent(body)) == []


def test_white_space_before_the_json_is_unusual() -> None:
    assert only(sent(b" \n\t\r" * 10 + BODY)) == (
        "json",
        "$",
        "unusual",
        "white space before the JSON, up to character 40",
    )


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_another_encoding_is_tolerated(encoding: str) -> None:
    assert marks(sent(BODY.decode().encode(encoding))) == [("json", "$", "tolerated")]


def test_a_byte_order_mark_has_a_sentence_of_its_own() -> None:
    assert only(sent(b"\xef\xbb\xbf" + BODY))[3].startswith("a byte order mark comes before the JSON")


def test_bytes_that_are_no_utf8_are_invalid() -> None:
    assert only(sent(b'{"prompt": "caf\xe9"}')) == (
        "json",
        "$",
        "invalid",
        "no UTF-8: invalid continuation byte (byte 15)",
    )


def test_surrogates_in_utf8_are_tolerated() -> None:
    assert marks(with_member(b'"x": "\xed\xa0\xbd"')) == [("json", "$", "tolerated")]
    half = '{"x": "\ud83e"}'.encode("utf-16-le", "surrogatepass")
    assert ("json", "$", "tolerated") in marks(sent(half))


# --- one document ---


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (BODY[:-1], f"no JSON: Expecting ',' delimiter at character {len(BODY) - 1}, where the end is"),
        (BODY + b" <!-- fox -->", f'no JSON: Extra data at character {len(BODY) + 1}, where "<!-- fox -->" is'),
        (
            b"{'a': 1}",
            "no JSON: Expecting property name enclosed in double quotes at character 1, where \"'a': 1}\" is",
        ),
        (b" ", "no JSON: Expecting value at character 1, where the end is"),
        (b'{"a": "\n"}', 'no JSON: Invalid control character at at character 7, where "\\n\\"}" is'),
    ],
)
def test_what_is_no_json_is_invalid(body: bytes, message: str) -> None:
    finding = check(sent(body))[-1]
    assert (finding.level, finding.path, finding.verdict, finding.message) == ("json", "$", "invalid", message)


@pytest.mark.parametrize(
    "body", [BODY + BODY, BODY + b"\0", b"{}}", b"[1,]", b'{"a":1,}', b"{,}", b"tru", b'"\\x"', b"01"]
)
def test_more_or_less_than_one_document_is_invalid(body: bytes) -> None:
    assert [mark for mark in marks(sent(body)) if mark[2] == "invalid"] == [("json", "$", "invalid")]


def test_an_error_answer_is_read_in_the_same_way() -> None:
    assert marks(HTTPResponse(400, JSON_TYPE, b"{")) == [("json", "$", "invalid")]
    assert marks(HTTPResponse(400, JSON_TYPE, b"\xef\xbb\xbf" + answers.pretty(error()))) == [
        ("json", "$", "tolerated")
    ]


# --- what Python's decoder lets pass ---


def test_a_repeated_key_is_tolerated_and_named() -> None:
    level, path, verdict, message = only(with_member(b'"created": 1'))
    assert (level, path, verdict) == ("json", "$.created", "tolerated")
    assert message == "the key created is repeated: decoders take the last, the first or none"


def test_half_a_surrogate_pair_in_a_key_is_tolerated_and_named() -> None:
    """The model refuses it: such a name cannot be written again."""
    found = only(sent(b'{"created": 1700000000, "data": [{"url": "https://a/", "a\\ud83e": 1}]}'))
    assert found == (
        "json",
        '$.data[0]["a\\\\ud83e"]',
        "tolerated",
        "the key a\\ud83e holds a lone surrogate, which has no UTF-8: decoders disagree (RFC 8259, section 8.2)",
    )


def test_repeated_keys_are_found_wherever_they_are() -> None:
    image = '{"b64_json": "' + payload() + '", "a b": 1, "a b": 2, "\\n": 3, "\\n": 4}'
    body = answers.pretty(plain(data="?")).decode().replace('"?"', f"[{{}}, {image}]")
    assert marks(sent(body.encode())) == [
        ("json", '$.data[1]["a b"]', "tolerated"),
        ("json", '$.data[1]["\\\\n"]', "tolerated"),
    ]


def test_what_a_repeated_key_took_the_place_of_is_gone() -> None:
    assert marks(with_member(b'"created": {"a": 1, "a": NaN}')) == [("json", "$.created", "tolerated")]


@pytest.mark.parametrize(
    "number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"7" * 5000, b"-" + b"7" * 601]
)
def test_a_number_beyond_all_bounds_is_tolerated_and_named(number: bytes) -> None:
    assert marks(with_member(b'"x": {"seed": [1, 2.5, %s]}' % number)) == [("json", "$.x.seed[2]", "tolerated")]


@pytest.mark.parametrize("number", [b"NaN", b"1e999", b"7" * 5000])
def test_such_a_number_is_tolerated_where_an_integer_belongs(number: bytes) -> None:
    body = BODY.replace(b"1780014415", number).replace(b": 272", b": " + number)
    assert {(level, verdict) for level, _, verdict in marks(sent(body))} == {("json", "tolerated")}


def test_large_integers_are_read() -> None:
    assert check(with_member(b'"seed": ' + b"7" * 600)) == []


def test_what_is_nested_too_deeply_is_tolerated_and_not_judged() -> None:
    level, path, verdict, message = only(with_member(b'"x": ' + b"[" * 100_000 + b"]" * 100_000, created="now"))
    assert (level, path, verdict) == ("json", "$", "tolerated")
    assert message == "nested too deeply to be read; a decoder may refuse it"


def test_no_more_than_a_hundred_places_are_named() -> None:
    found = marks(with_member(b'"x": [' + b",".join([b"NaN"] * 5000) + b"]"))
    assert found == [("json", f"$.x[{n}]", "tolerated") for n in range(100)]


def test_the_last_of_repeated_keys_is_judged() -> None:
    assert marks(with_member(b'"created": "now"')) == [("json", "$.created", "tolerated")]
    body = BODY[:-2] + b', "created": "now"}'
    assert marks(sent(body)) == [("json", "$.created", "tolerated"), ("schema", "$.created", "invalid")]


@pytest.mark.parametrize("body", [b"null", b"1", b'"fox"', b"true", b"[]"])
def test_another_document_than_an_object_is_invalid_at_schema(body: bytes) -> None:
    assert marks(sent(body)) == [("schema", "$", "invalid")]
    assert marks(HTTPResponse(400, JSON_TYPE, body)) == [("schema", "$", "invalid")]


def test_an_answer_in_a_list_says_so() -> None:
    assert only(answer([plain()]))[3] == "an array of 1; expected an object"
