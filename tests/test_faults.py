"""Wire faults: the table, what real clients make of each, and an endpoint that survives them all."""

import asyncio
import gzip
import http.client
import json
import re
import socket
import ssl
import threading
import time
import zlib

import aiohttp
import brotli
import httpx
import openai
import pytest
import requests
import trustme
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_imgresponse import ConfigError, HTTPRequest, HTTPResponse, LocalEndpoint
from pytest_imgresponse.endpoint.fault_scripts import script_of, stored_brotli
from pytest_imgresponse.endpoint.framing import Delivery
from pytest_imgresponse.faults import FAULT_VERDICTS, FAULTS, Fault
from pytest_imgresponse.strategies.wire_faults import wire_faults

CONTENT = {"created": 1, "data": [{"b64_json": "iVBORw0K" * 500}]}
BODY = json.dumps(CONTENT).encode() + b"\n"
ANSWER = HTTPResponse(200, {"content-type": "application/json"}, BODY)
QUICK = {"stall": {"seconds": 0.02}, "stall_in_body": {"seconds": 0.02}, "stall_then_close": {"seconds": 0.02}}
QUICK["drip"] = {"every_ms": 1}
HEAD = {"authorization": "Bearer k", "accept-encoding": "gzip"}
VALID = [name for name, kind in FAULTS.items() if kind.verdict == "valid"]
INVALID = [name for name, kind in FAULTS.items() if kind.verdict == "invalid"]


def quick(name):
    return Fault(name, **QUICK.get(name, {}))


@pytest.fixture(scope="module")
def shared():
    with LocalEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def api(shared):
    """The module's endpoint, whose queue is empty again."""
    yield shared
    assert not shared._queue


@pytest.fixture(autouse=True, scope="module")
def _http():
    """A client for the whole module, which keeps no connection: making one takes longer than a request."""
    global HTTP
    with httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), timeout=5) as HTTP:
        yield


@pytest.fixture(autouse=True, scope="module")
def _no_thread_is_left():
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("LocalEndpoint")]
    assert left == []


def raw(api, *more):
    """A bare connection that has asked."""
    sock = socket.create_connection(("127.0.0.1", int(re.search(r":(\d+)/", api.url)[1])), timeout=5)
    lines = ["POST /v1/images/generations HTTP/1.1", "host: x", "content-length: 2", *more, "", "{}"]
    sock.sendall("\r\n".join(lines).encode())
    return sock


def everything(sock):
    """What comes until the connection ends, and how it ends: `closed` or `reset`."""
    received = b""
    with sock:
        try:
            while more := sock.recv(1 << 16):
                received += more
        except ConnectionResetError:
            return received, "reset"
    return received, "closed"


def received(api, fault, response=ANSWER):
    """The head as lines, what follows it, and how the connection ends."""
    api.answer(response, fault=fault)
    data, end = everything(raw(api))
    head, _, body = data.partition(b"\r\n\r\n")
    return head.decode().lower().split("\r\n"), body, end


@pytest.fixture(scope="module")
def clients():
    """Each client of the table: asks once, on a connection of its own, and gives the JSON of the answer."""
    alone = {"max_keepalive_connections": 0}
    with (
        httpx.Client(limits=httpx.Limits(**alone), headers=HEAD, timeout=5) as httpx_client,
        openai.DefaultHttpxClient(limits=openai.DEFAULT_CONNECTION_LIMITS) as transport,
    ):
        sdk = openai.OpenAI(base_url="http://x", api_key="k", max_retries=0, http_client=transport)

        def by_httpx(url):
            return httpx_client.post(url, json={}).json()

        def by_requests(url):
            with requests.Session() as session:
                return session.post(url, json={}, headers=HEAD, timeout=5).json()

        def by_urllib3(url):
            with urllib3.PoolManager() as pool:
                return pool.request("POST", url, json={}, headers=HEAD, timeout=5, retries=False).json()

        def by_aiohttp(url):
            async def ask():
                patience = aiohttp.ClientTimeout(total=1)
                async with (
                    aiohttp.ClientSession(headers=HEAD, timeout=patience) as session,
                    session.post(url, json={}) as response,
                ):
                    return await response.json()

            return asyncio.run(ask())

        def by_openai(url):
            headers = {"accept-encoding": "gzip", "connection": "close"}
            client = sdk.with_options(base_url=url.removesuffix("/images/generations"), default_headers=headers)
            answer = client.images.generate(prompt="x")
            return json.loads(answer.model_dump_json(exclude_unset=True))

        yield {
            "httpx": by_httpx,
            "requests": by_requests,
            "urllib3": by_urllib3,
            "aiohttp": by_aiohttp,
            "openai": by_openai,
        }


