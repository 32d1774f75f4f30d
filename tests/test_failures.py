"""When things go wrong: an error of ours names the file and the way out, nothing is lost, nothing is sent."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from pytest_imgresponse import (
    CassetteDecodeError,
    CassetteInUseError,
    CassetteMissingError,
    CassetteSaveError,
    ConfigError,
    ResponseError,
    UnrecordedRequestError,
    replay,
)
from tests.conftest import slow


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "fox.yaml"


@pytest.fixture
def recorded(path, ask, api):
    with replay(path, record="once"):
        answer = ask()
    before = len(api.requests)
    yield answer
    assert len(api.requests) == before, "a request was sent"


def test_no_cassette(path, ask, api):
    with replay(path), pytest.raises(CassetteMissingError, match=f'There is no cassette {path}.*\n.*record="once"'):
        ask()
    assert api.requests == ()


def test_a_cassette_without_interactions(path, ask, api):
    path.write_text("version: 1\ninteractions: []\n")
    with replay(path), pytest.raises(UnrecordedRequestError, match="holds no interaction"):
        ask()
    assert api.requests == ()


def test_a_miss_that_differs_in_much_is_cut(path, recorded, ask):
    many = {f"field{number}": number for number in range(20)}
    with replay(path), pytest.raises(UnrecordedRequestError, match="… and 17 more"):
        ask(**many)


def test_a_miss_that_differs_in_more_than_the_body_leaves_match_on_unsaid(path, recorded, api):
    with replay(path), pytest.raises(UnrecordedRequestError) as caught:
        httpx.put(f"{api.url}/images/generations", content="a")
    assert "method: recorded 'POST', asked 'PUT'" in str(caught.value)
    assert "match_on" not in str(caught.value)


@pytest.mark.parametrize("name", ["fox.yaml.gz", "fox.yaml.zst", "fox.json"])
def test_a_recording_in_another_form_is_named_before_one_pays_again(path, ask, name):
    path.with_name(name).touch()
    with replay(path), pytest.raises(CassetteMissingError, match=f"Beside it is {name}, which is not read"):
        ask()


@pytest.mark.parametrize("name", ["fox.yml", "Fox.yaml"])
def test_a_recording_under_a_name_that_is_almost_right_is_named(path, ask, name):
    if path.with_name("FOX.TXT").touch() or path.with_name("fox.txt").exists():
        pytest.skip("names in any case are one here")
    path.with_name(name).touch()
    with replay(path), pytest.raises(CassetteMissingError, match=f"Beside it is {name}: rename it, its pictures too"):
        ask()


@pytest.mark.parametrize("mode", ["none", "once", "new_episodes", "all"])
@pytest.mark.parametrize("content", [b"", b"version: 1\ninteractions: [", b"\x00\xff", b"a: b"])
def test_a_damaged_cassette_is_never_an_empty_one(path, recorded, mode, content):
    path.write_bytes(content)
    with pytest.raises(CassetteDecodeError, match=re.escape(str(path))), replay(path, record=mode):
        pytest.fail("opened")
    assert path.read_bytes() == content


def test_rewrite_is_the_way_out_of_a_damaged_cassette(path, ask):
    path.write_bytes(b"version: 1\ninteractions: [")
    with replay(path, record="rewrite"):
        ask()
    with replay(path):
        assert ask().status_code == 200


def test_rewrite_is_the_way_out_of_a_missing_picture(path, ask):
    for mode in ("once", "rewrite", "none"):
        with replay(path, record=mode):
            assert ask().status_code == 200
        if mode == "once":
            (path.parent / "fox-1.png").unlink()


@pytest.mark.skipif(os.name == "nt", reason="needs a file that cannot be opened by its name")
def test_a_cassette_that_cannot_be_read(path):
    path.mkdir()
    with pytest.raises(CassetteDecodeError, match="the cassette cannot be read"), replay(path):
        pytest.fail("opened")


@pytest.mark.parametrize("damage", [b"", b"\x89PNG\r\n\x1a\nchanged", b"version https://git-lfs.github.com/spec/v1\n"])
def test_a_picture_that_is_not_right_is_not_replayed(path, recorded, ask, damage):
    (path.parent / "fox-1.png").write_bytes(damage)
    with replay(path), pytest.raises(CassetteDecodeError, match=r"fox-1\.png"):
        ask()


class TestSaving:
    def test_a_folder_that_cannot_be_made_is_found_before_anything_is_sent(self, tmp_path, ask, api):
        (tmp_path / "file").touch()
        with replay(tmp_path / "file" / "fox", record="once"):
            with pytest.raises(CassetteSaveError, match="nothing was sent, since the cassette could not be written"):
                ask()
        assert api.requests == ()

    @pytest.mark.slow
    def test_a_disk_that_is_full(self, suite):
        """The limit on the size of a file stands for it: writing fails in the same place, with an OSError."""
        suite.write(
            """
            import resource, signal

            @pytest.fixture
            def full():
                yield
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

            @pytest.mark.imgresponse
            def test_it(full):
                ask("small", size="256x256")
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (900, resource.RLIM_INFINITY))
                assert ask("large", size="512x512").status_code == 200
            """
        )
        run = suite.record(subprocess=True).outcomes(passed=1, errors=1).sent(2)
        run.says("CassetteSaveError", "2 answer(s) could not be saved: [Errno 27] File too large", "nor elsewhere")
        assert suite.files() == ["test_logo/test_it-1.png", "test_logo/test_it.yaml"]
        assert "small" in (suite.cassettes / "test_logo/test_it.yaml").read_text()

    def test_what_cannot_be_saved_is_put_elsewhere(self, tmp_path, ask, api):
        folder = tmp_path / "cassettes"
        with pytest.raises(CassetteSaveError) as caught, replay(folder / "fox", record="once"):
            ask("one")
            os.rename(folder, tmp_path / "moved")
            folder.touch()
            assert ask("two").status_code == 200
        place = Path(re.search(r"They are kept as a cassette in (\S+): mend the cause", str(caught.value))[1])
        with replay(place / "fox"):
            assert [ask("one").status_code, ask("two").status_code] == [200, 200]
        assert len(api.requests) == 2

    def test_each_answer_is_put_elsewhere_once_and_in_one_folder(self, tmp_path, ask, monkeypatch):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
        folder = tmp_path / "cassettes"
        with pytest.raises(CassetteSaveError, match="4 answer"), replay(folder / "fox", record="once"):
            ask("0")
            shutil.rmtree(folder)
            folder.touch()
            for number in range(1, 4):
                ask(str(number))
        (place,) = elsewhere.iterdir()
        assert sorted(path.name for path in place.glob("*.png")) == [f"fox-{number}.png" for number in range(1, 5)]

    def test_a_cassette_that_is_damaged_meanwhile_is_left_alone(self, path, ask):
        with pytest.raises(
            CassetteSaveError, match="1 answer\\(s\\) could not be saved: .*fox.yaml: the file is empty"
        ):
            with replay(path, record="once"):
                path.touch()
                ask()
        assert path.read_bytes() == b""

    def test_the_tests_own_error_stands(self, tmp_path, ask):
        folder = tmp_path / "cassettes"
        with pytest.raises(ZeroDivisionError), replay(folder / "fox", record="once"):
            ask()
            os.rename(folder, tmp_path / "moved")
            folder.touch()
            ask("two")
            raise ZeroDivisionError


class TestInterrupted:
    def test_each_answer_is_on_the_disk_before_the_test_goes_on(self, path, ask):
        with replay(path, record="once"):
            for number in range(3):
                ask(str(number))
                assert path.read_text().count("- request:") == number + 1
                assert (path.parent / f"fox-{number + 1}.png").exists()

    @pytest.mark.parametrize("how", [signal.SIGKILL, *slow(signal.SIGINT)])
    def test_a_worker_that_is_killed_after_a_paid_answer(self, suite, how):
        suite.write(
            f"""
            import signal

            @pytest.mark.imgresponse
            def test_it():
                signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background ignores it
                ask()
                os.kill(os.getpid(), {int(how)})
                ask("never")
            """
        )
        suite.record(subprocess=True).sent(1)
        suite.write("@pytest.mark.imgresponse\ndef test_it(): ask()")
        suite.run().outcomes(passed=1).sent(0)


class TestWhatIsGoneWhenTheBlockEnds:
    """As what went to a fake file system is, when that is gone."""

    def test_it_is_saved_again(self, tmp_path, ask):
        with replay(tmp_path / "a" / "fox", record="once"):
            ask()
            os.rename(tmp_path / "a", tmp_path / "b")
        with replay(tmp_path / "a" / "fox") as again:
            ask()
        assert len(again.images) == 1

    def test_it_is_added_to_what_is_there(self, path, ask):
        with replay(path, record="once"):
            ask("one")
        before = path.read_bytes()
        with replay(path, record="new_episodes"):
            ask("two")
            path.write_bytes(before)
        assert path.read_text().count("- request:") == 2

    def test_a_damaged_one_is_left_to_the_next(self, path, ask):
        with replay(path, record="once"):
            ask()
            path.write_text("damaged")
        assert path.read_text() == "damaged"

    def test_what_another_added_is_no_loss(self, path, ask):
        with replay(path, record="once"):
            ask("one")
            path.touch()
        assert path.read_text().count("- request:") == 1


class TestBeforeSave:
    def test_a_mark_of_a_picture_survives_what_is_done_to_the_text(self, path, ask):
        def tidy(text):
            try:
                return json.dumps(json.loads(text)).encode("ascii", "ignore").decode()
            except ValueError:
                return text

        for name, rules in {
            "a": {"before_save": tidy},
            "b": {"redact_values": [re.compile("picture[a-z]+"), "picture"]},
        }.items():
            with replay(path.with_name(name), record="once", **rules):
                picture = ask("a picture, pictureaaaa").json()["data"][0]["b64_json"]
            with replay(path.with_name(name), **rules) as again:
                assert ask("a picture, pictureaaaa").json()["data"][0]["b64_json"] == picture
            assert len(again.images) == 1

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (lambda text: text.replace("picture", ""), "must leave each picture's mark, such as 'pictureaaaa', once"),
            (lambda text: None if "created" in text else text, "before_save returned None for"),
            (lambda text: {}[text] if "created" in text else text, "before_save raised KeyError"),
        ],
    )
    def test_what_it_breaks_is_kept_elsewhere(self, path, ask, function, message):
        with (
            pytest.raises(CassetteSaveError, match=message) as caught,
            replay(path, record="once", before_save=function),
        ):
            assert ask().status_code == 200
        assert not path.exists()
        place = re.search(r"They are kept as a cassette in (\S+): mend", str(caught.value))[1]
        with replay(Path(place) / "fox"):
            assert ask().status_code == 200

    def test_what_it_breaks_in_a_request_is_not_sent(self, path, ask, api):
        with (
            replay(path, record="once", before_save=lambda text: None),
            pytest.raises(ConfigError, match="returned None"),
        ):
            ask()
        assert api.requests == ()


def test_interactions_of_a_plain_cassette_are_redacted_when_it_is_saved_again(path, ask):
    path.write_text(
        "version: 1\ninteractions:\n- request: {method: GET, uri: 'http://a/?sig=s3cret-sig', body: null,"
        " headers: {Authorization: [Bearer sk-old-0123456789]}}\n"
        "  response: {status: {code: 200, message: OK}, headers: {Set-Cookie: [a=s3cret-cookie]},"
        ' body: {string: \'{"user": "jane"}\'}}\n'
    )
    with replay(path, record="new_episodes"):
        ask()
        assert httpx.get("http://a/?sig=other").json() == {"user": "jane"}
    text = path.read_text()
    assert not {"s3cret", "sk-old", "jane"} & set(re.findall("s3cret|sk-old|jane", text))
    assert text.count("- request:") == 2


def test_a_test_that_changes_the_directory(tmp_path, ask, monkeypatch):
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path)
    for mode in ("once", "none"):
        with replay("fox", record=mode):
            ask("one")
            os.chdir("else")
            ask("two")
        os.chdir("..")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".gitattributes",
        "else",
        "fox-1.png",
        "fox-2.png",
        "fox.yaml",
    ]


class TestErrorsAndSuccess:
    def test_a_success_that_stays_is_redacted_as_it_is_saved_anew(self, path, ask, api):
        path.write_text(
            "version: 1\ninteractions:\n"
            f"- request: {{method: GET, uri: 'http://a.example/', body: null, headers: {{Cookie: [s3cret]}}}}\n"
            "  response: {status: {code: 200, message: OK}, headers: {}, body: {string: a}}\n"
            f"- request: {{method: GET, uri: '{api.url}/images/none', body: null, headers: {{Cookie: [s3cret]}}}}\n"
            "  response: {status: {code: 200, message: OK}, headers: {Set-Cookie: [a=s3cret]}, body: {string: b}}\n"
        )
        with replay(path, record="rewrite"):
            assert ask().status_code == 200
            assert httpx.get(f"{api.url}/images/none").status_code >= 400
        assert "s3cret" not in path.read_text()
        with replay(path):
            assert httpx.get(f"{api.url}/images/none").text == "b"

    @pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
    def test_a_success_stays_where_another_request_is_rewritten(self, path, ask, api, order):
        with replay(path, record="once"):
            answers = {prompt: ask(prompt).content for prompt in order}
        with replay(path, record="rewrite"):
            for prompt in order:
                if prompt == "two":
                    api.fail("server_error")
                ask(prompt)
        with replay(path):
            assert ask("two").content == answers["two"]
            assert ask("one").status_code == 200

    def test_a_retry_that_succeeds_replaces_the_old_success(self, path, ask, api):
        for mode in ("all", "rewrite"):
            with replay(path, record="once"):
                ask()
            api.fail("server_error")
            with replay(path, record=mode):
                assert [ask().status_code, ask().status_code] == [500, 200]
            with replay(path) as again:
                assert ask().status_code == 200
            assert again.recording is False
            with replay(path), pytest.raises(UnrecordedRequestError, match="holds this request 1 time"):
                ask(), ask()

    def test_a_new_error_waits_for_a_success_before_it_starts_the_cassette_afresh(self, path, ask, recorded_text):
        with replay(path, record="rewrite"):
            assert ask("unsafe").status_code == 400
            assert path.read_text() == recorded_text
            assert ask("two").status_code == 200
        with replay(path):
            assert [ask("unsafe").status_code, ask("two").status_code] == [400, 200]

    def test_an_error_replaces_an_error(self, path, ask):
        for _ in range(2):
            with replay(path, record="rewrite"):
                assert ask("unsafe").status_code == 400
        assert path.read_text().count("- request:") == 1

    @pytest.fixture
    def recorded_text(self, path, ask):
        with replay(path, record="once"):
            ask()
        return path.read_text()


def test_a_try_that_broke_off_does_not_leave_the_old_answer_behind(path):
    """The connection drops, and the client tries again."""

    class Handler(BaseHTTPRequestHandler):
        number = 0

        def do_GET(self):
            Handler.number += 1
            if Handler.number != 2:
                self.send_response(200)
                self.send_header("Content-Length", "1")
                self.end_headers()
                self.wfile.write(str(Handler.number).encode())

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        try:
            with replay(path, record="once"):
                assert httpx.get(url).text == "1"
            with replay(path, record="all"):
                with pytest.raises(httpx.HTTPError):
                    httpx.get(url)
                assert httpx.get(url).text == "3"
        finally:
            server.shutdown()
            thread.join()
    with replay(path):
        assert httpx.get(url).text == "3"
    assert path.read_text().count("- request:") == 1


class TestThreads:
    def test_a_second_cassette_on_another_thread_is_refused_by_name(self, tmp_path):
        caught = []

        def other():
            try:
                with replay(tmp_path / "two"):
                    pass
            except CassetteInUseError as error:
                caught.append(str(error))

        with replay(tmp_path / "one"):
            thread = threading.Thread(target=other, name="a worker")
            thread.start()
            thread.join()
        assert "two.yaml cannot be opened on thread 'a worker'" in caught[0]
        assert "one.yaml is open on thread 'MainThread'" in caught[0]

    def test_numbers_follow_the_order_of_asking_not_of_answering(self, path, ask, api):
        """The first request is answered last."""
        api.fail("stall", seconds=1)
        with replay(path, record="once") as recorder:
            thread = threading.Thread(target=ask, args=("first",))
            thread.start()
            while not api.requests:
                time.sleep(0.01)
            second = ask("second")
            assert path.read_text().count("- request:") == 1
            thread.join()
            assert [request.json()["prompt"] for request in recorder.requests] == ["first", "second"]
        text = path.read_text()
        assert text.index("first") < text.index("second")
        with replay(path):
            assert ask("second").content == second.content


class TestRecorder:
    def test_what_is_no_answer_of_the_images_api(self, path, ask, api):
        with replay(path, record="once") as recorder:
            with pytest.raises(ResponseError, match="nothing was asked yet"):
                recorder.last
            ask("unsafe")
            assert recorder.responses == []
            assert recorder.last.status == 400
            assert "1 answers" in repr(recorder)

    def test_an_answer_that_is_none_is_named(self, tmp_path):
        path = tmp_path / "fox.yaml"

        def cassette(body, content_type="application/json"):
            path.write_text(
                "version: 1\ninteractions:\n- request: {method: POST, uri: 'http://a/v1/images/edits', headers: {}, body: x}\n"
                f"  response: {{status: {{code: 200, message: OK}}, headers: {{content-type: [{content_type}]}},"
                f" body: {{string: {json.dumps(body)}}}}}\n"
            )
            with replay(path) as recorder:
                httpx.post("http://a/v1/images/edits", content=b"x")
            return recorder

        with pytest.raises(ResponseError, match="the answer of http://a/v1/images/edits is no ImagesResponse"):
            cassette('{"data": 7}').responses
        events = "text/event-stream"
        assert cassette('data: {"type": "other"}\n\n', events).events == []
        with pytest.raises(ResponseError, match="is no CompletedEvent"):
            cassette('data: {"type": "image_generation.completed"}\n\n', events).events
        with pytest.raises(ResponseError, match="is no JSON"):
            cassette("data: {\n\n", events).events
        assert cassette(": ping\n\ndata: [DONE]\n\n", events).events == []
        assert cassette("{}", events).responses == []
        assert cassette("<html>", "text/html").responses == []
        assert cassette('{"created": 1}').events == []

    def test_an_svg_is_bytes_and_a_broken_picture_is_an_error(self, tmp_path):
        from pytest_imgresponse.images import open_image

        with pytest.raises(ResponseError, match="are no PNG, JPEG, WebP, GIF, AVIF"):
            open_image(b"GIF89a")

    def test_a_picture_over_the_pixel_limit_is_not_decoded(self):
        import struct
        import zlib

        from pytest_imgresponse.images import open_image

        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
        with pytest.raises(ResponseError, match="30000x30000|decompression bomb"):
            open_image(bomb)
        header = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
        large = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
        with pytest.raises(ResponseError, match="9000x9000 pixels is over the limit of 34000000"):
            open_image(large)


class TestReplay:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"record": "onec"}, "record: expected one of none, .*got 'onec' \\(from the call of replay\\(\\)\\)"),
            ({"match_on": "body"}, "match_on: expected a list of matchers"),
        ],
    )
    def test_bad_options(self, path, options, message):
        with pytest.raises(ConfigError, match=message), replay(path, **options):
            pytest.fail("opened")

    def test_an_empty_path(self):
        with pytest.raises(ConfigError, match="needs the path of a cassette"), replay(""):
            pytest.fail("opened")

    def test_inside_given(self, path, ask):
        from hypothesis import given, settings
        from hypothesis import strategies as st

        with replay(path, record="once"):
            ask()

        @given(st.booleans())
        @settings(max_examples=5, deadline=None, database=None)
        def test(_):
            with replay(path) as recorder:
                ask()
                assert len(recorder.images) == 1

        test()

    def test_an_unset_key_is_set_meanwhile_and_a_set_one_is_kept(self, path, recorded, monkeypatch):
        for before in (None, "", "sk-mine"):
            if before is None:
                monkeypatch.delenv("OPENAI_API_KEY", raising=False)
            else:
                monkeypatch.setenv("OPENAI_API_KEY", before)
            with replay(path):
                assert os.environ["OPENAI_API_KEY"] == (before or "sk-imgresponse-stand-in")
            assert os.environ.get("OPENAI_API_KEY") == before

    def test_a_key_that_the_test_sets_is_its_own(self, path, recorded, monkeypatch):
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with replay(path):
            os.environ["OPENAI_API_KEY"] = "sk-mine"
        assert os.environ.pop("OPENAI_API_KEY") == "sk-mine"

    def test_other_keys_by_name(self, path, recorded, monkeypatch):
        monkeypatch.delenv("OTHER_KEY", raising=False)
        with replay(path, stand_in_keys=["OTHER_KEY"]):
            assert os.environ["OTHER_KEY"]
        assert "OTHER_KEY" not in os.environ
