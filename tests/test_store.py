"""The store: files on the disk, whole at any moment, and safe to open whoever wrote them."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import vcr
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from urllib3 import encode_multipart_formdata

from pytest_imgresponse import replay
from pytest_imgresponse.cassette import document
from pytest_imgresponse.cassette import session as session_module
from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.errors import CassetteDecodeError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse, boundary_of
from tests.conftest import attack_size

PICTURE = b"\x89PNG\r\n\x1a\n" + b"pixels" * 9


def picture(number: int) -> bytes:
    return PICTURE + str(number).encode()


def interaction(*pictures: bytes, prompt: str = "a red fox", status: int = 200) -> Interaction:
    data = [{"b64_json": base64.b64encode(data).decode()} for data in pictures]
    asked = HTTPRequest("POST", "http://a/v1/images/generations", (), json.dumps({"prompt": prompt}).encode())
    body = json.dumps({"created": 1, "data": data}, indent=2).encode()
    answer = HTTPResponse(status, {"content-type": "application/json"}, body, reason="OK")
    return Interaction(Request.of(asked), Response.of(answer))


def save(store: Store, *interactions: Interaction) -> None:
    with store.lock():
        store.save(interactions)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "fox.yaml"


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_what_is_saved_is_loaded(path):
    saved = [interaction(picture(1), picture(2)), interaction(prompt="ü\U0001f98a")]
    save(Store(path), *saved)
    assert names(path) == ["fox-1.png", "fox-2.png", "fox.yaml"]
    assert (path.parent / "fox-2.png").read_bytes() == picture(2)
    loaded = Store(path).load()
    assert loaded == saved
    assert [i.response.http().body for i in loaded] == [i.response.http().body for i in saved]


def test_the_yaml_is_readable_and_small(path):
    save(Store(path), interaction(*map(picture, range(10)), prompt="a \U0001f98a\nin two lines"))
    text = path.read_text(encoding="utf-8")
    assert text.startswith("interactions:\n- request:\n    method: POST\n")
    assert text.endswith("\nversion: 1\n")
    assert "body: |-\n      {" in text
    assert '        "created": 1,\n' in text
    assert len(text) < 2048 + 300 * 10


def test_the_same_picture_is_one_file(path):
    save(Store(path), interaction(picture(1)), interaction(picture(1), picture(2)))
    assert names(path) == ["fox-1.png", "fox-2.png", "fox.yaml"]


def test_vcrpy_reads_the_yaml(path):
    save(Store(path), interaction(picture(1)))
    with vcr.use_cassette(str(path), record_mode="none") as cassette:
        assert cassette.requests[0].method == "POST"


def test_a_file_that_is_no_longer_named_is_removed(path):
    store = Store(path)
    save(store, interaction(picture(1), picture(2)))
    save(store, interaction(picture(2)))
    assert names(path) == ["fox-1.png", "fox.yaml"]
    assert Store(path).load()[0].response.http().body == interaction(picture(2)).response.http().body


def test_kept_pictures_take_their_new_numbers(path):
    save(Store(path), interaction(picture(1)), interaction(picture(2)), interaction(picture(3)))
    store = Store(path)
    one, two, three = store.load()
    save(store, three, one, two)
    bodies = [interaction(picture(n)).response.http().body for n in (3, 1, 2)]
    assert [i.response.http().body for i in store.load()] == bodies
    assert [i.response.http().body for i in Store(path).load()] == bodies
    assert [i.response.http().body for i in (three, one, two)] == bodies


@given(
    st.lists(st.lists(st.integers(0, 4), max_size=3), max_size=3),
    st.lists(st.lists(st.integers(0, 4), max_size=3), max_size=3),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_cassette_replaces_any_other(tmp_path, old, new):
    folder = tmp_path / "it"
    shutil.rmtree(folder, ignore_errors=True)
    for version in (old, new):
        save(Store(folder / "fox.yaml"), *(interaction(*map(picture, pictures)) for pictures in version))
    bodies = [i.response.http().body for i in Store(folder / "fox.yaml").load()]
    assert bodies == [interaction(*map(picture, pictures)).response.http().body for pictures in new]
    assert len(list(folder.glob("*.png"))) == len({number for pictures in new for number in pictures})


TEXTS = st.text(st.characters(codec="utf-8")) | st.text(
    "\n\r\t :#-'\"|>&*!%@`[]{}, \x85\u2028\ufeff\x00\x7f", max_size=30
)


@given(TEXTS, TEXTS, TEXTS.map(lambda text: text.replace("\r", "").replace("\n", "")))
@settings(deadline=None)
def test_any_text_comes_back_through_the_yaml(body, answer, value):
    asked = HTTPRequest("POST", "http://a/", {"accept": value}, body.encode())
    given = Interaction(Request.of(asked), Response.of(HTTPResponse(200, {"date": value}, answer.encode())))
    text = document.join([document.dump(given, lambda file: file.reference)] * 2)
    assert document.parse(text, "here", lambda name, sha: pytest.fail("no file")) == [given, given]
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):  # vcrpy takes what is there
        for item in yaml.load(text, loader)["interactions"]:
            assert (item["request"]["body"] or "", item["response"]["body"]["string"]) == (body, answer)


A_FORM = r"""
    body: "\
      --imgresponse-boundary\r\n\
      Content-Disposition: form-data; name=\"prompt\"\r\n\
      \r\n\
      a \"red\" fox,\n\
      \  in two lines\ttab\r\n\
      --imgresponse-boundary\r\n\
      Content-Disposition: form-data; name=\"n\"\r\n\
"""


