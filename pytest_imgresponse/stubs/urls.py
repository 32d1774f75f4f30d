"""What is at the urls of stubbed responses: what is given, or a plain picture."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit

from pytest_imgresponse.api.families import LONGEST_EDGE
from pytest_imgresponse.api.sse import events_of
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import KINDS, OUTPUT_FORMATS, OutputFormat, suffix_of

_PLAIN_SIZE = (1024, 1024)
_SIZE = re.compile("([1-9][0-9]{0,3})x([1-9][0-9]{0,3})")


def picture_file(content: bytes) -> HTTPResponse:
    """The answer of a server that holds a picture, or any file."""
    kind = KINDS.get(suffix_of(content) or "")
    media_type = "application/octet-stream" if kind is None else kind.media_types[0]
    headers = {"content-type": media_type, "content-length": str(len(content))}
    return HTTPResponse(200, headers, content, reason="OK")


def address_of(url: str) -> str:
    """Where a URL leads, however a client writes it: host, path and query, with nothing percent-encoded.

    That of a relative URL begins with a slash, and is the end of others. Empty where a URL leads nowhere: `data:`, or
    what is none.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if not url or (parts.scheme and not parts.netloc):
        return ""
    host = re.sub(":(80|443)$", "", parts.netloc.rpartition("@")[2].lower())
    return unquote(f"{host}/{parts.path.lstrip('/')}?{parts.query}", errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class _Plain:
    """The picture to make for a url."""

    file_format: OutputFormat
    size: tuple[int, int]
    transparent: bool
    seed: int = 0

    def response(self) -> HTTPResponse:
        from pytest_imgresponse.images.make import make_picture

        return picture_file(
            make_picture(self.file_format, *self.size, transparent=self.transparent, seed=self.seed),
        )


class Urls:
    """The urls that are given, and those that responses hold, with what is there.

    What is given has precedence. The responses are looked through when the first url is asked for, which is rare.
    """

    def __init__(self, given: Mapping[str, HTTPResponse], responses: Sequence[HTTPResponse]) -> None:
        self._given = given
        self._responses = responses

    @property
    def known(self) -> list[str]:
        """The urls, those that are given first."""
        return list(dict.fromkeys([*self._given, *(url for url, _ in self._held)]))

    def get(self, url: str) -> HTTPResponse | None:
        """What is at a url; None where it is not known."""
        address = address_of(url)
        found = self._at.get(address)
        if found is None:
            found = next((at for known, at in self._at.items() if known[0] == "/" and address.endswith(known)), None)
        return found.response() if isinstance(found, _Plain) else found

    @cached_property
    def _held(self) -> list[tuple[str, _Plain]]:
        held = [
            found for response in self._responses for document in _documents(response) for found in _urls_in(document)
        ]
        return [(url, replace(plain, seed=seed)) for seed, (url, plain) in enumerate(held)]

    @cached_property
    def _at(self) -> dict[str, HTTPResponse | _Plain]:
        found: dict[str, HTTPResponse | _Plain] = {address_of(url): answer for url, answer in self._given.items()}
        for url, plain in self._held:
            found.setdefault(address_of(url), plain)
        return found


def _documents(response: HTTPResponse) -> Iterator[Any]:
    """The JSON of a body, or of the events of a stream."""
    streams = response.is_stream
    for text in [event.data for event in events_of(response.body)] if streams else [response.body]:
        try:
            yield json.loads(text)
        except (ValueError, RecursionError):
            continue


def _urls_in(document: Any) -> Iterator[tuple[str, _Plain]]:
    """The urls in a document, in order, and the picture that it declares."""
    plain = _declared(document if isinstance(document, dict) else {})
    left = [document]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            if isinstance(url := node.get("url"), str) and address_of(url):
                yield url, plain
            left += reversed(node.values())
        elif isinstance(node, list):
            left += reversed(node)


def _declared(document: Mapping[str, Any]) -> _Plain:
    plain: OutputFormat = "png"
    file_format = next((known for known in OUTPUT_FORMATS if known == document.get("output_format")), plain)
    found = _SIZE.fullmatch(str(document.get("size")))
    size = (int(found[1]), int(found[2])) if found is not None else _PLAIN_SIZE
    if max(size) > LONGEST_EDGE:
        size = _PLAIN_SIZE
    return _Plain(file_format, size, transparent=document.get("background") == "transparent")
