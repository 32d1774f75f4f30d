"""Bring recordings of other tools: what they hold becomes cassettes, redacted, with pictures as files.

  imgresponse import tests --to cassettes --dry-run
  imgresponse import tests --to cassettes
  imgresponse import downloads/session.har --to cassettes/shop

The format is recognised: vcrpy of every age (pytest-recording's and pytest-vcr's cassettes, YAML or JSON, gzipped or
not), cassetter, HAR, Ruby VCR and betamax, go-vcr, Azure SDK session records. Folders are searched. What lies in a
folder `cassettes` beside test modules gets the name that the plugin looks for; all else keeps its folders.

Each cassette is read again after it was written and compared. Nothing of the source is changed without --move. The exit
code is 1 where something could not be imported; the rest is.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_imgresponse._paths import LAYOUTS
from pytest_imgresponse.errors import ConfigError

if TYPE_CHECKING:
    from pytest_imgresponse._config import Settings
    from pytest_imgresponse.cli._conversions import Found, Outcome
    from pytest_imgresponse.importing import Recording
    from pytest_imgresponse.importing.source import Source


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to import, and where to."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="a recording, or a folder with some (default: cassettes)"
    )
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the cassettes are to lie")
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="root",
        help="root (default): FOLDER is the one folder of cassettes; beside: FOLDER is the root directory of a suite "
        "whose folders with tests have cassettes of their own, named as pytest-recording does",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would come, and write nothing")
    parser.add_argument("--move", action="store_true", help="remove each source after its cassette was verified")
    parser.add_argument("--force", action="store_true", help="replace cassettes that are there and hold something else")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    rules = parser.add_argument_group("redaction", "beside the rules that always hold")
    for name, what in (
        ("redact-name", "a field, header or parameter whose values are replaced too"),
        ("redact-value", "a text that is replaced wherever it stands"),
        ("keep-name", "a field or parameter whose values are kept"),
    ):
        rules.add_argument(f"--{name}", action="append", default=[], metavar="TEXT", help=what)


def run(arguments: argparse.Namespace) -> int:
    """Import, and return the exit code. Raises `ConfigError` for what was asked wrongly."""
    from pytest_imgresponse._config import Layer, settings_from
    from pytest_imgresponse.cli._conversions import each_of, files_at, nothing_in, report

    if arguments.to.exists() and not arguments.to.is_dir():
        raise ConfigError(f"--to: expected a folder; {arguments.to} is a file")
    paths = arguments.paths or [Path("cassettes")]
    options = {
        "redact_names": arguments.redact_name,
        "redact_values": arguments.redact_value,
        "keep_names": arguments.keep_name,
    }
    importer = _Importer(arguments, settings_from([Layer("the command line", options)]))
    outcomes = each_of(files_at(paths), importer.outcome, command="import", quiet=arguments.json)
    if not any(each.status != "left out" for each in outcomes):
        raise nothing_in(paths, "recordings")
    return report(outcomes, as_json=arguments.json)


class _Importer:
    """Imports one file after the other."""

    def __init__(self, arguments: argparse.Namespace, settings: Settings) -> None:
        self._arguments = arguments
        self._settings = settings
        self._sources: dict[Path, Path] = {}  # by the cassette that they became

    def outcome(self, found: Found) -> Outcome | None:
        """Import a file; None for one that is of no concern. Raises `ImgResponseError`, `OSError`."""
        from pytest_imgresponse.cli._conversions import Outcome
        from pytest_imgresponse.errors import CassetteDecodeError
        from pytest_imgresponse.importing import NoRecordingError, recording_in
        from pytest_imgresponse.importing.source import Source

        if not found.is_likely and not Source.begins_like_one(found.path):
            return None
        source = None
        try:
            source = Source.at(found.path)
            recording = recording_in(source)
        except CassetteDecodeError as error:
            is_other = isinstance(error, NoRecordingError) or (source is not None and not source.has_marks)
            if found.path != found.given and (is_other or not found.is_likely):
                return Outcome(str(found.path)) if found.is_likely else None
            raise
        outcome = Outcome(
            str(found.path),
            format=recording.format,
            interactions=len(recording.exchanges),
            bytes_before=source.size,
            notes=recording.notes,
            lost=recording.lost,
        )
        self._write(found, recording, outcome, source)
        return outcome

    def _write(self, found: Found, recording: Recording, outcome: Outcome, source: Source) -> None:
        from pytest_imgresponse.cli._conversions import is_below
        from pytest_imgresponse.importing import OURS, conversion

        arguments = self._arguments
        target = self._target(found, recording)
        in_place = is_below(target, found.path)
        interactions = conversion.as_cassette(recording.exchanges, self._settings)
        outcome.target = str(target)
        outcome.pictures = len(files := conversion.files_of(interactions))
        there = conversion.holds(target, interactions)
        if not there:
            self._refuse(found.path, target, in_place=in_place)
        self._sources[target.absolute()] = found.path
        if there:
            outcome.status = "unchanged"
        elif arguments.dry_run:
            outcome.status = "would be written"
        else:
            conversion.write_cassette(target, interactions, self._attributes(target))
            outcome.status = "written"
        if outcome.status == "would be written":
            outcome.bytes_after = conversion.size_of(interactions, target.stem)
        else:
            outcome.bytes_after = target.stat().st_size + sum(len(file.read()) for file in files)
        if arguments.move and not arguments.dry_run and not in_place:
            if recording.is_partial:
                outcome.notes.append("the source stays, since not all of it was imported")
            else:
                conversion.remove(found.path, source.file_names if recording.format == OURS else ())

    def _target(self, found: Found, recording: Recording) -> Path:
        from pytest_imgresponse.cli._conversions import is_below
        from pytest_imgresponse.importing import OF_PYTEST
        from pytest_imgresponse.importing.naming import target_of

        to, given = self._arguments.to, found.given
        if is_below(found.path, to) and is_below(to, given):  # it was imported before: its folders are kept
            given = to
        of_pytest = recording.format in OF_PYTEST
        return Path(to, target_of(found.path, given, self._arguments.layout, of_pytest=of_pytest))

    def _refuse(self, path: Path, target: Path, *, in_place: bool) -> None:
        """Raises `ConfigError` where the cassette would replace something that was not to be replaced."""
        other = self._sources.get(target.absolute())
        if other is not None:
            raise ConfigError(f"{path}: {other} has become {target} already; import one of them to another folder")
        if in_place and not self._arguments.move:
            raise ConfigError(f"{path}: the cassette would replace it; expected --move, or another folder as --to")
        if not in_place and target.exists() and not self._arguments.force:
            raise ConfigError(f"{path}: {target} is there and holds something else; --force replaces it")

    def _attributes(self, target: Path) -> Path:
        """The folder that gets a `.gitattributes`: that of the cassettes."""
        if self._arguments.layout == "beside":
            return next((folder for folder in target.parents if folder.name == "cassettes"), target.parent)
        return Path(self._arguments.to)
