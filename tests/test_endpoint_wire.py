"""LocalEndpoint on the wire: encodings, framing, TLS, threads, and what clients do that they should not."""

import contextlib
import http.client
import json
import re
import socket
import ssl
import sys
import threading
import time
import urllib.request
import zlib

import brotli
import httpx
import openai
import pytest
import trustme
import zstandard

from pytest_imgresponse.endpoint import LocalEndpoint
from pytest_imgresponse.endpoint import server as wire
from pytest_imgresponse.endpoint.framing import Delivery
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import HTTPResponse

ASK = json.dumps({"prompt": "A cat", "size": "256x256", "response_format": "b64_json"}).encode()
HEAD = {"authorization": "Bearer k", "content-type": "application/json"}


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("LocalEndpoint")]
    assert left == []


def port(api):
    return int(re.search(r":(\d+)/", api.url)[1])


def raw(api, *lines, body=b"", read=True):
    """What the server sends for these bytes, until it closes."""
    with socket.create_connection(("127.0.0.1", port(api)), timeout=5) as sock:
        sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return b"".join(iter(lambda: sock.recv(65536), b"")) if read else b""


def post(api, *extra, body=ASK, path="/v1/images/generations"):
    lines = [f"{name}: {value}" for name, value in HEAD.items()]
    return raw(api, f"POST {path} HTTP/1.1", "host: x", "connection: close", *lines, *extra, body=body)


class TestEncodings:
    def answer(self, api, accept):
        """The answer undecoded, over a bare connection, and its content-encoding."""
        connection = http.client.HTTPConnection("127.0.0.1", port(api), timeout=5)
        connection.request(
            "POST", "/v1/images/generations", ASK, {**HEAD, **({"accept-encoding": accept} if accept else {})}
        )
        response = connection.getresponse()
        found = response.headers["content-encoding"], response.read(), response.headers
        connection.close()
        return found

    @pytest.mark.parametrize(
        ("coding", "decode"),
        [
            ("gzip", lambda body: zlib.decompress(body, 31)),
            ("deflate", zlib.decompress),
            ("br", brotli.decompress),
            ("zstd", lambda body: zstandard.ZstdDecompressor().decompress(body)),
        ],
    )
    def test_each_is_what_it_says(self, coding, decode):
        with LocalEndpoint(encodings=[coding]) as api:
            found, body, headers = self.answer(api, coding)
            assert found == coding
            assert headers["transfer-encoding"] == "chunked"
            assert json.loads(decode(body))["data"]
            with httpx.Client() as client:
                response = client.post(api.url + "/images/generations", content=ASK, headers=HEAD)
            assert response.headers["content-encoding"] == coding
            assert response.json()["data"]

    @pytest.mark.parametrize(
        ("accept", "expected"),
        [
            (None, None),
            ("", None),
            ("identity", None),
            ("gzip", "gzip"),
            ("GZIP, br", "br"),
            ("gzip;q=1.0, br;q=0", "gzip"),
            ("br ; q = 0.0, gzip; q=0", None),
            ("*", "br"),
            ("*;q=0", None),
            ("br;q=0, *", "gzip"),
            ("gzip;q=junk", "gzip"),
            ("gzip;q=1.2.3", None),
        ],
    )
    def test_the_first_that_both_know(self, accept, expected):
        with LocalEndpoint(encodings=("br", "gzip")) as api:
            found, body, headers = self.answer(api, accept)
        assert found == expected
        if expected is None:
            assert headers["content-length"] == str(len(body))

    def test_none_is_offered(self):
        with LocalEndpoint(encodings=()) as api:
            assert self.answer(api, "gzip, deflate, br, zstd")[0] is None

    def test_an_unknown_one_is_refused(self):
        with pytest.raises(ConfigError, match="expected encodings among gzip, deflate, br, zstd; got 'lzma'"):
            LocalEndpoint(encodings=["gzip", "lzma"])

    def test_one_whose_library_is_missing_is_refused_by_name(self, monkeypatch):
        for name in ("brotli", "brotlicffi", "zstandard"):
            monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ConfigError) as caught:
            LocalEndpoint(encodings=["br"])
        assert str(caught.value) == (
            "the encoding 'br' needs brotli or brotlicffi, which is not installed: pip install brotli, or leave "
            "'br' out of `encodings`"
        )
        with pytest.raises(ConfigError, match="'zstd' needs zstandard, which is not installed"):
            LocalEndpoint(encodings=["zstd"])


