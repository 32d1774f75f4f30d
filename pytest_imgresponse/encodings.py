"""Content-encodings (RFC 9110, section 8.4): removed where a request or an answer is recorded or loaded."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from typing import Any

from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import suffix_of

LIMIT = 512 * 1024 * 1024
"""Bytes that one body may grow to; beyond it a small file from a stranger could fill the memory."""


SMALL_GROWTH, MOST_GROWTH = 32 * 2**20, 16
"""Bytes that the bodies of a cassette may grow by when it is read, and that for each of its own: what a gzip of zeros
grows to is 1,000 times as long, and base64 of pictures four thirds."""


class TooLargeError(ValueError):
    """A body grows beyond what it may."""


def remove_encoding(response: HTTPResponse, most: int | None = None) -> HTTPResponse:
    """The response with its content in the clear and without the headers of its transfer.

    A body that is in the clear already, as some clients hand it over, is left as it is. Where the library
    for an encoding is missing, or the encoded body is broken or would grow over `LIMIT`, body and header stay
    as they were sent. The length of a body that was not sent stays too, as in the answer to a HEAD. With `most`,
    a body that would grow over so many bytes raises `TooLargeError` instead.
    """
    body, left = _in_the_clear(response.headers, response.body, most)
    dropped = {"transfer-encoding", "connection", "keep-alive"} | ({"content-encoding"} if not left else set())
    headers = [
        (name, str(len(body)) if body and name.lower() == "content-length" else value)
        for name, value in response.headers
        if name.lower() not in dropped
    ]
    return replace(response, headers=tuple(headers), body=body)


def request_body(request: HTTPRequest, most: int | None = None) -> bytes:
    """The body of a request in the clear, or as it was sent where it cannot be decoded.

    With `most`, one that would grow over so many bytes raises `TooLargeError`.
    """
    return _in_the_clear(request.headers, request.body, most)[0]


def _in_the_clear(headers: Iterable[tuple[str, str]], body: bytes, most: int | None = None) -> tuple[bytes, list[str]]:
    """A body without the content-encodings that its headers name, and those that could not be removed."""
    named = ",".join(value for name, value in headers if name.lower() == "content-encoding").lower()
    left = [coding.strip() for coding in named.split(",") if coding.strip()]
    while left and (left[-1] == "identity" or left[-1] in _DECODERS):
        decoded = body if left[-1] == "identity" else _decoded(body, left[-1], LIMIT if most is None else most)
        if isinstance(decoded, TooLargeError):
            if most is None:
                break
            raise decoded
        if decoded is None:
            break
        body = decoded
        left.pop()
    return body, left


def _decoded(body: bytes, coding: str, most: int) -> bytes | TooLargeError | None:
    """The content; the body itself where it is not encoded; an error where it is too large; None where it is broken."""
    if not body:
        return body
    modules, decode = _DECODERS[coding]
    module = next((m for m in map(_imported, modules) if m is not None), None)
    if module is not None:
        try:
            return decode(module, body, most)
        except (TooLargeError, MemoryError):
            return TooLargeError(f"its content-encoding {coding} makes more than {most} bytes of {len(body)}")
        except Exception:  # noqa: BLE001, S110 - each library has its own class of errors
            pass
    return body if _is_clear(body, coding) else None


def _is_clear(body: bytes, coding: str) -> bool:
    """Whether a body that cannot be decoded is none that was cut or damaged."""
    if coding in _MAGIC:
        return not body.startswith(_MAGIC[coding])
    if suffix_of(body) is not None:
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


_GZIP = b"\x1f\x8b"  # RFC 1952, section 2.3.1
_ZSTD = b"\x28\xb5\x2f\xfd"  # RFC 8878, section 3.1.1
_MAGIC = {"gzip": _GZIP, "x-gzip": _GZIP, "zstd": _ZSTD}


class _CutShortError(Exception):
    pass


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


def _zlib(_module: Any, body: bytes, most: int) -> bytes:
    content = bytearray()
    while True:
        decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32)
        content += decompressor.decompress(body, most + 1 - len(content))
        if len(content) > most:
            raise TooLargeError
        if not decompressor.eof:
            raise _CutShortError
        body = decompressor.unused_data
        if not body.startswith(_GZIP):  # else another member (RFC 1952, section 2.2)
            return bytes(content)


def _deflate(module: Any, body: bytes, most: int) -> bytes:
    try:
        return _zlib(module, body, most)
    except zlib.error:  # raw, as some servers send it (RFC 9110, section 8.4.1.2)
        decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
        content = decompressor.decompress(body, most + 1)
        if len(content) > most:
            raise TooLargeError from None
        # Without a header nor a checksum, `{` and what follows begins as a stream that soon ends.
        if not decompressor.eof or decompressor.unused_data:
            raise _CutShortError from None
        return content


def _brotli(module: Any, body: bytes, most: int) -> bytes:
    decompressor, content = module.Decompressor(), bytearray()
    for start in range(0, len(body), 64):  # so little at once because 455 bytes can make 300 MB
        content += decompressor.process(body[start : start + 64])
        if len(content) > most:
            raise TooLargeError
    if not decompressor.is_finished():
        raise _CutShortError
    return bytes(content)


def _zstd(module: Any, body: bytes, most: int) -> bytes:
    content = bytearray()
    while body:
        decompressor = module.ZstdDecompressor()
        if hasattr(decompressor, "decompressobj"):  # zstandard; the others are like Python 3.14's own
            decompressor = decompressor.decompressobj()
        start = 0
        while start < len(body) and not decompressor.eof:
            content += decompressor.decompress(body[start : start + 1024])  # of up to 32 MB
            start += 1024
            if len(content) > most:
                raise TooLargeError
        if not decompressor.eof:
            raise _CutShortError
        body = decompressor.unused_data + body[start:]
    return bytes(content)


_DECODERS: dict[str, tuple[tuple[str, ...], Callable[[Any, bytes, int], bytes]]] = {
    "gzip": (("zlib",), _zlib),
    "x-gzip": (("zlib",), _zlib),
    "deflate": (("zlib",), _deflate),
    "br": (("brotli", "brotlicffi"), _brotli),
    "zstd": (("zstandard", "compression.zstd", "backports.zstd"), _zstd),
}