BROKEN = {
    "httpx": httpx.RemoteProtocolError,
    "requests": requests.exceptions.ChunkedEncodingError,
    "urllib3": urllib3.exceptions.ProtocolError,
    "aiohttp": aiohttp.ClientPayloadError,
    "openai": openai.APIConnectionError,
}
DISCONNECTED = {**BROKEN, "requests": requests.exceptions.ConnectionError, "aiohttp": aiohttp.ServerDisconnectedError}
RESET = {**BROKEN, "httpx": httpx.ReadError}
# No client misses the rest: it is the JSON that ends too early.
HALF = {
    "httpx": json.JSONDecodeError,
    "requests": requests.exceptions.JSONDecodeError,
    "urllib3": json.JSONDecodeError,
    "aiohttp": json.JSONDecodeError,
    "openai": json.JSONDecodeError,
}
UNREADABLE = {
    "httpx": httpx.DecodingError,
    "requests": requests.exceptions.ContentDecodingError,
    "urllib3": urllib3.exceptions.DecodeError,
    "aiohttp": aiohttp.ClientPayloadError,
    "openai": openai.APIConnectionError,
}
RAISED = {
    "closed_before_head": DISCONNECTED,
    "reset_before_head": {**DISCONNECTED, "httpx": httpx.ReadError, "aiohttp": aiohttp.ClientOSError},
    "reset_before_body": RESET,
    "reset_in_body": RESET,
    "stall_then_close": BROKEN,
    "length_too_long": BROKEN,
    # What aiohttp does depends on whether the fault comes with the head or in a later read.
    "length_too_short": {**HALF, "aiohttp": (aiohttp.ClientResponseError, json.JSONDecodeError)},
    # aiohttp 3.14.5: in a later read its parser in C drops the error, and the client waits until its timeout.
    "chunk_size_bad": {**BROKEN, "aiohttp": (aiohttp.ClientResponseError, asyncio.TimeoutError)},
    "chunks_cut": BROKEN,
    "gzip_cut": HALF,
    "gzip_garbage": UNREADABLE,
    "gzip_in_name_only": UNREADABLE,
}


class TestClients:
    @pytest.mark.parametrize("client", BROKEN)
    @pytest.mark.parametrize("name", VALID)
    def test_the_whole_content_arrives(self, api, clients, name, client):
        api.answer(ANSWER, fault=quick(name))
        assert clients[client](api.url + "/images/generations") == CONTENT

    @pytest.mark.parametrize("client", BROKEN)
    @pytest.mark.parametrize("name", RAISED)
    def test_what_a_client_raises(self, api, clients, name, client):
        api.answer(ANSWER, fault=quick(name))
        with pytest.raises(RAISED[name][client]):
            clients[client](api.url + "/images/generations")

    @pytest.mark.parametrize("client", BROKEN)
    def test_brotli_that_was_not_asked_for_is_read_by_who_can(self, api, clients, client):
        """With the package brotli installed, as here, each of them does."""
        api.answer(ANSWER, fault="br_unrequested")
        assert clients[client](api.url + "/images/generations") == CONTENT

    def test_brotli_is_no_json_for_who_cannot_read_it(self, api):
        connection = http.client.HTTPConnection(api.url.split("/")[2], timeout=5)
        api.answer(ANSWER, fault="br_unrequested")
        connection.request("POST", "/v1/images/generations", b"{}")
        response = connection.getresponse()
        assert response.headers["content-encoding"] == "br"
        with pytest.raises(ValueError):
            json.loads(response.read())
        connection.close()

    def test_every_fault_was_tried(self):
        assert {*VALID, *RAISED, "br_unrequested"} == set(FAULTS)

    def test_the_official_client_tries_again(self, api):
        """It retries what breaks off: the third answer is whole."""
        api.answer(ANSWER, fault="reset_before_head")
        api.answer(ANSWER, fault="chunks_cut")
        api.answer(ANSWER)
        with openai.OpenAI(base_url=api.url, api_key="k", max_retries=2) as client:
            client._calculate_retry_timeout = lambda *_: 0
            assert client.images.generate(prompt="x").created == 1

    @pytest.mark.parametrize("name", ["stall", "stall_in_body", "stall_then_close"])
    def test_a_client_that_waits_less(self, name):
        with LocalEndpoint() as api:
            api.answer(ANSWER, fault=Fault(name, seconds=60))
            with httpx.Client(timeout=0.05) as client, pytest.raises(httpx.ReadTimeout):
                client.post(api.url + "/images/generations", json={})
            api.answer(ANSWER)
            assert HTTP.post(api.url + "/images/generations", json={}).json() == CONTENT