def test_a_form_has_a_line_for_each_of_its_own(path):
    """A reviewer sees which field has changed, and plain vcrpy the same bytes."""
    fields = {"prompt": 'a "red" fox,\n  in two lines\ttab', "n": "1", "image": PICTURE}
    body, content_type = encode_multipart_formdata(fields)
    asked = HTTPRequest("POST", "http://a/v1/images/edits", {"Content-Type": content_type}, body)
    save(Store(path), Interaction(Request.of(asked), Response.of(HTTPResponse(200, {}, b"{}"))))
    text = path.read_text(encoding="utf-8")
    assert A_FORM in text
    assert '      --imgresponse-boundary--\\r\\n"\n' in text
    loaded = Store(path).load()[0].request.http()
    normalised = body.replace(boundary_of(content_type), b"imgresponse-boundary")
    assert loaded.body == normalised
    with vcr.use_cassette(str(path), record_mode="none") as cassette:
        reference = cassette.requests[0].body[cassette.requests[0].body.index(b"imgresponse:v1:") :].split(b"\r\n")[0]
        assert cassette.requests[0].body.replace(reference, PICTURE) == normalised


def test_utf_8_whatever_the_locale(tmp_path):
    code = "import sys; sys.path.insert(0, 'tests'); import test_store as t; from pathlib import Path\n"
    code += f"t.save(t.Store(Path({str(tmp_path / 'fox.yaml')!r})), t.interaction(prompt='\\u00fc\\U0001f98a'))"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=Path(__file__).parents[1])
    assert json.loads(Store(tmp_path / "fox.yaml").load()[0].request.body.text)["prompt"] == "ü\U0001f98a"


@pytest.mark.parametrize("stem", ["test_draw[a red fox]", "a:b", 'a"b', "a#b", "x" * 200, "\u00fc\u2003x"])
def test_whatever_the_cassette_is_named(tmp_path, stem):
    path = tmp_path / f"{stem}.yaml"
    save(Store(path), interaction(picture(1)))
    assert Store(path).load()[0].response.http().body == interaction(picture(1)).response.http().body


def test_files_that_are_not_the_cassettes_own_are_never_removed(path):
    save(Store(path), interaction(picture(1)))
    other = path.with_name("copy.yaml")
    for name in ("fox-1.png", "conftest.py"):
        other.write_text(path.read_text().replace("fox-1.png", name))
        path.with_name(name).write_bytes(picture(1))
        save(Store(other), interaction(picture(2)))
        assert path.with_name(name).exists()
    assert Store(path).load()[0].response.http().body == interaction(picture(1)).response.http().body


