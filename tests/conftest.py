"""What several test modules share."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_imgresponse import LocalEndpoint

pytest_plugins = ["pytester"]

RECORDINGS = Path(os.environ.get("IMGRESPONSE_RECORDINGS") or Path(__file__).parents[2] / "shared" / "recordings")


@pytest.fixture
def recordings() -> Path:
    """The folder of real recordings, which lies outside of the repository."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"no real recordings in {RECORDINGS}; set IMGRESPONSE_RECORDINGS to their folder")
    return RECORDINGS


@pytest.fixture
def api() -> Iterator[LocalEndpoint]:
    with LocalEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting any socket raises: what passes under it has sent nothing."""

    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError(f"a connection to {address} was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
