"""What httpx and httpx2 need beside vcrpy: the version of HTTP, recorded and replayed.

vcrpy keeps none, and a replay through it is always of HTTP/1.1. While a transport handles a request, its version stands
in a context variable: a live answer notes it there before vcrpy has it recorded, an answer that is played before vcrpy
builds a response from it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from contextvars import ContextVar
from inspect import iscoroutinefunction
from typing import Any

from vcr.cassette import Cassette
from vcr.stubs.httpx_stubs import vcr_handle_async_request, vcr_handle_request

from pytest_imgresponse.clients.respx import answers

_MOST_COMMON = "HTTP/1.1"
_VERSION: ContextVar[str | None] = ContextVar("_VERSION", default=None)


def version_seen() -> str:
    """The version of the answer that is being recorded; empty for HTTP/1.1, and where it is not known."""
    return _VERSION.get() or ""


def version_played(version: str) -> None:
    """Note the version of an answer that is played, for a transport of httpx if one has asked for it."""
    if _VERSION.get() is not None:
        _VERSION.set(version)


def keeping_version(
    cassette: Cassette, passes: Callable[[str | None, str], bool], owner: type, original: Any, patched: Any
) -> Any:
    """How a transport handles a request: as it always does where the request passes by, else through the cassette."""
    package = sys.modules[owner.__module__.partition(".")[0]]  # the stubs of vcrpy are for httpx and for httpx2
    send = patched.__wrapped__  # what vcrpy calls, which need not be what is there now
    if not iscoroutinefunction(send):

        @functools.wraps(original)
        def noting(self: Any, request: Any) -> Any:
            return _noted(send(self, request))

        play = vcr_handle_request(cassette, noting, package)

        @functools.wraps(original)
        def handle(self: Any, request: Any) -> Any:
            if answers(request) or passes(request.url.host, request.method):
                return original(self, request)
            _VERSION.set("")
            try:
                return _with_version(play(self, request))
            finally:
                _VERSION.set(None)

        return handle

    @functools.wraps(original)
    async def noting_async(self: Any, request: Any) -> Any:
        return _noted(await send(self, request))

    play_async = vcr_handle_async_request(cassette, noting_async, package)

    @functools.wraps(original)
    async def handle_async(self: Any, request: Any) -> Any:
        if answers(request) or passes(request.url.host, request.method):
            return await original(self, request)
        _VERSION.set("")
        try:
            return _with_version(await play_async(self, request))
        finally:
            _VERSION.set(None)

    return handle_async


def _noted(response: Any) -> Any:
    _VERSION.set("" if response.http_version == _MOST_COMMON else response.http_version)
    return response


def _with_version(response: Any) -> Any:
    if version := version_seen():
        response.extensions["http_version"] = version.encode("ascii", "replace")
    return response
