"""Matching: what is the same request, and what a miss says."""

from __future__ import annotations

import base64
import json
import time

import pytest

from pytest_imgresponse._config import MATCHERS
from pytest_imgresponse.cassette.interaction import Request
from pytest_imgresponse.cassette.matching import facets_of, is_loopback, key_of
from pytest_imgresponse.cassette.misses import differences, nearest
from pytest_imgresponse.http import HTTPRequest

PICTURE = b"\x89PNG\r\n\x1a\n" + b"pixels" * 9


def request(method="POST", url="https://api.openai.com/v1/images/generations", headers=(), body=b""):
    return Request.of(HTTPRequest(method, url, headers, body))


def multipart(boundary: str, *parts: tuple[str, bytes], filename: str = "a.png") -> dict:
    content = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in parts
    )
    return {
        "headers": {"content-type": f"multipart/form-data; boundary={boundary}"},
        "body": content + f"--{boundary}--\r\n".encode(),
    }


SAME = {
    "the method's case": ({"method": "post"}, {"method": "POST"}),
    "headers": ({"headers": {"Accept": "a"}}, {"headers": {"X": "b"}}),
    "the default port": ({"url": "https://a/b"}, {"url": "https://a:443/b"}),
    "an empty path": ({"url": "https://a"}, {"url": "https://a/"}),
    "the order of the query": ({"url": "https://a/?b=1&c=2"}, {"url": "https://a/?c=2&b=1"}),
    "a fragment": ({"url": "https://a/#b"}, {"url": "https://a/#c"}),
    "the host's case": ({"url": "https://API.example/"}, {"url": "https://api.example/"}),
    "loopback": ({"url": "http://127.0.0.1:8000/v1"}, {"url": "http://localhost:9/v1"}),
    "loopback of six": ({"url": "http://[::1]:8000/v1"}, {"url": "http://localhost/v1"}),
    "JSON by value": ({"body": b'{"a": 1, "b": [2.0]}'}, {"body": b'{"b":[2],\n"a":1.0}'}),
    "JSON escapes": ({"body": '{"a": "ü"}'.encode()}, {"body": b'{"a": "\\u00fc"}'}),
    "boundary": (multipart("abc", ("image", PICTURE)), multipart("xyz", ("image", PICTURE))),
    "the order of parts": (multipart("a", ("a", b"1"), ("b", b"2")), multipart("a", ("b", b"2"), ("a", b"1"))),
    "file names": (multipart("a", ("image", PICTURE)), multipart("a", ("image", PICTURE), filename="upload")),
}
DIFFERENT = {
    "method": ({"method": "GET"}, {"method": "POST"}, "method: recorded 'GET', asked 'POST'"),
    "scheme": ({"url": "http://a:1/"}, {"url": "https://a:1/"}, "scheme: recorded 'http', asked 'https'"),
    "host": ({"url": "http://a/"}, {"url": "http://b/"}, "host: recorded 'a', asked 'b'"),
    "port": ({"url": "http://a/"}, {"url": "http://a:81/"}, "port: recorded 80, asked 81"),
    "path": ({"url": "http://a/v1"}, {"url": "http://a/v2"}, "path: recorded '/v1', asked '/v2'"),
    "query": ({"url": "http://a/?n=1"}, {"url": "http://a/?n=2&n=3"}, "query n: recorded '1', asked '2'"),
    "more query": ({"url": "http://a/?n=1"}, {"url": "http://a/?n=1&n="}, "query n#2: recorded nothing, asked ''"),
    "prompt": ({"body": b'{"prompt": "a red fox"}'}, {"body": b'{"prompt": "a red foxx"}'},
               "prompt: recorded 'a red fox', asked 'a red foxx'"),
    "depth": ({"body": b'{"a": [{"b": 1}, {}]}'}, {"body": b'{"a": [{"b": 2}, {}]}'}, "a[0].b: recorded 1, asked 2"),
    "a bool": ({"body": b'{"stream": 1}'}, {"body": b'{"stream": true}'}, "stream: recorded 1, asked True"),
    "a missing field": ({"body": b'{"n": 1}'}, {"body": b"{}"}, "n: recorded 1, asked nothing"),
    "no body": ({"body": b"5"}, {}, "body: recorded '5', asked nothing"),
    "JSON root": ({"body": b"[]"}, {"body": b'"a"'}, "body: recorded [], asked 'a'"),
    "text": ({"body": b"{a"}, {"body": b"{b"}, "body: recorded '{a', asked '{b'"),
    "a long text": ({"body": b"a" * 99}, {"body": b"b"}, "aaaaa'…, asked 'b'"),
    "the end of a long text": ({"body": b"a" * 99 + b"b"}, {"body": b"a" * 99 + b"c"}, "aaaab', asked …'aaaa"),
    "a list in the place of a text": ({"body": b'{"a": [1, 2]}'}, {"body": b'{"a": "b"}'}, "a: recorded [1, 2], asked 'b'"),
    "a list that is longer": ({"body": b'{"a": [1]}'}, {"body": b'{"a": [1, {"b": 2}]}'}, "a[1].b: recorded nothing, asked 2"),
    "a long list": ({"body": json.dumps({"a": list(range(99))}).encode()}, {"body": b'{"a": 1}'}, "a: recorded [0, 1, 2"),
    "a long name": ({"body": json.dumps({"a" * 99: 1}).encode()}, {"body": b"{}"}, "…" + "a" * 26 + ": recorded 1,"),
    "an upload": (multipart("a", ("image", PICTURE)), multipart("a", ("image", PICTURE + b"!")),
                  "image: recorded the picture "),
    "a payload": ({"body": json.dumps({"image": base64.b64encode(PICTURE).decode()}).encode()},
                  {"body": b'{"image": "a"}'}, "…, asked 'a'"),
    "a port that is none": ({"url": "http://a:99999/"}, {"url": "http://a/"}, "port: recorded None, asked 80"),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_the_same_request(one, other):
    assert key_of(facets_of(request(**one))) == key_of(facets_of(request(**other)))
    assert differences(facets_of(request(**one)), facets_of(request(**other))) == []


@pytest.mark.parametrize(("one", "other", "line"), DIFFERENT.values(), ids=DIFFERENT)
def test_another_request(one, other, line):
    assert key_of(facets_of(request(**one))) != key_of(facets_of(request(**other)))
    assert any(line in found for found in differences(facets_of(request(**one)), facets_of(request(**other))))


@pytest.mark.parametrize("depth", [102, 800, 200_000])
def test_json_that_nests_too_deep_is_compared_as_text(depth):
    deep = {"body": b"[" * depth + b"]" * depth}
    assert facets_of(request(**deep))["body"] == {"text": deep["body"].decode()}
    assert key_of(facets_of(request(**deep))) == key_of(facets_of(request(**deep)))


@pytest.mark.parametrize("matcher", MATCHERS)
def test_match_on_narrows_it(matcher):
    one, other, _ = DIFFERENT[{"body": "prompt"}.get(matcher, matcher)]
    rest = [name for name in MATCHERS if name != matcher]
    assert key_of(facets_of(request(**one), rest)) == key_of(facets_of(request(**other), rest))


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True), ("LOCALHOST.", True),
     ("127.0.0.1.example", False), ("10.0.0.1", False), ("localhost.example", False), (None, False)],
)  # fmt: skip
def test_loopback(host, expected):
    assert is_loopback(host) is expected


def test_the_nearest_of_many_large_requests_is_told_at_once():
    def facets(prompt, first=0):
        body = {"prompt": prompt, **{f"key{number}": first + number for number in range(20_000)}}
        return facets_of(request(body=json.dumps(body).encode()))

    recorded = [facets("a cat", 5), *[facets("a fox 0")] * 50]
    asked = facets("a foxx")
    began = time.process_time()
    told = nearest(recorded, asked)
    assert time.process_time() - began < 1
    assert told == "the nearest, number 2, differs in:\n  prompt: recorded 'a fox 0', asked 'a foxx'"


def test_every_difference_is_told_in_a_line_that_a_terminal_takes():
    old = {"a" * 99: "x" * 999 + "y", "b": list(range(999)), "prompt": "a red fox " * 50 + "\n" * 50}
    new = {"a" * 99: "x" * 999 + "z", "b": 1, "prompt": "a red fox " * 50 + "in a hat"}
    lines = differences(*(facets_of(request(body=json.dumps(body).encode())) for body in (old, new)))
    assert len(lines) == 3
    assert all(len(line) < 80 and "\n" not in line for line in lines)
