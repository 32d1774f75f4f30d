"""`imgresponse import`: recordings of other tools become cassettes that replay what was received."""

from __future__ import annotations

import base64
import gzip
import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import time
import zlib
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import yaml

from pytest_imgresponse import replay
from pytest_imgresponse.cassette.cleaning import Cleaning
from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.cassette.payloads import Body
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.cli import main
from pytest_imgresponse.errors import CassetteDecodeError
from pytest_imgresponse.importing import READERS, Recording, recording_in, source
from pytest_imgresponse.importing.source import Source
from tests.conftest import RECORDINGS, installed
from tests.real import all_recorded

URL = "https://api.openai.com/v1/images/generations"
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVQYV2NgAAIAAAUAAarVyFEAAAAASUVORK5CYII=")
ANSWER = b'{"created": 1, "data": [{"b64_json": "%s"}]}' % base64.b64encode(PNG)
TEXT = ANSWER.decode()
JSON_TYPE = {"content-type": ["application/json"]}
PARSED = ("vcrpy-parsed", "cassetter", "dotnet")
READABLE = sorted({each.file for each in all_recorded() if not each.file.startswith("body/")})


def vcrpy_item(body: Any = TEXT, prompt: str = "a fox", **headers: list[str]) -> dict[str, Any]:
    asked = {"method": "POST", "uri": URL, "headers": JSON_TYPE, "body": json.dumps({"prompt": prompt})}
    answered = {"status": {"code": 200, "message": "OK"}, "headers": JSON_TYPE | headers, "body": {"string": body}}
    return {"request": asked, "response": answered}


def vcrpy_text(*items: dict[str, Any]) -> str:
    return yaml.safe_dump({"interactions": [*(items or [vcrpy_item()])], "version": 1})


def read(tmp_path: Path, data: str | bytes, name: str = "recording") -> Recording:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return recording_in(Source.at(path))


def bodies(recording: Recording) -> list[bytes]:
    return [answer.body for _, answer in recording.exchanges]


