"""The `imgresponse` command: one module a command.

A command's first docstring line is its help; what is heavy it imports when it runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from typing import Protocol

from pytest_imgresponse import ImgResponseError, __version__
from pytest_imgresponse.cli import cases, demo, export, fuzz, import_, serve


class Command(Protocol):
    """What the module of a command has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare what the command takes."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it, and return the exit code."""
        ...


COMMANDS: Mapping[str, Command] = {
    "demo": demo,
    "import": import_,
    "export": export,
    "cases": cases,
    "serve": serve,
    "fuzz": fuzz,
}


def main(argv: Sequence[str] | None = None, *, prog: str = "imgresponse") -> int:
    """Run a command and return its exit code: 0 for success, 2 for what was asked wrongly.

    `prog` is how usage lines name the program. Like argparse, it raises `SystemExit` for arguments that it does not
    know, `--help` and `--version`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A prompt or a path may hold what the terminal's encoding does not.
            stream.reconfigure(errors="backslashreplace")
    parser = _parser(prog)
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 2
    try:
        return COMMANDS[arguments.command].run(arguments)
    except (ImgResponseError, OSError) as error:
        print(f"imgresponse {arguments.command}: {error}", file=sys.stderr)
        return 2


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="The answers of image-generation APIs: recorded, served, and tried on a parser.",
    )
    parser.add_argument("--version", action="version", version=f"imgresponse {__version__}")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").partition("\n")[0]
        command.add_arguments(commands.add_parser(name, help=summary, description=command.__doc__))
    return parser
