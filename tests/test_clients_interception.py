"""Where clients meet the cassette: uploads, redirections, what passes by, what is cut, who asks when."""

import asyncio
import contextlib
import http.client
import io
import re
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3

from pytest_imgresponse import (
    CassetteInUseError,
    CassetteMissingError,
    LocalEndpoint,
    UnrecordableRequestError,
    UnrecordedRequestError,
    replay,
)
from pytest_imgresponse.clients import patches

ORDER = {"model": "dall-e-2", "prompt": "a red fox", "size": "256x256", "response_format": "b64_json"}
HEADERS = {"Authorization": "Bearer sk-live-0123456789abcdef"}


class Handler(BaseHTTPRequestHandler):
    """What an images API would not do: echoes, redirections, answers without an end."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"content_length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    def ask(self):
        body = self.body()
        self.server.asked.append((self.command, self.path, self.headers.get("content-type", ""), body))
        getattr(self, self.path.partition("?")[0].strip("/"))(body)

    do_GET = do_POST = do_HEAD = do_DELETE = ask

    def echo(self, body):
        self.answer(200, body, content_type="application/octet-stream")

    def numbered(self, body):
        self.answer(200, str(len(self.server.asked)).encode(), content_type="text/plain")

    def found(self, body):
        self.answer(302, b"over there", location="/moved?n=1")

    def moved(self, body):
        self.answer(303, location="/numbered")

    def kept(self, body):
        self.answer(307, location="/numbered")

    def framing(self, body):
        self.answer(200, self.headers.get("transfer-encoding", "at once").encode())

    def empty(self, body):
        self.answer(200)

    def nothing(self, body):
        self.answer(204, content_length=None)

    def picture(self, body):
        self.answer(200, b"\x89PNG\r\n\x1a\n" + bytes(100_000), content_type="image/png")

    def cut(self, body):
        self.close_connection = True
        self.answer(200, b'{"data": [', content_length=1000, content_type="application/json")

    def stalled(self, body):
        self.answer(200, b"the first piece", content_length=1000)
        self.server.released.wait(10)


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as made:
        made.asked, made.released = [], threading.Event()
        made.url = f"http://127.0.0.1:{made.server_port}"
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.released.set()
        made.shutdown()
        thread.join()


@pytest.fixture
def twice(tmp_path, server, request):
    """Does something twice: recorded from the server, and replayed without sockets."""

    def act_twice(act):
        with replay(tmp_path / "tape", record="once"):
            first = act(server.url)
        sent = len(server.asked)
        request.getfixturevalue("no_sockets")
        with replay(tmp_path / "tape"):
            second = act(server.url)
        assert len(server.asked) == sent > 0
        return first, second

    return act_twice


def run_aiohttp(use, **options):
    async def main():
        async with aiohttp.ClientSession(**options) as session:
            return await use(session)

    return asyncio.run(main())


# -- aiohttp: what is uploaded ----------------------------------------------------------------------------------------


def form(*fields):
    made = aiohttp.FormData()
    for name, value, options in fields:
        made.add_field(name, value, **options)
    return made


async def pieces():
    yield b"one "
    yield b"two"


def multipart(kind, *contents):
    writer = aiohttp.MultipartWriter(kind)
    for content in contents:
        writer.append(content)
    return writer


PNG = {"filename": "fox.png", "content_type": "image/png"}
UPLOADS = {
    "json": lambda path: {"json": ORDER},
    "a dict": lambda path: {"data": {"prompt": "a fox", "n": "1"}},
    "bytes": lambda path: {"data": b"\x00\xff"},
    "text": lambda path: {"data": "plain"},
    "a file": lambda path: {"data": path.open("rb")},
    "a dict with a file": lambda path: {"data": {"prompt": "a fox", "image": path.open("rb")}},
    "a form of text": lambda path: {"data": form(("prompt", "ein Füchslein", {}))},
    "a form with a file": lambda path: {"data": form(("prompt", "a fox", {}), ("image", path.open("rb"), PNG))},
    "a form with bytes": lambda path: {"data": form(("image", b"\x89PNG\r\n\x1a\nrest", PNG))},
    "a form with a generator": lambda path: {"data": form(("image", pieces(), PNG))},
    "a generator": lambda path: {"data": pieces()},
    "a multipart writer": lambda path: {"data": multipart("form-data", "a fox", b"\x00\xff")},
    "a multipart writer with a generator": lambda path: {"data": multipart("mixed", pieces())},
    "a large file": lambda path: {"data": {"image": io.BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(3_000_000))}},
    "nothing": lambda path: {},
}


class TestAiohttpUploads:
    @pytest.mark.parametrize("upload", UPLOADS)
    def test_what_is_sent_is_what_is_sent_without_a_cassette(self, tmp_path, server, request, upload):
        path = tmp_path / "fox.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))

        async def ask(session):
            async with session.post(f"{server.url}/echo", **UPLOADS[upload](path)) as response:
                return await response.read()

        run_aiohttp(ask)
        with replay(tmp_path / "tape", record="once"):
            first = run_aiohttp(ask)
        live, recorded = [
            re.sub(rb"[0-9a-f]{32}", b"boundary", b"%s\n%s" % (t.encode(), b)) for *_, t, b in server.asked
        ]
        assert recorded == live
        request.getfixturevalue("no_sockets")
        with replay(tmp_path / "tape"):
            second = run_aiohttp(ask)
        assert re.sub(rb"imgresponse-boundary|[0-9a-f]{32}", b"", second) == re.sub(rb"[0-9a-f]{32}", b"", first)

    def test_an_edit_is_recorded_and_replayed(self, tmp_path, request):
        import PIL.Image

        out = io.BytesIO()
        PIL.Image.new("RGBA", (64, 64), "red").save(out, "PNG")

        async def ask(session):
            fields = form(
                ("model", "gpt-image-1", {}),
                ("prompt", "a hat", {}),
                ("quality", "low", {}),
                ("image", out.getvalue(), PNG),
            )
            async with session.post(f"{api.url}/images/edits", data=fields, headers=HEADERS) as response:
                return response.status, await response.json()

        with LocalEndpoint() as api, replay(tmp_path / "tape", record="once"):
            first = run_aiohttp(ask)
        request.getfixturevalue("no_sockets")
        with replay(tmp_path / "tape"):
            second = run_aiohttp(ask)
        assert second == first
        assert first[0] == 200

    @pytest.mark.parametrize(
        "options", [{"skip_auto_headers": ["content-type"]}, {"headers": {"content-type": "application/x-own"}}]
    )
    @pytest.mark.parametrize("whose", ["session", "request"])
    def test_headers_are_those_that_were_asked_for(self, tmp_path, server, options, whose):
        async def ask(session):
            own = options if whose == "request" else {}
            async with session.post(f"{server.url}/echo", json=ORDER, **own):
                pass

        for_session = options if whose == "session" else {}
        run_aiohttp(ask, **for_session)
        with replay(tmp_path / "tape", record="once"):
            run_aiohttp(ask, **for_session)
        (_, _, live, _), (_, _, recorded, _) = server.asked
        assert recorded == live

    def test_two_bodies_are_refused_by_aiohttp_itself(self, tmp_path, server):
        with replay(tmp_path / "tape", record="once"), pytest.raises(ValueError, match="data and json"):
            run_aiohttp(lambda session: session.post(f"{server.url}/echo", json={}, data={"a": "b"}))
        assert not server.asked

    def test_a_base_url_is_kept_in_mind(self, twice):
        def act(url):
            async def ask(session):
                async with session.get("numbered", params={"n": 2}) as response:
                    return str(response.url), await response.read()

            return run_aiohttp(ask, base_url=f"{url}/")

        first, second = twice(act)
        assert second == first
        assert first[0].endswith("/numbered?n=2")

    def test_a_version_without_close_can_be_replayed(self, twice, monkeypatch, tmp_path):
        def act(url):
            async def ask(session):
                async with session.post(f"{url}/numbered", json=ORDER) as response:
                    return await response.read()

            return run_aiohttp(ask)

        first, _ = twice(act)
        monkeypatch.delattr(aiohttp.Payload, "close")
        with replay(tmp_path / "tape"):
            assert act("http://127.0.0.1") == first


class TestLibraries:
    @pytest.mark.parametrize("missing", ["aiohttp", "httpx", "httpx2"])
    def test_one_that_is_missing_is_not_missed(self, twice, monkeypatch, missing):
        monkeypatch.setitem(sys.modules, missing, None)
        first, second = twice(lambda url: requests.post(f"{url}/numbered", json=ORDER).content)
        assert second == first == b"1"

    def test_the_private_names_of_aiohttp_are_where_they_were(self):
        for name in (patches.AIOHTTP_REQUEST, patches.AIOHTTP_BUILD_URL):
            assert callable(getattr(aiohttp.ClientSession, name, None)), f"aiohttp.ClientSession has no {name}"


# -- other clients ----------------------------------------------------------------------------------------------------

PNG_BYTES = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
SENDERS = {
    "requests files": lambda url: requests.Session().post(url, data={"a": "b"}, files={"image": PNG_BYTES}).content,
    "requests generator": lambda url: requests.post(url, data=(piece for piece in (b"one ", b"two"))).content,
    "urllib3 fields": lambda url: urllib3.request("POST", url, fields={"a": "b", "i": ("f.png", PNG_BYTES)}).data,
    "urllib file": lambda url: urllib.request.urlopen(
        urllib.request.Request(url, io.BytesIO(PNG_BYTES), {"content-length": str(len(PNG_BYTES))})
    ).read(),
    "httpx files": lambda url: httpx.post(url, files={"image": ("f.png", PNG_BYTES, "image/png")}).content,
    "httpx generator": lambda url: httpx.post(url, content=iter([b"one ", b"two"])).content,
    "httpx2 files": lambda url: httpx2.post(url, files={"image": io.BytesIO(PNG_BYTES)}).content,
}


def over_iter_chunked(url):
    async def ask(session):
        async with session.get(url) as response:
            return b"".join([piece async for piece in response.content.iter_chunked(1000)])

    return run_aiohttp(ask)


def over_stream(package):
    def read(url):
        with package.stream("GET", url) as response:
            return b"".join(response.iter_bytes(1000))

    return read


def over_urllib3_stream(url):
    response = urllib3.request("GET", url, preload_content=False)
    content = b"".join(response.stream(1000))
    response.release_conn()
    return content


def over_urllib_stream(url):
    with urllib.request.urlopen(url) as response:
        return b"".join(iter(lambda: response.read(1000), b""))


READERS = {
    "httpx": over_stream(httpx),
    "httpx2": over_stream(httpx2),
    "requests": lambda url: b"".join(requests.get(url, stream=True).iter_content(1000)),
    "urllib3": over_urllib3_stream,
    "urllib.request": over_urllib_stream,
    "aiohttp": over_iter_chunked,
}


def headed(method):
    """Status, length and body by each client, for a method."""

    def by_aiohttp(url):
        async def ask(session):
            async with session.request(method, url) as response:
                return response.status, response.headers.get("content-length"), await response.read()

        return run_aiohttp(ask)

    def by_httpx(package):
        def ask(url):
            response = package.request(method, url)
            return response.status_code, response.headers.get("content-length"), response.content

        return ask

    def by_requests(url):
        response = requests.request(method, url)
        return response.status_code, response.headers.get("content-length"), response.content

    def by_urllib3(url):
        response = urllib3.request(method, url)
        return response.status, response.headers.get("content-length"), response.data

    def by_urllib(url):
        with urllib.request.urlopen(urllib.request.Request(url, method=method)) as response:
            return response.status, response.headers.get("content-length"), response.read()

    return {
        "aiohttp": by_aiohttp, "httpx": by_httpx(httpx), "httpx2": by_httpx(httpx2), "requests": by_requests,
        "urllib3": by_urllib3, "urllib.request": by_urllib,
    }  # fmt: skip


every_client = pytest.mark.parametrize("client", headed("GET"))


class TestBodies:
    @pytest.mark.parametrize("sender", SENDERS)
    def test_an_upload_is_recorded_and_replayed(self, twice, sender):
        first, second = twice(lambda url: SENDERS[sender](f"{url}/echo"))
        assert first
        assert len(second) >= len(first)  # its boundary was replaced

    @pytest.mark.parametrize("reader", READERS)
    def test_a_body_is_read_in_pieces(self, twice, reader):
        first, second = twice(lambda url: READERS[reader](f"{url}/picture"))
        assert second == first
        assert len(first) == 100_008

    @every_client
    @pytest.mark.parametrize(("method", "path"), [("HEAD", "picture"), ("DELETE", "nothing"), ("GET", "empty")])
    def test_an_answer_without_a_body(self, twice, client, method, path):
        first, second = twice(lambda url: headed(method)[client](f"{url}/{path}"))
        assert second == first
        assert first[2] == b""

    def test_what_is_no_bytes_is_refused_by_name_before_it_is_sent(self, tmp_path, server):
        connection = urllib3.HTTPConnectionPool("127.0.0.1", server.server_port)
        with (
            replay(tmp_path / "tape", record="once"),
            connection,
            pytest.raises(
                UnrecordableRequestError, match="a dict, which cannot be kept in a cassette; nothing was sent"
            ),
        ):
            connection.urlopen("POST", "/echo", body={"a": "b"}, retries=False)
        assert not server.asked

    def test_pieces_that_are_no_bytes_are_refused_by_name_before_they_are_sent(self, tmp_path, server):
        with (
            replay(tmp_path / "tape", record="once"),
            pytest.raises(UnrecordableRequestError, match="is in pieces that are no bytes"),
        ):
            requests.post(f"{server.url}/echo", data=(piece for piece in ("one", "two")))
        assert not server.asked

    @pytest.mark.parametrize("client", ["aiohttp", "requests", "httpx", "httpx2"])
    def test_redirections_are_followed_on_replay(self, twice, client, tmp_path):
        def act(url):
            if client == "aiohttp":

                async def ask(session):
                    async with session.post(f"{url}/found", data={"a": "b"}) as response:
                        return str(response.url), len(response.history), await response.read()

                return run_aiohttp(ask)
            options = {} if client == "requests" else {"follow_redirects": True}
            package = {"requests": requests, "httpx": httpx, "httpx2": httpx2}[client]
            response = package.post(f"{url}/found", data={"a": "b"}, **options)
            return str(response.url), len(response.history), response.content

        first, second = twice(act)
        assert second == first
        assert first[1:] == (2, b"3")
        assert (tmp_path / "tape.yaml").read_text().count("request:") == 3

    def test_a_redirection_of_aiohttp_that_keeps_the_method_is_followed_on_replay(self, twice):
        def act(url):
            async def ask(session):
                async with session.post(f"{url}/kept", data={"a": "b"}) as response:
                    return response.method, await response.read()

            return run_aiohttp(ask)

        first, second = twice(act)
        assert second == first == ("POST", b"2")

    def test_a_redirection_that_leads_out_of_the_cassette_is_refused(self, twice, tmp_path):
        def act(url, follow=False):
            async def ask(session):
                async with session.get(f"{url}/found", allow_redirects=follow) as response:
                    return response.status

            return run_aiohttp(ask)

        assert twice(act) == (302, 302)
        with replay(tmp_path / "tape"), pytest.raises(UnrecordedRequestError, match=r"GET .*/moved"):
            act("http://127.0.0.1", follow=True)


# -- what is cut ------------------------------------------------------------------------------------------------------


class TestAnAnswerThatIsCut:
    @every_client
    def test_is_the_clients_own_error_and_is_not_recorded(self, tmp_path, server, client):
        errors = {
            "aiohttp": aiohttp.ClientPayloadError,
            "httpx": httpx.RemoteProtocolError,
            "httpx2": httpx2.RemoteProtocolError,
            "requests": requests.RequestException,
            "urllib3": urllib3.exceptions.HTTPError,
            "urllib.request": http.client.IncompleteRead,
        }
        with replay(tmp_path / "tape", record="once") as recorder, pytest.raises(errors[client]):
            headed("POST")[client](f"{server.url}/cut")
        assert not recorder.requests
        assert not (tmp_path / "tape.yaml").exists()

    def test_is_not_recorded_as_empty_when_aiohttp_waits_in_vain(self, tmp_path, server):
        async def ask(session):
            async with session.post(f"{server.url}/stalled", timeout=aiohttp.ClientTimeout(sock_read=0.1)) as response:
                return await response.read()

        with replay(tmp_path / "tape", record="once") as recorder, pytest.raises(aiohttp.ClientConnectionError):
            run_aiohttp(ask)
        assert not recorder.requests
        assert not (tmp_path / "tape.yaml").exists()

    def test_can_be_asked_for_again(self, tmp_path, server):
        with replay(tmp_path / "tape", record="once") as recorder:
            with pytest.raises(httpx.RemoteProtocolError):
                httpx.get(f"{server.url}/cut")
            assert httpx.get(f"{server.url}/numbered").content == b"2"
        assert [request.url.rpartition("/")[2] for request in recorder.requests] == ["numbered"]


# -- what passes by ---------------------------------------------------------------------------------------------------


def wsgi_app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"in process"]


async def asgi_app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"in process"})


class TestPassingBy:
    @pytest.mark.parametrize("package", [httpx, httpx2], ids=lambda package: package.__name__)
    @pytest.mark.parametrize("transport", ["MockTransport", "WSGITransport"])
    def test_a_transport_within_the_process(self, tmp_path, no_sockets, package, transport):
        mock = package.MockTransport(lambda request: package.Response(200, content=b"in process"))
        chosen = mock if transport == "MockTransport" else package.WSGITransport(wsgi_app)
        with replay(tmp_path / "tape") as recorder, package.Client(transport=chosen) as client:
            assert client.get("http://api.example/v1").content == b"in process"
        assert not recorder.requests

    @pytest.mark.parametrize("package", [httpx, httpx2], ids=lambda package: package.__name__)
    @pytest.mark.parametrize("transport", ["MockTransport", "ASGITransport"])
    def test_an_async_transport_within_the_process(self, tmp_path, no_sockets, package, transport):
        mock = package.MockTransport(lambda request: package.Response(200, content=b"in process"))
        chosen = mock if transport == "MockTransport" else package.ASGITransport(asgi_app)

        async def main():
            async with package.AsyncClient(transport=chosen) as client:
                return (await client.get("http://api.example/v1")).content

        with replay(tmp_path / "tape", record="new_episodes") as recorder:
            assert asyncio.run(main()) == b"in process"
        assert not recorder.requests

    @every_client
    @pytest.mark.parametrize("mode", ["none", "once"])
    def test_an_ignored_host(self, tmp_path, server, client, mode):
        with replay(tmp_path / "tape", record=mode, ignore_hosts=["127.0.0.*"]) as recorder:
            status, _, body = headed("POST")[client](f"{server.url}/numbered")
        assert (status, body) == (200, b"1")
        assert not recorder.requests
        assert not (tmp_path / "tape.yaml").exists()

    @pytest.mark.parametrize("reader", ["httpx", "httpx2", "aiohttp"])
    def test_an_ignored_host_may_stream_without_an_end(self, tmp_path, server, reader):
        async def first_piece(session):
            async with session.get(f"{server.url}/stalled") as response:
                return await response.content.readany()

        with replay(tmp_path / "tape", ignore_hosts=["127.0.0.1"]):
            if reader == "aiohttp":
                assert run_aiohttp(first_piece) == b"the first piece"
            else:
                package = {"httpx": httpx, "httpx2": httpx2}[reader]
                with package.stream("GET", f"{server.url}/stalled") as response:
                    assert next(response.iter_raw()) == b"the first piece"

    def test_an_ignored_host_is_sent_a_stream_as_a_stream(self, tmp_path, server):
        async def ask(session):
            async with session.post(f"{server.url}/framing", data=multipart("mixed", pieces())) as response:
                return await response.read()

        with replay(tmp_path / "tape", ignore_hosts=["127.0.0.1"]):
            assert run_aiohttp(ask) == b"chunked"


# -- blocks, sessions and threads -------------------------------------------------------------------------------------


@contextlib.contextmanager
def session_of(client):
    """A function that asks for a URL, over connections that it keeps; closed at the end."""
    if client == "aiohttp":
        with asyncio.Runner() as runner:

            async def made():
                return aiohttp.ClientSession()

            session = runner.run(made())

            async def ask(url):
                async with session.get(url) as response:
                    return await response.read()

            yield lambda url: runner.run(ask(url))
            runner.run(session.close())
    elif client == "urllib.request":
        opener = urllib.request.build_opener()

        def ask_opener(url):
            with opener.open(url) as response:
                return response.read()

        yield ask_opener
    elif client == "urllib3":
        with urllib3.PoolManager() as pool:
            yield lambda url: pool.request("GET", url).data
    else:
        with {"requests": requests.Session, "httpx": httpx.Client, "httpx2": httpx2.Client}[client]() as session:
            yield lambda url: session.get(url).content


@pytest.fixture
def taped(tmp_path, server):
    """Records an answer under a name, and tells its number."""

    def record(name):
        with replay(tmp_path / name, record="once"):
            return httpx.get(f"{server.url}/numbered").content

    return record


class TestBlocks:
    @every_client
    def test_a_session_from_before_is_answered_within_and_goes_live_after(self, tmp_path, server, taped, client):
        taped("tape")
        with session_of(client) as ask:
            assert ask(f"{server.url}/numbered") == b"2"
            with replay(tmp_path / "tape"):
                assert ask(f"{server.url}/numbered") == b"1"
            assert ask(f"{server.url}/numbered") == b"3"

    @every_client
    @pytest.mark.parametrize("mode", ["none", "new_episodes"])
    def test_a_session_from_within_goes_live_after(self, tmp_path, server, taped, client, mode):
        taped("tape")
        with contextlib.ExitStack() as stack:
            with replay(tmp_path / "tape", record=mode):
                ask = stack.enter_context(session_of(client))
                assert ask(f"{server.url}/numbered") == b"1"
                if mode == "new_episodes":
                    assert ask(f"{server.url}/numbered") == b"2"
            live = ask(f"{server.url}/numbered")
        assert live == str(len(server.asked)).encode()

    @every_client
    def test_one_session_asks_twice_in_a_block(self, twice, client):
        def act(url):
            with session_of(client) as ask:
                return [ask(f"{url}/numbered") for _ in range(3)]

        assert twice(act) == ([b"1", b"2", b"3"], [b"1", b"2", b"3"])

    def test_a_connection_from_within_goes_live_after_and_records_nothing(self, tmp_path, server):
        with replay(tmp_path / "tape", record="once"):
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
        connection.request("GET", "/numbered")
        assert connection.getresponse().read() == b"1"
        connection.close()
        assert not (tmp_path / "tape.yaml").exists()

    def test_a_connection_may_be_opened_by_hand_at_any_time(self, twice):
        def act(url):
            connection = http.client.HTTPConnection(url.removeprefix("http://"))
            answers = []
            for opened in (True, False):
                connection.request("GET", "/numbered")
                if opened:
                    connection.connect()
                answers.append(connection.getresponse().read())
                connection.close()
                if opened:
                    connection.connect()
            return answers

        assert twice(act) == ([b"1", b"2"], [b"1", b"2"])

    def test_the_innermost_of_nested_blocks_answers(self, tmp_path, server, taped):
        taped("outer")
        taped("inner")
        url = f"{server.url}/numbered"
        with replay(tmp_path / "outer"):
            with replay(tmp_path / "inner"):
                assert httpx.get(url).content == b"2"
                with pytest.raises(UnrecordedRequestError, match=r"inner\.yaml"):
                    httpx.get(url)
            assert httpx.get(url).content == b"1"
        assert len(server.asked) == 2

    def test_blocks_follow_each_other(self, tmp_path, server, taped):
        names = [f"tape-{number}" for number in range(3)]
        recorded = [taped(name) for name in names]
        played = []
        for name in names:
            with replay(tmp_path / name):
                played.append(httpx.get(f"{server.url}/numbered").content)
        assert played == recorded

    def test_blocks_that_are_closed_out_of_order_do_no_harm(self, tmp_path, server, taped):
        taped("first")
        taped("second")
        first, second = replay(tmp_path / "first"), replay(tmp_path / "second")
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert httpx.get(f"{server.url}/numbered").content == b"2"
        second.__exit__(None, None, None)
        assert httpx.get(f"{server.url}/numbered").content == b"3"

    def test_nothing_stays_patched(self, tmp_path, taped):
        def patched():
            secure = http.client.HTTPSConnection
            named = (http.client.HTTPConnection, secure, secure.__init__)
            return (
                *named, aiohttp.ClientSession._request, httpx.HTTPTransport.handle_request,
                httpx2.AsyncHTTPTransport.handle_async_request, httpx.MockTransport.handle_request,
                urllib3.HTTPSConnectionPool.ConnectionCls,
            )  # fmt: skip

        before = patched()
        taped("tape")
        assert patched() == before

    def test_a_miss_names_the_cassette_and_leaves_the_next_block_alone(self, tmp_path, server, taped):
        with replay(tmp_path / "missing"), pytest.raises(CassetteMissingError, match=r"missing\.yaml"):
            httpx.get(f"{server.url}/numbered")
        assert taped("tape") == b"1"


def in_thread(act):
    """What a function gives or raises on another thread."""
    found = []

    def work():
        try:
            found.append(act())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=work, name="the other")
    thread.start()
    thread.join()
    return found[0]


class TestThreads:
    @every_client
    def test_a_worker_is_answered_from_the_cassette_of_the_main_thread(self, tmp_path, server, taped, client):
        taped("tape")
        with replay(tmp_path / "tape"):
            answer = in_thread(lambda: headed("GET")[client](f"{server.url}/numbered"))
        assert answer[2] == b"1"
        assert len(server.asked) == 1

    def test_a_second_block_on_another_thread_is_refused_and_the_first_goes_on(self, tmp_path, server, taped):
        taped("tape")

        def second():
            with replay(tmp_path / "other", record="once"):
                raise AssertionError("it was opened")

        with replay(tmp_path / "tape", record="new_episodes"):
            error = in_thread(second)
            assert isinstance(error, CassetteInUseError)
            assert "'the other'" in str(error)
            assert "'MainThread'" in str(error)
            assert httpx.get(f"{server.url}/numbered").content == b"1"
            assert in_thread(lambda: httpx.get(f"{server.url}/numbered").content) == b"2"
        assert isinstance(in_thread(second), AssertionError), "after it, another thread may"
