"""The options and ini values that pytest gets, and what `pytest --help` says of them."""

from __future__ import annotations

import pytest

from pytest_imgresponse._config import IMAGES, RECORD_MODES


def add_options(parser: pytest.Parser) -> None:
    """Declare them."""
    group = parser.getgroup("imgresponse", "recorded answers of image-generation APIs")
    group.addoption(
        "--imgresponse-record",
        choices=RECORD_MODES,
        default=None,
        help="Record mode of cassettes: none (replay only, the default), once, new_episodes, all, rewrite.",
    )
    group.addoption(
        "--imgresponse-strict",
        action="store_true",
        help="Fail passed tests that leave recorded interactions unplayed, that caught the error of an "
        "unrecorded request, or that have the marker themselves and saw no request.",
    )
    group.addoption(
        "--imgresponse-block-network",
        action="store_true",
        default=None,
        help="Any connection beyond the loopback raises while a cassette replays: of Python's sockets and of uvloop. "
        "Other libraries in C, gRPC, child processes and look-ups of names (DNS) pass.",
    )
    parser.addini("imgresponse_record", f"Record mode: {', '.join(RECORD_MODES)}.", default="none")
    parser.addini("imgresponse_cassette_dir", "Where cassettes lie, from the root directory.", default="cassettes")
    parser.addini(
        "imgresponse_cassette_layout",
        "Where these are: root (in the root directory), or beside (in each folder of tests, as pytest-recording's).",
        default="root",
    )
    parser.addini("imgresponse_images", f"How pictures are kept: {', '.join(IMAGES)}.", default="exact")
    parser.addini(
        "imgresponse_ignore_hosts", "Hosts whose requests pass by, as in the marker.", type="args", default=[]
    )
    parser.addini(
        "imgresponse_block_network",
        "Whether connections beyond the loopback raise while a cassette replays.",
        type="bool",
        default=False,
    )
