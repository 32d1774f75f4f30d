"""What is replaced in the clients: set while a session is open, and gone after it, whoever else patches them too."""

import contextlib
import gc
import http.client
import importlib
import socket
import sys
import threading
import urllib.request
import weakref
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3
import vcr

from pytest_imgresponse import replay, stub
from pytest_imgresponse.clients.interception import _PLAYERS
from pytest_imgresponse.clients.patches import _CLIENTS

ANSWER = {"created": 1, "data": []}


class Handler(BaseHTTPRequestHandler):
    """Counts what it is asked; `/stream` sends its second event when `/go` was asked for, or after a while."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/stream":
            self.send_response(200)
            self.send_header("content-length", "24")
            self.end_headers()
            self.wfile.write(b"data: first\n")
            self.wfile.flush()
            told = self.server.go.wait(3)
            self.wfile.write(b"data: told \n" if told else b"data: late \n")
            return
        if self.path == "/go":
            self.server.go.set()
        content = str(len(self.server.asked)).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.asked, made.go = [], threading.Event()
        made.url = f"http://127.0.0.1:{made.server_port}"
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def tape(tmp_path, server):
    """A cassette that holds one answer, b"1"."""
    with replay(tmp_path / "tape", record="once"):
        assert httpx.get(f"{server.url}/numbered").content == b"1"
    return tmp_path / "tape"


def attributes():
    """What the clients hold themselves; an inherited attribute is not there."""
    owners = (
        http.client, http.client.HTTPSConnection, urllib3.connection, urllib3.connectionpool, urllib3.Retry,
        urllib3.HTTPConnectionPool, urllib3.HTTPSConnectionPool, aiohttp.ClientSession, vcr.patch,
        *(getattr(package, name) for package in (httpx, httpx2) for name in package.__all__ if "Transport" in name),
    )  # fmt: skip
    return [dict(vars(owner)) for owner in owners]


def test_after_a_marked_test_a_stream_of_an_unmarked_one_arrives_event_by_event(suite, server, monkeypatch):
    """Over requests: vcrpy's connection of `http.client` would read the whole answer before it hands on a byte."""
    monkeypatch.setenv("STREAMED", server.url)
    suite.write(
        """
        import requests
        session = requests.Session()

        @pytest.mark.imgresponse(ignore_hosts=["127.0.0.1"])
        def test_marked():
            assert session.get(os.environ["STREAMED"] + "/numbered").content == b"1"

        def test_unmarked():
            with session.get(os.environ["STREAMED"] + "/stream", stream=True) as response:
                lines = response.iter_lines(chunk_size=1)
                assert next(lines) == b"data: first"
                requests.get(os.environ["STREAMED"] + "/go")
                assert next(lines) == b"data: told "
        """
    )
    suite.run().outcomes(passed=2)


class TestWhatIsThereAfterwards:
    def test_is_what_was_there_before(self, tape, server):
        before = attributes()
        for _ in range(2):
            with replay(tape):
                assert attributes() != before
                assert requests.get(f"{server.url}/numbered").content == b"1"
            assert attributes() == before

    def test_is_a_mock_that_was_there_before(self, tape, server):
        before = attributes()
        with mock.patch.object(urllib3.HTTPConnectionPool, "_new_conn", side_effect=ConnectionError) as mocked:
            with replay(tape):
                assert httpx.get(f"{server.url}/numbered").content == b"1"
                with pytest.raises(urllib3.exceptions.ProtocolError):  # vcrpy's patch calls what it found
                    urllib3.request("GET", server.url, retries=False)
            assert urllib3.HTTPConnectionPool._new_conn is mocked
        with replay(tape):
            assert urllib3.request("GET", f"{server.url}/numbered").data == b"1"
        assert attributes() == before

    def test_is_no_mock_that_was_taken_away_meanwhile(self, tape):
        before = attributes()
        mocked = mock.patch.object(httpx.HTTPTransport, "handle_request")
        mocked.start()
        with replay(tape):
            mocked.stop()
        assert attributes() == before

    def test_is_a_mock_that_was_put_there_meanwhile(self, tape):
        mocked = mock.patch.object(urllib3.Retry, "sleep")
        with replay(tape):
            sleep = mocked.start()
        assert urllib3.Retry.sleep is sleep
        mocked.stop()

    def test_is_a_cassette_of_vcrpy_that_was_open_before(self, tape, tmp_path, server):
        before = attributes()
        with vcr.use_cassette(str(tmp_path / "theirs.yaml")) as theirs:
            with replay(tape):
                assert requests.get(f"{server.url}/numbered").content == b"1"
            assert requests.get(f"{server.url}/numbered").content == b"2"
        assert [request.path for request in theirs.requests] == ["/numbered"]
        with replay(tape):
            assert requests.get(f"{server.url}/numbered").content == b"1"
        assert len(theirs) == 1
        assert attributes() == before

    def test_is_nothing_of_a_cassette_of_vcrpy_that_was_opened_within(self, tape, tmp_path, server):
        before = attributes()
        with replay(tape):
            with vcr.use_cassette(str(tmp_path / "theirs.yaml")):
                assert requests.get(f"{server.url}/theirs").content == b"2"
            assert requests.get(f"{server.url}/numbered").content == b"1"
        assert attributes() == before

    def test_keeps_no_pool_of_a_client_alive(self, tape, server):
        with replay(tape):
            with urllib3.PoolManager() as manager:
                manager.request("GET", f"{server.url}/numbered")
                pool = weakref.ref(manager.connection_from_url(server.url))
            assert pool() is not None
        del manager
        gc.collect()
        assert pool() is None


