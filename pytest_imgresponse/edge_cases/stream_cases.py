"""Cases of event streams: which events come, how their lines are written, and how the stream ends.

A case takes the stream apart into pieces, each an event with the blank line after it, and puts it together again with
some changed: what it does not touch stays byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from io import BytesIO
from itertools import takewhile
from random import Random
from typing import Any, NamedTuple

import pybase64
from PIL import Image

from pytest_imgresponse.api.blob_store import picture_url
from pytest_imgresponse.api.sse import event
from pytest_imgresponse.edge_cases.json_cases import CHARACTERS
from pytest_imgresponse.edge_cases.mutators import mutate_events, redrawn, with_body
from pytest_imgresponse.edge_cases.predicates import RASTERS, content_of, decoded, object_of, outline_of, stream
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images.make import saved


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
    return stream(response) and any(map(is_completed, content_of(response).events))


def with_partials(response: HTTPResponse) -> bool:
    """A stream with a partial picture and a completed event."""
    return finished(response) and any(map(is_partial, content_of(response).events))


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


# What is right: other events than usual, or errors.

_ERROR = {"message": "An error occurred while processing your request.", "type": "server_error", "param": None}


def fewer_partials(response: HTTPResponse) -> bool:
    """A stream with a completed event and less than three partial pictures."""
    return finished(response) and sum(map(is_partial, content_of(response).events)) < 3


@edge_case("valid", "stream", seen="openai 3.54.0, image_generate_params.py", applies=fewer_partials)
def three_partials(response: HTTPResponse) -> HTTPResponse:
    """Three partial pictures, the most that there are, come before the final one."""

    def mutate(piece: Piece) -> bytes:
        if piece.completed:
            return b"".join(_partial(piece.fields, number) for number in range(3)) + piece.text
        return b"" if piece.partial else piece.text

    return map_pieces(response, mutate)


def _partial(completed: dict[str, Any], number: int) -> bytes:
    kept = {name: value for name, value in completed.items() if name not in ("type", "usage")}
    return event(completed["type"].replace("completed", "partial_image"), {**kept, "partial_image_index": number})


@edge_case("valid", "stream", seen="openai 3.54.0, image_generate_params.py", applies=with_partials)
def completed_only(response: HTTPResponse) -> HTTPResponse:
    """The final picture comes without partial ones."""
    return map_pieces(response, lambda piece: b"" if piece.partial else piece.text)


def later_partials(response: HTTPResponse) -> bool:
    """A stream with a second partial picture and a completed event."""
    return finished(response) and any(map(_is_later, content_of(response).events))


def _is_later(fields: dict[str, Any]) -> bool:
    return is_partial(fields) and fields.get("partial_image_index") != 0


@edge_case("valid", "stream", seen="openai 3.54.0, image_generate_params.py", applies=later_partials)
def early_final(response: HTTPResponse) -> HTTPResponse:
    """The final picture is ready early, so that fewer partial ones come than were asked for."""
    return map_pieces(response, lambda piece: b"" if _is_later(piece.fields) else piece.text)


def legible_partials(response: HTTPResponse) -> bool:
    """A stream with a partial picture and the final one, of 16 pixels a side or more, whose headers can be read."""
    large = [fields for fields in content_of(response).events if _is_large(decoded(fields.get("b64_json")))]
    return any(map(is_partial, large)) and any(map(is_completed, large))


def _is_large(data: bytes) -> bool:
    outline = outline_of(data)
    return outline is not None and min(outline.size) >= 16


@edge_case("valid", "stream", seen="hermes-agent#76981", applies=legible_partials)
def partials_larger_than_final(response: HTTPResponse) -> HTTPResponse:
    """The partial pictures are larger files than the final one: neither the first nor the largest is right."""

    def mutate(fields: dict[str, Any]) -> None:
        if _is_large(data := decoded(fields.get("b64_json"))):
            plain = redrawn(data)
            fields["b64_json"] = pybase64.b64encode(_noisy(plain) if is_partial(fields) else plain).decode()

    return mutate_events(response, mutate)


@lru_cache(maxsize=16)
def _noisy(data: bytes) -> bytes:
    """The same picture with noise in its middle, which makes it a larger file."""
    with Image.open(BytesIO(data), formats=[*RASTERS.values()]) as image:
        side = min(*image.size, 128) // 2
        noise = Image.frombytes("RGB", (side, side), Random(0).randbytes(side * side * 3))  # noqa: S311 - no secret
        image.paste(noise, (image.width // 4, image.height // 4))
        return saved(image, image.format or "", quality=95, lossless=True, method=0)


def generation(response: HTTPResponse) -> bool:
    """A stream of `image_generation` events."""
    return any(str(fields.get("type")).startswith("image_generation.") for fields in content_of(response).events)


@edge_case("valid", "stream", seen="openai 3.54.0, image_edit_completed_event.py", applies=generation)
def events_of_an_edit(response: HTTPResponse) -> HTTPResponse:
    """The events are those of an edit: `image_edit.partial_image` and `image_edit.completed`."""
    return with_body(response, response.body.replace(b"image_generation.", b"image_edit."))


@edge_case("valid", "stream", seen="openai 3.54.0, image_gen_completed_event.py", applies=stream)
def auto_in_events(response: HTTPResponse) -> HTTPResponse:
    """Size, quality and background are `auto` in the events, as they were asked for."""
    return mutate_events(response, lambda fields: fields.update(size="auto", quality="auto", background="auto"))


@edge_case("valid", "stream", seen="openai 3.54.0, _streaming.py", applies=finished)
def error_mid_stream(response: HTTPResponse) -> HTTPResponse:
    """An error without a name comes in the place of the final picture."""
    error = json.dumps({"error": {**_ERROR, "code": "server_error"}}, separators=(",", ":"))
    return ended_by(response, b"data: " + error.encode() + b"\n\n")


@edge_case("valid", "stream", seen="openai 3.54.0, _streaming.py", applies=finished)
def error_event_mid_stream(response: HTTPResponse) -> HTTPResponse:
    """An event called `error` comes in the place of the final picture."""
    return ended_by(response, event("error", {"error": {**_ERROR, "code": "server_error"}}))


# What the standard of event streams allows, and some readers do not know.


def _with_line_ends(response: HTTPResponse, end: bytes) -> HTTPResponse:
    return with_body(response, b"".join(line + end for line in response.body.splitlines()))


@edge_case("unusual", "stream", seen="WHATWG HTML, section 9.2.6; openai-ruby#623", applies=stream)
def crlf_line_ends(response: HTTPResponse) -> HTTPResponse:
    """Lines end in CR LF."""
    return _with_line_ends(response, b"\r\n")


@edge_case("unusual", "stream", seen="WHATWG HTML, section 9.2.6; openai-ruby#623", applies=stream)
def cr_line_ends(response: HTTPResponse) -> HTTPResponse:
    """Lines end in CR alone."""
    return _with_line_ends(response, b"\r")


@edge_case("unusual", "stream", seen="WHATWG HTML, section 9.2.6; lobehub#18640", applies=stream)
def stream_comments(response: HTTPResponse) -> HTTPResponse:
    """A comment stands before each event."""
    return map_pieces(response, lambda piece: b": keep-alive\n" + piece.text)


@edge_case("unusual", "stream", seen="WHATWG HTML, section 9.2.6; run: openai 3.54.0 reads it", applies=stream)
def stream_bom(response: HTTPResponse) -> HTTPResponse:
    """The stream begins with a byte order mark."""
    return with_body(response, b"\xef\xbb\xbf" + response.body)


@edge_case("unusual", "stream", seen="RFC 3629; run: openai 3.54.0 reads it", applies=finished)
def split_utf8(response: HTTPResponse) -> HTTPResponse:
    """An event has characters of two to four bytes, which a read may split."""

    def mutate(piece: Piece) -> bytes:
        if not piece.completed:
            return piece.text
        text = json.dumps({**piece.fields, "revised_prompt": CHARACTERS}, ensure_ascii=False, separators=(",", ":"))
        return f"event: {piece.fields['type']}\ndata: {text}\n\n".encode(errors="backslashreplace")

    return map_pieces(response, mutate)


@edge_case("unusual", "stream", seen="lobehub#18640; sgl-project/sglang#27784", applies=stream)
def done_marker(response: HTTPResponse) -> HTTPResponse:
    """The stream ends with `data: [DONE]`, which is no JSON."""
    return with_body(response, response.body + b"data: [DONE]\n\n")


@edge_case("unusual", "stream", seen="openai/openai-python#2722; run: openai 3.54.0 crashes", applies=finished)
def comment_after_id(response: HTTPResponse) -> HTTPResponse:
    """The events have ids, and a comment with a blank line after it stands between them."""
    return map_pieces(response, lambda piece: b"id: 1\n" + piece.text + b": ping\n\n")


@edge_case("unusual", "stream", seen="theopenco/llmgateway#2334; run: openai 3.54.0 crashes", applies=finished)
def ping_without_data(response: HTTPResponse) -> HTTPResponse:
    """An event called `ping` has no data."""
    return before_completed(response, b"event: ping\n\n")


@edge_case("unusual", "stream", seen="WHATWG HTML, section 9.2.6; run: openai 3.54.0 crashes", applies=stream)
def retry_field(response: HTTPResponse) -> HTTPResponse:
    """The stream begins with a `retry` field, which says when to connect again."""
    return with_body(response, b"retry: 3000\n\n" + response.body)


@edge_case("unusual", "stream", seen="pollinations#6129; run: openai 3.54.0 hands it on", applies=finished)
def heartbeat_json(response: HTTPResponse) -> HTTPResponse:
    """An event called `heartbeat`, with JSON as its data, keeps the connection open."""
    return before_completed(response, event("heartbeat", {}))


def named(response: HTTPResponse) -> bool:
    """A stream whose events have names."""
    return stream(response) and any(line.startswith(b"event:") for line in response.body.splitlines())


@edge_case("unusual", "stream", seen="WHATWG HTML, section 9.2.6; run: openai 3.54.0 reads it", applies=named)
def no_event_names(response: HTTPResponse) -> HTTPResponse:
    """The events have no names; what they are stands in their data alone."""
    lines = response.body.splitlines(keepends=True)
    return with_body(response, b"".join(line for line in lines if not line.startswith(b"event:")))


def spaced(response: HTTPResponse) -> bool:
    """A stream with `data:`, a space and a bracket."""
    return stream(response) and any(line.startswith(b"data: {") for line in response.body.splitlines())


def _map_data(response: HTTPResponse, new: bytes) -> HTTPResponse:
    start = b"data: {"
    lines = response.body.splitlines(keepends=True)
    changed = (new + line[len(start) :] if line.startswith(start) else line for line in lines)
    return with_body(response, b"".join(changed))


@edge_case("unusual", "stream", seen="WHATWG HTML, section 9.2.6; run: openai 3.54.0 reads it", applies=spaced)
def no_space_after_colon(response: HTTPResponse) -> HTTPResponse:
    """There is no space after `data:`."""
    return _map_data(response, b"data:{")


@edge_case("unusual", "stream", seen="WHATWG HTML, section 9.2.6; run: openai 3.54.0 reads it", applies=spaced)
def data_in_two_lines(response: HTTPResponse) -> HTTPResponse:
    """The data of an event goes over two lines, which a newline joins."""
    return _map_data(response, b"data: {\ndata: ")


@edge_case("unusual", "stream", seen="astrbot_plugin_image_generation#55", applies=finished)
def completed_with_url(response: HTTPResponse) -> HTTPResponse:
    """The completed event has a url in the place of the payload."""

    def mutate(piece: Piece) -> bytes:
        fields = {name: value for name, value in piece.fields.items() if name not in ("type", "b64_json")}
        url = picture_url(0, fields.get("created_at", 0))
        return event(piece.fields["type"], {"url": url, **fields}) if piece.completed else piece.text

    return map_pieces(response, mutate)


@edge_case("unusual", "stream", seen="run: openai 3.54.0 reads it", applies=named)
def events_called_message(response: HTTPResponse) -> HTTPResponse:
    """The events are all called `message`; what they are stands in their data."""
    lines = response.body.splitlines(keepends=True)
    return with_body(response, b"".join(b"event: message\n" if x.startswith(b"event:") else x for x in lines))


@edge_case("unusual", "stream", seen="openai 3.54.0, response_error_event.py; run: it hands it on", applies=finished)
def flat_error_event(response: HTTPResponse) -> HTTPResponse:
    """An error in the place of the final picture has its fields beside its type, as the Responses API sends it."""
    return ended_by(response, event("error", {"code": "server_error", "message": _ERROR["message"], "param": None}))


@edge_case("unusual", "stream", seen="run: openai 3.54.0 hands on both", applies=finished)
def completed_twice(response: HTTPResponse) -> HTTPResponse:
    """The final picture is there twice."""
    return map_pieces(response, lambda piece: piece.text * 2 if piece.completed else piece.text)


@edge_case("unusual", "stream", seen="run: openai 3.54.0 hands it on", applies=finished)
def partial_after_completed(response: HTTPResponse) -> HTTPResponse:
    """A partial picture comes after the final one: the last picture is not the right one."""
    return with_body(response, response.body + _partial(completed_of(response).fields, 0))


# Fields of the events that are missing.


@edge_case("unusual", "schema", seen="openai 3.54.0, image_gen_completed_event.py", applies=finished)
def completed_without_usage(response: HTTPResponse) -> HTTPResponse:
    """The completed event has no `usage`."""
    return mutate_events(response, lambda fields: fields.pop("usage", None))


@edge_case("tolerated", "schema", seen="openai 3.54.0, image_gen_completed_event.py", applies=finished)
def bare_events(response: HTTPResponse) -> HTTPResponse:
    """The events have their type and the payload, and no other field."""

    def mutate(piece: Piece) -> bytes:
        kept = {name: value for name, value in piece.fields.items() if name == "b64_json"}
        return event(piece.fields["type"], kept) if piece.partial or piece.completed else piece.text

    return map_pieces(response, mutate)


@edge_case("invalid", "schema", seen="openai 3.54.0, image_gen_completed_event.py", applies=finished)
def completed_without_picture(response: HTTPResponse) -> HTTPResponse:
    """The completed event has neither a payload nor a url."""

    def mutate(fields: dict[str, Any]) -> None:
        if is_completed(fields):
            fields.pop("b64_json", None)

    return mutate_events(response, mutate)


# Streams without their end.


@edge_case("tolerated", "stream", seen="WHATWG HTML, section 9.2.6; run: openai 3.54.0 drops it", applies=finished)
def final_event_not_ended(response: HTTPResponse) -> HTTPResponse:
    """No blank line ends the final event, so that by the standard it does not count; many readers take it."""
    return ended_by(response, completed_of(response).text.rstrip(b"\r\n") + b"\n")


@edge_case("invalid", "stream", seen="WHATWG HTML, section 9.2.6; run: openai 3.54.0 drops the event", applies=finished)
def stream_cut_off(response: HTTPResponse) -> HTTPResponse:
    """The stream ends in the middle of the final event."""
    whole = completed_of(response).text.rstrip(b"\r\n")
    return ended_by(response, whole[: len(whole) // 2])


@edge_case("invalid", "stream", seen="openai/openai-node#2617", applies=with_partials)
def no_completed(response: HTTPResponse) -> HTTPResponse:
    """The stream ends after the partial pictures."""
    return ended_by(response, b"")


@edge_case("invalid", "stream", seen="sgl-project/sglang#27784", applies=with_partials)
def done_without_completed(response: HTTPResponse) -> HTTPResponse:
    """The stream ends with `data: [DONE]` after the partial pictures, and with no completed event."""
    return ended_by(response, b"data: [DONE]\n\n")


@edge_case("invalid", "stream", seen="openai/openai-node#2617; run: openai 3.54.0 gives no event", applies=stream)
def empty_stream(response: HTTPResponse) -> HTTPResponse:
    """The stream ends before its first event."""
    return with_body(response, b"")


@edge_case("invalid", "json", seen="RFC 8259, section 4; run: openai 3.54.0 raises a bare error", applies=finished)
def event_cut_off(response: HTTPResponse) -> HTTPResponse:
    """The JSON of the final event ends halfway."""
    whole = completed_of(response).text.rstrip(b"\r\n")
    return ended_by(response, whole[: len(whole) // 2] + b"\n\n")