class TestOnTheWire:
    """What leaves the server, by a bare connection."""

    @pytest.mark.parametrize("name", FAULTS)
    def test_the_next_request_is_served(self, name):
        with LocalEndpoint() as api:
            api.answer(ANSWER, fault=quick(name))
            api.answer(ANSWER)
            everything(raw(api, "connection: close"))
            with raw(api) as sock:
                assert sock.recv(15) == b"HTTP/1.1 200 OK"

    @pytest.mark.parametrize(
        ("name", "end"),
        [
            ("connection_close", "closed"),
            ("closed_though_kept", "closed"),
            ("no_length", "closed"),
            ("closed_before_head", "closed"),
            ("reset_before_head", "reset"),
            ("reset_before_body", "reset"),
            ("reset_in_body", "reset"),
            ("stall_then_close", "closed"),
            ("length_too_long", "closed"),
            ("length_too_short", "closed"),
            ("chunk_size_bad", "closed"),
            ("chunks_cut", "closed"),
        ],
    )
    def test_how_the_connection_ends(self, api, name, end):
        assert received(api, quick(name))[2] == end

    @pytest.mark.parametrize(
        "name",
        ["kept_open", "chunked", "split", "byte_chunks", "gzip", "stall", "drip", "gzip_garbage", "br_unrequested"],
    )
    def test_a_connection_that_is_kept(self, api, name):
        """One connection, two requests; the client closes."""
        connection = http.client.HTTPConnection(api.url.split("/")[2], timeout=5)
        for _ in range(2):
            api.answer(ANSWER, fault=quick(name))
            connection.request("POST", "/v1/images/generations", b"{}")
            response = connection.getresponse()
            assert response.headers["connection"] == "keep-alive"
            response.read()
            assert connection.sock is not None
        connection.close()

    def test_a_client_that_wants_it_closed(self, api):
        api.answer(ANSWER, fault="kept_open")
        response = HTTP.post(api.url + "/images/generations", json={}, headers={"connection": "close"})
        assert response.headers["connection"] == "close"

    def test_what_a_connection_says_of_itself(self, api):
        said = {name: received(api, name)[0] for name in ("connection_close", "closed_though_kept", "no_length")}
        assert "connection: close" in said["connection_close"]
        assert "connection: keep-alive" in said["closed_though_kept"]
        assert said["no_length"][0] == "http/1.0 200 ok"
        assert not [line for line in said["no_length"] if line.startswith(("content-length", "transfer-encoding"))]

    @pytest.mark.parametrize(("at", "expected"), [(0.0, 0), (10, 10), (0.5, 2021), (1.0, 4042), (99999, 4042)])
    def test_where_a_body_is_reset(self, api, at, expected):
        """Never behind its last byte: the answer would be whole."""
        head, body, _ = received(api, Fault("reset_in_body", at=at))
        assert "content-length: 4043" in head
        assert body == BODY[:expected]

    def test_lengths(self, api):
        head, body, _ = received(api, Fault("length_too_long", more=7))
        assert "content-length: 4050" in head
        assert body == BODY
        head, body, _ = received(api, "length_too_short")
        assert "content-length: 2021" in head
        assert body == BODY
        # One less would be the newline, without which the JSON is the same.
        assert "content-length: 4041" in received(api, Fault("length_too_short", at=1.0))[0]

    def test_chunks(self, api):
        def chunks(name, **parameters):
            api.answer(HTTPResponse(200, {}, b"0123456789"), fault=Fault(name, **parameters))
            return everything(raw(api, "connection: close"))[0].partition(b"\r\n\r\n")[2]

        assert chunks("chunked", size=4) == b"4\r\n0123\r\n4\r\n4567\r\n2\r\n89\r\n0\r\n\r\n"
        assert chunks("split", at=[3, 0.5, 5, 0, 99]) == b"3\r\n012\r\n2\r\n34\r\n5\r\n56789\r\n0\r\n\r\n"
        assert chunks("split", at=9) == b"9\r\n012345678\r\n1\r\n9\r\n0\r\n\r\n"
        assert chunks("byte_chunks").startswith(b"1\r\n0\r\n1\r\n1\r\n")
        assert chunks("chunk_size_bad", at=2) == b"2\r\n01\r\nno size\r\n23456789\r\n0\r\n\r\n"
        assert chunks("chunk_size_bad", at=0) == b"no size\r\n0123456789\r\n0\r\n\r\n"
        assert chunks("chunks_cut", at=1.0) == b"a\r\n0123456789\r\n"
        assert chunks("chunks_cut", at=0) == b""

    def test_an_empty_body_can_be_chunked(self, api):
        empty = HTTPResponse(200, {}, b"")
        for name in ("chunked", "split", "byte_chunks", "kept_open", "drip"):
            api.answer(empty, fault=name)
            assert HTTP.post(api.url + "/images/generations", json={}).content == b""

    def test_a_stall_is_a_silence(self, api):
        api.answer(ANSWER, fault=Fault("stall", seconds=0.08))
        began = time.perf_counter()
        with raw(api) as sock:
            sock.recv(1)
        assert time.perf_counter() - began >= 0.08

    def test_a_drip_comes_drop_by_drop(self, api):
        fault = Fault("drip", size=1500, every_ms=20)
        script = script_of(Delivery(ANSWER, fault), keep=True, may_chunk=True, coding=None)
        assert list(script.body) == [BODY[:1500], 0.02, BODY[1500:3000], 0.02, BODY[3000:]]
        api.answer(ANSWER, fault=fault)
        began = time.perf_counter()
        assert HTTP.post(api.url + "/images/generations", json={}).json() == CONTENT
        assert time.perf_counter() - began >= 0.04

    def test_a_drip_comes_to_an_end(self, api):
        """The rest at once, when the time is up."""
        api.answer(ANSWER, fault=Fault("drip", size=1, every_ms=10, seconds=0.03))
        began = time.perf_counter()
        assert HTTP.post(api.url + "/images/generations", json={}).json() == CONTENT
        assert time.perf_counter() - began < 1

    def test_a_gzip_stream_that_breaks_off_holds_what_it_says(self, api):
        for at, expected in ((0.5, 2021), (1.0, 4041), (0, 0), (5, 5)):
            api.answer(ANSWER, fault=Fault("gzip_cut", at=at))
            connection = http.client.HTTPConnection(api.url.split("/")[2], timeout=5)
            connection.request("POST", "/v1/images/generations", b"{}")
            decoder = zlib.decompressobj(31)
            assert decoder.decompress(connection.getresponse().read()) == BODY[:expected]
            assert not decoder.eof
            connection.close()

    @pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 200_000])
    def test_brotli_by_hand_is_brotli(self, size):
        content = bytes(number % 251 for number in range(size))
        assert brotli.decompress(stored_brotli(content)) == content

    def test_headers_of_the_answer_that_a_fault_replaces(self, api):
        told = {
            "Content-Length": "5",
            "Transfer-Encoding": "x",
            "Connection": "x",
            "Content-Encoding": "x",
            "x-own": "1",
        }
        api.answer(HTTPResponse(418, told, b"abc", reason="Teapot"), fault="gzip")
        answer = HTTP.post(api.url + "/images/generations", json={})
        assert (answer.status_code, answer.reason_phrase, answer.text) == (418, "Teapot", "abc")
        assert answer.headers["x-own"] == "1"
        assert answer.headers["connection"] == "keep-alive"

    def test_a_stream_split_anywhere(self, api):
        """Each place within the first event: names, line ends and characters are cut in two."""
        body = 'event: a\ndata: {"x": "é🦊"}\n\ndata: [DONE]\n\n'.encode()
        stream = HTTPResponse(200, {"content-type": "text/event-stream"}, body)
        with httpx.Client() as client:
            for place in range(1, len(body)):
                api.answer(stream, fault=Fault("split", at=place))
                with client.stream("POST", api.url + "/images/generations", json={}) as answer:
                    assert list(answer.iter_lines()) == body.decode().splitlines()

    def test_over_tls(self):
        authority = trustme.CA()
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(server)
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with LocalEndpoint(ssl_context=server) as api, httpx.Client(verify=context) as client:
            api.fail("no_length")
            asked = {"json": {"prompt": "x", "size": "256x256", "response_format": "b64_json"}, "headers": HEAD}
            assert client.post(api.url + "/images/generations", **asked).json()["data"]
            api.fail("reset_in_body")
            # Python's ssl takes a reset for an end without a farewell.
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                client.post(api.url + "/images/generations", **asked)


