"""Choosing: which recorded answer a request gets, where more than its method, URL and body counts."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from pytest_imgresponse import ConfigError, UnrecordedRequestError, replay


class Echo(BaseHTTPRequestHandler):
    """Answers with the header that a test is about, and with how often it was asked."""

    asked = 0

    def do_GET(self):
        type(self).asked += 1
        said = ", ".join(
            self.headers.get(name, "-") for name in ("range", "accept", "x-model", "if-none-match", "if-modified-since")
        )
        content = f"{said}, {type(self).asked}".encode()
        self.send_response(206 if "range" in self.headers else 200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def base():
    Echo.asked = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}/fox"
        httpd.shutdown()
        thread.join()


def ask(base, **headers):
    return httpx.get(base, headers={name.replace("_", "-"): value for name, value in headers.items()}).text


RANGES = [{"range": "bytes=0-3"}, {"range": "bytes=4-7"}, {}]
CONDITIONS = [{"if-none-match": '"a"'}, {}, {"if-modified-since": "Fri, 27 Nov 2026 00:00:00 GMT"}]
KINDS = [{"accept": "image/png"}, {"accept": "application/json"}]


@pytest.mark.parametrize("asked", [RANGES, KINDS, CONDITIONS], ids=["Range", "Accept", "conditions"])
def test_a_header_that_chooses_the_answer_tells_requests_apart(base, tmp_path, asked):
    with replay(tmp_path / "fox", record="once"):
        live = [ask(base, **headers) for headers in asked]
    with replay(tmp_path / "fox"):
        assert [ask(base, **headers) for headers in reversed(asked)] == live[::-1]


def test_another_range_has_no_answer(base, tmp_path):
    with replay(tmp_path / "fox", record="once"):
        ask(base, range="bytes=0-3")
    with replay(tmp_path / "fox"):
        with pytest.raises(UnrecordedRequestError, match="Range: recorded bytes=0-3, asked bytes=4-7"):
            ask(base, range="bytes=4-7")
        with pytest.raises(UnrecordedRequestError, match="Range: recorded bytes=0-3, asked None"):
            ask(base)
        assert ask(base, range="bytes=0-3").startswith("bytes=0-3")


def test_another_accept_counts_only_where_the_cassette_holds_different_ones(base, tmp_path):
    with replay(tmp_path / "fox", record="once"):
        ask(base, accept="image/png")
    with replay(tmp_path / "fox"):
        assert ask(base, accept="*/*").startswith("-, image/png")
    with replay(tmp_path / "two", record="once"):
        ask(base, accept="image/png"), ask(base, accept="application/json")
    message = r"Accept: recorded application/json and image/png, asked \*/\*"
    with replay(tmp_path / "two"), pytest.raises(UnrecordedRequestError, match=message):
        ask(base, accept="*/*")


def test_a_header_of_ones_own(base, tmp_path):
    match_on = ["method", "path", "header:X-Model"]
    with replay(tmp_path / "fox", record="once", match_on=match_on):
        live = [ask(base, x_model=model) for model in ("small", "large")]
    with replay(tmp_path / "fox", match_on=match_on):
        assert [ask(base, x_model=model) for model in ("large", "small")] == live[::-1]
        with pytest.raises(UnrecordedRequestError, match="header:x-model: recorded '(small|large)', asked 'other'"):
            ask(base, x_model="other")
    assert "x-model: [small]" in (tmp_path / "fox.yaml").read_text()


def by_model(recorded, asked):
    return recorded.header("x-model") == asked.header("x-model")


def by_assertion(recorded, asked):
    assert recorded.header("x-model") == asked.header("x-model")


@pytest.mark.parametrize("function", [by_model, by_assertion])
def test_a_function_compares_what_nobody_foresaw(base, tmp_path, function):
    kept = {"keep_headers": ["x-model"]}
    with replay(tmp_path / "fox", record="once", **kept):
        live = [ask(base, x_model=model) for model in ("small", "large")]
    with replay(tmp_path / "fox", match_on=["method", function], **kept):
        assert [ask(base, x_model=model) for model in ("large", "small")] == live[::-1]
        with pytest.raises(UnrecordedRequestError, match="what a function of `match_on` compares"):
            ask(base, x_model="other")


@pytest.mark.parametrize("matcher", ["header:", "headers", 7, "Method"])
def test_what_is_no_matcher(tmp_path, matcher):
    with pytest.raises(ConfigError, match="match_on: expected method, .*`header:<name>` or a function"):
        with replay(tmp_path / "fox", match_on=["path", matcher]):
            pass


def test_an_answer_may_be_given_again(base, tmp_path):
    with replay(tmp_path / "fox", record="once"):
        live = [ask(base), ask(base)]
    with replay(tmp_path / "fox", allow_playback_repeats=True):
        assert [ask(base) for _ in range(4)] == [*live, live[1], live[1]]
    with replay(tmp_path / "fox", record="all", allow_playback_repeats=True):
        assert [ask(base)[-1] for _ in range(3)] == ["3", "4", "5"]
    with replay(tmp_path / "fox"):
        assert [ask(base)[-1] for _ in range(3)] == ["3", "4", "5"]
