"""Where vcrpy meets our sessions: one vcrpy cassette, installed while any session is open.

vcrpy patches the clients and asks its cassette; ours hands each question to the innermost session, that of a
cassette or of a stub. Of vcrpy only public names are used. Two private ones of aiohttp's `ClientSession` are
unavoidable: `_request`, which vcrpy patches as well, and `_build_url`, since vcrpy leaves out the session's base URL.

While vcrpy connects and sends over `http.client`, it takes its patches away, for all threads: what another
thread asks meanwhile goes live, is paid for and lost. Here they stay (`_threads_apart`).
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.util import find_spec
from threading import RLock, Thread, current_thread
from types import FunctionType, SimpleNamespace
from typing import Any, Protocol
from weakref import WeakSet

import vcr.patch
import vcr.stubs
from vcr.cassette import Cassette
from vcr.request import Request as VcrRequest

from pytest_imgresponse.cassette.session import Session
from pytest_imgresponse.clients.aiohttp import following, read_as_live, step, with_bytes
from pytest_imgresponse.clients.messages import from_vcr_request, from_vcr_response, to_vcr_response
from pytest_imgresponse.clients.retries import LAST, retried_at_once, sleeping_when_live
from pytest_imgresponse.errors import CassetteInUseError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

# Requests that never leave the process are not the image API's business, though vcrpy patches them too.
_IN_PROCESS = (
    ("ASGITransport", "handle_async_request"),
    ("WSGITransport", "handle_request"),
    ("MockTransport", "handle_request"),
    ("MockTransport", "handle_async_request"),
)
_OVER_SOCKETS = (("HTTPTransport", "handle_request"), ("AsyncHTTPTransport", "handle_async_request"))
_HTTPLIB2 = ("HTTPConnectionWithTimeout", "HTTPSConnectionWithTimeout")
AIOHTTP_REQUEST = "_request"
AIOHTTP_BUILD_URL = "_build_url"


class Player(Protocol):
    """What answers the clients: the session of a cassette, or of a stub."""

    name: str
    """What it is called in an error."""

    def ignores(self, host: str | None) -> bool:
        """Whether requests to a host pass by."""

    def ask(self, request: HTTPRequest) -> Any:
        """A ticket, whose answer is `played`, or None for a request to send; raises where neither may be."""

    def play(self, ticket: Any) -> HTTPResponse:
        """The answer of a ticket."""


@dataclass(frozen=True)
class _Open:
    session: Player
    thread: str
    thread_id: int | None
    task: asyncio.Task[Any] | None
    within: Player | None


_WITHIN: ContextVar[Player | None] = ContextVar("the innermost session that was opened in this context", default=None)


class _Sessions:
    """The open sessions of this process, the innermost last, and the patches that serve them."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._open: list[_Open] = []
        self._patches = ExitStack()

    def innermost(self) -> Player | None:
        with self._lock:
            return self._open[-1].session if self._open else None

    def enter(self, session: Player) -> None:
        thread, task = current_thread(), _current_task()
        with self._lock:
            if self._open:
                self._require_same(session, thread, task)
            else:
                self._patches = _patches()
            self._open.append(_Open(session, thread.name, thread.ident, task, _WITHIN.get()))
        _WITHIN.set(session)

    def _require_same(self, session: Player, thread: Thread, task: asyncio.Task[Any] | None) -> None:
        """Raises `CassetteInUseError` where another thread or task holds the answers, unless from within its block.

        A task that is over, as that of a fixture's set-up is, holds none any more.
        """
        other = self._open[-1]
        if _WITHIN.get() is other.session:
            return
        one = f"{session.name} cannot be opened on"
        active = "and one cassette or stub is active per process at a time, for all its"
        if other.thread_id != thread.ident:
            raise CassetteInUseError(
                f"{one} thread {thread.name!r}: {other.session.name} is open on thread {other.thread!r}, {active} "
                f"threads; close that one first, or let both threads use it"
            )
        if other.task not in (None, task) and not other.task.done():
            raise CassetteInUseError(
                f"{one} task {task.get_name() if task else None!r}: {other.session.name} is open on task "
                f"{other.task.get_name()!r}, {active} tasks; close that one first, or open one for all tasks"
            )

    def leave(self, session: Player) -> None:
        with self._lock:
            own = next(entry for entry in self._open if entry.session is session)
            self._open.remove(own)
            if not self._open:
                self._patches.close()
        _WITHIN.set(own.within)


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs on this thread
        return None


_SESSIONS = _Sessions()


