"""The level base64 of the judge: alphabet, padding and prefix (RFC 4648)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_imgresponse import Image, ResponseError
from pytest_imgresponse.checks import check
from pytest_imgresponse.http import HTTPResponse
from tests.test_checks import answer, marks, only, payload, plain

PATH = "$.data[0].b64_json"
# Payloads by the padding that they end in, and one that holds both characters which the url-safe alphabet replaces.
BY_PADDING = {text.count("="): text for text in (payload(size=f"{n}x8") for n in range(8, 40))}
NONE, ONE, TWO = (BY_PADDING[number] for number in range(3))
SIGNS = next(text for text in (payload(size=f"{n}x8") for n in range(8, 400)) if "+" in text and "/" in text)


def sent(text: object) -> HTTPResponse:
    return answer(plain(data=[{"b64_json": text}], size=...))


@pytest.mark.parametrize("text", [NONE, ONE, TWO, SIGNS])
def test_plain_base64_is_right(text: str) -> None:
    assert check(sent(text)) == []


def test_what_looks_like_a_path_is_right() -> None:
    text = payload("jpeg")
    assert text.startswith("/9j/")
    assert check(answer(plain(data=[{"b64_json": text}], output_format="jpeg"))) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data:image/png;base64," + ONE, 'the payload starts with "data:image/png;base64,", as data URLs do'),
        ("DATA:image/png;Base64," + ONE, 'the payload starts with "DATA:image/png;Base64,", as data URLs do'),
        ("data:;base64," + ONE, 'the payload starts with "data:;base64,", as data URLs do'),
        (ONE[:-1], "padding characters at the end: 0; expected 1 (RFC 4648, section 3.2)"),
        (TWO[:-1], "padding characters at the end: 1; expected 2 (RFC 4648, section 3.2)"),
        (TWO[:-2], "padding characters at the end: 0; expected 2 (RFC 4648, section 3.2)"),
        (ONE + "\n", f"white space in the payload; {len(ONE)} characters are left without it"),
        (" " + ONE[:8] + "\r\n" + ONE[8:], f"white space in the payload; {len(ONE)} characters are left without it"),
        (SIGNS.replace("+", "-").replace("/", "_"), "the url-safe alphabet is used (RFC 4648, section 5)"),
    ],
)
def test_widely_sent_forms_are_unusual(text: str, message: str) -> None:
    assert only(sent(text)) == ("base64", PATH, "unusual", message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            SIGNS.replace("+", "-"),
            "the url-safe alphabet is used (RFC 4648, section 5), and that of plain base64 beside it",
        ),
        (NONE + "=", "padding characters at the end: 1; expected 0 (RFC 4648, section 3.2)"),
        (TWO + "==", "padding characters at the end: 4; expected 2 (RFC 4648, section 3.2)"),
    ],
)
def test_what_decoders_disagree_on_is_tolerated(text: str, message: str) -> None:
    assert only(sent(text)) == ("base64", PATH, "tolerated", message)


@pytest.mark.parametrize("text", [ONE, TWO])
def test_bits_that_belong_to_no_byte_are_tolerated(text: str) -> None:
    characters = text.rstrip("=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    odd = characters[:-1] + alphabet[alphabet.index(characters[-1]) + 1]
    assert marks(sent(odd + "=" * text.count("="))) == [("base64", PATH, "tolerated")]
    assert marks(sent(odd)) == [("base64", PATH, "unusual"), ("base64", PATH, "tolerated")]


def test_several_oddities_are_several_findings() -> None:
    text = "data:image/png;base64,\n" + SIGNS.replace("+", "-").replace("/", "_").rstrip("=") + "\n"
    found = [finding.message.split()[0] for finding in check(sent(text))]
    assert found[:3] == ["the", "white", "the"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the payload is empty; expected a picture in base64"),
        ("\n", "the payload is empty; expected a picture in base64"),
        ("====", "the payload is empty; expected a picture in base64"),
        ("data:image/png;base64,", "the payload is empty; expected a picture in base64"),
        ("data:image/png;base64", 'the payload starts with "data:image/png;base64"; expected the base64 alone'),
        ("data:image/png,QUJD", 'the payload starts with "data:image/png,QUJD"; expected the base64 alone'),
        (
            "data:," + 200 * "QUJD" + ";base64,",
            f'the payload starts with "data:,{"QUJD" * 8}QU"… (814 characters); expected the base64 alone',
        ),
        ("\u00a0QUJD", 'no base64: "\\u00a0QUJD" at character 0'),
        ("QUJD\v", 'no base64: "\\u000b" at character 4'),
        (
            "data:image/png;base64,data:image/png;base64," + ONE,
            f'the payload starts with "data:image/png;base64,data:image/png;bas"… ({len(ONE) + 44} characters); '
            "expected the base64 alone",
        ),
        ("No picture.", 'no base64: "." at character 10'),
        ("data:image/png;base64,QUJD*QUI=", 'no base64: "*QUI" at character 26'),
        ("QUJD\nQU=JD", 'no base64: "=JD" at character 7'),
        (ONE[:40] + "*" + ONE[41:], f'no base64: "*{ONE[41:60]}" at character 40'),
        (ONE + ONE, f'no base64: "={ONE[:19]}" at character {len(ONE) - 1}'),
        ("QUJDR", "no base64: 5 characters, a number that no bytes give; it may be cut off"),
        ("Ω", 'no base64: "\\u03a9" at character 0'),
        ("\ud83e\0", 'no base64: "\\ud83e\\u0000" at character 0'),
    ],
)
def test_what_is_no_base64_is_invalid_and_its_picture_not_judged(text: str, message: str) -> None:
    found = check(sent(text))
    assert [finding.message for finding in found if finding.verdict == "invalid"] == [message]
    assert {(finding.level, finding.path) for finding in found} == {("base64", PATH)}


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_the_picture_behind_odd_base64_is_judged(prefix: str) -> None:
    found = marks(sent(prefix + payload("jpeg") + "\n"))
    assert found[-1] == ("image", PATH, "unusual")
    assert ("image", PATH, "invalid") in marks(sent(prefix + "QUJD\n"))


PIECES = [
    "QUJD",
    "QQ",
    "-_+/",
    "A",
    "=",
    "==",
    " ",
    "\t\r\n",
    "\u00a0",
    "\v",
    "\u2028",
    "data:",
    "image/png",
    ";base64,",
    ",",
    "*",
]


@example(["data:", "image/png", ",", "QUJD"])
@example(["\u00a0", "QUJD"])
@example([" ", "data:", " ;base64,", "QUJD"])
@example(["data:", ";base64,", "data:", ";base64,", "QUJD"])
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=6))
def test_what_is_read_leniently_is_what_has_no_invalid_finding(pieces: list[str]) -> None:
    text = "".join(pieces)
    right = not any(level == "base64" and verdict == "invalid" for level, _, verdict in marks(sent(text)))
    try:
        Image(b64_json=text).image_bytes(lenient=True)
    except ResponseError:
        assert not right
    else:
        assert right


def test_each_payload_is_judged_on_its_own() -> None:
    value = plain(data=[{"b64_json": "*"}, {}, {"b64_json": None}, {"b64_json": payload() + "\n"}])
    assert [mark for mark in marks(answer(value)) if mark[0] != "schema"] == [
        ("base64", "$.data[0].b64_json", "invalid"),
        ("base64", "$.data[3].b64_json", "unusual"),
    ]


def test_pictures_of_several_sizes_are_unusual() -> None:
    value = plain(size=..., data=[{"b64_json": payload(size=size)} for size in ("8x8", "8x8", "16x8", "8x8")])
    assert only(answer(value)) == (
        "image",
        "$.data[2].b64_json",
        "unusual",
        "the picture has 16x8 pixels; the first picture has 8x8",
    )


def test_what_has_no_known_size_is_not_compared() -> None:
    value = plain(size=..., data=[{"b64_json": text} for text in ("QUJD", payload(size="8x8"), "QUJD")])
    assert marks(answer(value)) == [("image", f"$.data[{n}].b64_json", "invalid") for n in (0, 2)]


def test_what_the_answer_says_of_its_pictures_is_compared() -> None:
    value = plain(size="8x8", output_format="jpeg", background="transparent")
    assert marks(answer(value)) == [("image", PATH, "unusual")] * 3


def test_no_more_than_64_pictures_are_decoded() -> None:
    value = plain(data=[{"b64_json": payload()}] * 63 + [{"b64_json": "QUJD"}])
    assert marks(answer(value)) == [("image", "$.data[63].b64_json", "invalid")]
    value = plain(data=[{"b64_json": payload()}] * 64 + [{"b64_json": "QUJD"}] * 3)
    assert only(answer(value)) == (
        "image",
        "$.data[64].b64_json",
        "unusual",
        "more than 64 pictures: the others are not judged",
    )
