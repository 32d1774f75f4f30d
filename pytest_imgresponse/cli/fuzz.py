"""Hold a parser to its contract: every edge case, then generated answers, in a child process.

The exit code is 0 where the contract holds, 1 where it is broken, 2 for what was asked wrongly, 130 after Ctrl-C, where
the report is of what was tried until then. What the parser prints goes to stderr.
"""

from __future__ import annotations

import argparse
import builtins
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from pytest_imgresponse.errors import ConfigError

if TYPE_CHECKING:
    from pytest_imgresponse.contract import Report
    from pytest_imgresponse.contract.run import Watch
    from pytest_imgresponse.http import HTTPResponse

_MOST = 200
"""Answers that are generated, unless it is said how many."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("target", metavar="MODULE:CALLABLE", help="the parser, importable from here")
    parser.add_argument(
        "--given",
        default="bytes",
        choices=("bytes", "dict", "response", "http"),
        help="what it takes: the bytes of a body (the default), the dict of its JSON, an HTTPResponse, or nothing: "
        "with http it asks for itself, and gets its answers over its own client",
    )
    parser.add_argument(
        "--rejects-with", action="append", default=[], metavar="MODULE:ERROR", help="an error that it refuses with"
    )
    parser.add_argument("--pictures", metavar="MODULE:CALLABLE", help="gets the bytes of pictures out of its result")
    parser.add_argument("--from-response", metavar="FILE", help="a cassette, or a body, to fuzz around")
    parser.add_argument(
        "--except",
        dest="except_for",
        action="append",
        default=[],
        type=_exception,
        metavar="NAME=REASON",
        help="an edge case that may fail, and why",
    )
    parser.add_argument("--case", dest="cases", action="append", metavar="NAME", help="try this edge case alone")
    parser.add_argument(
        "--ignore-host",
        dest="ignore_hosts",
        action="append",
        metavar="HOST",
        help="with --given http: requests to this host, or to those of a pattern such as '*.local', pass",
    )
    parser.add_argument(
        "--max-examples", type=_count, metavar="N", help=f"generated answers ({_MOST}; none with --case)"
    )
    parser.add_argument("--time-limit", type=float, default=10.0, metavar="SECONDS", help="of one call (10)")
    parser.add_argument("--memory-limit", type=_count, default=1024, metavar="MIB", help="of the child, Linux (1024)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page for a browser")


def run(arguments: argparse.Namespace) -> int:
    """Do it, and return the exit code. Raises `ConfigError`: but for a full disk, before anything is tried."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("imgresponse fuzz: interrupted; there is no report", file=sys.stderr)
        return 130


def _run(arguments: argparse.Namespace) -> int:
    if arguments.html is not None:
        _require_jinja2()
        _require_writable(arguments.html)
    with redirect_stdout(sys.stderr):  # stdout is for the report alone
        report = _report(arguments)
    if arguments.html is not None:
        from pytest_imgresponse.cli.page import page_of

        page = page_of(report)
        with _writing(arguments.html, "w") as file:
            file.write(page)
    print(json.dumps(report.as_json(), indent=2) if arguments.json else report)
    if report.stopped == "interrupted":
        return 130
    return 1 if report.rows else 0


def _report(arguments: argparse.Namespace) -> Report:
    sys.path.insert(0, str(Path.cwd()))
    parse = _imported(arguments.target)
    errors = tuple(error for name in arguments.rejects_with for error in _errors(name))
    pictures = _imported(arguments.pictures, "--pictures: ") if arguments.pictures is not None else None

    from pytest_imgresponse.contract import parser as checked
    from pytest_imgresponse.contract.paste_lines import importing
    from pytest_imgresponse.contract.run import run_contract

    caller = checked.caller_of(
        parse, arguments.given, errors, pictures, arguments.ignore_hosts, called="each --rejects-with"
    )
    cases = checked.cases_of(arguments.cases, called="--case")
    limits = (
        checked.seconds_of(arguments.time_limit, "--time-limit"),
        checked.count_of(arguments.memory_limit, "--memory-limit", 1),
    )
    most = _MOST if arguments.max_examples is None and cases is None else arguments.max_examples
    definitions = {"parse": importing("parse", *arguments.target.split(":"))}
    if pictures is not None:
        definitions["pictures"] = importing("pictures", *arguments.pictures.split(":"))
    from_response = None
    if arguments.from_response is not None:
        name = arguments.from_response
        from_response = checked.response_of(
            response_in(name), arguments.given, called=f"--from-response: what {name!r} holds"
        )
        loading = f"from_response = response_in({name!r})"
        definitions["from_response"] = f"from pytest_imgresponse.cli.fuzz import response_in\n{loading}"
    except_for = checked.exceptions_of(dict(arguments.except_for), called="--except")
    with _progress(quiet=arguments.json) as watch:
        return run_contract(
            caller,
            cases,
            definitions=definitions,
            from_response=from_response,
            except_for=except_for,
            max_examples=most,
            limits=limits,
            watch=watch,
            report_on_interrupt=True,
        )


