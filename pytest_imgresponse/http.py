"""The value that flows: `HTTPResponse`, its counterpart `HTTPRequest`, and the parts of a multipart body.

Bodies here are contents: any content-encoding has been removed (RFC 9110, section 8.4).
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pytest_imgresponse.errors import ConfigError

Pairs = tuple[tuple[str, str], ...]
Headers = Mapping[str, str] | Sequence[tuple[str, str]]
_SHOWN = 400
"""Bytes of a body that a repr shows whole: pytest and Hypothesis print it, and two megabytes are no help."""
_MOST_SHOWN = 4000
"""Characters of a longer body that are shown when long runs of base64 are left out: its JSON, or all events. As many of
the headers, and of a URL."""
# In one line, or in lines of 60 characters or more (RFC 2045, section 6.8, has 76), whose ends JSON may have escaped.
_BASE64_RUN = re.compile(
    rb"(?<![A-Za-z0-9+/_-])"
    rb"(?:[A-Za-z0-9+/_-]{200,}+|(?:[A-Za-z0-9+/_-]{60,}+(?:\\[rn]|[\r\n])++){3,}+[A-Za-z0-9+/_-]*+)={0,2}"
)
_LONGEST_HEAD = 4096
"""Bytes of a part's headers that are searched: longer is no head, and searching it would take its time."""
_KINDS = {int: "an int", str: "a str", bytes: "bytes"}


