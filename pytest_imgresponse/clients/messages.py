"""vcrpy's requests and responses made into ours, and back."""

from __future__ import annotations

from typing import Any

from vcr.request import Request as VcrRequest

from pytest_imgresponse.errors import UnrecordableRequestError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse


def from_vcr_request(request: VcrRequest) -> HTTPRequest:
    """A request as vcrpy has it. Raises `UnrecordableRequestError` for a body that is no bytes."""
    try:
        body, kind = request.body_bytes, f"a {type(request.body_bytes).__name__}"
    except TypeError:  # vcrpy joins the pieces of an iterator
        body, kind = [], "in pieces that are no bytes"
    if not isinstance(body, bytes | bytearray | memoryview | None):
        raise UnrecordableRequestError(
            f"the body of {request.method} {request.uri} is {kind}, which cannot be kept in a cassette; nothing was "
            f"sent. Send bytes, a file, or a form"
        )
    headers = [
        (name, value.decode("latin-1") if isinstance(value, bytes) else str(value))
        for name, value in request.headers.items()
    ]
    return HTTPRequest(request.method, request.uri, headers, bytes(body or b""))


def from_vcr_response(response: dict[str, Any]) -> HTTPResponse:
    """A response as vcrpy has it."""
    headers = response["headers"]
    grouped = headers.items() if isinstance(headers, dict) else headers  # pairs where tornado recorded
    pairs = [(str(name), str(value)) for name, values in grouped for value in values]
    status, body = response["status"], response["body"].get("string") or b""
    version = response.get("http_version") or ""
    return HTTPResponse(status["code"], pairs, body, reason=status["message"] or "", http_version=version)


class _Header(str):
    """A part of a header in latin-1, which stands for its bytes on the wire: who encodes it gets those.

    httpx takes ASCII, and vcrpy makes UTF-8 of it for `http.client`, which reads that as latin-1.
    """

    __slots__ = ()

    @classmethod
    def of(cls, text: str) -> _Header:
        """What is beyond latin-1 is UTF-8 on the wire."""
        try:
            return cls(text.encode("latin-1").decode("latin-1"))
        except UnicodeEncodeError:
            return cls(text.encode("utf-8", "surrogatepass").decode("latin-1"))

    def encode(self, encoding: str = "latin-1", errors: str = "strict") -> bytes:
        """The bytes, whatever encoding is named."""
        return super().encode("latin-1")


def to_vcr_response(response: HTTPResponse) -> dict[str, Any]:
    """A response as vcrpy wants it."""
    headers: dict[str, list[str]] = {}
    for name, value in response.headers:
        headers.setdefault(_Header.of(name), []).append(_Header.of(value))
    reason = response.reason.encode("ascii", "replace").decode()
    version = {"http_version": response.http_version} if response.http_version else {}
    return {
        "status": {"code": response.status, "message": reason},
        **version,
        "headers": headers,
        "body": {"string": response.body},
    }