class TestAClient:
    def test_that_is_imported_anew_is_answered(self, tape, server, no_sockets, monkeypatch):
        with replay(tape):  # what is replaced is known by then
            assert httpx.get(f"{server.url}/numbered").content == b"1"
        for name in [name for name in sys.modules if name.partition(".")[0] == "httpx"]:
            monkeypatch.delitem(sys.modules, name)
        anew = importlib.import_module("httpx")
        assert anew is not httpx
        with replay(tape):
            assert anew.get(f"{server.url}/numbered").content == b"1"

    def test_that_could_not_be_imported_before_is_answered(self, tape, server, no_sockets, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "httpx2", None)
            with replay(tape):
                assert requests.get(f"{server.url}/numbered").content == b"1"
        with replay(tape):
            assert httpx2.get(f"{server.url}/numbered").content == b"1"


class TestWhileOneThreadSends:
    def test_another_is_answered(self, tape, server, monkeypatch):
        """vcrpy takes its patches away, for all threads, until the request of one is sent."""
        connecting, connect, answers = threading.Event(), threading.Event(), []
        create = socket.create_connection

        def slow(*arguments, **options):
            connecting.set()
            assert connect.wait(5)
            return create(*arguments, **options)

        def read(path):
            with urllib.request.urlopen(f"{server.url}{path}") as response:
                return response.read()

        monkeypatch.setattr(socket, "create_connection", slow)
        with replay(tape, record="new_episodes"):
            sending = threading.Thread(target=lambda: answers.append(read("/new")))
            sending.start()
            assert connecting.wait(5)
            try:
                assert read("/numbered") == b"1"
            finally:
                connect.set()
                sending.join()
        assert answers == [b"2"]
        assert server.asked == ["/numbered", "/new"]

    def test_vcrpy_takes_its_patches_away_by_the_name_that_we_replace(self, monkeypatch):
        """Else what is replaced for it is of no use any more."""
        resets = []

        @contextlib.contextmanager
        def reset():
            resets.append("reset")
            yield

        monkeypatch.setattr(vcr.patch, "force_reset", reset)
        assert vcr.stubs.VCRHTTPConnection("api.example").real_connection.host == "api.example"
        assert resets == ["reset"]

    def test_a_class_finds_itself_by_a_name_that_vcrpy_patches(self, monkeypatch):
        """Else its `__init__` need not be replaced."""
        real = http.client.HTTPSConnection
        assert vcr.stubs.HTTPSConnection is real
        monkeypatch.setattr(http.client, "HTTPSConnection", vcr.stubs.VCRHTTPSConnection)
        with pytest.raises(TypeError, match="super"):
            real("api.example")
        with stub(ANSWER):
            assert type(http.client.HTTPSConnection("api.example").real_connection) is real


def test_every_module_in_which_vcrpy_patches_something_is_watched():
    """One that is imported anew, or for the first time, has to be patched too: it must be on the list."""
    with stub(ANSWER):
        patched = {getattr(patch.owner, "__module__", patch.owner.__name__) for patch in _PLAYERS._patches._patches}
    others = {name for name in patched if not name.startswith("vcr.")}
    assert {"urllib3.connectionpool", "aiohttp.client", "http.client"} <= others
    watched = {sys.modules[name] for name in _CLIENTS if name in sys.modules}
    roots = {module.__name__.partition(".")[0] for module in watched}
    # What is replaced in those two marks servers; they are there from the start.
    assert {name.partition(".")[0] for name in others} <= roots | {"asyncio", "threading"}
