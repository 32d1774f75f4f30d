"""What a user may not read is said to be so, and is not "missing"."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import vcr

from pytest_imgresponse import CassetteDecodeError, ImagePersister, replay
from pytest_imgresponse.cli import main

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of files are those of POSIX")

ORDER = {"model": "dall-e-2", "prompt": "a red fox", "size": "256x256", "response_format": "b64_json"}
NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user who owns nothing: what root may not read there is not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def path(api):
    with tempfile.TemporaryDirectory() as folder:  # those of pytest are its user's alone
        path = Path(folder) / "shop" / "fox.yaml"
        with replay(path, record="once"):
            ask(api.url)
        for place in (path.parent.parent, path.parent):
            place.chmod(0o755)
        yield path
        path.parent.chmod(0o755)


def ask(url: str) -> httpx.Response:
    return httpx.post(f"{url}/images/generations", json=ORDER, headers={"authorization": "Bearer sk-0123456789"})


def refused(path: Path, api, *messages: str) -> None:
    with unprivileged(), pytest.raises(CassetteDecodeError) as caught, replay(path):
        ask(api.url)
    for message in messages:
        assert message in str(caught.value)
    assert len(api.requests) == 1


def test_a_picture(path, api):
    path.with_name("fox-1.png").chmod(0)
    refused(path, api, f"{path}: fox-1.png may not be read: ", "Permission denied", "give this user the permission")


def test_a_cassette(path, api):
    path.chmod(0)
    refused(path, api, f"{path}: the cassette cannot be read: ", "Permission denied")
    my_vcr = vcr.VCR()
    my_vcr.register_persister(ImagePersister)
    with (
        unprivileged(),
        pytest.raises(CassetteDecodeError, match="the cassette cannot be read: .*Permission denied"),
        my_vcr.use_cassette(path),
    ):
        ask(api.url)
    assert len(api.requests) == 1


def test_a_folder(path, api, capsys):
    path.parent.chmod(0)
    refused(path, api, f"{path}: the cassette cannot be read: ", "Permission denied")
    for mode, message in {0: f"{path.parent}: the folder", 0o444: f"{path}: the cassette"}.items():
        path.parent.chmod(mode)
        with unprivileged():
            assert main(["serve", str(path.parent)]) == 2
        error = capsys.readouterr().err
        assert f"{message} cannot be read: " in error
        assert "Permission denied" in error
