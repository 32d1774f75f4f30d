"""What a parser did with a trial, and whether the contract allows it."""

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

Kind = Literal["accepted", "refused", "raised", "hung", "out of memory", "ended"]
Loss = Literal["", "fewer pictures", "more pictures", "other pictures", "no pictures"]
"""What is wrong with the pictures that a parser gave; with the last, `pictures` raised."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a parser did.

    `refused`: it raised one of `rejects_with`; `raised`: another exception; `hung` and `ended` (the whole process):
    only in isolation. `error` is the exception with its message, `where` the line that raised it, and `root` the type
    and the line of the one that it began with, where it is another's cause. `loss` is what is wrong with the pictures
    that it gave, told in `lost`; `asked` are its requests under `stub`; `lazy` says that what it returned had to be run
    to its end.
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


def told(outcome: Outcome) -> str:
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
    return told(outcome) if broken else None


def cause_of(trial: Trial, outcome: Outcome) -> tuple[str, ...]:
    """What makes two failures one: the same exceptions from the same lines, or the same field taken as it is.

    A parser that turns whatever goes wrong into one error of its own has its bugs told apart by what that began with.
    """
    if outcome.kind == "accepted":
        return ("accepted", outcome.loss or f"{trial.level} {_field(trial.path)}")
    return (outcome.kind, outcome.error.partition(":")[0], outcome.where, outcome.root)


def excuse_of(trial: Trial, outcome: Outcome) -> tuple[str, ...]:
    """What makes a generated failure that of a case which may fail: one cause, told in the same words.

    A cause alone would excuse too much: one line may raise all that a parser refuses.
    """
    return (*cause_of(trial, outcome), outcome.error or outcome.lost)


def _field(path: str) -> str:
    """The field of a path: `$.usage.input_tokens` is `usage`, `$.data[1].url` is `data[].url`."""
    names = re.sub(r"\[\d+\]", "[]", path).removeprefix("$").lstrip(".").split(".")
    return ".".join(names[: 2 if names[0].endswith("[]") else 1])


def is_lazy(result: object) -> bool:
    """Whether there is more to run: a coroutine, an iterator, the stream of a client, an object that only iterates."""
    return inspect.isawaitable(result) or _iterates(result, Iterable | AsyncIterable)


def consume(result: Any) -> Any:
    """What a parser returned, run to its end: an iterator gives the list of its items, a coroutine its consume result.

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


Pictures = Callable[[Any], Iterable[bytes]]
_TOLD = 160
"""Letters of an error's message that are told."""
_NOT_OWN = ("<", sysconfig.get_path("stdlib") + os.sep, str(Path(__file__).parents[1]) + os.sep)


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
        """What the parser does with a trial. Leaves alone what ends a run: Ctrl-C."""
        if self.given != "http":
            return self._outside_loop(trial)
        from pytest_imgresponse.stubs.stub import stub

        with stub(trial.response, pictures=trial.served, ignore_hosts=self.ignore_hosts) as stubbed:
            outcome = self._outside_loop(trial)
        return replace(outcome, asked=tuple(stubbed.requests))

    def _outside_loop(self, trial: Trial) -> Outcome:
        """In a test that is async itself, on another thread: a loop that runs cannot run a second one."""
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
            outcome = Outcome(self._kind(error), _told_of(trial, error), _where(error), _root(error, around))
        else:
            loss, lost = self._lost(trial, result)
            outcome = Outcome("accepted", loss=loss, lost=lost)
        return replace(outcome, seconds=time.perf_counter() - began, lazy=lazy)

    def _arguments(self, trial: Trial) -> tuple[Any, ...]:
        if self.given == "http":
            return ()
        if self.given == "response":
            return (trial.response,)
        return (json.loads(trial.response.body) if self.given == "dict" else trial.response.body,)

    def _kind(self, error: BaseException) -> Kind:
        if isinstance(error, MemoryError):  # even if it counts as a refusal: nobody meant this one
            return "out of memory"
        return "refused" if isinstance(error, self.rejects_with) else "raised"

    def _lost(self, trial: Trial, result: Any) -> tuple[Loss, str]:
        if self.pictures is None or trial.elsewhere or trial.verdict not in ("valid", "unusual"):
            return "", ""
        try:
            given = [bytes(data) for data in self.pictures(result)]
        except Exception as error:  # noqa: BLE001 - the user's own function; it may raise anything
            return "no pictures", f"accepted it, and pictures(…) raised {_told(error)} at {_where(error)}"
        wanted = [data for data in trial.pictures if data is not None]
        if given == wanted:
            return "", ""
        if len(given) != len(wanted):
            loss: Loss = "fewer pictures" if len(given) < len(wanted) else "more pictures"
            return loss, f"accepted it with {len(given)} of its {len(wanted)} pictures"
        return "other pictures", "accepted it with another picture than its own"


def _told_of(trial: Trial, error: BaseException) -> str:
    """What was raised; of a url that is not the answer's, not how a stub would serve it: nothing is there."""
    text = _told(error)
    if isinstance(error, UnstubbedRequestError) and urls_of(trial.response):
        return f"{text.partition(' is not stubbed')[0]} asks for a url that is none of the answer's"
    return text


def _told(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except BaseException:  # noqa: BLE001 - an error that cannot be told is an error all the same
        text = "(its message cannot be read)"
    name = type(error).__name__
    if len(text) > _TOLD and not isinstance(error, ImgResponseError):  # ours say the way out at their end
        text = f"{text[:_TOLD]}…"
    return f"{name}: {text}" if text else name


def _root(error: BaseException, around: BaseException | None) -> str:
    """Type and line of the exception that this one began with, empty where that is itself.

    What was being handled `around` the call is none of the parser's.
    """
    root, met = error, {id(error), id(around)}
    before = error.__cause__ or error.__context__
    while before is not None and id(before) not in met:
        met.add(id(before))
        root = root if before.__traceback__ is None else before  # one that was never raised has no line
        before = before.__cause__ or before.__context__
    return "" if root is error else f"{type(root).__name__} at {_where(root)}"


def _where(error: BaseException) -> str:
    """The line of the caller's own code that was running, and the innermost one, where that is a library's."""
    lines = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    innermost = lines[-1]
    own = next((line for line in reversed(lines) if _is_own(line[0])), innermost)
    told = [f"{Path(name).name}:{number}" for name, number in dict.fromkeys([own, innermost])]
    return ", in ".join(told)


def _is_own(name: str) -> bool:
    return not name.startswith(_NOT_OWN) and not {"site-packages", "dist-packages"} & {*Path(name).parts}