class TestStopping:
    @pytest.mark.parametrize(
        "fault",
        [Fault("stall", seconds=60), Fault("stall_in_body", seconds=60), Fault("drip", size=1, every_ms=60_000)],
        ids=lambda fault: fault.name,
    )
    def test_it_is_quick_in_the_midst_of_a_fault(self, fault):
        api = LocalEndpoint().start()
        api.answer(ANSWER, fault=fault)
        with raw(api) as sock:
            deadline = time.monotonic() + 5
            while not api.requests and time.monotonic() < deadline:
                time.sleep(0.002)
            if fault.name != "stall":
                assert sock.recv(15) == b"HTTP/1.1 200 OK"
            began = time.perf_counter()
            api.stop()
            assert time.perf_counter() - began < 1
            assert BODY not in everything(sock)[0]


class TestAnswer:
    """`LocalEndpoint.answer`: a response as it is."""

    def asked(self, api, **options):
        return HTTP.post(api.url + "/images/generations", json={}, **options)

    def test_status_headers_and_body_are_sent(self, api):
        headers = [("content-type", "text/html"), ("x-twice", "1"), ("x-twice", "2")]
        api.answer(HTTPResponse(524, headers, b"<h1>late</h1>", reason="A Timeout Occurred"))
        answer = self.asked(api)
        assert (answer.status_code, answer.reason_phrase) == (524, "A Timeout Occurred")
        assert answer.headers.get_list("x-twice") == ["1", "2"]
        assert answer.content == b"<h1>late</h1>"
        assert answer.headers["content-length"] == "13"

    def test_it_is_not_encoded_anew(self, api):
        api.answer(ANSWER)
        answer = self.asked(api, headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in answer.headers
        assert answer.content == BODY

    def test_an_encoding_of_its_own_is_its_own(self, api):
        api.answer(HTTPResponse(200, {"content-encoding": "gzip"}, gzip.compress(b"abc")))
        assert self.asked(api).content == b"abc"

    def test_neither_key_nor_body_matter(self, api):
        api.answer(ANSWER, times=2)
        assert self.asked(api, headers={"authorization": "Bearer sk-bad"}).json() == CONTENT
        assert HTTP.post(api.url + "/images/edits", content=b"?").json() == CONTENT
        assert self.asked(api).status_code == 401

    def test_other_routes_and_methods_do_not_take_it(self, api):
        api.answer(ANSWER)
        assert HTTP.get(api.url + "/images/generations").status_code == 405
        assert HTTP.post(api.url + "/models").status_code == 404
        assert self.asked(api).json() == CONTENT

    def test_answers_and_failures_come_in_the_order_of_the_calls(self, api):
        good = {"json": {"prompt": "x", "size": "256x256"}, "headers": HEAD}
        api.fail("server_error")
        api.answer(ANSWER)
        api.fail("closed_before_head")
        api.fail("server_error")
        url = api.url + "/images/generations"
        assert HTTP.post(url, **good).status_code == 500
        assert HTTP.post(url, **good).json() == CONTENT
        with pytest.raises(httpx.RemoteProtocolError):
            HTTP.post(url, **good)
        assert HTTP.post(url, **good).status_code == 500
        assert HTTP.post(url, **good).status_code == 200

    @pytest.mark.parametrize(("told", "cut"), [("9999", True), ("10", False)])
    def test_a_length_that_is_not_the_body_s(self, api, told, cut):
        api.answer(HTTPResponse(200, {"Content-Length": told}, BODY))
        data, end = everything(raw(api))
        assert f"Content-Length: {told}\r\n".encode() in data
        assert data.endswith(BODY)
        assert b"connection: close" in data
        assert end == "closed"
        api.answer(HTTPResponse(200, {"Content-Length": told}, BODY))
        if cut:
            with pytest.raises(httpx.RemoteProtocolError):
                self.asked(api)
        else:
            assert self.asked(api).content == BODY[:10]

    def test_a_length_that_is_right(self, api):
        api.answer(HTTPResponse(200, {"content-length": "4043"}, BODY))
        answer = self.asked(api)
        assert answer.headers.get_list("content-length") == ["4043"]
        assert answer.headers["connection"] == "keep-alive"

    def test_a_response_that_was_recorded_in_chunks(self, api):
        api.answer(HTTPResponse(200, {"Transfer-Encoding": "chunked", "Connection": "close"}, BODY))
        answer = self.asked(api)
        assert answer.content == BODY
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.headers["connection"] == "close"

    @pytest.mark.parametrize("body", [b"data: 1\n\ndata: 2\n\n", b"data: 1\r\n\r\ndata: 2", b"data: 1\n\ndata: 2", b""])
    def test_a_stream_keeps_each_byte(self, api, body):
        api.answer(HTTPResponse(200, {"content-type": "text/event-stream"}, body))
        answer = self.asked(api)
        assert answer.content == body
        assert answer.headers["transfer-encoding"] == "chunked"

    def test_an_answer_without_a_body(self, api):
        api.answer(HTTPResponse(204, {}, b""))
        with httpx.Client() as client:
            answer = client.post(api.url + "/images/generations", json={})
            assert (answer.status_code, answer.content) == (204, b"")
            assert "content-length" not in answer.headers
            api.answer(ANSWER)
            assert client.post(api.url + "/images/generations", json={}).json() == CONTENT

    def test_without_a_socket_a_fault_does_nothing(self):
        api = LocalEndpoint()
        api.answer(ANSWER, fault="reset_before_head")
        assert api.handle(HTTPRequest("POST", "http://x/v1/images/generations")) == ANSWER

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((None,), "LocalEndpoint.answer() got None; expected an HTTPResponse, an ImagesResponse, a dict (the JSON"),
            ((HTTPResponse(100, {}, b""),), "expected a status from 200 to 999, which ends an answer; got 100"),
            (
                (HTTPResponse(200, {"a": "b\r\nc: d"}, b""),),
                "cannot be sent: a header with a line break, which would be two headers; got ",
            ),
            ((HTTPResponse(200, {"a": "🦊"}, b""),), "the headers of this response cannot be sent: 'latin-1'"),
            ((HTTPResponse(204, {}, b"x"),), "an answer of status 204 has no body: expected b'' and no wire fault"),
            ((HTTPResponse(304, {}, b""), "gzip"), "an answer of status 304 has no body"),
            ((ANSWER, 5), "expected a Fault, the name of one, or None; got 5"),
            ((ANSWER, "teapot"), "no wire fault is called 'teapot'; expected one of kept_open, "),
            (
                (HTTPResponse(200, {}, b"\n"), "gzip_cut"),
                "the wire fault 'gzip_cut' needs a body to befall; got b'\\n'",
            ),
        ],
    )
    def test_what_cannot_be_sent_is_refused(self, arguments, message):
        response, fault = (*arguments, None)[:2]
        with pytest.raises(ConfigError) as caught:
            LocalEndpoint().answer(response, fault=fault)
        assert message in str(caught.value)

    def test_times(self):
        with pytest.raises(ConfigError, match="expected times to be 1 or more; got 0"):
            LocalEndpoint().answer(ANSWER, times=0)


