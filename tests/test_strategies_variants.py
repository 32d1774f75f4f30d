"""Around a recorded response: itself, edge cases that compose, fields dropped and replaced, numbers at their borders."""

from __future__ import annotations

import ast
import json
import re
import sys
import time
import warnings
from random import Random

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis.errors import HypothesisWarning

from pytest_imgresponse import HTTPRequest, HTTPResponse
from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.api.samples import plain_responses
from pytest_imgresponse.api.sse import events_of
from pytest_imgresponse.checks import check
from pytest_imgresponse.edge_cases import EDGE_CASES
from pytest_imgresponse.strategies import stream_responses, variants
from pytest_imgresponse.strategies.variants import BORDERS, composed
from tests.benchmarks.planted import changed, leaves
from tests.conftest import slow
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
    dropped = plainest(variants(full()), lambda drawn: {**FULL, **(fields_of(drawn) or {})} == FULL != fields_of(drawn))
    assert len(dropped.json()) == 2


@pytest.mark.parametrize("seed", [0, *slow(1, 2, 3)])
def test_and_to_one_edge_case_whatever_the_seed(seed):
    case = plainest(variants(full()), lambda drawn: b'"created": 1755612900.123' in drawn.body, seed=seed)
    assert case.json() == {**FULL, "created": 1755612900.123}


def usage_of(response):
    usage = (fields_of(response) or {}).get("usage")
    return usage if isinstance(usage, dict) else {}


# What fails, and the one change that shows it; an answer is recorded, a stream as the API sends it.
TOTAL = "$.usage.total_tokens"
FAILS = {
    "anything else": (lambda drawn, given: drawn != given, "no $.created"),
    "no created": (lambda drawn, given: "created" not in (fields_of(drawn) or {"created": 1}), "no $.created"),
    "another total": (
        lambda drawn, given: (
            bool(usage_of(drawn)) and usage_of(drawn).get("total_tokens") != usage_of(given)["total_tokens"]
        ),
        f"{TOTAL}: 0",
        f"no {TOTAL}",
    ),
    "tokens below zero": (
        lambda drawn, given: any(isinstance(value, int) and value < 0 for value in usage_of(drawn).values()),
        "$.usage.input_tokens: -1",
        "$.usage.output_tokens: -1",
        f"{TOTAL}: -1",
    ),
}


@pytest.mark.parametrize("name", FAILS)
@pytest.mark.parametrize("seed", range(4))
def test_what_a_changed_field_shows_shrinks_to_that_one_field(name, seed, recordings):
    fails, *shown = FAILS[name]
    recorded = next(each for each in images_answers() if "gpt-image-1.5" in each.file)
    given_ = recorded.as_content()
    drawn = plainest(variants(given_, recorded.request), lambda drawn: fails(drawn, given_), seed=seed)
    assert changed(given_, drawn) in shown


def events_in(response):
    try:
        return [json.loads(event.data) for event in events_of(response.body)]
    except ValueError:
        return []


STREAM_FAILS = {
    "anything else": lambda events: True,
    "no index": lambda events: any(
        "partial" in str(event["type"]) and "partial_image_index" not in event for event in events
    ),
    "another total": lambda events: any((event.get("usage") or {}).get("total_tokens") == 2**63 for event in events),
    "no picture": lambda events: any(event.get("b64_json", "none") == "none" for event in events),
}


@pytest.mark.parametrize("name", STREAM_FAILS)
@pytest.mark.parametrize("seed", [0, *slow(1, 2, 3)])
def test_what_a_stream_shows_shrinks_to_one_field_or_edge_case(name, seed):
    request, stream = plain_responses()[-1]
    before = leaves(events_in(stream))

    def condition(drawn):
        events = events_in(drawn)
        known = all(
            isinstance(event, dict) and "type" in event and isinstance(event.get("usage") or {}, dict)
            for event in events
        )
        return drawn != stream and bool(events) and known and STREAM_FAILS[name](events)

    drawn = plainest(variants(stream, request), condition, seed=seed)
    after = leaves(events_in(drawn))
    mutated = [case(stream, request) for case in EDGE_CASES.values() if case.applies(stream, request)]
    assert drawn in mutated or len([path for path in {**before, **after} if before.get(path) != after.get(path)]) == 1


def test_a_success_stays_one():
    assert {200} <= {drawn.status for drawn in draws(variants(full()))} <= {200, 201, 204}
    error = HTTPResponse(502, JSON, b"<html>")
    assert {drawn.status for drawn in draws(variants(error))} == {502, 504, 524}


