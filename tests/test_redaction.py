"""Redaction: a marked secret in every place that HTTP has, and a search through all saved bytes."""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from pytest_imgresponse import replay
from pytest_imgresponse.cassette.interaction import Request, Response
from pytest_imgresponse.cassette.merging import untagged
from pytest_imgresponse.cassette.placeholders import REDACTED
from pytest_imgresponse.cassette.redaction import Redactor, shown_url
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

KEY = "sk-proj-PLANTEDkey0123456789abcdef"
SECRET = "PLANTED-secret-0123456789"


class Echo(BaseHTTPRequestHandler):
    """Answers with what the test laid down, whatever is asked."""

    answers: list[tuple[int, dict[str, str], bytes]] = []

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        status, headers, body = self.answers.pop(0)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        Echo.answers.clear()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def saved(folder) -> bytes:
    return b"\n".join(str(path).encode() + path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_secret_in_every_place_is_nowhere_in_the_saved_bytes(server, tmp_path):
    secret_headers = dict.fromkeys(("x-api-key", "api-key", "X-Goog-Api-Key", "Cookie", "Proxy-Authorization", "OpenAI-Organization", "OpenAI-Project", "User-Agent", "Referer", "X-Stainless-Lang", "X-Anything-Else", "Idempotency-Key"), SECRET)  # fmt: skip
    body = {
        "created": 1,
        "data": [{"url": f"https://blob.example/a.png?se=2026&sig={SECRET}&skoid={SECRET}&X-Amz-Signature={SECRET}"}],
        "user": SECRET,
        "deep": [{"er": {"api_key": SECRET, "access_token": [SECRET, SECRET], "organization_id": SECRET}}],
        "text": json.dumps({"password": SECRET}),
        "error": {"message": f"Incorrect API key provided: {KEY} by {SECRET} in organization org-PLANTED0123456789"},
        "usage": {"input_tokens": 7, "output_tokens": 9},
    }
    response_headers = dict.fromkeys(
        ("Set-Cookie", "openai-organization", "openai-project", "x-request-id", "cf-ray", "X-Else"), SECRET
    )
    Echo.answers = [(200, {"Content-Type": "application/json", **response_headers}, json.dumps(body).encode())] * 4
    authority = server.replace("http://", f"http://{SECRET}:{SECRET}@")
    query = f"api_key={SECRET}&key={SECRET}&sig={SECRET}&token={SECRET}&user={SECRET}&X-Amz-Credential={SECRET}"

    with replay(tmp_path / "it", record="once"), httpx.Client(headers=secret_headers) as client:
        deep = {"prompt": "a fox", "user": SECRET, "a": [{"client_secret": SECRET, "echo": KEY}]}
        client.post(f"{authority}/v1/images/generations?{query}", json=deep, headers={"Authorization": f"Bearer {KEY}"})
        client.post(f"{server}/form", data={"prompt": "a fox", "password": SECRET, "user": SECRET})
        binary = b"\xff\x00 " + json.dumps({"api_key": SECRET}).encode()
        client.post(f"{server}/upload", data={"api_key": SECRET, "user": SECRET}, files={"image": binary})
        client.post(f"{server}/raw", content=f"Authorization: Bearer {SECRET}".encode(), headers={"X-Token": SECRET})

    found = saved(tmp_path)
    assert SECRET.encode() not in found
    assert b"PLANTED" not in found
    assert base64.b64encode(SECRET.encode()) not in found
    assert b'"input_tokens": 7, "output_tokens": 9' in found
    assert b"a fox" in found


def test_what_was_redacted_still_matches_whatever_the_secrets_are(server, tmp_path):
    Echo.answers = [(200, {}, b"{}")] * 2

    def ask(secret):
        with httpx.Client(headers={"Authorization": f"Bearer sk-{secret}", "Cookie": f"a={secret}"}) as client:
            client.post(f"{server}/v1?sig={secret}&n=1", json={"user": secret, "prompt": "a fox"})
            client.post(f"{server}/v1", data={"user": secret}, files={"image": b"GIF89a" + b"x" * 30})

    with replay(tmp_path / "it", record="once"):
        ask("PLANTED-one-0123456789")
    with replay(tmp_path / "it") as again:
        ask("another-two-9876543210")
    assert len(again.http_responses) == 2


def test_the_follow_up_of_a_signed_url_matches(api, tmp_path):
    def fetch(key):
        headers = {"Authorization": f"Bearer {key}"}
        fields = {"model": "dall-e-2", "prompt": "a fox", "size": "256x256", "response_format": "url"}
        url = httpx.post(f"{api.url}/images/generations", json=fields, headers=headers).json()["data"][0]["url"]
        return url, httpx.get(url).content

    with replay(tmp_path / "it", record="once"):
        url, picture = fetch(KEY)
    signature = re.search("sig=([^&]+)", url)[1]
    assert signature.encode() not in saved(tmp_path)
    with replay(tmp_path / "it"):
        assert fetch("sk-other-0123456789")[1] == picture


def test_the_organisation_in_the_message_of_a_429(api, tmp_path):
    api.fail("rate_limit_exceeded")
    with replay(tmp_path / "it", record="once"):
        answer = httpx.post(
            f"{api.url}/images/generations", json={"prompt": "a"}, headers={"Authorization": f"Bearer {KEY}"}
        )
    assert "org-local0123456789" in answer.text
    assert b"org-local0123456789" not in saved(tmp_path)
    assert re.search(b"in organization org-redacted[0-9a-f]{12} on", saved(tmp_path))


def redacted(text: str, **rules: object) -> str:
    """The body of a request, without the tags of its values."""
    return untagged(
        Redactor(**rules).request(Request.of(HTTPRequest("POST", "http://a/", (), text.encode())))
    ).body.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Incorrect API key provided: sk-pro****1234.", "Incorrect API key provided: REDACTED."),
        ("org-abcDEF0123456789 and proj_abc12345XYZ", "REDACTED and REDACTED"),
        ("user-jxm65ijkzc1qrfhc0ij8moic", "REDACTED"),
        ("include the request ID b68e1d8f-31a3-4a04-aa41-bf442d857ccd in", "include the request ID REDACTED in"),
        ("req_e6026a99ee3afff2ea4451a4ab9d8e57", "REDACTED"),
        ("Authorization: Bearer abcdefghijklmn0p", "Authorization: Bearer REDACTED"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2ln", REDACTED),
        ("AKIAIOSFODNN7EXAMPLE", REDACTED),
        ("AIza" + "a1" * 17 + "b", REDACTED),
        ("hf_" + "aB3" * 8, REDACTED),
        ("gsk_" + "aB3" * 8, REDACTED),
        ("0123abcd-0123-0123-0123-0123456789ab:" + "0f" * 16, REDACTED),
        ("https://me:pass@example.com/a", "https://REDACTED:REDACTED@example.com/a"),
        (r"https:\/\/me:pass@example.com\/a", r"https:\/\/REDACTED:REDACTED@example.com\/a"),
        (
            "http://127.0.0.1:41234/a http://localhost:8/ http://[::1]:9/",
            "http://127.0.0.1/a http://localhost/ http://[::1]/",
        ),
        ('{"user": "me", "prompt": "a user"}', '{"user": "REDACTED", "prompt": "a user"}'),
        ('{"api-key" : ["a", "b"]}', '{"api-key" : ["REDACTED", "REDACTED"]}'),
        (r'{"a": "{\"token\": \"t-0123456789ab\"}"}', r'{"a": "{\"token\": \"REDACTED\"}"}'),
        (r'{"secret": "with \" quote"}', '{"secret": "REDACTED"}'),
        (r'{"url": "http://a/?x=1\u0026sig=abc\u0026y=2"}', r'{"url": "http://a/?x=1\u0026sig=REDACTED\u0026y=2"}'),
        ("password=abc;d'e&prompt=a", "password=REDACTED&prompt=a"),
        (
            '{"openai_api_key": "a", "webhook_secret": "b", "userEmail": "c", "secretAccessKey": "d"}',
            '{"openai_api_key": "REDACTED", "webhook_secret": "REDACTED", "userEmail": "REDACTED", "secretAccessKey": "REDACTED"}',
        ),
        ('{"user_id": 47114711, "tenant_id": [12], "id": 7}', '{"user_id": "REDACTED", "tenant_id": [12], "id": 7}'),
        ("in organization traceloop on images", "in organization REDACTED on images"),
        (
            "https://a/?X-Tos-Signature=b&q-ak=c&OSSAccessKeyId=d",
            "https://a/?X-Tos-Signature=REDACTED&q-ak=REDACTED&OSSAccessKeyId=REDACTED",
        ),
    ],
)
def test_what_is_replaced(text, expected):
    assert redacted(text) == expected
    assert redacted(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        '{"input_tokens": 12, "output_tokens": 272, "max_tokens": "100", "tokens": "3"}',
        '{"prompt": "a basic illustration of a bearer of good news, risk-averse, user-configurable"}',
        '{"user": "", "secret": []}',
        "a desk-lamp, org-xxx, the request ID parameter is required, sk-learn-logo, mask-making",
        '{"data": [{"b64_json": "AAAAsk/hf+org/AKIAIOSFODNN7EXAMPLEabc"}]}',
        "https://example.com:8080/a@b",
    ],
)
def test_what_is_left_alone(text):
    assert redacted(text) == text


