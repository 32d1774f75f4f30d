"""Calling a parser with a trial: what it did, to the end of what it returned, and whether the contract allows that."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import sys
import sysconfig
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from traceback import walk_tb
from types import MethodType
from typing import Any, Literal

from pydantic import BaseModel

from pytest_imgresponse.contract.trial import Given, Trial, urls_of
from pytest_imgresponse.errors import ImgResponseError, UnstubbedRequestError
from pytest_imgresponse.http import HTTPRequest

Pictures = Callable[[Any], Iterable[bytes]]
Kind = Literal["accepted", "refused", "raised", "hung", "out of memory", "ended"]
Loss = Literal["", "fewer pictures", "more pictures", "other pictures", "no pictures"]
"""What is wrong with the pictures that a parser gave; with the last, `pictures` raised."""

_LONGEST_MESSAGE = 160
"""Characters of an error's message that a report shows."""
_LIBRARIES = ("<", sysconfig.get_path("stdlib") + os.sep, str(Path(__file__).parents[1]) + os.sep)
"""How the files start that are not the user's: generated code, the standard library, this package."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a parser did.

    `refused`: it raised one of `rejects_with`; `raised`: another exception; `hung` and `ended` (the whole process):
    only in isolation. `error` is the exception with its message, `where` the line that raised it. `root` is the type
    and the line of the exception that this one was raised from, or while handling: the first of that chain. `loss` is
    what is wrong with the pictures that it gave, and `lost` that in words; `asked` are its requests under `stub`;
    `lazy` says that what it returned had to be run to its end.
    """

    kind: Kind
    error: str = ""
    where: str = ""
    root: str = ""
    seconds: float = 0.0
    loss: Loss = ""
    lost: str = ""
    asked: tuple[HTTPRequest, ...] = ()
    lazy: bool = False


def in_words(outcome: Outcome) -> str:
    """What a parser did, in a few words."""
    if outcome.kind == "accepted":
        return outcome.lost or "accepted it"
    if outcome.kind == "refused":
        return f"refused it with {outcome.error}"
    if outcome.kind == "raised":
        return f"raised {outcome.error} at {outcome.where}"
    if outcome.kind == "hung":
        return f"hung: no answer within {outcome.seconds:g} s"
    return f"{outcome.kind}: {outcome.error}"


def failure_of(trial: Trial, outcome: Outcome) -> str | None:
    """Why the contract is broken, in a few words; None where it holds."""
    if outcome.kind == "accepted" and trial.verdict == "invalid":
        return f"accepted it silently ({trial.path})"
    if outcome.kind == "accepted":
        broken = bool(outcome.lost)
    elif outcome.kind == "refused":
        broken = trial.must_not_be_refused
    else:
        broken = True
    return in_words(outcome) if broken else None


def cause_of(trial: Trial, outcome: Outcome) -> tuple[str, ...]:
    """What makes two failures one: the same exceptions from the same lines, or the same field accepted when invalid."""
    if outcome.kind == "accepted":
        return ("accepted", outcome.loss or f"{trial.level} {_field(trial.path)}")
    # The root, since many parsers turn whatever goes wrong into one error of their own, raised at one line.
    return (outcome.kind, outcome.error.partition(":")[0], outcome.where, outcome.root)


def excuse_of(trial: Trial, outcome: Outcome) -> tuple[str, ...]:
    """What a generated failure must share with a case of `except_for`, to be excused as the case is."""
    # A cause alone would excuse too much: one line may raise all that a parser refuses. So the message counts too.
    return (*cause_of(trial, outcome), outcome.error or outcome.lost)


def _field(path: str) -> str:
    """The field of a path: `$.usage.input_tokens` is `usage`, `$.data[1].url` is `data[].url`."""
    names = re.sub(r"\[\d+\]", "[]", path).removeprefix("$").lstrip(".").split(".")
    return ".".join(names[: 2 if names[0].endswith("[]") else 1])


def is_lazy(result: object) -> bool:
    """Whether there is more to run: a coroutine, an iterator, the stream of a client, an object that only iterates."""
    return inspect.isawaitable(result) or _iterates(result, Iterable | AsyncIterable)


def consume(result: Any) -> Any:
    """What a parser returned, run to its end: an iterator gives the list of its items, a coroutine what it returns.

    What can be iterated again stays what it is. All that is async runs in one event loop.
    """
    if not inspect.isawaitable(result) and not _iterates(result, AsyncIterable):
        return _iterated(result)
    # A loop of its own that is not made the thread's: the suite may have set one.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(_consumed_in_loop(result))


