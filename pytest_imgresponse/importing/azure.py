"""Session records of the Azure SDKs' test proxy and recorders (`Entries`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pytest_imgresponse.base64_text import strictly
from pytest_imgresponse.importing.exchange import (
    Exchange,
    Pairs,
    charset_of,
    each,
    encoded,
    exchange,
    header_of,
    json_bytes,
    pairs,
    text,
    typed,
)
from pytest_imgresponse.importing.reading import Notes
from pytest_imgresponse.importing.source import Plain, Source

NAME = "Azure SDK"
# `ContentTypeUtilities.TryGetTextEncoding` of Azure/azure-sdk-tools.
_TEXT = re.compile(
    r"(?i)\s*(text/|application/(json|xml|x-www-form-urlencoded|javascript)|[\w.-]+/[\w.-]*\+(json|xml))"
)


def recognises(tree: Any) -> bool:
    """Whether it has a list `Entries`."""
    return isinstance(tree, dict) and isinstance(tree.get("Entries"), list)


def read(source: Source, notes: Notes) -> Iterator[Exchange]:
    """Its exchanges, in the order of the file."""
    for number, entry in each(source.tree["Entries"]):
        with notes.interaction(number):
            asked, answered = pairs(entry.get("RequestHeaders")), pairs(entry.get("ResponseHeaders"))
            yield exchange(
                (entry["RequestMethod"], _url(entry, asked), asked, _body(entry.get("RequestBody"), asked, notes)),
                (entry["StatusCode"], "", answered, _body(entry.get("ResponseBody"), answered, notes)),
            )


def _url(entry: Mapping[str, Any], headers: Pairs) -> str:
    """The URL; the oldest records have a path alone, and the host in a header."""
    url, host = text(entry["RequestUri"]), header_of(headers, "host")
    return url if urlsplit(url).netloc or not host else f"https://{host}{url}"


def _body(value: Any, headers: Pairs, notes: Notes) -> bytes:
    """The bytes: JSON stands as a value, text as one string or its lines, all else in base64."""
    kind = header_of(headers, "content-type")
    if value is None:
        return b""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return encoded("".join(value), charset_of(kind))
    if not isinstance(value, str) or isinstance(value, Plain):
        notes.by_value += 1
        return json_bytes(typed(value))
    content = None if _TEXT.match(kind) else strictly(value)
    return encoded(value, charset_of(kind)) if content is None else content