def test_a_session_from_before_finds_a_picture_that_was_numbered_anew(path):
    save(Store(path), interaction(picture(1)))
    before = Store(path)
    (loaded,) = before.load()
    save(Store(path), interaction(picture(2)), interaction(picture(1)))
    assert loaded.response.http().body == interaction(picture(1)).response.http().body


@pytest.mark.parametrize("damage", ["missing", "changed", "link"])
def test_a_picture_that_is_recorded_again_takes_the_place_of_a_damaged_one(path, damage):
    save(Store(path), interaction(picture(1)), interaction(picture(2)))
    one = path.with_name("fox-1.png")
    one.unlink()
    if damage == "changed":
        one.write_bytes(picture(1)[:-1] + b"?")
    elif damage == "link":
        one.symlink_to(path)
    save(Store(path), interaction(picture(1)), interaction(picture(2)))
    assert one.read_bytes() == picture(1)
    assert not one.is_symlink()


def test_a_damaged_picture_does_not_keep_a_new_answer_from_the_disk(path):
    save(Store(path), interaction(picture(1)))
    path.with_name("fox-1.png").unlink()
    store = Store(path)
    (old,) = store.load()
    save(store, old, interaction(picture(2)))
    assert Store(path).load()[1].response.http().body == interaction(picture(2)).response.http().body
    with pytest.raises(CassetteDecodeError, match="missing"):
        save(store, interaction(picture(3)), old)