def asked(recording: Recording) -> list[bytes]:
    return [request.body for request, _ in recording.exchanges]


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Run `imgresponse import` in an empty folder, and give its exit code, output and complaints."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(["import", *arguments])
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def lay(path: str, data: str | bytes | None = None) -> Path:
    """A file below the current folder; a small recording of vcrpy's unless told otherwise."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(vcrpy_text().encode() if data is None else data.encode() if isinstance(data, str) else data)
    return file


# The real recordings.


@pytest.mark.parametrize("file", READABLE)
def test_a_real_recording_is_read_as_another_reader_reads_it(file):
    expected = [each for each in all_recorded() if each.file == file]
    recording = recording_in(Source.at(RECORDINGS / file))
    assert len(recording.exchanges) == len(expected)
    for (request, answer), recorded in zip(recording.exchanges, expected, strict=True):
        content = recorded.as_content()
        assert (request.method, request.url) == (recorded.request.method, recorded.request.url)
        assert (answer.status, answer.reason) == (content.status, content.reason)
        if file.startswith(PARSED):
            assert answer.json() == json.loads(content.body)
            assert (request.body and request.json()) == (recorded.request.body and recorded.request.json())
        else:
            assert answer.body == content.body
            assert request.body == recorded.request.body
        assert answer.header("content-encoding") is None
        assert int(answer.header("content-length") or len(answer.body)) == len(answer.body)


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """All real recordings, imported by a process: the folder, and the report."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"no real recordings in {RECORDINGS}; set IMGRESPONSE_RECORDINGS to their folder")
    folder = tmp_path_factory.mktemp("imported")
    done = subprocess.run(
        [installed("imgresponse"), "import", str(RECORDINGS), "--to", str(folder), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder, json.loads(done.stdout)


def test_none_of_the_real_recordings_is_lost(imported):
    _, report = imported
    assert (report["written"], report["failed"]) == (len(READABLE), 0)
    counts = Counter(each.file for each in all_recorded())
    assert {
        Path(each["file"]).relative_to(RECORDINGS).as_posix(): each["interactions"] for each in report["files"]
    } == {file: counts[file] for file in READABLE}


def leaves(value: Any, path: str = "$") -> dict[str, Any]:
    if isinstance(value, dict):
        return {at: leaf for key, item in value.items() for at, leaf in leaves(item, f"{path}.{key}").items()}
    if isinstance(value, list):
        return {at: leaf for n, item in enumerate(value) for at, leaf in leaves(item, f"{path}[{n}]").items()}
    return {path: value}


@pytest.mark.parametrize("file", READABLE)
def test_an_imported_recording_replays_what_was_received_but_for_redaction(file, imported):
    folder, _ = imported
    expected = [each.as_content() for each in all_recorded() if each.file == file]
    cassette = (folder / file).with_suffix(".yaml")
    answers = [each.response.http() for each in Store(cassette).load()]
    assert [answer.status for answer in answers] == [content.status for content in expected]
    for answer, content in zip(answers, expected, strict=True):
        try:
            was = leaves(json.loads(content.body))
        except ValueError:
            if content.content_type.startswith("image/"):
                assert answer.body == content.body
            continue
        now = leaves(answer.json())
        assert now.keys() == was.keys()
        changed = {at: was[at] for at in was if now[at] != was[at]}
        assert all(isinstance(value, str) and len(value) < 2000 for value in changed.values())


def test_the_pictures_of_the_real_recordings_are_those_of_the_index(imported):
    folder, _ = imported
    for entry in json.loads((RECORDINGS / "index.json").read_text()):
        if entry["file"].startswith("body/"):
            continue
        pictures = [image for each in entry["interactions"] for image in each["images"] if image["ok"]]
        cassette = (folder / entry["file"]).with_suffix(".yaml")
        held = {file.sha256[:16] for each in Store(cassette).load() for file in each.files}
        assert {image["sha256"] for image in pictures if image["bytes"] > 100} <= held, entry["file"]


# vcrpy, of every age.


def test_vcrpy_in_yaml_in_json_and_compressed(tmp_path):
    text = vcrpy_text(vcrpy_item(), vcrpy_item("", "a hare"))
    as_json = json.dumps(yaml.safe_load(text))
    for data in (
        text,
        as_json,
        gzip.compress(text.encode()),
        zlib.compress(as_json.encode()),
        b"\xef\xbb\xbf" + text.encode(),
    ):
        recording = read(tmp_path, data)
        assert (recording.format, bodies(recording)) == ("vcrpy", [ANSWER, b""])
        assert asked(recording) == [b'{"prompt": "a fox"}', b'{"prompt": "a hare"}']
    two_members = gzip.compress(text[:50].encode()) + gzip.compress(text[50:].encode())
    assert bodies(read(tmp_path, two_members)) == [ANSWER, b""]


def test_vcrpy_in_json_with_escapes_that_yaml_lacks(tmp_path):
    text = json.dumps({"version": 1, "interactions": [vcrpy_item('{"a": "\U0001f98a/"}')]}).replace("/", "\\/")
    assert bodies(read(tmp_path, text)) == ['{"a": "\U0001f98a/"}'.encode()]


def test_vcrpy_in_the_flow_style_of_yaml(tmp_path):
    text = yaml.safe_dump({"interactions": [vcrpy_item()], "version": 1}, default_flow_style=True, width=2**20)
    assert bodies(read(tmp_path, text.replace("version: 1", "'version': 1"))) == [ANSWER]


def test_an_answer_under_gzip_and_one_that_only_claims_to_be(tmp_path):
    encoding = {"content-encoding": ["gzip"], "content-length": ["7"]}
    items = [vcrpy_item(gzip.compress(ANSWER), **encoding), vcrpy_item(ANSWER.decode(), **encoding)]
    recording = read(tmp_path, vcrpy_text(*items))
    assert bodies(recording) == [ANSWER, ANSWER]
    for _, answer in recording.exchanges:
        assert answer.header("content-encoding") is None
        assert answer.header("content-length") == str(len(ANSWER))


def test_an_encoding_that_cannot_be_removed_is_told(tmp_path):
    recording = read(tmp_path, vcrpy_text(vcrpy_item(gzip.compress(ANSWER)[:-9], **{"content-encoding": ["gzip"]})))
    assert recording.notes == ["bodies are kept as they were sent: their gzip could not be removed"]


def test_the_old_form_of_httpx_bodies_in_chunks_and_bodies_of_bytes(tmp_path):
    old = vcrpy_item()
    old["response"] = {"status_code": 200, "http_version": "HTTP/1.1", "headers": {"x": "y"}, "content": "text"}
    in_chunks = vcrpy_item()
    in_chunks["request"]["body"] = [b"\xff", "a"]
    in_base64 = vcrpy_item()
    in_base64["response"]["body"] = {"base64_string": base64.b64encode(PNG).decode()}
    bare = vcrpy_item()
    bare["response"]["body"] = "bare"
    bare["response"]["status"]["message"] = None
    bare["request"]["body"] = None
    recording = read(tmp_path, vcrpy_text(old, in_chunks, in_base64, bare))
    assert bodies(recording) == [b"text", ANSWER, PNG, b"bare"]
    assert asked(recording)[1:] == [b"\xffa", b'{"prompt": "a fox"}', b""]


def test_bodies_that_were_parsed_have_the_same_value(tmp_path):
    value = {
        "i": 1,
        "f": 1.5,
        "t": True,
        "n": None,
        "s": ["1e5", "2020-10-01", "yes", "1:30", "1_0", "\ud83e"],
        "b": "x\n",
    }
    value["s"][-1] = "\U0001f98a"
    item = vcrpy_item()
    del item["request"]["body"], item["response"]["body"]
    item["request"]["parsed_body"], item["response"]["parsed_body"] = {"prompt": "a fox", "n": 2}, value
    recording = read(tmp_path, vcrpy_text(item))
    assert recording.exchanges[0][1].json() == value
    assert recording.exchanges[0][0].json() == {"prompt": "a fox", "n": 2}
    assert recording.notes == ["bodies kept as JSON values, not as the bytes that were received: 2"]
    item["request"]["body"], item["response"]["body"] = {"n": 1}, {"string": {"a": [True]}}
    recording = read(tmp_path, vcrpy_text(item))
    assert (asked(recording), bodies(recording)) == ([b'{"n":1}'], [b'{"a":[true]}'])


def test_langchains_compressed_serializer(tmp_path):
    items = [vcrpy_item(), vcrpy_item("", "a hare")]
    split = {"requests": [i["request"] for i in items], "responses": [i["response"] for i in items]}
    recording = read(tmp_path, gzip.compress(yaml.safe_dump(split).encode()))
    assert (recording.format, bodies(recording)) == ("vcrpy", [ANSWER, b""])
    split["responses"].pop()
    with pytest.raises(CassetteDecodeError, match="no lists of one length"):
        read(tmp_path, yaml.safe_dump(split))


VCRPY_0 = """\
- request: !!python/object:vcr.request.Request
    body: prompt=a
    headers: !!python/object/apply:__builtin__.frozenset
    - - !!python/tuple [Accept, '*/*']
    host: api.openai.com
    method: POST
    path: /v1/images/generations
    port: 443
    protocol: https
  response:
    body: {string: !!python/unicode 'text'}
    headers: ["Content-Type: text/plain\\r\\n", "X: a: b\\r\\n"]
    status: {code: 200, message: OK}
"""


def test_vcrpy_before_its_first_version(tmp_path):
    recording = read(tmp_path, VCRPY_0)
    ((request, answer),) = recording.exchanges
    assert (request.url, request.body, answer.body) == (URL, b"prompt=a", b"text")
    assert (request.header("accept"), answer.header("x")) == ("*/*", "a: b")
    old = {"method": "GET", "protocol": "http", "host": "h", "port": 8080, "path": "/p", "headers": {}, "body": None}
    item = {"request": old, "response": vcrpy_item()["response"]}
    assert read(tmp_path, json.dumps([item])).exchanges[0][0].url == "http://h:8080/p"


# The others.


def test_cassetters_kinds_of_bodies(tmp_path):
    text = """\
version: 1
interactions:
- request: {method: POST, uri: https://h/a, headers: {a: [b]}, body: {type: binary, content: ff00}}
  response:
    status: 200
    headers: {content-type: [application/json]}
    body: {type: json, content: {a: 2020-10-01, b: "1e5", c: 1.0e+25, d: 1:30, e: true, f: ~, g: 10}}
  recorded_at: 2026-11-27T23:01:23+00:00
- request: {method: POST, uri: https://h/b, headers: {}, body: {type: none}}
  response: {status: 200, headers: {}, body: {type: text, content: "a\\r\\n"}}
  recorded_at: 2026-11-27T23:01:23+00:00
- request: {method: POST, uri: https://h/b, headers: {}}
  response: {status: 200, headers: {}, body: {type: json, content: null}}
  recorded_at: 2026-11-27T23:01:23+00:00
ws_interactions: [{}]
"""
    recording = read(tmp_path, text)
    assert recording.format == "cassetter"
    assert recording.exchanges[0][1].json() == {
        "a": "2020-10-01", "b": "1e5", "c": 1e25, "d": "1:30", "e": True, "f": None, "g": 10,
    }  # fmt: skip
    assert asked(recording) == [b"\xff\x00", b"", b""]
    assert bodies(recording)[1:] == [b"a\r\n", b"null"]
    assert "gRPC and WebSocket messages were left out" in recording.notes
    assert recording.is_partial
    with pytest.raises(CassetteDecodeError, match="'yaml'; expected json, text, binary or none"):
        read(tmp_path, text.replace("type: none", "type: yaml"))
    with pytest.raises(CassetteDecodeError, match="interaction 3 .* cut off"):
        read(tmp_path, text[: text.rindex("  recorded_at")])


def test_cassetter_and_its_notes(tmp_path):
    answer = "  response: {status: 200, headers: {}, body: {type: none}}\n  recorded_at: 2026-11-27T23:01:23+00:00\n"
    request = "- request: {method: GET, uri: https://h/a, headers: {}, body: {type: none}}\n"
    recording = read(tmp_path, f"version: 1\ninteractions:\n{request}{answer}")
    assert (recording.format, recording.notes, recording.is_partial) == ("cassetter", [], False)


def test_go_vcr_of_all_versions(tmp_path):
    text = """\
---
version: 1
interactions:
- request:
    body: ""
    form: {prompt: [a fox], n: ["2"]}
    headers: {Content-Type: [application/x-www-form-urlencoded]}
    url: https://h/a
    method: POST
  response:
    body: !!binary iVBORw0KGgo=
    headers: {Content-Type: [image/png]}
    status: 200 OK
    code: 200
    duration: 1.5ms
- request: {body: "", form: {}, headers: {}, url: /v1/images, method: "", host: example.com}
  response: {body: text, headers: {}, status: "", code: 404, duration: ""}
"""
    recording = read(tmp_path, text)
    assert recording.format == "go-vcr"
    assert asked(recording) == [b"prompt=a+fox&n=2", b""]
    assert bodies(recording) == [b"\x89PNG\r\n\x1a\n", b"text"]
    assert [(answer.status, answer.reason) for _, answer in recording.exchanges] == [(200, "OK"), (404, "")]
    assert (recording.exchanges[1][0].method, recording.exchanges[1][0].url) == ("GET", "http://example.com/v1/images")


def test_ruby_vcr_and_betamax(tmp_path):
    text = """\
---
http_interactions:
- request:
    method: :post
    uri: https://h/a
    body: {encoding: ISO-8859-1, string: "é"}
    headers: {Accept: ["*/*"], Empty: }
  response:
    status: {code: 200, message: }
    headers: {}
    body:
      encoding: ASCII-8BIT
      string: !binary |-
        iVBORw0K
        Ggo=
  recorded_at: Sun, 13 Nov 2022 16:44:52 GMT
- request: {method: get, uri: https://h/a, body: plain, headers: {}}
  response: {status: {code: 200, message: OK}, headers: {}, body: {encoding: ASCII-8BIT, string: "é"}}
recorded_with: VCR 6.1.0
"""
    recording = read(tmp_path, text)
    assert recording.format == "Ruby VCR"
    assert asked(recording) == ["é".encode("latin-1"), b"plain"]
    assert bodies(recording) == [b"\x89PNG\r\n\x1a\n", "é".encode()]
    assert recording.exchanges[0][0].method == "POST"
    betamax = yaml.safe_load(text.replace("!binary", "!!binary"))
    del betamax["http_interactions"][0]
    betamax["http_interactions"][0]["response"]["body"] = {"encoding": None, "base64_string": "iVBORw0KGgo="}
    assert bodies(read(tmp_path, json.dumps(betamax))) == [b"\x89PNG\r\n\x1a\n"]
    with pytest.raises(CassetteDecodeError, match="it was cut off: expected a last line `recorded_with`"):
        read(tmp_path, text[: text.rindex("recorded_with")])


def azure_entry(**changes: Any) -> dict[str, Any]:
    return {
        "RequestUri": "https://h/a",
        "RequestMethod": "POST",
        "RequestHeaders": {"Content-Type": "application/octet-stream"},
        "RequestBody": base64.b64encode(PNG).decode(),
        "StatusCode": 200,
        "ResponseHeaders": {"Content-Type": ["text/plain; charset=utf-16-le"], "Gone": None},
        "ResponseBody": ["a\r\n", "b"],
    } | changes


def test_azure_session_records(tmp_path):
    json_type = {"Content-Type": "application/json"}
    entries = [
        azure_entry(),
        azure_entry(RequestBody=None, ResponseHeaders=json_type, ResponseBody={"a": [1, 1.5, True, "1"]}),
        azure_entry(RequestBody="no base64", ResponseHeaders=json_type, ResponseBody='["a"]'),
        azure_entry(RequestUri="/a", RequestHeaders={"Host": ["h"]}, ResponseHeaders=json_type, ResponseBody=12),
        azure_entry(ResponseHeaders=json_type, ResponseBody=[{"a": 1}]),
    ]
    recording = read(tmp_path, json.dumps({"Entries": entries, "Variables": {}}))
    assert recording.format == "Azure SDK"
    assert asked(recording)[:3] == [PNG, b"", b"no base64"]
    assert bodies(recording) == ["a\r\nb".encode("utf-16-le"), b'{"a":[1,1.5,true,"1"]}', b'["a"]', b"12", b'[{"a":1}]']
    assert recording.exchanges[3][0].url == "https://h/a"
    halves = azure_entry(ResponseHeaders=json_type, ResponseBody={"a": "\ud83e"}, RequestBody="\ud83e!")
    recording = read(tmp_path, json.dumps({"Entries": [halves]}))
    assert (bodies(recording), asked(recording)) == ([b'{"a":"\\ud83e"}'], [b"\xed\xa0\xbe!"])
    with pytest.raises(CassetteDecodeError, match="interaction 1 .*expected an absolute URL; got '/a'"):
        read(tmp_path, json.dumps({"Entries": [azure_entry(RequestUri="/a")]}))


def har_entry(content: dict[str, Any], post: dict[str, Any] | None = None, **response: Any) -> dict[str, Any]:
    headers = response.pop("headers", {})
    named = [{"name": name, "value": value} for name, value in headers.items()]
    answered = {"status": 200, "statusText": "OK", "headers": named, "content": content} | response
    request = {"method": "POST", "url": "https://h/a", "headers": [{"name": ":authority", "value": "h"}]}
    return {"request": request | ({"postData": post} if post else {}), "response": answered}


def har(*entries: dict[str, Any], creator: str = "WebInspector") -> str:
    return json.dumps({"log": {"version": "1.2", "creator": {"name": creator}, "entries": entries}})


def test_har_of_browsers(tmp_path):
    packed = base64.b64encode(PNG).decode()
    entries = [
        har_entry({"text": packed, "encoding": "base64"}, {"mimeType": "text/plain", "text": "é"}),
        har_entry(
            {"text": "é", "mimeType": "text/plain; charset=iso-8859-1"},
            {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a b", "value": "é"}, {"name": "c"}]},
            headers={"content-encoding": "br", "set-cookie": "a=b\nc=d"},
        ),
        har_entry(
            {"size": 0},
            {
                "mimeType": "multipart/form-data; boundary=b",
                "params": [
                    {"name": "prompt", "value": "a fox"},
                    {"name": "image", "fileName": "a.png", "contentType": "image/png", "value": "x"},
                ],
            },
            status=204,
        ),
        har_entry({"size": 12}),
        har_entry({"size": 0}, status=0),
        har_entry({"text": "x", "mimeType": "text/plain; charset=nonsense"}, status=304),
        har_entry({"size": 12}, status=304),
    ]
    recording = read(tmp_path, har(*entries))
    assert recording.format == "HAR"
    assert bodies(recording) == [PNG, "é".encode("latin-1"), b"", b"x", b""]
    assert asked(recording)[:2] == ["é".encode(), b"a+b=%C3%A9&c="]
    assert asked(recording)[2] == (
        b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na fox\r\n'
        b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\nx\r\n'
        b"--b--\r\n"
    )
    assert recording.exchanges[0][0].headers == ()
    assert [value for name, value in recording.exchanges[1][1].headers if name == "set-cookie"] == ["a=b", "c=d"]
    assert recording.notes == [
        "requests left out because they got no answer: 1",
        "answers left out because their bodies are not in the file: 1",
    ]
    assert (recording.lost, recording.is_partial) == (1, True)
    page = har_entry({"size": 12})
    page["request"]["url"] = "data:image/png;base64,iVBORw0KGgo="
    recording = read(tmp_path, har(page, entries[0]))
    assert (bodies(recording), recording.notes) == ([PNG], ["what was no request over HTTP was left out"])
    assert not recording.is_partial
    head = har_entry({"size": 12})
    head["request"]["method"] = "HEAD"
    assert bodies(read(tmp_path, har(head))) == [b""]


def test_har_of_playwright_with_bodies_in_files(tmp_path):
    (tmp_path / "abc.png").write_bytes(PNG)
    (tmp_path / "link.png").symlink_to(tmp_path / "abc.png")
    post = {"mimeType": "image/png", "_file": "abc.png"}
    recording = read(tmp_path, har(har_entry({"_file": "abc.png"}, post)))
    assert (bodies(recording), asked(recording)) == ([PNG], [PNG])
    for name, problem in (
        ("../abc.png", "outside"),
        ("link.png", "link"),
        ("no.png", "cannot be read"),
        (1, "cannot be read"),
    ):
        with pytest.raises(CassetteDecodeError, match=problem):
            read(tmp_path, har(har_entry({"_file": name})))


def test_har_of_mitmproxy_which_decodes_as_latin_1(tmp_path):
    fox = "\U0001f98a é".encode()
    entries = [
        har_entry(
            {"text": fox.decode("latin-1")},
            {"mimeType": "", "text": "\udc89PNG"},
            headers={"content-type": "text/event-stream"},
        ),
        har_entry({"text": fox.decode()}, headers={"content-type": "application/json"}),
        har_entry({"text": fox.decode()}, headers={"content-type": "text/plain; charset=utf-8"}),
    ]
    recording = read(tmp_path, zlib.compress(har(*entries, creator="mitmproxy exporthar").encode()))
    assert bodies(recording) == [fox, fox, fox]
    assert asked(recording)[0] == b"\x89PNG"


def test_har_of_polly_in_chunks_of_base64_or_hexadecimal(tmp_path):
    packed = gzip.compress(ANSWER)
    halves = (packed[:20], packed[20:])
    coded = {"headers": {"content-encoding": "gzip"}}
    entries = [
        har_entry({"text": json.dumps([base64.b64encode(h).decode() for h in halves]), "encoding": "base64"}, **coded),
        har_entry({"text": json.dumps([half.hex() for half in halves]), "_isBinary": True}, **coded),
        har_entry({"text": PNG.hex(), "_isBinary": True}),
        har_entry({"text": base64.b64encode(PNG).decode(), "encoding": "base64"}),
        har_entry({"text": "[1, 2]"}, **coded),
        har_entry({"text": "[no JSON"}, **coded),
        har_entry({"text": "é"}),
    ]
    for order, entry in enumerate(entries):
        entry |= {"_order": order, "startedDateTime": "2026-11-27T23:00:00Z"}
    entries[-1]["_order"] = "x"
    entries[-1]["startedDateTime"] = "2026-11-27T23:00:01Z"
    recording = read(tmp_path, har(*reversed(entries), creator="Polly.JS"))
    assert bodies(recording) == [ANSWER, ANSWER, PNG, PNG, b"[1, 2]", b"[no JSON", "é".encode()]


# What cannot be imported.


BAD = {
    "no recording": (json.dumps({"a": 1}), "expected a recording of Ruby VCR, HAR, .*; this is none of them"),
    "a list": ("[]", "this is none of them"),
    "a text": ("just text", "this is none of them"),
    "no text": (b"\xff\xfe\x00", "no UTF-8 text"),
    "a pointer": ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run `git lfs pull`"),
    "cut JSON": (har(har_entry({"text": "x"}))[:-9], "that is whole; it cannot be read"),
    "cut YAML": (vcrpy_text()[:-11], "it was cut off: expected a last line `version: 1`"),
    "cut gzip": (gzip.compress(vcrpy_text().encode())[:-9], "expected a whole compressed file; it was cut off"),
    "bad gzip": (b"\x1f\x8b\x08\x00" + b"x" * 40, "compressed file that is whole"),
    "nesting": ("[" * 100_000 + "]" * 100_000, "cannot be read"),
    "nested YAML": ("interactions: " + "[" * 100 + "]" * 100, "nests deeper than 64"),
    "an object": ("interactions: !!python/object/apply:os.system [id]", "would construct an object"),
    "no mapping": ("version: 1\ninteractions: [a]", "a word stands where a mapping is expected"),
    "no list": ("version: 1\ninteractions: {}", "a mapping stands where a list is expected"),
    "no request": ("version: 1\ninteractions: [{}]", "interaction 1 of this vcrpy recording .*'request' is missing"),
    "no status": (vcrpy_text(vcrpy_item()).replace("code: 200", "code: abc"), "'abc' is no status"),
    "no URL": (vcrpy_text().replace(URL, "images"), "expected an absolute URL; got 'images'"),
    "bad URL": (vcrpy_text().replace(URL, "http://[::1"), "interaction 1"),
    "a line break": (vcrpy_text(vcrpy_item(x=["a\nb"])), "a header holds a line break"),
    "a body of numbers": (vcrpy_text() .replace("body: ", "body: [[]]\n    x: ", 1), "a list stands where a text is"),
    "another serializer": (vcrpy_text().replace("    body: ", "    body_json: ", 1), "'body_json' in the place of `body`"),
    "entries of another kind": (json.dumps({"log": {"entries": [1]}}), "a word stands where a mapping is"),
    "no base64": (har(har_entry({"text": "*", "encoding": "base64"})), "interaction 1 of this HAR recording"),
    "a long number": (json.dumps({"Entries": []})[:-2] + json.dumps(azure_entry(ResponseBody="@")).replace('"@"', "1" * 5000) + "]}", "digits"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_imported_says_why(name, tmp_path):
    data, problem = BAD[name]
    with pytest.raises(CassetteDecodeError, match=f"(?s)recording: .*{problem}"):
        read(tmp_path, data)


def test_a_file_that_grows_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "LARGEST_FILE", 2**16)
    with pytest.raises(CassetteDecodeError, match="compressed bytes grow too large: 65536 bytes are the most"):
        read(tmp_path, gzip.compress(bytes(2**20)))
    with pytest.raises(CassetteDecodeError, match="a file of 131072 bytes is too large"):
        read(tmp_path, bytes(2**17))


def test_a_file_of_too_many_values_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "MOST_SEPARATORS", 1000)
    with pytest.raises(CassetteDecodeError, match="more than 1000 values"):
        read(tmp_path, json.dumps([[]] * 1000))
    monkeypatch.setattr("pytest_imgresponse.cassette.yaml_tree.MOST_VALUES", 1000)
    with pytest.raises(CassetteDecodeError, match="more than 1000 values"):
        read(tmp_path, "- a\n" * 1001)


SMALL = {
    "vcrpy": vcrpy_text(),
    "vcrpy 0": VCRPY_0,
    "cassetter": """\
version: 1
interactions:
- request: {method: POST, uri: https://h/a, headers: {a: [b]}, body: {type: binary, content: ff00}}
  response: {status: 200, headers: {}, body: {type: json, content: {a: 1.5, b: [true]}}}
  recorded_at: 2026-11-27T23:01:23+00:00
""",
    "go-vcr": """\
version: 1
interactions:
- request: {body: "", form: {a: [b]}, headers: {a: [b]}, url: https://h/a, method: POST}
  response: {body: !!binary iVBORw0KGgo=, headers: {a: [b]}, status: 200 OK, code: 200, duration: ""}
""",
    "Ruby VCR": """\
http_interactions:
- request: {method: post, uri: https://h/a, body: {encoding: UTF-8, string: a}, headers: {a: [b]}}
  response: {status: {code: 200, message: OK}, headers: {}, body: {encoding: UTF-8, base64_string: YQ==}}
recorded_with: VCR 6.1.0
""",
    "Azure SDK": json.dumps({"Entries": [azure_entry()]}, indent=1),
    "HAR": har(har_entry({"text": "YQ==", "encoding": "base64"}, {"params": [{"name": "a"}]}), creator="Polly.JS"),
}
PIECES = [
    "null",
    "[]",
    "{}",
    "1",
    '"x"',
    "true",
    "*a",
    "&a ",
    "!!binary x",
    "\0",
    "\ud83e",
    "- ",
    ": ",
    "\n",
    "~",
    "9" * 5000,
]


@pytest.mark.parametrize("name", SMALL)
def test_a_damaged_recording_is_read_or_refused_and_breaks_nothing(name):
    draw, whole = Random(0), SMALL[name]
    assert recording_in(Source(Path("whole"), whole.encode())).format == name.partition(" 0")[0]
    problems = []
    for _ in range(300):
        start = draw.randrange(len(whole))
        damaged = whole[:start] + draw.choice(PIECES) + whole[start + draw.choice([0, 1, 4, 20, 5000]) :]
        try:
            recording_in(Source(Path("damaged"), damaged.encode("utf-8", "surrogatepass")))
        except CassetteDecodeError as error:
            problems.append(str(error))
    assert len(problems) > 100
    assert all(problem.startswith("damaged: ") for problem in problems)


# The command.


def test_a_process_imports_and_tells(tmp_path):
    (tmp_path / "a.yaml").write_text(vcrpy_text())
    (tmp_path / "bad.yaml").write_text(vcrpy_text()[:-11])
    (tmp_path / "other.yaml").write_text("a: 1")
    (tmp_path / "notes.txt").write_text("interactions: none")
    done = subprocess.run(
        [installed("imgresponse"), "import", ".", "--to", "to"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    heading, row, summary = done.stdout.splitlines()
    assert heading.split() == ["FILE", "FORMAT", "INTERACTIONS", "PICTURES", "BEFORE", "AFTER", "BECOMES"]
    written = sum(file.stat().st_size for file in (tmp_path / "to" / "a.yaml", tmp_path / "to" / "a-1.png"))
    before = (tmp_path / "a.yaml").stat().st_size
    assert row.split() == ["a.yaml", "vcrpy", "1", "1", f"{before:,}", f"{written:,}", "to/a.yaml"]
    assert summary == f"1 written, 1 failed, 1 left out (no recordings); {before:,} bytes become {written:,}"
    assert (
        done.stderr
        == "bad.yaml: this vcrpy recording cannot be read: it was cut off: expected a last line `version: 1`\n"
    )
    assert (tmp_path / "to" / "a-1.png").read_bytes() == PNG
    assert sorted(os.listdir(tmp_path / "to")) == [".gitattributes", "a-1.png", "a.yaml"]


def test_what_was_imported_replays(command):
    lay("a.json", json.dumps({"version": 1, "interactions": [vcrpy_item()]}))
    assert command("a.json", "--to", "to")[0] == 0
    with replay("to/a.yaml"):
        assert httpx.post(URL, json={"prompt": "a fox"}).content == ANSWER


def test_secrets_are_redacted_and_own_ones_too(command):
    item = vcrpy_item('{"created": 1, "note": "blue heron", "shop_id": "4711abcd"}')
    item["request"]["headers"] = {"Authorization": ["Bearer sk-abcdefghijklmnop1234567890"]}
    lay("a.yaml", vcrpy_text(item))
    assert command("a.yaml", "--to", "to", "--redact-value", "blue heron", "--redact-name", "shop_id")[0] == 0
    text = Path("to/a.yaml").read_text()
    assert not any(secret in text for secret in ("sk-abc", "blue heron", "4711abcd"))


def test_a_form_without_its_delimiters_is_redacted_as_a_text(command):
    item = vcrpy_item()
    item["request"] |= {
        "headers": {"content-type": ["multipart/form-data; boundary=b"]},
        "body": "x--b\r\n\r\nsk-abcdefghijklmnop1234567890",
    }
    lay("a.yaml", vcrpy_text(item))
    assert command("a.yaml", "--to", "to")[0] == 0
    assert "sk-abc" not in Path("to/a.yaml").read_text()


SUITE = {
    "tests/test_logo.py": "def test_fox(): ...\nasync def test_hare(): ...\nclass TestA:\n class TestB:\n  def test_c(self): ...\n",
    "tests/sub/test_other.py": "def test_fox(): ...\ndef test_here(): ...\n",
    "tests/sub/deep/test_deep.py": "def test_deep(): ...\n",
    "tests/test_broken.py": "def (",
}


@pytest.fixture
def suite(command):
    for name, text in SUITE.items():
        lay(name, text)
    return command


@pytest.mark.parametrize(
    ("laid", "target"),
    [
        ("tests/cassettes/test_logo/test_fox.yaml", "test_logo/test_fox.yaml"),
        ("tests/cassettes/test_logo/TestB.test_c[a-1.5].yaml", "test_logo/TestA.TestB.test_c[a-1.5].yaml"),
        ("tests/sub/cassettes/test_other/test_fox.yaml", "sub/test_other/test_fox.yaml"),
        ("tests/sub/cassettes/test_other/shared name.json", "sub/test_other/shared_name-51e66387.yaml"),
        ("tests/cassettes/test_hare.yaml", "test_logo/test_hare.yaml"),
        ("tests/cassettes/TestB.test_c.yml", "test_logo/TestA.TestB.test_c.yaml"),
        ("tests/sub/cassettes/test_here.yaml.gz", "sub/test_other/test_here.yaml"),
        ("tests/cassettes/test_deep.yaml", "sub/deep/test_deep/test_deep.yaml"),
        ("tests/cassettes/test_unknown.yaml", "test_unknown.yaml"),
        ("tests/sub/cassettes/a/b/test_x.yaml", "sub/a/b/test_x.yaml"),
        ("recorded/shop/one", "shop/one.yaml"),
        ("recorded/a.har.yaml", "a.har.yaml"),
    ],
)
def test_the_names_of_pytest_recording_and_pytest_vcr_become_ours(suite, laid, target):
    data = gzip.compress(vcrpy_text().encode()) if laid.endswith(".gz") else None
    lay(laid, data)
    top = laid.partition("/")[0]
    code, _, err = suite(top, "--to", "to")
    assert (code, err) == (0, "")
    found = [path.relative_to("to").as_posix() for path in Path("to").rglob("*.yaml")]
    assert found == [target]


def test_the_plugin_finds_what_pytest_recording_laid(pytester):
    pytester.makepyfile(
        **{
            "tests/test_logo": f"""
            import httpx, pytest

            class TestShop:
                @pytest.mark.parametrize("prompt", ["a fox"])
                def test_draw(self, imgresponse, prompt):
                    assert httpx.post({URL!r}, json={{"prompt": prompt}}).content == {ANSWER!r}
        """
        }
    )
    laid = pytester.path / "tests" / "cassettes" / "test_logo" / "TestShop.test_draw[a fox].yaml"
    laid.parent.mkdir(parents=True)
    laid.write_text(vcrpy_text())
    assert main(["import", "tests", "--to", "cassettes", "--move"]) == 0
    assert not laid.exists()
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "where", ["tests", "tests/cassettes", "tests/cassettes/test_logo", "tests/cassettes/test_logo/test_fox.yaml"]
)
def test_it_does_not_matter_which_folder_above_was_named(suite, where):
    lay("tests/cassettes/test_logo/test_fox.yaml")
    assert suite(where, "--to", "to")[0] == 0
    assert Path("to/test_logo/test_fox.yaml").is_file()


def test_of_many_modules_only_so_many_are_read(suite, monkeypatch):
    monkeypatch.setattr("pytest_imgresponse.importing.naming._MOST_MODULES", 1)
    lay("tests/cassettes/test_deep.yaml")
    assert suite("tests", "--to", "to")[0] == 0
    assert Path("to/test_deep.yaml").is_file()


def test_the_root_directory_of_another_project(suite, monkeypatch, tmp_path):
    lay("tests/cassettes/test_logo/test_fox.yaml")
    lay("elsewhere/x")
    monkeypatch.chdir("elsewhere")
    assert suite(str(tmp_path / "tests"), "--to", "to")[0] == 0
    assert Path("to/test_logo/test_fox.yaml").is_file()
    assert suite(str(tmp_path / "tests/cassettes/test_logo/test_fox.yaml"), "--to", "to")[0] == 0
    (tmp_path / "pytest.ini").touch()
    assert suite(str(tmp_path / "tests" / "cassettes"), "--to", "two")[0] == 0
    assert Path("two/test_logo/test_fox.yaml").is_file()


@pytest.mark.parametrize(
    ("laid", "target"),
    [
        ("tests/sub/cassettes/test_other/test_fox.yaml", "tests/sub/cassettes/test_other/test_fox.yaml"),
        ("tests/cassettes/test_hare.yaml", "tests/cassettes/test_logo/test_hare.yaml"),
        ("tests/cassettes/test_unknown.yaml", "tests/cassettes/test_unknown.yaml"),
        ("recorded/shop/one.har", "shop/one.yaml"),
    ],
)
def test_the_layout_beside(suite, laid, target):
    lay(laid, har(har_entry({"text": "x"})) if laid.endswith(".har") else None)
    assert suite(laid.partition("/")[0], "--to", "to", "--layout", "beside")[0] == 0
    assert [path.relative_to("to").as_posix() for path in Path("to").rglob("*.yaml")] == [target]


def test_a_suite_is_converted_in_its_place(suite):
    laid = lay("tests/cassettes/test_logo/test_fox.yaml")
    code, _, err = suite("tests", "--to", ".", "--layout", "beside")
    assert (code, "the cassette would replace it; expected --move, or another folder" in err) == (1, True)
    assert suite("tests", "--to", ".", "--layout", "beside", "--move")[0] == 0
    assert Store(laid).load()[0].response.http().body == ANSWER
    assert laid.with_name("test_fox-1.png").read_bytes() == PNG
    assert (laid.parents[1] / ".gitattributes").is_file()
    code, out, _ = suite("tests", "--to", ".", "--layout", "beside", "--move")
    assert (code, out.splitlines()[-1]) == (0, "1 there already")


def test_a_dry_run_writes_nothing_and_tells_what_would_come(command):
    lay("in/a.yaml")
    code, out, _ = command("in", "--to", "to", "--dry-run", "--move")
    assert (code, "1 would be written" in out, Path("to").exists(), Path("in/a.yaml").exists()) == (
        0,
        True,
        False,
        True,
    )
    before = out.split()
    assert command("in", "--to", "to")[1].split()[:14] == before[:14]


def test_a_cassette_that_is_there_is_replaced_only_by_force(command):
    lay("in/a.yaml")
    lay("to/a.yaml", vcrpy_text(vcrpy_item("other")))
    code, _, err = command("in", "--to", "to")
    assert code == 1
    assert err == "in/a.yaml: to/a.yaml is there and holds something else; --force replaces it\n"
    assert command("in", "--to", "to", "--force")[0] == 0
    code, out, _ = command("in", "--to", "to")
    assert (code, out.splitlines()[-1]) == (0, "1 there already")


def test_two_recordings_of_one_name(command):
    lay("in/a.yaml")
    lay("in/a.json", json.dumps({"version": 1, "interactions": [vcrpy_item("other")]}))
    code, _, err = command("in", "--to", "to", "--force")
    assert (code, err) == (
        1,
        "in/a.yaml: in/a.json has become to/a.yaml already; import one of them to another folder\n",
    )


def test_move_removes_a_source_that_was_imported_whole(command):
    lay("in/a.yaml")
    lay("in/part.har", har(har_entry({"text": "x"}), har_entry({"size": 0}, status=0)))
    lay("in/lost.har", har(har_entry({"text": "x"}), har_entry({"size": 9})))
    lay("in/bad.yaml", vcrpy_text()[:-11])
    code, out, _ = command("in", "--to", "to", "--move")
    assert (code, sorted(os.listdir("in"))) == (1, ["bad.yaml", "lost.har", "part.har"])
    assert "in/part.har: the source stays, since not all of it was imported" in out
    lay("in/b.yaml")
    command("in/b.yaml", "--to", "ours")
    assert command("ours", "--to", "moved", "--move")[0] == 0
    assert (sorted(os.listdir("ours")), sorted(os.listdir("moved"))) == (
        [".gitattributes"],
        [".gitattributes", "b-1.png", "b.yaml"],
    )


def test_a_report_in_json(command):
    lay("in/a.yaml")
    lay("in/bad.yaml", vcrpy_text()[:-11])
    code, out, err = command("in", "--to", "to", "--json")
    report = json.loads(out)
    assert (code, err, report["written"], report["failed"]) == (1, "", 1, 1)
    assert report["files"][0] == {
        "file": "in/a.yaml",
        "status": "written",
        "format": "vcrpy",
        "interactions": 1,
        "pictures": 1,
        "bytes_before": Path("in/a.yaml").stat().st_size,
        "bytes_after": Path("to/a.yaml").stat().st_size + len(PNG),
        "target": "to/a.yaml",
        "problem": "",
        "notes": [],
        "lost": 0,
    }


def test_an_answer_without_its_body_is_a_finding(command):
    lay("a.har", har(har_entry({"text": "x"}), har_entry({"size": 9})))
    code, out, _ = command("a.har", "--to", "to")
    assert (code, "answers left out because their bodies are not in the file: 1" in out) == (1, True)


def test_what_is_asked_wrongly(command):
    assert command("a.yaml", "--to", "to")[::2] == (
        2, "imgresponse import: expected a recording, or a folder with some; there is no a.yaml\n",
    )  # fmt: skip
    assert command("--to", "to")[2].endswith("there is no cassettes\n")
    Path("empty").mkdir()
    assert command("empty", "--to", "to")[::2] == (
        2,
        "imgresponse import: expected recordings in empty; there is none\n",
    )
    lay("file")
    assert command("empty", "--to", "file")[::2] == (2, "imgresponse import: --to: expected a folder; file is a file\n")
    assert command("empty")[0] == 2
    assert command("empty", "--to", "to", "--redact-name", "")[0] == 2


def test_strange_files_harm_nobody(command):
    os.mkfifo(lay("in/x").with_name("pipe.yaml"))
    Path("in/link.yaml").symlink_to("/etc/passwd")
    Path("in/loop").symlink_to(".")
    lay("in/.hidden/a.yaml")
    lay("in/.a.yaml")
    lay("in/\x1b[31mred\n.yaml")
    lay("in/bomb.json.gz", gzip.compress(b'{"interactions": ' + b"[" * 2**20))
    lay("in/no.json.gz", gzip.compress(b"[" * 2**20))
    code, out, err = command("in", "--to", "to")
    assert (code, "\x1b" in out + err) == (1, False)
    assert err.startswith("in/bomb.json.gz: expected JSON or YAML that is whole; it cannot be read: ")
    assert out.splitlines()[-1].startswith("2 written, 1 failed, 1 left out (no recordings)")
    assert sorted((path.suffix for path in Path("to").iterdir() if path.name != ".gitattributes"), reverse=True) == [
        ".yaml",
        ".yaml",
        ".png",
        ".png",
    ]
    assert command("in/pipe.yaml", "--to", "to")[::2] == (
        1, "in/pipe.yaml: expected a recording; this is no regular file\n",
    )  # fmt: skip


@pytest.mark.slow
def test_a_thousand_small_recordings_take_seconds(command):
    for number in range(1000):
        lay(f"in/{number}.yaml", vcrpy_text(vcrpy_item(prompt=str(number))))
    began = time.process_time()
    code, out, _ = command("in", "--to", "to")
    assert (code, out.splitlines()[-1].partition(";")[0]) == (0, "1000 written")
    assert time.process_time() - began < 15


def test_what_does_not_read_back_is_removed_and_the_source_stays(command, monkeypatch):
    lay("in/a.yaml")
    monkeypatch.setattr("pytest_imgresponse.importing.conversion.holds", lambda target, interactions: False)
    code, _, err = command("in", "--to", "to", "--move")
    assert (code, "does not read back as it was" in err) == (1, True)
    assert (os.listdir("to"), os.listdir("in")) == ([".gitattributes"], ["a.yaml"])


@pytest.mark.parametrize("layout", ["root", "beside"])
def test_no_name_leads_out_of_the_folder(suite, layout, monkeypatch):
    lay("tests/cassettes/test_logo/test_fox.yaml")
    lay("here/x")
    monkeypatch.chdir("here")
    assert suite("../tests", "--to", "to", "--layout", layout)[0] == 0
    assert suite("../tests/cassettes/../cassettes/test_logo", "--to", "to", "--layout", layout)[0] == 0
    (written,) = Path("..").rglob("*-1.png")
    assert written.is_relative_to("../here/to")


def test_what_was_imported_before_is_not_imported_again(command):
    lay("a.har", har(har_entry({"text": "x"})))
    assert command(".", "--to", "recorded/all")[0] == 0
    code, out, _ = command(".", "--to", "recorded/all")
    assert (code, out.splitlines()[-1]) == (0, "2 there already")
    assert [path.as_posix() for path in Path().rglob("*.yaml")] == ["recorded/all/a.yaml"]


@pytest.mark.skipif(os.getuid() == 0, reason="root reads all")
def test_a_folder_that_cannot_be_read_is_told(command):
    lay("in/a.yaml")
    lay("in/closed/b.yaml").parent.chmod(0)
    code, _, err = command("in", "--to", "to")
    assert (code, err) == (1, "in/closed: the folder cannot be read\n")


def test_a_folder_that_fails_is_told(command, monkeypatch):
    lay("in/a.yaml")
    lay("in/closed/b.yaml")
    scan = os.scandir

    def failing(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", failing)
    code, _, err = command("in", "--to", "to")
    assert (code, err) == (1, "in/closed: the folder cannot be read\n")
    assert Path("to/a.yaml").is_file()


def on_a_terminal(*arguments: str, cwd: Path, **environ: str) -> str:
    """What a person sees of the command, whose output is a terminal."""
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_imgresponse", *arguments],
        cwd=cwd, stdin=inner, stdout=inner, stderr=inner, env=os.environ | {"COLUMNS": "200", "TERM": "xterm"} | environ,
    )  # fmt: skip
    os.close(inner)
    seen = bytearray()
    with suppress(OSError):  # which Linux raises at the end
        while piece := os.read(outer, 4096):
            seen += piece
    os.close(outer)
    assert process.wait() == 0
    return seen.decode()


def test_on_a_terminal_rich_draws_the_table_and_without_it_there_is_a_plain_one(tmp_path):
    (tmp_path / "a.yaml").write_text(vcrpy_text())
    (tmp_path / "without" / "rich").mkdir(parents=True)
    (tmp_path / "without" / "rich" / "__init__.py").write_text("raise ImportError")
    drawn = on_a_terminal("import", "a.yaml", "--to", "to", cwd=tmp_path)
    plain = on_a_terminal("import", "a.yaml", "--to", "two", cwd=tmp_path, PYTHONPATH=str(tmp_path / "without"))
    assert "\x1b[1m" in drawn
    assert "\x1b" not in plain
    for seen in (drawn, plain):
        assert re.search(r"a\.yaml +vcrpy +1 +1 +\d+ +\d+ +tw?o/a\.yaml", seen)


def test_on_a_terminal_what_takes_long_says_how_far_it_is(command, monkeypatch):
    lay("in/a.yaml")
    lay("in/b.yaml", vcrpy_text(vcrpy_item("other")))
    monkeypatch.setattr("pytest_imgresponse.cli._conversions._PATIENCE", 0)
    monkeypatch.setattr("pytest_imgresponse.cli._conversions._BETWEEN", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert command("in", "--to", "to")[2] == "\r1 of 2 files\r2 of 2 files\r\x1b[K"
    assert command("in", "--to", "to", "--json")[2] == ""


def test_ctrl_c_ends_it_without_a_traceback(command, monkeypatch):
    lay("in/a.yaml")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_imgresponse.importing.conversion.as_cassette", interrupted)
    assert command("in", "--to", "to") == (130, "", "imgresponse import: interrupted; what was written is whole\n")


def test_a_recording_that_is_too_much_for_a_cassette_says_so(command, monkeypatch):
    lay("in/a.yaml", vcrpy_text(vcrpy_item(), vcrpy_item(prompt="a hare")))
    monkeypatch.setattr("pytest_imgresponse.cassette.document.MOST_INTERACTIONS", 1)
    code, _, err = command("in", "--to", "to")
    assert (code, "what was written could not be read: to/a.yaml: " in err) == (1, True)
    assert os.listdir("to") == [".gitattributes"]


def test_what_was_there_is_not_removed_when_its_successor_does_not_read_back(command, monkeypatch):
    lay("in/a.yaml")
    lay("to/a.yaml", vcrpy_text(vcrpy_item("other")))
    monkeypatch.setattr("pytest_imgresponse.importing.conversion.holds", lambda target, interactions: False)
    assert command("in", "--to", "to", "--force")[0] == 1
    assert sorted(os.listdir("to")) == [".gitattributes", "a-1.png", "a.yaml"]


def test_a_redaction_that_changes_a_picture_writes_nothing(command, monkeypatch):
    lay("in/a.yaml")
    empty = Interaction(Request("GET", URL), Response(200, "", (), Body()))
    monkeypatch.setattr("pytest_imgresponse.cassette.cleaning.Cleaning.stored", lambda self, _: [empty])
    code, _, err = command("in", "--to", "to")
    assert (code, err, Path("to").exists()) == (
        1, "in/a.yaml: redaction would have changed a picture; nothing was written\n", False,
    )  # fmt: skip


def test_a_cassette_of_ours_is_moved_with_its_own_pictures_alone(command):
    lay("in/a.yaml")
    lay("tests/cassettes/test_logo/test a.yaml")
    command("tests", "--to", "beside", "--layout", "beside")
    assert command("beside", "--to", "moved", "--layout", "beside", "--move")[0] == 0
    assert [path for path in Path("beside").rglob("test*") if path.is_file()] == []
    shutil.rmtree("moved")
    command("in", "--to", "ours")
    text = Path("ours/a.yaml").read_text()
    Path("ours/b.yaml").write_text(text)
    assert command("ours/b.yaml", "--to", "moved", "--move")[0] == 0
    assert (sorted(os.listdir("ours")), sorted(os.listdir("moved"))) == (
        [".gitattributes", "a-1.png", "a.yaml"], [".gitattributes", "b-1.png", "b.yaml"],
    )  # fmt: skip


def test_a_fault_of_ours_in_one_file_does_not_keep_the_others_back(command, monkeypatch):
    lay("in/a.yaml")
    lay("in/b.yaml")
    stored = Cleaning.stored
    faults = iter([ValueError("zip() argument 2 is longer")])

    def failing(self, interactions):
        for fault in faults:
            raise fault
        return stored(self, interactions)

    monkeypatch.setattr(Cleaning, "stored", failing)
    code, out, err = command("in", "--to", "to")
    assert (code, "1 written" in out) == (1, True)
    assert err == (
        "in/a.yaml: ValueError: zip() argument 2 is longer; this is a fault of imgresponse, not of the file\n"
    )


def test_a_reference_in_what_a_stranger_said_is_no_file_of_ours(command):
    text = f"imgresponse:v1:a-1.png#{'0' * 64}"
    lay("a.har", har(har_entry({"text": text})))
    lay("a-1.png", PNG)
    assert command("a.har", "--to", "to", "--move")[0] == 0
    assert Store(Path("to/a.yaml")).load()[0].response.http().body == text.encode()
    assert Path("a-1.png").exists()


# The documentation.


class Migration:
    """A section of the page: its commands, and its test before and after."""

    def __init__(self, heading: str) -> None:
        section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        self.commands = [
            line for block in re.findall(r"```console\n(.*?)```", section, re.DOTALL) for line in block.splitlines()
        ]
        (diff,) = re.findall(r"```diff\n(.*?)```", section, re.DOTALL)
        self.before, self.after = (
            "".join(line[1:] or "\n" for line in diff.splitlines(True) if line[0] != sign) for sign in "+-"
        )


PAGE = (Path(__file__).parents[1] / "docs" / "importing.md").read_text(encoding="utf-8")
CAPYBARA = "vcrpy/dd-trace-py--image_create_b64_json.caa258a8.yaml"


def test_the_page_names_each_format():
    assert re.findall(r"^\| ([\w -]+) \| [^-]", PAGE, re.MULTILINE)[1:] == [
        "vcrpy", "cassetter", "HAR", "Ruby VCR", "go-vcr", "Azure SDK",
    ]  # fmt: skip
    assert sorted(reader.NAME for reader in READERS) == sorted(
        re.findall(r"^\| ([\w -]+) \| [^-]", PAGE, re.MULTILINE)[1:]
    )


@pytest.mark.parametrize("laid", ["tests/cassettes/test_zoo/test_capybara.yaml", "tests/cassettes/test_capybara.yaml"])
def test_the_migration_from_pytest_recording_works_step_by_step(recordings, pytester, laid):
    told = Migration("From pytest-recording or pytest-vcr")
    old = pytester.path / laid
    old.parent.mkdir(parents=True)
    shutil.copy(recordings / CAPYBARA, old)
    (pytester.path / "tests" / "test_zoo.py").write_text(told.before)
    *before, run, move, beside, again = [shlex.split(command) for command in told.commands]
    for _, *arguments in before:
        assert main(arguments) == 0
    (pytester.path / "tests" / "test_zoo.py").write_text(told.after)
    assert run == again == ["pytest"]
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
    assert old.exists()
    assert main(move[1:]) == 0
    assert not old.exists()
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)

    shutil.copy(recordings / CAPYBARA, old)
    assert main(beside[1:]) == 0
    assert (pytester.path / "tests" / "cassettes" / "test_zoo" / "test_capybara-1.png").is_file()
    shutil.rmtree(pytester.path / "cassettes")
    pytester.makeini("[pytest]\nimgresponse_cassette_layout = beside")
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


def test_the_migration_from_vcrpy_works_step_by_step(recordings, pytester):
    told = Migration("From plain vcrpy")
    old = pytester.path / "fixtures" / "zoo" / "capybara.yaml"
    old.parent.mkdir(parents=True)
    shutil.copy(recordings / CAPYBARA, old)
    test = pytester.path / "test_zoo.py"
    test.write_text(told.before)
    (_, *arguments), run = [shlex.split(command) for command in told.commands]
    assert run == ["pytest"]
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
    assert main(arguments) == 0
    test.write_text(told.after)
    shutil.rmtree(pytester.path / "fixtures")
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
