"""What is no text: archives, compressed files and texts in other encodings, with the texts in them redacted."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from io import BytesIO

from pytest_imgresponse.encodings import LIMIT, MOST_GROWTH, SMALL_GROWTH, TooLargeError, remove_encoding
from pytest_imgresponse.http import HTTPResponse

Redact = Callable[[str], str]
_DEEPEST = 3
_READABLE = re.compile(rb"[\t\r\n\x20-\x7e]{8,}")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def redacted_inside(data: bytes, redact: Redact, depth: int = 0) -> bytes:
    """A body that is no text in UTF-8, redacted inside; the same object where nothing changes.

    Of an archive or a compressed file the content is written back uncompressed, in the same format. One that is
    damaged or encrypted, or would grow beyond the bounds of `encodings`, stays as it is.
    """
    if depth <= _DEEPEST:
        if data.startswith(b"PK\x03\x04"):
            return _zip(data, redact, depth)
        unpacked, pack = _unpacked(data)
        if pack is not None:
            clean = redacted_inside(unpacked, redact, depth + 1)
            return data if clean is unpacked else pack(clean)
    for encoding in _encodings_of(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        redacted = redact(text)
        return data if redacted == text else redacted.encode(encoding, "replace")
    pieces: list[bytes] = []
    position = 0
    for run in _READABLE.finditer(data):
        text = run[0].decode("ascii")
        if (redacted := redact(text)) != text:
            pieces += (data[position : run.start()], redacted.encode("latin-1", "replace"))
            position = run.end()
    return b"".join((*pieces, data[position:])) if pieces else data


def _zip(data: bytes, redact: Redact, depth: int) -> bytes:
    """A zip archive; its members are written uncompressed where one of them changed."""
    from zipfile import BadZipFile, ZipFile  # with what it imports, too much for those who have no archive

    written, changed, left = BytesIO(), False, LIMIT
    try:
        with ZipFile(BytesIO(data)) as archive, ZipFile(written, "w") as copy:
            for member in archive.infolist():
                left -= member.file_size
                if left < 0:
                    return data
                content = archive.read(member)
                clean = redacted_inside(content, redact, depth + 1)
                changed = changed or clean is not content
                member.compress_type = 0
                copy.writestr(member, clean)
            copy.comment = archive.comment
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, ValueError, OSError):
        return data  # damaged or encrypted
    return written.getvalue() if changed else data


def _unpacked(data: bytes) -> tuple[bytes, Callable[[bytes], bytes] | None]:
    """The content of a compressed file, and what packs another one in the same format without compressing it."""
    if data.startswith(b"\x1f\x8b"):
        coding, pack = "gzip", _gzip
    elif data.startswith(b"\x28\xb5\x2f\xfd"):
        coding, pack = "zstd", _zstd_frame
    elif data[:1] == b"\x78" and len(data) > 1 and int.from_bytes(data[:2], "big") % 31 == 0:
        coding, pack = "deflate", lambda content: zlib.compress(content, 0)
    else:
        return data, None
    most = SMALL_GROWTH + MOST_GROWTH * len(data)
    try:
        decoded = remove_encoding(HTTPResponse(200, (("content-encoding", coding),), data), most)
    except TooLargeError:
        return data, None
    return (data, None) if decoded.headers or decoded.body == data else (decoded.body, pack)


def _gzip(content: bytes) -> bytes:
    compressor = zlib.compressobj(0, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return compressor.compress(content) + compressor.flush()


def _zstd_frame(content: bytes) -> bytes:
    """A frame of raw blocks (RFC 8878, sections 3.1.1.1 and 3.1.1.2)."""
    size = 2**17
    blocks = [content[start : start + size] for start in range(0, len(content), size)] or [b""]
    frame = b"\x28\xb5\x2f\xfd\xe0" + len(content).to_bytes(8, "little")
    for block in blocks:
        frame += ((len(block) << 3) | (block is blocks[-1])).to_bytes(3, "little") + block
    return frame


def _encodings_of(data: bytes) -> tuple[str, ...]:
    """The encodings that it may be a text in, the likeliest first; none for what is no text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and len(data) % 2 == 0:
        return (("utf-16-le" if data[:1] == b"\xff" else "utf-16-be"),)
    sample = data[:1024]
    if len(data) % 2 == 0:
        for half, encoding in ((sample[1::2], "utf-16-le"), (sample[::2], "utf-16-be")):
            if half.count(0) * 5 > len(half) * 4:
                return (encoding,)
    return ("utf-8",) if _CONTROL.search(sample) else ("utf-8", "latin-1")
