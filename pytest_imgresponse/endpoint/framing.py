"""How an answer goes over the wire: what a server sends for it, framed as RFC 9112 says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.faults import Fault
from pytest_imgresponse.http import HTTPResponse

Encode = Callable[[bytes], bytes]
Coding = tuple[str, Encode]
"""A content coding of the server: its name, and what compresses by it."""

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_WITHOUT_BODY = (204, 304)  # RFC 9112, section 6.3
LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer, and how it is to be sent: with a wire fault, or `as_it_is`, with the framing that its headers tell.

    Otherwise the server frames and encodes it as it does.
    """

    response: HTTPResponse
    fault: Fault | None = None
    as_it_is: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """What a server does on a connection: it waits `before` seconds, sends the head, then the body, then ends.

    A number in the body is seconds to wait. To `keep` the connection is up to the client too.
    """

    head: bytes
    body: Iterable[bytes | float]
    end: Literal["keep", "close", "reset"] = "keep"
    before: float = 0.0


def deliverable(response: HTTPResponse, fault: object) -> Delivery:
    """The delivery of a response as it is, or with a fault. Raises `ConfigError` for what cannot be sent."""
    if not 200 <= response.status <= 999:
        raise ConfigError(f"expected a status from 200 to 999, which ends an answer; got {response.status!r}")
    try:
        head(response, response.headers)
    except ValueError as error:
        raise ConfigError(f"the headers of this response cannot be sent: {error}; got {response.headers!r}") from None
    if not isinstance(fault, Fault | None):
        raise ConfigError(f"expected a Fault, the name of one, or None; got {fault!r}")
    if response.status in _WITHOUT_BODY and (response.body or fault):
        raise ConfigError(f"an answer of status {response.status} has no body: expected b'' and no wire fault")
    if fault is not None and fault.kind.needs_body and not response.body.strip():
        raise ConfigError(f"the wire fault {fault.name!r} needs a body to befall; got {response.body!r}")
    return Delivery(response, fault, as_it_is=True)


def plain(delivery: Delivery, *, keep: bool, may_chunk: bool, coding: Coding | None) -> Script:
    """A stream event by event, other JSON encoded as the client accepts it."""
    response = delivery.response
    body, stream = response.body, response.is_stream
    lengths = [text.strip() for name, text in response.headers if name.lower() == "content-length"]
    keep = keep and (response.header("connection") or "").strip().lower() != "close"
    headers = without(response, "transfer-encoding", "connection", "keep-alive")
    used = coding if not delivery.as_it_is and response.content_type == "application/json" else None
    if used is not None:
        name, encode = used
        headers.append(("content-encoding", name))
        body = encode(body)
    # A length that the answer brings is sent as it is, right or wrong.
    in_chunks = stream or used is not None or response.header("transfer-encoding") is not None
    chunked = may_chunk and not lengths and in_chunks
    if chunked:
        headers.append(("transfer-encoding", "chunked"))
    elif not lengths and response.status not in _WITHOUT_BODY:
        headers.append(("content-length", str(len(body))))
    honest = set(lengths) <= {str(len(body))}
    keep = keep and honest
    headers.append(("connection", "keep-alive" if keep else "close"))
    pieces: Iterable[bytes] = _events(body) if stream else [body]
    return Script(head(response, headers), chunks(pieces) if chunked else pieces, "keep" if keep else "close")


def _events(body: bytes) -> list[bytes]:
    """A stream cut after each blank line; nothing of it is lost."""
    *events, rest = body.split(b"\n\n")
    return [event + b"\n\n" for event in events] + [rest]


def head(response: HTTPResponse, headers: Sequence[tuple[str, str]], *, version: str = "HTTP/1.1") -> bytes:
    """The status line and these headers. Raises `ValueError` for a line break, and for what Latin-1 lacks."""
    reason = response.reason or _PHRASES.get(response.status, "")
    lines = [f"{version} {response.status} {reason}", *(f"{name}: {text}" for name, text in headers)]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header with a line break, which would be two headers")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def without(response: HTTPResponse, *names: str) -> list[tuple[str, str]]:
    """The headers but for those of these names, which are in lower case."""
    return [(name, text) for name, text in response.headers if name.lower() not in names]


def chunk(piece: bytes) -> bytes:
    """A piece as a chunk; nothing for an empty one, which would be the last chunk (RFC 9112, section 7.1)."""
    return b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b""


def chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as chunks, and the last chunk."""
    yield from map(chunk, pieces)
    yield LAST_CHUNK
