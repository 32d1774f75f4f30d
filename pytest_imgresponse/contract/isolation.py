"""Calling a parser in a child process, where a hang, a crash or too much memory ends the child and is reported."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from pickle import PicklingError
from threading import Thread
from types import TracebackType
from typing import Any, cast

from pytest_imgresponse.contract.calling import Caller, Outcome
from pytest_imgresponse.contract.trial import Trial
from pytest_imgresponse.errors import ConfigError

_MIB = 2**20
_GRACE = 5.0
"""Seconds that a child has to end by itself, when it is not needed any more."""
_STATM = Path("/proc/self/statm")
"""The memory of this process in pages, its address space first (Linux, proc(5))."""


class IsolatedCaller:
    """Calls a parser as its `Caller` would, in a child that is started again whenever it had to be stopped.

    `time_limit` is in seconds for each call, `memory_limit` in MiB above what the child has at its start (on
    Linux; elsewhere memory is not limited). What the parser prints goes to stderr. A context manager: leaving it
    ends the child and what that has started.
    """

    def __init__(self, caller: Caller, time_limit: float, memory_limit: int) -> None:
        self._caller = caller
        self._time_limit = time_limit
        self._memory_limit = memory_limit
        self._child: tuple[BaseProcess, Connection] | None = None

    def __enter__(self) -> IsolatedCaller:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(_GRACE if error is None else 0)

    def __call__(self, trial: Trial) -> Outcome:
        """What the parser does with a trial. Raises `ConfigError` where it cannot be sent to a child."""
        connection = self._child[1] if self._child else self._started()
        began = time.perf_counter()
        try:
            connection.send(trial)
            if not connection.poll(self._time_limit):
                self._end(0)
                return Outcome("hung", seconds=self._time_limit)
            outcome: Outcome = connection.recv()
        except (EOFError, OSError):
            seconds = time.perf_counter() - began
            return Outcome("ended", _ending(self._end(_GRACE)), seconds=seconds)
        if outcome.kind == "out of memory":
            self._end(_GRACE)  # it may still hold what it took, and the next trial would suffer
        return outcome

    def _started(self) -> Connection:
        # A forked child has every parser that its parent has. Without fork, the parser is pickled, by its name.
        method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
        context: Any = multiprocessing.get_context(method)
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(ours, theirs, self._caller, self._memory_limit))
        try:
            with warnings.catch_warnings():
                # Threads of this process are not the child's business: it only parses.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            self._child = (process, ours)
            theirs.close()
            ours.recv()  # it is ready: from here on its time counts
        except (AttributeError, TypeError, PicklingError, EOFError) as error:
            raise ConfigError(
                f"the parser {self._caller.name} cannot be taken to a child process ({error!r}); define it, its "
                "errors and `pictures` in a module that can be imported"
            ) from error
        return cast(Connection, ours)

    def _end(self, patience: float) -> int:
        """Ends the child and all that it started, after `patience` seconds to end by itself. Gives its exit code."""
        if self._child is None:
            return 0
        (process, connection), self._child = self._child, None
        connection.close()
        wait([process.sentinel], patience)
        process.kill()
        if hasattr(os, "killpg") and process.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.join()
        code = process.exitcode or 0
        process.close()
        return code


def _serve(ours: Connection, theirs: Connection, caller: Caller, memory_limit: int) -> None:
    """What the child does: it calls the parser with each trial that it receives, until the parent closes the pipe."""
    ours.close()  # else the pipe would stay open, by this process itself, when the parent is gone
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C in the terminal goes to the parent alone, which then kills this whole group
    Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    # From Python 3.12 on, a parser that forks would be warned because of the thread that was just started.
    warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
    os.dup2(2, 1)  # stdout is the report's, which may be JSON
    # New ones, since those of the parent may have locks that a thread held while it forked: nobody frees them here.
    sys.stdout = sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    faulthandler.enable()  # prints where it crashed
    _limit_memory(memory_limit)
    theirs.send(None)
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            outcome = caller(theirs.recv())
            if outcome.kind == "out of memory":
                outcome = replace(outcome, error=f"more than {memory_limit} MiB")
            theirs.send(outcome)


def _end_with_parent(parent: int) -> None:
    """End this process when its parent has ended: in a parser that hangs, it would not notice."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _limit_memory(limit: int) -> None:
    if not _STATM.exists():
        return
    import resource

    taken = int(_STATM.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + limit * _MIB, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _ending(code: int) -> str:
    return f"the process, by {signal.Signals(-code).name}" if code < 0 else f"the process, with exit code {code}"