async def _consumed_in_loop(result: Awaitable[Any] | AsyncIterable[Any]) -> Any:
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


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls a parser in the form that it takes; `pictures` gets the bytes of pictures out of what it returns.

    Requests to `ignore_hosts` are no business of the stub that answers a client.
    """

    parse: Callable[..., Any]
    given: Given
    rejects_with: tuple[type[BaseException], ...]
    pictures: Pictures | None = None
    ignore_hosts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The parser's module and name; of an object that can be called, those of its class."""
        named: Any = self.parse
        while isinstance(named, partial):
            named = named.func
        if isinstance(named, MethodType) and not isinstance(named.__self__, type):
            return f"{type(named.__self__).__module__}.{type(named.__self__).__qualname__}.{named.__name__}"
        if not hasattr(named, "__qualname__"):
            named = type(named)
        return f"{getattr(named, '__module__', None) or 'builtins'}.{named.__qualname__}"

    def __call__(self, trial: Trial) -> Outcome:
        """What the parser does with a trial. Only Ctrl-C is not caught."""
        if self.given != "http":
            return self._outside_loop(trial)
        from pytest_imgresponse.stubs.stub import stub

        with stub(trial.response, pictures=trial.served, ignore_hosts=self.ignore_hosts) as stubbed:
            outcome = self._outside_loop(trial)
        return replace(outcome, asked=tuple(stubbed.requests))

    def _outside_loop(self, trial: Trial) -> Outcome:
        """Call the parser on this thread; on another where an event loop runs on this one.

        A test that is async itself runs in a loop, and `consume` needs one of its own: a thread has one at a time.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._outcome(trial)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._outcome, trial).result()

    def _outcome(self, trial: Trial) -> Outcome:
        arguments = self._arguments(trial)
        lazy, around = False, sys.exception()
        began = time.perf_counter()
        try:
            result = self.parse(*arguments)
            lazy = is_lazy(result)
            result = consume(result)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a parser may raise anything, SystemExit too
            outcome = Outcome(self._kind(error), _message_for(trial, error), _where(error), _root(error, around))
        else:
            loss, lost = self._picture_loss(trial, result)
            outcome = Outcome("accepted", loss=loss, lost=lost)
        return replace(outcome, seconds=time.perf_counter() - began, lazy=lazy)

    def _arguments(self, trial: Trial) -> tuple[Any, ...]:
        if self.given == "http":
            return ()
        if self.given == "response":
            return (trial.response,)
        return (json.loads(trial.response.body) if self.given == "dict" else trial.response.body,)

    def _kind(self, error: BaseException) -> Kind:
        if isinstance(error, MemoryError):  # also where `rejects_with` is Exception: running out refuses nothing
            return "out of memory"
        return "refused" if isinstance(error, self.rejects_with) else "raised"

    def _picture_loss(self, trial: Trial, result: Any) -> tuple[Loss, str]:
        # Of what is tolerated or invalid nothing says which pictures are right.
        if self.pictures is None or trial.other_pictures or trial.verdict not in ("valid", "unusual"):
            return "", ""
        try:
            given = [bytes(data) for data in self.pictures(result)]
        except Exception as error:  # noqa: BLE001 - the user's own function; it may raise anything
            return "no pictures", f"accepted it, and pictures(…) raised {_message_of(error)} at {_where(error)}"
        wanted = [data for data in trial.pictures if data is not None]
        if given == wanted:
            return "", ""
        if len(given) != len(wanted):
            loss: Loss = "fewer pictures" if len(given) < len(wanted) else "more pictures"
            return loss, f"accepted it with {len(given)} of its {len(wanted)} pictures"
        return "other pictures", "accepted it with another picture than its own"


def _message_for(trial: Trial, error: BaseException) -> str:
    """The error with its message, as a report shows it."""
    text = _message_of(error)
    if isinstance(error, UnstubbedRequestError) and urls_of(trial.response):
        # The stub's own message says how to stub that url, which is no advice here: the parser invented it.
        return f"{text.partition(' is not stubbed')[0]} asks for a url that is none of the answer's"
    return text


def _message_of(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except BaseException:  # noqa: BLE001 - the user's `__str__` may fail too
        text = "(its message cannot be read)"
    name = type(error).__name__
    if len(text) > _LONGEST_MESSAGE and not isinstance(error, ImgResponseError):  # our messages end with the remedy
        text = f"{text[:_LONGEST_MESSAGE]}…"
    return f"{name}: {text}" if text else name


def _root(error: BaseException, around: BaseException | None) -> str:
    """Type and line of the first exception in the chain that led to this one; empty where it is the first itself.

    `around` is what the caller was handling, if anything: Python chains it to whatever the parser raises.
    """
    root, met = error, {id(error), id(around)}  # chains can be circles
    before = error.__cause__ or error.__context__
    while before is not None and id(before) not in met:
        met.add(id(before))
        root = root if before.__traceback__ is None else before  # one that was never raised has no line
        before = before.__cause__ or before.__context__
    return "" if root is error else f"{type(root).__name__} at {_where(root)}"


def _where(error: BaseException) -> str:
    """The innermost line of the user's own code, then the innermost of all where that is in a library."""
    lines = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    innermost = lines[-1]
    own = next((line for line in reversed(lines) if _is_the_users(line[0])), innermost)
    places = [f"{Path(name).name}:{number}" for name, number in dict.fromkeys([own, innermost])]
    return ", in ".join(places)


def _is_the_users(name: str) -> bool:
    return not name.startswith(_LIBRARIES) and not {"site-packages", "dist-packages"} & {*Path(name).parts}
