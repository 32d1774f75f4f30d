"""Calling a parser with a trial, within this process."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from traceback import walk_tb
from types import MethodType
from typing import Any

from pytest_imgresponse.contract.behind_urls import urls_of
from pytest_imgresponse.contract.draining import drained, is_lazy
from pytest_imgresponse.contract.outcome import Kind, Loss, Outcome
from pytest_imgresponse.contract.trial import Given, Trial
from pytest_imgresponse.errors import ImgResponseError, UnstubbedRequestError

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
        from pytest_imgresponse.cassette.stub import stub

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
            result = drained(result)
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
