"""Placeholders: two values stay two on replay, in whatever order a program asks, and the disk tells of neither."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import threading
import uuid
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest

from pytest_imgresponse import UnrecordedRequestError, replay
from pytest_imgresponse.cassette.placeholders import Placeholders, tag_of

KEY = "sk-proj-PLANTEDkey0123456789abcdef"


class Api(BaseHTTPRequestHandler):
    """Answers with what the test's function makes of method, URL, headers and body."""

    answer = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        answer = type(self).answer(self.command, self.path, self.headers, body)
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST

    def log_message(self, *arguments):
        pass


@pytest.fixture
def serve():
    """Starts a server that answers with a function's results; gives its address."""
    servers = []

    def start(answer):
        handler = type("Handler", (Api,), {"answer": staticmethod(answer)})
        httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((httpd, thread))
        return f"http://127.0.0.1:{httpd.server_port}"

    yield start
    for httpd, thread in servers:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def text_of(path):
    return path.with_suffix(".yaml").read_text()


class Sessions:
    """An API that opens a session for each prompt, named as `new` says, and gives the prompt back for it."""

    def __init__(self, name, new, ask):
        self.name, self.new, self.ask = name, new, ask
        self.prompts = {}
        self.values = []

    def __call__(self, method, url, headers, body):
        if urlsplit(url).path == "/open":
            value = self.new()
            self.values.append(value)
            self.prompts[str(value)] = json.loads(body)["prompt"]
            return {self.name: value, "ok": True}
        asked = f"{url} {body.decode()}"
        for _ in range(3):
            asked += unquote(asked)
        found = [prompt for value, prompt in self.prompts.items() if value in asked]
        return {"prompt": found[0] if found else None}

    def program(self, base, prompts, order):
        opened = {p: httpx.post(f"{base}/open", json={"prompt": p}).json()[self.name] for p in prompts}
        assert len(set(opened.values())) == len(opened)
        return {p: self.ask(base, opened[p]).json()["prompt"] for p in order}


def in_path(base, value):
    return httpx.get(f"{base}/sessions/{quote(str(value), safe='')}/picture")


def in_query(base, value):
    return httpx.get(f"{base}/picture", params={"of": value, "size": "1024"})


def in_body(base, value):
    return httpx.post(f"{base}/picture", json={"session": value, "n": 1})


def in_form(base, value):
    return httpx.post(f"{base}/picture", data={"session_id": value, "n": 1})


def in_url_in_url(base, value):
    return httpx.get(f"{base}/fetch", params={"url": f"https://x.example/a?token={quote(str(value), safe='')}"})


IDS = {
    "UUIDs": lambda: str(uuid.uuid4()),
    "prefixed": lambda: f"sess_{uuid.uuid4().hex}",
    "base64": lambda: f"{uuid.uuid4().hex[:10]}/+{uuid.uuid4().hex[:10]}==",
    "hexadecimal": lambda: uuid.uuid4().hex,
    "e-mail": lambda: f"{uuid.uuid4().hex}@example.org",
}


@pytest.mark.parametrize("ask", [in_path, in_query, in_body, in_form, in_url_in_url])
@pytest.mark.parametrize("new", IDS.values(), ids=IDS)
def test_what_the_server_named_is_told_apart_in_whatever_order_it_is_asked_for(serve, tmp_path, new, ask):
    api = Sessions("session_id", new, ask)
    base = serve(api)
    with replay(tmp_path / "fox", record="once"):
        assert api.program(base, ["red", "blue"], ["red", "blue"]) == {"red": "red", "blue": "blue"}
    text = text_of(tmp_path / "fox")
    assert not [value for value in api.values if value in text or quote(value, safe="") in text]
    with replay(tmp_path / "fox"):
        assert api.program(base, ["red", "blue"], ["blue", "red"]) == {"red": "red", "blue": "blue"}


