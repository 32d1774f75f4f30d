"""Where clients meet the open players: one cassette of vcrpy, which asks the innermost player.

vcrpy patches the clients and asks its cassette whether it has an answer, plays it, or has it recorded. Ours keeps
nothing: it hands each question to the innermost open player, the session of a cassette or of a stub. What
is replaced in the clients is listed in `patches`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from threading import Lock, RLock, Thread, current_thread
from typing import Any, NamedTuple, Protocol, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from vcr.cassette import Cassette
from vcr.request import Request as VcrRequest

from pytest_imgresponse.clients.aiohttp import count_redirection
from pytest_imgresponse.clients.httpx import version_played, version_seen
from pytest_imgresponse.clients.messages import from_vcr_request, from_vcr_response, to_vcr_response
from pytest_imgresponse.clients.patches import Patches
from pytest_imgresponse.clients.retries import LAST, retried_at_once
from pytest_imgresponse.clients.serving import note_threads, server_asks
from pytest_imgresponse.clients.tornado import NO_ANSWER
from pytest_imgresponse.errors import CassetteInUseError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse


class Ticket(Protocol):
    """A request that a player has taken."""

    @property
    def played(self) -> Any:
        """What is set aside as its answer; None for a request to send."""


TicketT = TypeVar("TicketT", bound=Ticket)


class Player(Protocol[TicketT]):
    """What answers the clients: the session of a cassette, or of a stub."""

    @property
    def name(self) -> str:
        """What it is called in an error."""

    @property
    def recording(self) -> bool:
        """Whether a request that it has no answer for is sent."""

    def ignores(self, host: str | None, method: str) -> bool:
        """Whether such requests to a host pass by."""

    def ask(self, request: HTTPRequest) -> TicketT:
        """Take a request. Raises where it has no answer and may not be sent."""

    def play(self, ticket: TicketT) -> HTTPResponse:
        """The answer of a ticket that has one."""

    def record(self, ticket: TicketT, response: HTTPResponse) -> None:
        """Take the live answer of a ticket that had none."""

    def redirected(self, request: HTTPRequest) -> TicketT | None:
        """The ticket of a request that was sent already, as a step of a redirection; None where it is not recorded."""

    def recorded_for(self, url: str) -> list[HTTPRequest]:
        """The requests to a URL that it could answer, for a client that follows a redirection."""

    def asked_within(self, outer: TicketT, inner: TicketT) -> None:
        """Note that a server of this process asked the inner one while the outer one, of a client, was waiting."""


class Unrecorded:
    """What a player has that records nothing."""

    recording = False

    def record(self, ticket: Any, response: HTTPResponse) -> None:
        """Not called: nothing is sent."""

    def redirected(self, request: HTTPRequest) -> Any:
        """None: not recorded."""

    def recorded_for(self, url: str) -> list[HTTPRequest]:
        """An empty list: where a redirection leads is asked as any other request."""
        return []

    def asked_within(self, outer: Any, inner: Any) -> None:
        """Not called: nothing waits for its answer."""


@dataclass(frozen=True)
class _Open:
    """A player while it is open, and where it was opened."""

    player: Player[Any]
    thread: str
    thread_id: int | None
    task: asyncio.Task[Any] | None
    within: Player[Any] | None


_NEEDLESS = ("requests",)  # vcrpy patches for it what it patches for urllib3 right after
# The innermost player that was opened in this context.
_WITHIN: ContextVar[Player[Any] | None] = ContextVar("_WITHIN", default=None)


class _Players:
    """The open players of this process, the innermost last, and the patches that serve them.

    Beneath them lie the floors, which answer while no other player is open.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._lock = RLock()
        self._open: list[_Open] = []
        self._floors: list[Player[Any]] = []
        self._patches = Patches(_SessionCassette(path="imgresponse", skip_patchers=_NEEDLESS), _passes)

    def innermost(self) -> Player[Any] | None:
        with self._lock:
            if self._open:
                return self._open[-1].player
            return self._floors[-1] if self._floors else None

    def enter(self, player: Player[Any]) -> None:
        thread, task = current_thread(), _current_task()
        with self._lock:
            if self._open:
                self._require_same(player, thread, task)
            elif self._floors:
                self._patches.renew()  # what a fixture has patched since must not hide the cassette
            else:
                self._set()
            self._open.append(_Open(player, thread.name, thread.ident, task, _WITHIN.get()))
        _WITHIN.set(player)

    def _require_same(self, player: Player[Any], thread: Thread, task: asyncio.Task[Any] | None) -> None:
        """Raises `CassetteInUseError` where another thread or task holds the answers, unless from within its block.

        A task that is over, as that of a fixture's set-up is, holds none any more.
        """
        other = self._open[-1]
        if _WITHIN.get() is other.player:
            return
        one = f"{player.name} cannot be opened on"
        active = "and one cassette or stub is active per process at a time, for all its"
        if other.thread_id != thread.ident:
            raise CassetteInUseError(
                f"{one} thread {thread.name!r}: {other.player.name} is open on thread {other.thread!r}, {active} "
                f"threads; close that one first, or let both threads use it"
            )
        if other.task not in (None, task) and not other.task.done():
            raise CassetteInUseError(
                f"{one} task {task.get_name() if task else None!r}: {other.player.name} is open on task "
                f"{other.task.get_name()!r}, {active} tasks; close that one first, or open one for all tasks"
            )

    def leave(self, player: Player[Any]) -> None:
        with self._lock:
            own = next(entry for entry in self._open if entry.player is player)
            self._open.remove(own)
            self._restore()
        _WITHIN.set(own.within)

    def lay(self, floor: Player[Any]) -> None:
        with self._lock:
            if not self._open and not self._floors:
                self._set()
            self._floors.append(floor)

    def lift(self, floor: Player[Any]) -> None:
        with self._lock:
            self._floors.remove(floor)
            self._restore()

    def _set(self) -> None:
        note_threads()
        self._patches.set()

    def _restore(self) -> None:
        if not self._open and not self._floors:
            self._patches.restore()


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs on this thread
        return None


