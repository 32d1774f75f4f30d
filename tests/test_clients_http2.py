"""HTTP/2, by the clients that speak it: recorded from hypercorn with TLS and ALPN, replayed without it."""

import asyncio
import socket
import ssl
import threading

import aiohttp
import httpx
import httpx2
import pytest
import requests
import trustme
import vcr
from hypercorn.asyncio import serve
from hypercorn.config import Config

from pytest_imgresponse import HTTPRequest, HTTPResponse, ImagePersister, LocalEndpoint, replay, stub

ORDER = {"model": "dall-e-2", "prompt": "a red fox", "size": "256x256", "response_format": "b64_json"}
HEADERS = {"Authorization": "Bearer sk-live-0123456789abcdef"}


class Http2Endpoint:
    """A LocalEndpoint behind hypercorn; `versions` are those of the requests."""

    def __init__(self, folder):
        authority = trustme.CA()
        leaf = authority.issue_cert("127.0.0.1")
        self.api = LocalEndpoint()
        self.versions = []
        self.tls = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
        self._config = Config()
        self._config.certfile, self._config.keyfile = str(folder / "cert.pem"), str(folder / "key.pem")
        leaf.cert_chain_pems[0].write_to_path(self._config.certfile)
        leaf.private_key_pem.write_to_path(self._config.keyfile)
        self._config.loglevel = "CRITICAL"

    async def _app(self, scope, receive, send):
        if scope["type"] != "http":
            return
        self.versions.append(scope["http_version"])
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        host = dict(headers)["host"]
        answer = self.api.handle(HTTPRequest(scope["method"], f"https://{host}{scope['path']}", headers, body))
        sent = [(name.encode(), value.encode()) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": sent})
        await send({"type": "http.response.body", "body": answer.body})

    def __enter__(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
        self._config.bind = [f"fd://{listener.detach()}"]
        self._loop, self._stopped = asyncio.new_event_loop(), asyncio.Event()
        serving = serve(self._app, self._config, shutdown_trigger=self._stopped.wait, mode="asgi")
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(serving,))
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop.close()


def by_client(package):
    def ask(url, tls):
        with package.Client(http2=True, verify=tls, headers=HEADERS) as client:
            return client.post(f"{url}/images/generations", json=ORDER)

    return ask


def by_async_client(package):
    def ask(url, tls):
        async def main():
            async with package.AsyncClient(http2=True, verify=tls, headers=HEADERS) as client:
                return await client.post(f"{url}/images/generations", json=ORDER)

        return asyncio.run(main())

    return ask


@pytest.mark.parametrize("kind", [by_client, by_async_client])
@pytest.mark.parametrize("package", [httpx, httpx2], ids=lambda package: package.__name__)
def test_what_was_recorded_over_http2_is_replayed(tmp_path, request, kind, package):
    ask = kind(package)
    with Http2Endpoint(tmp_path) as server, replay(tmp_path / "tape", record="once"):
        first = ask(server.url, server.tls)
    assert (first.http_version, server.versions) == ("HTTP/2", ["2"])
    request.getfixturevalue("no_sockets")
    with replay(tmp_path / "tape"):
        second = ask(server.url, server.tls)
    assert (second.status_code, second.reason_phrase) == (first.status_code, first.reason_phrase) == (200, "OK")
    assert second.content == first.content
    assert second.http_version == "HTTP/2"
    assert server.versions == ["2"]


def test_what_was_recorded_over_http2_is_replayed_to_a_client_of_http1(tmp_path, request):
    with Http2Endpoint(tmp_path) as server, replay(tmp_path / "tape", record="once"):
        first = by_client(httpx)(server.url, server.tls)
    request.getfixturevalue("no_sockets")
    with replay(tmp_path / "tape"):
        second = httpx2.post(f"{server.url}/images/generations", json=ORDER)
    assert second.content == first.content


def test_a_cassette_of_http2_is_one_of_plain_vcrpy(tmp_path):
    with Http2Endpoint(tmp_path) as server, replay(tmp_path / "tape", record="once"):
        first = by_client(httpx)(server.url, server.tls)
    assert (tmp_path / "tape.yaml").read_text().count("http_version: HTTP/2\n") == 1
    with vcr.use_cassette(str(tmp_path / "tape.yaml"), record_mode="none"):
        second = httpx.post("https://127.0.0.1/v1/images/generations", json=ORDER)
    assert (second.status_code, second.json()["created"]) == (200, first.json()["created"])
    # And where plain vcrpy has loaded and saved it, the version is still there.
    my_vcr = vcr.VCR(record_mode="new_episodes")
    my_vcr.register_persister(ImagePersister)
    with my_vcr.use_cassette(str(tmp_path / "tape.yaml")) as tape:
        tape.dirty = True
    assert (tmp_path / "tape.yaml").read_text().count("http_version: HTTP/2\n") == 1


def test_a_version_belongs_to_its_own_answer(tmp_path, api):
    """Not to one of another client, nor to the next request after one that broke off."""
    with Http2Endpoint(tmp_path) as server, replay(tmp_path / "tape", record="once"):
        by_client(httpx)(server.url, server.tls)
        with pytest.raises(httpx.ConnectError):
            httpx.get("http://127.0.0.1:9/")
        requests.post(f"{api.url}/images/generations", json=ORDER, headers=HEADERS, timeout=5)
        httpx.post(f"{api.url}/images/generations", json=ORDER, headers=HEADERS)
    assert (tmp_path / "tape.yaml").read_text().count("http_version") == 1
    with replay(tmp_path / "tape"):
        assert by_client(httpx2)(server.url, server.tls).http_version == "HTTP/2"
        for _ in range(2):
            assert httpx.post(f"{api.url}/images/generations", json=ORDER).http_version == "HTTP/1.1"


def test_a_stub_may_say_which_version_it_speaks():
    with stub(HTTPResponse(200, {}, b"", http_version="HTTP/3"), HTTPResponse(200, {}, b"")):
        url = "https://api.openai.com/v1/images/generations"
        assert httpx.post(url).http_version == "HTTP/3"
        assert requests.post(url, timeout=5).status_code == 200


def test_aiohttp_speaks_http1(tmp_path, api):
    async def ask():
        async with aiohttp.ClientSession() as session, session.get(f"{api.url}/models", headers=HEADERS) as response:
            return response.version

    for mode in ("once", "none"):
        with replay(tmp_path / "tape", record=mode):
            assert asyncio.run(ask()) == aiohttp.HttpVersion11
