"""A server of the tests' own in this process: whether it is who asks.

A test asks its own server on the loopback, and the server asks an API before it answers. What a server does runs in a
context that descends from the one in which it began to listen (asyncio), in a thread that was there before the test or
was started by one of these, or within a server that is known by name.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

_SERVERS = frozenset({
    "aiohttp.web_protocol", "cheroot", "daphne", "gunicorn", "hypercorn", "socketserver", "tornado.web",
    "twisted.web.server", "uvicorn", "waitress", "werkzeug.serving",
})  # fmt: skip
"""The modules and packages of servers; on those of a client's own stack none of them is found."""
_LOOPS = (("asyncio", "BaseEventLoop"), ("uvloop", "Loop"))
_SERVING: ContextVar[bool] = ContextVar("_SERVING", default=False)
_THREADS: WeakSet[threading.Thread] = WeakSet()


def server_asks(*, opened_here: bool = False) -> bool:
    """Whether the caller acts for a server.

    A thread that was there before may serve a client too, as those of an event loop's executor do. `opened_here` says
    that it does: its context descends from the one in which the cassette was opened.
    """
    there_before = threading.current_thread() in _THREADS and not opened_here
    return _SERVING.get() or there_before or _is_within_server()


def note_threads() -> None:
    """The threads that are there now, but for this one and the main one, are not started by what comes."""
    _THREADS.clear()
    _THREADS.update({*threading.enumerate()} - {threading.current_thread(), threading.main_thread()})


def marking_servers() -> Iterator[tuple[Any, str, Any]]:
    """What to replace so that a server is known later: an owner, the name of its attribute, the value."""
    yield threading.Thread, "start", _marked(threading.Thread.start)
    for module, name in _LOOPS:
        if (loop := getattr(sys.modules.get(module), name, None)) is not None:
            yield loop, "create_server", _listening(loop.create_server)


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