class TestConnections:
    def test_one_connection_serves_many_requests(self, api):
        connection = http.client.HTTPConnection("127.0.0.1", port(api), timeout=5)
        connection.connect()
        socket_before = connection.sock
        for _ in range(3):
            connection.request("POST", "/v1/images/generations", ASK, HEAD)
            response = connection.getresponse()
            assert response.headers["connection"] == "keep-alive"
            response.read()
        assert connection.sock is socket_before
        connection.close()
        assert len(api.requests) == 3

    def test_a_connection_can_be_closed_by_the_client(self, api):
        assert b"\r\nconnection: close\r\n" in post(api, f"content-length: {len(ASK)}")

    def test_urllib(self, api):
        request = urllib.request.Request(api.url + "/images/generations", ASK, HEAD)
        with urllib.request.urlopen(request) as response:
            assert json.load(response)["data"]

    def test_http_1_0_gets_no_chunks(self, api):
        values = json.dumps({"model": "gpt-image-1", "prompt": "x", "stream": True}).encode()
        answer = raw(
            api,
            "POST /v1/images/generations HTTP/1.0",
            *(f"{name}: {value}" for name, value in HEAD.items()),
            f"content-length: {len(values)}",
            body=values,
        )
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head
        assert f"content-length: {len(body)}".encode() in head
        assert body.startswith(b"event: image_generation.completed\n")

    def test_ten_threads_at_once(self, api):
        answers = {}

        def run(number):
            with httpx.Client(base_url=api.url, headers={"authorization": "Bearer k"}) as client:
                for time_ in range(3):
                    values = {"prompt": f"picture {number}", "size": "256x256", "response_format": "b64_json"}
                    answer = client.post("/images/generations", json=values).json()
                    answers[number, time_] = answer["data"][0]["b64_json"]

        threads = [threading.Thread(target=run, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(api.requests) == len(answers) == 30
        assert len(set(answers.values())) == 10

    def test_the_requests_are_listed_as_they_came(self, api):
        post(api, "x-mine: 1", f"content-length: {len(ASK)}")
        raw(api, "GET http://other.test/v1/foo HTTP/1.1", "connection: close")
        raw(api, "GET /v1/foo HTTP/1.1", "host: a b", "connection: close")
        first, second, third = api.requests
        assert (first.method, first.url, first.body) == ("POST", "http://x/v1/images/generations", ASK)
        assert first.header("x-mine") == "1"
        assert second.url == "http://other.test/v1/foo"
        assert third.url == f"{api.url}/foo"

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "GET"])
    def test_other_methods_are_405(self, api, method):
        answer = raw(api, f"{method} /v1/images/edits HTTP/1.1", "host: x", "connection: close")
        assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")

    def test_what_is_no_http(self, api):
        assert b"Error code: 400" in raw(api, "HELLO")
        answer = raw(api, "BREW /v1/images/edits HTTP/1.1", "host: x")
        assert b" 501 " in answer.splitlines()[0]
        assert b"server: cloudflare" in answer.lower()
        assert api.requests == ()


