"""`LocalEndpoint`: the API as a user holds it."""

from __future__ import annotations

import re
import secrets
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from pytest_imgresponse import answers
from pytest_imgresponse.answers import Failure
from pytest_imgresponse.endpoint import routes
from pytest_imgresponse.endpoint.server import Server, encoder
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

_PICTURES_KEPT = 256  # by url; the oldest is dropped first


class LocalEndpoint:
    """An OpenAI-compatible images API on the loopback.

        with LocalEndpoint() as api:
            client = OpenAI(base_url=api.url, api_key="anything")

    Without `api_key` any key is good that does not start with `sk-bad`; with it, only that one. `encodings`
    are the content codings offered, the preferred first (gzip, deflate, br, zstd). With `ssl_context`, a
    server-side context, it speaks HTTPS. `organization` is named in headers and messages; `clock` gives the
    time in Unix seconds, by which pictures' urls expire. Raises `ConfigError` for a wrong encoding or
    organisation.

    Pictures depend on the request alone: the same request twice gives the same bytes. A prompt with the word
    "unsafe" is blocked by moderation. An exception in here (a broken `clock`, a bug) is answered with a 500
    and raised again by `stop()` or at the end of the `with` block.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        encodings: Sequence[str] = ("gzip",),
        ssl_context: ssl.SSLContext | None = None,
        organization: str = "org-local0123456789",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not re.fullmatch(r"[\w.-]+", organization, re.ASCII):
            raise ConfigError(f"expected an organization of letters, digits, '_', '-' and '.'; got {organization!r}")
        self._encoders = {name: encoder(name) for name in encodings}
        self._tls = ssl_context
        self._lock = threading.Lock()
        self._requests: list[HTTPRequest] = []
        self._failures: deque[tuple[Failure, Mapping[str, Any]]] = deque()
        self._pictures: dict[str, bytes] = {}
        self._bugs: list[Exception] = []
        self._server: Server | None = None
        self._origin: str | None = None
        self._desk = routes.Desk(
            api_key=api_key,
            organization=organization,
            secret=secrets.token_bytes(32),
            clock=clock,
            keep=self._keep,
            kept=self._kept,
            next_failure=self._next_failure,
        )

    @property
    def url(self) -> str:
        """The base URL for a client; it ends in `/v1` and is kept after `stop`.

        Raises `ConfigError` before `start`.
        """
        if self._origin is None:
            raise ConfigError("this LocalEndpoint has not started: use `with LocalEndpoint() as api:` or `start()`")
        return f"{self._origin}/v1"

    @property
    def requests(self) -> tuple[HTTPRequest, ...]:
        """All requests so far, in order of arrival, those for pictures by url and those refused among them.

        What is no HTTP, or larger than `BODY_LIMIT`, is answered and not listed.
        """
        with self._lock:
            return tuple(self._requests)

    def start(self) -> Self:
        """Listens on a free port of 127.0.0.1; does nothing while it runs."""
        if self._server is None:
            self._server = Server(self._ask, self._bugs, tls=self._tls, encoders=self._encoders)
            self._origin = self._server.origin
            self._server.start()
        return self

    def stop(self) -> None:
        """Closes the port and every connection; does nothing when it is stopped already.

        Raises the first exception that was answered with a 500 since it started.
        """
        server, self._server = self._server, None
        if server is not None:
            server.stop()
        bugs = list(self._bugs)
        self._bugs.clear()
        if bugs:
            raise bugs[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except Exception as bug:
            if error is None:
                raise
            error.add_note(f"LocalEndpoint answered a request with a 500, because of {bug!r}")

    def handle(self, request: HTTPRequest) -> HTTPResponse:
        """The answer to a request, without a socket: to serve it in another way. It is listed in `requests`.

        The body is content: no content-encoding, no content-length.
        """
        with self._lock:
            self._requests.append(request)
        return routes.answer(request, self._desk)

    def fail(self, name: str, *, times: int = 1, **details: Any) -> None:
        """Makes the next `times` images requests, which have a good key and a readable body, fail.

        `name` is one of `invalid_api_key`, `moderation_blocked` (details: `stage`, `category`),
        `content_policy_violation`, `rate_limit_exceeded` (details: `retry_after` in seconds, `limit`),
        `billing_hard_limit_reached`, `organization_unverified`, `server_error`.
        Raises `ConfigError` for other names and details.
        """
        queued = answers.failure(name, details)
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise ConfigError(f"expected times to be 1 or more; got {times!r}")
        with self._lock:
            self._failures.extend([queued] * times)

    def _next_failure(self) -> tuple[Failure, Mapping[str, Any]] | None:
        with self._lock:
            return self._failures.popleft() if self._failures else None

    def _keep(self, path: str, picture: bytes) -> None:
        with self._lock:
            self._pictures.pop(path, None)
            self._pictures[path] = picture
            if len(self._pictures) > _PICTURES_KEPT:
                del self._pictures[next(iter(self._pictures))]

    def _kept(self, path: str) -> bytes | None:
        with self._lock:
            return self._pictures.get(path)

    def _ask(self, request: HTTPRequest) -> HTTPResponse:
        """`handle` for the server: an exception is kept for `stop` and answered with a 500."""
        try:
            return self.handle(request)
        except Exception as bug:  # noqa: BLE001 - raised again by `stop`
            self._bugs.append(bug)
        identity = answers.request_id()
        refused = answers.FAILURES["server_error"].refusal({"request_id": identity})
        sent = answers.headers(time.time(), identity, organization=None)
        return HTTPResponse(500, sent, answers.pretty({"error": refused.body}))
