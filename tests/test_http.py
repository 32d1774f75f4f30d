"""How a message shows itself: what tells it from another, and of two megabytes the beginning."""

from __future__ import annotations

import ast

import httpx
import pytest
from hypothesis import find
from hypothesis import strategies as st

from pytest_imgresponse import ConfigError, HTTPRequest, HTTPResponse

TYPE = ("content-type", "application/json")


def test_a_short_message_is_shown_whole():
    assert repr(HTTPResponse(200, [TYPE], b"{}")) == "HTTPResponse(200, [('content-type', 'application/json')], b'{}')"
    assert repr(HTTPRequest("GET", "http://x/")) == "HTTPRequest('GET', 'http://x/', [], b'')"


def test_of_a_long_body_the_beginning_is_shown_and_the_length():
    shown = repr(HTTPResponse(200, [TYPE], b"a" * 2_000_000))
    assert len(shown) < 600
    assert shown.endswith("…2000000 bytes)")


def test_of_a_body_with_pictures_all_but_these_is_shown():
    item = b'{"b64_json": "' + b"iVBORw0KGgo" + b"A" * 8000 + b'=="}'
    shown = repr(HTTPResponse(200, [TYPE], b'{"created": 1, "data": [%s, %s], "size": "1024x1024"}' % (item, item)))
    picture = '{"b64_json": "<8013 characters: iVBORw0K...>"}'
    assert shown == (
        "HTTPResponse(200, [('content-type', 'application/json')], "
        f"""b'{{"created": 1, "data": [{picture}, {picture}], "size": "1024x1024"}}'…16107 bytes)"""
    )
    with pytest.raises(SyntaxError):
        ast.parse(shown)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", rb"\n", rb"\r\n"])
def test_of_base64_in_lines_all_but_these_is_shown(end):
    body = b'{"b64_json": "' + (b"A" * 76 + end) * 50 + b'AAA=", "size": "1024x1024"}'
    assert '"b64_json": "<' in repr(HTTPResponse(200, [TYPE], body))
    assert """: AAAAAAAA...>", "size": "1024x1024"}'""" in repr(HTTPResponse(200, [TYPE], body))


@pytest.mark.parametrize(
    "message",
    [
        HTTPResponse(200, [TYPE], '{"b64_json": "iVBOR"}'.encode("utf-16") * 5_000),
        HTTPResponse(200, [TYPE], b"iVBORw0KGgo\n" * 9_000),
        HTTPResponse(200, [TYPE], bytes(100_000)),
        HTTPResponse(200, [TYPE, ("x-prompt", "a" * 5_000_000)], b"{}"),
        HTTPResponse(200, [("x-prompt", "\x00" * 900)] * 9, b"{}"),
        HTTPRequest("GET", "data:image/png;base64," + "A" * 5_000_000),
    ],
    ids=["utf-16", "lines", "escapes", "header", "escapes in headers", "url"],
)
def test_no_message_is_shown_at_length(message):
    assert 4000 < len(repr(message)) < 4200


def test_hypothesis_shows_it_so_too(recwarn: pytest.WarningsRecorder):
    """It warns of what is larger than 30,000 characters, which many a suite takes for an error."""
    find(st.builds(HTTPResponse, st.just(200), st.just({}), st.just(b"a" * 100_000)), lambda response: True)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HTTPResponse("200", {}, b""), "expected status of an HTTPResponse to be an int; got '200'"),
        (lambda: HTTPResponse(200, {}, "{}"), "expected body of an HTTPResponse to be bytes; got '{}'"),
        (
            lambda: HTTPResponse(200, {}, bytearray()),
            "expected body of an HTTPResponse to be bytes; got bytearray(b'')",
        ),
        (
            lambda: HTTPResponse(200, {}, b"", http_version=2),
            "expected http_version of an HTTPResponse to be a str; got 2",
        ),
        (lambda: HTTPResponse(200, {}, b"", reason=None), "expected reason of an HTTPResponse to be a str; got None"),
        (lambda: HTTPRequest(None, "http://x/"), "expected method of an HTTPRequest to be a str; got None"),
        (lambda: HTTPRequest("GET", b"http://x/"), "expected url of an HTTPRequest to be a str; got b'http://x/'"),
        (lambda: HTTPRequest("GET", "http://x/", (), "a"), "expected body of an HTTPRequest to be bytes; got 'a'"),
        (lambda: HTTPResponse(200, {"a": 1}, b""), "expected headers to be a mapping or pairs of str; got {'a': 1}"),
        (lambda: HTTPResponse(200, [("a", b"b")], b""), "expected headers to be a mapping or pairs of str; got [('a'"),
        (lambda: HTTPResponse(200, [("a",)], b""), "expected headers to be a mapping or pairs of str; got [('a',)]"),
        (lambda: HTTPResponse(200, None, b""), "expected headers to be a mapping or pairs of str; got None"),
        (lambda: HTTPResponse(200, {}, 10**6 * "a"), "to be bytes; got 'aaa"),
    ],
)
def test_parts_of_another_type_are_refused_by_name(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value)
    assert len(str(caught.value)) < 120


PICTURE = b"\x89PNG\r\n\x1a\n\r\n--not the end"


def asked(request):
    request.read()
    return HTTPRequest(request.method, str(request.url), list(request.headers.items()), request.content)


class TestParts:
    def test_are_the_fields_and_files_of_a_form(self):
        files = [("image[]", ('füchs "1".png', PICTURE, "image/PNG; a=b")), ("mask", ("m.png", b"", "image/png"))]
        form = httpx.Request("POST", "http://x/", data={"prompt": "ein Füchslein"}, files=files)
        parts = asked(form).parts
        assert [(part.name, part.content_type, part.content) for part in parts] == [
            ("prompt", "", "ein Füchslein".encode()), ("image[]", "image/png", PICTURE), ("mask", "image/png", b""),
        ]  # fmt: skip
        assert [part.filename for part in parts] == [None, "füchs %221%22.png", "m.png"]

    def test_may_have_no_name_and_headers_in_any_case(self):
        body = b"--b\r\nX-Type: a/b\r\nCONTENT-TYPE:text/plain\r\n\r\none\r\n--b\r\n\r\n\r\ntwo\r\n--b--\r\n"
        found = HTTPRequest("POST", "http://x/", {"Content-Type": "multipart/mixed; boundary=b"}, body).parts
        assert [(part.name, part.filename, part.content_type) for part in found] == [
            (None, None, "text/plain"), (None, None, ""),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            (None, b"--b--"),
            ("application/json", b"{}"),
            ("multipart/form-data", b"--b--"),
            ("multipart/form-data; boundary=b", b""),
            ("multipart/form-data; boundary=b", b"--other--\r\n"),
            ("multipart/form-data; boundary=b", b"--b\r\nhalf a head"),
            ("multipart/form-data; boundary=\ud83e", b"--"),
        ],
    )
    def test_are_none_where_the_body_is_no_form(self, content_type, body):
        headers = {} if content_type is None else {"content-type": content_type}
        assert HTTPRequest("POST", "http://x/", headers, body).parts == ()