@contextmanager
def opened(player: Player[Any]) -> Iterator[None]:
    """The player answers the clients of this process. Raises `CassetteInUseError`."""
    _PLAYERS.enter(player)
    try:
        yield
    finally:
        _PLAYERS.leave(player)


@contextmanager
def laid(floor: Player[Any]) -> Iterator[None]:
    """The player answers where no other one is open. It is in nobody's way, whichever thread or task opens another."""
    _PLAYERS.lay(floor)
    try:
        yield
    finally:
        _PLAYERS.lift(floor)


def innermost() -> Player[Any] | None:
    """The player that is asked now."""
    return _PLAYERS.innermost()


def asked() -> int:
    """Grows whenever a client asks, be it answered, refused, or let pass."""
    return _PLAYERS.asked


class _Asked(NamedTuple):
    """A request that has no answer yet."""

    player: Player[Any]
    ticket: Any
    by_server: bool


class _SessionCassette(Cassette):  # type: ignore[misc]
    """The cassette that vcrpy asks. It keeps nothing itself, so vcrpy has nothing to load or save."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # By request; None for one that passes by. Weak, since vcrpy does not tell when a request has broken off.
        self._asked: WeakKeyDictionary[VcrRequest, _Asked | None] = WeakKeyDictionary()
        self._lock = Lock()
        self._answered: WeakSet[VcrRequest] = WeakSet()

    @property
    def write_protected(self) -> bool:
        """Never for vcrpy: what may not be recorded has raised when it was asked for."""
        return False

    def filter_request(self, request: VcrRequest) -> VcrRequest | None:
        """None for a request that passes by."""
        return None if _passes(request.host, request.method) else request

    def can_play_response_for(self, request: VcrRequest) -> bool:
        """Whether an answer is set aside for this very request; raises where none is and none may be.

        vcrpy asks twice where it connects on its own, so what was found at first is kept.
        """
        if request in self._answered:  # vcrpy asks once more whether it has to connect
            return True
        LAST.replayed = False  # until it is
        if request not in self._asked:
            known = self._ask(request)
            with self._lock:
                self._asked[request] = known
        known = self._asked[request]
        return known is not None and known.ticket.played is not None

    def _ask(self, request: VcrRequest) -> _Asked | None:
        if (player := _answering(request.host, request.method)) is None:
            return None
        ticket = player.ask(from_vcr_request(request))
        with self._lock:
            others = [other for other in self._asked.values() if other is not None and other.player is player]
        waiting = [other.ticket for other in others if not other.by_server and other.ticket.played is None]
        if ticket.played is not None and not waiting:
            return _Asked(player, ticket, by_server=False)
        by_server = server_asks(opened_here=_WITHIN.get() is player)
        for outer in waiting if by_server else ():
            player.asked_within(outer, ticket)
        return _Asked(player, ticket, by_server)

    def _taken(self, request: VcrRequest) -> _Asked | None:
        with self._lock:
            return self._asked.pop(request)

    def play_response(self, request: VcrRequest) -> dict[str, Any]:
        """The answer that was set aside."""
        known = self._taken(request)
        assert known is not None
        player, ticket, _ = known
        self._answered.add(request)
        LAST.replayed = True
        answer = player.play(ticket)
        count_redirection(request.method, request.uri, answer)
        version_played(answer.http_version)
        return to_vcr_response(retried_at_once(answer))

    def append(self, request: VcrRequest, response: dict[str, Any]) -> None:
        """Have a complete answer recorded."""
        if request in self._asked:
            known = self._taken(request)
        else:  # a step of a redirection that aiohttp followed: for each of them vcrpy makes a request anew
            step = _answering(request.host, request.method)
            known = None if step is None else _Asked(step, step.redirected(from_vcr_request(request)), by_server=False)
        self._answered.add(request)
        if known is None or known.ticket is None:
            return
        if "string" not in response["body"] and response["status"]["code"] not in range(300, 400):
            return  # aiohttp could not read it to its end; of redirections it keeps no bodies
        if response["status"]["code"] == NO_ANSWER and "url" in response:  # which the stub for tornado alone tells
            return
        player, ticket, _ = known
        player.record(ticket, replace(from_vcr_response(response), http_version=version_seen()))

    def find_requests_with_most_matches(self, request: VcrRequest) -> list[tuple[VcrRequest, list[Any], list[Any]]]:
        """The recorded steps of a redirection to this URL; vcrpy asks for them on behalf of aiohttp."""
        player = _PLAYERS.innermost()
        steps = player.recorded_for(request.uri) if player is not None else []
        found = [VcrRequest(s.method, request.uri, s.body or None, dict(s.headers)) for s in steps]
        return [(each, [], []) for each in found or [request]]


def _answering(host: str | None, method: str) -> Player[Any] | None:
    """The innermost player; None where none is open, and where such requests to the host pass by."""
    if (player := _PLAYERS.innermost()) is None:
        return None
    _PLAYERS.asked += 1
    return None if player.ignores(host, method) else player


def _passes(host: str | None, method: str) -> bool:
    return _answering(host, method) is None


_PLAYERS = _Players()
