"""What a wire fault makes of an answer: a function for each fault, named as its row in `FAULTS`."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from itertools import chain, pairwise

from pytest_imgresponse.endpoint.framing import (
    LAST_CHUNK,
    Coding,
    Delivery,
    Script,
    chunk,
    chunks,
    head,
    plain,
    without,
)
from pytest_imgresponse.faults import FAULTS, Fault
from pytest_imgresponse.http import HTTPResponse

_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})
_BATCH = 1 << 16


def script_of(delivery: Delivery, *, keep: bool, may_chunk: bool, coding: Coding | None) -> Script:
    """How to send an answer to a client that would `keep` the connection, and `may_chunk`, being of HTTP/1.1.

    `coding` is used for JSON. A wire fault does as the table says, whatever the client may.
    Raises `ValueError` for a header that `head` refuses.
    """
    if delivery.fault is not None:
        return _SCRIPTS[delivery.fault.name](delivery.fault, delivery.response, keep)
    return plain(delivery, keep=keep, may_chunk=may_chunk, coding=coding)


def _framed(
    response: HTTPResponse,
    keep: bool,
    *,
    length: int | None = None,
    coding: str | None = None,
    version: str = "HTTP/1.1",
) -> bytes:
    """A head of our own framing: a length, or chunks where there is none."""
    headers = without(response, *_FRAMING, *(["content-encoding"] if coding else []))
    if coding:
        headers.append(("content-encoding", coding))
    if length is not None:
        headers.append(("content-length", str(length)))
    elif version == "HTTP/1.1":
        headers.append(("transfer-encoding", "chunked"))
    return head(response, [*headers, ("connection", "keep-alive" if keep else "close")], version=version)


def _sized(response: HTTPResponse, keep: bool) -> bytes:
    """A head with the length of the whole body, whether all of it is sent or not."""
    return _framed(response, keep, length=len(response.body))


def _within(fault: Fault, response: HTTPResponse) -> int:
    """Where the content of a body ends: before its last byte that is no white space, which JSON would not miss."""
    return min(fault.offset(len(response.body)), len(response.body.rstrip()) - 1)


def _kept_open(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return Script(_sized(response, keep), [response.body])


def _connection_close(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return Script(_sized(response, False), [response.body], "close")


def _closed_though_kept(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return Script(_sized(response, True), [response.body], "close")


def _no_length(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return Script(_framed(response, False, version="HTTP/1.0"), [response.body], "close")


def _chunked(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return Script(_framed(response, keep), chunks(_cut_every(response.body, int(fault.number("size")))))


def _cut_every(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def _split(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    body = response.body
    places = [0, *fault.offsets(len(body)), len(body)]
    pieces = [body[start:end] for start, end in pairwise(places)]
    return Script(_framed(response, keep), chunks(pieces))


def _byte_chunks(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    batches = (b"".join(b"1\r\n%c\r\n" % byte for byte in batch) for batch in _cut_every(response.body, _BATCH))
    return Script(_framed(response, keep), chain(batches, [LAST_CHUNK]))


def _gzip(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return _coded(response, keep, "gzip", gzip.compress(response.body, 1, mtime=0))


def _coded(response: HTTPResponse, keep: bool, coding: str, body: bytes) -> Script:
    return Script(_framed(response, keep, length=len(body), coding=coding), [body])


def _stall(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return Script(_sized(response, keep), [response.body], before=fault.number("seconds"))


def _stall_in_body(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    body, place = response.body, fault.offset(len(response.body))
    return Script(_sized(response, keep), [body[:place], float(fault.number("seconds")), body[place:]])


def _drip(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    size, pause = int(fault.number("size")), fault.number("every_ms") / 1000
    return Script(_sized(response, keep), _drops(response.body, size, pause, fault.number("seconds")))


def _drops(body: bytes, size: int, pause: float, longest: float) -> Iterator[bytes | float]:
    place, waited = 0, 0.0
    while place + size < len(body) and waited + pause <= longest:
        yield body[place : place + size]
        yield pause
        place, waited = place + size, waited + pause
    yield body[place:]


def _closed_before_head(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return Script(b"", [], "close")


def _reset_before_head(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return Script(b"", [], "reset")


def _reset_before_body(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return Script(_sized(response, keep), [], "reset")


def _reset_in_body(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    body = response.body
    place = min(fault.offset(len(body)), len(body) - 1)
    return Script(_sized(response, keep), [body[:place]], "reset")


def _stall_then_close(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    body = response.body
    place = min(fault.offset(len(body)), len(body) - 1)
    return Script(_sized(response, keep), [body[:place], float(fault.number("seconds"))], "close")


def _length_too_long(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    body = response.body
    return Script(_framed(response, keep, length=len(body) + int(fault.number("more"))), [body], "close")


def _length_too_short(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return Script(_framed(response, keep, length=_within(fault, response)), [response.body], "close")


def _chunk_size_bad(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    body, place = response.body, fault.offset(len(response.body))
    bad = b"no size\r\n%s\r\n" % body[place:]
    return Script(_framed(response, keep), [chunk(body[:place]), bad, LAST_CHUNK], "close")


def _chunks_cut(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    place = fault.offset(len(response.body))
    return Script(_framed(response, keep), [chunk(response.body[:place])], "close")


def _gzip_cut(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    coder = zlib.compressobj(1, zlib.DEFLATED, 31)
    content = response.body[: _within(fault, response)]
    return _coded(response, keep, "gzip", coder.compress(content) + coder.flush(zlib.Z_SYNC_FLUSH))


def _gzip_garbage(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    # The ten bytes of a member's header, then the reserved block type 3 in the bits 1 and 2.
    garbage = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\x07" + response.body
    return _coded(response, keep, "gzip", garbage)


def _gzip_in_name_only(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return _coded(response, keep, "gzip", response.body)


def _br_unrequested(fault: Fault, response: HTTPResponse, keep: bool) -> Script:
    return _coded(response, keep, "br", stored_brotli(response.body))


def stored_brotli(content: bytes) -> bytes:
    """A brotli stream of uncompressed meta-blocks (RFC 7932, sections 9.1 and 9.2)."""
    # The first bit of a stream is the window: 0 is one of 64 KiB. Then, from the lowest bit of each block: not the
    # last (1 bit), four nibbles of length (2), the length less one (16), uncompressed (1), and up to a whole byte.
    window, stream = 1, bytearray()
    for piece in _cut_every(content, _BATCH):
        stream += ((len(piece) - 1) << (3 + window) | 1 << (19 + window)).to_bytes(3, "little") + piece
        window = 0
    return bytes(stream) + bytes([0b11 << window])  # the last block, and an empty one


# A row of the table names its function above: a row without one fails here, and not when it is sent.
_SCRIPTS: dict[str, Callable[[Fault, HTTPResponse, bool], Script]] = {name: globals()[f"_{name}"] for name in FAULTS}
