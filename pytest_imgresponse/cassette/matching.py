"""Matching: which recorded request a request equals.

Bodies are compared by what they mean: JSON by value, multipart by its parts, else by their bytes. Pictures
are compared by hash. Loopback authorities are one host, whatever the port.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import ip_address
from operator import itemgetter
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pytest_imgresponse._config import MATCHERS, Matcher, header_of
from pytest_imgresponse.cassette.interaction import Request
from pytest_imgresponse.cassette.placeholders import tags_in, without_tags
from pytest_imgresponse.http import boundary_of, split_multipart

Facets = dict[str, Any]
CONDITIONS = ("range", "if-range", "if-none-match", "if-match", "if-modified-since", "if-unmodified-since")
"""Headers of a request that decide which answer it gets (RFC 9110, sections 13.1 and 14.2)."""
_UNCONDITIONAL: tuple[str | None, ...] = (None,) * len(CONDITIONS)
LOOPBACK = "the loopback"
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a redacted request is compared by: a key, equal for requests that match, and what may tell such apart.

    The `tags` are those of the values that the client said, in their order; an empty one matches any value. The
    `conditions` and `accept` are headers that choose the answer (RFC 9110, section 12.5.1).
    """

    key: str
    tags: tuple[str, ...] = ()
    conditions: tuple[str | None, ...] = _UNCONDITIONAL
    accept: str | None = None

    @classmethod
    def of(cls, request: Request, match_on: Iterable[Matcher] = MATCHERS) -> Likeness:
        """That of a request as the redactor gives it, its tags in the text."""
        text = key_of(facets_of(request, match_on))
        first = {name.lower(): value for name, value in reversed(request.headers)}
        conditions = tuple(map(first.get, CONDITIONS))
        return cls(without_tags(text), tags_in(text), conditions, first.get("accept"))

    def fits(self, asked: Likeness) -> bool:
        """Whether a recorded request is one that was asked, its Accept aside."""
        return (
            self.key == asked.key
            and self.allows(asked)
            and all(mine == "" or other in ("", mine) for mine, other in zip(self.tags, asked.tags, strict=True))
        )

    def allows(self, asked: Likeness) -> bool:
        """Whether each condition of a recorded request is that of the one that was asked."""
        pairs = zip(self.conditions, asked.conditions, strict=True)
        return all(mine is None or mine == other for mine, other in pairs)


def facets_of(request: Request, match_on: Iterable[Matcher] = MATCHERS) -> Facets:
    """What is compared of a redacted request, by the names of the matchers, in their order; functions are left out."""
    parts = urlsplit(request.url)
    loopback = is_loopback(parts.hostname)
    everything: Facets = {
        "method": request.method,
        "scheme": parts.scheme.lower(),
        "host": LOOPBACK if loopback else parts.hostname,
        "port": None if loopback else _port(request.url),
        "path": parts.path or "/",
        "query": sorted(parse_qsl(parts.query, keep_blank_values=True), key=itemgetter(0)),
        "body": _meaning(request),
    }
    named = [matcher for matcher in match_on if isinstance(matcher, str)]
    chosen = {name: everything[name] for name in MATCHERS if name in named}
    return chosen | {name: request.header(header_of(name)) for name in named if name not in everything}


def key_of(facets: Facets) -> str:
    """Equal for requests that match."""
    return json.dumps(facets, sort_keys=True, ensure_ascii=False)


@lru_cache(maxsize=256)
def is_loopback(host: str | None) -> bool:
    """Whether a host name or address is this machine's loopback (RFC 6761, section 6.3; RFC 5735)."""
    if host is None:
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def _port(url: str) -> int | None:
    parts = urlsplit(url)
    try:
        return parts.port or {"http": 80, "https": 443}.get(parts.scheme.lower())
    except ValueError:
        return None


def _meaning(request: Request) -> Any:
    text = request.body.text
    boundary = boundary_of(request.content_type)
    parts = split_multipart(text.encode(), boundary) if boundary else None
    if parts is not None:
        # Clients order the fields differently, and name uploads and their types as they like.
        fields = [(part.parameter("name") or "", part.content.decode()) for part in parts]
        return {"multipart": sorted(fields, key=itemgetter(0))}
    if text[:1].strip() in ("{", "[", '"') or text[:1].isspace():
        try:
            return {"json": _plain(json.loads(text))}
        except (ValueError, RecursionError):
            pass
    return {"text": text} if text else None


def _plain(value: Any, depth: int = 0) -> Any:
    """A value in which 1.0 is 1, as JSON has it. Raises `ValueError` for one that nests too deep to compare."""
    if depth > _DEEPEST:
        raise ValueError(f"it nests deeper than {_DEEPEST} levels")
    if isinstance(value, dict):
        return {name: _plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def passes_by(host: str | None, ignore_hosts: Sequence[str]) -> bool:
    """Whether a host is one of these names and patterns."""
    return any(fnmatchcase((host or "").lower(), pattern.lower()) for pattern in ignore_hosts)
