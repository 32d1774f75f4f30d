"""An interaction as a cassette keeps it: a request and its response, their bodies with references."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from pytest_imgresponse.cassette.payloads import Body, File
from pytest_imgresponse.encodings import MOST_GROWTH, SMALL_GROWTH, TooLargeError, remove_encoding, request_body
from pytest_imgresponse.errors import CassetteDecodeError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse, Pairs, boundary_of

BOUNDARY = "imgresponse-boundary"
"""What a multipart boundary is normalised to: a client draws a new one for each request."""


def _first(headers: Pairs, name: str) -> str | None:
    return next((value for key, value in headers if key.lower() == name), None)


@dataclass(frozen=True, slots=True)
class Request:
    """A recorded request. Its method is in upper case, its URL absolute."""

    method: str
    url: str
    headers: Pairs = ()
    body: Body = field(default_factory=Body)

    @classmethod
    def of(cls, request: HTTPRequest, decoded: Callable[[HTTPRequest], bytes] = request_body) -> Request:
        """The recorded form of a request, in the clear, with its multipart boundary normalised.

        `decoded` gives its body without a content-encoding.
        """
        content_type = request.header("content-type")
        body, headers = Body.of(decoded(request), content_type), request.headers
        boundary = boundary_of(content_type)
        if boundary is not None and (renamed := body.with_boundary(boundary, BOUNDARY.encode())) is not None:
            body = renamed
            named = re.compile(f'(?i)(boundary="?){re.escape(boundary.decode())}')
            headers = tuple(
                (name, named.sub(rf"\1{BOUNDARY}", value) if name.lower() == "content-type" else value)
                for name, value in headers
            )
        return cls(request.method.upper(), request.url, headers, body)

    @property
    def content_type(self) -> str | None:
        """The value of its Content-Type."""
        return _first(self.headers, "content-type")

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return _first(self.headers, name)

    def http(self) -> HTTPRequest:
        """The request with its whole body."""
        return HTTPRequest(self.method, self.url, self.headers, self.body.content(self.content_type))


@dataclass(frozen=True, slots=True)
class Response:
    """A recorded response. Its body carries no content-encoding, but for one that could not be removed."""

    status: int
    reason: str
    headers: Pairs
    body: Body
    http_version: str = ""
    """That of its connection; empty for HTTP/1.1, and where it is not known."""

    @classmethod
    def of(cls, response: HTTPResponse) -> Response:
        """The recorded form of a response."""
        body = Body.of(response.body, response.header("content-type"))
        return cls(response.status, response.reason, tuple(response.headers), body, response.http_version)

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return _first(self.headers, name)

    def http(self) -> HTTPResponse:
        """The response with its whole body. Reads the pictures, and raises what reading them raises."""
        content = self.body.content(self.header("content-type"))
        if self.body.is_one_file and self.header("content-encoding") is not None:
            self._refuse_bomb(content)
        return HTTPResponse(self.status, self.headers, content, reason=self.reason, http_version=self.http_version)

    def _refuse_bomb(self, content: bytes) -> None:
        """Raises `CassetteDecodeError` for a body that its client would make too much of."""
        try:
            remove_encoding(HTTPResponse(self.status, self.headers, content), SMALL_GROWTH + MOST_GROWTH * len(content))
        except TooLargeError as error:
            (file,) = self.body.files.values()
            raise CassetteDecodeError(f"{file.cassette}: a body cannot be replayed: {error}") from error


@dataclass(frozen=True)
class Interaction:
    """A request and its response."""

    request: Request
    response: Response
    by_value: bool = field(default=False, compare=False)
    """Whether of a body only its JSON value was recorded, and not how it was written, as pydantic-ai does it."""

    @cached_property
    def digest(self) -> str:
        """What tells this interaction from another, whatever its files are named."""
        request, response = self.request, self.response
        facts = (
            request.method, request.url, request.headers, request.body.text,
            response.status, response.reason, response.headers, response.body.text, response.http_version,
        )  # fmt: skip
        return sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def files(self) -> list[File]:
        """The files of both bodies, in the order in which their texts name them."""
        return [*self.request.body.files.values(), *self.response.body.files.values()]
