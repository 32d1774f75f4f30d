"""The judge before hostile bytes: it never takes long, and never raises."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pybase64
import pytest

from pytest_imgresponse.checks import check
from pytest_imgresponse.checks.pictures import PIXEL_BUDGET
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import PIXEL_LIMIT_WORDS, webp_builder
from tests.test_checks import JSON_TYPE, STREAM_TYPE, answer, payload, plain, request
from tests.test_checks_anything import holds

SECONDS = 20
"""Of processor time, so that other work on the machine does not count. Generous: the slowest takes two."""


def many(text: str, size: int = 5_000_000) -> str:
    return text * (size // len(text))


DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "arrays": lambda: many("[],").encode().join([b'{"x": [', b"1]}"]),
    "deep": lambda: b"[" * 5_000_000,
    "deep objects": lambda: b'{"a":' * 1_000_000,
    "empty images": lambda: f'{{"created": 1, "data": [{many("{},")}{{}}]}}'.encode(),
    "null images": lambda: f'{{"created": 1, "data": [{many("null,")}null]}}'.encode(),
    "bad payloads": lambda: json.dumps({"data": [{"b64_json": "*"}] * 300_000}).encode(),
    "repeated keys": lambda: f'{{{many(chr(34) + "a" + chr(34) + ":1,")}"a":1}}'.encode(),
    "objects with repeated keys": lambda: (
        f'{{"x": [{many(chr(123) + chr(34) + "a" + chr(34) + ":1," + chr(34) + "a" + chr(34) + ":2},")}1]}}'.encode()
    ),
    "many keys": lambda: json.dumps({f"key {n}": n for n in range(300_000)}).encode(),
    "one long key": lambda: json.dumps({"x" * 5_000_000: float("nan")}).encode(),
    "nan": lambda: f'{{"x": [{many("NaN,")}1]}}'.encode(),
    "nan far down": lambda: b'{"x":' + b"[" * 900 + many("1.5,").encode() + b"NaN" + b"]" * 900 + b"}",
    "large integers": lambda: f'{{"x": [{many("7" * 599 + ",")}1]}}'.encode(),
    "a huge integer": lambda: b'{"x": ' + b"7" * 5_000_000 + b"}",
    "white space": lambda: b" " * 5_000_000,
    "white space and junk": lambda: b" " * 5_000_000 + b"x",
    "a prefix": lambda: json.dumps({"data": [{"b64_json": "data:" * 1_200_000}]}).encode(),
    "white payload": lambda: json.dumps({"data": [{"b64_json": "A \n" * 2_000_000}]}).encode(),
    "dashes": lambda: json.dumps({"data": [{"b64_json": "-_+/" * 1_500_000}]}).encode(),
    "padding": lambda: json.dumps({"data": [{"b64_json": "=" * 5_000_000}]}).encode(),
    "zeros": lambda: json.dumps({"data": [{"b64_json": "A" * 5_000_000}]}).encode(),
    "a long url": lambda: json.dumps({"data": [{"url": "https:" * 1_000_000}]}).encode(),
    "a long prompt": lambda: json.dumps({"data": [{"revised_prompt": "a\ud83e" * 1_000_000}]}).encode(),
    "a long size": lambda: json.dumps({"size": "1" * 5_000_000, "quality": "\0" * 1_000_000}).encode(),
}
STREAMS: dict[str, Callable[[], bytes]] = {
    "newlines": lambda: b"\n" * 5_000_000,
    "carriage returns": lambda: b"\r" * 5_000_000,
    "comments": lambda: b":\n" * 3_000_000,
    "empty data": lambda: b"data\n" * 1_200_000,
    "small events": lambda: b"data: {}\n\n" * 600_000,
    "broken events": lambda: b"data: {\n\n" * 600_000,
    "one long event": lambda: b'data: {"x": "' + b"y" * 5_000_000 + b'"}\n\n',
    "an event in many lines": lambda: b"data: [\n" * 750_000,
    "one long line": lambda: b"data" * 1_500_000,
}
PICTURES: dict[str, Callable[[], bytes]] = {
    "angle brackets": lambda: b"<" * 5_000_000,
    "comments of markup": lambda: b"<!--" * 1_500_000,
    "zeros alone": lambda: bytes(5_000_000),
}


SENT = [
    *((name, make, JSON_TYPE) for name, make in DOCUMENTS.items()),
    *((name, make, STREAM_TYPE) for name, make in STREAMS.items()),
    *((name, make, {"content-type": "image/png"}) for name, make in PICTURES.items()),
]


@pytest.mark.parametrize(("make", "told"), [row[1:] for row in SENT], ids=[row[0] for row in SENT])
def test_hostile_bodies_take_no_long_time(make: Callable[[], bytes], told: dict[str, str]) -> None:
    response = HTTPResponse(200, told, make())
    start = time.process_time()
    holds(response)
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"") * 300_000, gzip.compress(bytes(50_000_000)), b"\x1f\x8b" * 3_000_000],
    ids=["members", "bomb", "headers"],
)
def test_hostile_encodings_take_no_long_time(coding: str, body: bytes) -> None:
    start = time.process_time()
    holds(HTTPResponse(200, {**JSON_TYPE, "content-encoding": coding}, body))
    assert time.process_time() - start < SECONDS


def test_hostile_headers_take_no_long_time() -> None:
    start = time.process_time()
    for text in ("," * 1_000_000, ";" * 1_000_000, " " * 1_000_000, "9" * 1_000_000, "gzip," * 200_000):
        told = [(name, text) for name in ("content-type", "content-length", "content-encoding", "openai-model")]
        for pair in told:
            holds(HTTPResponse(200, [pair], b"{}"), request(model="x"))
    holds(HTTPResponse(200, [("content-length", "2")] * 300_000, b"{}"))
    assert time.process_time() - start < SECONDS


def test_hostile_requests_take_no_long_time() -> None:
    start = time.process_time()
    head = b'Content-Disposition: form-data;name="' * 100
    for part in (b"--fox\r\n%s\r\n\r\n\r\n" % head, b"--fox\r\n\r\n\r\n\r\n"):
        body = part * (5_000_000 // len(part)) + b"--fox--"
        asked = HTTPRequest("POST", "https://example.com/", {"content-type": "multipart/form-data; boundary=fox"}, body)
        holds(answer(plain()), asked)
    for body in (b"[" * 5_000_000, b'{"prompt": "' + b"x" * 5_000_000 + b'"}', b'{"prompt":1,"n":' + b"7" * 6_000_000):
        holds(answer(plain()), HTTPRequest("POST", "https://example.com/", JSON_TYPE, body))
    assert time.process_time() - start < SECONDS


def sent(*pictures: bytes) -> HTTPResponse:
    return answer({"created": 1, "data": [{"b64_json": pybase64.b64encode(data).decode()} for data in pictures]})


@pytest.mark.slow
def test_small_files_of_many_pixels_take_no_long_time() -> None:
    """A still that is over the limit, and animations of a few hundred bytes each."""
    animations = [webp_builder.animated(4100, 4100, *[(n, each, 1) for n in range(8)]) for each in range(16)]
    response = sent(*animations)
    assert len(response.body) < 10_000
    start = time.process_time()
    found = check(response)
    assert time.process_time() - start < 5
    left = [finding.path for finding in found if "for one response" in finding.message]
    assert left == [f"$.data[{number}].b64_json" for number in range(4, 16)]


@pytest.mark.slow
def test_ten_of_the_largest_pictures_are_decoded() -> None:
    still = {"created": 1, "data": [{"b64_json": payload("png", "3840x2160", seed=seed)} for seed in range(10)]}
    assert check(answer(still)) == []


def test_what_is_beyond_the_pixels_of_one_response_is_said() -> None:
    wide = payload("png", "5800x5800")
    value = {"created": 1, "data": [{"b64_json": wide}] * 5}
    for each in (answer(value), answer(value)):
        assert [(finding.path, finding.verdict, finding.message) for finding in check(each)] == [
            (
                "$.data[4].b64_json",
                "unusual",
                f"not decoded: the picture is {PIXEL_LIMIT_WORDS} of {PIXEL_BUDGET} for one response: "
                f"{4 * 5800**2} were decoded before it",
            )
        ]


MEMORY = """
import sys
from pytest_imgresponse.checks import check
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import webp_builder

def peak():
    # Of this process alone; what `getrusage` tells begins with that of the process which started it.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

edges = [(7999, 8000), (5830, 5830), (4123, 4123)]
flat = [webp_builder.riff(webp_builder.flat(*edge, (1, 2, 3))) for edge in edges]
pictures = [*flat, webp_builder.animated(4123, 4123, (1, 2, 3), (4, 5, 6))]
for data in pictures:
    findings = check(HTTPResponse(200, {"content-type": "image/webp"}, data))
    print(len(data), [finding.message for finding in findings], file=sys.stderr)
print(peak() // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process alone is told by Linux")
def test_small_files_of_many_pixels_take_no_memory() -> None:
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 500, done.stderr
