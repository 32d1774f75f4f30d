"""What every edge case promises, on plain responses and on recorded ones, and that none fails on any response."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import pybase64
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.api.api_errors import failure
from pytest_imgresponse.api.headers import response_headers
from pytest_imgresponse.api.sse import event
from pytest_imgresponse.checks import LEVELS, check
from pytest_imgresponse.edge_cases import EDGE_CASES, EdgeCase
from pytest_imgresponse.edge_cases.predicates import content_of
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import OutputFormat
from pytest_imgresponse.images.make import make_picture
from tests.real import all_recorded

NOW = 1_790_000_000
MOST_BYTES = 700_000
"""Recordings with a larger body are left out: they cost seconds, and are like the others."""


class Base(NamedTuple):
    """A response, the request that it answers, and how to speak of it where a case fails."""

    name: str
    request: HTTPRequest
    response: HTTPResponse


# --- plain responses


def asked(**fields: object) -> HTTPRequest:
    body = json.dumps({"model": "gpt-image-2", "prompt": "a red fox", **fields}).encode()
    url = "https://api.openai.com/v1/images/generations"
    return HTTPRequest("POST", url, {"content-type": "application/json"}, body)


def sent(body: bytes, content_type: str = "application/json", status: int = 200) -> HTTPResponse:
    told = response_headers(NOW, "req_1", organization="org-1", content_type=content_type, ms=9000)
    return HTTPResponse(status, [*told, ("content-length", str(len(body)))], body)


def payload(file_format: OutputFormat, width: int, height: int, *, clear: bool = False, seed: int = 0) -> str:
    return pybase64.b64encode(make_picture(file_format, width, height, transparent=clear, seed=seed)).decode()


def usage(n: int = 1) -> dict[str, Any]:
    return {
        "input_tokens": 14,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 14},
        "output_tokens": 408 * n,
        "output_tokens_details": {"image_tokens": 408 * n, "text_tokens": 0},
        "total_tokens": 14 + 408 * n,
    }


def told(file_format: OutputFormat, width: int, height: int, *, clear: bool = False) -> dict[str, Any]:
    return {
        "background": "transparent" if clear else "opaque",
        "output_format": file_format,
        "quality": "medium",
        "size": f"{width}x{height}",
    }


def with_pictures(file_format: OutputFormat, width: int, height: int, *, n: int = 1, clear: bool = False) -> Base:
    fields = told(file_format, width, height, clear=clear)
    data = [{"b64_json": payload(file_format, width, height, clear=clear, seed=seed)} for seed in range(n)]
    answer = sent(pretty({"created": NOW, "data": data, **fields, "usage": usage(n)}))
    return Base(f"{n} {file_format}", asked(n=n, response_format="b64_json", **fields), answer)


def streamed(file_format: OutputFormat, width: int, height: int, partials: int, *, clear: bool = False) -> Base:
    fields = {"created_at": NOW, **told(file_format, width, height, clear=clear)}
    pictures = [payload(file_format, width, height, clear=clear, seed=seed) for seed in range(partials + 1)]
    return as_stream(f"{file_format} stream", pictures, fields, asked(stream=True, partial_images=partials))


def as_stream(name: str, pictures: list[str], fields: dict[str, Any], request: HTTPRequest) -> Base:
    counted = usage()
    del counted["output_tokens_details"]
    *partials, final = pictures
    body = [
        event("image_generation.partial_image", {"b64_json": text, **fields, "partial_image_index": number})
        for number, text in enumerate(partials)
    ]
    body.append(event("image_generation.completed", {"b64_json": final, **fields, "usage": counted}))
    return Base(name, request, sent(b"".join(body), "text/event-stream; charset=utf-8"))


@lru_cache(maxsize=1)
def plain() -> tuple[Base, ...]:
    link = "https://oaidalleapiprodscus.blob.core.windows.net/private/org-1/user-1/img-1.png?st=1&sig=2"
    dalle = {"url": link, "revised_prompt": "A red fox."}
    refused = failure("content_policy_violation", {}).refusal({})
    return (
        with_pictures("png", 64, 48),
        with_pictures("png", 48, 64, n=2, clear=True),
        with_pictures("jpeg", 80, 80, n=3),
        with_pictures("webp", 96, 64),
        Base("only a picture", asked(), sent(pretty({"created": NOW, "data": [{"b64_json": payload("png", 33, 40)}]}))),
        Base("url", asked(model="dall-e-3"), sent(pretty({"created": NOW, "data": [dalle]}) + b"\n")),
        Base("error", asked(), sent(refused.body, status=400)),
        streamed("png", 64, 48, 2),
        streamed("webp", 48, 64, 1, clear=True),
        streamed("jpeg", 80, 80, 0),
    )


# --- recorded responses


@lru_cache(maxsize=1)
def recorded() -> tuple[Base, ...]:
    """Recorded answers and errors; the stream that a client would have got for each picture; pairs of answers joined.

    No stream of the images API is recorded, and of answers with two pictures only one, so these are built out of
    the pictures that are.
    """
    asked_for_images = [(each, each.request) for each in all_recorded() if each.request and each.images_route]
    all_bases = [Base(str(each), request, each.as_content()) for each, request in asked_for_images]
    bases = [each for each in all_bases if len(each.response.body) <= MOST_BYTES]
    with_payloads = [each for each in bases if content_of(each.response).payloads()]
    pairs = pairwise(with_payloads)
    return (*bases, *map(stream_of, with_payloads), *(joined(*pair) for pair in pairs))


def stream_of(each: Base) -> Base:
    answer = each.response.json()
    fields = {name: answer.get(name) or value for name, value in told("png", 1024, 1024).items()}
    texts = content_of(each.response).payloads()[:1]
    return as_stream(f"stream of {each.name}", texts * 3, {"created_at": NOW, **fields}, asked(stream=True))


def joined(first: Base, second: Base) -> Base:
    answer = first.response.json()
    answer["data"] = [answer["data"][0], second.response.json()["data"][0]]
    return Base(f"{first.name} and {second.name}", asked(n=2), sent(pretty(answer)))


# --- the properties


def hold(case: EdgeCase, base: Base) -> HTTPResponse:
    """All that a case promises of every response to which it applies; gives what it makes of this one."""
    name, request, response = base
    before = deepcopy((response, content_of(response)))
    changed = case(response, request)
    assert changed != response, f"{case.name} changes nothing of {name}"
    assert case(response, request) == changed, f"{case.name} of {name} differs from time to time"
    assert (response, content_of(response)) == before, f"{case.name} changes its input, {name}"
    wrong = [finding for finding in check(changed, request) if finding.verdict == "invalid"]
    levels = sorted((finding.level for finding in wrong), key=LEVELS.index)
    assert levels[:1] == ([case.level] if case.verdict == "invalid" else []), f"{case.name} of {name}: {wrong}"
    return changed


@lru_cache(maxsize=2)
def applicable(bases: tuple[Base, ...]) -> dict[str, dict[str, Base]]:
    """The responses to which each case applies, by name; base by base, since what is in one is kept for a while."""
    fitting: dict[str, dict[str, Base]] = {name: {} for name in EDGE_CASES}
    for base in bases:
        for case in EDGE_CASES.values():
            if case.applies(base.response, base.request):
                fitting[case.name][base.name] = base
    return fitting


@pytest.mark.parametrize("base", plain(), ids=lambda base: base.name)
def test_a_plain_response_has_no_finding(base: Base) -> None:
    assert check(base.response) == []
    assert check(base.response, base.request) == []


@pytest.mark.parametrize("case", EDGE_CASES.values(), ids=EDGE_CASES)
def test_a_case_keeps_its_promises_on_plain_responses(case: EdgeCase) -> None:
    changed = [hold(case, base) for base in applicable(plain())[case.name].values()]
    assert changed, f"{case.name} applies to no plain response"
    if case.verdict == "valid":
        assert [check(each) for each in changed] == [[]] * len(changed)


FOUND_ELSEWHERE = {
    "empty_data_200_with_error_lost": "an empty list is right by the documents; what is left to find is its usage",
}
ODD = [case for case in EDGE_CASES.values() if case.verdict in ("unusual", "tolerated")]


@pytest.mark.parametrize("case", ODD, ids=lambda case: case.name)
def test_what_the_judge_finds_of_a_case_is_at_its_level_and_of_its_verdict(case: EdgeCase) -> None:
    """Beside that it may find more; and it may find nothing, since what is rare can be right by the documents."""
    if case.name in FOUND_ELSEWHERE:
        return
    for base in applicable(plain())[case.name].values():
        found = check(case(base.response, base.request), base.request if case.needs_request else None)
        assert not found or (case.level, case.verdict) in {(each.level, each.verdict) for each in found}, base.name
        assert found or not case.needs_request


@pytest.mark.parametrize("case", EDGE_CASES.values(), ids=EDGE_CASES)
def test_a_case_keeps_its_promises_on_recordings(case: EdgeCase, recordings: object) -> None:
    """On three of them, of different sizes."""
    fitting = sorted(applicable(recorded())[case.name].values(), key=lambda base: len(base.response.body))
    assert len(fitting) >= 3, f"{case.name} applies to {len(fitting)} recordings"
    for third in range(3):
        hold(case, fitting[len(fitting) * third // 3])


# --- no response may make a case fail

NUMBERS = st.one_of(st.integers(-1, 2), st.just(2**60), st.floats())
PAYLOADS = st.sampled_from(
    [
        payload("png", 16, 16),
        payload("png", 33, 40),
        payload("gif", 17, 16),
        payload("webp", 1, 1),
        payload("jpeg", 64, 48),
        payload("svg", 16, 16),
        payload("png", 16, 16)[:44],
        "AA==",
        "/9j/4AAQ",
        "iVBORw0KGgo=",
        "",
        "\ud83e",
    ]
)
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["auto", "64x48", "https://a/", "png"]))
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, PAYLOADS)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
USAGES = st.one_of(
    VALUES, st.fixed_dictionaries({}, optional={"total_tokens": VALUES, "output_tokens_details": VALUES})
)
TOLD = {
    "size": LEAVES,
    "output_format": LEAVES,
    "background": LEAVES,
    "quality": LEAVES,
    "usage": USAGES,
    "error": VALUES,
}
IMAGES = st.one_of(
    VALUES,
    st.fixed_dictionaries(
        {}, optional={"b64_json": st.one_of(PAYLOADS, VALUES), "url": st.one_of(TEXTS, VALUES), "x": VALUES}
    ),
)
ANSWERS = st.one_of(
    VALUES,
    st.fixed_dictionaries({"data": st.lists(IMAGES, max_size=3)}, optional={"created": VALUES, **TOLD}),
)
TYPES = st.sampled_from(
    [f"{kind}.{end}" for kind in ("image_generation", "image_edit", "") for end in ("partial_image", "completed")]
)
EVENTS = st.one_of(
    st.builds(
        event,
        TYPES,
        st.fixed_dictionaries(
            {},
            optional={"b64_json": st.one_of(PAYLOADS, VALUES), "partial_image_index": LEAVES, "type": VALUES, **TOLD},
        ),
    ),
    st.sampled_from([b"data:", b"data: [DONE]\n\n", b": x\n", b"\n\n", b"event: y\r\n", b"id\r", b"\xef\xbb\xbf"]),
    st.binary(max_size=8),
)
JSON_TYPES = st.sampled_from(
    [{"content-type": "application/json"}, {"Content-Type": "text/plain", "content-length": "7"}]
)
STREAM_TYPES = st.sampled_from(
    [{"content-type": "text/event-stream"}, {"Content-Type": "TEXT/EVENT-STREAM; charset=x"}]
)
ANY_TYPES = st.sampled_from(
    [{"content-type": ""}, [("content-type", "a"), ("content-type", "b"), ("x-request-id", "")], {}]
)
RESPONSES = st.one_of(
    st.builds(HTTPResponse, st.just(200), JSON_TYPES, st.builds(pretty, ANSWERS)),
    st.builds(HTTPResponse, st.just(200), STREAM_TYPES, st.builds(b"".join, st.lists(EVENTS, max_size=6))),
    st.builds(
        HTTPResponse,
        st.sampled_from([200, 201, 204, 301, 400, 500, 0, -1]),
        st.one_of(JSON_TYPES, STREAM_TYPES, ANY_TYPES),
        st.one_of(st.binary(max_size=40), st.builds(pretty, ANSWERS), EVENTS),
    ),
)
ASKED = {
    "n": NUMBERS,
    "stream": st.one_of(st.booleans(), VALUES),
    "size": TEXTS,
    "quality": TEXTS,
    "model": TEXTS,
    "output_format": TEXTS,
    "response_format": st.sampled_from(["b64_json", "url", 1]),
}
REQUESTS = st.one_of(
    st.builds(lambda fields: asked(**fields), st.fixed_dictionaries({}, optional=ASKED)),
    st.builds(HTTPRequest, st.just("GET"), st.just("/"), JSON_TYPES, st.binary(max_size=20)),
)


@settings(max_examples=200, deadline=None)
@given(response=RESPONSES, request=REQUESTS)
def test_no_case_fails_on_any_response(response: HTTPResponse, request: HTTPRequest) -> None:
    """Whether it applies is told, and where it does it mutates."""
    for case in EDGE_CASES.values():
        if case.applies(response, request):
            assert isinstance(case(response, request), HTTPResponse)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_cases_can_follow_one_another(data: st.DataObject) -> None:
    """A case mutates what another has mutated, or says that it does not apply."""
    _, request, response = data.draw(st.sampled_from(plain()))
    for _ in range(3):
        fitting = [case for case in EDGE_CASES.values() if case.applies(response, request)]
        response = data.draw(st.sampled_from(fitting))(response, request)
    assert isinstance(response, HTTPResponse)


@pytest.mark.parametrize("other", ["bm8gcGljdHVyZQ==", "no base64!", None])
@pytest.mark.parametrize("name", ["size_flexible", "png_gray", "format_mismatch_bytes", "data_url_prefix"])
def test_what_is_no_picture_stays_beside_those_that_are_drawn_anew(name: str, other: str | None) -> None:
    data = [{"b64_json": payload("png", 64, 48)}, {"b64_json": other}]
    changed = EDGE_CASES[name](sent(pretty({"created": NOW, "data": data, "output_format": "png"})))
    assert changed.json()["data"][0] != data[0]
    if other is None or name != "data_url_prefix":
        assert changed.json()["data"][1:] == data[1:]


def test_a_picture_is_not_drawn_anew_where_its_header_cannot_be_read() -> None:
    cut = pybase64.b64encode(pybase64.b64decode(payload("png", 64, 48))[:20]).decode()
    answer = sent(pretty({"created": NOW, "data": [{"b64_json": cut}]}))
    assert EDGE_CASES["data_url_prefix"].applies(answer)
    assert not EDGE_CASES["size_flexible"].applies(answer)


def test_a_picture_larger_than_the_api_makes_is_not_drawn_anew() -> None:
    largest, larger = (with_pictures("png", 3840, height).response for height in (2160, 2161))
    assert EDGE_CASES["size_flexible"].applies(largest)
    assert EDGE_CASES["data_url_prefix"].applies(larger)
    assert not EDGE_CASES["size_flexible"].applies(larger)


def test_what_is_no_image_stays_among_the_images() -> None:
    answer = sent(pretty({"created": NOW, "data": [None, {"url": "https://a/"}, 5]}))
    assert EDGE_CASES["revised_prompt_null"](answer).json()["data"] == [
        None,
        {"url": "https://a/", "revised_prompt": None},
        5,
    ]


@pytest.mark.parametrize("name", ["completed_only", "bare_events", "completed_with_url", "no_event_names", "newlines"])
def test_what_stands_between_events_stays(name: str) -> None:
    """A comment, data that is no JSON, and an object without a type that no blank line ends."""
    stream = streamed("png", 64, 48, 1).response
    odd = HTTPResponse(200, stream.headers, b": hello\n\n" + stream.body + b"data: [DONE]\n\ndata: {}")
    changed = EDGE_CASES[name](odd).body
    assert changed != odd.body
    assert changed.startswith(b": hello\n\n")
    assert changed.endswith(b"}\n\ndata: [DONE]\n\ndata: {}")


def test_an_event_without_a_picture_stays_among_those_that_have_one() -> None:
    stream = streamed("png", 64, 48, 2).response
    heartbeat = EDGE_CASES["heartbeat_json"](stream)
    changed = EDGE_CASES["partials_larger_than_final"](heartbeat)
    assert b'data: {"type":"heartbeat"}\n\n' in changed.body
    first, second, final = (len(data) for data in content_of(changed).pictures())
    assert min(first, second) > final


@pytest.mark.parametrize("levels", [50, 200, 900, 950, 960, 970, 980, 990, 100_000])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_nesting_makes_no_case_fail(levels: int, kind: str) -> None:
    nested = '{"type":"x.completed","data":[{}],"extra":' + "[" * levels + "]" * levels + "}"
    body = nested if kind == "application/json" else f'data: {{"type": "x.completed"}}\n\ndata: {nested}\n\n'
    response = sent(body.encode(), kind)
    mutated = [case(response, asked()) for case in EDGE_CASES.values() if case.applies(response, asked())]
    assert len(mutated) > 20