def test_numbers_of_accounts(serve, tmp_path):
    numbers = iter([88001234, 88005678])
    api = Sessions("account_id", lambda: next(numbers), in_path)
    base = serve(api)
    with replay(tmp_path / "fox", record="once"):
        api.program(base, ["red", "blue"], ["red", "blue"])
    assert "8800" not in text_of(tmp_path / "fox")
    with replay(tmp_path / "fox") as again:
        assert api.program(base, ["red", "blue"], ["blue", "red"]) == {"red": "red", "blue": "blue"}
    number = again.http_responses[0].json()["account_id"]
    assert isinstance(number, int)
    assert len(str(number)) == 8


@pytest.mark.parametrize(
    "written",
    [
        lambda v, base: json.dumps({"session_id": v, "url": f"{base}/s/{v}"}).replace("/", "\\/"),
        lambda v, base: json.dumps({"session_id": v, "url": f"{base}/s?of={quote(v, safe='')}"}),
        lambda v, base: json.dumps({"session_id": v, "url": f"{base}/s?u={quote(f'https://x/?id={quote(v, safe=str())}', safe='')}"}),
        lambda v, base: json.dumps({"session_id": v, "url": f"{base}/s?of={v}"}).replace("+", "\\u002B").replace("-", "\\u002d"),
        lambda v, base: json.dumps({"session_id": v, "url": f"{base}/s/{v}", "message": f"session {v} is open; see {v}."}),
        lambda v, base: json.dumps({"data": json.dumps({"session_id": v}), "url": f"{base}/s/{v}", "session_id": v}),
    ],
    ids=["slashes", "percent", "url in url", "escapes", "message", "JSON in JSON"],
)  # fmt: skip
def test_a_url_that_holds_what_is_replaced_leads_to_its_answer(serve, tmp_path, written):
    value = f"{uuid.uuid4()}"
    followed = []

    def api(method, url, headers, body):
        if method == "POST":
            return written(value, f"http://{headers['host']}").encode()
        followed.append(url)
        return {"ok": url.count(value)}

    def program():
        return httpx.get(httpx.post(f"{base}/open").json()["url"]).status_code

    base = serve(api)
    with replay(tmp_path / "fox", record="once"):
        assert program() == 200
    assert value in followed[0]
    text = text_of(tmp_path / "fox")
    assert value not in re.sub(r"\\+u002d", "-", text)
    with replay(tmp_path / "fox"):
        assert program() == 200


def test_short_and_plain_values_are_replaced_under_their_name_alone(serve, tmp_path):
    base = serve(lambda method, url, headers, body: {"size": 1024, "prompt": "a fox", "user": "fox", "user_id": 1024})
    asked = {"prompt": "a fox of 1024", "user": "fox", "user_id": 1024, "size": 1024}
    with replay(tmp_path / "fox", record="once"):
        httpx.post(f"{base}/images/fox/1024", json=asked)
    text = text_of(tmp_path / "fox")
    assert '"prompt":"a fox of 1024"' in text
    assert "/images/fox/1024" in text
    assert '"size": 1024, "prompt": "a fox"' in text
    assert '"user":"REDACTED"' in text
    assert '"user_id": 1024' in text


class Keyed:
    """An API whose pictures are those of the key."""

    def __call__(self, method, url, headers, body):
        asked = f"{url} {body.decode()}"
        return {"of": re.search("(red|blue|green)-", asked)[1]}

    @staticmethod
    def ask(base, color, secret="9f8e7d6c5b4a39281706"):
        return httpx.get(f"{base}/view", params={"api_key": f"{color}-{secret}", "n": 1}).json()["of"]


def test_one_value_of_the_client_matches_any(serve, tmp_path):
    base = serve(Keyed())
    with replay(tmp_path / "fox", record="once"):
        Keyed.ask(base, "red")
        Keyed.ask(base, "red")
    assert text_of(tmp_path / "fox").count("api_key=REDACTED&n=1\n") == 2
    with replay(tmp_path / "fox"):
        assert Keyed.ask(base, "blue", "another-0123456789") == "red"
        assert Keyed.ask(base, "green", "x") == "red"


