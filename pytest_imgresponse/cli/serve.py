"""Serve recorded answers, or edge cases, over HTTP: for programs in any language.

The first line that it prints is the base URL for a client, with --cases the address to which a path is added. It
runs until Ctrl-C or SIGTERM. Of a folder, YAML files that are no cassettes (without `interactions`) are left out.

A request is answered by the recorded one that equals it in method, path, query and body, whatever the host was and
whatever key it carries; several cassettes are one pool. Equal requests get their answers in the order of recording,
and then the last one again: this server outlives the programs that ask it. With --once there is a 404 instead, as in
replay(). A request that is not recorded is answered by a 404 that says what is.

A url in a recorded answer leads to the host that it led to. Where its picture was recorded too, it is served under
its own path, and --rewrite-urls has the answers lead here; they are then no longer, byte for byte, those received.

With --cases, http://HOST:PORT/NAME/v1 is the base URL of an API whose every answer is that edge case or wire fault
(/stall:seconds=5/v1 has parameters), and / lists them all.
"""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_imgresponse import ConfigError

if TYPE_CHECKING:
    from pytest_imgresponse import HTTPRequest
    from pytest_imgresponse.endpoint.framing import Delivery
    from pytest_imgresponse.endpoint.server import Server

    _Ask = Callable[[HTTPRequest], Delivery]

_LARGEST_PORT = 65535
_NAP = 0.2  # seconds between two looks: a signal that comes just before a sleep is only seen after it
_ENDS = (signal.SIGINT, signal.SIGTERM)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to serve, and where."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "place", nargs="?", type=Path, metavar="CASSETTE_OR_DIR", help="a cassette, or a folder with cassettes"
    )
    parser.add_argument("--cases", action="store_true", help="serve edge cases and wire faults by path instead")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine alone)")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on (default: 0, a free one)")
    parser.add_argument("--once", action="store_true", help="give each recorded answer once, as replay() does")
    parser.add_argument("--rewrite-urls", action="store_true", help="have urls of recorded pictures lead here")
    parser.add_argument(
        "--match-on", metavar="NAMES", help="what must be equal: some of method,path,query,body (default: all)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM, then return 0. Raises `ConfigError` or `CassetteError` where it cannot begin."""
    ask, bases, what = _cases(arguments) if arguments.cases else _cassettes(arguments)
    bugs: list[Exception] = []
    server = _listening(ask, bugs, arguments)
    with _running(server):
        others = (f"also under {server.origin}{base}" for base in bases[1:])
        print(f"{server.origin}{bases[0]}", f"{what}; Ctrl-C ends it", *others, sep="\n", flush=True)
        while True:
            time.sleep(_NAP)
    if bugs:
        raise bugs[0]
    return 0


def _cassettes(arguments: argparse.Namespace) -> tuple[_Ask, list[str], str]:
    """What answers, the paths of the base URLs, and what is served, in words."""
    from pytest_imgresponse.cli._served_cassettes import MATCHED, Recorded, cassettes_at, checked_matchers

    if arguments.place is None:
        raise ConfigError("expected a cassette, or a folder with cassettes, or --cases; got neither")
    match_on = MATCHED if arguments.match_on is None else checked_matchers(arguments.match_on)
    paths, others = cassettes_at(arguments.place)
    recorded = Recorded(paths, match_on=match_on, once=arguments.once, rewrite_urls=arguments.rewrite_urls)
    left_out = f", {len(others)} other YAML file(s) left out" if others else ""
    return recorded.answer, recorded.bases, f"{len(recorded)} recorded answers of {len(paths)} cassette(s){left_out}"


def _cases(arguments: argparse.Namespace) -> tuple[_Ask, list[str], str]:
    from pytest_imgresponse.cli._served_cases import answer_by_path

    if arguments.place or arguments.once or arguments.rewrite_urls or arguments.match_on:
        raise ConfigError("--cases serves no cassette: expected it alone, or with --host and --port")
    return answer_by_path, [""], "edge cases and wire faults by path: /NAME/v1, and / lists them"


@contextmanager
def _running(server: Server) -> Iterator[None]:
    """The server runs within the block, which Ctrl-C and SIGTERM end."""
    server.start()
    before = {number: signal.signal(number, signal.default_int_handler) for number in _ENDS}
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for number in _ENDS:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would break off the stop
        server.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def _listening(ask: _Ask, bugs: list[Exception], arguments: argparse.Namespace) -> Server:
    from pytest_imgresponse.endpoint.server import Server

    host, port = arguments.host, arguments.port
    if not 0 <= port <= _LARGEST_PORT:
        raise ConfigError(f"expected --port from 0 to {_LARGEST_PORT}; got {port}")
    try:
        return Server(ask, bugs, host=host, port=port)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"nothing can listen on port {port} of {host!r}: {error}; choose another --port (0 is a free one) or --host"
        ) from error
