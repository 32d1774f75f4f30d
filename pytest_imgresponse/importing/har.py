"""HAR 1.2: of browsers, Playwright, mitmproxy, and Polly.js with its chunks of compressed bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from pytest_imgresponse.http import Part, boundary_of, join_multipart
from pytest_imgresponse.importing.exchange import (
    Exchange,
    Pairs,
    charset_of,
    checked,
    each,
    encoded,
    exchange,
    from_base64,
    header_of,
    mapping,
    text,
)
from pytest_imgresponse.importing.reading import Notes
from pytest_imgresponse.importing.source import Source

NAME = "HAR"
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
_WITHOUT_BODY = ("204", "304")
# What mitmproxy decodes as UTF-8 where no charset is named; all else as Latin-1.
_UTF_8 = ("json", "html", "css", "javascript", "ecmascript", "xml")


def recognises(tree: Any) -> bool:
    """Whether it has a `log` with `entries`."""
    log = tree.get("log") if isinstance(tree, dict) else None
    return isinstance(log, dict) and isinstance(log.get("entries"), list)


def read(source: Source, notes: Notes) -> Iterator[Exchange]:
    """Its exchanges, in the order of asking where Polly.js tells it."""
    log = source.tree["log"]
    creator = str(mapping(log.get("creator") or {}).get("name") or "").lower()
    entries = [entry for _, entry in each(log["entries"])]
    if creator.startswith("polly"):
        entries.sort(key=lambda entry: (str(entry.get("startedDateTime") or ""), _order(entry)))
    for number, entry in enumerate(entries, 1):
        with notes.interaction(number):
            request, response = mapping(entry["request"]), mapping(entry["response"])
            if not text(request["url"]).lower().startswith(("http://", "https://")):  # such as data:, blob:, wss:
                notes.add("what was no request over HTTP was left out")
                continue
            if str(response.get("status")) in ("0", "-1"):
                notes.unanswered += 1
                continue
            headers = _headers(response.get("headers"))
            content = mapping(response.get("content") or {})
            body = _content(content, headers, creator, source)
            if body is None:
                if _is_missing(request, response, content):
                    notes.lost += 1
                    continue
                body = b""
            if not creator.startswith("polly") and not body.startswith(_COMPRESSED):  # in the clear, say what they may
                headers = [(name, value) for name, value in headers if name.lower() != "content-encoding"]
            asked = _headers(request.get("headers"))
            yield exchange(
                (request["method"], request["url"], asked, _asked(request.get("postData"), asked, creator, source)),
                (response["status"], response.get("statusText"), headers, body),
            )


def _order(entry: Mapping[str, Any]) -> int:
    order = str(entry.get("_order", 0))
    return int(order) if re.fullmatch(r"\d{1,9}", order) else 0


def _is_missing(request: Mapping[str, Any], response: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    """Whether an answer without a body in the file had one: browsers forget large ones."""
    if str(request.get("method")).upper() == "HEAD" or str(response["status"]) in _WITHOUT_BODY:
        return False
    return any(re.fullmatch("[1-9][0-9]*", str(size)) for size in (content.get("size"), response.get("bodySize")))


def _headers(items: Any) -> Pairs:
    """Name and value; browsers write HTTP/2's own fields too, and several values in one with a line break."""
    found = []
    for _, item in each(items or []):
        name = text(item["name"])
        if not name.startswith(":"):
            found += [(name, value) for value in text(item.get("value") or "").split("\n")]
    return checked(found)


def _asked(data: Any, headers: Pairs, creator: str, source: Source) -> bytes:
    """The body of a request; where its text is not told, from its parameters."""
    if data is None:
        return b""
    body = _content(mapping(data), headers, creator, source)
    kind = text(data.get("mimeType") or "") or header_of(headers, "content-type")
    if body or not data.get("params"):
        return body or b""
    params = [param for _, param in each(data["params"])]
    if (boundary := boundary_of(kind)) is not None:
        return join_multipart([_part(param) for param in params], boundary)
    return urlencode([(text(param["name"]), text(param.get("value") or "")) for param in params]).encode()


def _part(param: Mapping[str, Any]) -> Part:
    file, kind = param.get("fileName"), param.get("contentType")
    head = f'Content-Disposition: form-data; name="{text(param["name"])}"'
    head += f'; filename="{text(file)}"' if file else ""
    head += f"\r\nContent-Type: {text(kind)}" if kind else ""
    return Part(encoded(head), encoded(text(param.get("value") or "")))


def _content(content: Mapping[str, Any], headers: Pairs, creator: str, source: Source) -> bytes | None:
    """The bytes of a body; None where they are not told."""
    if "_file" in content:  # Playwright keeps it beside the HAR file
        return source.beside(content["_file"])
    value = content.get("text")
    if value is None:
        return None
    value = text(value)
    in_base64 = str(content.get("encoding") or "").lower() == "base64"
    if creator.startswith("polly"):
        return _polly(value, content, headers, in_base64=in_base64)
    if in_base64:
        return from_base64(value)
    kind = header_of(headers, "content-type") or str(content.get("mimeType") or "")
    charset = charset_of(kind)
    if "mitmproxy" in creator and not charset and not any(name in kind.lower() for name in _UTF_8):
        charset = "latin-1"
    return encoded(value, charset)


def _polly(value: str, content: Mapping[str, Any], headers: Pairs, *, in_base64: bool) -> bytes:
    """The bytes: in base64, in hexadecimal by older versions; in chunks where they are compressed."""
    if header_of(headers, "content-encoding") and value.startswith("["):
        try:
            chunks = json.loads(value)
        except ValueError:
            chunks = None
        if isinstance(chunks, list) and all(isinstance(chunk, str) for chunk in chunks):
            in_hex = not in_base64 and all(map(_HEX.fullmatch, chunks))
            return b"".join(bytes.fromhex(chunk) if in_hex else from_base64(chunk) for chunk in chunks)
    if in_base64:
        return from_base64(value)
    if content.get("_isBinary") is True and _HEX.fullmatch(value):
        return bytes.fromhex(value)
    return encoded(value)
