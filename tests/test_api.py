"""One description of an exchange: the endpoint, the strategies and the samples tell the same, and refuse the same."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import Phase, find, settings
from hypothesis.errors import InvalidArgument

from pytest_imgresponse import HTTPRequest, LocalEndpoint, check
from pytest_imgresponse.api.families import FAMILIES
from pytest_imgresponse.api.headers import seeded_headers
from pytest_imgresponse.api.parameters import (
    OPERATIONS,
    Parameters,
    UnreadableBodyError,
    Upload,
    operation_of,
    parameters_of,
)
from pytest_imgresponse.api.rules import broken_rules, settled
from pytest_imgresponse.api.samples import sample_answer, sample_response
from pytest_imgresponse.api.sse import events_of
from pytest_imgresponse.images.make import make_picture
from pytest_imgresponse.strategies import http_responses, images_responses, stream_responses
from pytest_imgresponse.strategies.choices import Choice, kinds

IMAGE = Upload("image", "image/png", make_picture("png", 64, 64))
KEY = ("authorization", "Bearer sk-any")
JSON_TYPE = ("content-type", "application/json")
MODELS = ("dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-2", "gpt-image-2.5-sunburst")


def requests_of_all_kinds():
    """A product of parameters, thinned to what tells one rule from another."""
    looks = [
        (None, None),
        ("png", "transparent"),
        ("jpeg", "transparent"),
        ("webp", "opaque"),
        ("gif", None),
        ("svg", None),
    ]
    ways = [(1, None, None), (2, None, None), (1, True, None), (2, True, 1)]
    sizes = (None, "1024x1024", "256x256", "1040x1024")
    for model, (made, background), size, (n, stream, partials), operation, sent in product(
        MODELS, looks, sizes, ways, OPERATIONS, (None, "url")
    ):
        yield Parameters(
            operation=operation,
            model=model,
            prompt=None if operation == "variations" else "a red fox",
            n=n,
            size=size,
            output_format=made,
            background=background,
            stream=stream,
            partial_images=partials,
            response_format=sent,
            safety_identifier="user-fox" if model.startswith("gpt") and operation != "variations" else None,
            images=() if operation == "generations" else (IMAGE,),
        )


REQUESTS = list(requests_of_all_kinds())
TAKEN = [asked for asked in REQUESTS if next(broken_rules(asked), None) is None]
# The fields do not depend on the size, and a picture takes its time to be drawn.
DRAWN = [asked for asked in TAKEN if asked.size is None or (asked.size == "256x256" and asked.model == "dall-e-2")]


def fields_of(response):
    """The names of all fields of a response, in their order; of a stream those of each kind of event."""
    if not response.is_stream:
        return names_in(response.json())
    return {event.name: names_in(json.loads(event.data)) for event in events_of(response.body)}


def names_in(value):
    if isinstance(value, dict):
        return {name: names_in(inner) for name, inner in value.items()}
    return names_in(value[0]) if isinstance(value, list) else None


def in_order(value):
    """Dicts compare without their order; this does not."""
    return json.dumps(value)


def ask(asked: Parameters) -> HTTPRequest:
    request = asked.request()
    return replace_headers(request, (*request.headers, KEY))


def replace_headers(request: HTTPRequest, headers) -> HTTPRequest:
    return HTTPRequest(request.method, request.url, headers, request.body)


def test_what_is_refused_is_refused_by_the_endpoint_and_as_a_sample_alike():
    api = LocalEndpoint()
    refused = [asked for asked in REQUESTS if asked not in TAKEN]
    assert len(refused) > 1000
    assert len(TAKEN) > 200
    for asked in refused:
        response, sample = api.handle(ask(asked)), sample_response(parameters_of(asked.request()))
        assert (response.status, response.json()) == (sample.status, sample.json()) == (400, sample.json()), asked


def test_what_is_refused_is_an_invalid_argument_of_the_strategies():
    """But for what answers do not depend on: the strategies have no variations."""
    for asked in REQUESTS:
        if asked.operation == "variations":
            continue
        bare = replace(asked, safety_identifier=None, prompt=None, images=())
        if asked in TAKEN:
            kinds(bare)
        else:
            with pytest.raises(InvalidArgument, match="expected arguments that one answer can satisfy"):
                kinds(bare)


@pytest.mark.parametrize("asked", DRAWN, ids=lambda asked: json.dumps(asked.said))
def test_the_endpoint_a_strategy_and_a_sample_tell_the_same_fields(asked):
    endpoint = LocalEndpoint().handle(ask(asked))
    sample = sample_response(asked, size=(64, 64))
    assert in_order(fields_of(endpoint)) == in_order(fields_of(sample))
    assert endpoint.header("content-type") == sample.header("content-type")
    if asked.operation == "variations":  # they answer as generations do
        asked = replace(asked, operation="generations", prompt="a red fox", images=())
    chosen = Choice(settled(asked))
    tokens = chosen.tokens._replace(told_apart=True)
    assert in_order(fields_of(chosen._replace(tokens=tokens).http())) == in_order(fields_of(sample))


DESCRIBED = ["size", "quality", "background", "output_format"]


@pytest.mark.parametrize("model", ["gpt-image-1", "gpt-image-2"])
def test_the_fields_of_a_stream_are_those_of_recordings(model):
    """Models from gpt-image-2 on repeat the safety identifier (openai 3.54.0, `image_gen_completed_event.py`)."""
    asked = Parameters(model=model, prompt="x", quality="low", stream=True, partial_images=1, safety_identifier="fox")
    partial, completed = (json.loads(event.data) for event in events_of(LocalEndpoint().handle(ask(asked)).body))
    assert list(partial) == ["type", "b64_json", "created_at", *DESCRIBED, "partial_image_index"]
    identifier = ["safety_identifier"] if model == "gpt-image-2" else []
    assert list(completed) == ["type", "b64_json", "created_at", *DESCRIBED, *identifier, "usage"]
    assert completed.get("safety_identifier") == ("fox" if identifier else None)


@pytest.mark.parametrize(
    ("strategy", "asked"),
    [
        (http_responses(), Parameters(model="gpt-image-2", prompt="x", safety_identifier="user-fox")),
        (stream_responses(model="gpt-image-2"), Parameters(model="gpt-image-2", prompt="x", stream=True, user="fox")),
    ],
)
def test_what_a_strategy_draws_has_the_fields_of_a_sample(strategy, asked):
    sample = in_order(fields_of(sample_answer(asked, size=(64, 64)).http([("content-type", "text/event-stream")])))
    if asked.stream is None:
        sample = in_order(names_in(json.loads(sample_answer(asked, size=(64, 64)).body)))
    quick = settings(database=None, max_examples=1000, derandomize=True, deadline=None, phases=[Phase.generate])
    assert find(strategy, lambda response: in_order(fields_of(response)) == sample, settings=quick)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (b'{"prompt": "x", "model": 5}', "Invalid type for 'model': expected one of 'dall-e-2', 'dall-e-3', "),
        (b'{"prompt": "x", "model": "sdxl"}', "Invalid value: 'sdxl'. Supported values are: 'dall-e-2', "),
        (b'{"prompt": "x", "model": "gpt-image-2", "size": "big"}', "Invalid size 'big'. Expected WIDTHxHEIGHT"),
        (b'{"prompt": "x", "model": "gpt-image-2", "n": 11}', "Expected a value <= 10, but got 11 instead."),
        (b'{"prompt": "x", "model": "gpt-image-2", "n": 0}', "Expected a value >= 1, but got 0 instead."),
        (b'{"prompt": "x", "extra": null}', "Unknown parameter: 'extra'."),
        (b'{"prompt": "x", "style": null}', "Unknown parameter: 'style'."),
        (b'{"prompt": "x", "background": "opaque"}', "Unknown parameter: 'background'."),
        (b'{"prompt": "x", "model": "dall-e-3", "n": 2}', "Expected a value <= 1, but got 2 instead."),
        (
            b'{"prompt": "x", "model": "gpt-image-2", "output_format": "jpeg", "background": "transparent"}',
            "Transparent background is not supported for JPEG output format",
        ),
        (
            b'{"prompt": "x", "model": "gpt-image-2.5-flare", "output_format": "svg", "stream": true}',
            "Streaming is not supported for SVG output format",
        ),
        (
            b'{"prompt": "x", "model": "gpt-image-2.5-flare", "output_format": "svg", "n": 2}',
            "SVG output format requires n=1",
        ),
    ],
)
def test_a_rule_is_worded_as_the_api_does(asked, message):
    request = HTTPRequest("POST", "https://api.openai.com/v1/images/generations", (JSON_TYPE, KEY), asked)
    response = LocalEndpoint().handle(request)
    assert response.status == 400
    assert message in response.json()["error"]["message"]


GIF = {"model": "gpt-image-2.5-sunburst", "output_format": "gif"}


@pytest.mark.parametrize(
    ("asked", "broken"),
    [
        ({"model": 5, "n": 0}, [("type", "model")]),
        ({"model": "sdxl", "n": 0}, [("choice", "model")]),
        (
            {"model": "gpt-image-2", "prompt": "", "size": "big", "n": 0},
            [("empty", "prompt"), ("minimum", "n"), ("size", "size")],
        ),
        ({"model": "gpt-image-2", "size": "3840x1000"}, [("size", "size")] * 2),
        ({**GIF, "frame_count": 1, "svg": {}}, [("minimum", "frame_count"), ("own format", "svg")]),
    ],
)
def test_all_rules_that_are_broken_are_told_the_most_general_first(asked, broken):
    """Without a model that is known no other rule can be."""
    body = json.dumps({"prompt": "x", **asked}).encode()
    request = HTTPRequest("POST", "https://a.example/images/generations", (JSON_TYPE,), body)
    assert [(each.rule, each.parameter) for each in broken_rules(parameters_of(request))] == broken


@pytest.mark.parametrize(
    ("name", "rule"), [("n[0]", "type"), ("prompt[x]", "type"), ("size[0]", "type"), ("stream[a]", "type")]
)
def test_of_a_form_an_object_in_the_place_of_a_value_is_refused(name, rule):
    asked = Parameters(operation="edits", model="gpt-image-1", prompt="x", images=(IMAGE,)).request(as_form=True)
    field = f'--imgresponse-boundary\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n5\r\n'.encode()
    request = HTTPRequest("POST", asked.url, (*asked.headers, KEY), field + asked.body)
    response = LocalEndpoint().handle(request)
    assert (response.status, response.json()["error"]["code"]) == (400, "invalid_type")


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_without_a_boundary_is_refused(content_type):
    headers = (("content-type", content_type), KEY)
    request = HTTPRequest("POST", "https://api.openai.com/v1/images/generations", headers, b'{"prompt": "x"}')
    error = LocalEndpoint().handle(request).json()["error"]
    assert error["message"] == "Could not parse multipart form"


def test_an_empty_user_is_no_safety_identifier():
    answer = sample_answer(Parameters(model="gpt-image-2", prompt="x", user=""), size=(64, 64))
    assert answer.safety_identifier is None


def test_partial_pictures_are_made_for_a_stream_alone():
    asked = Parameters(model="gpt-image-2", prompt="x", partial_images=3)
    assert sample_answer(asked, size=(64, 64)).partials == ()
    assert [len(each) for each in sample_answer(replace(asked, stream=True), size=(64, 64)).partials] == [3]


def test_of_a_form_an_object_that_no_model_takes_is_unknown():
    body = b'--b\r\nContent-Disposition: form-data; name="seed[fox]"\r\n\r\n1\r\n--b--\r\n'
    request = HTTPRequest(
        "POST", "https://a.example/images/edits", {"content-type": "multipart/form-data; boundary=b"}, body
    )
    assert parameters_of(request).unknown == ("seed",)


@pytest.mark.parametrize("asked", TAKEN, ids=lambda asked: f"{asked.operation} {json.dumps(asked.said)}")
def test_a_request_that_was_written_is_read_as_what_it_was_written_of(asked):
    as_form = asked.request(as_form=True)
    read = parameters_of(as_form)
    assert read.is_form
    assert [upload.content for upload in read.images] == [upload.content for upload in asked.images]
    assert replace(read, is_form=False, images=asked.images) == asked
    if asked.operation != "variations":
        named = tuple(upload._replace(name=f"images[{place}]") for place, upload in enumerate(asked.images))
        assert parameters_of(asked.request()) == replace(asked, images=named)


def test_a_mask_and_an_object_are_written_and_read_in_both_forms():
    asked = Parameters(operation="edits", prompt="x", svg={"model": "gpt-5"}, images=(IMAGE,), mask=IMAGE)
    for as_form in (True, False):
        read = parameters_of(asked.request(as_form=as_form))
        assert (read.svg, read.mask.content, read.images[0].content) == ({"model": "gpt-5"}, *[IMAGE.content] * 2)


@pytest.mark.parametrize(
    ("url", "operation"),
    [
        ("https://gateway.example/openai/v1/images/edits?api-version=1", "edits"),
        ("https://gateway.example/images/generations/", "generations"),
        ("https://[::1/v1/images/variations", "variations"),
        ("https://gateway.example/v1/chat/completions", None),
    ],
)
def test_the_operation_is_the_last_step_of_the_path(url, operation):
    assert operation_of(url) == operation


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", b"[" * 100_000])
def test_a_body_without_parameters_is_unreadable(body):
    with pytest.raises(UnreadableBodyError):
        parameters_of(HTTPRequest("POST", "https://a.example/images/generations", (), body))


def test_every_family_answers_to_what_it_takes():
    """The sample of each model is right by the judge, beside the request that it answers."""
    for model in FAMILIES:
        asked = Parameters(model=model, prompt="a red fox")
        answer = sample_answer(asked)
        assert check(answer.http(seeded_headers(0, 1_780_000_000)), asked.request()) == []


def test_a_size_that_was_seen_is_one_that_a_strategy_draws():
    response = find(images_responses(model="gpt-image-2", size="1254x1254"), lambda drawn: True)
    assert (response.size, response.data[0].open().size) == ("1254x1254", (1254, 1254))


def test_a_strategy_refuses_in_words_of_its_own():
    with pytest.raises(InvalidArgument, match=r"got model='dall-e-3', n=2: dall-e-3 answers with 1 image at the most"):
        find(images_responses(model="dall-e-3", n=2), lambda drawn: True)
