"""A server of the tests' own in this process: whether it is who asks.

A test asks its own server on the loopback, and the server asks an API before it answers. What a server does runs in a
context that descends from the one in which it began to listen (asyncio), in one that has accepted a connection which is
open yet, in a thread that was there before the test, within a server that is known by name, or in a thread or task that
one of these has started.
"""

from __future__ import annotations

import functools
import inspect
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

_SERVERS = frozenset({
    "aiohttp.web_app", "aiohttp.web_protocol", "cheroot", "daphne", "gunicorn", "hypercorn", "socketserver",
    "tornado.web", "twisted.web.server", "uvicorn", "waitress", "werkzeug.serving",
})  # fmt: skip
"""The modules and packages of servers; on those of a client's own stack none of them is found."""
_LOOPS = (
    ("asyncio", "BaseEventLoop", ("create_server", "create_task")),
    ("asyncio.selector_events", "BaseSelectorEventLoop", ("sock_accept",)),
    ("asyncio.proactor_events", "BaseProactorEventLoop", ("sock_accept",)),
    ("uvloop", "Loop", ("create_server", "create_task", "sock_accept")),
)
_SERVING: ContextVar[bool] = ContextVar("_SERVING", default=False)
_ACCEPTED: ContextVar[Callable[[], socket.socket | None]] = ContextVar("_ACCEPTED", default=lambda: None)
"""The connection that was accepted last in a context, while something holds it."""
_THREADS: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def server_asks(*, opened_here: bool = False) -> bool:
    """Whether the caller acts for a server.

    A thread that was there before may serve a client too, as those of an event loop's executor do. `opened_here` says
    that it does: its context descends from the one in which the cassette was opened.
    """
    there_before = threading.current_thread() in _THREADS and not opened_here
    return _SERVING.get() or there_before or _has_accepted() or _is_within_server()


def note_threads() -> None:
    """The threads that are there now, but for this one and the main one, are not started by what comes."""
    _THREADS.clear()
    _THREADS.update({*threading.enumerate()} - {threading.current_thread(), threading.main_thread()})


def marking_servers() -> Iterator[tuple[Any, str, Any]]:
    """What to replace so that a server is known later: an owner, the name of its attribute, the value."""
    yield threading.Thread, "start", _marked(threading.Thread.start)
    yield socket.socket, "accept", _accepting(socket.socket.accept)
    wrappers = {"create_server": _listening, "create_task": _creating, "sock_accept": _accepting_in_loop}
    for module, name, methods in _LOOPS:
        if (loop := getattr(sys.modules.get(module), name, None)) is not None:
            yield from ((loop, method, wrappers[method](getattr(loop, method))) for method in methods)


def _has_accepted() -> bool:
    connection = _ACCEPTED.get()()
    return connection is not None and connection.fileno() >= 0


def _is_within_server() -> bool:
    frame = inspect.currentframe()
    while frame is not None:
        module = frame.f_globals.get("__name__") or ""
        if module in _SERVERS or module.partition(".")[0] in _SERVERS:
            return True
        frame = frame.f_back
    return False


def _marked(start: Callable[..., None]) -> Callable[..., None]:
    """`Thread.start`, which notes a thread that a server starts."""

    @functools.wraps(start)
    def starting(self: threading.Thread) -> None:
        if server_asks():
            _THREADS.add(self)
        start(self)

    return starting


def _listening(create_server: Callable[..., Any]) -> Callable[..., Any]:
    """A loop's `create_server`: each connection is served in a copy of the context that it is called in."""

    @functools.wraps(create_server)
    async def listening(self: Any, *arguments: Any, **options: Any) -> Any:
        token = _SERVING.set(True)
        try:
            return await create_server(self, *arguments, **options)
        finally:
            _SERVING.reset(token)

    return listening


def _creating(create_task: Callable[..., Any]) -> Callable[..., Any]:
    """A loop's `create_task`, which marks what a server creates, as a worker of its handlers when it starts."""

    @functools.wraps(create_task)
    def creating(self: Any, *arguments: Any, **options: Any) -> Any:
        token = _SERVING.set(_SERVING.get() or _is_within_server())
        try:
            return create_task(self, *arguments, **options)
        finally:
            _SERVING.reset(token)

    return creating


def _accepting(accept: Callable[..., Any]) -> Callable[..., Any]:
    """`socket.accept`, which notes the connection in the context: in a thread's own, for a server in a thread."""

    @functools.wraps(accept)
    def accepting(self: socket.socket) -> Any:
        found = accept(self)
        caller = inspect.currentframe()
        assert caller is not None
        assert caller.f_back is not None
        if caller.f_back.f_globals is not vars(socket):  # as `socketpair` does, where the system has none
            _ACCEPTED.set(weakref.ref(found[0]))
        return found

    return accepting


def _accepting_in_loop(sock_accept: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a loop's `sock_accept`, which accepts in another context than that of the task that called it."""

    @functools.wraps(sock_accept)
    async def accepting(self: Any, listener: socket.socket) -> Any:
        found = await sock_accept(self, listener)
        _ACCEPTED.set(weakref.ref(found[0]))
        return found

    return accepting
