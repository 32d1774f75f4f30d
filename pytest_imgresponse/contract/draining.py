"""What a parser returns may have parsed nothing yet: it is run to its end."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Iterator, Sized
from typing import Any

from pydantic import BaseModel


def is_lazy(result: object) -> bool:
    """Whether there is more to run: a coroutine, an iterator, the stream of a client, an object that only iterates."""
    return inspect.isawaitable(result) or _iterates(result, Iterable | AsyncIterable)


def drained(result: Any) -> Any:
    """What a parser returned, run to its end: an iterator gives the list of its items, a coroutine its drained result.

    What can be iterated again stays what it is. All that is async runs in one event loop.
    """
    if not inspect.isawaitable(result) and not _iterates(result, AsyncIterable):
        return _iterated(result)
    # A loop of its own that is not made the thread's: the suite may have set one.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(_drained_in_loop(result))


async def _drained_in_loop(result: Awaitable[Any] | AsyncIterable[Any]) -> Any:
    found: Any = await result if inspect.isawaitable(result) else result
    if not _iterates(found, AsyncIterable):
        return _iterated(found)
    items = [item async for item in found]
    return items if isinstance(found, AsyncIterator) else found


def _iterated(result: Any) -> Any:
    if not _iterates(result, Iterable):
        return result
    items = list(result)
    return items if isinstance(result, Iterator) else result


def _iterates(result: object, kind: Any) -> bool:
    """Whether a result makes its items when it is iterated.

    What has a length has them already, a model iterates over its own fields, and a file or the response of a client is
    the caller's to read.
    """
    if isinstance(result, Sized | BaseModel) or hasattr(result, "read") or hasattr(result, "iter_content"):
        return False
    return isinstance(result, kind)
