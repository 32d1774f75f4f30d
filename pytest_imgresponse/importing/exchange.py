"""An exchange out of what recordings hold: texts, headers, numbers and bodies made into a request and an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pybase64

from pytest_imgresponse.encodings import remove_encoding
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.importing.source import Plain

Exchange = tuple[HTTPRequest, HTTPResponse]
Pairs = list[tuple[str, str]]
_INTEGER = re.compile(r"[-+]?\d+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?", re.ASCII)
# PyYAML's: `1e5` is a text to it, and `yes` is none.
_INTEGER_1_1 = re.compile(r"[-+]?\d[\d_]*", re.ASCII)
_FLOAT_1_1 = re.compile(r"[-+]?(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*)(?:[eE][-+]\d+)?", re.ASCII)
_WORDS = {"true": True, "false": False}
_WORDS_1_1 = {**_WORDS, "yes": True, "on": True, "no": False, "off": False}


def exchange(
    request: tuple[object, object, Pairs, bytes],
    response: tuple[object, object, Pairs, bytes],
) -> Exchange:
    """A request of method, URL, headers and body, and its answer of status, reason, headers and body.

    Content-encodings are removed from the answer. Raises `ValueError`, `TypeError`.
    """
    method, url, asked_headers, asked_body = request
    status, reason, headers, body = response
    asked = HTTPRequest(text(method).lstrip(":").upper() or "GET", _absolute(text(url)), asked_headers, asked_body)
    answer = HTTPResponse(_status(status), headers, body, reason=text(reason or ""))
    return asked, remove_encoding(answer)


def text(value: object) -> str:
    """A text. Raises `TypeError` for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"{_kind(value)} stands where a text is expected")
    return str(value)


def pairs(headers: Mapping[str, Any] | None) -> Pairs:
    """Headers that are grouped by name, each with one value or a list of them."""
    found: Pairs = []
    for name, values in mapping(headers or {}).items():
        several = values if isinstance(values, list) else [values]
        found += [(str(name), _header(value)) for value in several if value is not None]
    return checked(found)


def checked(headers: Pairs) -> Pairs:
    """The headers. Raises `ValueError` for a line break."""
    if any("\n" in part or "\r" in part for pair in headers for part in pair):
        raise ValueError("a header holds a line break")
    return headers


def header_of(headers: Iterable[tuple[str, str]], name: str) -> str:
    """The first value of a header, whatever its case; empty where there is none."""
    return next((value for key, value in headers if key.lower() == name), "")


def mapping(value: object) -> Mapping[str, Any]:
    """A mapping. Raises `TypeError` for anything else."""
    if not isinstance(value, dict):
        raise TypeError(f"{_kind(value)} stands where a mapping is expected")
    return value


def _kind(value: object) -> str:
    """What a value is, in words; to print it may take for ever."""
    kinds = {dict: "a mapping", list: "a list", str: "a text", Plain: "a word", bytes: "bytes", type(None): "nothing"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def _header(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else text(value)


def _absolute(url: str) -> str:
    parts = urlsplit(url)  # raises ValueError for one that is none
    if not parts.scheme or not parts.netloc:
        raise ValueError(f"expected an absolute URL; got {url[:200]!r}")
    return url


def _status(value: object) -> int:
    if not re.fullmatch("[1-9][0-9]{2}", text(value)):
        raise ValueError(f"{text(value)[:40]!r} is no status")
    return int(text(value))


def encoded(value: str, charset: str = "") -> bytes:
    """The bytes of a text, in its charset where there is one that can hold it, else in UTF-8."""
    try:
        return value.encode(charset or "utf-8")
    except (LookupError, UnicodeError):
        pass
    try:
        return value.encode("utf-8", "surrogateescape")  # bytes that were no UTF-8, as Python writes them
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def charset_of(content_type: str) -> str:
    """The charset that a content type names; empty where it names none."""
    found = re.search(r"(?i);\s*charset=[\"']?([\w.:-]+)", content_type)
    return found[1] if found else ""


def from_base64(value: object) -> bytes:
    """The bytes of base64 with or without line breaks. Raises `ValueError`."""
    return pybase64.b64decode("".join(text(value).split()), validate=True)


def body_of(value: object) -> bytes:
    """A body that stands as a text or as bytes, or not at all."""
    if value is None:
        return b""
    return value if isinstance(value, bytes) else encoded(text(value))


def json_bytes(value: object) -> bytes:
    """JSON of a value, as most clients write it: how it was written is lost."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return json.dumps(value, separators=(",", ":")).encode()


def typed(value: Any, *, yaml_1_1: bool = False) -> Any:
    """A parsed value with numbers, booleans and nulls in the place of the texts that stand for them.

    `yaml_1_1` reads it by PyYAML's rules; else by those of YAML 1.2 and JSON. Raises `ValueError`.
    """
    return _typed(value, _scalar_1_1 if yaml_1_1 else _scalar)


def _typed(value: Any, scalar: Callable[[str], Any]) -> Any:
    if isinstance(value, dict):
        return {str(key): _typed(item, scalar) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item, scalar) for item in value]
    return scalar(value) if isinstance(value, Plain) else value


def _scalar(value: str) -> Any:
    return _read(value, _INTEGER, _FLOAT, _WORDS)


def _scalar_1_1(value: str) -> Any:
    return _read(value, _INTEGER_1_1, _FLOAT_1_1, _WORDS_1_1)


def _read(value: str, integers: re.Pattern[str], floats: re.Pattern[str], words: Mapping[str, bool]) -> Any:
    if integers.fullmatch(value):
        return int(value)  # raises ValueError for thousands of digits
    if floats.fullmatch(value):
        return float(value.replace("_", ""))
    spelt = value in (value.lower(), value.upper(), value.capitalize())
    return words.get(value.lower(), str(value)) if spelt else str(value)


def each(items: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The mappings of a list with their numbers, from 1. Raises `TypeError` for another kind."""
    if not isinstance(items, list):
        raise TypeError(f"{_kind(items)} stands where a list is expected")
    for number, item in enumerate(items, 1):
        yield number, mapping(item)