def test_values_that_tell_equal_requests_apart_carry_16_bits(serve, tmp_path):
    base = serve(Keyed())
    with replay(tmp_path / "fox", record="once"):
        assert [Keyed.ask(base, color) for color in ("red", "blue", "red")] == ["red", "blue", "red"]
        httpx.get(f"{base}/other", params={"api_key": "red-9f8e7d6c5b4a39281706"})
    text = text_of(tmp_path / "fox")
    tag = sha256(b"red-9f8e7d6c5b4a39281706").hexdigest()[:4]
    assert text.count(f"api_key=REDACTED-{tag}&n=1") == 2
    assert text.count("/other?api_key=REDACTED\n") == 1
    assert len(re.findall("REDACTED-[0-9a-f]+", text)) == 3
    with replay(tmp_path / "fox"):
        assert [Keyed.ask(base, color) for color in ("blue", "red", "red")] == ["blue", "red", "red"]
    with replay(tmp_path / "fox"), pytest.raises(UnrecordedRequestError, match="differ in a redacted value"):
        Keyed.ask(base, "green")


def test_a_value_that_only_an_earlier_request_names(serve, tmp_path):
    """Asked without the earlier one, or before it, the later request still finds its answer."""
    base = serve(lambda method, url, headers, body: {"url": urlsplit(url).path[:6]})
    account = "acme-team-8841"

    def name():
        return httpx.post(f"{base}/login", json={"account": account}).status_code

    def follow():
        return httpx.get(f"{base}/accounts/{account}/pictures").status_code

    with replay(tmp_path / "fox", record="once"):
        name(), follow()
    assert account not in text_of(tmp_path / "fox")
    with replay(tmp_path / "fox"):
        assert [follow(), name()] == [200, 200]


def test_what_the_client_said_before_the_server_did_is_the_clients(serve, tmp_path):
    """An account that the program knows: the answer echoes it under a name that is redacted."""
    base = serve(lambda method, url, headers, body: {"account_id": "acct-77-fox-8841", "of": url[-1]})

    def ask(n, account="acct-77-fox-8841"):
        return httpx.get(f"{base}/u/{account}/{n}").json()["of"]

    with replay(tmp_path / "fox", record="once"):
        assert [ask(1), ask(2)] == ["1", "2"]
    assert "acct-77-fox-8841" not in text_of(tmp_path / "fox")
    with replay(tmp_path / "fox"):
        assert [ask(2), ask(1)] == ["2", "1"]
    with replay(tmp_path / "fox"):
        assert ask(2, "acct-99-owl-0000") == "2"


def program_of_two_sessions(base):
    for prompt in ("red", "blue"):
        opened = httpx.post(f"{base}/open", json={"prompt": prompt}).json()
        httpx.get(f"{base}/s/{opened['session_id']}", params={"token": "t-0123456789"})


@pytest.mark.parametrize("record", ["all", "rewrite"])
def test_a_re_recording_changes_no_placeholder(serve, tmp_path, record):
    base = serve(Sessions("session_id", IDS["UUIDs"], in_path))
    texts = []
    for mode in ("once", record, record):
        with replay(tmp_path / "fox", record=mode):
            program_of_two_sessions(base)
        texts.append(re.sub(r"date: .*", "", text_of(tmp_path / "fox")))
    assert texts[0] == texts[1] == texts[2]


def test_nothing_on_the_disk_is_renumbered_by_what_is_added(serve, tmp_path):
    base = serve(Sessions("session_id", IDS["UUIDs"], in_path))
    before = ""
    for _ in range(3):
        with replay(tmp_path / "fox", record="new_episodes"):
            if before:
                program_of_two_sessions(base)
            httpx.post(f"{base}/open", json={"prompt": "red"})
            httpx.post(f"{base}/open", json={"prompt": "red"})
        after = text_of(tmp_path / "fox").removesuffix("version: 1\n")
        assert after.startswith(before)
        before = after
    ids = re.findall('"session_id": "([^"]+)"', before)
    assert len(set(ids)) == len(ids) == before.count("/open")


