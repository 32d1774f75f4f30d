"""`LocalEndpoint`: the API as a user holds it."""

from __future__ import annotations

import re
import secrets
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pytest_imgresponse.api import api_errors
from pytest_imgresponse.api.api_errors import FAILURES, Failure
from pytest_imgresponse.api.headers import request_id, response_headers
from pytest_imgresponse.coercion import as_response
from pytest_imgresponse.endpoint import routes
from pytest_imgresponse.endpoint.framing import Delivery, deliverable
from pytest_imgresponse.endpoint.server import Server, encoder
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.faults import FAULTS, Fault
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

if TYPE_CHECKING:
    from pydantic import BaseModel

_PICTURES_KEPT = 256  # by url; the oldest is dropped first
_Queued = TypeVar("_Queued", Failure, Fault, Delivery)


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
        self._queue: deque[Failure | Fault | Delivery] = deque()
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
            next_failure=lambda: self._next(Failure),
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

        The body is content: no content-encoding, no content-length, but where an answer that was queued has them.
        What a wire fault does needs the socket; here it does nothing.
        """
        return self._delivery(request).response

    def _delivery(self, request: HTTPRequest) -> Delivery:
        with self._lock:
            self._requests.append(request)
        order = routes.is_order(request)
        if order and (queued := self._next(Delivery)) is not None:
            return queued
        response = routes.answer(request, self._desk)
        return Delivery(response, self._next(Fault) if order and response.status == 200 else None)

    def answer(
        self,
        response: HTTPResponse | BaseModel | dict[str, Any] | bytes,
        *,
        fault: Fault | str | None = None,
        times: int = 1,
    ) -> None:
        """Answers the next `times` POSTs to an images route with this response, whatever their key and body.

        It is an `HTTPResponse`, an `ImagesResponse` (ours or the official client's), a dict (the JSON of a 200) or
        bytes (its body); the latter three get the headers of the real API. It is sent as it is: status, headers,
        body. A content-length that is not the body's is sent too, and the connection is closed after it; without one
        the server frames the body. With a wire fault (`Fault`, or the name of one of `FAULTS`), that frames it. What
        `answer` and `fail` queue is given in the order of the calls.
        Raises `ConfigError` for what is no response, or cannot be sent, and for an unknown fault.
        """
        chosen = Fault(fault) if isinstance(fault, str) else fault
        self._enqueue(deliverable(as_response(response, "LocalEndpoint.answer()"), chosen), times)

    def fail(self, name: str, *, times: int = 1, **details: Any) -> None:
        """Makes the next `times` images requests, which have a good key and a readable body, fail.

        `name` is one of `invalid_api_key`, `moderation_blocked` (details: `stage`, `category`),
        `content_policy_violation`, `rate_limit_exceeded` (details: `retry_after` in seconds, `limit`),
        `billing_hard_limit_reached`, `organization_unverified`, `unknown_parameter` (detail: `parameter`),
        `invalid_model`, `server_error`; or a wire fault, one of `FAULTS` (details: its parameters), which the
        endpoint's own next good answer meets. A fault that spoils a kept connection spoils the client's next request on
        it too, before that reaches the endpoint.
        Raises `ConfigError` for other names and details.
        """
        if not isinstance(name, str):
            raise ConfigError(f"expected the name of an error or of a wire fault; got {name!r}")
        if name in FAULTS:
            self._enqueue(Fault(name, **details), times)
        elif name in FAILURES:
            self._enqueue(api_errors.failure(name, details), times)
        else:
            known = ", ".join(sorted(FAILURES))
            raise ConfigError(
                f"no error is called {name!r}; expected one of {known}, or a wire fault: {', '.join(FAULTS)}"
            )

    def _enqueue(self, queued: Failure | Fault | Delivery, times: int) -> None:
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise ConfigError(f"expected times to be 1 or more; got {times!r}")
        with self._lock:
            self._queue.extend([queued] * times)

    def _next(self, kind: type[_Queued]) -> _Queued | None:
        """The first in the queue where it is of this kind."""
        with self._lock:
            if self._queue and isinstance(queued := self._queue[0], kind):
                self._queue.popleft()
                return queued
        return None

    def _keep(self, path: str, picture: bytes) -> None:
        with self._lock:
            self._pictures.pop(path, None)
            self._pictures[path] = picture
            if len(self._pictures) > _PICTURES_KEPT:
                del self._pictures[next(iter(self._pictures))]

    def _kept(self, path: str) -> bytes | None:
        with self._lock:
            return self._pictures.get(path)

    def _ask(self, request: HTTPRequest) -> Delivery:
        """The answer for the server: an exception is kept for `stop` and answered with a 500."""
        try:
            return self._delivery(request)
        except Exception as bug:  # noqa: BLE001 - raised again by `stop`
            self._bugs.append(bug)
        identity = request_id()
        refused = FAILURES["server_error"].refusal({"request_id": identity})
        sent = response_headers(time.time(), identity, organization=None)
        return Delivery(HTTPResponse(500, sent, refused.body))