class TestKilled:
    def test_at_any_moment_there_is_the_old_or_the_new(self, path):
        """A process is killed again and again while it saves over a good cassette: a fork each time, ready at once."""
        save(Store(path), interaction(picture(0), picture(1)))
        code = textwrap.dedent(
            f"""
            import os, sys; sys.path.insert(0, "tests")
            import test_store as t
            from pathlib import Path
            for line in sys.stdin:
                child = os.fork()
                if child:
                    os.waitpid(child, 0)
                    print("dead", flush=True)
                    continue
                store = t.Store(Path({str(path)!r}))
                n = 0
                print(os.getpid(), flush=True)
                while True:
                    n += 2
                    t.save(store, t.interaction(*(t.picture(n + i) + b"x" * 200_000 for i in range(2))))
            """
        )
        with subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        ) as process:
            for attempt in range(kills := max(12, attack_size(0) // 10)):
                process.stdin.write("again\n")
                process.stdin.flush()
                child = int(process.stdout.readline())
                time.sleep(0.01 + 0.078 * attempt / kills)
                os.kill(child, signal.SIGKILL)
                assert process.stdout.readline() == "dead\n"
                (loaded,) = Store(path).load()
                assert len(json.loads(loaded.response.http().body)["data"]) == 2

        save(Store(path), interaction(picture(5)))
        assert names(path) == ["fox-1.png", "fox.yaml"]

    def test_a_staged_picture_serves_until_it_has_its_name(self, path):
        save(Store(path), interaction(picture(1)))
        digest = sha256(picture(1)).hexdigest()
        (path.parent / "fox-1.png").rename(path.parent / f".fox.{digest}")
        (path.parent / "fox-1.png").write_bytes(picture(9))
        store = Store(path)
        assert store.load()[0].response.http().body == interaction(picture(1)).response.http().body
        save(store, *store.load())
        assert names(path) == ["fox-1.png", "fox.yaml"]
        assert (path.parent / "fox-1.png").read_bytes() == picture(1)

    def test_what_a_killed_process_left_is_removed_and_nothing_else(self, path):
        left = [f".fox.{'0' * 64}", f"..fox.{'1' * 64}.17.tmp", ".fox.yaml.17.tmp"]
        others = [f".foxes.{'0' * 64}", "fox-2.png", ".fox.yaml.tmp", "notes.txt"]
        for name in left + others:
            path.with_name(name).touch()
        save(Store(path), interaction(picture(1)))
        assert names(path) == sorted([*others, "fox-1.png", "fox.yaml"])

    def test_half_a_staged_picture_is_not_taken(self, path):
        path.with_name(f".fox.{sha256(picture(1)).hexdigest()}").write_bytes(picture(1)[:20])
        save(Store(path), interaction(picture(1)))
        assert (path.parent / "fox-1.png").read_bytes() == picture(1)


def test_a_save_that_fails_leaves_the_old_cassette(path, monkeypatch):
    """Real failures are in test_failures; here is that each of them leaves nothing behind."""
    save(Store(path), interaction(picture(1)))
    before = {name: (path.parent / name).read_bytes() for name in names(path)}
    store = Store(path)
    monkeypatch.setattr(Path, "replace", lambda *a: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        save(store, interaction(picture(2)))
    monkeypatch.undo()
    assert {name: (path.parent / name).read_bytes() for name in names(path) if not name.startswith(".")} == before
    save(store, interaction(picture(2)))
    assert names(path) == ["fox-1.png", "fox.yaml"]


class TestDamage:
    """Each error names the file and the way out."""

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"", "the file is empty; restore it from version control"),
            (b" \n", "the file is empty"),
            (b"\xff\xfe", "no UTF-8 text"),
            (b"version: 1\ninteractions: [", "not a cassette that can be read: while parsing"),
            (b"just a text", "this is no vcrpy cassette: expected a mapping"),
            (b"- a\n- b", "this is no vcrpy cassette"),
            (b"http_interactions: []", "this is a Ruby VCR cassette"),
            (b"log: {entries: []}", "this is a HAR file"),
            (b"version: 2\ninteractions: []", "expected `version: 1`, as vcrpy writes it; got '2'"),
            (b"version: 1\ninteractions: 7", "this is no vcrpy cassette"),
            (b"version: 1\ninteractions: [7]", "interaction 1 cannot be read"),
            (b"version: 1\ninteractions: [{request: {}}]", "interaction 1 cannot be read: 'method' is missing"),
            (
                b"version: 1\ninteractions: [{request: {method: GET, uri: a}, response: {headers: {}}}]",
                "'status' is missing",
            ),
            (
                b"version: 1\ninteractions: [{request: {method: GET, uri: a, body: {}}, response: {}}]",
                "a body of type dict",
            ),
            (
                b"version: 1\ninteractions: [{request: {method: GET, uri: a}, response: {status: {code: x}, headers: {}}}]",
                "'x'",
            ),
            (b"version: 1\ninteractions: [*a]", "the alias *a stands for nothing that is complete"),
            (b"version: 1\n? [a]\n: b", "a key is a list, not a text"),
            (b"version: 1\ninteractions: []\n---\na: b", "it holds more than one document"),
            (b"a: !!set {b}", "the tag 'tag:yaml.org,2002:set' would construct an object"),
            (b"a: !!foo b", "the tag 'tag:yaml.org,2002:foo' would construct an object"),
            (b"!!python/object/apply:os.system [id]", "not a cassette that can be read: the tag"),
            (b"version: 1\ninteractions: [!!python/object/apply:os.system [id]]", "would construct an object"),
            (b"[" * 100, "it nests deeper than 64 levels"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run `git lfs pull`"),
            (b"a: &a [x, x]\nb: &b [*a, *a]\nversion: 1\ninteractions: [*b]", "interaction 1 cannot be read"),
        ],
    )
    def test_of_the_yaml(self, path, text, message):
        path.write_bytes(text)
        with pytest.raises(CassetteDecodeError) as caught:
            Store(path).load()
        assert str(caught.value).startswith(f"{path}: ")
        assert message in str(caught.value)

    def test_of_yaml_that_nests_very_deep(self, path):
        """libyaml from 0.2.6 on stops at a thousand levels, in its own words, before we count."""
        path.write_bytes(b"[" * 10_000_000)
        with pytest.raises(CassetteDecodeError) as caught:
            Store(path).load()
        told = str(caught.value)
        assert told.startswith(f"{path}: ")
        assert "it nests deeper than 64 levels" in told or "exceeded maximum nesting depth" in told
        assert "restore it from version control, or record the cassette again" in told

    @pytest.mark.parametrize(
        "item",
        [
            "{request: {method: *b, uri: a}, response: {}}",
            "{request: {method: GET, uri: *b}, response: {}}",
            "{request: {method: GET, uri: a, headers: {a: *b}}, response: {}}",
            "{request: {method: GET, uri: a, body: *b}, response: {}}",
            "{request: {method: GET, uri: a}, response: {headers: {}, status: {code: *b}}}",
            "{request: {method: GET, uri: a}, response: {headers: {}, status: {code: 200, message: *b}}}",
            "{request: {method: GET, uri: 'http://[::1'}, response: {}}",
            "{request: {method: GET, uri: a}, response: {headers: {}, status: {code: 0}}}",
            '{request: {method: GET, uri: a}, response: {headers: {a: "b\\r\\nc: d"}, status: {code: 200}}}',
            "{request: {method: GET, uri: a, body: !!python/object/new:_io.BytesIO {state: {a: b}}}, response: {}}",
        ],
    )
    def test_what_a_stranger_put_in_the_place_of_a_text(self, path, item):
        """The alias stands for as many values as aliases may; it is never printed or joined."""
        levels = "\n".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 5))
        path.write_text(f"b0: &b0 [x, x]\n{levels}\nb: &b [*b4, *b4]\nversion: 1\ninteractions: [{item}]")
        start = time.process_time()
        with pytest.raises(CassetteDecodeError, match="interaction 1 cannot be read"):
            Store(path).load()
        assert time.process_time() - start < 2

    def test_a_bomb_as_the_version(self, path):
        path.write_text("b: &b [[a]]\nversion: *b\ninteractions: []")
        with pytest.raises(CassetteDecodeError, match="got a list"):
            Store(path).load()

    def test_characters_that_are_no_base64(self, path):
        path.write_text("a: !!binary '%%%'")
        with pytest.raises(CassetteDecodeError, match="not a cassette that can be read"):
            Store(path).load()

    def test_a_folder_in_its_place(self, path):
        path.mkdir()
        with pytest.raises(OSError, match="directory"):
            Store(path).load()

    def test_a_pipe_in_its_place_does_not_hang(self, path):
        os.mkfifo(path)
        descriptor = os.open(path, os.O_RDWR)
        try:
            with pytest.raises(CassetteDecodeError, match="no regular file"):
                Store(path).load()
        finally:
            os.close(descriptor)

    @pytest.fixture
    def loaded(self, path):
        save(Store(path), interaction(picture(1)))
        return Store(path).load()[0].response

    def fails(self, response, path, *messages):
        with pytest.raises(CassetteDecodeError) as caught:
            response.http()
        assert str(caught.value).startswith(f"{path}: ")
        for message in messages:
            assert message in str(caught.value)

    def test_a_missing_picture(self, path, loaded):
        (path.parent / "fox-1.png").unlink()
        self.fails(loaded, path, "the picture fox-1.png is missing", "--imgresponse-record=rewrite")

    def test_a_changed_picture(self, path, loaded):
        (path.parent / "fox-1.png").write_bytes(picture(2))
        self.fails(loaded, path, "the picture fox-1.png has changed since it was recorded: expected SHA-256", "got ")

    def test_a_picture_of_another_format(self, path, loaded):
        (path.parent / "fox-1.png").write_bytes(b"\xff\xd8\xff and so on")
        self.fails(loaded, path, "has changed since it was recorded and is a jpg file now")

    def test_a_pointer_of_git_lfs(self, path, loaded):
        (path.parent / "fox-1.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
        self.fails(loaded, path, "fox-1.png is a Git LFS pointer, not a picture; run `git lfs pull`")

    def test_a_link_in_the_place_of_a_picture(self, path, loaded, tmp_path):
        secret = tmp_path / "secret"
        secret.write_bytes(picture(1))
        (path.parent / "fox-1.png").unlink()
        (path.parent / "fox-1.png").symlink_to(secret)
        self.fails(loaded, path, "fox-1.png is a symbolic link")

    def test_a_pipe_in_the_place_of_a_picture(self, path, loaded):
        (path.parent / "fox-1.png").unlink()
        os.mkfifo(path.parent / "fox-1.png")
        self.fails(loaded, path, "fox-1.png is a pipe or a device; a picture must be a regular file")

    def test_a_folder_in_the_place_of_a_picture(self, path, loaded):
        (path.parent / "fox-1.png").unlink()
        (path.parent / "fox-1.png").mkdir()
        self.fails(loaded, path, "fox-1.png is a folder; a picture must be a regular file")

    def test_two_names_of_one_hash(self, path, loaded):
        (path.parent / "fox-2.png").write_bytes(picture(1))
        digest = sha256(picture(1)).hexdigest()
        both = f"imgresponse:v1:fox-1.png#{digest} imgresponse:v1:fox-2.png#{digest}"
        path.write_text(path.read_text().replace(f"imgresponse:v1:fox-1.png#{digest}", both))
        with pytest.raises(
            CassetteDecodeError, match="'fox-2.png' and 'fox-1.png' have the same hash: one of them was"
        ):
            Store(path).load()

    @pytest.mark.parametrize("name", ["..", "C:fox.png"])
    def test_a_reference_that_leads_out(self, path, loaded, name):
        path.write_text(path.read_text().replace("fox-1.png", name))
        with pytest.raises(CassetteDecodeError, match="leads out of the cassette's folder"):
            Store(path).load()

    @pytest.mark.parametrize("name", ["../fox-1.png", "/etc/passwd", "a\\\\b"])
    def test_a_reference_with_a_path(self, path, loaded, name):
        path.write_text(path.read_text().replace("fox-1.png", name))
        with pytest.raises(CassetteDecodeError, match="is malformed"):
            Store(path).load()


class TestPlainCassettes:
    """What vcrpy itself writes, and has written over the years."""

    def load(self, path, response, request=None):
        request = request or {"method": "post", "uri": "http://a/", "body": None, "headers": {"A": ["b"]}}
        path.write_text(yaml.dump({"version": 1, "interactions": [{"request": request, "response": response}]}))
        return Store(path).load()[0]

    def test_an_inline_payload_becomes_a_file_when_it_is_saved(self, path):
        body = interaction(picture(1)).response.http().body
        found = self.load(
            path, {"status": {"code": 200, "message": None}, "headers": {}, "body": {"string": body.decode()}}
        )
        assert found.request.method == "POST"
        save(Store(path), found)
        assert names(path) == ["fox-1.png", "fox.yaml"]
        assert Store(path).load()[0].response.http().body == body

    def test_the_form_of_old_httpx_cassettes(self, path):
        found = self.load(
            path, {"status_code": 201, "headers": {"a": "b"}, "content": "text", "http_version": "HTTP/1.1"}
        )
        assert found.response.http() == HTTPResponse(201, {"a": "b"}, b"text")

    @pytest.mark.parametrize(
        "body", ["text", b"text", io.BytesIO(b"text"), iter(["te", b"xt"])], ids=["text", "bytes", "file", "iterator"]
    )
    def test_bodies_of_requests(self, path, body):
        vcr_request = vcr.request.Request("POST", "http://a/", body, {})
        answer = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": b""}}
        vcr.persisters.filesystem.FilesystemPersister.save_cassette(
            path, {"requests": [vcr_request], "responses": [answer]}, vcr.serializers.yamlserializer
        )
        assert Store(path).load()[0].request.http().body == b"text"

    def test_a_header_in_bytes_and_an_absent_body(self, path):
        request = {"method": "GET", "uri": "http://a/", "headers": {"Accept": [b"b"], "X": "c"}}
        found = self.load(path, {"status": {"code": 200}, "headers": {}, "body": None}, request)
        assert found.request.headers == (("Accept", "b"), ("X", "c"))
        assert found.response.http().body == b""

    @pytest.mark.parametrize(
        ("before", "after", "message"),
        [
            ("    body:\n      string: x\n", "", "its response has no `body`, which vcrpy always writes"),
            ("      string: x\n", "    ( string: x\n", "its response has '( string' in the place of `body`"),
            ("      string: x\n", "  $   string: x\n", "its response has no body, and beside it stands '$   string'"),
        ],
    )
    def test_a_body_that_slipped_out_of_its_place_is_refused(self, path, before, after, message):
        text = interaction(picture(1))
        save(Store(path), text)
        written = re.sub(r"(?s)      string:.*(?=version)", "      string: x\n", path.read_text())
        path.write_text(written.replace(before, after))
        with pytest.raises(CassetteDecodeError, match=re.escape(message)):
            Store(path).load()

    def test_a_coding_that_could_not_be_removed_stays(self, path):
        body = b"\x1f\x8b broken"
        found = self.load(
            path, {"status": {"code": 200}, "headers": {"Content-Encoding": ["gzip"]}, "body": {"string": body}}
        )
        save(Store(path), found)
        assert Store(path).load()[0].response.http() == HTTPResponse(200, {"Content-Encoding": "gzip"}, body)

    def test_a_coding_over_a_body_in_the_clear_goes(self, path):
        found = self.load(
            path, {"status": {"code": 200}, "headers": {"Content-Encoding": ["gzip"]}, "body": {"string": "a"}}
        )
        assert found.response.http() == HTTPResponse(200, (), b"a")


def test_two_stores_take_turns(path):
    """A lock that is left behind by a killed process does no harm."""
    path.with_name(".fox.yaml.lock").touch()
    for number in range(3):
        save(Store(path), interaction(picture(number)))
    assert names(path) == ["fox-1.png", "fox.yaml"]


def test_what_did_not_change_is_not_parsed_again(path, monkeypatch):
    store = Store(path)
    save(store, interaction(picture(1)))
    monkeypatch.setattr(document, "parse", lambda *a: pytest.fail("parsed again"))
    assert len(store.load()) == 1


def test_a_cassette_that_was_cut_anywhere_is_refused(path):
    """Its last line is the version: without it the last body may be half of one."""
    Store(path).save([interaction(picture(1)), interaction(picture(2))])
    whole = path.read_bytes()
    for end in range(0, len(whole) - 1, 3):
        path.write_bytes(whole[:end])
        with pytest.raises(CassetteDecodeError, match=re.escape(str(path))):
            Store(path).load()
    path.write_bytes(whole[:-1])  # its line end alone is missing
    assert len(Store(path).load()) == 2


def test_a_cassette_with_its_version_first_loads(path):
    """As this package wrote it before."""
    store = Store(path)
    store.save([interaction(picture(1))])
    text = path.read_text(encoding="utf-8").removesuffix("version: 1\n")
    path.write_text(f"version: 1\n{text}", encoding="utf-8")
    assert Store(path).load() == store.load()


OTHER_BODIES = {
    "body_text: {prompt: a cat}": "has 'body_text' in the place of `body`: another serializer wrote it",
    "json: {prompt: a cat}": "has 'json' in the place of `body`: another serializer wrote it",
    "parsed_body: 1, body: {string: x}": "has `body` and 'parsed_body': which of them was sent is not known",
}


@pytest.mark.parametrize("part", ["request", "response"])
@pytest.mark.parametrize("other", OTHER_BODIES)
def test_bodies_of_another_serializer_are_not_read_as_empty(path, part, other):
    """Read as empty they would be lost when the cassette is saved."""
    bodies = {"request": "body: x", "response": "body: {string: x}"} | {part: other}
    path.write_text(
        f"interactions:\n- request: {{method: POST, uri: 'http://a/', headers: {{}}, {bodies['request']}}}\n"
        f"  response: {{status: {{code: 200}}, headers: {{}}, {bodies['response']}}}\nversion: 1\n"
    )
    with pytest.raises(CassetteDecodeError, match=f"its {part} {OTHER_BODIES[other]}"):
        Store(path).load()


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("{base64_string: eA==}", "['base64_string']"),
        ("text", "str"),
        ("[a]", "list"),
        ("{}", "[]"),
    ],
)
def test_a_response_without_the_string_of_its_body_is_refused(path, body, found):
    path.write_text(f"interactions:\n{REQUEST}{ANSWER % ('{}', 'x')}version: 1\n".replace("{string: x}", body))
    with pytest.raises(CassetteDecodeError, match=re.escape(f"its response has {found} as `body`, without `string`")):
        Store(path).load()