class TestBodies:
    def test_chunks(self, api):
        body = b"%x;note=1\r\n%s\r\n%x\r\n%s\r\n0\r\ntrailer: x\r\n\r\n" % (9, ASK[:9], len(ASK) - 9, ASK[9:])
        answer = post(api, "transfer-encoding: chunked", body=body)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert api.requests[0].body == ASK

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            (["transfer-encoding: gzip"], b""),
            (["transfer-encoding: chunked", "content-length: 5"], b"0\r\n\r\n"),
            (["transfer-encoding: chunked", "transfer-encoding: identity"], b"0\r\n\r\n"),
            (["transfer-encoding: chunked"], b"xyz\r\n"),
            (["transfer-encoding: chunked"], b"-1\r\n"),
            (["transfer-encoding: chunked"], b"1\r\nabc\r\n0\r\n\r\n"),
            (["content-length: 5", "content-length: 6"], b"123456"),
            (["content-length: -1"], b""),
            (["content-length: +5"], b"12345"),
        ],
    )
    def test_a_body_that_is_framed_wrongly(self, api, headers, body):
        answer = post(api, *headers, body=body)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"Could not read the body of your request" in answer
        assert b"connection: close" in answer
        assert api.requests == ()

    def test_expect_100_continue(self, api):
        answer = post(api, "expect: 100-continue", f"content-length: {len(ASK)}")
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")

    @pytest.mark.parametrize("more", [[], ["expect: 100-continue"]])
    def test_a_length_over_the_limit(self, api, more):
        answer = post(api, f"content-length: {wire.BODY_LIMIT + 1}", *more, body=b"")
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"Maximum content size limit (104857600) exceeded (104857601 bytes)" in answer

    def test_chunks_over_the_limit(self, api, monkeypatch):
        monkeypatch.setattr(wire, "BODY_LIMIT", 10)
        answer = post(api, "transfer-encoding: chunked", body=b"8\r\n12345678\r\n3\r\n123\r\n0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413 ")

    def test_a_client_that_sends_on_sees_the_refusal(self, api, monkeypatch):
        monkeypatch.setattr(wire, "BODY_LIMIT", 1000)
        answer = post(api, "content-length: 20000000", body=b"x" * 20_000_000)
        assert answer.startswith(b"HTTP/1.1 413 ")

    def test_a_sender_without_end_is_cut_off(self, api, monkeypatch):
        monkeypatch.setattr(wire, "BODY_LIMIT", 1000)
        monkeypatch.setattr(wire, "_DRAIN_SECONDS", 0.001)
        assert post(api, "content-length: 2000", body=b"x").startswith(b"HTTP/1.1 413 ")


class TestClientsThatGoAway:
    def test_in_the_middle_of_its_body(self, api, capfd):
        post_head = ["POST /v1/images/generations HTTP/1.1", "host: x", "content-length: 100"]
        raw(api, *post_head, body=b"123", read=False)
        raw(api, *post_head[:2], "transfer-encoding: chunked", body=b"ff\r\n123", read=False)
        assert httpx.get(api.url).status_code == 404
        assert [request.method for request in api.requests] == ["GET"]
        assert capfd.readouterr().err == ""

    def test_in_the_middle_of_the_answer(self, api, capfd):
        values = {"model": "gpt-image-1", "prompt": "x", "n": 4, "stream": True, "partial_images": 3}
        body = json.dumps(values).encode()
        with socket.create_connection(("127.0.0.1", port(api))) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            head = "\r\n".join(
                [
                    "POST /v1/images/generations HTTP/1.1",
                    *(f"{name}: {value}" for name, value in HEAD.items()),
                    f"content-length: {len(body)}\r\n\r\n",
                ]
            )
            sock.sendall(head.encode() + body)
            sock.recv(10)
        api.stop()
        assert capfd.readouterr().err == ""


@pytest.fixture(scope="module")
def contexts():
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


class TestTLS:
    def test_https(self, contexts):
        with LocalEndpoint(ssl_context=contexts[0]) as api:
            assert api.url.startswith("https://127.0.0.1:")
            with httpx.Client(verify=contexts[1], headers=HEAD) as client:
                values = json.dumps({"prompt": "x", "size": "256x256"})
                answer = client.post(api.url + "/images/generations", content=values).json()
                assert answer["data"][0]["url"].startswith("https://127.0.0.1:")
                assert client.get(answer["data"][0]["url"]).content.startswith(b"\x89PNG")
            assert api.requests[0].url == api.url + "/images/generations"

    def test_the_openai_client(self, contexts):
        with (
            LocalEndpoint(ssl_context=contexts[0]) as api,
            openai.DefaultHttpxClient(verify=contexts[1]) as http_client,
        ):
            client = openai.OpenAI(base_url=api.url, api_key="k", http_client=http_client, max_retries=0)
            assert client.images.generate(prompt="x", size="256x256").data

    def test_a_silent_client_keeps_nobody_waiting(self, contexts):
        with (
            LocalEndpoint(ssl_context=contexts[0]) as api,
            socket.create_connection(("127.0.0.1", port(api))),
            httpx.Client(verify=contexts[1], timeout=5) as client,
        ):
            assert client.get(api.url).status_code == 404
            began = time.perf_counter()
            api.stop()
            assert time.perf_counter() - began < 0.4  # of the 0.5 that it gives those who are busy

    def test_a_client_without_tls(self, contexts, capfd):
        with LocalEndpoint(ssl_context=contexts[0]) as api:
            with contextlib.suppress(ConnectionResetError):
                raw(api, "GET / HTTP/1.1", "host: x")
            assert api.requests == ()
        assert capfd.readouterr().err == ""


