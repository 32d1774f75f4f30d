"""Where vcrpy meets our sessions: one vcrpy cassette, installed while any session is open.

vcrpy patches the clients and asks its cassette; ours hands each question to the innermost session. Of vcrpy
only public names are used. Two private ones of aiohttp's `ClientSession` are unavoidable: `_request`, which
vcrpy patches as well, and `_build_url`, since vcrpy leaves out the session's base URL.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import RLock, current_thread
from typing import Any
from unittest import mock

from vcr.cassette import Cassette
from vcr.request import Request as VcrRequest

from pytest_imgresponse.cassette.session import Session, Ticket
from pytest_imgresponse.errors import CassetteInUseError, UnrecordableRequestError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

# Requests that never leave the process are not the image API's business, though vcrpy patches them too.
_IN_PROCESS = (
    ("ASGITransport", "handle_async_request"),
    ("WSGITransport", "handle_request"),
    ("MockTransport", "handle_request"),
    ("MockTransport", "handle_async_request"),
)
AIOHTTP_REQUEST = "_request"
AIOHTTP_BUILD_URL = "_build_url"


@dataclass(frozen=True)
class _Open:
    session: Session
    thread: str
    thread_id: int | None


class _Sessions:
    """The open sessions of this process, the innermost last, and the patches that serve them."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._open: list[_Open] = []
        self._patches = ExitStack()

    def innermost(self) -> Session | None:
        with self._lock:
            return self._open[-1].session if self._open else None

    def enter(self, session: Session) -> None:
        thread = current_thread()
        with self._lock:
            if self._open and self._open[-1].thread_id != thread.ident:
                other = self._open[-1]
                raise CassetteInUseError(
                    f"{session.path} cannot be opened on thread {thread.name!r}: {other.session.path} is open on "
                    f"thread {other.thread!r}, and one cassette is active per process at a time, for all its "
                    f"threads; close that one first, or let both threads use it"
                )
            if not self._open:
                self._patches = _patches()
            self._open.append(_Open(session, thread.name, thread.ident))

    def leave(self, session: Session) -> None:
        with self._lock:
            self._open = [entry for entry in self._open if entry.session is not session]
            if not self._open:
                self._patches.close()


_SESSIONS = _Sessions()


@contextmanager
def opened(session: Session) -> Iterator[None]:
    """The session answers the clients of this process. Raises `CassetteInUseError`."""
    _SESSIONS.enter(session)
    try:
        yield
    finally:
        _SESSIONS.leave(session)


