"""Bodies as a cassette keeps them: text, with a reference in the place of each picture.

A reference is `imgresponse:v1:<file name>#<sha256>`, with `#slash` or `#plus` behind it where the base64 was
escaped. One that is a whole body, or the whole content of a part of a multipart body, stands for the bytes of its
file; one inside a text stands for their base64. In memory the file name is `*` and its suffix: names are given where
a cassette is written.

A body may hold the beginning of a reference itself, since a server can say anything. It is escaped, and what a server
says is never taken for a reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO

import pybase64

from pytest_imgresponse.base64_text import strictly
from pytest_imgresponse.errors import CassetteDecodeError
from pytest_imgresponse.http import Part, boundary_of, join_multipart, split_multipart
from pytest_imgresponse.images import SUFFIXES, suffix_of

MARK = "imgresponse:v1:"
REFERENCE = re.compile(MARK + r"(?P<name>[^#\s\"\\/]+)#(?P<sha256>[0-9a-f]{64})(?P<more>#[^\s\"]*)?")
SMALLEST = 24
"""Bytes below which a picture is not worth a file."""

LARGEST_CONTENT = 192 * 2**20
"""Bytes of the files of one body: ten pictures of 8,294,400 pixels have some 120 MB."""
SMALL_CONTENT, MOST_REPEATS = 64 * 2**20, 16
"""Below the first any number of references may name one file; beyond, each counts so often in the mean."""

_PIECE = 3 * 2**16
"""Bytes that are encoded at once: a multiple of three, so that only the last piece ends in padding."""
_ESCAPED_MARK = MARK + "#"
"""What `MARK` in a body is saved as: a file name cannot begin with this sign, so it is no reference."""
_END = re.compile(rf"(?i)(?:{'|'.join(map(re.escape, SUFFIXES))})#[0-9a-f]{{64}}")
_LONGEST_NAME = 255
_BEFORE = ('"', ";base64,")
"""What stands before a reference that is not all of a body or part; behind it is a quote or the end."""
_BESIDE = 12
# PHP escapes the slash, .NET the plus sign.
_ESCAPES = {"#slash": ("/", "\\/"), "#plus": ("+", "\\u002B")}
_ESCAPES_WITHIN = 10_000
"""Characters within which a payload shows how it is escaped."""
_DATA_URL = re.compile(r"data:[^,\"]{0,100};base64,")


@dataclass(frozen=True, slots=True)
class File:
    """A file that a body refers to: its hash, the suffix of its name, and where its bytes come from."""

    sha256: str
    suffix: str
    read: Callable[[], bytes] = field(compare=False, repr=False)
    cassette: str = field(default="", compare=False)
    """The cassette that names it, for messages."""

    @classmethod
    def of(cls, data: bytes, suffix: str) -> File:
        """A file that is not on the disk yet."""
        return cls(sha256(data).hexdigest(), suffix, lambda: data)

    @property
    def reference(self) -> str:
        """The reference to this file in memory."""
        return f"{MARK}*{self.suffix}#{self.sha256}"


@dataclass(frozen=True, slots=True)
class Body:
    """A body: its text with references in memory's form, and the files that they refer to, by hash."""

    text: str = ""
    files: Mapping[str, File] = field(default_factory=dict)

    @classmethod
    def of(cls, content: bytes, content_type: str | None = None) -> Body:
        """The body with these bytes; `content()` of it gives them back."""
        files: dict[str, File] = {}
        boundary = boundary_of(content_type)
        parts = split_multipart(content, boundary) if boundary else None
        if boundary and parts:
            kept = [Part(_escaped_mark(p.head), _text_of(p.content, files).encode()) for p in parts]
            whole = join_multipart(kept, boundary, _end(content, boundary))
            try:
                return cls(whole.decode(), files)
            except UnicodeDecodeError:  # in the headers of a part: then the whole body is one file
                files.clear()
        return cls(_text_of(content, files), files)

    @classmethod
    def stored(cls, text: str, resolve: Callable[[str, str], File], content_type: str | None = None) -> Body:
        """The body of a text as it stands in a cassette file; `resolve(name, sha256)` finds a file.

        Raises `ValueError` for a reference that is malformed, of a later version, or where none is ever written.
        """
        files: dict[str, File] = {}
        pieces: list[str] = []
        position = 0
        while (start := text.find(MARK, position)) >= 0:
            pieces.append(text[position:start])
            if text.startswith(_ESCAPED_MARK, start):
                pieces.append(_ESCAPED_MARK)
                position = start + len(_ESCAPED_MARK)
                continue
            found = REFERENCE.match(text, start)
            if found is None:
                raise ValueError(f"the reference {text[start : start + 120]!r} is malformed")
            if found["more"] not in (None, *_ESCAPES):
                raise ValueError(f"the reference {found[0]!r} is of a kind that this version does not know")
            file = resolve(found["name"], found["sha256"])
            files[file.sha256] = file
            pieces.append(file.reference + (found["more"] or ""))
            position = found.end()
        pieces.append(text[position:])
        if (other := _like_a_reference(text)) is not None:
            raise ValueError(f"{other!r} is no reference of this version: its mark is another, or damaged")
        if files and (misplaced := _misplaced(text, boundary_of(content_type))) is not None:
            raise ValueError(f"{misplaced!r} is a damaged reference: a reference is all of a body, or stands in quotes")
        return cls(_take_payloads("".join(pieces), files), files)

    def content(self, content_type: str | None = None) -> bytes:
        """The bytes of the body. Reads the files, and raises what reading them raises."""
        if not self.files:
            return _unescaped_mark(self.text)
        read = _Reader(self.files)
        boundary = boundary_of(content_type)
        parts = split_multipart(self.text.encode(), boundary) if boundary and not self.is_one_file else None
        if boundary and parts:
            filled = [Part(_unescaped_mark(p.head.decode()), _filled(p.content.decode(), read)) for p in parts]
            return join_multipart(filled, boundary, _end(self.text.encode(), boundary))
        return _filled(self.text, read)

    @property
    def is_one_file(self) -> bool:
        """Whether the whole body is kept as one file."""
        return bool(self.files) and REFERENCE.fullmatch(self.text) is not None

    def pictures(self) -> Iterator[bytes]:
        """The bytes of its pictures of pixels, in order. Raises what reading them raises."""
        read = _Reader(self.files)
        for found in REFERENCE.finditer(self.text):
            if self.files[found["sha256"]].suffix not in (".svg", ".bin"):
                yield read(found["sha256"])

    def pictures_within(self, content: bytes, content_type: str | None = None) -> Iterator[bytes]:
        """The same from the bytes that `content()` gave: no file is read, which may be slow, changed or gone."""
        if boundary_of(content_type):  # its parts are bytes, not base64
            yield from Body.of(content, content_type).pictures()
            return
        whole, before, position = self.is_one_file, 0, 0
        for found in REFERENCE.finditer(self.text):
            position += len(_unescaped_mark(self.text[before : found.start()]))
            before, end = found.end(), content.find(b'"', position)
            payload = content if whole else content[position : end if end >= 0 else None]
            position += len(payload)
            if self.files[found["sha256"]].suffix not in (".svg", ".bin"):
                plain, escape = _ESCAPES.get(found["more"], ("", ""))
                payload = payload.replace(escape.encode(), plain.encode()) if escape else payload
                yield payload if whole else pybase64.b64decode(payload, validate=True)

    def with_boundary(self, old: bytes, new: bytes) -> Body | None:
        """The multipart body with another boundary; None where it has no parts under the old one."""
        text = self.text.encode()
        parts = split_multipart(text, old)
        if not parts:
            return None
        return Body(join_multipart(parts, new, _end(text, old)).decode(), self.files)

    def renamed(self, name_of: Callable[[File], str]) -> str:
        """The text as it is written to a cassette file, each reference with the name of its file."""
        if not self.files:
            return self.text
        return REFERENCE.sub(
            lambda m: f"{MARK}{name_of(self.files[m['sha256']])}#{m['sha256']}{m['more'] or ''}", self.text
        )


