"""`imgresponse serve`: recorded answers and edge cases over HTTP, for whoever asks."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest

from pytest_imgresponse import LocalEndpoint, replay
from pytest_imgresponse.api.samples import plain_responses
from pytest_imgresponse.cli import _served_cases, main
from pytest_imgresponse.edge_cases import EDGE_CASES
from pytest_imgresponse.faults import FAULTS
from tests.test_recordings import exchanges_of

FOX_SHOP = Path(__file__).parents[1] / "cassettes"
ASKED = {"model": "dall-e-2", "prompt": "a red fox", "size": "256x256"}


@pytest.fixture(scope="module", autouse=True)
def _http():
    global HTTP
    with httpx.Client(timeout=10) as HTTP:
        yield


def serve(monkeypatch, *arguments, use=lambda *lines: None):
    """Run the command in this process; `use` gets the lines that it printed, in a thread, and then comes Ctrl-C."""
    ready, problems = threading.Event(), []

    class Told(io.StringIO):
        def flush(self):
            ready.set()

    def client():
        try:
            assert ready.wait(10)
            use(*told.getvalue().splitlines())
        except BaseException as problem:
            problems.append(problem)
        finally:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    told = Told()
    thread = threading.Thread(target=client)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", told)
        thread.start()
        code = main(["serve", *map(str, arguments)])
        thread.join()
    for problem in problems:
        raise problem
    return code


@contextmanager
def process(*arguments, end=signal.SIGINT):
    """The command in a process of its own; it must end as it should. Yields the first line."""
    command = [sys.executable, "-c", "from pytest_imgresponse.cli import main; raise SystemExit(main())", "serve"]
    running = subprocess.Popen(
        [*command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with running:
        try:
            yield running.stdout.readline().strip()
        finally:
            running.send_signal(end)
            _, error = running.communicate(timeout=10)
        assert (running.returncode, error) == (0, "")


@pytest.fixture(scope="module")
def cassettes(tmp_path_factory):
    """Two cassettes: one with a url and its picture, one with the same request twice, a stream and an error."""
    folder = tmp_path_factory.mktemp("cassettes")
    key = {"Authorization": "Bearer sk-recorded0123456789"}
    with LocalEndpoint() as api, httpx.Client(base_url=api.url, headers=key) as client:
        with replay(folder / "by_url", record="once"):
            answer = client.post("/images/generations", json=ASKED)
            client.get(answer.json()["data"][0]["url"])
        with replay(folder / "deep" / "twice", record="once"):
            for n in (1, 2):
                api.fail("rate_limit_exceeded", retry_after=n)
                client.post("/images/generations", json={**ASKED, "prompt": "again"})
            client.post("/images/generations", json={"model": "gpt-image-1", "prompt": "s", "stream": True})
            client.post("/images/variations", data={"model": "dall-e-2"}, files={"image": b"no picture"})
    return folder


class TestCassettes:
    def test_in_a_process_of_its_own(self, cassettes):
        """By the official client, which has a key that nobody looks at."""
        with process(cassettes) as url:
            assert url.startswith("http://127.0.0.1:")
            assert url.endswith("/v1")
            with openai.OpenAI(base_url=url, api_key="whatever") as client:
                answer = client.images.generate(model="dall-e-2", prompt="a red fox", size="256x256")
                stream = client.images.generate(model="gpt-image-1", prompt="s", stream=True)
                assert [event.type for event in stream] == ["image_generation.completed"]
            assert answer.data[0].url.startswith("http://127.0.0.1/blob/")

    def test_curl(self, cassettes):
        if not (curl := shutil.which("curl")):
            pytest.skip("curl is not installed")
        with process(cassettes / "by_url", end=signal.SIGTERM) as url:
            command = [curl, "-sS", f"{url}/images/generations", "-H", "content-type: application/json"]
            done = subprocess.run([*command, "-d", json.dumps(ASKED)], capture_output=True, text=True)
        assert done.stderr == ""
        assert json.loads(done.stdout)["data"]

    def test_what_it_says(self, cassettes, monkeypatch):
        def use(url, what):
            assert url.startswith("http://127.0.0.1:")
            assert what == "6 recorded answers of 2 cassette(s); Ctrl-C ends it"

        assert serve(monkeypatch, cassettes, use=use) == 0

    def test_equal_requests_in_the_order_of_recording_and_the_last_again(self, cassettes, monkeypatch):
        def use(url, *_):
            answers = [HTTP.post(f"{url}/images/generations", json={**ASKED, "prompt": "again"}) for _ in range(4)]
            assert [answer.status_code for answer in answers] == [429] * 4
            assert [answer.headers["retry-after"] for answer in answers] == ["1", "2", "2", "2"]

        serve(monkeypatch, cassettes, use=use)

    def test_once(self, cassettes, monkeypatch):
        def use(url, *_):
            asked = {**ASKED, "prompt": "again"}
            answers = [HTTP.post(f"{url}/images/generations", json=asked) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [429, 429, 404]
            assert answers[2].json()["error"]["message"] == (
                f"no recorded answer for POST {url}/images/generations: it is recorded 2 time(s), and was asked 3 times "
                "(--once)"
            )

        serve(monkeypatch, cassettes / "deep" / "twice.yaml", "--once", use=use)

    def test_other_yaml_files_in_the_folder_are_left_out(self, cassettes, monkeypatch, tmp_path):
        folder = shutil.copytree(cassettes, tmp_path / "cassettes")
        (folder / "ci.yaml").write_text("on: push\njobs:\n  interactions: none\n")

        def use(url, told, *_):
            assert "1 other YAML file(s) left out" in told
            assert HTTP.post(f"{url}/images/generations", json={**ASKED, "prompt": "again"}).status_code == 429

        serve(monkeypatch, folder, use=use)

    def test_what_is_not_recorded(self, cassettes, monkeypatch):
        def use(url, *_):
            answer = HTTP.post(f"{url}/images/generations", json={**ASKED, "prompt": "a blue fox"})
            assert answer.status_code == 404
            assert answer.headers["x-should-retry"] == "false"
            error = answer.json()["error"]
            assert (error["type"], error["code"]) == ("invalid_request_error", "unrecorded_request")
            assert error["message"].startswith(
                f"no recorded answer for POST {url}/images/generations: the nearest, number 1, differs in:\n"
                "  prompt: recorded 'a red fox', asked 'a blue fox'\nRecorded are:\n  POST http://127.0.0.1/v1/images/gen"
            )
            assert "twice.yaml" in error["message"]
            unknown = HTTP.get(f"{url}/models?api_key=sk-abcdefghijklmnopqrstuvwxyz")
            assert unknown.status_code == 404
            assert "sk-abc" not in unknown.text

        serve(monkeypatch, cassettes, use=use)

    def test_a_long_list_of_what_is_recorded_is_cut(self, cassettes, tmp_path, monkeypatch):
        for number in range(6):
            shutil.copytree(cassettes / "deep", tmp_path / str(number))

        def use(url, *_):
            message = HTTP.get(f"{url}/models").json()["error"]["message"]
            assert message.endswith("\n  … and 4 more")

        serve(monkeypatch, tmp_path, use=use)

    def test_a_cassette_that_holds_nothing(self, tmp_path, monkeypatch):
        (tmp_path / "empty.yml").write_text("version: 1\ninteractions: []\n")

        def use(url, *_):
            assert url.endswith("/v1")
            assert HTTP.get(f"{url}/x").json()["error"]["message"].endswith("/v1/x: nothing is recorded")

        serve(monkeypatch, tmp_path, use=use)

    def test_match_on(self, cassettes, monkeypatch):
        def use(url, *_):
            answer = HTTP.post(f"{url}/images/generations", json={"prompt": "whatever"})
            assert answer.json()["data"]

        serve(monkeypatch, cassettes / "by_url", "--match-on", "method, path", use=use)

    def test_urls_lead_where_they_led(self, cassettes, monkeypatch):
        """The picture can be had all the same, under its own path."""

        def use(url, *_):
            link = HTTP.post(f"{url}/images/generations", json=ASKED).json()["data"][0]["url"]
            assert link.startswith("http://127.0.0.1/blob/img-")
            picture = HTTP.get(link.replace("http://127.0.0.1", url.removesuffix("/v1")))
            assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
            assert picture.content.startswith(b"\x89PNG")

        serve(monkeypatch, cassettes, use=use)

    def test_rewritten_urls_lead_here(self, cassettes, monkeypatch):
        def use(url, *_):
            link = HTTP.post(f"{url}/images/generations", json=ASKED).json()["data"][0]["url"]
            assert link.startswith(url.removesuffix("v1"))
            assert HTTP.get(link).content.startswith(b"\x89PNG")
            by_name = url.replace("127.0.0.1", "localhost")
            assert "://localhost:" in HTTP.post(f"{by_name}/images/generations", json=ASKED).text

        serve(monkeypatch, cassettes, "--rewrite-urls", use=use)

    def test_urls_are_rewritten_as_json_may_write_them_and_in_headers(self, tmp_path, monkeypatch):
        (tmp_path / "foreign.yaml").write_text(
            r"""
