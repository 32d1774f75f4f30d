"""Rules of the repository that no other tool checks."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import pytest_imgresponse
from pytest_imgresponse import _config, plugin

ROOT = Path(__file__).parents[1]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not in a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_recording_of_somebody_else_is_committed(recordings):
    """They are read where they lie."""
    sizes = {path.stat().st_size for path in recordings.rglob("*") if path.is_file()}
    assert not [path for path in tracked() if path.suffix in (".yaml", ".json") and path.stat().st_size in sizes]


def test_no_two_modules_share_a_name():
    """A reader finds a module by its name alone; the files of packages themselves aside."""
    names = [p.stem for p in (ROOT / "pytest_imgresponse").rglob("*.py") if p.stem != "__init__"]
    assert sorted(names) == sorted(set(names))


def test_the_version_is_in_the_changelog():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[(Unreleased|{re.escape(pytest_imgresponse.__version__)})\]", changelog, re.MULTILINE)


def test_options_tuples_and_settings_agree():
    assert set(_config.MARKER_OPTIONS) < set(_config.CONFIG_OPTIONS) == set(_config._CHECKS)


def test_pytest_still_has_the_one_private_name_that_is_used(request, tmp_path, pytestconfig):
    """Of pytest: `Function._fixtureinfo.name2fixturedefs`, which tells a fixture's scope before it is set up."""
    definitions = getattr(request.node, plugin.FIXTURE_INFO).name2fixturedefs
    assert (definitions["tmp_path"][-1].scope, definitions["pytestconfig"][-1].scope) == ("function", "session")
