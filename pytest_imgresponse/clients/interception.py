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
from threading import RLock, Thread, current_thread
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from vcr.cassette import Cassette
from vcr.request import Request as VcrRequest

from pytest_imgresponse.clients.aiohttp import count_redirection
from pytest_imgresponse.clients.httpx import version_played, version_seen
from pytest_imgresponse.clients.messages import from_vcr_request, from_vcr_response, to_vcr_response
from pytest_imgresponse.clients.patches import Patches
from pytest_imgresponse.clients.retries import LAST, retried_at_once
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

    def ignores(self, host: str | None) -> bool:
        """Whether requests to a host pass by."""

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
    """The open players of this process, the innermost last, and the patches that serve them."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._open: list[_Open] = []
        self._patches = Patches(_SessionCassette(path="imgresponse", skip_patchers=_NEEDLESS), _passes)

    def innermost(self) -> Player[Any] | None:
        with self._lock:
            return self._open[-1].player if self._open else None

    def enter(self, player: Player[Any]) -> None:
        thread, task = current_thread(), _current_task()
        with self._lock:
            if self._open:
                self._require_same(player, thread, task)
            else:
                self._patches.set()
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
            if not self._open:
                self._patches.restore()
        _WITHIN.set(own.within)


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


class _SessionCassette(Cassette):  # type: ignore[misc]
    """The cassette that vcrpy asks. It keeps nothing itself, so vcrpy has nothing to load or save."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # By request; None for one that passes by. Weak, since vcrpy does not tell when a request has broken off.
        self._asked: WeakKeyDictionary[VcrRequest, tuple[Player[Any], Any] | None] = WeakKeyDictionary()
        self._answered: WeakSet[VcrRequest] = WeakSet()

    @property
    def write_protected(self) -> bool:
        """Never for vcrpy: what may not be recorded has raised when it was asked for."""
        return False

    def filter_request(self, request: VcrRequest) -> VcrRequest | None:
        """None for a request that passes by."""
        return None if _passes(request.host) else request

    def can_play_response_for(self, request: VcrRequest) -> bool:
        """Whether an answer is set aside for this very request; raises where none is and none may be.

        vcrpy asks twice where it connects on its own, so what was found at first is kept.
        """
        if request in self._answered:  # vcrpy asks once more whether it has to connect
            return True
        LAST.replayed = False  # until it is
        if request not in self._asked:
            player = _answering(request.host)
            self._asked[request] = None if player is None else (player, player.ask(from_vcr_request(request)))
        known = self._asked[request]
        return known is not None and known[1].played is not None

    def play_response(self, request: VcrRequest) -> dict[str, Any]:
        """The answer that was set aside."""
        known = self._asked.pop(request)
        assert known is not None
        player, ticket = known
        self._answered.add(request)
        LAST.replayed = True
        answer = player.play(ticket)
        count_redirection(request.method, request.uri, answer)
        version_played(answer.http_version)
        return to_vcr_response(retried_at_once(answer))

    def append(self, request: VcrRequest, response: dict[str, Any]) -> None:
        """Have a complete answer recorded."""
        if request in self._asked:
            known = self._asked.pop(request)
        else:  # a step of a redirection that aiohttp followed: for each of them vcrpy makes a request anew
            player = _answering(request.host)
            known = None if player is None else (player, player.redirected(from_vcr_request(request)))
        self._answered.add(request)
        if known is None or known[1] is None:
            return
        if "string" not in response["body"] and response["status"]["code"] not in range(300, 400):
            return  # aiohttp could not read it to its end; of redirections it keeps no bodies
        if response["status"]["code"] == NO_ANSWER and "url" in response:  # which the stub for tornado alone tells
            return
        player, ticket = known
        player.record(ticket, replace(from_vcr_response(response), http_version=version_seen()))

    def find_requests_with_most_matches(self, request: VcrRequest) -> list[tuple[VcrRequest, list[Any], list[Any]]]:
        """The recorded steps of a redirection to this URL; vcrpy asks for them on behalf of aiohttp."""
        player = _PLAYERS.innermost()
        steps = player.recorded_for(request.uri) if player is not None else []
        found = [VcrRequest(s.method, request.uri, s.body or None, dict(s.headers)) for s in steps]
        return [(each, [], []) for each in found or [request]]


def _answering(host: str | None) -> Player[Any] | None:
    """The innermost player; None where none is open, and where requests to the host pass by."""
    player = _PLAYERS.innermost()
    return None if player is None or player.ignores(host) else player


def _passes(host: str | None) -> bool:
    return _answering(host) is None


_PLAYERS = _Players()
