"""Real recordings: each replays byte for byte against an independent reading of its file, and round-trips."""

from __future__ import annotations

import email
import gzip
import json
import re
import shutil
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import httpx
import pytest
import vcr
import yaml
from PIL import Image, UnidentifiedImageError
from vcr.persisters.filesystem import FilesystemPersister
from vcr.serializers import yamlserializer

from pytest_imgresponse import ImagePersister, replay
from pytest_imgresponse.cassette.store import Store
from tests.conftest import RECORDINGS

FILES = sorted((RECORDINGS / "vcrpy").glob("*.yaml"))


@dataclass
class Exchange:
    """One interaction as its file has it, read by PyYAML and gzip."""

    method: str
    url: str
    content_type: str | None
    asked: bytes
    status: int
    body: bytes

    def send(self) -> httpx.Response:
        headers = {"Content-Type": self.content_type} if self.content_type else {}
        return httpx.request(self.method, self.url, content=self.asked, headers=headers)


def exchanges_of(path: Path) -> list[Exchange]:
    items = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)["interactions"]
    return [exchange(item["request"], item["response"]) for item in items]


def exchange(request: dict, response: dict) -> Exchange:
    headers = {name.lower(): values[0] for name, values in request["headers"].items()}
    body = as_bytes(response["body"]["string"])
    return Exchange(
        request["method"],
        request["uri"],
        headers.get("content-type"),
        as_bytes(request["body"]),
        response["status"]["code"],
        gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body,
    )


def as_bytes(body: str | bytes | None) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


def fingerprint(data: bytes) -> tuple[str, str, tuple[int, int]]:
    """The start of a picture's hash, its format and its size, as `index.json` has them."""
    with Image.open(BytesIO(data)) as image:
        return sha256(data).hexdigest()[:16], image.format, image.size


def listed_pictures(recording: Path) -> set[tuple[str, str, tuple[int, int]]]:
    """What an independent reader found in the answers."""
    index = json.loads((RECORDINGS / "index.json").read_text(encoding="utf-8"))
    (entry,) = (entry for entry in index if entry["file"] == f"vcrpy/{recording.name}")
    images = [image for interaction in entry["interactions"] for image in interaction["images"]]
    return {(image["sha256"], image["fmt"], tuple(image["size"])) for image in images}


def other_pictures(exchanges: list[Exchange]) -> set[tuple[str, str, tuple[int, int]]]:
    """What the index does not list: uploads, and answers that are a picture."""
    found = set()
    for exchange in exchanges:
        head = f"Content-Type: {exchange.content_type or 'text/plain'}\r\n\r\n".encode()
        message = email.message_from_bytes(head + exchange.asked)
        for data in [exchange.body, *(part.get_payload(decode=True) or b"" for part in message.walk())]:
            try:
                found.add(fingerprint(data))
            except UnidentifiedImageError:
                continue
    return found


@pytest.fixture(params=FILES or [RECORDINGS], ids=lambda path: path.stem)
def recording(request: pytest.FixtureRequest, recordings: Path) -> Path:
    return request.param


@pytest.fixture
def saved(recording: Path, tmp_path: Path) -> Path:
    """What the recording becomes when our store saves it."""
    path = tmp_path / "saved" / "fox.yaml"
    path.parent.mkdir()
    Store(path).save(Store(recording).load())
    return path


def test_the_recordings_are_there(recordings: Path) -> None:
    assert len(json.loads((recordings / "index.json").read_text(encoding="utf-8"))) == 46
    assert len(FILES) == 14


def test_replays_byte_for_byte(recording: Path, tmp_path: Path, no_sockets: None) -> None:
    path = shutil.copy(recording, tmp_path / "fox.yaml")
    exchanges = exchanges_of(recording)
    with replay(path, record="none") as recorder:
        for exchange in exchanges:
            answer = exchange.send()
            assert (answer.status_code, answer.content) == (exchange.status, exchange.body)
    assert len(recorder.requests) == len(exchanges)


def test_replays_from_what_the_store_saved(recording: Path, saved: Path, no_sockets: None) -> None:
    with replay(saved, record="none"):
        for exchange in exchanges_of(recording):
            answer = exchange.send()
            assert (answer.status_code, answer.content) == (exchange.status, exchange.body)


def test_round_trips_through_the_store(recording: Path, saved: Path) -> None:
    before, after = Store(recording).load(), Store(saved).load()
    assert after == before
    assert [i.response.http() for i in after] == [i.response.http() for i in before]
    assert [i.request.http() for i in after] == [i.request.http() for i in before]
    assert [i.response.http().body for i in after] == [exchange.body for exchange in exchanges_of(recording)]


def test_the_files_are_the_pictures(recording: Path, saved: Path) -> None:
    files = {fingerprint(path.read_bytes()) for path in saved.parent.iterdir() if path != saved}
    assert files == listed_pictures(recording) | other_pictures(exchanges_of(recording))


def test_no_base64_is_left(recording: Path, saved: Path) -> None:
    text = saved.read_text(encoding="utf-8")
    assert re.search(r"[A-Za-z0-9+/]{200}", text) is None
    interactions = Store(saved).load()
    bodies = sum(len(i.request.body.text) + len(i.response.body.text) for i in interactions)
    pictures = len(list(saved.parent.iterdir())) - 1
    assert len(text) < bodies + 2048 * len(interactions) + 300 * pictures


def test_saved_again_it_is_the_same(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "again" / saved.name
    again.parent.mkdir()
    Store(again).save(Store(saved).load())
    assert contents(again.parent) == contents(saved.parent)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_vcrpy_replays_it_through_the_persister(recording: Path, saved: Path, no_sockets: None) -> None:
    recorder = vcr.VCR(record_mode="none", match_on=("method", "uri"))
    recorder.register_persister(ImagePersister)
    with recorder.use_cassette(str(saved)):
        for exchange in exchanges_of(recording):
            answer = exchange.send()
            assert (answer.status_code, answer.content) == (exchange.status, exchange.body)


def test_vcrpy_alone_reads_what_the_persister_wrote(recording: Path, tmp_path: Path) -> None:
    requests, responses = FilesystemPersister.load_cassette(recording, yamlserializer)
    path = tmp_path / "fox.yaml"
    ImagePersister.save_cassette(path, {"requests": requests, "responses": responses}, yamlserializer)
    asked, answers = FilesystemPersister.load_cassette(path, yamlserializer)
    exchanges = exchanges_of(recording)
    assert [request.method for request in asked] == [exchange.method.upper() for exchange in exchanges]
    assert [answer["status"]["code"] for answer in answers] == [exchange.status for exchange in exchanges]
