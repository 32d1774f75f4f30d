"""Write cassettes as plain vcrpy: one YAML file each, with the pictures in it as base64.

  imgresponse export cassettes --to plain
  imgresponse export cassettes/test_logo --to plain --json

vcrpy alone replays them, byte for byte; this package reads them too. Folders are searched and kept. Nothing of the
source is changed. The exit code is 1 where a cassette could not be exported; the rest is.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_imgresponse.errors import CassetteSaveError, ConfigError

if TYPE_CHECKING:
    from pytest_imgresponse.cli._conversions import Found, Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to export, and where to."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="a cassette, or a folder with some (default: cassettes)"
    )
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the plain files are to lie")
    parser.add_argument("--dry-run", action="store_true", help="show what would come, and write nothing")
    parser.add_argument("--force", action="store_true", help="replace files that are there and hold something else")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Export, and return the exit code. Raises `ConfigError` for what was asked wrongly."""
    from pytest_imgresponse.cli._conversions import each_of, files_at, nothing_in, report

    if arguments.to.exists() and not arguments.to.is_dir():
        raise ConfigError(f"--to: expected a folder; {arguments.to} is a file")
    paths = arguments.paths or [Path("cassettes")]
    files = [found for found in files_at(paths) if found.path == found.given or _is_to_export(found, arguments.to)]
    outcomes = each_of(files, lambda found: _outcome(found, arguments), command="export", quiet=arguments.json)
    if all(each.status == "left out" for each in outcomes):
        raise nothing_in(paths, "cassettes (*.yaml)")
    return report(outcomes, as_json=arguments.json)


def _is_to_export(found: Found, to: Path) -> bool:
    """Whether a file in a folder may be a cassette, and none that was exported before."""
    from pytest_imgresponse.cli._conversions import is_below

    exported = is_below(found.path, to) and not is_below(found.given, to)
    return found.path.suffix in (".yaml", ".yml") and not exported


def _outcome(found: Found, arguments: argparse.Namespace) -> Outcome:
    from pytest_imgresponse.cassette.store import Store, write_whole
    from pytest_imgresponse.cli._conversions import Outcome, is_below
    from pytest_imgresponse.errors import CassetteDecodeError
    from pytest_imgresponse.importing import conversion
    from pytest_imgresponse.importing.source import Source

    source = None
    try:
        source = Source.at(found.path)
        interactions = Store(found.path).load()
    except CassetteDecodeError:
        if found.path != found.given and source is not None and not source.has_marks:
            return Outcome(str(found.path))
        raise
    exchanges = [(each.request.http(), each.response.http()) for each in interactions]
    data = conversion.inline(exchanges)
    inner = found.path.relative_to(found.given) if found.path != found.given else Path(found.path.name)
    target = Path(arguments.to, inner.with_name(f"{inner.stem}.yaml"))
    files = conversion.files_of(interactions)
    outcome = Outcome(
        str(found.path),
        format="vcrpy",
        interactions=len(interactions),
        pictures=len(files),
        bytes_before=source.size + sum(len(file.read()) for file in files),
        bytes_after=len(data),
        target=str(target),
    )
    if target.is_file() and target.read_bytes() == data:
        outcome.status = "unchanged"
        return outcome
    if target.exists() and not arguments.force:
        raise ConfigError(f"{found.path}: {target} is there and holds something else; --force replaces it")
    if is_below(target, found.path):
        raise ConfigError(f"{found.path}: the plain file would replace the cassette; expected another folder as --to")
    if not conversion.is_inline(data, target, exchanges):
        raise CassetteSaveError(f"{found.path}: as plain YAML it would not read back as it is; nothing was written")
    outcome.status = "would be written"
    if not arguments.dry_run:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, data)
        outcome.status = "written"
    return outcome