class TestFail:
    """`LocalEndpoint.fail` with the name of a wire fault."""

    def test_the_endpoint_s_own_next_good_answer_meets_it(self, api):
        url, good = api.url + "/images/generations", {"prompt": "x", "size": "256x256"}
        api.fail("reset_in_body", at=0.25)
        assert HTTP.post(url, json=good).status_code == 401
        assert HTTP.post(url, json={**good, "n": 99}, headers=HEAD).status_code == 400
        assert HTTP.get(api.url + "/images/generations", headers=HEAD).status_code == 405
        with pytest.raises(httpx.ReadError):
            HTTP.post(url, json=good, headers=HEAD)
        assert HTTP.post(url, json=good, headers=HEAD).status_code == 200

    def test_times_and_parameters(self, api):
        api.fail("stall", times=2, seconds=0.03)
        for _ in range(2):
            began = time.perf_counter()
            assert HTTP.post(api.url + "/images/generations", json={"prompt": "x"}, headers=HEAD).status_code == 200
            assert time.perf_counter() - began >= 0.03

    def test_a_stream_of_the_endpoint(self, api):
        api.fail("chunked", size=777)
        with openai.OpenAI(base_url=api.url, api_key="k") as client:
            stream = client.images.generate(model="gpt-image-1", prompt="x", stream=True, partial_images=1)
            assert [event.type for event in stream] == ["image_generation.partial_image", "image_generation.completed"]