class SessionCassette(Cassette):  # type: ignore[misc]
    """The cassette that vcrpy asks. It keeps nothing itself, so vcrpy has nothing to load or save."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._tickets: dict[int, tuple[VcrRequest, Session, Ticket]] = {}

    @classmethod
    def load(cls, **options: Any) -> SessionCassette:
        """A new one: there is no file."""
        return cls(**options)

    @property
    def write_protected(self) -> bool:
        """Never for vcrpy: what may not be recorded has raised when it was asked for."""
        return False

    def filter_request(self, request: VcrRequest) -> VcrRequest | None:
        """None for a request that passes by."""
        session = _SESSIONS.innermost()
        return None if session is None or session.ignores(request.host) else request

    def can_play_response_for(self, request: VcrRequest) -> bool:
        """Whether a recorded answer is set aside for this very request; raises where none is and none may be."""
        if id(request) in self._tickets:
            return self._tickets[id(request)][2].played is not None
        session = _SESSIONS.innermost()
        if session is None or session.ignores(request.host):
            return False
        ticket = session.ask(from_vcr_request(request))
        self._tickets[id(request)] = (request, session, ticket)
        return ticket.played is not None

    def play_response(self, request: VcrRequest) -> dict[str, Any]:
        """The answer that was set aside."""
        _, session, ticket = self._tickets.pop(id(request))
        return to_vcr_response(session.play(ticket))

    def append(self, request: VcrRequest, response: dict[str, Any]) -> None:
        """Record a complete answer."""
        known = self._tickets.pop(id(request), None)
        if known is not None:
            _, session, ticket = known
        else:  # a step of a redirection that aiohttp followed, or a request that passes by
            innermost = _SESSIONS.innermost()
            if innermost is None or innermost.ignores(request.host):
                return
            session, ticket = innermost, innermost.redirected(from_vcr_request(request))
        session.record(ticket, from_vcr_response(response))

    def find_requests_with_most_matches(self, request: VcrRequest) -> list[tuple[VcrRequest, list[Any], list[Any]]]:
        """The recorded steps of a redirection to this URL; vcrpy asks for them on behalf of aiohttp."""
        session = _SESSIONS.innermost()
        steps = session.recorded_for(request.uri) if session is not None else []
        found = [VcrRequest(s.method, request.uri, s.body or None, dict(s.headers)) for s in steps]
        return [(step, [], []) for step in found or [request]]


def _patches() -> ExitStack:
    with ExitStack() as stack:
        kept = [
            (transport, name, vars(transport)[name])
            for package in (sys.modules.get("httpx"), sys.modules.get("httpx2"))
            for owner, name in _IN_PROCESS
            if package is not None and name in vars(transport := getattr(package, owner))
        ]
        stack.enter_context(SessionCassette.use(path="imgresponse"))
        for transport, name, original in kept:
            stack.enter_context(mock.patch.object(transport, name, original))
        if (aiohttp := sys.modules.get("aiohttp")) is not None:
            session = aiohttp.ClientSession
            stack.enter_context(
                mock.patch.object(session, AIOHTTP_REQUEST, _encoding(getattr(session, AIOHTTP_REQUEST)))
            )
        return stack.pop_all()


def from_vcr_request(request: VcrRequest) -> HTTPRequest:
    """A request as vcrpy has it. Raises `UnrecordableRequestError` for a body that is no bytes."""
    body = request.body_bytes
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes | bytearray | memoryview | None):
        raise UnrecordableRequestError(
            f"the body of {request.method} {request.uri} is a {type(body).__name__}, which cannot be kept in a "
            f"cassette; nothing was sent. Send bytes, a file, or a form"
        )
    headers = [
        (name, value.decode("latin-1") if isinstance(value, bytes) else str(value))
        for name, value in request.headers.items()
    ]
    return HTTPRequest(request.method, request.uri, headers, bytes(body or b""))


def from_vcr_response(response: dict[str, Any]) -> HTTPResponse:
    """A response as vcrpy has it."""
    headers = [(str(name), str(value)) for name, values in response["headers"].items() for value in values]
    status = response["status"]
    return HTTPResponse(status["code"], headers, response["body"].get("string") or b"", reason=status["message"] or "")


def to_vcr_response(response: HTTPResponse) -> dict[str, Any]:
    """A response as vcrpy wants it."""
    headers: dict[str, list[str]] = {}
    for name, value in response.headers:
        headers.setdefault(name, []).append(value)
    reason = response.reason.encode("ascii", "replace").decode()
    return {
        "status": {"code": response.status, "message": reason},
        "headers": headers,
        "body": {"string": response.body},
    }


def _encoding(request: Any) -> Any:
    """The request of aiohttp with its body encoded beforehand: vcrpy would see a form or a dict, not its bytes."""

    @functools.wraps(request)
    async def encoded(self: Any, method: str, url: Any, **options: Any) -> Any:
        absolute = getattr(self, AIOHTTP_BUILD_URL)(url)
        return await request(self, method, absolute, **await _with_bytes(self, method, url, options))

    return encoded


async def _with_bytes(session: Any, method: str, url: Any, options: dict[str, Any]) -> dict[str, Any]:
    import aiohttp

    data, json = options.get("data"), options.get("json")
    if json is not None and data is None:
        payload: Any = aiohttp.JsonPayload(json, dumps=session.json_serialize)
    elif data is None or isinstance(data, bytes | bytearray | memoryview | str) or hasattr(data, "__aiter__"):
        return options
    else:
        body = data() if isinstance(data, aiohttp.FormData) else data
        try:
            payload = aiohttp.get_payload(body, disposition=None)
        except LookupError:
            payload = aiohttp.FormData(data)()
    try:
        content = await payload.as_bytes()
    except TypeError as error:
        raise UnrecordableRequestError(
            f"the body of {method} {url} cannot be read for the cassette: {error}; nothing was sent. Send files "
            f"or bytes instead of a stream"
        ) from error
    from multidict import CIMultiDict

    headers: CIMultiDict[str] = CIMultiDict(options.get("headers") or ())
    for name, value in payload.headers.items():
        if name not in headers and name not in session.headers and name.lower() != "content-length":
            headers[name] = value
    return {**options, "json": None, "data": content, "headers": headers}
