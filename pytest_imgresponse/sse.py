"""Server-sent events, read as the standard says (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_LINE_END = re.compile("\r\n|\n|\r")


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
    for line in _LINE_END.split(body.decode("utf-8-sig", "replace")):
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
