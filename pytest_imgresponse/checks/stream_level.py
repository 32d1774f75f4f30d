"""The level `stream`: which events come, in which order, and how the stream ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_imgresponse.api.sse import ServerSentEvent, events_of
from pytest_imgresponse.checks import json_level, schema_level
from pytest_imgresponse.checks.comparison import Comparison
from pytest_imgresponse.checks.finding import Finding, Verdict, shortened, shown
from pytest_imgresponse.checks.pictures import Pictures
from pytest_imgresponse.checks.values import schema_finding

_DONE, _ERROR = "[DONE]", "an error"
"""What ends a stream: the marker of other streaming APIs, and an event that is an error."""
_PARTIAL = ("image_generation.partial_image", "image_edit.partial_image")
_COMPLETED = ("image_generation.completed", "image_edit.completed")


def stream_findings(body: bytes, asked: Comparison) -> Iterator[Finding]:
    """Judge a stream of events, and the JSON, the fields and the picture of each."""
    stream = _Stream(asked)
    number = -1
    for number, event in enumerate(events_of(body)):
        path = f"$.events[{number}]"
        if stream.ended:
            yield _stream_finding(
                path, f"an event after {stream.ended}, where the stream ends; what follows is not judged"
            )
            break
        if number == schema_level.MOST_JUDGED:
            yield _stream_finding(path, f"more than {number} events: what follows is not judged")
            return
        yield from stream.event(event, path)
    yield from stream.end(number + 1)


def _stream_finding(path: str, message: str, verdict: Verdict = "unusual") -> Finding:
    return Finding("stream", path, verdict, message)


class _Stream:
    """What was seen of a stream so far."""

    def __init__(self, asked: Comparison) -> None:
        self.ended = ""  # by what: `_DONE` or `_ERROR`
        self._asked = asked
        self._pictures = Pictures(asked)
        self._completed = 0
        self._next_index = 0
        self._partials = 0
        self._route = asked.route or ""
        self._unknown = False  # whether an event could not be read: it may have been the completed one

    def event(self, event: ServerSentEvent, path: str) -> Iterator[Finding]:
        """Judge the next event."""
        if event.data.startswith(_DONE):
            self.ended = _DONE
            return
        findings, value = json_level.loaded(event.data, path)
        if not event.ended:
            yield self._cut_off(path, whole=value is not json_level.UNREADABLE)
        # That the JSON of an event which was cut off is no JSON, goes without saying.
        if event.ended or value is not json_level.UNREADABLE:
            yield from findings
        if isinstance(value, dict):
            yield from self._object(event.name, value, path)
            return
        self._count_unread(event.name)
        if value is not json_level.UNREADABLE:
            yield schema_finding(path, "invalid", f"{shown(value)}; expected an object, an event")

    def end(self, events: int) -> Iterator[Finding]:
        """Judge how the stream ended."""
        if not events:
            yield _stream_finding("$.events", "the stream has no events; expected a completed one", "invalid")
        elif not self._completed and not self._unknown and self.ended != _ERROR:
            message = f"none of the events ({events}) is a completed one: there is no final picture"
            yield _stream_finding("$.events", message, "invalid")
        elif 0 < self._completed < (self._asked.n or 1) and not self._unknown and self.ended != _ERROR:
            yield _stream_finding("$.events", f"completed events: {self._completed}; {self._asked.number}")

    def _cut_off(self, path: str, *, whole: bool) -> Finding:
        """A client that keeps to the standard drops such an event, others take it (WHATWG HTML, section 9.2.6)."""
        if whole:
            return _stream_finding(
                path, "no blank line ends this event, the last: by the standard it does not count", "tolerated"
            )
        if self._completed:
            return _stream_finding(path, "the stream ends within this event, after the final picture", "tolerated")
        return _stream_finding(path, "the stream ends within this event", "invalid")

    def _count_unread(self, name: str) -> None:
        if name in _COMPLETED:
            self._completed += 1
        self._unknown = True

    def _object(self, name: str, value: dict[str, Any], path: str) -> Iterator[Finding]:
        # The type counts. Servers that imitate the API may leave it out, and only name the event.
        kind = name if value.get("type") is None else value["type"]
        if value.get("error") or kind == "error" or name == "error":
            yield from self._error(value, path)
            return
        if not isinstance(kind, str):
            self._count_unread(name)
            yield schema_finding(f"{path}.type", "invalid", f"{shown(kind)}; expected a string, the type of the event")
            return
        if "type" not in value and name:
            yield schema_finding(f"{path}.type", "unusual", f"type is missing; the event is called {shortened(name)}")
        elif name not in ("", kind):
            yield _stream_finding(path, f"the event is called {shortened(name)}, and its type is {shown(kind)}")
        if kind in _PARTIAL:
            yield from self._partial(value, path)
        elif kind in _COMPLETED:
            yield from self._final(value, path)
        else:
            yield _stream_finding(path, f"an event of type {shown(kind)}, which the documents do not know")
            return
        yield from self._same_route(kind, path)

    def _error(self, value: dict[str, Any], path: str) -> Iterator[Finding]:
        """Sent as `{"error": {…}}`, or with the fields of an error beside the type."""
        self.ended = _ERROR
        flat = "error" not in value and isinstance(value.get("message"), str)
        yield from (
            schema_level.fields(value, schema_level.EVENT_ERROR, path)
            if flat
            else schema_level.error_answer(value, path)
        )

    def _partial(self, value: dict[str, Any], path: str) -> Iterator[Finding]:
        self._partials += 1
        pictures = self._asked.n or 1
        most = None if self._asked.partial_images is None else self._asked.partial_images * pictures
        if self._completed >= pictures:
            yield _stream_finding(path, "a partial picture after the completed one")
        elif most is not None and self._partials == most + 1:  # once: the others after it say no more
            yield _stream_finding(path, f"the partial picture number {self._partials}; the request asked for {most}")
        index = value.get("partial_image_index")
        # What is no index is judged at the level `schema`. Of several pictures, the partial ones may come in any order.
        if pictures == 1 and isinstance(index, int) and index >= 0:
            if index != self._next_index:
                message = f"{shown(index)}; expected {shown(self._next_index)} to follow"
                yield _stream_finding(f"{path}.partial_image_index", message)
            self._next_index = index + 1
        yield from schema_level.image_event(value, schema_level.PARTIAL, path)
        yield from self._pictures.of_event(value, path, partial=True)

    def _final(self, value: dict[str, Any], path: str) -> Iterator[Finding]:
        self._completed += 1
        if self._completed > (self._asked.n or 1):
            expected = "expected one" if self._asked.n is None else self._asked.number
            yield _stream_finding(path, f"the completed event number {self._completed}; {expected}")
        yield from schema_level.image_event(value, schema_level.COMPLETED, path)
        yield from self._asked.of_declared(value, path)
        yield from self._pictures.of_event(value, path, partial=False)

    def _same_route(self, kind: str, path: str) -> Iterator[Finding]:
        route = kind.partition(".")[0]
        if self._route not in ("", route):
            whose = "the request is one for" if self._route == self._asked.route else "the stream is one of"
            yield _stream_finding(path, f"an event of {route}; {whose} {self._route}")
        self._route = self._route or route