REQUEST = "- request: {method: GET, uri: 'http://a/', headers: {}, body: null}\n"
ANSWER = "  response: {status: {code: 200}, headers: %s, body: {string: %s}}\n"


@pytest.mark.parametrize(
    "text",
    [
        "x: &a " + "A" * 100_000 + "\ninteractions:\n" + REQUEST + ANSWER % ("{}", "[" + "*a, " * 90 + "]"),
        "x: &l [" + "a, " * 600 + "]\ninteractions:\n" + REQUEST
        + ANSWER % ("{" + ", ".join(f"h{n}: *l" for n in range(600)) + "}", "x"),
        "b0: &b0 [x, x]\n" + "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]\n" for n in range(1, 12))
        + "interactions: []\n",
        "x: &i\n" + REQUEST.replace("- ", "  ", 1) + ANSWER % ("{}", "x") + "interactions: [" + "*i, " * 50_000 + "]\n",
    ],
    ids=["chunks", "headers", "levels", "interactions"],
)  # fmt: skip
def test_aliases_that_stand_for_too_much_are_refused(path, text):
    path.write_text(f"{text}version: 1\n")
    began = time.process_time()
    with pytest.raises(CassetteDecodeError, match="its aliases stand for more than 262144 characters and values"):
        Store(path).load()
    assert time.process_time() - began < 5