class _Reader:
    """Reads the files of one body. Raises `CassetteDecodeError` where they make more of it than any answer is.

    A few thousand references to one picture are a small cassette and gigabytes of a body.
    """

    def __init__(self, files: Mapping[str, File]) -> None:
        self._files = files
        self._read: set[str] = set()
        self._total = self._once = 0

    def __call__(self, digest: str) -> bytes:
        file = self._files[digest]
        data = file.read()
        self._total += len(data)
        if digest not in self._read:
            self._read.add(digest)
            self._once += len(data)
        most = min(LARGEST_CONTENT, SMALL_CONTENT + MOST_REPEATS * self._once)
        if self._total > most:
            raise CassetteDecodeError(
                f"{file.cassette}: a body refers to files of more than {most} bytes, each counted as often as it is "
                f"named ({len(self._read)} different files, {self._once} bytes): no answer is that large"
            )
        return data


def _filled(text: str, read: Callable[[str], bytes]) -> bytes:
    """The bytes of a text with references, that of a whole body or of a part of a multipart body."""
    if (whole := REFERENCE.fullmatch(text)) is not None:
        return read(whole["sha256"])
    body, position = BytesIO(), 0
    for found in REFERENCE.finditer(text):
        body.write(_unescaped_mark(text[position : found.start()]))
        position = found.end()
        _write_base64(body, read(found["sha256"]), _ESCAPES.get(found["more"]), room=len(text) - position)
    body.write(_unescaped_mark(text[position:]))
    body.truncate()
    return body.getvalue()