class TestTable:
    def test_rows(self):
        assert list(FAULTS) == VALID + INVALID
        for name, kind in FAULTS.items():
            assert kind.name == name
            assert kind.verdict in FAULT_VERDICTS
            assert re.match(r"[A-Z`].*[^.]$", kind.reason)
            assert re.search(r"RFC \d+, section \d", kind.source)
            assert kind is Fault(name).kind
            for parameter in kind.parameters.values():
                assert parameter.checked(parameter.default) is not None
                assert parameter.meaning

    def test_the_defaults_are_filled_in(self):
        assert Fault("stall_in_body", seconds=2).parameters == (("at", 0.5), ("seconds", 2))
        assert Fault("stall_in_body", at=0.5) == Fault("stall_in_body")
        assert len({Fault("gzip"), Fault("gzip"), Fault("split", at=[1, 2]), Fault("split", at=(1, 2))}) == 2

    @pytest.mark.parametrize(
        ("fault", "text"),
        [
            (Fault("gzip"), "Fault('gzip')"),
            (Fault("stall", seconds=0.2), "Fault('stall', seconds=0.2)"),
            (Fault("split", at=[3, 0.5]), "Fault('split', at=(3, 0.5))"),
        ],
    )
    def test_its_repr_makes_it_again(self, fault, text):
        assert repr(fault) == text
        assert eval(text) == fault

    @pytest.mark.parametrize(
        ("name", "parameters", "message"),
        [
            ("teapot", {}, f"no wire fault is called 'teapot'; expected one of {', '.join(FAULTS)}"),
            (7, {}, f"no wire fault is called 7; expected one of {', '.join(FAULTS)}"),
            ("gzip", {"at": 1}, "the wire fault 'gzip' has no parameter at; it takes none"),
            (
                "stall_in_body",
                {"x": 1, "y": 2},
                "the wire fault 'stall_in_body' has no parameter x, y; it takes at, seconds",
            ),
            (
                "stall",
                {"seconds": 301},
                "the wire fault 'stall': expected seconds (how long no byte comes) to be seconds from 0 to 300; got 301",
            ),
            (
                "chunked",
                {"size": 0},
                "the wire fault 'chunked': expected size (bytes of a chunk) to be a whole number from 1 to 2147483647; got 0",
            ),
            (
                "chunks_cut",
                {"at": 1.5},
                "the wire fault 'chunks_cut': expected at (after how much of the body) to be a fraction from 0.0 to 1.0 or "
                "an offset from 0 to 2147483647; got 1.5",
            ),
            (
                "split",
                {"at": []},
                "the wire fault 'split': expected at (where a chunk ends) to be one to 1000 of them, each a fraction from "
                "0.0 to 1.0 or an offset from 0 to 2147483647; got []",
            ),
        ],
    )
    def test_what_is_refused(self, name, parameters, message):
        with pytest.raises(ConfigError) as caught:
            Fault(name, **parameters)
        assert str(caught.value) == message

    @pytest.mark.parametrize(
        "value", [True, None, "1", -1, -0.1, float("nan"), float("inf"), 2**31, [1, "2"], [0.5] * 1001]
    )
    def test_values_that_are_no_positions(self, value):
        for name in ("split", "reset_in_body"):
            with pytest.raises(ConfigError):
                Fault(name, at=value)

    @pytest.mark.parametrize(("name", "parameters"), [("chunked", {"size": 1.0}), ("stall", {"seconds": float("nan")})])
    def test_values_that_are_no_measures(self, name, parameters):
        with pytest.raises(ConfigError):
            Fault(name, **parameters)


