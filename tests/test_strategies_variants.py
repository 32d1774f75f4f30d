"""Around a recorded response: itself, edge cases that compose, fields dropped and replaced, numbers at their borders."""

from __future__ import annotations

import json
import time
import warnings
from random import Random

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis.errors import HypothesisWarning

from pytest_imgresponse import HTTPRequest, HTTPResponse
from pytest_imgresponse.answers import pretty
from pytest_imgresponse.checks import check
from pytest_imgresponse.edge_cases import EDGE_CASES
from pytest_imgresponse.sse import events_of
from pytest_imgresponse.strategies import stream_responses, variants
from pytest_imgresponse.strategies.near import BORDERS, composed
from tests.real import images_answers

quick = settings(database=None, max_examples=300, deadline=None, derandomize=True, phases=[Phase.generate])
JSON = {"content-type": "application/json"}
FULL = {
    "created": 1_700_000_000,
    "data": [{"url": "https://example.com/1.png"}, {"revised_prompt": "a"}],
    "usage": {"input_tokens": 1, "input_tokens_details": {"text_tokens": 1}},
}


def plainest(strategy, condition=lambda drawn: True, *, seed=0):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)  # the repr of a recorded one is long
        return find(strategy, condition, settings=settings(database=None, max_examples=1000), random=Random(seed))


def draws(strategy, number=300):
    found = []

    @settings(quick, max_examples=number)
    @given(strategy)
    def collect(drawn):
        found.append(drawn)

    collect()
    return found


def full():
    return HTTPResponse(200, {**JSON, "content-length": str(len(pretty(FULL)))}, pretty(FULL))


def fields_of(response):
    try:
        value = response.json()
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def test_the_response_itself_is_the_simplest():
    assert plainest(variants(full())) == full()


def test_the_response_is_not_changed():
    response = full()
    draws(variants(response), 100)
    assert response == full()


def test_what_fails_shrinks_to_the_one_change_that_it_takes():
    border = plainest(variants(full()), lambda drawn: b'"created": 2147483648' in drawn.body)
    assert border.json() == {**FULL, "created": 2**31}
    assert border.header("content-length") == str(len(border.body))
    for seed in range(4):
        case = plainest(variants(full()), lambda drawn: b'"created": 1755612900.123' in drawn.body, seed=seed)
        assert case.json() == {**FULL, "created": 1755612900.123}
    dropped = plainest(variants(full()), lambda drawn: {**FULL, **(fields_of(drawn) or {})} == FULL != fields_of(drawn))
    assert len(dropped.json()) == 2


@pytest.mark.parametrize(
    "reached",
    [
        lambda fields: "created" not in fields,
        lambda fields: "usage" in fields and "input_tokens_details" not in fields["usage"],
        lambda fields: isinstance(fields.get("data"), str | int | dict),
        lambda fields: isinstance(fields.get("data"), list) and fields["data"][:1] not in ([], FULL["data"][:1]),
        lambda fields: isinstance(fields.get("usage"), dict) and "text_tokens" in str(fields["usage"].values()),
    ],
)
def test_fields_are_dropped_and_replaced(reached):
    assert any(reached(fields) for drawn in draws(variants(full())) if (fields := fields_of(drawn)))


def test_numbers_are_put_to_their_borders():
    response = HTTPResponse(404, JSON, b'{"n": 7}')
    numbers = [fields.get("n") for drawn in draws(variants(response), 600) if (fields := fields_of(drawn))]
    assert set(BORDERS) <= {value for value in numbers if isinstance(value, int | float)}


def test_edge_cases_compose():
    found = draws(variants(full()))
    levels = [{finding.level for finding in check(drawn)} for drawn in found]
    assert {frozenset(each) for each in levels} > {frozenset(["http", "schema"]), frozenset(["json", "schema"])}


def test_the_innermost_edge_case_comes_first_and_none_undoes_another():
    names = ("truncated_body", "bom", "url_relative", "bom", "data_url_prefix")
    bent = composed(full(), None, [EDGE_CASES[name] for name in names])
    assert bent.body.startswith(b"\xef\xbb\xbf")
    assert b"example.com" not in bent.body
    assert int(bent.header("content-length")) > len(bent.body)


def test_a_last_newline_stays():
    response = HTTPResponse(200, JSON, pretty({"created": 1, "data": []}) + b"\n")
    other = plainest(variants(response), lambda drawn: fields_of(drawn) == {"created": 0, "data": []})
    assert other.body == pretty({"created": 0, "data": []}) + b"\n"


def test_events_are_changed_in_their_places():
    stream = plainest(stream_responses(partial_images=1))

    def changed(drawn):
        try:
            events = [json.loads(event.data) for event in events_of(drawn.body)]
        except ValueError:
            return False
        return len(events) == 2 and "size" not in events[0] and events[1].get("size") and events[1]["usage"]

    other = plainest(variants(stream), changed)
    before, after = stream.body.split(b"\n"), other.body.split(b"\n")
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, *[True] * 5]


def test_a_request_brings_in_what_departs_from_it():
    response = HTTPResponse(200, JSON, pretty({"created": 1, "data": [{"url": "https://example.com/1.png"}] * 2}))
    request = HTTPRequest(
        "POST", "https://api.openai.com/v1/images/generations", JSON, b'{"model": "gpt-image-1", "prompt": "a"}'
    )

    def other_model(drawn):
        return str((fields_of(drawn) or {}).get("model")).endswith("-codex")

    assert any(other_model(drawn) for drawn in draws(variants(response, request), 600))
    assert not any(other_model(drawn) for drawn in draws(variants(response)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x89PNG\r\n\x1a\n\x00",
        b"<html>502 Bad Gateway</html>",
        b"[" * 900 + b"]" * 900,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"created": 1e999, "data": NaN}',
        b'{"created": ' + b"9" * 5000 + b"}",
        b"[1, [2]]",
        b"7",
        b"\xff\xfe",
    ],
    ids=lambda body: body[:12],
)
@pytest.mark.parametrize("status", [200, 502])
def test_whatever_was_received_has_variants(body, status):
    response = HTTPResponse(status, JSON, body)
    found = draws(variants(response, HTTPRequest("POST", "http://localhost/v1/images/generations")), 60)
    assert response in found
    assert len(set(found)) > 1


def test_an_error_has_variants():
    response = HTTPResponse(400, JSON, pretty({"error": {"message": "no", "type": "a", "param": None, "code": None}}))
    errors = [
        fields["error"] for drawn in draws(variants(response)) if (fields := fields_of(drawn)) and "error" in fields
    ]
    assert any(isinstance(error, dict) and "code" not in error for error in errors)


def test_recordings_of_two_megabytes_fire_no_health_check(recordings):
    largest = sorted((each.as_content() for each in images_answers()), key=lambda each: len(each.body))[-4:]
    assert len(largest[0].body) > 1_900_000
    for response in largest:
        started = time.process_time()

        @settings(database=None, max_examples=30, phases=[Phase.generate], deadline=None)
        @given(variants(response))
        def draw(drawn):
            check(drawn)

        draw()
        assert time.process_time() - started < 10


def test_recorded_answers_shrink_to_themselves(recordings):
    for each in images_answers()[:12]:
        response = each.as_content()
        assert plainest(variants(response, each.request)) == response