def _require_jinja2() -> None:
    try:
        import jinja2  # noqa: F401 - it is asked for before the work is done
    except ImportError as error:
        raise ConfigError("--html needs jinja2: pip install 'pytest-imgresponse[cli]'") from error


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0; got {text!r}")
    return int(text)


def _exception(text: str) -> tuple[str, str]:
    name, equals, reason = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(
            f"expected NAME=REASON, such as trailing_junk='no server sends it'; got {text!r}"
        )
    return name, reason


def _imported(name: str, option: str = "") -> Any:
    """What a module has under a name, which can be called. Raises `ConfigError` for all else, of this option."""
    found = _named(name, option)
    if not callable(found):
        raise ConfigError(f"{option}{name!r} is {found!r}, which cannot be called")
    return found


def _errors(name: str) -> tuple[Any, ...]:
    """What a module has under a name: an exception class, or a tuple of them."""
    found = _named(name, "--rejects-with: ")
    return found if isinstance(found, tuple) else (found,)


def _named(name: str, option: str) -> Any:
    """What a module has under a name. Raises `ConfigError` where there is none."""
    module, _, path = name.partition(":")
    if not path or not re.fullmatch(r"\w+(\.\w+)*", module) or module.endswith(".py"):
        raise ConfigError(f"{option}expected MODULE:NAME, such as {_such_as(name)}; got {name!r}")
    try:
        found: Any = import_module(module)
    except (Exception, SystemExit) as error:  # code of the user's, which may raise anything
        told = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{option}{name!r} cannot be imported from {Path.cwd()}: {told}") from error
    for part in path.split("."):
        if not hasattr(found, part):
            similar = " or ".join(get_close_matches(part, dir(found)))
            raise ConfigError(
                f"{option}{name!r}: {module} has no {path}{f'; did you mean {similar}?' if similar else ''}"
            )
        found = getattr(found, part)
    return found


def _such_as(name: str) -> str:
    """What was probably meant: a builtin, or a module where its file is named."""
    if hasattr(builtins, name):
        return f"builtins:{name}"
    file, colon, path = name.partition(":")
    dotted = ".".join(Path(file).with_suffix("").parts) if file.endswith(".py") or "/" in file else ""
    return f"{dotted}:{path}" if colon and path and re.fullmatch(r"\w+(\.\w+)*", dotted) else "shop.parser:parse"


def response_in(name: str) -> HTTPResponse:
    """The first good answer of an images route in a cassette, or the body that a file holds."""
    from pytest_imgresponse.http import HTTPResponse

    path = Path(name)
    try:
        if path.suffix in (".yaml", ".yml"):
            return _recorded(path)
        body = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"--from-response: {str(path)!r} cannot be read: {error.strerror}") from error
    kind = "text/event-stream" if body.lstrip().startswith((b"event:", b"data:", b":")) else "application/json"
    return HTTPResponse(200, {"content-type": kind}, body)


def _recorded(path: Path) -> HTTPResponse:
    from pytest_imgresponse.cassette.store import Store
    from pytest_imgresponse.exchanges import is_images_route

    answers = [found.response.http() for found in Store(path).load() if is_images_route(found.request.url)]
    for answer in answers:
        if answer.status < 300:
            return answer
    told = f"; of its {len(answers)}, each is an error" if answers else ""
    raise ConfigError(f"--from-response: {str(path)!r} holds no good answer of an images route{told}")


def _require_writable(path: Path) -> None:
    """Raises `ConfigError` where no page can be written to this path.

    It leaves no file behind, and an old page as it is: the arguments that are judged after it may be wrong.
    """
    existed = path.exists()
    with _writing(path, "a"):
        pass
    if not existed:
        path.unlink()


@contextmanager
def _writing(path: Path, mode: str) -> Iterator[TextIO]:
    try:
        with path.open(mode, encoding="utf-8") as file:
            yield cast(TextIO, file)
    except OSError as error:
        raise ConfigError(f"--html: {str(path)!r} cannot be written: {error.strerror}") from error


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Watch]:
    """A line that counts, on a terminal; by rich, which the extra `cli` brings."""
    try:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    except ImportError:
        yield lambda name, happened: None
        return
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task("")
        tried = broke = 0

        def watch(name: str, happened: str | None) -> None:
            nonlocal tried, broke
            tried, broke = tried + 1, broke + (happened is not None)
            progress.update(task, description=f"{tried} tried, {broke} broke the contract: {name}")

        yield watch
