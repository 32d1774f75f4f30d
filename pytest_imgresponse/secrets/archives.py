"""What is no text: archives, compressed files and texts in other encodings, with the texts in them redacted."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from io import BytesIO

import pybase64

from pytest_imgresponse.encodings import LIMIT, remove_encoding
from pytest_imgresponse.http import HTTPResponse

Redact = Callable[[str], str]
_DEEPEST = 3
_READABLE = re.compile(rb"[\t\r\n\x20-\x7e]{8,}")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c\x1d\x1f]")  # \x1e separates texts (RFC 7464)
_NO_LATIN = re.compile(rb"[\x81-\x84\x86-\x90\x98-\x9f]")  # nor is it a letter, quote or dash of Windows-1252
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")


def redacted_inside(data: bytes, redact: Redact, depth: int = 0) -> bytes:
    """A body that is no text in UTF-8, redacted inside; the same object where nothing changes.

    Of an archive or a compressed file the content is written back uncompressed, in the same format. One that is
    damaged or encrypted, or would grow over `encodings.LIMIT`, stays as it is.
    """
    if data.startswith(_PICTURES):  # in base64, where they are kept as they are
        return data
    if depth <= _DEEPEST:
        if data.startswith(b"PK\x03\x04"):
            return _zip(data, redact, depth)
        if data[257:262] == b"ustar" and (archive := _tar(data, redact, depth)) is not None:
            return archive
        unpacked, pack = _unpacked(data)
        if pack is not None:
            clean = redacted_inside(unpacked, redact, depth + 1)
            return data if clean is unpacked else pack(clean)
    for encoding in _encodings_of(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            continue
        redacted = redact(text)
        return data if redacted == text else redacted.encode(encoding, "replace")
    pieces: list[bytes] = []
    position = 0
    for run in _READABLE.finditer(data):
        text = run[0].decode("ascii")
        if (redacted := redact(text)) != text:
            pieces += (data[position : run.start()], _fitted(text, redacted).encode("latin-1", "replace"))
            position = run.end()
    return b"".join((*pieces, data[position:])) if pieces else data


_TOKEN = re.compile(r"[\w.~+/%-]+|[^\w.~+/%-]")
_FARTHEST = 24


def _fitted(text: str, redacted: str) -> str:
    """A redacted text at the length that it had: what is around it may count its bytes.

    Each value that is shorter is filled up with hyphens, which are part of no placeholder; what is longer is cut.
    """
    old, new = _TOKEN.findall(text), _TOKEN.findall(redacted)
    pieces: list[str] = []
    i = j = 0
    while i < len(old):
        if old[i : i + 1] == new[j : j + 1]:
            pieces.append(old[i])
            i, j = i + 1, j + 1
            continue
        k, m = next(
            (
                (i + steps - ahead, j + ahead)
                for steps in range(1, _FARTHEST)
                for ahead in range(steps + 1)
                if old[i + steps - ahead : i + steps - ahead + 2] == new[j + ahead : j + ahead + 2] != []
            ),
            (len(old), len(new)),
        )
        pieces.append(_filled("".join(old[i:k]), "".join(new[j:m])))
        i, j = k, m
    return "".join(pieces)


def _filled(old: str, new: str) -> str:
    if len(new) > len(old) and old.isdigit():
        return "1" + "0" * (len(old) - 1)  # a number in JSON
    return new[: len(old)].ljust(len(old), "-")


def _tar(data: bytes, redact: Redact, depth: int) -> bytes | None:
    """A tar archive; None for one that is damaged or has holes."""
    import tarfile  # too much for those who have no archive

    written, changed, left = BytesIO(), False, LIMIT
    layout = tarfile.GNU_FORMAT if data[257:265] == b"ustar  \0" else tarfile.PAX_FORMAT
    try:
        with (
            tarfile.open(fileobj=BytesIO(data), mode="r:") as archive,
            tarfile.open(fileobj=written, mode="w", format=layout) as copy,
        ):
            for member in archive:
                left -= member.size
                if left < 0 or member.issparse():
                    return None
                stream = archive.extractfile(member) if member.isreg() else None
                content = stream.read() if stream else b""
                clean, name = redacted_inside(content, redact, depth + 1), redact(member.name)
                changed = changed or clean is not content or name != member.name
                if name != member.name:
                    member.name = name
                    member.pax_headers = {k: v for k, v in member.pax_headers.items() if k != "path"}
                if stream:
                    member.size = len(clean)
                copy.addfile(member, BytesIO(clean))
    except (tarfile.TarError, EOFError, ValueError, OSError):
        return None
    return written.getvalue() if changed else data


def decoded(text: str) -> bytes | None:
    """What a text says in base64, of either alphabet, with padding or without; None where it is none."""
    compact = "".join(text.split()).rstrip("=")
    try:
        if "-" in compact or "_" in compact:
            return pybase64.urlsafe_b64decode(compact + "=" * (-len(compact) % 4))
        return pybase64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except ValueError:
        return None


def encoded(data: bytes, like: str) -> str:
    """Base64 in the form of another one."""
    is_urlsafe = "-" in like or "_" in like
    text = (pybase64.urlsafe_b64encode(data) if is_urlsafe else pybase64.b64encode(data)).decode()
    if "=" not in like and len("".join(like.split())) % 4:
        text = text.rstrip("=")
    if "\n" in like.strip():  # RFC 2045, section 6.8
        text = "\r\n".join(text[start : start + 76] for start in range(0, len(text), 76))
    return text


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
                named = redact(member.filename), _comment(member.comment, redact)
                changed = changed or clean is not content or named != (member.filename, member.comment)
                member.filename, member.comment = named
                member.compress_type = 0
                copy.writestr(member, clean)
            copy.comment = _comment(archive.comment, redact)
            changed = changed or copy.comment != archive.comment
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, ValueError, OSError):
        return data  # damaged or encrypted
    return written.getvalue() if changed else data


def _comment(comment: bytes, redact: Redact) -> bytes:
    return redact(comment.decode("latin-1")).encode("latin-1", "replace") if comment else comment


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
    decoded = remove_encoding(HTTPResponse(200, (("content-encoding", coding),), data))
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
    if _CONTROL.search(sample):
        return ()
    return ("utf-8",) if _NO_LATIN.search(sample) else ("utf-8", "latin-1")