version: 1
interactions:
- request: {method: POST, uri: "https://api.test/openai/v1/images/generations", headers: {}, body: '{"prompt": "x"}'}
  response:
    status: {code: 200, message: OK}
    headers: {content-type: [application/json], content-length: ['9999'], x-link: ["https://cdn.test/a"]}
    body: {string: '{"data": [{"url": "https:\/\/cdn.test\/a.png?x=1"}, {"url": "https://cdn.test.evil/b.png"}]}'}
- request: {method: GET, uri: "https://cdn.test/a.png?x=1", headers: {}, body: null}
  response:
    status: {code: 200, message: OK}
    headers: {content-type: [image/png]}
    body: {string: !!binary iVBORw0KGgo=}
"""
        )

        def use(url, *_):
            assert url.endswith("/openai/v1")
            own = url.removesuffix("/openai/v1")
            answer = HTTP.post(f"{url}/images/generations", json={"prompt": "x"})
            assert answer.headers["x-link"] == f"{own}/a"
            links = [item["url"] for item in answer.json()["data"]]
            assert links == [f"{own}/a.png?x=1", "https://cdn.test.evil/b.png"]
            assert HTTP.get(links[0]).content == b"\x89PNG\r\n\x1a\n"

        serve(monkeypatch, tmp_path, "--rewrite-urls", use=use)

    def test_several_paths_of_images_routes(self, tmp_path, monkeypatch):
        entry = "- request: {{method: POST, uri: 'https://x.test{}/images/generations', headers: {{}}, body: null}}\n  "
        entry += "response: {{status: {{code: 200, message: OK}}, headers: {{}}, body: {{string: '{{}}'}}}}\n"
        text = "".join(map(entry.format, ["/api/v1", "/v1", "/v1", "/api/v1", "/v1"]))
        (tmp_path / "several.yaml").write_text(f"version: 1\ninteractions:\n{text}")

        def use(url, _, other):
            assert url.endswith("/v1")
            assert not url.endswith("/api/v1")
            assert other == f"also under {url.removesuffix('/v1')}/api/v1"

        serve(monkeypatch, tmp_path, use=use)

    def test_a_damaged_picture_and_an_answer_that_cannot_be_sent(self, tmp_path, monkeypatch):
        shutil.copytree(FOX_SHOP / "test_fox_shop", tmp_path / "damaged")
        (tmp_path / "damaged" / "test_red_fox-1.png").write_bytes(b"other")
        entry = "- request: {method: GET, uri: 'https://x.test/odd', headers: {}, body: null}\n  response: "
        entry += "{status: {code: 200, message: OK}, headers: {x: ['\u20ac']}, body: {string: 'abc'}}\n"
        (tmp_path / "odd.yaml").write_text(f"version: 1\ninteractions:\n{entry}", encoding="utf-8")

        def use(url, *_):
            asked = exchanges_of(FOX_SHOP / "test_fox_shop" / "test_red_fox.yaml")[0]
            answer = HTTP.post(
                url + asked.url.partition("/v1")[2], content=asked.asked, headers={"content-type": asked.content_type}
            )
            assert answer.status_code == 500
            message = answer.json()["error"]["message"]
            assert "test_red_fox.yaml cannot be served: " in message
            assert "test_red_fox-1.png has changed since it was recorded" in message
            answer = HTTP.get(url.removesuffix("/v1") + "/odd")
            assert "the headers of this response cannot be sent" in answer.json()["error"]["message"]

        serve(monkeypatch, tmp_path, use=use)

    def test_requests_that_are_none(self, cassettes, monkeypatch):
        def use(url, *_):
            with socket.create_connection(("127.0.0.1", int(url.split(":")[2].split("/")[0])), timeout=5) as sock:
                sock.sendall(b"GET http://[ HTTP/1.1\r\nconnection: close\r\n\r\n")
                answer = b"".join(iter(lambda: sock.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"no URL: 'http://['" in answer
            assert HTTP.head(f"{url}/models").status_code == 404

        serve(monkeypatch, cassettes, use=use)

    def test_what_tells_requests_apart_is_told(self, tmp_path, monkeypatch):
        record = (
            "- request: {{method: GET, uri: 'http://a/fox', body: null, headers: {{Range: [bytes={0}]}}}}\n  response: "
            "{{status: {{code: 206, message: ''}}, headers: {{}}, body: {{string: '{0}'}}}}\n"
        )
        items = "".join(map(record.format, ("0-3", "4-7")))
        (tmp_path / "fox.yaml").write_text(f"interactions:\n{items}version: 1\n")

        def use(url, *_):
            fox = url.removesuffix("/v1") + "/fox"
            assert HTTP.get(fox, headers={"Range": "bytes=4-7"}).content == b"4-7"
            answer = HTTP.get(fox, headers={"Range": "bytes=8-9"})
            assert answer.status_code == 404
            assert b"recorded 2 time(s), but they differ in header Range" in answer.content

        serve(monkeypatch, tmp_path, use=use)

    def test_every_recorded_answer_comes_back(self, recordings, monkeypatch):
        """Whatever client recorded it: status and body, against an independent reading of the files."""

        def use(url, *_):
            own = httpx.URL(url)
            exchanges = [each for path in sorted((recordings / "vcrpy").glob("*.yaml")) for each in exchanges_of(path)]
            assert len(exchanges) > 15
            for asked in exchanges:
                there = httpx.URL(asked.url).copy_with(scheme="http", host=own.host, port=own.port)
                headers = {"content-type": asked.content_type} if asked.content_type else {}
                answer = HTTP.request(asked.method, there, content=asked.asked, headers=headers)
                assert (answer.status_code, answer.content) == (asked.status, asked.body)

        serve(monkeypatch, recordings / "vcrpy", use=use)


class TestCases:
    def test_every_case_is_served_as_it_is(self, monkeypatch):
        plain = sorted(plain_responses(), key=lambda pair: pair[1].content_type == "text/event-stream")

        def use(url, *_):
            for name, case in EDGE_CASES.items():
                asked, response = next((q, r) for q, r in plain if case.applies(r, q))
                try:
                    answer = HTTP.post(f"{url}/{name}/v1/images/generations", json={"prompt": "x"})
                except (httpx.RemoteProtocolError, httpx.DecodingError):  # what its headers say of its body is not so
                    assert case.level == "http"
                    continue
                assert answer.content == case(response, asked).body, name

        serve(monkeypatch, "--cases", use=use)

    def test_in_a_process_of_its_own(self):
        with process("--cases") as url:
            with openai.OpenAI(base_url=f"{url}/created_iso_string/v1", api_key="k") as client:
                assert isinstance(client.images.generate(prompt="x").created, str)
            with openai.OpenAI(base_url=f"{url}/reset_before_body/v1", api_key="k", max_retries=0) as client:
                with pytest.raises(openai.APIConnectionError):
                    client.images.generate(prompt="x")

    def test_curl_sees_a_fault(self):
        if not (curl := shutil.which("curl")):
            pytest.skip("curl is not installed")
        with process("--cases") as url:
            done = subprocess.run([curl, "-sS", f"{url}/length_too_long"], capture_output=True, text=True)
            assert (done.returncode, "transfer closed" in done.stderr) == (18, True)  # CURLE_PARTIAL_FILE

    def test_a_stream_where_one_is_asked_for(self, monkeypatch):
        def use(url, *_):
            for name in ("split", "header_names_in_upper_case"):
                for stream, kind in ((True, "text/event-stream"), (False, "application/json")):
                    answer = HTTP.post(f"{url}/{name}/v1/images/generations", json={"stream": stream})
                    assert answer.headers["content-type"].startswith(kind)
            for body in (b"[", b"[1]", b"\xff", b"[" * 100_000):
                assert HTTP.post(f"{url}/gzip", content=body).json()["created"]

        serve(monkeypatch, "--cases", use=use)

    def test_parameters_of_a_fault(self, monkeypatch):
        def use(url, *_):
            assert HTTP.get(f"{url}/split:at=10,at=0.5/v1").json()["data"]
            with pytest.raises(httpx.ReadTimeout):
                HTTP.get(f"{url}/stall:seconds=30/v1", timeout=0.05)
            for path, message in {
                "/stall:seconds=x/v1": "expected parameters such as seconds=0.5,at=10; got 'seconds=x'",
                "/stall:at=1": "the wire fault 'stall' has no parameter at; it takes seconds",
                "/stall:seconds=1,seconds=2": "the wire fault 'stall': expected seconds (how long no byte comes) to be",
                "/created_iso_string:at=1": "the edge case 'created_iso_string' has no parameters; got 'at=1'",
            }.items():
                answer = HTTP.get(url + path)
                assert answer.status_code == 400
                assert message in answer.json()["error"]["message"]

        serve(monkeypatch, "--cases", use=use)

    def test_names_that_there_are_not(self, monkeypatch):
        def use(url, *_):
            answer = HTTP.get(f"{url}/chunkd/v1")
            assert answer.status_code == 404
            assert answer.json()["error"]["message"] == (
                "no edge case or wire fault is called 'chunkd' (all are listed at /); did you mean chunked or chunks_cut or chunk_size_bad?"
            )
            assert (
                "(all are listed at /); `imgresponse cases` lists"
                in HTTP.get(f"{url}/%20/v1").json()["error"]["message"]
            )
            with socket.create_connection(("127.0.0.1", int(url.split(":")[2])), timeout=5) as sock:
                sock.sendall(b"GET http://[ HTTP/1.1\r\nconnection: close\r\n\r\n")
                assert sock.recv(12) == b"HTTP/1.1 400"

        serve(monkeypatch, "--cases", use=use)

    def test_the_list(self, monkeypatch):
        def use(url, what):
            assert what == "edge cases and wire faults by path: /NAME/v1, and / lists them; Ctrl-C ends it"
            listed = HTTP.get(url).json()
            assert [case["name"] for case in listed["cases"]] == list(EDGE_CASES)
            assert [fault["name"] for fault in listed["faults"]] == list(FAULTS)
            assert listed["cases"][0]["base_url"] == f"{url}/{listed['cases'][0]['name']}/v1"
            assert listed["faults"][5]["parameters"]["at"]["meaning"] == "where a chunk ends"
            page = HTTP.get(url, headers={"accept": "text/html,*/*"})
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            for name in (*EDGE_CASES, *FAULTS):
                assert f'<a href="{url}/{name}/v1/images/generations">{name}</a>' in page.text
            assert "<td>at=0.5, seconds=1.0</td>" in page.text
            assert "<td>RFC 1952, section 2.3: each member ends in a checksum and a size</td>" in page.text

        serve(monkeypatch, "--cases", use=use)

    def test_without_jinja2_a_browser_gets_the_list_as_json(self, monkeypatch):
        def use(url, what):
            page = HTTP.get(url, headers={"accept": "text/html,*/*"})
            assert page.headers["content-type"] == "application/json"
            assert [case["name"] for case in page.json()["cases"]] == list(EDGE_CASES)

        monkeypatch.setitem(sys.modules, "jinja2", None)
        serve(monkeypatch, "--cases", use=use)


class TestRunning:
    def test_it_stops_in_the_midst_of_a_stall(self):
        with process("--cases") as url, socket.create_connection(("127.0.0.1", int(url.split(":")[2]))) as sock:
            sock.sendall(b"GET /stall_in_body:seconds=60 HTTP/1.1\r\n\r\n")
            assert sock.recv(15) == b"HTTP/1.1 200 OK"

    def test_host_and_port(self, monkeypatch):
        with socket.create_server(("127.0.0.1", 0)) as other:
            free = other.getsockname()[1]

        def use(url, *_):
            assert url == f"http://127.0.0.1:{free}"
            assert HTTP.get(url).status_code == 200

        serve(monkeypatch, "--cases", "--host", "0.0.0.0", "--port", free, use=use)

    def test_ipv6(self, monkeypatch):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")

        def use(url, *_):
            assert url.startswith("http://[::1]:")
            assert HTTP.get(f"{url}/gzip/v1").json()["created"]

        serve(monkeypatch, "--cases", "--host", "::1", use=use)

    def test_signals_do_afterwards_what_they_did_before(self, monkeypatch):
        def nothing(*_):
            pass

        before = signal.signal(signal.SIGTERM, nothing)
        try:
            assert serve(monkeypatch, "--cases") == 0
            assert signal.getsignal(signal.SIGTERM) is nothing
        finally:
            signal.signal(signal.SIGTERM, before)

    def test_a_bug_is_not_kept_quiet(self, monkeypatch):
        monkeypatch.setattr(_served_cases, "plain_responses", lambda: 1 // 0)

        def use(url, *_):
            with pytest.raises(httpx.RemoteProtocolError):
                HTTP.get(f"{url}/gzip")

        with pytest.raises(ZeroDivisionError):
            serve(monkeypatch, "--cases", use=use)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "expected a cassette, or a folder with cassettes, or --cases; got neither"),
            (["--cases", "x"], "--cases serves no cassette: expected it alone, or with --host and --port"),
            (["--cases", "--once"], "--cases serves no cassette"),
            (["nothing/there"], "expected a cassette, or a folder with some; there is no nothing/there"),
            (["."], "expected cassettes (*.yaml) in . or below; there is none\n"),
            (
                ["others"],
                "expected cassettes (*.yaml) in others or below; there is none, but 1 YAML file(s) without `int",
            ),
            (["a.txt"], "a.txt: not a cassette that can be read"),
            (["fifo"], "expected a cassette; this is no regular file"),
            (["folder"], "a.yaml: the cassette cannot be read: "),
            (["a.txt", "--match-on", "host"], "--match-on: expected some of method, path, query, body, with commas"),
            (["--cases", "--port", "65536"], "expected --port from 0 to 65535; got 65536"),
            (["--cases", "--host", "192.0.2.1"], "nothing can listen on port 0 of '192.0.2.1': "),
            (["--cases", "--host", "x" * 99], "choose another --port (0 is a free one) or --host"),
        ],
    )
    def test_what_is_refused(self, tmp_path, monkeypatch, capsys, arguments, message):
        monkeypatch.chdir(tmp_path)
        if arguments[:1] != ["."]:
            (tmp_path / "a.txt").write_text("\tno: yaml: at: all")
            os.mkfifo(tmp_path / "fifo")
            (tmp_path / "folder" / "a.yaml").mkdir(parents=True)
            (tmp_path / "others").mkdir()
            (tmp_path / "others" / "ci.yaml").write_text("on: push\njobs:\n  interactions: none\n")
        assert main(["serve", *arguments]) == 2
        output = capsys.readouterr()
        assert output.err.startswith("imgresponse serve: ")
        assert message in output.err
        assert output.out == ""

    def test_a_pipe_among_the_cassettes_is_not_opened(self, tmp_path, monkeypatch):
        shutil.copytree(FOX_SHOP, tmp_path / "all")
        os.mkfifo(tmp_path / "all" / "pipe.yaml")
        os.truncate(os.open(tmp_path / "all" / "long.yml", os.O_CREAT | os.O_WRONLY), 2**31)
        assert main(["serve", str(tmp_path / "all")]) == 2  # for the long one
        (tmp_path / "all" / "long.yml").unlink()

        def use(url, told, *_):
            assert "1 other YAML file(s) left out" in told

        assert serve(monkeypatch, tmp_path / "all", use=use) == 0

    def test_no_thread_is_left(self):
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("LocalEndpoint")] == []
