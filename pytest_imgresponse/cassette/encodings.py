"""Content-encodings (RFC 9110, section 8.4): removed where an answer is recorded or loaded."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from pytest_imgresponse.http import HTTPResponse

LIMIT = 512 * 1024 * 1024
"""Bytes that one body may grow to; beyond it a small file from a stranger could fill the memory."""


def remove_encoding(response: HTTPResponse) -> HTTPResponse:
    """The response with its content in the clear and without the headers of its transfer.

    A body that is in the clear already, as some clients hand it over, is left as it is. Where the library
    for an encoding is missing, or the encoded body is broken or would grow over `LIMIT`, body and header stay
    as they were sent.
    """
    named = (response.header("content-encoding") or "").lower().split(",")
    body, left = response.body, [coding.strip() for coding in named if coding.strip()]
    while left and (left[-1] == "identity" or left[-1] in _DECODERS):
        decoded = body if left[-1] == "identity" else _decoded(body, left[-1])
        if decoded is None:
            break
        body = decoded
        left.pop()
    dropped = {"transfer-encoding", "connection", "keep-alive"} | ({"content-encoding"} if not left else set())
    headers = [
        (name, str(len(body)) if name.lower() == "content-length" else value)
        for name, value in response.headers
        if name.lower() not in dropped
    ]
    return replace(response, headers=tuple(headers), body=body)


def _decoded(body: bytes, coding: str) -> bytes | None:
    """The content; the body itself where it is not encoded; None where it cannot be decoded."""
    if not body:
        return body
    module = next((m for m in map(_imported, _DECODERS[coding][0]) if m is not None), None)
    if module is None:
        return None
    try:
        return _DECODERS[coding][1](module, body)
    except _TooLargeError:
        return None
    except Exception as error:  # each library has its own class of errors
        if isinstance(error, MemoryError):
            raise
        return None if body.startswith(_MAGIC) else body


_MAGIC = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")  # gzip (RFC 1952), zstd (RFC 8878)


class _TooLargeError(Exception):
    pass


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


def _zlib(_module: Any, body: bytes, wbits: int = zlib.MAX_WBITS | 32) -> bytes:
    decompressor = zlib.decompressobj(wbits)
    content = decompressor.decompress(body, LIMIT)
    if decompressor.unconsumed_tail:
        raise _TooLargeError
    if not decompressor.eof:
        raise gzip.BadGzipFile("cut short")
    if decompressor.unused_data.startswith(b"\x1f\x8b"):
        return content + _zlib(_module, decompressor.unused_data)
    return content


def _deflate(module: Any, body: bytes) -> bytes:
    try:
        return _zlib(module, body)
    except zlib.error:
        return _zlib(module, body, -zlib.MAX_WBITS)  # raw, as some servers send it (RFC 9110, section 8.4.1.2)


def _brotli(module: Any, body: bytes) -> bytes:
    decompressor, pieces, total = module.Decompressor(), [], 0
    for start in range(0, len(body), 65536):
        pieces.append(decompressor.process(body[start : start + 65536]))
        total += len(pieces[-1])
        if total > LIMIT:
            raise _TooLargeError
    if not decompressor.is_finished():
        raise ValueError("cut short")
    return b"".join(pieces)


def _zstd(module: Any, body: bytes) -> bytes:
    with module.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
        content = bytes(reader.read(LIMIT + 1))
    if len(content) > LIMIT:
        raise _TooLargeError
    return content


_DECODERS: dict[str, tuple[tuple[str, ...], Callable[[Any, bytes], bytes]]] = {
    "gzip": (("zlib",), _zlib),
    "x-gzip": (("zlib",), _zlib),
    "deflate": (("zlib",), _deflate),
    "br": (("brotli", "brotlicffi"), _brotli),
    "zstd": (("zstandard",), _zstd),
}
