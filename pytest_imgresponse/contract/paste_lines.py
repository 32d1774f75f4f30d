"""Lines to paste: Python that gives a parser a trial again, and the imports and definitions that they need."""

from __future__ import annotations

import base64
import re
import reprlib
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from types import MethodType
from typing import Any

from pytest_imgresponse.contract.calling import Outcome
from pytest_imgresponse.contract.trial import Given, Trial
from pytest_imgresponse.http import HTTPResponse

_MODULES = ("base64", "json", "zlib")
NAMES = (
    "EDGE_CASES",
    "HTTPResponse",
    "consume",
    "inlined",
    "pictures_of",
    "plain_responses",
    "served_by",
    "stub",
)
"""What lines import from `pytest_imgresponse.reproduce`: all that it has. It imports this package, not the reverse."""
_REPR = reprlib.Repr()
_REPR.maxother = 200
_LONGEST = 20_000
"""Characters of the longest response that is written into the preamble."""


def line_of(trial: Trial, given: Given, outcome: Outcome, ignore_hosts: Sequence[str] = ()) -> str:
    """The line that gives the parser this trial again; a generated response is written into it, compressed.

    Where the parser gave other pictures than those of the answer, the line asserts that they are the same.
    """
    response = trial.source or packed(trial.response)
    shown = trial.pictures_source or response
    if outcome.lost:
        shown = f"mutated := {shown}"
    if given == "http":
        answers = f"{response}, pictures=served_by({response}, {shown})" if trial.served else shown
        passing = f", ignore_hosts={list(ignore_hosts)!r}" if ignore_hosts else ""
        return f"with stub({answers}{passing}): {_call('', outcome)}"
    if outcome.lost:
        shown = f"({shown})"
    body = f"{shown}.body" if trial.source or outcome.lost else _unpacking(trial.response.body)
    return _call({"bytes": body, "dict": f"json.loads({body})", "response": shown}[given], outcome)


def _call(argument: str, outcome: Outcome) -> str:
    # A lazy parser has not done anything yet when it returns: its failure comes when the result is run to its end.
    call = f"consume(parse({argument}))" if outcome.lazy else f"parse({argument})"
    return f"assert [*map(bytes, pictures({call}))] == pictures_of(mutated), {outcome.lost!r}" if outcome.lost else call


def preamble_of(lines: Iterable[str], definitions: Mapping[str, str]) -> str:
    """What the lines need: imports, and of these definitions those whose names they use."""
    text = "\n".join(lines)
    # Not `pictures=…`: that is an argument of `stub`.
    defined = [line for name, line in definitions.items() if re.search(rf"\b{name}\b(?!=)", text)]
    text = "\n".join([text, *defined])
    modules = [name for name in _MODULES if re.search(rf"\b{name}\.", text)]
    imports = [f"import {', '.join(modules)}"] if modules else []
    names = [name for name in NAMES if re.search(rf"\b{name}[\[(]", text)]
    imports += [f"from pytest_imgresponse.reproduce import {', '.join(names)}"] if names else []
    return "\n".join([*imports, *defined])


def importing(name: str, module: str, path: str) -> str:
    """The lines that make `name` what a module has at a path."""
    first, dot, rest = path.partition(".")
    if dot:
        return f"from {module} import {first}\n{name} = {first}.{rest}"
    return f"from {module} import {first}" if first == name else f"from {module} import {first} as {name}"


def defining(name: str, value: Any) -> str:
    """The lines that make `name` this value: an import where its module has it by its own name, else a comment."""
    module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    # What has a name may still be something else under that name (decorated, a local function): so it is looked up.
    if isinstance(module, str) and isinstance(path, str) and module != "__main__":
        found: Any = sys.modules.get(module)
        for part in path.split("."):
            found = getattr(found, part, None)
        if found is value or (isinstance(value, MethodType) and found == value):
            return importing(name, module, path)
    return f"# {name}: your {' '.join(_REPR.repr(value).split())}"


def holding(name: str, response: HTTPResponse | None) -> str:
    """The line that makes `name` this response; for a long one a comment, since nobody pastes that much."""
    line = f"{name} = {packed(response)}" if response is not None else ""
    return (
        line
        if len(line) <= _LONGEST
        else f"# {name} = …: first the HTTPResponse that check_parser got, of {len(line)} characters"
    )


def packed(response: HTTPResponse) -> str:
    """The Python expression of a response."""
    return f"HTTPResponse({response.status}, {list(response.headers)!r}, {_unpacking(response.body)})"


def _unpacking(body: bytes) -> str:
    """The Python expression of bytes."""
    return f'zlib.decompress(base64.b85decode("{base64.b85encode(zlib.compress(body, 9)).decode()}"))'
