"""A file that may hold a recording: its bytes under bounds, and the values that they stand for."""

from __future__ import annotations

import json
import os
import re
import stat
import zlib
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

import yaml

from pytest_imgresponse.cassette.payloads import REFERENCE
from pytest_imgresponse.cassette.store import LARGEST_FILE
from pytest_imgresponse.cassette.yaml_tree import tree_of
from pytest_imgresponse.errors import CassetteDecodeError

MOST_SEPARATORS = 2**23
"""Commas and brackets of a JSON document: each may stand for a value of 60 bytes."""
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_GZIP = b"\x1f\x8b"
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")  # of Ruby VCR's `compressed`, and mitmproxy's `.zhar`
# Tags of vcrpy 0.x, which its own migration takes off too.
_OLD_TAGS = re.compile(
    r" !!python/(?:object:vcr\.request\.Request|object/apply:(?:__builtin__|builtins)\.frozenset)(?=\s)"
)
_MARKS = re.compile(
    rb"""["']?(?:http_interactions|interactions|[eE]ntries)["']?\s*:|^["']?(?:requests|responses)["']?\s*:""",
    re.MULTILINE,
)
_LOOKED_AT = 2**16
_GROWN, _GROWTH = 2**26, 16
"""Bytes that any compressed file may grow to, and by how many times a large one may."""


class Plain(str):
    """A text without quotes, which may be a number or a word of its format's."""

    __slots__ = ()


class Source:
    """A file to import. Raises `CassetteDecodeError` for what no recording may be, or `OSError`."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.size = len(data)
        self.data = _decompressed(path, data)
        if self.data.startswith(_LFS_POINTER):
            raise CassetteDecodeError(f"{path}: this is a Git LFS pointer, not a recording; run `git lfs pull`")

    @classmethod
    def at(cls, path: Path) -> Source:
        """The file at a path."""
        return cls(path, _bytes_of(path))

    @staticmethod
    def begins_like_one(path: Path) -> bool:
        """Whether a file begins like a recording that is not compressed; no picture that was moved away does."""
        try:
            with path.open("rb") as file:
                return _MARKS.search(file.read(_LOOKED_AT)) is not None
        except FileNotFoundError:
            return False

    @property
    def has_marks(self) -> bool:
        """Whether there is, near its beginning, what a recording of some format begins with."""
        return _MARKS.search(self.data[:_LOOKED_AT]) is not None

    @cached_property
    def file_names(self) -> set[str]:
        """The names of the files beside it that it refers to, as this package's cassettes do."""
        if b"imgresponse:v1:" not in self.data:
            return set()
        return {found["name"] for found in REFERENCE.finditer(self.data.decode("utf-8", "replace"))}

    @cached_property
    def tree(self) -> Any:
        """The document as dicts, lists, texts (`Plain` where without quotes), bytes, booleans of JSON, and None."""
        try:
            text = self.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise CassetteDecodeError(f"{self.path}: expected a recording; this is no UTF-8 text ({error})") from error
        try:
            return self._json(text) if text.lstrip()[:1] in ("{", "[") else tree_of(_OLD_TAGS.sub("", text), Plain)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            problem = " ".join(str(error).split())[:400] or type(error).__name__
            raise CassetteDecodeError(
                f"{self.path}: expected JSON or YAML that is whole; it cannot be read: {problem}"
            ) from error

    def _json(self, text: str) -> Any:
        if sum(map(text.count, ",[{")) > MOST_SEPARATORS:
            raise ValueError(f"it holds more than {MOST_SEPARATORS} values")
        try:
            return json.loads(text, parse_int=Plain, parse_float=Plain)
        except json.JSONDecodeError:
            if _MARKS.search(self.data[:_LOOKED_AT]) and text.rstrip()[-1:] in ("}", "]"):
                return tree_of(text, Plain)  # YAML in its flow style begins alike
            raise

    def beside(self, name: object) -> bytes:
        """The bytes of a file in the same folder. Raises `ValueError` for a name that leads elsewhere."""
        name = str(name)
        if PurePath(name).name != name or any(char in name for char in ":\\\0"):
            raise ValueError(f"the file {name!r} of a body lies outside of the recording's folder")
        path = self.path.with_name(name)
        if path.is_symlink():
            raise ValueError(f"the file {name!r} of a body is a symbolic link")
        try:
            return _bytes_of(path)
        except OSError as error:
            raise ValueError(f"the file {name!r} of a body cannot be read: {error.strerror}") from error


def _bytes_of(path: Path) -> bytes:
    """The bytes of a regular file: to open a pipe would wait for its other end."""
    facts = path.stat()
    if stat.S_ISDIR(facts.st_mode):
        raise CassetteDecodeError(f"{path}: the folder cannot be read")
    if not stat.S_ISREG(facts.st_mode):
        raise CassetteDecodeError(f"{path}: expected a recording; this is no regular file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_FILE:
            raise CassetteDecodeError(f"{path}: a file of {size} bytes is too large: {LARGEST_FILE} are the most")
        return file.read(LARGEST_FILE)


def _decompressed(path: Path, data: bytes) -> bytes:
    if not data.startswith((_GZIP, *_ZLIB)):
        return data
    content, size = bytearray(), len(data)
    most = min(LARGEST_FILE, max(_GROWN, size * _GROWTH))
    try:
        while True:
            decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32)
            content += decompressor.decompress(data, most + 1 - len(content))
            if len(content) > most:
                raise CassetteDecodeError(f"{path}: {size} compressed bytes grow too large: {most} bytes are the most")
            if not decompressor.eof:
                raise CassetteDecodeError(f"{path}: expected a whole compressed file; it was cut off")
            data = decompressor.unused_data
            if not data.startswith(_GZIP):
                return bytes(content)
    except zlib.error as error:
        raise CassetteDecodeError(f"{path}: expected a compressed file that is whole: {error}") from error