RECORDER = """
import sys, httpx
from pytest_imgresponse import replay
base, path, prompt = sys.argv[1:]
with replay(path, record="new_episodes"):
    print(flush=True)
    sys.stdin.readline()
    opened = httpx.post(f"{base}/open", json={"prompt": "the same"}).json()
    httpx.get(f"{base}/s/{opened['session_id']}")
    httpx.get(f"{base}/keyed", params={"api_key": f"{prompt}-9f8e7d6c5b4a"})
"""


def test_two_processes_that_record_at_once_do_not_collide(serve, tmp_path):
    opened = []

    def api(method, url, headers, body):
        if url == "/open":
            opened.append(str(uuid.uuid4()))
            return {"session_id": opened[-1]}
        return {"of": url.rpartition("/")[2].replace("keyed?api_key=", "").partition("-9f8e7d6c5b4a")[0]}

    base = serve(api)
    command = [sys.executable, "-c", RECORDER, base, str(tmp_path / "fox")]
    workers = [subprocess.Popen([*command, color], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for color in ("red", "blue")]  # fmt: skip
    for worker in workers:
        worker.stdout.readline()
    for worker in workers:
        worker.stdin.write(b"\n")
        worker.stdin.flush()
    assert [worker.wait(60) for worker in workers] == [0, 0]
    for worker in workers:
        worker.stdin.close(), worker.stdout.close()
    text = text_of(tmp_path / "fox")
    assert not [value for value in opened if value in text]
    with replay(tmp_path / "fox"):
        session = httpx.post(f"{base}/open", json={"prompt": "the same"}).json()["session_id"]
        assert httpx.get(f"{base}/s/{session}").status_code == 200
        for color in ("blue", "red"):
            assert httpx.get(f"{base}/keyed", params={"api_key": f"{color}-9f8e7d6c5b4a"}).json()["of"] == color


def test_a_cassette_of_plain_vcrpy_plays_and_is_redacted_when_it_is_saved(serve, tmp_path):
    values = ["0f1e2d3c-1111-4000-8000-123456789abc", "0f1e2d3c-2222-4000-8000-123456789abc"]
    items = []
    for n, value in enumerate(values):
        for uri, body in (("http://127.0.0.1/open", {"session_id": value}), (f"http://127.0.0.1/s/{value}", {"n": n})):
            items.append(
                f"- request: {{method: GET, uri: '{uri}', body: null, headers: {{}}}}\n  response: {{status: {{code: 200,"
                f" message: OK}}, headers: {{}}, body: {{string: '{json.dumps(body)}'}}}}\n"
            )
    path = tmp_path / "fox.yaml"
    path.write_text("interactions:\n" + "".join(items) + "version: 1\n")
    base = serve(lambda method, url, headers, body: {"new": url})

    def program():
        found = [httpx.get(f"{base}/open").json()["session_id"] for _ in values]
        return [httpx.get(f"{base}/s/{value}").json()["n"] for value in reversed(found)]

    with replay(path):
        assert program() == [1, 0]
    with replay(path, record="new_episodes"):
        assert program() == [1, 0]
        httpx.get(f"{base}/new")
    text = path.read_text()
    assert not [value for value in values if value in text]
    with replay(path):
        assert program() == [1, 0]


def test_ids_that_the_client_chose_and_the_server_repeats_stay_apart(serve, tmp_path):
    """Each answer names its user and a url of it; followed in another order on replay, each leads to its own picture."""
    users = {name: str(uuid.uuid4()) for name in ("red", "blue")}

    def api(method, url, headers, body):
        if method == "POST":
            user = json.loads(body)["user_id"]
            return {"user_id": user, "url": f"http://{headers['host']}/picture?user_id={user}"}
        return {"of": next(name for name, user in users.items() if user in url)}

    def program(base, order):
        made = {name: httpx.post(f"{base}/users", json={"user_id": user}).json() for name, user in users.items()}
        assert len({each["user_id"] for each in made.values()}) == 2
        return {name: httpx.get(made[name]["url"]).json()["of"] for name in order}

    base = serve(api)
    with replay(tmp_path / "fox", record="once"):
        program(base, ["red", "blue"])
    assert not [user for user in users.values() if user in text_of(tmp_path / "fox")]
    with replay(tmp_path / "fox"):
        assert program(base, ["blue", "red"]) == {"red": "red", "blue": "blue"}


def test_one_id_that_the_client_chose_has_no_tag_in_the_answer(serve, tmp_path):
    base = serve(lambda method, url, headers, body: {"user_id": json.loads(body)["user_id"]})
    with replay(tmp_path / "fox", record="once"):
        live = httpx.post(f"{base}/users", json={"user_id": "fox-12345678"})
    assert '{"user_id": "REDACTED"}' in text_of(tmp_path / "fox")
    with replay(tmp_path / "fox"):
        answer = httpx.post(f"{base}/users", json={"user_id": "owl-87654321"})
    assert answer.json() == {"user_id": "REDACTED"}
    assert answer.headers["content-length"] == str(len(answer.content))
    assert live.json() == {"user_id": "fox-12345678"}


def test_a_number_that_the_client_chose_is_one_in_the_answer_too(serve, tmp_path):
    base = serve(lambda method, url, headers, body: {"user_id": json.loads(body)["user_id"], "n": 1})

    def program(user):
        told = httpx.post(f"{base}/users", json={"user_id": user}).json()["user_id"]
        return told, httpx.post(f"{base}/again", json={"user_id": told}).json()["n"]

    with replay(tmp_path / "fox", record="once"):
        assert program(12345678) == (12345678, 1)
    assert "1234567" not in text_of(tmp_path / "fox")
    with replay(tmp_path / "fox"):
        assert program(87654321) == (99999999, 1)


@pytest.mark.parametrize(
    "url",
    [
        "{base}/bot{key}/send",
        "{base}/fetch?url=https%3A%2F%2Fx.example%2Fa%3Fsig%3D{key}%26n%3D1",
        "{base}/fetch?variables=%7B%22api_key%22%3A%22{key}%22%7D",
    ],
)
def test_a_rotated_key_matches_wherever_it_stands(serve, tmp_path, url):
    base = serve(lambda method, url, headers, body: {"ok": True})
    keys = ("123456789:AAFq8kXw0T5Zc3vB1nM2aS4dF6gH8jK0lQw", "987654321:BBGr9lYx1U6Ad4wC2oN3bT5eG7hI9kL1mRx")

    def ask(key):
        body = {"prompt": f"a fox\napi_key={key}\tand more"}
        return httpx.post(url.format(base=base, key=quote(key, safe="")), json=body).status_code

    with replay(tmp_path / "fox", record="once"):
        ask(keys[0])
    text = text_of(tmp_path / "fox")
    assert keys[0].partition(":")[2] not in text
    assert not re.search("REDACTED-[0-9a-f]{4}(?![0-9a-f])", text)
    with replay(tmp_path / "fox"):
        assert ask(keys[1]) == 200


def test_numbers_are_replaced_under_their_name_and_in_urls_alone(serve, tmp_path):
    told = {
        "account_id": 12345678,
        "seed": 12345678,
        "note": "seed 12345678",
        "url": "https://x.example/12345678/a.png",
    }
    base = serve(lambda method, url, headers, body: told)
    with replay(tmp_path / "fox", record="once"):
        httpx.get(f"{base}/account")
        httpx.post(f"{base}/images", json={"seed": 12345678})
        httpx.get(f"{base}/accounts/12345678/pictures")
    text = text_of(tmp_path / "fox")
    assert '"seed": 12345678, "note": "seed 12345678"' in text
    assert '{"seed":12345678}' in text
    assert "/12345678/" not in text
    with replay(tmp_path / "fox"):
        account = httpx.get(f"{base}/account").json()["account_id"]
        assert httpx.get(f"{base}/accounts/{account}/pictures").status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        lambda key: "".join(f"%{ord(c):02x}" for c in key),
        lambda key: "".join(f"\\u{ord(c):04x}" for c in key),
        lambda key: base64.b64encode(key.encode()).decode(),
        lambda key: base64.urlsafe_b64encode(f"Bearer {key}".encode()).decode(),
        lambda key: key.encode().hex(),
        lambda key: key.upper(),
    ],
    ids=["percent", "JSON", "base64", "base64 of the header", "hexadecimal", "upper case"],
)
def test_a_key_is_found_in_whatever_form_the_server_repeats_it(serve, tmp_path, form):
    base = serve(lambda method, url, headers, body: b'{"said": "' + form(KEY).encode() + b'", "ok": 1}')
    with replay(tmp_path / "fox", record="once"):
        httpx.post(base, headers={"Authorization": f"Bearer {KEY}"}, json={})
    text = text_of(tmp_path / "fox")
    assert '"ok": 1' in text
    assert form(KEY)[:20] not in text


