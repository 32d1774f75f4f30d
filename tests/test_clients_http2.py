"""HTTP/2, by the clients that speak it: recorded from hypercorn with TLS and ALPN, replayed without it."""

import asyncio
import socket
import ssl
import threading

import httpx
import httpx2
import pytest
import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config

from pytest_imgresponse import HTTPRequest, LocalEndpoint, replay

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
    assert server.versions == ["2"]


def test_what_was_recorded_over_http2_is_replayed_to_a_client_of_http1(tmp_path, request):
    with Http2Endpoint(tmp_path) as server, replay(tmp_path / "tape", record="once"):
        first = by_client(httpx)(server.url, server.tls)
    request.getfixturevalue("no_sockets")
    with replay(tmp_path / "tape"):
        second = httpx2.post(f"{server.url}/images/generations", json=ORDER)
    assert second.content == first.content
