"""The headers of an answer that clients act on: kept in the cassette, without what is secret in them."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.auth import HTTPDigestAuth

from pytest_imgresponse import ConfigError, replay
from pytest_imgresponse.cassette.kept_headers import left_out, of_response

NONCE, OPAQUE, SID = "n0nce-PLANTED-0123456789", "0paque-PLANTED-98765", "s1d-PLANTED-42424242"


@pytest.fixture
def server():
    """Serves `answer(request)`, a status and headers, which a test sets."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("content-length") or 0))
            status, headers = httpd.answer(self)
            self.send_response(status)
            for name, value in [*headers, ("content-length", "2")]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"ok")

        do_POST = do_GET

        def date_time_string(self, timestamp=None):
            return formatdate(httpd.now, usegmt=True)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        httpd.now = time.time()
        httpd.url = f"http://127.0.0.1:{httpd.server_port}/"
        yield httpd
        httpd.shutdown()
        thread.join()


def saved(folder):
    return "".join(path.read_text() for path in folder.rglob("*.yaml"))


def by_httpx(url):
    return httpx.get(url, auth=httpx.DigestAuth("me", "pass-w0rd-1")).status_code


def by_requests(url):
    return requests.get(url, auth=HTTPDigestAuth("me", "pass-w0rd-1"), timeout=5).status_code


def by_aiohttp(url):
    async def main():
        auth = aiohttp.DigestAuthMiddleware("me", "pass-w0rd-1")
        async with aiohttp.ClientSession(middlewares=(auth,)) as session, session.get(url) as response:
            return response.status

    return asyncio.run(main())


@pytest.mark.parametrize("ask", [by_httpx, by_requests, by_aiohttp])
def test_digest_authentication_is_replayed(server, tmp_path, ask):
    challenge = f'Digest realm="the fox API", nonce="{NONCE}", opaque={OPAQUE}, qop="auth", algorithm=SHA-256'
    server.answer = lambda r: (200, []) if "authorization" in r.headers else (401, [("WWW-Authenticate", challenge)])
    with replay(tmp_path / "it", record="once"):
        assert ask(server.url) == 200
    with replay(tmp_path / "it"):
        assert ask(server.url) == 200
    # aiohttp's middleware answers the challenge before vcrpy sees it
    assert ask is by_aiohttp or 'realm="the fox API"' in saved(tmp_path)
    assert "PLANTED" not in saved(tmp_path)


@pytest.mark.parametrize("open_session", [httpx.Client, requests.Session])
def test_a_session_has_its_cookies_though_the_date_on_which_they_expired_is_over(server, tmp_path, open_session):
    server.now = time.time() - 10_000
    until = formatdate(server.now + 3600, usegmt=True)
    server.answer = lambda _: (200, [("Set-Cookie", f"sid={SID}; Expires={until}; Path=/; HttpOnly")])
    with replay(tmp_path / "it", record="once"):
        httpx.get(server.url)
    with replay(tmp_path / "it"), open_session() as session:
        session.get(server.url)
        assert dict(session.cookies).keys() == {"sid"}
    assert re.search("sid=REDACTED-[0-9a-f]{12}; Max-Age=3600; Path=/; HttpOnly", saved(tmp_path))
    assert "PLANTED" not in saved(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "Accept-Ranges", "Allow", "Content-Disposition", "Content-Range", "ETag", "Last-Modified", "Link", "Retry-After",
        "seed", "finish-reason", "x-fal-request-id", "ratelimit-remaining", "x-amzn-bedrock-invocation-latency",
        "cf-aig-cache-status", "x-compute-time", "x-generation-id", "x-credits-charged",
    ],
)  # fmt: skip
def test_what_clients_act_on_is_replayed(server, tmp_path, name):
    server.answer = lambda _: (200, [(name, "bytes 0-1/8")])
    for mode in ("once", "none"):
        with replay(tmp_path / "it", record=mode):
            assert httpx.get(server.url).headers[name] == "bytes 0-1/8"


def test_more_headers_are_kept_by_name_and_by_pattern_but_no_secret(server, tmp_path):
    server.answer = lambda _: (200, [("X-Fox", "red"), ("X-Acme-Tail", "long"), ("X-Else", "1"), ("X-Api-Key", SID)])
    keep = ["x-fox", "X-Acme-*", "x-api-key"]
    for mode in ("once", "none"):
        with replay(tmp_path / "it", record=mode, keep_headers=keep):
            headers = httpx.get(server.url).headers
    assert (headers["x-fox"], headers["x-acme-tail"], headers.get("x-else")) == ("red", "long", None)
    assert "PLANTED" not in saved(tmp_path)
    with pytest.raises(ConfigError, match=r"keep_headers: expected a list of strings"), replay("it", keep_headers="x"):
        pass


