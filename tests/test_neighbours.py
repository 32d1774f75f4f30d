"""The plugin lives beside the other recorders: each is installed in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NEIGHBOURS = Path(os.environ.get("IMGRESPONSE_NEIGHBOURS") or "neighbours")
THEIR_TEST = "@pytest.mark.vcr\ndef test_theirs(): ask('theirs')\n"
THEIR_MODE = {"pytest-recording": "--record-mode", "pytest-vcr": "--vcr-record", "cassetter": "--record-mode"}


@pytest.mark.slow
@pytest.mark.parametrize("name", THEIR_MODE)
def test_beside(suite, api, name):
    """Each records and replays its own test, with both plugins loaded."""
    folder = NEIGHBOURS / name
    if not folder.is_dir():
        pytest.skip(f"{name} is not installed in {folder}; set IMGRESPONSE_NEIGHBOURS to a folder of such folders")
    suite.write("@pytest.mark.imgresponse\ndef test_ours(): ask('ours')\n" + THEIR_TEST)
    environment = {**os.environ, "PYTHONPATH": str(folder), "BASE": api.url}

    def run(*arguments):
        before = len(api.requests)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(command, cwd=suite.root, env=environment, capture_output=True, text=True)
        assert "2 passed" in done.stdout, done.stdout + done.stderr
        assert name.replace("pytest-", "") in done.stdout.partition("plugins: ")[2].partition("\n")[0]
        return len(api.requests) - before

    assert run("--imgresponse-record=once", f"{THEIR_MODE[name]}=once") == 2
    assert "test_logo/test_ours.yaml" in suite.files()
    assert run() == 0
