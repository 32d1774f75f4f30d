"""List the edge cases: every way in which an answer can be unusual or wrong, and where it was seen.

With --show NAME it prints the answer that a case makes of a plain one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from http.client import responses as phrases
from textwrap import fill
from typing import TYPE_CHECKING

from pytest_imgresponse._terminal import escaped
from pytest_imgresponse.errors import ConfigError

if TYPE_CHECKING:
    from pytest_imgresponse.edge_cases import EdgeCase
    from pytest_imgresponse.http import HTTPResponse

_FIELDS = ("name", "level", "verdict", "reason", "seen", "applies_to", "needs_request")
_LEAST_ROOM = 50
_BASE64 = re.compile(r"([A-Za-z0-9+/_-]{40})([A-Za-z0-9+/_-]{60,}=*)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The filters, and the forms of output."""
    filters = parser.add_argument_group("which", "given more than once, --verdict and --level add up")
    filters.add_argument(
        "--verdict", action="append", type=_verdict, help="valid, unusual, tolerated or invalid", metavar="VERDICT"
    )
    filters.add_argument(
        "--level", action="append", type=_level, help="http, stream, json, schema, base64 or image", metavar="LEVEL"
    )
    filters.add_argument("--name", metavar="PATTERN", help="a part of the name, or a pattern such as '*_null'")
    forms = parser.add_argument_group("how").add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="as a JSON array of objects")
    forms.add_argument("--markdown", action="store_true", help="as a table in Markdown")
    forms.add_argument("--show", metavar="NAME", help="the answer that this case makes of a plain one, as HTTP")
    parser.add_argument("--raw", action="store_true", help="with --show: the exact bytes, nothing shortened or escaped")


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for: 0, or 1 where no case passes the filters. Raises `ConfigError` for a wrong name."""
    filtered = arguments.verdict or arguments.level or arguments.name is not None
    if arguments.raw and arguments.show is None:
        raise ConfigError("--raw goes with --show NAME")
    if filtered and arguments.show is not None:
        raise ConfigError("--show prints the one case that it names; it takes no --verdict, --level or --name")
    try:
        code = _list(arguments) if arguments.show is None else _show(arguments.show, raw=arguments.raw)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, has enough. Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _verdict(text: str) -> str:
    from pytest_imgresponse.checks.finding import VERDICTS

    return _one_of(text, VERDICTS)


def _level(text: str) -> str:
    from pytest_imgresponse.checks.finding import LEVELS

    return _one_of(text, LEVELS)


def _one_of(text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(known)}; got {text!r}")
    return text


def _list(arguments: argparse.Namespace) -> int:
    cases = _chosen(arguments)
    if arguments.json:
        print(json.dumps([{name: getattr(case, name) for name in _FIELDS} for case in cases], indent=2))
    elif arguments.markdown:
        print("\n".join(_markdown(cases)))
    elif cases:
        print("\n".join(_table(cases)))
    if not cases:
        print("imgresponse cases: no edge case is of that kind; without filters, all are listed", file=sys.stderr)
    return 0 if cases else 1


def _chosen(arguments: argparse.Namespace) -> list[EdgeCase]:
    from pytest_imgresponse.edge_cases import EDGE_CASES

    return [
        case
        for case in EDGE_CASES.values()
        if case.verdict in (arguments.verdict or (case.verdict,))
        and case.level in (arguments.level or (case.level,))
        and _matches(case.name, arguments.name)
    ]


def _matches(name: str, pattern: str | None) -> bool:
    if pattern is None:
        return True
    return fnmatchcase(name, pattern) if re.search(r"[*?\[]", pattern) else pattern in name


def _table(cases: list[EdgeCase]) -> Iterator[str]:
    """A line for each; in a terminal the last column is wrapped, and stands below where there is no room beside."""
    rows = [("NAME", "LEVEL", "VERDICT", "WHAT IT IS (WHERE IT WAS SEEN)")]
    rows += [(case.name, case.level, case.verdict, f"{case.reason} ({case.seen})") for case in cases]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    columns = shutil.get_terminal_size(fallback=(0, 0)).columns
    for row in rows:
        head = "  ".join(map(str.ljust, row[:3], widths))
        if not columns:
            yield f"{head}  {row[3]}"
        elif columns - len(head) < _LEAST_ROOM:
            yield head.rstrip()
            yield _wrapped(row[3], max(columns, _LEAST_ROOM), " " * 4, " " * 4)
        else:
            yield _wrapped(row[3], columns, f"{head}  ", " " * len(f"{head}  "))


def _wrapped(text: str, columns: int, first: str, others: str) -> str:
    return fill(text, columns, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def _markdown(cases: list[EdgeCase]) -> list[str]:
    lines = ["| Level | Verdict | Name | What it is | Seen |", "|---|---|---|---|---|"]
    for case in cases:
        cells = (case.level, case.verdict, f"`{case.name}`", case.reason, case.seen)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return lines


def _show(name: str, *, raw: bool) -> int:
    case = _named(name)
    status, body = _answer(case)
    if raw:
        sys.stdout.flush()
        sys.stdout.buffer.write(status + body)
        return 0
    print(f"{case.name}: {case.level}, {case.verdict}. {case.reason} ({case.seen}).\n", file=sys.stderr)
    print(_legible(status.replace(b"\r\n", b"\n") + body))
    return 0


def _named(name: str) -> EdgeCase:
    from pytest_imgresponse.edge_cases import EDGE_CASES
    from pytest_imgresponse.edge_cases.table import hint

    if (case := EDGE_CASES.get(name)) is not None:
        return case
    raise ConfigError(f"no edge case is called {name!r}{hint(name)}")


def _answer(case: EdgeCase) -> tuple[bytes, bytes]:
    """The head and the body of what it makes of the first plain response to which it applies."""
    from pytest_imgresponse.api.samples import plain_responses

    for request, response in plain_responses():
        if case.applies(response, request):
            mutated = case(response, request)
            return _head(mutated), mutated.body
    raise ConfigError(f"{case.name} applies to no plain response, but to: {case.applies_to}")


def _head(response: HTTPResponse) -> bytes:
    """The status line and the headers; the body is content, so a content-encoding among them may not hold."""
    reason = response.reason or phrases.get(response.status, "")
    lines = [f"HTTP/1.1 {response.status} {reason}", *(f"{name}: {value}" for name, value in response.headers)]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("utf-8", "surrogateescape")


def _legible(message: bytes) -> str:
    """As text: base64 shortened, and what is no printable character escaped, as a terminal may act on it."""
    text = _BASE64.sub(lambda found: f"{found[1]}…({len(found[2])} more)", message.decode("utf-8", "backslashreplace"))
    return escaped(text.removesuffix("\n"))
