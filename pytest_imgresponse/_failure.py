"""How a failing test tells an error of ours: its own line and the message, without the frames of clients and ours.

`--full-trace` shows them.
"""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, cast

import pytest

from pytest_imgresponse.errors import ContractError, ImgResponseError

_Style = Literal["long", "short", "native"]
_LINES, _COLUMNS = 20, 80
_MESSAGE = 11  # lines that a message gets before a helper's line is shown
_MARGIN = "E   "
_NOT_OWN = (Path(__file__).parent, *map(Path, {*sysconfig.get_paths().values(), sys.prefix}))
"""Where no code of a user lies: this package, Python and its environment, which may lie within the root directory."""


def failure(item: pytest.Item, raised: BaseException) -> Any:
    """What a report shows (`longrepr`) of what a test raised; None where no error of ours is the reason."""
    error = _ours(raised)
    if error is None or isinstance(raised, (pytest.fail.Exception, pytest.skip.Exception)):
        return None
    shown = copy(error)
    frames = _frames(item, raised, error)
    left = _LINES - 1 - (raised is not error) - hasattr(item.config, "workerinput")  # headings
    while len(frames) > 1 and left - sum(map(_height, frames)) < _MESSAGE:
        del frames[-1]
    if not isinstance(error, ContractError):
        shown.args = (_cut(error, left - sum(map(_height, frames)), f"{item.config.rootpath}{os.sep}"),)
    if raised is not error:
        led = f"It led to {type(raised).__name__}: {str(raised).partition(chr(10))[0]}"
        shown.add_note(led[: _COLUMNS - len(_MARGIN)])
    style = {"long": "long", "native": "native"}.get(item.config.getoption("tbstyle"), "short")
    info = pytest.ExceptionInfo.from_exception(shown.with_traceback(_linked(frames)))

    def told(style: str) -> Any:
        return info.getrepr(
            style=cast(_Style, style), showlocals=item.config.getoption("showlocals"), tbfilter=False, chain=False
        )

    # The long one shows a function from its first line on.
    lines = str(told(style)).splitlines() if style == "long" else []
    return told("short" if sum(_lines(len(line)) for line in lines) >= _LINES else style)


def _ours(error: BaseException | None) -> ImgResponseError | None:
    """The outermost error of ours among an error, its members, and what it came from."""
    seen: set[int] = set()
    left = [error]
    while left:
        one = left.pop(0)
        if one is None or id(one) in seen:
            continue
        if isinstance(one, ImgResponseError):
            return one
        seen.add(id(one))
        left += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        left.append(one.__cause__ or (None if one.__suppress_context__ else one.__context__))
    return None


def _frames(item: pytest.Item, raised: BaseException, error: ImgResponseError) -> list[TracebackType]:
    """The test's own line, or its fixture's, and the innermost one of the user's."""
    root, test = item.config.rootpath, str(item.path)
    every = [*_walk(raised.__traceback__), *(_walk(error.__traceback__) if error is not raised else ())]
    own = [tb for tb in every if _is_own(Path(tb.tb_frame.f_code.co_filename), root, item.path.parent)]
    first = next((number for number, tb in enumerate(own) if tb.tb_frame.f_code.co_filename == test), 0)
    return [*own[first : first + 1], *own[first + 1 :][-1:]] or every[-1:]


def _walk(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is_own(file: Path, *folders: Path) -> bool:
    return any(map(file.is_relative_to, folders)) and not any(map(file.is_relative_to, _NOT_OWN))


def _linked(frames: list[TracebackType]) -> TracebackType | None:
    linked = None
    for tb in reversed(frames):
        linked = TracebackType(linked, tb.tb_frame, tb.tb_lasti, tb.tb_lineno)
    return linked


def _height(tb: TracebackType) -> int:
    """How many lines a frame takes: where it is, its line, and the marks below that."""
    line = linecache.getline(tb.tb_frame.f_code.co_filename, tb.tb_lineno).strip()
    return 1 + 2 * _lines(len(_MARGIN) + len(line))


def _lines(length: int) -> int:
    return max(1, -(-length // _COLUMNS))


def _cut(error: ImgResponseError, most: int, root: str) -> str:
    """Its message in so many lines, paths told from the root directory."""
    message = str(error).replace(root, "")
    lines = message.splitlines()
    height, prefix = 0, len(f"{_MARGIN}{type(error).__module__}.{type(error).__name__}: ")
    for number, line in enumerate(lines):
        height += _lines(len(line) + (len(_MARGIN) if number else prefix))
        if height > most - (number < len(lines) - 1):
            return "\n".join([*lines[:number], f"… {len(lines) - number} more line(s); --full-trace shows them"])
    return message