def test_a_value_that_is_learned_by_the_answer_is_replaced_in_its_request(serve, tmp_path):
    base = serve(lambda method, url, headers, body: {"session_id": "7f3a0b12-PLANTED", "of": url[-1]})

    def ask(n):
        return httpx.get(f"{base}/7f3a0b12-PLANTED/{n}", headers={"Range": f"bytes={n}-"}).json()["of"]

    with replay(tmp_path / "fox", record="once"):
        ask(1)
    assert "PLANTED" not in text_of(tmp_path / "fox")
    with replay(tmp_path / "fox"):
        with pytest.raises(UnrecordedRequestError):  # another part of the file
            httpx.get(f"{base}/7f3a0b12-PLANTED/1", headers={"Range": "bytes=5-"})
        assert ask(1) == "1"


def test_tests_that_rewrite_a_shared_cassette_know_the_values_behind_bare_placeholders(suite):
    """The second test's answer takes the place of the first's, as one without a redacted value does."""
    suite.write(
        """
        @pytest.mark.imgresponse("fox")
        @pytest.mark.parametrize("n", [1, 2])
        def test_it(n): ask("the same", user="fox-12345678")
        """
    )
    suite.record().outcomes(passed=2)
    for _ in range(2):
        suite.record(mode="rewrite").outcomes(passed=2)
        text = (suite.cassettes / "fox.yaml").read_text()
        assert text.count('"user":"REDACTED"') == text.count("- request:") == 1
    suite.run("--imgresponse-strict").outcomes(passed=2).sent(0)


def test_placeholders_of_one_answer_differ_though_there_are_few_of_their_kind():
    said = Placeholders().of_server("key", 0)
    numbers = [said(str(100_000 + n), f"ids[{n}]") for n in range(2_000)]
    assert len(set(numbers)) == 2_000
    assert {len(number) for number in numbers} == {6}


def test_what_a_placeholder_tells_of_its_value():
    """Its kind alone: two secrets in one place have the same."""
    for one, other in (("0f1e2d3c-1111-4000-8000-123456789abc", "aaaaaaaa-2222-4000-8000-aaaaaaaaaaaa"), ("a1" * 9, "b2" * 9),
                       ("sess_abc123456789", "sess_zzz9zzz9zzz9zzz9"), ("me-1@example.org", "you@example.com"), ("x y", "zz")):  # fmt: skip
        assert Placeholders().of_server("key", 0)(one, "id") == Placeholders().of_server("key", 0)(other, "id")
    assert len(tag_of(KEY)) == 4