class _Message:
    """What a request and a response share: headers and a body."""

    __slots__ = ()

    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str, default: str | None = None) -> str | None:
        """The first value of a header, whatever its case; `default` where it is absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), default)

    @property
    def content_type(self) -> str:
        """The media type alone, in lower case, without parameters; empty where there is none."""
        return (self.header("content-type") or "").split(";", 1)[0].strip().lower()

    @property
    def is_stream(self) -> bool:
        """Whether its content type is that of server-sent events."""
        return self.content_type == "text/event-stream"

    def _take(self, name: str, value: object, kind: type) -> None:
        if not isinstance(value, kind):
            raise ConfigError(
                f"expected {name} of an {type(self).__name__} to be {_KINDS[kind]}; got {reprlib.repr(value)}"
            )
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """What tells one message from another; of a long body its length, and no base64; of all no more than fits."""
        start = [repr(getattr(self, name)) for name in ("status", "method", "url") if hasattr(self, name)]
        head = [_cut(text, _MOST_SHOWN) for text in (*start, repr(list(self.headers)))]
        return f"{type(self).__name__}({', '.join([*head, shortened(self.body)])})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The same for Hypothesis and IPython, which print every field of a dataclass otherwise."""
        printer.text(repr(self))

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError` (`json.JSONDecodeError`, `UnicodeDecodeError`)."""
        return json.loads(self.body)


@dataclass(frozen=True, init=False, slots=True, repr=False)
class HTTPResponse(_Message):
    """An answer: status, headers in order (names may repeat), and the body as content.

    `headers` may be given as a mapping or as pairs and is kept as a tuple of pairs. `reason` is the phrase
    beside the status, empty over HTTP/2; `http_version` is `HTTP/2` or another, empty for HTTP/1.1 and where it is not
    known. These two do not count when two answers are compared. Raises `ConfigError` for a part of another type.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    reason: str = field(default="", compare=False)
    http_version: str = field(default="", compare=False)

    def __init__(self, status: int, headers: Headers, body: bytes, *, reason: str = "", http_version: str = "") -> None:
        self._take("status", status, int)
        self._take("body", body, bytes)
        self._take("reason", reason, str)
        self._take("http_version", http_version, str)
        object.__setattr__(self, "headers", _pairs(headers))


@dataclass(frozen=True, init=False, slots=True, repr=False)
class HTTPRequest(_Message):
    """A request: method, absolute URL, headers in order, and the body as content.

    Raises `ConfigError` for a part of another type.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __init__(self, method: str, url: str, headers: Headers = (), body: bytes = b"") -> None:
        self._take("method", method, str)
        self._take("url", url, str)
        self._take("body", body, bytes)
        object.__setattr__(self, "headers", _pairs(headers))

    @property
    def parts(self) -> tuple[Part, ...]:
        """The fields and files of a multipart form, in order; none where the body is no such form.

        They are read anew at each access.
        """
        boundary = boundary_of(self.header("content-type"))
        return tuple(split_multipart(self.body, boundary) or ()) if boundary else ()


def shortened(body: bytes, most: int = _MOST_SHOWN) -> str:
    """A body as Python writes it; a long one, without its base64 and cut at `most` characters, is no valid Python."""
    if len(body) <= _SHOWN:
        return repr(body)
    return f"{repr(_BASE64_RUN.sub(_described, body)[:most])[:most]}…{len(body)} bytes"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…{len(text)} characters"


def _described(run: re.Match[bytes]) -> bytes:
    return b"<%d characters: %s...>" % (len(run[0]), run[0][:8])


def _pairs(headers: Headers) -> tuple[tuple[str, str], ...]:
    try:
        pairs = tuple((name, value) for name, value in (headers.items() if isinstance(headers, Mapping) else headers))
        if all(isinstance(name, str) and isinstance(value, str) for name, value in pairs):
            return pairs
    except (TypeError, ValueError):
        pass
    raise ConfigError(f"expected headers to be a mapping or pairs of str; got {reprlib.repr(headers)}")


class Part(NamedTuple):
    """One part of a multipart body, a field or a file: the bytes of its header block and of its content."""

    head: bytes
    content: bytes

    @property
    def name(self) -> str | None:
        """The name of the field; None where it has none."""
        return self.parameter("name")

    @property
    def filename(self) -> str | None:
        """The file name that the client gave; None for a field that is no file."""
        return self.parameter("filename")

    @property
    def content_type(self) -> str:
        """The media type alone, in lower case, without parameters; empty where there is none."""
        found = re.search(rb"(?im)^content-type:[ \t]*([^\s;]+)", self.head[:_LONGEST_HEAD])
        return found[1].decode("latin-1").lower() if found else ""

    def parameter(self, name: str) -> str | None:
        """A parameter of its Content-Disposition: `name`, `filename` (RFC 7578, section 4.2)."""
        pattern = rb'(?i)content-disposition:[^\r\n]*;\s*%s="((?:[^"\\]|\\.)*)"' % re.escape(name.encode())
        found = re.search(pattern, self.head[:_LONGEST_HEAD])
        return found[1].decode("utf-8", "replace") if found else None


def boundary_of(content_type: str | None) -> bytes | None:
    """The boundary of a `multipart/…` content type; None for any other (RFC 2046, section 5.1.1)."""
    if not (content_type or "").lower().lstrip().startswith("multipart/"):
        return None
    found = re.search(r'(?i);\s*boundary=(?:"([^"]+)"|([^\s;,"]+))', content_type or "")
    try:
        return (found[1] or found[2]).encode() if found else None
    except UnicodeEncodeError:  # half of a surrogate pair
        return None


def split_multipart(body: bytes, boundary: bytes) -> list[Part] | None:
    """The parts of a body with this boundary; None where the body is not of that form to the byte.

    Joined again by `join_multipart` they give the same body: what does not come back so is not split.
    """
    delimiter = b"\r\n--" + boundary
    pieces = (b"\r\n" + body).split(delimiter)
    if len(pieces) < 2 or pieces[0] or not pieces[-1].startswith(b"--"):
        return None
    parts = []
    for piece in pieces[1:-1]:
        head, blank, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not blank:
            return None
        parts.append(Part(head, content))
    return parts if join_multipart(parts, boundary, pieces[-1]) == body else None


def join_multipart(parts: Sequence[Part], boundary: bytes, end: bytes = b"--\r\n") -> bytes:
    """A multipart body of these parts; `end` is what follows the last boundary."""
    pieces = [b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, part.head, part.content) for part in parts]
    return b"".join(pieces) + b"--" + boundary + end