def test_aliases_for_what_two_interactions_share_are_read(path):
    shared = REQUEST.replace("headers: {}", "headers: &h {accept: [application/json]}")
    other = REQUEST.replace("headers: {}", "headers: *h")
    path.write_text(f"interactions:\n{shared}{ANSWER % ('{}', 'x')}{other}{ANSWER % ('{}', 'x')}version: 1\n")
    first, second = Store(path).load()
    assert first == second


def test_a_file_of_any_length_is_not_read(path):
    """A sparse file takes no room on the disk, and all the memory there is."""
    Store(path).save([interaction(picture(1))])
    (kept,) = Store(path).load()
    os.truncate(path.with_name("fox-1.png"), 2**40)
    with pytest.raises(CassetteDecodeError, match=r"fox.yaml: fox-1.png: a file of 1099511627776 bytes is too large"):
        kept.response.http()
    os.truncate(path, 2**40)
    with pytest.raises(CassetteDecodeError, match=r"fox.yaml: a file of 1099511627776 bytes is too large"):
        Store(path).load()


def test_a_replay_reads_its_pictures_when_it_is_opened_up_to_a_limit(path, monkeypatch):
    first, second = interaction(picture(1)), interaction(picture(2), prompt="a blue fox")
    save(Store(path), first, second)
    fox = first.request.http(), second.request.http()

    def ask(request):
        return httpx.post(request.url, content=request.body).content

    def without_files():
        with replay(path) as recorder:
            hidden = [each.rename(each.with_suffix(".hidden")) for each in path.parent.glob("*.png")]
            try:
                yield from map(ask, fox)
                assert list(recorder.http_responses) == [first.response.http(), second.response.http()]
            finally:
                for each in hidden:
                    each.rename(each.with_suffix(".png"))

    assert list(without_files()) == [first.response.http().body, second.response.http().body]
    monkeypatch.setattr(session_module, "READ_AHEAD", 1)
    bodies = without_files()
    assert next(bodies) == first.response.http().body
    with pytest.raises(CassetteDecodeError, match=r"the picture fox-2\.png is missing"):
        next(bodies)