class TestStrategy:
    def minimal(self, strategy):
        from hypothesis import find

        return find(strategy, lambda _: True, settings=settings(database=None, max_examples=30))

    def test_it_shrinks_to_the_plainest(self):
        assert self.minimal(wire_faults()) == Fault("kept_open")
        assert self.minimal(wire_faults(verdict="invalid")) == Fault("closed_before_head")
        assert self.minimal(wire_faults(name="stall_in_body")) == Fault("stall_in_body", seconds=0.0)
        assert self.minimal(wire_faults(name="split")) == Fault("split")

    @pytest.mark.parametrize("name", FAULTS)
    def test_each_fault_can_be_drawn(self, name):
        assert self.minimal(wire_faults(name=name)).name == name

    @given(st.data())
    @settings(max_examples=50, database=None)
    def test_arguments_are_kept(self, data):
        verdict = data.draw(st.sampled_from(FAULT_VERDICTS))
        fault = data.draw(wire_faults(verdict=verdict, longest=0.25))
        assert fault.kind.verdict == verdict
        assert dict(fault.parameters).get("seconds", 0) <= 0.25

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"name": "teapot"}, "expected name to be one of kept_open, "),
            ({"verdict": "unusual"}, "expected verdict to be one of valid, invalid; got verdict='unusual'"),
            ({"name": "gzip", "verdict": "invalid"}, "gzip is valid; got name='gzip', verdict='invalid'"),
            ({"longest": -1}, "expected longest to be seconds from 0 to 300; got longest=-1"),
            ({"longest": True}, "expected longest to be seconds from 0 to 300; got longest=True"),
            ({"longest": "1"}, "expected longest to be seconds from 0 to 300; got longest='1'"),
        ],
    )
    def test_arguments_that_are_refused(self, arguments, message):
        with pytest.raises(InvalidArgument, match=re.escape(message)):
            self.minimal(wire_faults(**arguments))

    @given(fault=wire_faults(longest=0.01), size=st.integers(1, 3000))
    @settings(max_examples=60, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    def test_the_verdict_holds_for_a_real_client(self, shared, fault, size):
        """A valid fault loses nothing; an invalid one ends in an error of the client, or in what is no JSON."""
        content = {"created": 1, "data": ["x" * size]}
        body = json.dumps(content).encode()
        shared.answer(HTTPResponse(200, {"content-type": "application/json"}, body), fault=fault)
        connection = http.client.HTTPConnection(shared.url.split("/")[2], timeout=5)
        try:
            connection.request("POST", "/v1/images/generations", b"{}")
            response = connection.getresponse()
            data = response.read()
            if response.headers["content-encoding"] == "gzip":
                data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error, http.client.HTTPException):
            arrived = None
        else:
            arrived = data
        connection.close()
        assert (arrived == body) == (fault.kind.verdict == "valid")
