"""The level `http`: status, content-encoding, Content-Length and content type.

What it leaves to the inner levels (`Inner`) is the body as it is once its encoding is undone, and what kind it is.
"""

from __future__ import annotations

import re
import zlib
from typing import Literal, NamedTuple

from pytest_imgresponse.checks.finding import Finding, Verdict, shortened
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import KINDS, suffix_of

Kind = Literal["json", "stream", "image"]

INFLATED_LIMIT = 256 * 2**20
"""Bytes that a body is inflated to at the most: ten pictures of 8,294,400 pixels have some 160 MB of base64."""

_SMALL, _RATIO = 16 * 2**20, 100
# Up to 16 MiB any ratio is fine. Beyond, a body of a hundred times its compressed size is a bomb: the base64 of a
# picture, which is compressed already, shrinks to three quarters at best.

_ENCODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
# RFC 9110, section 8.4.1; the numbers are zlib's for the two formats.

_JSON = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe(?:\0\0)?|(?:\0\0)?\xfe\xff)?[ \t\r\n\0]*+[\[{]")
_STREAM = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*+(?:(?:event|data|id|retry)(?:[:\r\n]|\Z)|:)")
_LENGTH = re.compile(r"[0-9]{1,18}")


class Inner(NamedTuple):
    """What level http leaves to the inner ones: the body without its encoding, and as what it is to be judged.

    `kind` is None where nothing is left to judge.
    """

    findings: list[Finding]
    kind: Kind | None
    body: bytes


class _Stop(Exception):  # noqa: N818 - ends the judging, and is caught in this module
    """Nothing further can be judged."""


def judge_http(response: HTTPResponse) -> Inner:
    """Judge the status, the headers and the encoding of a response."""
    content = Inner([], None, response.body)
    try:
        _judge_status(response.status, content.findings)
        body = _without_encoding(response, content.findings)
        _judge_length(response, content.findings)
        kind = (_error_kind if response.status >= 400 else _answer_kind)(response, body, content.findings)
    except _Stop:
        return content
    return content._replace(kind=kind, body=body)


def _stop(findings: list[Finding], path: str, message: str, verdict: Verdict = "invalid") -> _Stop:
    findings.append(Finding("http", path, verdict, message))
    return _Stop()


def _note(findings: list[Finding], path: str, message: str) -> None:
    findings.append(Finding("http", path, "unusual", message))


def _judge_status(status: int, findings: list[Finding]) -> None:
    if status == 200 or 400 <= status <= 599:
        return
    # A redirect, which the client should have followed, is neither an answer nor an error; nor is any status below 200.
    if not 200 <= status <= 299:
        raise _stop(findings, "status", f"status {status}; an answer has 200, an error 400 to 599")
    _note(findings, "status", f"status {status}; the images API answers with 200")


def _without_encoding(response: HTTPResponse, findings: list[Finding]) -> bytes:
    path, body = "headers.content-encoding", response.body
    codings = _listed_values(response, "content-encoding", without="identity")
    if not codings:
        # Without the header no client undoes the compression, and no parser reads the body.
        if body.startswith(b"\x1f\x8b"):
            raise _stop(findings, "body", "the body is gzip, and no content-encoding says so")
        return body
    says = f"content-encoding says {shortened(', '.join(codings))}"
    if not body or _looks_like(body) is not None or (codings[-1].endswith("gzip") and not body.startswith(b"\x1f\x8b")):
        _note(findings, path, f"{says}, and the body is not encoded; HTTPResponse holds content, its header dropped")
        return body
    bits = _ENCODINGS.get(codings[0]) if len(codings) == 1 else None
    if bits is None:
        raise _stop(findings, path, f"{says}, which cannot be undone here: the body is not judged", "unusual")
    _note(findings, path, f"{says}, and so the body still is; HTTPResponse holds content")
    if bits == 15 and (body[0] & 15 != 8 or int.from_bytes(body[:2], "big") % 31):
        bits = -15  # what many servers send as deflate: no zlib header (RFC 9110, section 8.4.1.2, note)
    return _inflated(body, bits, says, findings)


def _inflated(body: bytes, bits: int, says: str, findings: list[Finding]) -> bytes:
    limit = min(INFLATED_LIMIT, max(_SMALL, _RATIO * len(body)))
    inflater = zlib.decompressobj(bits)
    try:
        content = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise _stop(findings, "body", f"{says}, and the body cannot be decoded: {error}") from None
    # Neither right nor wrong, for it was not read to its end. So unusual, and nothing further is judged.
    if len(content) > limit:
        raise _stop(findings, "body", f"the body inflates to more than {limit} bytes: it is not judged", "unusual")
    if not inflater.eof:
        raise _stop(findings, "body", f"{says}, and the encoded body is cut off after {len(body)} bytes")
    if inflater.unused_data:
        more = len(inflater.unused_data)
        message = f"{more} bytes follow the encoded body; some decoders drop them, some decode them too"
        findings.append(Finding("http", "body", "tolerated", message))
    return content


def _judge_length(response: HTTPResponse, findings: list[Finding]) -> None:
    """RFC 9112, section 6.3: a wrong length is an error, and a Transfer-Encoding overrides it."""
    path = "headers.content-length"
    values = _listed_values(response, "content-length")
    # The length of an encoded body is that of its encoded bytes, which are not here.
    if not values or response.header("content-encoding") is not None:
        return
    if len(set(values)) > 1 or not _LENGTH.fullmatch(values[0]):
        raise _stop(findings, path, f"Content-Length is {shortened(', '.join(values))}; expected one number of bytes")
    declared, there = int(values[0]), len(response.body)
    if declared == there:
        return
    if response.header("transfer-encoding") is not None:
        _note(findings, path, f"Content-Length says {declared} and the body has {there} bytes; Transfer-Encoding wins")
        return
    what = "truncated" if there < declared else "too long"
    raise _stop(findings, "body", f"the body is {what}: {there} bytes, where Content-Length says {declared}")


def _listed_values(response: HTTPResponse, name: str, without: str = "") -> list[str]:
    """The values of a header that may be a list or repeat, in lower case (RFC 9110, section 5.3)."""
    values = (value for key, value in response.headers if key.lower() == name)
    parts = (part.strip().lower() for value in values for part in value.split(","))
    return [part for part in parts if part and part != without]


def _looks_like(body: bytes) -> Kind | None:
    """What a body looks like by its first bytes."""
    if _JSON.match(body):
        return "json"
    if _STREAM.match(body):
        return "stream"
    return "image" if suffix_of(body) else None


def _kind_of_type(media_type: str) -> Kind | None:
    if media_type in ("application/json", "text/json") or media_type.endswith("+json"):
        return "json"
    if media_type == "text/event-stream":
        return "stream"
    return "image" if media_type.startswith("image/") else None


def _answer_kind(response: HTTPResponse, body: bytes, findings: list[Finding]) -> Kind:
    """As what a 200 is judged: what it looks like, or else what its content type says.

    The look comes first since many servers send JSON as `text/plain`, and clients read it all the same.
    """
    media_type, form = response.content_type, _looks_like(body)
    declared = _kind_of_type(media_type)
    if not body and declared != "stream":
        raise _stop(findings, "body", f"status {response.status} with an empty body; expected JSON")
    if form == "image" and (declared == "json" or media_type == "text/html"):
        form = None  # a picture under a type of JSON or HTML is no picture answer: a client reads it as that type
    kind = form or declared
    if kind is None:
        raise _no_json(response, body, findings)
    if kind != declared:
        _note(findings, "headers.content-type", _other_type(response, kind))
    elif kind == "image" and form and media_type not in (known := KINDS[suffix_of(body) or ""].media_types):
        says = f"content-type is {shortened(media_type)}, and the body is {known[0]}"
        _note(findings, "headers.content-type", says)
    return kind


def _error_kind(response: HTTPResponse, body: bytes, findings: list[Finding]) -> Kind:
    """An error answer is JSON, but for the XML of a blob store, which is no part of the API."""
    declared = _kind_of_type(response.content_type)
    if _looks_like(body) == "json" or (declared == "json" and body):
        if declared != "json":
            _note(findings, "headers.content-type", _other_type(response, "json"))
        return "json"
    if response.content_type.endswith("xml") and b"<Error>" in body[:1024]:
        code = re.search(rb"<Code>(\w{1,40})</Code>", body[:1024])
        says = f" ({code[1].decode()})" if code else ""
        raise _stop(findings, "body", f"status {response.status} with the XML of a blob store{says}", "unusual")
    raise _no_json(response, body, findings)


def _other_type(response: HTTPResponse, kind: Kind) -> str:
    expected = {"json": "application/json", "stream": "text/event-stream", "image": "an image type"}[kind]
    says = response.header("content-type")
    return f"content-type is {'missing' if says is None else shortened(says)}; expected {expected} for this body"


def _no_json(response: HTTPResponse, body: bytes, findings: list[Finding]) -> _Stop:
    start = shortened(body[:80].decode("utf-8", "replace")) if body else "nothing"
    says = shortened(response.header("content-type", "no content-type") or "")
    return _stop(findings, "body", f"status {response.status} ({says}) with {start}; expected JSON")