@pytest.mark.parametrize(
    "body",
    [
        b'{"created": 1, "data": [{"url": "https://example.com/a"}]}\n',
        b'{"created":1,"data":[{"url":"https://example.com/a"}]}',
        b'{\n  "created": 1,\n  "data": [\n    {\n      "url": "https://example.com/a"\n    }\n  ]\n}',
    ],
)
def test_json_stays_in_lines_or_without(body):
    other = plainest(variants(HTTPResponse(200, JSON, body)), lambda drawn: b"9223372036854775808" in drawn.body)
    assert other.body == body.replace(b"1", b"9223372036854775808", 1)


def test_most_numbers_meet_most_borders(recordings):
    """Of 79 pairs in a recorded answer, since one count is 0 as it is."""
    recorded = next(each for each in images_answers() if "gpt-image-1.5" in each.file)
    given_ = recorded.as_content()
    before = leaves(given_.json())
    met = set()
    for drawn in draws(variants(given_)):
        if fields_of(drawn):
            after = leaves(drawn.json()).items()
            met |= {(path, value) for path, value in after if value in BORDERS and value != before.get(path)}
    numbers = {path for path, value in before.items() if isinstance(value, int)}
    assert len({pair for pair in met if pair[0] in numbers}) > 40


def test_a_failing_test_prints_what_was_changed():
    def notes(condition):
        @settings(database=None, derandomize=True, max_examples=500)
        @given(variants(full()))
        def fails(drawn):
            assert not condition(drawn)

        with pytest.raises(AssertionError) as raised:
            fails()
        return "\n".join(raised.value.__notes__)

    assert "changed $.created: dropped" in notes(lambda drawn: "created" not in (fields_of(drawn) or FULL))
    assert "mutated by bom: The JSON begins with" in notes(lambda drawn: drawn.body.startswith(b"\xef\xbb\xbf"))


def noted(response, number):
    """The changes that were noted, with the variant of each draw."""
    found, notes = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[variants.__module__], "note", notes.append)

        @settings(quick, max_examples=number)
        @given(variants(response))
        def collect(drawn):
            found.append(([text for text in notes if text.startswith("changed ")], drawn))
            notes.clear()

        collect()
    return found


LINKS = HTTPResponse(200, JSON, b'{"created":1e3,"size":null,"data":[{"url":"a"},{"url":"b"},{"url":"c"}]}')


@pytest.mark.parametrize(("number", "least"), [(600, 20), *slow((3000, 100))])
def test_each_change_that_is_noted_was_made_and_there_are_no_others(number, least):
    """Each path is one of the response as it was."""
    several = 0
    for notes, drawn in noted(LINKS, number):
        if notes:
            told = dict(text.removeprefix("changed ").split(": ", 1) for text in notes)
            assert len(told) == len(notes)
            assert replayed(LINKS.json(), told) == drawn.json()
            assert json.dumps(drawn.json()) != json.dumps(LINKS.json())
            several += len(notes) > 1
    assert several > least


def replayed(value, told):
    """The JSON with the noted changes made, each path of the JSON as it was."""
    gone = object()
    for path, now in told.items():
        *above, last = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", path)]
        place = value
        for step in above:
            place = place[step]
        place[last] = gone if now == "dropped" else ast.literal_eval(now.removeprefix("now "))

    def without(inner):
        if isinstance(inner, dict):
            return {name: without(each) for name, each in inner.items() if each is not gone}
        if isinstance(inner, list):
            return [without(each) for each in inner if each is not gone]
        return inner

    return without(value)


@pytest.mark.parametrize("number", [300, *slow(1000)])
def test_a_change_to_what_is_there_is_none(number):
    """The JSON is not written anew for it either."""
    nothing = HTTPResponse(200, JSON, b'{"size": null }')
    written = [drawn.body for _, drawn in noted(nothing, number)]
    assert b'{"size": null}' not in written
    assert nothing.body in written


def test_a_name_is_noted_so_that_it_can_be_printed():
    odd = HTTPResponse(200, JSON, json.dumps({"\x1b[31m": 1, "a b": 2, "n" * 500: 3}).encode())
    paths = {text.removeprefix("changed ").split(": ")[0] for notes, _ in noted(odd, 500) for text in notes}
    assert paths == {'$["\\\\x1b[31m"]', '$["a b"]', '$["' + "n" * 40 + '\\u2026"]'}


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
    steps = [*composed(full(), None, [EDGE_CASES[name] for name in names])]
    assert [case.name for case, _ in steps] == ["url_relative", "bom", "truncated_body"]
    _, mutated = steps[-1]
    assert mutated.body.startswith(b"\xef\xbb\xbf")
    assert b"example.com" not in mutated.body
    assert int(mutated.header("content-length")) > len(mutated.body)


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


@pytest.mark.parametrize("some", [slice(0, 3), *slow(slice(3, 12))])
def test_recorded_answers_shrink_to_themselves(recordings, some):
    for each in images_answers()[some]:
        response = each.as_content()
        assert plainest(variants(response, each.request)) == response