def test_a_users_names_values_and_function_add_to_the_rules():
    rules = {
        "redact_names": ["nickname"],
        "redact_values": ["Jane Doe", re.compile(r"\+49 \d+")],
        "before_save": lambda text: text.replace("fox", "animal"),
    }
    given = '{"nickname": "jd", "prompt": "Jane Doe, +49 123, a fox", "user": "u"}'
    expected = '{"nickname": "REDACTED", "prompt": "REDACTED, REDACTED, a animal", "user": "REDACTED"}'
    names, values, before_save = rules.values()
    assert redacted(given, names=names, values=values, before_save=before_save) == expected


def test_before_save_applies_to_what_is_saved_and_to_what_is_compared(api, tmp_path):
    def ask(name):
        headers = {"Authorization": f"Bearer {KEY}"}
        fields = {"model": "dall-e-2", "size": "256x256", "response_format": "b64_json", "prompt": f"for {name}"}
        return httpx.post(f"{api.url}/images/generations", json=fields, headers=headers).status_code

    hide = {"before_save": lambda text: re.sub("for \\w+", "for somebody", text)}
    with replay(tmp_path / "it", record="once", **hide):
        assert ask("Jane") == 200
    assert b"Jane" not in saved(tmp_path)
    with replay(tmp_path / "it", **hide):
        assert ask("John") == 200