def _write_base64(body: BytesIO, data: bytes, escape: tuple[str, str] | None, room: int) -> None:
    """Write a payload piece by piece, where there is room for it and for as much again as `room`.

    Whole, it would stand in memory twice; and getting that memory takes longer than all the rest.
    """
    start = body.tell()
    body.seek(start + (len(data) + 2) // 3 * 4 + room)
    body.write(b"=")
    body.seek(start)
    view = memoryview(data)
    pieces = (pybase64.b64encode(view[position : position + _PIECE]) for position in range(0, len(data), _PIECE))
    if escape is not None:
        plain, escaped = (text.encode() for text in escape)
        pieces = (piece.replace(plain, escaped) for piece in pieces)
    body.writelines(pieces)


def _escaped_mark(head: bytes) -> bytes:
    return head.replace(MARK.encode(), _ESCAPED_MARK.encode())


def _unescaped_mark(text: str) -> bytes:
    return text.replace(_ESCAPED_MARK, MARK).encode()


def _end(content: bytes, boundary: bytes) -> bytes:
    return content[content.rindex(b"--" + boundary) + 2 + len(boundary) :]


def _misplaced(text: str, boundary: bytes | None) -> str | None:
    """The first reference that stands where `_text_of` and `_take_payloads` put none, with what is beside it."""
    parts = split_multipart(text.encode(), boundary) if boundary and not REFERENCE.fullmatch(text) else None
    contents = [part.content.decode() for part in parts] if parts else [text]
    well_placed = 0
    for content in contents:
        for found in REFERENCE.finditer(content):
            start, end = found.span()
            begins = content.endswith(_BEFORE, 0, start)
            if (start, end) != (0, len(content)) and not (begins and content[end : end + 1] in ('"', "")):
                return content[max(0, start - _BESIDE) : end + _BESIDE]
            well_placed += 1
    every = REFERENCE.findall(text)  # others are in the head of a part, or behind the last one
    return None if len(every) == well_placed else MARK + "#".join(every[well_placed][:2])


def _like_a_reference(text: str) -> str | None:
    """The first suffix of a file with a hash, as in a reference, that has not our mark and a name before it."""
    for found in _END.finditer(text):
        mark = text.rfind(MARK, max(0, found.start() - _LONGEST_NAME - len(MARK)), found.start())
        name = text[mark + len(MARK) : found.start()].removeprefix("#") if mark >= 0 else ""
        if not REFERENCE.fullmatch(f"{MARK}{name}{found[0].lower()}") or not name:
            return text[max(0, found.start() - 2 * len(MARK)) : found.end()]
    return None


def _text_of(content: bytes, files: dict[str, File]) -> str:
    """The text of a body or a part; what is a picture or no UTF-8 becomes one reference."""
    suffix = suffix_of(content)
    if suffix is None:
        try:
            text = content.decode()
        except UnicodeDecodeError:
            suffix = ".bin"
        else:
            found: dict[str, File] = {}
            escaped = _take_payloads(text, found, lambda rest: rest.replace(MARK, _ESCAPED_MARK))
            if _like_a_reference(escaped) is None:
                files |= found
                return escaped
            suffix = ".bin"  # so that what a server says is never refused when it is loaded
    file = File.of(content, suffix)
    files[file.sha256] = file
    return file.reference


def _take_payloads(text: str, files: dict[str, File], escape_rest: Callable[[str], str] = str) -> str:
    """The text with each quoted payload replaced by a reference; `escape_rest` alters what is left.

    Base64 holds no quote, so what stands between two quotes is all that can be a payload. The quotes are found
    one by one: to split or alter a text of megabytes takes longer than to hash its pictures.
    """
    pieces: list[str] = []
    start = taken = 0
    while start <= len(text):
        end = text.find('"', start)
        end = len(text) if end < 0 else end
        if end - start >= SMALLEST:
            prefix = _DATA_URL.match(text, start, end)
            first = prefix.end() if prefix else start
            payload, escape = _unescaped(text[first:end])
            quoted = start > 0 and end < len(text)  # else it is a text of its own, and no reference may be one
            file = _payload(payload) if quoted or prefix else None
            if file is not None:
                files[file.sha256] = file
                pieces += (escape_rest(text[taken:first]), file.reference + escape)
                taken = end
        start = end + 1
    return "".join([*pieces, escape_rest(text[taken:])])


def _unescaped(text: str) -> tuple[str, str]:
    """Base64 without the escapes that some JSON writers use, and how a reference names them."""
    if "\\" in text[:_ESCAPES_WITHIN]:
        for name, (character, escape) in _ESCAPES.items():
            plain = text.replace(escape, character)
            # An escape that was used for some and not for others could not be written again.
            if "\\" not in plain and plain.replace(character, escape) == text:
                return plain, name
    return text, ""


def _payload(text: str) -> File | None:
    """The file of a payload; None for what is no canonical base64 of a picture.

    Only what is canonical comes back to the character when its file is encoded again. The first characters are looked
    at before all are decoded: most long texts are no pictures.
    """
    if len(text) % 4 or not text.isascii():
        return None
    head = strictly(text[:88]) or b""
    if suffix_of(head) is None and not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return None
    data = strictly(text)
    if data is None or len(data) < SMALLEST or pybase64.b64encode_as_string(data) != text:
        return None
    suffix = suffix_of(data)
    return File.of(data, suffix) if suffix else None