class TestStopping:
    def test_it_is_quick_and_the_port_is_closed(self):
        endpoint = LocalEndpoint().start()
        idle = socket.create_connection(("127.0.0.1", port(endpoint)))
        httpx.get(endpoint.url)
        began = time.perf_counter()
        endpoint.stop()
        assert time.perf_counter() - began < 0.4  # of the 0.5 that it gives those who are busy
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port(endpoint)))
        idle.close()

    def test_start_and_stop_twice(self):
        endpoint = LocalEndpoint()
        endpoint.stop()
        url = endpoint.start().url
        assert endpoint.start().url == url
        endpoint.stop()
        endpoint.stop()
        assert endpoint.url == url
        with endpoint:
            assert httpx.get(endpoint.url).status_code == 404

    def test_a_request_that_is_being_answered_is_not_waited_for_long(self, monkeypatch):
        monkeypatch.setattr("pytest_imgresponse.endpoint.server._GOODBYE_SECONDS", 0.01)
        busy, go_on = threading.Event(), threading.Event()

        def clock():
            busy.set()
            go_on.wait(5)
            return time.time()

        endpoint = LocalEndpoint(clock=clock).start()
        with socket.create_connection(("127.0.0.1", port(endpoint))) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            busy.wait(5)
            endpoint.stop()
        go_on.set()
        deadline = time.monotonic() + 5
        while threading.active_count() > 1 and time.monotonic() < deadline:
            time.sleep(0.005)


class TestBugs:
    def broken(self):
        return LocalEndpoint(clock=lambda: 1 // 0)

    def one_request(self, error=None):
        with self.broken() as api:
            response = httpx.get(api.url)
            assert response.status_code == 500
            assert response.json()["error"]["code"] == "server_error"
            if error is not None:
                raise error

    def test_a_bug_is_a_500_and_is_raised_at_the_end(self, capfd):
        with pytest.raises(ZeroDivisionError):
            self.one_request()
        assert capfd.readouterr().err == ""

    def test_stop_raises_it_once(self):
        api = self.broken().start()
        httpx.get(api.url)
        with pytest.raises(ZeroDivisionError):
            api.stop()
        api.stop()

    def test_it_does_not_hide_the_test_s_own_error(self):
        with pytest.raises(KeyError) as caught:
            self.one_request(KeyError("mine"))
        assert caught.value.__notes__ == [
            "LocalEndpoint answered a request with a 500, because of "
            "ZeroDivisionError('integer division or modulo by zero')"
        ]

    def test_an_error_of_the_test_alone(self):
        with pytest.raises(KeyError) as caught, LocalEndpoint():
            raise KeyError("mine")
        assert not hasattr(caught.value, "__notes__")

    def test_no_header_can_become_two(self):
        bugs = []
        two = Delivery(HTTPResponse(200, {"x": "a\r\nset-cookie: b"}, b""))
        server = wire.Server(lambda request: two, bugs)
        server.start()
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(server.origin)
        server.stop()
        assert [str(bug) for bug in bugs] == ["a header with a line break, which would be two headers"]


def test_importing_it_is_cheap():
    """Neither vcr nor hypothesis nor pydantic comes with it."""
    import subprocess

    code = (
        "import sys; import pytest_imgresponse.endpoint; "
        "print([name for name in ('vcr', 'hypothesis', 'pydantic', 'openai') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
