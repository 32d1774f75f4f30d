"""Secrets found where they stand: planted in every place, and innocent values beside them that must stay.

`IMGRESPONSE_ATTACK_SIZE=12000` plants as many; 300 without it.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import re
import tarfile
import time
import zipfile
import zlib
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_imgresponse.cassette.interaction import Request, Response
from pytest_imgresponse.secrets.archives import redacted_inside
from pytest_imgresponse.secrets.places import SecretPlaces
from tests.conftest import attack_size

from . import real
from .planted_secrets import (
    BY_VENDOR,
    INNOCENTS,
    MORE_FORMS,
    MORE_INNOCENTS,
    MORE_NAMES,
    RULES,
    SECRETS_OF_FORMS,
    Plant,
    drawn,
    plants,
)

SIZE = attack_size(300)
"""Secrets that are planted: 300 hold each kind and each place once."""

PLACES = SecretPlaces()


def redacted(where: str, text, content_type=None, places=PLACES, marks=()):
    """The text with what was found replaced by REDACTED, and what was found."""
    found = []

    def replace(value, place):
        found.append((value, place))
        return "REDACTED"

    if where == "binary":
        return redacted_inside(text, lambda inner: places.body(inner, None, replace)), found
    if where == "body":
        return places.body(text, content_type, replace, marks), found
    return getattr(places, where)(text, replace), found


def left_of(plant: Plant, out) -> bool:
    """Whether a form of the secret is left, or nothing was done."""
    secret = plant.secret
    forms = {
        secret,
        secret[:-2],
        quote(secret, safe=""),
        quote(quote(secret, safe=""), safe=""),
        json.dumps(secret)[1:-1],
    }
    if isinstance(out, bytes):
        return out == plant.text or any(
            form.encode(encoding) in out for form in forms for encoding in ("utf-8", "utf-16-le")
        )
    return out == plant.text or any(form in out for form in forms)


def test_no_planted_secret_is_left():
    wrong = [
        (plant.label, out)
        for plant in plants(SIZE)
        if left_of(plant, out := redacted(plant.where, plant.text, plant.content_type)[0])
    ]
    assert wrong == []


def test_what_was_planted_covers_each_kind():
    labels = " ".join(plant.label for plant in plants(300))
    assert len({plant.label for plant in plants(900)}) > 700
    assert all(rule in labels for rule in RULES)


@pytest.mark.parametrize("label", [*RULES, *BY_VENDOR])
def test_a_rule_of_a_public_set_is_covered(label):
    """177 rules of gitleaks, and what detect-secrets and the services themselves add."""
    value = {**RULES, **BY_VENDOR}[label](random.Random(label))
    text = f"{label.replace('-', '_')} = '{value}'" if label in BY_VENDOR else f"got {value} here"
    for where, planted in (("text", text), ("body", json.dumps({"message": text})), ("body", f"data: {text}\n\n")):
        out, found = redacted(where, planted)
        assert found, planted
        assert "REDACTED" in out


def test_the_rules_are_counted():
    of_others = [label for label in RULES if label.startswith("detect-secrets") or label in OWN_DOCUMENTS]
    assert len(RULES) - len(of_others) + len(BY_VENDOR) >= 190
    assert len(of_others) >= 22


@pytest.mark.parametrize("text", MORE_FORMS)
def test_a_form_that_a_text_may_have(text):
    out = redacted("body", text)[0]
    assert not any(secret in out for secret in SECRETS_OF_FORMS)


@pytest.mark.parametrize("name", MORE_NAMES)
def test_a_name_that_is_certain(name):
    assert redacted("body", json.dumps({name: "swordfish"}))[1][0][0] == "swordfish"


OWN_DOCUMENTS = {
    "fal", "replicate", "groq", "xai", "fireworks", "nvidia", "together", "luma", "runway", "elevenlabs", "google's oauth token",
    "google's client secret", "google's refresh token", "openrouter", "an old key of openai", "organization", "project",
    "figma", "jina", "tavily", "voyage", "segmind", "vercel", "posthog", "ory", "cloudflare's user token",
}  # fmt: skip


@pytest.mark.parametrize(("where", "text"), [*INNOCENTS, *MORE_INNOCENTS])
def test_an_innocent_value_stays(where, text):
    assert redacted(where, text) == (text, [])
    if where == "url":
        for around in (json.dumps({"data": [{"url": text}]}), f"could not get {text}"):
            assert redacted("body", around) == (around, [])


def test_what_real_recordings_hold_of_secrets():
    """The signatures of their URLs and what names accounts in them, and nothing else."""
    places = []
    for recorded in real.all_recorded():
        response = Response.of(recorded.response)
        texts = [("body", response.body.text, response.header("content-type"), response.body.files)]
        if recorded.request is not None:
            request = Request.of(recorded.request)
            texts += [
                ("url", request.url, None, {}),
                ("body", request.body.text, request.content_type, request.body.files),
            ]
        for where, text, content_type, files in texts:
            places += redacted(where, text, content_type, marks=[file.reference for file in files.values()])[1]
    if not places:
        pytest.skip("no recordings here")
    for value, place in places:
        named = place.rpartition("?")[2] in ("sig", "skoid", "sktid", "OSSAccessKeyId", "Signature")
        assert named or re.fullmatch(r"(?:org|user)-[A-Za-z0-9]{24}", value), (value, place)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": [{"session_id": "s1"}, {"user": {"id": "u1", "role": "admin"}}]}', [("s1", "a[0].session_id"), ("u1", "a[1].user.id")]),
        ('{"user_id": 47114711, "password": 123456, "account_id": [1234567, 12]}', [("47114711", "user_id"), ("123456", "password"), ("1234567", "account_id[0]")]),
        ('{"url": "https://a/?sig=a%2Fb&x=1"}', [("a/b", "url?sig")]),
        ('{"error": {"message": "api_key=a1, api_key=b2 and sk-proj-0123456789abcdef"}}', [("a1", "error.message#1"), ("b2", "error.message#2"), ("sk-proj-0123456789abcdef", "error.message#3")]),
        ('{"password": "a", "password": "b"}', [("a", "password"), ("b", "password#2")]),
        ('{"auth": {"token": "swordfish", "type": "x"}}', [("swordfish", "auth.token")]),
        ('{"authorization": "Bearer abc"}', [("abc", "authorization")]),
        ('{"a": "{\\"password\\": \\"p\\"}"}', [("p", "a.password")]),
        ('data: {"user": "a"}\n\ndata: {"user": "b"}\n\n', [("a", "event[0].user"), ("b", "event[1].user")]),
        ('data: {\ndata:  "user": "a"}\n\n', [("a", "event[0].user")]),
        ('{"user": "a"}\n{"user": "b"}', [("a", "user"), ("b", "[1].user")]),
        ('"password": "tail of an object"}', [("tail of an object", "password")]),
        ("password=a%26b&user=me", [("a&b", "password"), ("me", "user")]),
        ("<a><Password>x&amp;y</Password></a>", [("x&y", "<Password>#1")]),
        ("https://me:pa%40ss@h/v1/accounts/0123456789abcdef0123456789abcdef/x", [("me", "@user"), ("pa@ss", "@password"), ("0123456789abcdef0123456789abcdef", "/accounts")]),
        ("https://hooks.slack.com/services/T01234567/B01234567/abcDEFghi0123456789abcde", [("T01234567", "/services"), ("B01234567", "/services#2"), ("abcDEFghi0123456789abcde", "/services#3")]),
        ('["Authorization", "Bearer a7b8c9d0e1f2a7b8", "accept", "*/*"]', [("a7b8c9d0e1f2a7b8", "[1]")]),
        ('{"name": "user", "value": "me", "content": "a fox in a token, key 7f3a0b12c4d5e6f7"}', [("me", "value"), ("7f3a0b12c4d5e6f7", "content#1")]),
        ('{"value": "call with api_key=swordfish1", "name": "fox"}', [("swordfish1", "value#1")]),
        ('{"name": "a", "key": "api_key", "value": "fox", "user": "me"}', [("me", "user")]),
        ('{"token": "see https://me:swordfish@a.example/x"}', [("me", "token@user"), ("swordfish", "token@password")]),
        ('{"webhook_secret": "https://a.example/?sig=abc"}', [("abc", "webhook_secret?sig")]),
        ('{"webhook_secret": "https://a.example/fox"}', [("https://a.example/fox", "webhook_secret")]),
        ("user: 1234567, user: 12, password: https://a.example/, api_key: abc", [("1234567", "#1")]),
        ("{'user': 'me', 'account': 'x', 'password': 'p'}", [("me", "#1"), ("x", "#2"), ("p", "#3")]),
        ("secret: fox in a wood; secret: hens", []),
        ("--api-key swordfish --token fox --token 7f3a0b12c4d5e6f7 --size 1024x1024", [("swordfish", "#1"), ("7f3a0b12c4d5e6f7", "#2")]),
        ("--XyZ\r\nno blank line\r\n--XyZ\r\nContent-Disposition: form-data; name=password\r\n\r\np\r\n--XyZ--", [("p", "password")]),
        ("--XyZ\r\nContent-Disposition: form-data; name=user[password]\r\n\r\np\r\n--XyZ--", [("p", "user[password]")]),
        (r"https:\/\/me:swordfish@a.example\/a", [("me", "@user"), ("swordfish", "@password")]),
        ("sk-fox-1-to-2-and-34-more, sk-proj-0123456789abcdefghij", [("sk-proj-0123456789abcdefghij", "#1")]),
        ('{"ghp_' + "a7" * 18 + '": 1}', [("ghp_" + "a7" * 18, "#1")]),
    ],
)  # fmt: skip
def test_values_are_given_in_the_clear_with_their_places(text, found):
    assert redacted("body", text)[1] == found


@pytest.mark.parametrize(
    ("text", "new", "expected"),
    [
        (
            '{ "user" :\t"a\\/b",  "n":1.0e5, "p":"\\u00fc\\/" }',
            'q"/ü',
            '{ "user" :\t"q\\"\\/ü",  "n":1.0e5, "p":"\\u00fc\\/" }',
        ),
        ('{"user_id": 47114711}', "123", '{"user_id": 123}'),
        ('{"user_id": 47114711}', "x", '{"user_id": "x"}'),
        ("password=a+b&p=a+fox", "x &", "password=x%20%26&p=a+fox"),
        (
            "https://a/?u=https%3A%2F%2Fb%2F%3Fsig%3Da%252Fb%26c%3D1",
            "x/",
            "https://a/?u=https%3A%2F%2Fb%2F%3Fsig%3Dx%252F%26c%3D1",
        ),
        ("<a><password>b</password></a>", '<"&', "<a><password>&lt;&quot;&amp;</password></a>"),
        (r'{"a": "{\"user\": \"\\u0061\"}"}', 'b"', r'{"a": "{\"user\": \"b\\\"\"}"}'),
        (r'{"user": "\ud83e\udd8a fox \n", "a": "\ud83e"}', "x", r'{"user": "x \n", "a": "\ud83e"}'),
    ],
)
def test_what_stands_for_a_value_is_written_in_its_form(text, new, expected):
    def replace(value, place):
        return new

    assert PLACES.body(text, None, replace) == expected


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("api_key"), inner),
    )
)
def test_json_stays_json_with_the_same_values_but_for_secrets(value):
    def same(given, out, secret=False):
        if isinstance(given, dict):
            return given.keys() == out.keys() and all(same(given[n], out[n], secret or n == "api_key") for n in given)
        if isinstance(given, list):
            return len(given) == len(out) and all(map(same, given, out, [secret] * len(given)))
        return given == out or (secret and str(out).strip() == "REDACTED")

    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        out, found = redacted("body", text)
        assert same(value, json.loads(out)) or any("api_key" not in place for _, place in found)
        assert PLACES.body(text, None, lambda value, place: value) == text


@given(st.text())
def test_any_text_comes_back_where_nothing_is_replaced(text):
    for prefix in (
        "",
        '{"api_key": "',
        "api_key=",
        "<a password='",
        "data: ",
        "https://a/?sig=",
        "--X\r\nContent-Disposition: form-data; name=key\r\n\r\n",
    ):
        assert PLACES.body(prefix + text, None, lambda value, place: value) == prefix + text


def test_marks_of_pictures_are_left():
    text = '{"api_key": "pictureaaaa", "user": "me"}'
    assert redacted("body", text, marks=["pictureaaaa"])[0] == '{"api_key": "pictureaaaa", "user": "REDACTED"}'


def test_names_and_values_of_a_user():
    places = SecretPlaces(
        names=["nick-name"],
        values=["Jane Doe", re.compile(r"\+49 \d+"), re.compile("x*")],
        keep_names=["Token", "project_id"],
    )
    text = '{"nick_name": "jd", "prompt": "Jane Doe, +49 123", "token": "a7b8c9d0e1f2a7b8", "project_id": "p", "\\u004aane": "\\u004aane Doe"}'
    out, found = redacted("body", text, places=places)
    assert [value for value, _ in found] == ["jd", "Jane Doe", "+49 123", "Jane Doe"]
    assert json.loads(out)["token"] == "a7b8c9d0e1f2a7b8"
    assert (
        redacted("url", "https://a/?nick-name=jd&project_id=p", places=places)[0]
        == "https://a/?nick-name=REDACTED&project_id=p"
    )
    assert redacted("text", "a&amp;b, call +49 1", places=places)[0] == "a&amp;b, call REDACTED"


def zipped(*members: tuple[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in members:
            written.writestr(zipfile.ZipInfo(name, (2024, 6, 1, 0, 0, 0)), content)
        written.comment = b"of foxes"
    return archive.getvalue()


def test_an_archive_is_redacted_inside():
    picture = b"\x89PNG" + random.Random(1).randbytes(3000)
    given = zipped(
        ("fox.png", picture),
        ("meta.json", b'{"api_key": "swordfish", "n": 1}'),
        ("a/b.gz", gzip.compress(b"password=swordfish", mtime=0)),
    )
    out, found = redacted("binary", given)
    assert [value for value, _ in found] == ["swordfish", "swordfish"]
    with zipfile.ZipFile(io.BytesIO(out)) as archive:
        assert archive.read("fox.png") == picture
        assert archive.read("meta.json") == b'{"api_key": "REDACTED", "n": 1}'
        assert gzip.decompress(archive.read("a/b.gz")) == b"password=REDACTED"
        assert archive.getinfo("fox.png").date_time == (2024, 6, 1, 0, 0, 0)
        assert archive.comment == b"of foxes"
    assert redacted("binary", given)[0] == out


@pytest.mark.parametrize(
    "data",
    [
        zipped(("a.json", b'{"prompt": "a fox"}')),
        zipped(("a.json", b'{"api_key": "swordfish"}'))[:-30],
        gzip.compress(b"a fox", mtime=0),
        gzip.compress(b"password=swordfish", mtime=0)[:-12],
        zlib.compress(b"a fox"),
        b"x",
        b"",
        b"\xff\xfe\x00\xd8",
        bytes(range(256)) * 20,
    ],
)
def test_bytes_without_a_secret_are_the_same_object(data):
    assert redacted_inside(data, lambda text: PLACES.body(text, None, lambda value, place: "REDACTED")) is data


def test_compressed_bytes_are_written_back_uncompressed_in_their_format():
    import zstandard

    long = b'{"pad": "' + b"a fox, " * 60_000 + b'", "api_key": "swordfish"}'
    for pack, unpack in (
        (gzip.compress, gzip.decompress),
        (zlib.compress, zlib.decompress),
        (zstandard.ZstdCompressor().compress, zstandard.ZstdDecompressor().decompress),
    ):
        for content in (b"password=swordfish", long):
            out, _ = redacted("binary", pack(content))
            assert unpack(out) == content.replace(b"swordfish", b"REDACTED")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1", "utf-8"])
def test_a_text_in_another_encoding(encoding):
    content = '{"api_key": "swordfish", "prompt": "Füchslein"}'.encode(encoding)
    out, _ = redacted("binary", content)
    assert json.loads(out.decode(encoding)) == {"api_key": "REDACTED", "prompt": "Füchslein"}


def test_readable_pieces_of_other_bytes():
    out, _ = redacted("binary", b"\x00\x01\xff api_key=swordfish \x00\x02 a fox \xfe password=herring99 \x03")
    assert out == b"\x00\x01\xff api_key=REDACTED- \x00\x02 a fox \xfe password=REDACTED- \x03"  # no byte fewer


def tarred(layout, *members):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=layout) as file:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        file.addfile(folder)
    return archive.getvalue()


@pytest.mark.parametrize("layout", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_a_tar_archive_keeps_its_members(layout):
    name = f"{'a' * 90}/{'b' * 20}-api_key=swordfish"
    given = tarred(layout, ("meta.json", b'{"api_key": "swordfish"}'), (name, b"a"), ("fox.txt", b"a fox" * 300))
    for out in (redacted("binary", given)[0], gzip.decompress(redacted("binary", gzip.compress(given))[0])):
        with tarfile.open(fileobj=io.BytesIO(out)) as archive:
            members = archive.getmembers()
            assert [member.name for member in members] == [
                "meta.json",
                name.replace("swordfish", "REDACTED"),
                "fox.txt",
                "folder",
            ]
            assert archive.extractfile("meta.json").read() == b'{"api_key": "REDACTED"}'
            assert archive.extractfile("fox.txt").read() == b"a fox" * 300


def test_a_damaged_tar_archive_keeps_its_length(monkeypatch):
    whole = tarred(tarfile.GNU_FORMAT, ("meta.json", b'{"api_key": "swordfish"}'), ("fox.txt", b"a fox" * 300))
    out, _ = redacted("binary", whole[:1600])
    assert len(out) == 1600
    assert b"swordfish" not in out
    monkeypatch.setattr("pytest_imgresponse.secrets.archives.LIMIT", 10)
    assert len(redacted("binary", whole)[0]) == len(whole)
    innocent = tarred(tarfile.GNU_FORMAT, ("fox.txt", b"a fox"))
    assert redacted("binary", innocent)[0] is innocent


def test_bytes_around_a_secret_stay_where_they_are():
    header = json.dumps({"__metadata__": {"api_key": "sword-fish-1", "password": "ab", "pin": "x"}, "user_id": 123456})
    given = len(header).to_bytes(8, "little") + header.encode() + bytes(4096)
    out, _ = redacted("binary", given)
    assert len(out) == len(given)
    read = json.loads(out[8 : 8 + len(header)])
    assert read["__metadata__"] == {"api_key": "REDACTED----", "password": "RE", "pin": "x"}
    assert read["user_id"] == 100000
    many = b"\x00\x01" + b" ".join(b"api_key=swordfish%04d" % number for number in range(2000)) + b" a fox\x02"
    assert redacted("binary", many)[0] == b"\x00\x01" + b" ".join([b"api_key=REDACTED-----"] * 2000) + b" a fox\x02"
    key = b"-----BEGIN PRIVATE KEY-----\n" + b"Ab3/\n" * 300 + b"-----END PRIVATE KEY-----"
    assert len(redacted("binary", b"\x00\x01" + key + b"\x02")[0]) == len(key) + 3


def test_the_names_and_comments_of_a_zip_archive():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("api_key=swordfish", b"a")
        file.comment = b"password=swordfish"
    out, _ = redacted("binary", archive.getvalue())
    with zipfile.ZipFile(io.BytesIO(out)) as file:
        assert (file.namelist(), file.comment) == (["api_key=REDACTED"], b"password=REDACTED")


def test_base64_of_texts_and_archives():
    secret = b'{"api_key": "SeCr3tV4lue99?>~~~~~?>?"}'
    archive = zipped(("meta.json", secret), ("fox.bin", random.Random(1).randbytes(2000)))
    for data in (secret, archive, gzip.compress(secret)):
        plain = base64.b64encode(data).decode()
        for form in (plain, plain.rstrip("="), plain.replace("+", "-").replace("/", "_")):
            for text in (json.dumps({"data": form}), f"https://x.example/cb?state={quote(form, safe='')}", form):
                out, found = redacted("body", text)
                assert {value for value, _ in found} == {"SeCr3tV4lue99?>~~~~~?>?"}
                assert form not in out
    file = base64.b64encode(b"password=swordfish").decode()
    out, _ = redacted("body", json.dumps({"url": f"data:text/plain;base64,{file}"}))
    assert base64.b64decode(json.loads(out)["url"].partition(",")[2]) == b"password=REDACTED"
    assert redacted("body", "data:text/plain;base64,AAAAAAAAA")[1] == []


def test_a_part_of_a_form_in_base64():
    for content in (base64.encodebytes(b'{"api_key": "swordfish", "pad": "%s"}' % (b"x" * 90)).decode(), "?"):
        text = f'--b\r\nContent-Disposition: form-data; name="f"\r\nContent-Transfer-Encoding: base64\r\n\r\n{content}\r\n--b--'
        out, found = redacted("body", text, "multipart/form-data; boundary=b")
        assert [value for value, _ in found] == (["swordfish"] if content != "?" else [])
        inner = out.split("\r\n\r\n")[1].rpartition("\r\n")[0]
        assert content == "?" or json.loads(base64.b64decode(inner))["api_key"] == "REDACTED"
    picture = base64.b64encode(b"\x89PNG api_key=swordfish").decode()
    given = text.replace("?", picture)
    assert redacted("body", given, "multipart/form-data; boundary=b") == (given, [])


def test_a_form_whose_boundary_is_damaged():
    out, _ = redacted("body", "--bad\r\n\r\napi_key=swordfish", "multipart/form-data; boundary=b")
    assert out == "--bad\r\n\r\napi_key=REDACTED"


def test_what_ends_a_sentence_is_no_part_of_a_value():
    for text in ("token=SeCr3tV4lue99.", "see https://x.example/a?token=SeCr3tV4lue99).", "api_key=SeCr3tV4lue99,"):
        assert [value for value, _ in redacted("body", json.dumps({"m": text}))[1]] == ["SeCr3tV4lue99"]


def test_an_archive_that_grows_is_left(monkeypatch):
    monkeypatch.setattr("pytest_imgresponse.secrets.archives.LIMIT", 10)
    data = zipped(("a.json", b'{"api_key": "swordfish"}'))
    assert redacted_inside(data, lambda text: PLACES.body(text, None, lambda value, place: "REDACTED")) is data


def test_values_that_headers_authorise_by():
    signature, credential = (
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "AKIAIOSFODNN7EXAMPLE/20240601/us-east-1/bedrock/aws4_request",
    )
    headers = (
        (
            "Authorization",
            f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature={signature}",
        ),
        ("Proxy-Authorization", "Basic " + base64.b64encode(b"someone1:pass-w0rd").decode()),
        ("X-Broken-Auth", "Basic ///"),
        ("Cookie", "session=abc-DEF-123; theme=dark; q=%22quoted7%22"),
        ("Set-Cookie", "a=s3cret-cookie; Domain=.replicate.com; Max-Age=31536000"),
        ("X-Api-Key", "key-0123456789 and-another-7"),
        ("Authorization", "Key 0f1e2d3c-aaaa:0123456789abcdef"),
        ("X-Auth", 'Digest username="mufasa-7", realm="host.example", response="6629fae49393a053"'),
        ("x-request-id", "req_0123456789abcdef"),
        ("x-request-id", "0f1e2d3c-0000-4000-8000-123456789abc"),
        ("X-RateLimit-Remaining-Tokens", "149999237"),
        ("WWW-Authenticate", 'Bearer realm="api.example-7.com"'),
        (":authority", "api7.example.com"),
        ("OpenAI-Organization", "acme"),
        ("X-Mine", "mine-0123456789"),
        ("X-Hub-Signature-256", "sha256=0a1b2c3d4e5f60718293"),
        ("X-Pat", "pat-0123456789"),
        ("X-Csrf", "csrf-0123456789"),
        ("X-Api-Key", "Ab3+cd/Ef4Gh5Ij6=="),
    )
    found = SecretPlaces(names=["x-mine"]).of_headers(headers, "https://us3r-name:p%40ss-word@api.example/")
    assert found == sorted(found, key=lambda value: (-len(value), value))
    expected = {
        signature, credential, "AKIAIOSFODNN7EXAMPLE", "someone1", "pass-w0rd", "abc-DEF-123", "s3cret-cookie", "key-0123456789", "and-another-7",
        "0f1e2d3c-aaaa:0123456789abcdef", "0f1e2d3c-aaaa", "0123456789abcdef", "mufasa-7", "6629fae49393a053", "req_0123456789abcdef", "us3r-name",
        "p%40ss-word", "p@ss-word", "mine-0123456789", "%22quoted7%22", '"quoted7"',
        "sha256=0a1b2c3d4e5f60718293", "Ab3+cd/Ef4Gh5Ij6==", "0a1b2c3d4e5f60718293", "pat-0123456789", "csrf-0123456789", "Ab3-cd_Ef4Gh5Ij6==", "Ab3-cd_Ef4Gh5Ij6", "Ab3 cd/Ef4Gh5Ij6==",
    }  # fmt: skip
    assert expected <= set(found)
    extra = set(found) - expected
    assert all(
        value.startswith(("AWS4", "Basic ", "Key ", "Digest ", "key-0123456789 and"))
        or value == base64.b64encode(b"someone1:pass-w0rd").decode()
        for value in extra
    ), extra
    assert PLACES.of_headers((), "http://[a:b@/") == PLACES.of_headers((), "http://a/") == []


def test_an_archive_in_an_archive_is_opened_some_times_only():
    data = b"password=swordfish"
    for _ in range(3):
        data = gzip.compress(data, mtime=0)
    assert redacted_inside(data, lambda text: PLACES.body(text, None, lambda value, place: "REDACTED")) is not data
    for _ in range(9):
        data = gzip.compress(data, mtime=0)
    assert redacted_inside(data, lambda text: PLACES.body(text, None, lambda value, place: "REDACTED")) is data


@pytest.mark.parametrize(
    "text",
    [
        'name="user"\r\nx\r\n', '"user": ["a", ', '\\"token\\": \\"', "sk-", "http://a", "user-a", "eyJaaaaaaaa.", "in organization ", "&key=", "key=1",
        "key:", "key:1", "a:", "api_key=", "//", "://a@", "%25", "%3D", "/accounts", "/token/a", "<a ", "<key>", "name:", "Bearer ", "a.a.", "\\", '"',
        "-----BEGIN PRIVATE KEY-----", "s--", "%26sig%3D", "xoxb-", "api key provided ", "=", "key='", 'key="a', "sig=%41&", "--X\r\n", "data: {\n",
        "data: x\n\n", '{"name":"user","value":', "<![CDATA[", "arn:aws:", "curl -u a", "1//0", "AAAAAAAAAA", "1|", "[", '{"a":', '{"api_key":', "<a><b c=",
    ],
)  # fmt: skip
def test_no_text_takes_its_time(text):
    for lead in ("", '{"a": "'):
        start = time.process_time()
        redacted("body", lead + text * (25_000 // len(text)))
        assert time.process_time() - start < 1.5


def test_a_text_may_have_any_number_of_names():
    letters = "abcdefghijklmnopqrst"
    text = json.dumps({f"{a}{b}{c}_api_key": "x" for a in letters for b in letters for c in letters[:15]})
    assert len(redacted("body", text, places=SecretPlaces())[1]) == 6000


@pytest.mark.slow
def test_a_megabyte_with_20_000_names():
    text = json.dumps(
        [
            {"api_key": drawn(random.Random(n), "abcdef0123456789", 12), "prompt": f"a fox, the {n}th"}
            for n in range(20_000)
        ]
    )
    start = time.process_time()
    found = redacted("body", text)[1]
    assert len(found) == 20_000
    assert time.process_time() - start < 3


def test_a_picture_in_a_text_costs_nothing():
    text = json.dumps({"b64_json": base64.b64encode(random.Random(1).randbytes(3_000_000)).decode(), "user": "me"})
    start = time.process_time()
    _, found = redacted("body", text)
    assert found == [("me", "user")]
    assert time.process_time() - start < 0.5