@contextmanager
def opened(session: Player) -> Iterator[None]:
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
        self._tickets: dict[int, tuple[VcrRequest, Any, Any]] = {}
        self._answered: WeakSet[VcrRequest] = WeakSet()

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
        if request in self._answered:  # its connection opens again; it need not, before the next request
            return True
        LAST.replayed = False  # until it is
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
        self._answered.add(request)
        LAST.replayed = True
        answer = session.play(ticket)
        step(request.method, request.uri, answer)
        return to_vcr_response(retried_at_once(answer))

    def append(self, request: VcrRequest, response: dict[str, Any]) -> None:
        """Record a complete answer."""
        known = self._tickets.pop(id(request), None)
        self._answered.add(request)
        if known is not None:
            _, session, ticket = known
        else:  # a step of a redirection that aiohttp followed, or a request that passes by
            innermost = _SESSIONS.innermost()
            if not isinstance(innermost, Session) or innermost.ignores(request.host):
                return
            session, ticket = innermost, innermost.redirected(from_vcr_request(request))
        if "string" not in response["body"] and response["status"]["code"] not in range(300, 400):
            return  # aiohttp could not read it to its end; of redirections it keeps no bodies
        session.record(ticket, from_vcr_response(response))

    def find_requests_with_most_matches(self, request: VcrRequest) -> list[tuple[VcrRequest, list[Any], list[Any]]]:
        """The recorded steps of a redirection to this URL; vcrpy asks for them on behalf of aiohttp."""
        session = _SESSIONS.innermost()
        steps = session.recorded_for(request.uri) if isinstance(session, Session) else []
        found = [VcrRequest(s.method, request.uri, s.body or None, dict(s.headers)) for s in steps]
        return [(step, [], []) for step in found or [request]]


def _passes(host: str | None) -> bool:
    session = _SESSIONS.innermost()
    return session is None or session.ignores(host)


def _patches() -> ExitStack:
    with ExitStack() as stack:
        transports = [
            (transport, name, vars(transport)[name])
            for package in (sys.modules.get("httpx"), sys.modules.get("httpx2"))
            for owner, name in (*_IN_PROCESS, *_OVER_SOCKETS)
            if package is not None and name in vars(transport := getattr(package, owner))
        ]
        aiohttp_request = getattr(getattr(sys.modules.get("aiohttp"), "ClientSession", None), AIOHTTP_REQUEST, None)
        stack.enter_context(_threads_apart())
        for transport, name, original in transports:
            over_sockets = (transport.__name__, name) in _OVER_SOCKETS
            handle = _unless_ignored(original, getattr(transport, name)) if over_sockets else original
            _put(stack, transport, name, handle)
        if (aiohttp := sys.modules.get("aiohttp")) is not None:
            session = aiohttp.ClientSession
            encoding = _encoding(aiohttp_request, getattr(session, AIOHTTP_REQUEST))
            _put(stack, session, AIOHTTP_REQUEST, encoding)
        if (urllib3 := sys.modules.get("urllib3")) is not None:
            _put(stack, urllib3.Retry, "sleep", sleeping_when_live(urllib3.Retry.sleep))
        return stack.pop_all()


def _put(stack: ExitStack, owner: Any, name: str, value: Any) -> None:
    """Until the stack is closed, an owner's own attribute is this one."""
    stack.callback(setattr, owner, name, vars(owner)[name])
    setattr(owner, name, value)


@contextmanager
def _threads_apart() -> Iterator[None]:
    """The patches of vcrpy, of which none is taken away while a request is sent.

    It does so because some classes find themselves, or the one that they inherit from, by a name that is
    patched.
    """
    named = ((vcr.stubs, ("HTTPSConnection",)), (sys.modules.get("httplib2"), _HTTPLIB2))
    with ExitStack() as stack:
        for connection in [getattr(owner, name) for owner, names in named if owner is not None for name in names]:
            _put(stack, connection, "__init__", _knowing_itself(connection))
        _put(stack, vcr.patch, "force_reset", nullcontext)
        stack.enter_context(SessionCassette.use(path="imgresponse", skip_patchers=_needless()))
        yield


@functools.cache
def _needless() -> tuple[str, ...]:
    """What vcrpy need not patch: it looks for each missing library anew whenever a cassette is opened.

    For requests it patches what it patches for urllib3 right after.
    """
    libraries = {"boto3": "botocore", "httplib2": "httplib2", "tornado": "tornado"}
    return ("requests", *(name for name, module in libraries.items() if find_spec(module) is None))


def _knowing_itself(connection: Any) -> FunctionType:
    """The `__init__` of a class, to which its name means the class itself, and `http.client` what it was."""
    init = connection.__init__
    names = {**init.__globals__, "http": SimpleNamespace(client=vcr.stubs), connection.__name__: connection}
    own = FunctionType(init.__code__, names, init.__name__, init.__defaults__, init.__closure__)
    own.__kwdefaults__ = init.__kwdefaults__
    return own


def _unless_ignored(original: Any, patched: Any) -> Any:
    """How a transport handles a request: as it always does where the request passes by."""

    @functools.wraps(original)
    def handle(self: Any, request: Any) -> Any:
        return (original if _passes(request.url.host) else patched)(self, request)

    return handle


def _encoding(original: Any, patched: Any) -> Any:
    """The request of aiohttp with its body encoded beforehand: vcrpy would see a form or a dict, not its bytes."""

    @functools.wraps(original)
    async def encoded(self: Any, method: str, url: Any, **options: Any) -> Any:
        absolute = getattr(self, AIOHTTP_BUILD_URL)(url)
        if _passes(absolute.host):
            return await original(self, method, url, **options)
        with following(options):
            response = await patched(self, method, absolute, **await with_bytes(self, options))
        return read_as_live(response)

    return encoded