def test_the_summary_names_once_what_was_left_out(suite, server):
    server.answer = lambda _: (200, [("X-Fox", "red"), ("X-Tail", "long"), ("Server", "a"), ("Via", "b")])
    suite.write(f"""
        @pytest.mark.imgresponse
        @pytest.mark.parametrize("number", [1, 2])
        def test_fox(number):
            assert httpx.get("{server.url}").headers.get("x-fox") in ("red", None)
    """)
    line = "imgresponse: left out of the cassettes: headers x-fox, x-tail (keep_headers keeps them)"
    run = suite.record().outcomes(passed=2).says(line)
    assert run.output.count("left out") == 1
    suite.run().outcomes(passed=2).says_not("left out")
    suite.write("""
        @pytest.fixture(scope="session")
        def imgresponse_config(): return {"keep_headers": ["x-*"]}
    """, "tests/conftest.py")  # fmt: skip
    suite.record(mode="rewrite").outcomes(passed=2).says_not("left out")
    assert "x-tail: [long]" in saved(suite.cassettes)


def test_the_summary_names_no_more_than_can_be_read(suite, server):
    server.answer = lambda _: (200, [(f"x-{letter}", "1") for letter in "abcdefghijklm"])
    suite.write(f"@pytest.mark.imgresponse\ndef test_fox(): httpx.get('{server.url}')\n")
    suite.record().says("x-i, x-j, … and 3 more (keep_headers")


def placeholders(*headers, **options):
    """What is kept of headers, with each secret's place as its placeholder."""
    return [value for _, value in of_response(headers, (), lambda _, place: f"<{place}>", **options)]


@pytest.mark.parametrize(
    ("cookie", "kept"),
    [
        ("a=b", "a=<set-cookie a>"),
        ('a="b c"; Secure', "a=<set-cookie a>; Secure"),
        ("a=; Max-Age=0", "a=; Max-Age=0"),
        ("a=b; id=c; Path=/x; Comment=d", "a=<set-cookie a>; Path=/x"),
        ("a=b; Path=/, c=d; Domain=e.example", "a=<set-cookie a>; Path=/, c=<set-cookie c>; Domain=e.example"),
        ("a=b; Expires=Fri, 20-Jun-25 14:12:17 GMT", "a=<set-cookie a>; Max-Age=1800"),
        ("a=b; Max-Age=9; Expires=Fri, 20-Jun-25 14:12:17 GMT", "a=<set-cookie a>; Max-Age=9"),
        ("a=b; Expires=Fri, 20-Jun-25 10:00:00 GMT", "a=<set-cookie a>; Expires=Fri, 20-Jun-25 10:00:00 GMT"),
        ("a=b; Expires=never", "a=<set-cookie a>; Expires=never"),
    ],
)
def test_of_a_cookie_the_name_and_the_attributes_stay(cookie, kept):
    date = ("Date", "Fri, 20 Jun 2025 13:42:17 GMT")
    assert placeholders(date, ("Set-Cookie", cookie)) == [date[1], kept]


def test_what_is_no_cookie_is_left_out():
    assert placeholders(("Set-Cookie", "s3cret")) == placeholders(("Set-Cookie", "=s3cret")) == []


@pytest.mark.parametrize(
    ("challenge", "kept"),
    [
        ('Bearer realm="OpenAI API"', 'Bearer realm="OpenAI API"'),
        ('Basic realm="a, b c", charset="UTF-8"', 'Basic realm="a, b c", charset="UTF-8"'),
        ('Digest nonce="", opaque = "x\\"y", stale=false', 'Digest nonce="", opaque = "<h opaque>", stale=false'),
        ("Negotiate YIIabc+/==", "Negotiate <h token>"),
        ('Negotiate abc=, Digest Nonce=n, realm="r"', 'Negotiate <h token>, Digest Nonce=<h nonce>, realm="r"'),
        ('X resource_token="t", scope="user:read"', 'X resource_token="<h resource_token>", scope="user:read"'),
    ],
)
@pytest.mark.parametrize("header", ["WWW-Authenticate", "Proxy-Authenticate"])
def test_of_a_challenge_all_but_the_secrets_stays(header, challenge, kept):
    assert placeholders((header, challenge)) == [kept.replace("<h", f"<{header.lower()}")]


def test_ids_of_requests_and_digests_of_a_redacted_body():
    headers = [("apim-request-id", "a"), ("Content-MD5", "b"), ("x-goog-hash", "c"), ("seed", "1")]
    assert placeholders(*headers) == ["<apim-request-id>", "b", "c", "1"]
    assert placeholders(*headers, body_changed=True) == ["<apim-request-id>", "1"]


def test_what_no_client_acts_on_is_not_worth_naming():
    names = [
        "Date",
        "Server",
        "Via",
        "Connection",
        "Alt-Svc",
        "CF-Ray",
        "X-Cache",
        "Access-Control-Allow-Origin",
        "X-Envoy-Attempt-Count",
    ]
    assert list(left_out([(name, "1") for name in [*names, "X-Fox"]])) == ["x-fox"]


@given(st.text(), st.sampled_from(["set-cookie", "www-authenticate"]))
def test_any_value_is_taken_and_what_was_kept_stays(value, name):
    once = of_response([(name, value)], (), lambda _, place: "REDACTED")
    assert of_response(once, (), lambda _, place: "REDACTED") == once
