"""`imgresponse export`: cassettes as plain vcrpy, which replays them alone, byte for byte."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import urllib.request
from pathlib import Path

import aiohttp
import httpx
import pytest
import requests
import urllib3
import vcr
import yaml

from pytest_imgresponse import HTTPRequest, HTTPResponse, replay
from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.cli import main
from tests.conftest import RECORDINGS, installed
from tests.test_import import PNG, URL

BODIES = {
    "json": (b'{"created": 1, "data": [{"b64_json": "%s"}]}\n' % base64.b64encode(PNG), "application/json"),
    "png": (PNG, "image/png"),
    "stream": (b'event: a\r\ndata: {"a": "\xf0\x9f\xa6\x8a"}\r\n\r\n', "text/event-stream"),
    "lines": (" é\n\u2028\n\n\ttab: 'quotes' #\n\n".encode(), "text/plain; charset=utf-8"),
    "long lines": (b"a\r\n" * 40_000, "text/plain"),
    "mark": (b'{"text": "imgresponse:v1:a-1.png"}', "application/json"),
    "empty": (b"", "text/plain"),
}


def url_of(name: str) -> str:
    return f"https://images.example.com/v1/{name.replace(' ', '-')}"


def keep(path: str | Path, *names: str) -> Path:
    """A cassette of ours with these bodies, each at its own URL."""
    store = Store(Path(path))
    interactions = [
        Interaction(
            Request.of(HTTPRequest("GET", url_of(name))),
            Response.of(HTTPResponse(200, [("content-type", BODIES[name][1]), ("x-a", "1"), ("x-b", "2"), ("x-a", "3")], BODIES[name][0], reason="OK")),
        )
        for name in names
    ]  # fmt: skip
    with store.lock():
        store.save(interactions)
    return store.path


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Run `imgresponse export` in an empty folder, and give its exit code, output and complaints."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(["export", *arguments])
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def by_httpx(url: str) -> bytes:
    return httpx.get(url).content


def by_requests(url: str) -> bytes:
    return requests.get(url, timeout=9).content


def by_urllib3(url: str) -> bytes:
    with urllib3.PoolManager() as pool:
        return pool.request("GET", url).data


def by_urllib(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=9) as answer:
        return answer.read()


def by_aiohttp(url: str) -> bytes:
    async def ask() -> bytes:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return await answer.read()

    return asyncio.run(ask())


@pytest.mark.parametrize("ask", [by_httpx, by_requests, by_urllib3, by_urllib, by_aiohttp])
def test_vcrpy_alone_replays_it_byte_for_byte(ask, command):
    keep("in/all.yaml", *BODIES)
    assert command("in", "--to", "plain")[0] == 0
    assert os.listdir("plain") == ["all.yaml"]
    with vcr.use_cassette("plain/all.yaml", record_mode="none") as cassette:
        for name, (body, _) in BODIES.items():
            assert ask(url_of(name)) == body
        assert cassette.all_played


def test_what_was_exported_is_text_to_read_and_no_picture_beside_it(command):
    keep("in/all.yaml", "json", "png")
    command("in", "--to", "plain")
    text = Path("plain/all.yaml").read_text()
    assert base64.b64encode(PNG).decode() in text
    first, second = yaml.safe_load(text)["interactions"]
    assert first["response"]["body"]["string"].encode() == BODIES["json"][0]
    assert second["response"]["body"]["string"] == PNG
    assert first["response"]["headers"] == {"content-type": ["application/json"], "x-a": ["1", "3"], "x-b": ["2"]}
    assert text.endswith("\nversion: 1\n")


def test_a_request_with_a_picture(command):
    body = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n%s\r\n--b--\r\n' % PNG
    request = HTTPRequest("POST", URL, {"content-type": "multipart/form-data; boundary=b"}, body)
    store = Store(Path("in.yaml").absolute())
    with store.lock():
        store.save([Interaction(Request.of(request), Response.of(HTTPResponse(200, {}, b"{}")))])
    assert command(str(store.path), "--to", "plain")[0] == 0
    asked = yaml.safe_load(Path("plain/in.yaml").read_text())["interactions"][0]["request"]
    assert asked["body"] == store.load()[0].request.http().body
    assert PNG in asked["body"]


def test_a_process_exports_the_folder_cassettes(tmp_path):
    keep(tmp_path / "cassettes" / "test_logo" / "a.yaml", "json")
    (tmp_path / "cassettes" / "other.yaml").write_text("a: 1")
    done = subprocess.run(
        [installed("imgresponse"), "export", "--to", "plain"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    row, summary = done.stdout.splitlines()[1:]
    assert row.split()[:4] == ["cassettes/test_logo/a.yaml", "vcrpy", "1", "1"]
    assert row.split()[-1] == "plain/test_logo/a.yaml"
    assert summary.startswith("1 left out (no recordings), 1 written; ")
    with vcr.use_cassette(str(tmp_path / "plain" / "test_logo" / "a.yaml"), record_mode="none"):
        assert by_httpx(url_of("json")) == BODIES["json"][0]


def test_the_cassettes_of_this_repository_go_out_and_come_back(command):
    ours = Path(__file__).parents[1] / "cassettes"
    assert command(str(ours), "--to", "plain")[0] == 0
    paths = sorted(path for path in ours.rglob("*.yaml"))
    assert paths
    assert main(["import", "plain", "--to", "back"]) == 0
    for path in paths:
        before, after = (Store(p).load() for p in (path, Path("back", path.relative_to(ours))))
        assert [each.response.http() for each in after] == [each.response.http() for each in before]


def test_every_real_recording_goes_to_a_cassette_and_out_again(command):
    if not RECORDINGS.is_dir():
        pytest.skip(f"no real recordings in {RECORDINGS}; set IMGRESPONSE_RECORDINGS to their folder")
    assert main(["import", str(RECORDINGS), "--to", "ours"]) == 0
    assert command("ours", "--to", "plain")[0] == 0
    paths = sorted(Path("ours").rglob("*.yaml"))
    assert len(paths) > 40
    for path in paths:
        plain = yaml.load(Path("plain", path.relative_to("ours")).read_bytes(), yaml.CSafeLoader)["interactions"]
        for item, interaction in zip(plain, Store(path).load(), strict=True):
            body = item["response"]["body"]["string"]
            assert (body.encode() if isinstance(body, str) else body) == interaction.response.http().body


def test_one_damaged_cassette_does_not_keep_the_others_back(command):
    keep("in/a.yaml", "json")
    keep("in/b.yaml", "json")
    Path("in/a-1.png").write_bytes(b"changed")
    Path("in/c.yaml").write_text("interactions: []")
    os.mkfifo("in/d.yaml")
    code, _, err = command("in", "--to", "plain")
    assert (code, os.listdir("plain")) == (1, ["b.yaml"])
    assert "a-1.png has changed since it was recorded" in err
    assert "in/c.yaml: it was cut off" in err


def test_a_dry_run_an_existing_file_and_force(command):
    keep("in/a.yaml", "json")
    assert command("in", "--to", "plain", "--dry-run")[0] == 0
    assert not Path("plain").exists()
    command("in", "--to", "plain")
    before = Path("plain/a.yaml").read_bytes()
    assert command("in", "--to", "plain")[1].splitlines()[-1] == "1 there already"
    keep("in/a.yaml", "png")
    code, _, err = command("in", "--to", "plain")
    assert (code, err) == (1, "in/a.yaml: plain/a.yaml is there and holds something else; --force replaces it\n")
    assert Path("plain/a.yaml").read_bytes() == before
    code, out, _ = command("in", "--to", "plain", "--force", "--json")
    assert (code, json.loads(out)["written"]) == (0, 1)
    assert Path("plain/a.yaml").read_bytes() != before


def test_a_cassette_is_not_replaced_by_its_export(command):
    keep("in/a.yaml", "json")
    code, _, err = command("in", "--to", "in", "--force")
    assert (code, err) == (
        1, "in/a.yaml: the plain file would replace the cassette; expected another folder as --to\n",
    )  # fmt: skip
    with replay("in/a.yaml"):
        assert by_httpx(url_of("json")) == BODIES["json"][0]


def test_what_is_asked_wrongly(command):
    assert command("--to", "plain")[0] == 2
    Path("empty").mkdir()
    assert command("empty", "--to", "plain")[::2] == (
        2, "imgresponse export: expected cassettes (*.yaml) in empty; there is none\n",
    )  # fmt: skip
    keep("in/a.yaml", "json")
    assert command("in", "--to", "in/a.yaml")[::2] == (
        2,
        "imgresponse export: --to: expected a folder; in/a.yaml is a file\n",
    )


def test_what_would_not_read_back_is_not_written(command, monkeypatch):
    keep("in/a.yaml", "json")
    monkeypatch.setattr("pytest_imgresponse.importing.conversion.is_inline", lambda *_: False)
    code, _, err = command("in", "--to", "plain")
    assert (code, "would not read back" in err, Path("plain").exists()) == (1, True, False)


def test_a_full_disk_leaves_no_half_file(command, monkeypatch):
    keep("in/a.yaml", "json")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    code, _, err = command("in", "--to", "plain")
    assert (code, os.listdir("plain"), "No space left" in err) == (1, [], True)


def test_what_was_exported_before_is_not_exported_again(command):
    keep("cassettes/a.yaml", "json")
    for _ in range(2):
        assert command(".", "--to", "plain")[0] == 0
    assert [path.as_posix() for path in sorted(Path("plain").rglob("*"))] == [
        "plain/cassettes",
        "plain/cassettes/a.yaml",
    ]
