"""The judge: `check` takes a response through the levels, from the outside in.

An inner level is judged as far as the outer ones leave something to judge: no schema for what is no JSON.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator

from pytest_imgresponse.checks import json_level, schema_level
from pytest_imgresponse.checks.comparison import Comparison, asked_by
from pytest_imgresponse.checks.finding import Finding
from pytest_imgresponse.checks.http_level import judge_http
from pytest_imgresponse.checks.pictures import Pictures, image_findings
from pytest_imgresponse.checks.stream_level import stream_findings
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images.judge import judged


def check(response: HTTPResponse, request: HTTPRequest | None = None) -> list[Finding]:
    """What is unusual or wrong with a response, from the outside in; nothing for a plain valid answer.

    The levels are http, stream, json, schema, base64 and image. An invalid finding ends the judging of what it
    is about. With the request it also says where the answer is not what was asked for. Never raises, whatever
    the bytes: time and memory are bounded by the length of the body and by the pixels that are decoded, which
    are those of the pixel limit in a file and of `PIXEL_BUDGET` in a response; what is beyond is not decoded.
    What is no `HTTPResponse` at all is refused with `ConfigError`.
    """
    if not isinstance(response, HTTPResponse):
        raise ConfigError(f"check() expected an HTTPResponse as response; got {reprlib.repr(response)}")
    if not isinstance(request, HTTPRequest | None):
        raise ConfigError(f"check() expected an HTTPRequest or None as request; got {reprlib.repr(request)}")
    return list(_findings(response, asked_by(request)))


def _findings(response: HTTPResponse, asked: Comparison) -> Iterator[Finding]:
    findings, kind, body = judge_http(response)
    yield from findings
    if kind is None:
        return
    if response.status < 400:
        yield from asked.of_answer(response, kind)
    if kind == "image":
        yield from image_findings(judged(body), "body")
    elif kind == "stream":
        yield from stream_findings(body, asked)
    elif response.status >= 400:
        yield from _error(body)
    else:
        yield from _answer(body, asked)


def _error(body: bytes) -> Iterator[Finding]:
    findings, value = json_level.loaded(body, "$")
    yield from findings
    if value is not json_level.UNREADABLE:
        yield from schema_level.error_answer(value)


def _answer(body: bytes, asked: Comparison) -> Iterator[Finding]:
    findings, value = json_level.loaded(body, "$")
    yield from findings
    if value is json_level.UNREADABLE:
        return
    yield from asked.of_number(value)
    yield from schema_level.answer(value)
    if isinstance(value, dict):
        yield from asked.of_json(value)
        yield from Pictures(asked).of_answer(value)
