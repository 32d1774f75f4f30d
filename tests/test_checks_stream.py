"""The level stream of the judge: which events come, in which order, and how the stream ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_imgresponse.api.sse import event
from pytest_imgresponse.checks import check
from pytest_imgresponse.checks import schema_level as level_schema
from pytest_imgresponse.http import HTTPResponse
from tests.test_checks import STREAM_TYPE, answer, error, marks, only, payload, plain, request, stream, usage

GENERATION, EDIT = "image_generation", "image_edit"


def fields(**changes: Any) -> dict[str, Any]:
    value = {
        "b64_json": payload(),
        "created_at": 1_780_014_415,
        "size": "64x32",
        "quality": "low",
        "background": "opaque",
        "output_format": "png",
        **changes,
    }
    return {name: held for name, held in value.items() if held is not ...}


def partial(index: Any = 0, route: str = GENERATION, **changes: Any) -> bytes:
    return event(f"{route}.partial_image", fields(**{"partial_image_index": index, **changes}))


def completed(route: str = GENERATION, **changes: Any) -> bytes:
    return event(f"{route}.completed", fields(**{"usage": usage(output_tokens_details=...), **changes}))


def said(data: str, name: str = "") -> bytes:
    called = f"event: {name}\n" if name else ""
    return f"{called}data: {data}\n\n".encode()


def levels(*events: bytes) -> set[tuple[str, str]]:
    return {(level, verdict) for level, _, verdict in marks(stream(*events))}


# --- streams that are right ---


@pytest.mark.parametrize("route", [GENERATION, EDIT])
@pytest.mark.parametrize("partials", range(4))
def test_partial_pictures_and_a_completed_one_are_right(route: str, partials: int) -> None:
    assert check(stream(*(partial(n, route) for n in range(partials)), completed(route))) == []


def test_auto_is_right_in_events() -> None:
    auto = {"size": "auto", "quality": "auto", "background": "auto"}
    assert check(stream(partial(**auto), completed(**auto, safety_identifier="user-1"))) == []


def test_a_partial_picture_may_be_of_any_size() -> None:
    assert check(stream(partial(b64_json=payload(size="128x64")), completed())) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"\n", b"\r\n"),
        lambda body: body.replace(b"\n", b"\r"),
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: b"\n\n" + body + b"\n\n\n",
        lambda body: b": connected\nretry: 3000\n\n" + body.replace(b"\n\n", b"\n\nid: 1\n: ping\n\nevent: ping\n\n"),
        lambda body: body + b"data: [DONE]\n\n",
        lambda body: body + b"data: [DONE]",
        lambda body: body.replace(b"data: {", b"data:{"),
        lambda body: body.replace(b"data: {", b"data: {\ndata: "),
        lambda body: b"".join(line for line in body.splitlines(True) if not line.startswith(b"event")),
    ],
)
def test_what_the_standard_allows_is_right(change: Any) -> None:
    assert check(stream(change(partial() + completed()))) == []


# --- how a stream ends ---


@pytest.mark.parametrize(
    "body", [b"", b"\n\n", b": ping\n\n", b"event: ping\n\n", b"retry: 1\n\n", b"data\x00: {}\n\n"]
)
def test_a_stream_without_events_is_invalid(body: bytes) -> None:
    message = "the stream has no events; expected a completed one"
    assert only(stream(body)) == ("stream", "$.events", "invalid", message)


def test_a_stream_without_a_completed_event_is_invalid() -> None:
    message = "none of the events (2) is a completed one: there is no final picture"
    assert only(stream(partial(0), partial(1))) == ("stream", "$.events", "invalid", message)
    assert only(stream(partial(0), said("[DONE]")))[2:] == ("invalid", message)


def test_what_comes_after_done_does_not_count() -> None:
    found = marks(stream(partial(), said("[DONE]"), completed(), b"data: {"))
    assert found == [("stream", "$.events[2]", "unusual"), ("stream", "$.events", "invalid")]


def test_a_second_completed_event_is_unusual() -> None:
    message = "the completed event number 2; expected one"
    assert only(stream(completed(), completed())) == ("stream", "$.events[1]", "unusual", message)


def test_as_many_completed_events_as_were_asked_for_are_right() -> None:
    two = stream(completed(), completed())
    assert check(two, request(stream=True, n=2)) == []
    by_default = "the completed event number 2; the request asks for 1 by default"
    assert only(two, request(stream=True)) == ("stream", "$.events[1]", "unusual", by_default)
    three = stream(completed(), completed(), completed())
    asked_for = "the completed event number 3; the request asked for 2"
    assert only(three, request(stream=True, n=2)) == ("stream", "$.events[2]", "unusual", asked_for)
    assert [finding.message for finding in check(two, request(stream=True, n=1))] == [
        "the completed event number 2; the request asked for 1"
    ]


def test_fewer_completed_events_than_were_asked_for_are_unusual() -> None:
    asked = request(stream=True, n=3)
    message = "completed events: 2; the request asked for 3"
    assert only(stream(completed(), completed()), asked) == ("stream", "$.events", "unusual", message)
    failed = stream(completed(), said(json.dumps(error()), "error"))
    assert check(failed, asked) == []
    unread = check(stream(completed(), said("{")), asked)
    assert [finding.level for finding in unread] == ["json"]


def test_an_event_that_the_end_cuts_off_is_invalid() -> None:
    cut = completed()[:-20]
    assert only(stream(partial(), cut)) == ("stream", "$.events[1]", "invalid", "the stream ends within this event")


def test_an_event_without_a_blank_line_after_it_is_tolerated_and_judged() -> None:
    level, path, verdict, message = only(stream(completed()[:-1]))
    assert (level, path, verdict) == ("stream", "$.events[0]", "tolerated")
    assert message == "no blank line ends this event, the last: by the standard it does not count"
    assert levels(completed(created_at="now")[:-2]) == {("stream", "tolerated"), ("schema", "invalid")}
    assert levels(partial()[:-1]) == {("stream", "tolerated"), ("stream", "invalid")}


def test_what_is_cut_off_after_the_final_picture_is_tolerated() -> None:
    message = "the stream ends within this event, after the final picture"
    assert only(stream(completed(), b"data: {")) == ("stream", "$.events[1]", "tolerated", message)


# --- errors within a stream ---


@pytest.mark.parametrize(
    "sent",
    [
        said(json.dumps(error(code="server_error"))),
        said(json.dumps(error()), "error"),
        event("error", error()),
        event("error", {"message": "no", "code": "server_error", "param": None}),
        said('{"type": "error", "message": "no"}'),
        said('{"type": "server_error", "message": "no"}', "error"),
        event(f"{GENERATION}.failed", error()),
    ],
)
def test_an_error_ends_a_stream_and_is_right(sent: bytes) -> None:
    assert check(stream(partial(), sent)) == []
    assert check(stream(sent)) == []


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        (said('{"error": "no"}'), "$.events[0].error"),
        (said('{"error": {"message": "no"}}'), "$.events[0].error.type"),
        (said("{}", "error"), "$.events[0]"),
        (said('{"error": null}', "error"), "$.events[0].error"),
        (event("error", {"message": "no", "code": []}), "$.events[0].code"),
    ],
)
def test_an_error_of_no_known_form_is_invalid_at_schema(sent: bytes, path: str) -> None:
    assert marks(stream(sent)) == [("schema", path, "invalid")]


def test_what_follows_an_error_is_unusual_and_not_judged() -> None:
    message = "an event after an error, where the stream ends; what follows is not judged"
    assert only(stream(said(json.dumps(error())), completed(), b"data: {")) == (
        "stream",
        "$.events[1]",
        "unusual",
        message,
    )


# --- order ---


def test_a_partial_picture_after_the_completed_one_is_unusual() -> None:
    message = "a partial picture after the completed one"
    assert only(stream(completed(), partial())) == ("stream", "$.events[1]", "unusual", message)


@pytest.mark.parametrize(
    ("indexes", "odd", "message"),
    [
        ((1,), 0, "1; expected 0 to follow"),
        ((0, 0), 1, "0; expected 1 to follow"),
        ((0, 2, 3), 1, "2; expected 1 to follow"),
    ],
)
def test_indexes_out_of_order_are_unusual(indexes: tuple[int, ...], odd: int, message: str) -> None:
    found = only(stream(*map(partial, indexes), completed()))
    assert found == ("stream", f"$.events[{odd}].partial_image_index", "unusual", message)


@pytest.mark.parametrize("index", ["0", 0.5, -0.5, -1, -1.0, [0], {}])
def test_an_index_that_is_no_number_of_a_picture_is_invalid_at_schema(index: object) -> None:
    response = stream(partial(index), partial(0), completed())
    assert marks(response) == [("schema", "$.events[0].partial_image_index", "invalid")]
    assert check(response)[0].message.endswith("; expected an integer from 0")


def test_two_routes_in_one_stream_are_unusual() -> None:
    message = "an event of image_edit; the stream is one of image_generation"
    assert only(stream(partial(), completed(EDIT))) == ("stream", "$.events[1]", "unusual", message)


# --- events of other kinds ---


def test_an_unknown_event_is_unusual() -> None:
    heartbeat = event("heartbeat", {})
    message = 'an event of type "heartbeat", which the documents do not know'
    assert only(stream(heartbeat, completed())) == ("stream", "$.events[0]", "unusual", message)
    assert marks(stream(said("{}"), completed())) == [("stream", "$.events[0]", "unusual")]
    assert levels(heartbeat) == {("stream", "unusual"), ("stream", "invalid")}


def test_a_name_that_differs_from_the_type_is_unusual() -> None:
    sent = completed().replace(b"event: image_generation.completed", b"event: message")
    message = 'the event is called message, and its type is "image_generation.completed"'
    assert only(stream(sent)) == ("stream", "$.events[0]", "unusual", message)


def test_a_type_that_is_missing_is_that_of_the_name() -> None:
    sent = completed().replace(b'"type":"image_generation.completed",', b"")
    message = "type is missing; the event is called image_generation.completed"
    assert only(stream(sent)) == ("schema", "$.events[0].type", "unusual", message)
    assert marks(stream(completed(type=None))) == [("schema", "$.events[0].type", "unusual")]


@pytest.mark.parametrize("kind", [1, True, ["x"], {}])
def test_a_type_of_another_type_is_invalid_at_schema(kind: object) -> None:
    sent = completed(type=kind)
    assert marks(stream(sent)) == [("schema", "$.events[0].type", "invalid")]
    assert marks(stream(said(json.dumps({"type": kind})))) == [("schema", "$.events[0].type", "invalid")]


@pytest.mark.parametrize("data", ["null", "[]", "1", '"fox"', "NaN"])
def test_data_that_is_no_object_is_invalid_at_schema(data: str) -> None:
    found = marks(stream(said(data, f"{GENERATION}.completed")))
    assert found[-1] == ("schema", "$.events[0]", "invalid")


# --- the inner levels of each event ---


@pytest.mark.parametrize("data", ["", "fox", "{", '{"a": 1,}', "{} {}"])
@pytest.mark.parametrize("name", ["", f"{GENERATION}.completed"])
def test_data_that_is_no_json_is_invalid_at_json_alone(data: str, name: str) -> None:
    assert marks(stream(partial(), said(data, name))) == [("json", "$.events[1]", "invalid")]


def test_an_unreadable_completed_event_counts() -> None:
    found = marks(stream(said("{", f"{GENERATION}.completed"), partial()))
    assert found == [("json", "$.events[0]", "invalid"), ("stream", "$.events[1]", "unusual")]


def test_oddities_of_json_are_found_in_events() -> None:
    sent = completed(seed=float("nan"))
    assert marks(stream(partial(), sent)) == [("json", "$.events[1].seed", "tolerated")]


@pytest.mark.parametrize("name", ["created_at", "size", "quality", "background", "output_format"])
def test_what_servers_leave_out_of_events_is_tolerated(name: str) -> None:
    found = ("schema", f"$.events[0].{name}", "tolerated", f"{name} is missing; the documents require it")
    assert only(stream(completed(**{name: ...}))) == found
    assert only(stream(partial(**{name: ...}), completed())) == found
    assert marks(stream(completed(**{name: None}))) == [("schema", f"$.events[0].{name}", "tolerated")]
    assert marks(stream(completed(**{name: [1]}))) == [("schema", f"$.events[0].{name}", "invalid")]


def test_a_missing_index_is_tolerated() -> None:
    found = [("schema", "$.events[0].partial_image_index", "tolerated")]
    assert marks(stream(partial(...), completed())) == found


def test_a_missing_usage_is_unusual() -> None:
    assert marks(stream(completed(usage=...))) == [("schema", "$.events[0].usage", "unusual")]
    assert marks(stream(completed(usage={"input_tokens": 1.5}))) == [
        ("schema", "$.events[0].usage.input_tokens", "invalid"),
        ("schema", "$.events[0].usage", "unusual"),
    ]


def test_an_event_without_a_picture_is_invalid_at_schema() -> None:
    message = "there is no picture in this event; expected its base64"
    assert only(stream(completed(b64_json=...))) == ("schema", "$.events[0].b64_json", "invalid", message)
    assert levels(completed(b64_json=None)) == {("schema", "unusual"), ("schema", "invalid")}
    assert levels(completed(b64_json=[payload()])) == {("schema", "invalid")}


def test_a_url_in_the_place_of_the_picture_is_unusual() -> None:
    found = ("stream", "$.events[0].url", "unusual", "a url in the place of b64_json")
    assert only(stream(completed(b64_json=..., url="https://example.com/a.png"))) == found
    assert len(check(stream(completed(b64_json=..., url="/a.png")))) == 2


def test_payloads_and_pictures_of_events_are_judged() -> None:
    found = marks(
        stream(partial(b64_json="*"), partial(1, b64_json="QUJD"), completed(b64_json=payload("jpeg") + "\n"))
    )
    assert found == [
        ("base64", "$.events[0].b64_json", "invalid"),
        ("image", "$.events[1].b64_json", "invalid"),
        ("base64", "$.events[2].b64_json", "unusual"),
        ("image", "$.events[2].b64_json", "unusual"),
    ]


def test_the_final_picture_is_compared_with_what_its_event_says() -> None:
    final = completed(size="8x8", output_format="webp", background="transparent")
    assert marks(stream(final)) == [("image", "$.events[0].b64_json", "unusual")] * 3


def test_characters_that_are_no_utf8_are_replaced_as_the_standard_says() -> None:
    sent = completed(revised_prompt="?").replace(b'"?"', b'"\xff\xfe"')
    assert check(stream(sent)) == []


# --- streams and documents ---


def test_a_stream_of_another_content_type_is_unusual_and_judged() -> None:
    for headers in ({}, {"content-type": "text/plain"}, {"content-type": "application/json"}):
        found = marks(stream(partial(), headers=headers))
        assert found == [("http", "headers.content-type", "unusual"), ("stream", "$.events", "invalid")]


def test_a_document_in_the_place_of_a_stream_is_unusual_against_the_request() -> None:
    message = "one JSON document; the request asked for a stream of events"
    assert only(answer(plain()), request(stream=True)) == ("stream", "body", "unusual", message)
    assert check(answer(plain()), request(stream=False)) == []
    assert check(answer(error(), 400), request(stream=True)) == []


def test_a_stream_in_the_place_of_a_document_is_tolerated_against_the_request() -> None:
    message = "a stream of events; the request did not ask for one"
    assert only(stream(completed()), request()) == ("stream", "body", "tolerated", message)
    assert check(stream(completed()), request(stream=True)) == []


def test_a_truncated_stream_is_invalid_at_http() -> None:
    whole = completed()
    cut = HTTPResponse(200, {**STREAM_TYPE, "content-length": str(len(whole))}, whole[:-9])
    assert marks(cut) == [("http", "body", "invalid")]


def test_no_more_than_ten_thousand_events_are_judged() -> None:
    many = b"data: {}\n\n" * (level_schema.MOST_JUDGED + 1)
    found = check(stream(many, completed()))
    assert len(found) == level_schema.MOST_JUDGED + 1
    assert found[-1].message == "more than 10000 events: what follows is not judged"