def test_pictures_are_exempt(api, tmp_path):
    picture = b"GIF89a sk-proj-0123456789abcdef user=me"
    body = Response.of(HTTPResponse(200, (), b'{"api_key": "%s"}' % base64.b64encode(picture)))
    kept = Redactor(values=["GIF", "png", "imgresponse"]).response(body)
    assert [file.read() for file in kept.body.files.values()] == [picture]
    assert kept.body.content() == body.body.content()


def test_a_body_in_another_encoding_is_redacted_too():
    for encoding in ("utf-16", "latin-1"):
        content = f'{{"api_key": "{SECRET}", "prompt": "Füchslein"}}'.encode(encoding)
        kept = Redactor().request(Request.of(HTTPRequest("POST", "http://a/", (), content)))
        text = kept.body.content().decode(encoding)
        assert SECRET not in text
        assert "Füchslein" in text
    broken = b"\xff\xfe\x00\xd8"
    assert Redactor().request(Request.of(HTTPRequest("POST", "http://a/", (), broken))).body.content() == broken


def test_an_archive_that_happens_to_be_utf_8_is_redacted_inside_and_stays_one():
    """Nothing but ASCII and NULs, so the cassette keeps it as a text."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in (("a.json", f'{{"api_key": "{SECRET}"}}'.encode()), ("b.txt", b"a fox")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    asked = Request.of(HTTPRequest("POST", "http://a/", (), archive.getvalue()))
    assert not asked.body.files
    kept = Redactor().request(asked).body.content()
    assert SECRET.encode() not in kept
    with tarfile.open(fileobj=io.BytesIO(kept)) as tar:
        assert tar.getnames() == ["a.json", "b.txt"]
        assert tar.extractfile("b.txt").read() == b"a fox"


def test_what_a_header_carried_is_found_wherever_it_is_repeated():
    headers = {
        "Authorization": "Basic " + base64.b64encode(b"someone1:pass-w0rd").decode(),
        "X-Broken": "none",
        "Proxy-Authorization": "Basic ///",
        "Cookie": "session=abc-DEF-123; theme=dark",
        "OpenAI-Organization": "acme",
    }
    url = "https://us3r-name:p%40ss-word@api.example/"
    text = b"someone1 pass-w0rd abc-DEF-123 theme dark acme us3r-name p@ss-word p%40ss-word"
    kept = Redactor().request(Request.of(HTTPRequest("POST", url, headers, text)))
    assert untagged(kept).body.text == "REDACTED REDACTED REDACTED theme dark acme REDACTED REDACTED REDACTED"
    assert kept.headers == ()


def test_what_a_header_carries_for_everybody_is_no_secret():
    headers = [
        ("Set-Cookie", "a=s3cret-cookie; Domain=.replicate.com; Max-Age=31536000"),
        ("X-RateLimit-Remaining-Tokens", "149999237"),
        ("X-Api-Key", "1234567890"),
    ]
    body = b'{"url": "https://api.replicate.com/v1", "created": 1234567890, "age": 31536000, "a": "s3cret-cookie"}'
    kept = Redactor().response(Response.of(HTTPResponse(200, headers, body)))
    assert re.sub(b"REDACTED-[0-9a-f]{12}", b"s3cret-cookie", kept.body.content()) == body
    assert b"s3cret-cookie" not in kept.body.content()
    cookie, limit = kept.headers
    assert re.fullmatch("a=REDACTED-[0-9a-f]{12}; Domain=.replicate.com; Max-Age=31536000", cookie[1])
    assert limit == ("X-RateLimit-Remaining-Tokens", "149999237")


def test_a_reason_is_redacted():
    response = Response.of(HTTPResponse(401, (), b"", reason=f"bad key {KEY}"))
    assert re.fullmatch("bad key REDACTED-[0-9a-f]{12}", Redactor().response(response).reason)


@pytest.mark.parametrize(("name", "job"), [("session_id", "PLANTED-7f3a0b12"), ("request_id", "7f3a0b12-PLANTED")])
def test_an_id_that_a_later_url_holds_still_matches(server, tmp_path, name, job):
    """As queues do it: the answer gives an id, and the program asks for it by its path."""
    Echo.answers = [(200, {}, json.dumps({name: job}).encode()), (200, {}, b'{"status": "done"}')]

    def run():
        found = httpx.post(f"{server}/queue").json()[name]
        return httpx.get(f"{server}/queue/requests/{found}/status").json()

    with replay(tmp_path / "it", record="once"):
        recorded = run()
    assert (b"PLANTED" in saved(tmp_path)) is (name == "request_id")
    with replay(tmp_path / "it"):
        assert run() == recorded


def test_two_jobs_keep_their_own_answers_in_whatever_order_they_are_asked_for(server, tmp_path):
    """Their ids stay, also where a header has them."""
    jobs = ["red-0f1e2d3c-8000", "blue-9a8b7c6d-8000"]
    queued = [(200, {"x-fal-request-id": job}, json.dumps({"request_id": job}).encode()) for job in jobs]
    done = [(200, {}, json.dumps({"done": job}).encode()) for job in jobs]

    def run(order):
        names = [httpx.post(f"{server}/queue", json={"n": n}).json()["request_id"] for n in range(2)]
        return {names[n]: httpx.get(f"{server}/requests/{names[n]}").json()["done"] for n in order}

    Echo.answers = [*queued, *done]
    with replay(tmp_path / "it", record="once"):
        assert run([0, 1]) == dict(zip(jobs, jobs, strict=True))
    with replay(tmp_path / "it"):
        assert run([1, 0]) == dict(zip(jobs, jobs, strict=True))


def test_the_request_id_of_openai_is_redacted_in_messages(server, tmp_path):
    identity = "req_PLANTED0123456789abcdef"
    body = {"error": {"message": f"include the request ID {identity} in your message, {identity}"}}
    Echo.answers = [(500, {"x-request-id": identity}, json.dumps(body).encode())]
    with replay(tmp_path / "it", record="once"):
        httpx.post(f"{server}/v1/images/generations", json={})
    assert b"PLANTED" not in saved(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        'name="user"\r\nx\r\n',
        '"user": ["a", ',
        '\\"token\\": \\"',
        "sk-",
        "http://a",
        "user-a",
        "eyJaaaaaaaa.",
        "in organization ",
        "&key=",
    ],
)
def test_no_text_takes_its_time(text):
    start = time.process_time()
    redacted(text * (300_000 // len(text)))
    assert time.process_time() - start < 3


def test_the_length_of_a_redacted_body_is_its_own():
    response = Response.of(HTTPResponse(200, {"Content-Length": "99", "X-Request-Id": "abc"}, b'{"user": "a"}'))
    kept = Redactor().response(response)
    assert kept.headers == (
        ("Content-Length", str(len('{"user": "REDACTED-0123456789ab"}'))),
        ("X-Request-Id", "req_redacted"),
    )


def test_headers_are_kept_by_an_allow_list():
    names = (
        "content-type", "content-length", "date", "location", "operation-location", "retry-after", "retry-after-ms", "x-should-retry",
        "x-ratelimit-limit-requests", "openai-model", "openai-processing-ms", "openai-version", "etag", "content-range",
    )  # fmt: skip
    others = ("server", "openai-organization", "cf-ray", "x-envoy-upstream-service-time", "alt-svc", "via", "x-api-key")
    response = Response.of(HTTPResponse(200, [(name, "1") for name in names + others], b""))
    kept = Redactor().response(response)
    assert [name for name, _ in kept.headers] == sorted(names)
    asked = Request.of(HTTPRequest("GET", "http://a/", [("Accept", "a"), ("Host", "b"), ("Content-Type", "c")]))
    assert [name for name, _ in Redactor().request(asked).headers] == ["Accept", "Content-Type"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8080/v1?key=s3cret-0123456789", "http://127.0.0.1:8080/v1?key=REDACTED"),
        ("http://127.0.0.1/v1", "http://127.0.0.1/v1"),
        ("https://a.example:8443/v1", "https://a.example:8443/v1"),
        ("http://a:b/", "http://a:b/"),
    ],
)
def test_a_url_in_an_error_keeps_its_port(url, shown):
    assert shown_url(url) == shown
