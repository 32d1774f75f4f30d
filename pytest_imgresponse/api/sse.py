"""Server-sent events: read as the standard says (WHATWG HTML, section 9.2.6), and written as the API writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class ServerSentEvent(NamedTuple):
    """One event: its `event` field (empty where there is none), its data, and whether a blank line ended it.

    A client that keeps to the standard drops an event that the stream's end cut off.
    """

    name: str
    data: str
    ended: bool = True


def events_of(body: bytes) -> Iterator[ServerSentEvent]:
    """The events of a stream that have data, in order; comments, ids and retry times are no events."""
    name, data = "", list[str]()
    text = body.decode("utf-8-sig", "replace")
    *lines, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for line in [*lines, rest] if rest else lines:  # nothing is behind the last line end: that is no blank line
        if not line:
            if data:
                yield ServerSentEvent(name, "\n".join(data))
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
    if data:
        yield ServerSentEvent(name, "\n".join(data), ended=False)


def event(name: str, fields: Mapping[str, Any]) -> bytes:
    """One server-sent event with its type inside too."""
    data = json.dumps({"type": name, **fields}, separators=(",", ":"))
    return f"event: {name}\ndata: {data}\n\n".encode()
