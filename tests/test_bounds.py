"""A stranger's small cassette takes neither memory nor time: what would is refused, and the bound is named."""

from __future__ import annotations

import base64
import gzip
import json
import os
import time
import zlib
from hashlib import sha256

import brotli
import httpx
import pytest
import zstandard

from pytest_imgresponse import CassetteDecodeError, ResponseError, replay
from pytest_imgresponse.cassette import document, payloads
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.images.make import make_picture

REQUEST = "- request: {method: GET, uri: 'http://h.example/', headers: {}, body: null}\n"
MEGABYTE = 1_000_000
PICTURE = make_picture("png", 600, 400) + bytes(100_000)
NAMED = f"imgresponse:v1:fox-1.png#{sha256(PICTURE).hexdigest()}"


def cassette(body: str, headers: str = "{content-type: [application/json]}", request: str = REQUEST) -> str:
    answer = f"  response: {{status: {{code: 200, message: OK}}, headers: {headers}, body: {{string: {body}}}}}\n"
    return f"interactions:\n{request}{answer}version: 1\n"


def encoded(body: bytes, coding: str) -> str:
    return cassette("!!binary " + base64.b64encode(body).decode(), f"{{content-encoding: ['{coding}']}}")


GZIP = gzip.compress(bytes(64 * MEGABYTE), 1)
BOMBS = {
    "a picture named 3,000 times": (cassette(f"'{json.dumps([NAMED] * 3000)}'"), "a body refers to files of more than"),
    "a picture in 3,000 parts": (
        cassette(
            '"' + f"--b\\r\\na: b\\r\\n\\r\\n{NAMED}\\r\\n" * 3000 + '--b--"', "{content-type: [multipart/form-data; boundary=b]}"
        ),
        "a body refers to files of more than",
    ),
    "gzip": (encoded(GZIP, "gzip"), "its content-encoding gzip makes more than"),
    "gzip of a request": (
        cassette("x", request=REQUEST.replace("headers: {}", "headers: {content-encoding: [gzip]}").replace(
            "null", "!!binary " + base64.b64encode(GZIP).decode()
        )),
        "interaction 1 cannot be read: its content-encoding gzip makes more than",
    ),
    "gzip twice": (encoded(gzip.compress(GZIP), "gzip, gzip"), "its content-encoding gzip makes more than"),
    "deflate": (encoded(zlib.compress(bytes(64 * MEGABYTE), 1), "deflate"), "content-encoding deflate makes more than"),
    "brotli": (encoded(brotli.compress(bytes(64 * MEGABYTE), quality=1), "br"), "content-encoding br makes more than"),
    "zstd": (encoded(zstandard.compress(bytes(64 * MEGABYTE)), "zstd"), "content-encoding zstd makes more than"),
    "four that are small enough alone": (
        "interactions:\n"
        + "".join(encoded(gzip.compress(bytes(12 * MEGABYTE), 1), "gzip").splitlines(keepends=True)[1:3]) * 4
        + "version: 1\n",
        "interaction 4 cannot be read: its content-encoding gzip makes more than",
    ),
    "a long header": (cassette("x", f"{{x: ['{'a' * MEGABYTE}']}}"), "a text of 1000000 characters: 262144 are the most"),
    "values of a header": (cassette("x", f"{{x: [{'a,' * 20_000}]}}"), "it has 20000 headers: 1000 are the most"),
    "headers": (
        cassette("x", "{" + ",".join(f"h{n}: a" for n in range(2000)) + "}"),
        "it has 2000 headers: 1000 are the most",
    ),
    "a long URL": (
        cassette("x", request=REQUEST.replace("example/", "example/?" + "a&" * 400_000)),
        "a text of 800018 characters: 262144 are the most",
    ),
    "interactions": ("interactions: [" + "a," * 50_000 + "]\nversion: 1\n", "50000 interactions: 10000 are the most"),
    "files of a form": (
        cassette("x", request=REQUEST.replace("headers: {}", "headers: {content-type: [multipart/a; boundary=b]}").replace(
            "null", "!!binary " + base64.b64encode(b"".join(b"--b\r\n\r\n\r\n\xff%d\r\n" % n for n in range(2000)) + b"--b--").decode()
        )),
        "it has 2000 pictures and other files: 1000 are the most",
    ),
    "a sparse cassette": ("interactions: []\n\0", "it holds a NUL byte"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.usefixtures("no_sockets")
def test_it_is_refused_by_name(tmp_path, name):
    text, message = BOMBS[name]
    path = tmp_path / "fox.yaml"
    path.write_text(text, encoding="utf-8")
    path.with_name("fox-1.png").write_bytes(PICTURE)
    began = time.process_time()
    with pytest.raises(CassetteDecodeError) as caught, replay(path):
        httpx.get("http://h.example/")
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert time.process_time() - began < 5


def test_a_file_that_its_client_would_inflate_is_refused(tmp_path):
    path = tmp_path / "fox.yaml"
    (tmp_path / "fox-1.bin").write_bytes(GZIP)
    body = f"imgresponse:v1:fox-1.bin#{sha256(GZIP).hexdigest()}"
    path.write_text(cassette(body, "{content-encoding: [gzip]}"))
    with pytest.raises(
        CassetteDecodeError, match="fox.yaml: a body cannot be replayed: its content-encoding gzip makes"
    ):
        Store(path).load()[0].response.http()
    small = gzip.compress(b"fox" * 1000)
    (tmp_path / "fox-1.bin").write_bytes(small)
    path.write_text(cassette(f"imgresponse:v1:fox-1.bin#{sha256(small).hexdigest()}", "{content-encoding: [gzip]}"))
    assert Store(path).load()[0].response.http().body == small


def test_a_body_of_files_that_are_too_large_all_together(tmp_path, monkeypatch):
    monkeypatch.setattr(payloads, "LARGEST_CONTENT", len(PICTURE))
    path = tmp_path / "fox.yaml"
    path.with_name("fox-1.png").write_bytes(PICTURE)
    other = PICTURE + b"x"
    path.with_name("fox-2.png").write_bytes(other)
    path.write_text(cassette(f'\'["{NAMED}","imgresponse:v1:fox-2.png#{sha256(other).hexdigest()}"]\''))
    body = Store(path).load()[0].response.body
    for read in (body.content, lambda: list(body.pictures())):
        with pytest.raises(CassetteDecodeError, match=f"refers to files of more than {len(PICTURE)} bytes"):
            read()


def test_a_picture_may_be_named_often(tmp_path):
    path = tmp_path / "fox.yaml"
    path.with_name("fox-1.png").write_bytes(PICTURE)
    path.write_text(cassette(f"'{json.dumps([NAMED] * 40)}'"))
    answer = Store(path).load()[0].response.http()
    assert answer.json() == [base64.b64encode(PICTURE).decode()] * 40


@pytest.mark.parametrize(
    "text",
    [
        f"x: *{'a' * MEGABYTE}",
        f"x: !{'a' * MEGABYTE} b",
        f"? [{'a, ' * 20_000}]\n: b",
        f"interactions: []\nversion: {'1' * MEGABYTE}",
        cassette("x").replace("code: 200", f"code: {'2' * 200_000}"),
        cassette("x").replace("body: null", f"body_{'a' * MEGABYTE}: null"),
    ],
    ids=["alias", "tag", "key", "version", "status", "body"],
)
def test_what_a_file_says_is_not_all_repeated(tmp_path, text):
    path = tmp_path / "fox.yaml"
    path.write_text(text)
    with pytest.raises(CassetteDecodeError) as caught:
        Store(path).load()
    assert len(str(caught.value)) < document._LONGEST_PROBLEM + 500


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a sparse file is made by truncating on POSIX")
def test_a_sparse_picture_with_the_right_hash(tmp_path):
    path, size = tmp_path / "fox.yaml", 250 * 2**20
    with path.with_name("fox-1.png").open("wb") as file:
        file.truncate(size)
    digest = sha256()
    for _ in range(250):
        digest.update(bytes(2**20))
    path.write_text(cassette(f"'\"imgresponse:v1:fox-1.png#{digest.hexdigest()}\"'"))
    with pytest.raises(CassetteDecodeError, match="refers to files of more than 201326592 bytes"):
        Store(path).load()[0].response.http()


def test_the_pictures_of_an_answer_have_a_bound_too(tmp_path):
    path = tmp_path / "fox.yaml"
    large = make_picture("png", 5000, 5000)
    path.with_name("fox-1.png").write_bytes(large)
    named = f"imgresponse:v1:fox-1.png#{sha256(large).hexdigest()}"
    path.write_text(cassette(f"'{json.dumps([named] * 7)}'"))
    with replay(path) as replayed:
        httpx.get("http://h.example/")
        with pytest.raises(ResponseError, match="one answer have more than 128000000 pixels all together"):
            replayed.images
