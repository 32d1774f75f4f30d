"""A stream in pieces, and putting it together again otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from pytest_imgresponse.edge_cases.bending import with_body
from pytest_imgresponse.edge_cases.subjects import object_of, stream, subject_of
from pytest_imgresponse.http import HTTPResponse


class Piece(NamedTuple):
    """A part of a stream with the blank line that ends it, and the object in its data, empty where there is none."""

    text: bytes
    fields: dict[str, Any]

    @property
    def partial(self) -> bool:
        """Whether it is a picture on its way."""
        return is_partial(self.fields)

    @property
    def completed(self) -> bool:
        """Whether it is the final picture."""
        return is_completed(self.fields)


def is_partial(fields: dict[str, Any]) -> bool:
    """Whether these are the fields of a picture on its way."""
    return str(fields.get("type")).endswith(".partial_image")


def is_completed(fields: dict[str, Any]) -> bool:
    """Whether these are the fields of the final picture."""
    return str(fields.get("type")).endswith(".completed")


def finished(response: HTTPResponse) -> bool:
    """A stream with a completed event."""
    return stream(response) and any(map(is_completed, subject_of(response).events))


def with_partials(response: HTTPResponse) -> bool:
    """A stream with a partial picture and a completed event."""
    return finished(response) and any(map(is_partial, subject_of(response).events))


def pieces_of(body: bytes) -> Iterator[Piece]:
    """The pieces of a stream; joined they are the stream again."""
    lines: list[bytes] = []
    for line in body.splitlines(keepends=True):
        lines.append(line)
        if not line.strip(b"\r\n"):
            yield _piece(b"".join(lines))
            lines = []
    if lines:
        yield _piece(b"".join(lines))


def _piece(text: bytes) -> Piece:
    lines = text.removeprefix(b"\xef\xbb\xbf").splitlines()
    data = b"\n".join(line.removeprefix(b"data:") for line in lines if line.startswith(b"data:"))
    return Piece(text, object_of(data.decode("utf-8", "replace")) or {})


def map_pieces(response: HTTPResponse, change: Callable[[Piece], bytes]) -> HTTPResponse:
    """With each piece of the stream changed; empty bytes leave it out."""
    return with_body(response, b"".join(change(piece) for piece in pieces_of(response.body)))


def before_completed(response: HTTPResponse, text: bytes) -> HTTPResponse:
    """With this text before the completed event."""
    return map_pieces(response, lambda piece: text + piece.text if piece.completed else piece.text)


def ended_by(response: HTTPResponse, text: bytes) -> HTTPResponse:
    """With this text in the place of the completed event and of all that follows."""
    kept = takewhile(lambda piece: not piece.completed, pieces_of(response.body))
    return with_body(response, b"".join(piece.text for piece in kept) + text)


def completed_of(response: HTTPResponse) -> Piece:
    """The first completed event of a stream that has one."""
    return next(piece for piece in pieces_of(response.body) if piece.completed)
