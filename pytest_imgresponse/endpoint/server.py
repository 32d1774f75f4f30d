"""The server: a loopback socket, a thread for each connection, encodings, keep-alive."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import math
import os
import re
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pytest_imgresponse.api import api_errors
from pytest_imgresponse.api.headers import request_id, response_headers
from pytest_imgresponse.endpoint.fault_scripts import script_of
from pytest_imgresponse.endpoint.framing import Coding, Delivery, Encode, Script
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

BODY_LIMIT = 100 * 1024 * 1024
"""The largest request body in bytes; a larger one is answered 413 and thrown away."""

_GOODBYE_SECONDS = 0.5  # how long `stop` waits for threads that are busy drawing
_DRAIN_SECONDS = 1.0  # how long what follows a refusal is read
_LOCAL = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where what listens everywhere is reached
# SO_LINGER of 0 seconds: the connection is aborted, not closed. Windows' struct has shorts.
_RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


def encoder(name: str) -> Encode:
    """What compresses a body by a content coding of RFC 9110, section 8.4.1. Raises `ConfigError`."""
    if name == "gzip":
        return lambda body: gzip.compress(body, 1, mtime=0)
    if name == "deflate":
        return lambda body: zlib.compress(body, 1)
    if name == "br":
        brotli = _library(name, "brotli", "brotlicffi")
        return lambda body: bytes(brotli.compress(body, quality=1))
    if name == "zstd":
        zstandard = _library(name, "zstandard")
        return lambda body: bytes(zstandard.ZstdCompressor(level=1).compress(body))
    raise ConfigError(f"expected encodings among gzip, deflate, br, zstd; got {name!r}")


def _library(coding: str, *names: str) -> Any:
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ConfigError(
        f"the encoding {coding!r} needs {' or '.join(names)}, which is not installed: pip install {names[0]}"
        f", or leave {coding!r} out of `encodings`"
    )


class Server(ThreadingHTTPServer):
    """The socket and its threads. It waits for a connection without polling, so that `stop` is immediate.

    `ask` answers a request; what goes wrong in here is put into `bugs`. It listens on `host` and `port` (0: a free
    one), and raises `OSError` where it cannot.
    """

    request_queue_size = 128

    def __init__(
        self,
        ask: Callable[[HTTPRequest], Delivery],
        bugs: list[Exception],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        encoders: Mapping[str, Encode] | None = None,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)
        self.ask = ask
        self.encoders = encoders or {}
        self._reached = _LOCAL.get(host, host)
        named = f"[{self._reached}]" if ":" in self._reached else self._reached
        self.origin = f"{'http' if tls is None else 'https'}://{named}:{self.server_port}"
        self.stopping = threading.Event()
        self._bugs = bugs
        self._tls = tls
        self._resets: set[socket.socket] = set()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._listener = threading.Thread(target=self._listen, name="LocalEndpoint", daemon=True)

    def start(self) -> None:
        """Begins to answer."""
        self._listener.start()

    def stop(self) -> None:
        """Closes the port and every connection, and waits for their threads."""
        self.stopping.set()
        socket.create_connection((self._reached, self.server_port)).close()
        self._listener.join()
        self.server_close()
        connections = dict(self._connections)
        for connection in connections.values():
            # Of the plain class: SSLSocket's own shutdown would take TLS away from under the reading thread.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        deadline = time.monotonic() + _GOODBYE_SECONDS
        for thread in connections:
            thread.join(max(0, deadline - time.monotonic()))

    def server_bind(self) -> None:
        """Binds the socket, and asks no name service for its name."""
        socketserver.TCPServer.server_bind(self)
        self.server_port = self.socket.getsockname()[1]

    def _listen(self) -> None:
        while not self.stopping.is_set():
            self.handle_request()

    def get_request(self) -> tuple[socket.socket, Any]:
        """A new connection. Its own thread makes the TLS handshake, lest a silent client stop all others."""
        connection, address = super().get_request()
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """False for the connection with which `stop` wakes the listener."""
        return not self.stopping.is_set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Gives a connection its thread."""
        thread = threading.Thread(
            target=self._converse, args=(request, client_address), name="LocalEndpoint client", daemon=True
        )
        self._connections[thread] = request
        thread.start()

    def _converse(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            del self._connections[threading.current_thread()]

    def reset_at_end(self, connection: socket.socket) -> None:
        """Has a connection end in a reset (RST), and not in a close (FIN)."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._resets.add(connection)

    def shutdown_request(self, request: Any) -> None:
        """Ends a connection."""
        if request in self._resets:
            self._resets.discard(request)
            self.close_request(request)  # without the FIN that a shutdown sends
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keeps a bug. A client that went away or spoke no TLS (`OSError`) is not worth a line on stderr."""
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self._bugs.append(error)


class _TooLargeError(Exception):
    """A chunked body over `BODY_LIMIT`."""


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, asks the endpoint, writes answers."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was asked is in `LocalEndpoint.requests`."""

    def version_string(self) -> str:
        return "cloudflare"

    def handle_expect_100(self) -> bool:
        """Refuses a body that is too large before it is sent (RFC 9110, section 10.1.1)."""
        return not self._too_large() and super().handle_expect_100()

    def _too_large(self) -> bool:
        length = self.headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length[:20]) > BODY_LIMIT:
            self._refuse(413, f"Maximum content size limit ({BODY_LIMIT}) exceeded ({length[:20]} bytes)")
            return True
        return False

    def _refuse(self, status: int, message: str) -> None:
        """Answers a body that is not read, or cannot be, and ends the connection.

        What still comes is thrown away for a while: a client that is busy sending would not see the answer.
        """
        self.close_connection = True
        sent = response_headers(time.time(), request_id(), organization=None)
        self._send(Delivery(HTTPResponse(status, sent, api_errors.Refused(message).body)))
        self.connection.settimeout(_DRAIN_SECONDS)
        deadline = time.monotonic() + _DRAIN_SECONDS
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.connection, socket.SHUT_WR)
            while time.monotonic() < deadline and self.connection.recv(1 << 20):
                pass

    def _answer(self) -> None:
        if self._too_large():
            return
        try:
            body = self._body()
        except _TooLargeError:
            self._refuse(413, f"Maximum content size limit ({BODY_LIMIT}) exceeded")
            return
        except ValueError as error:
            self._refuse(400, f"Could not read the body of your request: {error}")
            return
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        request = HTTPRequest(self.command, self._url(), headers, body)
        self._send(self.server.ask(request))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815

    def _url(self) -> str:
        """The absolute URL that was asked for; its authority is the Host header's where that is one."""
        if re.match("https?://", self.path):
            return self.path
        scheme, _, own = self.server.origin.partition("://")
        host = self.headers.get("host", "")
        if not re.fullmatch(r"([\w.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]+)?", host, re.ASCII):
            host = own
        return f"{scheme}://{host}{self.path}"

    def _body(self) -> bytes:
        """The body of the request. Raises `ValueError` where it is not framed as RFC 9112, section 6 says."""
        codings = self.headers.get_all("transfer-encoding", [])
        lengths = self.headers.get_all("content-length", [])
        if codings:
            if [coding.strip().lower() for coding in codings] != ["chunked"] or lengths:
                raise ValueError("a transfer coding beside chunked, or a length beside one")
            return b"".join(self._chunks())
        if not lengths:
            return b""
        if len(lengths) > 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
            raise ValueError("no length, or two")
        return self._exactly(int(lengths[0]))

    def _chunks(self) -> Iterator[bytes]:
        total = 0
        while True:
            size = self.rfile.readline(1024).split(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size):
                raise ValueError("no chunk size")
            if not int(size, 16):
                break
            total += int(size, 16)
            if total > BODY_LIMIT:
                raise _TooLargeError
            yield self._exactly(int(size, 16))
            if self.rfile.readline(3) != b"\r\n":
                raise ValueError("a chunk that is longer than it says")
        while self.rfile.readline(65536).strip():
            pass

    def _exactly(self, size: int) -> bytes:
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionAbortedError("the client went away in the middle of its body")
        return body

    def _send(self, delivery: Delivery) -> None:
        """Writes an answer, and ends the connection where that is part of it."""
        script = script_of(
            delivery,
            keep=not self.close_connection,
            may_chunk=self.request_version == "HTTP/1.1",
            coding=self._coding(),
        )
        finished = self._perform(script)
        if finished and script.end == "reset":
            self.server.reset_at_end(self.connection)
        if not finished or script.end != "keep":
            self.close_connection = True

    def _perform(self, script: Script) -> bool:
        """Sends what there is to send; False where the endpoint stops meanwhile."""
        if script.before and self.server.stopping.wait(script.before):
            return False
        self.wfile.write(script.head)
        for step in () if self.command == "HEAD" else script.body:
            if isinstance(step, bytes):
                self.wfile.write(step)
            elif self.server.stopping.wait(step):
                return False
        return True

    def _coding(self) -> Coding | None:
        """The first coding offered that the client accepts (RFC 9110, section 12.5.3)."""
        weights: dict[str, float] = {}
        for item in ",".join(self.headers.get_all("accept-encoding", [])).split(","):
            name, _, weight = item.partition(";")
            found = re.fullmatch(r"\s*q\s*=\s*([0-9.]+)\s*", weight)
            try:
                weights[name.strip().lower()] = float(found[1]) if found else 1
            except ValueError:
                weights[name.strip().lower()] = math.nan
        offered = self.server.encoders.items()
        return next((coding for coding in offered if weights.get(coding[0], weights.get("*", 0)) > 0), None)
