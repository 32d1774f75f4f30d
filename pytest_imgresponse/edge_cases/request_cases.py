"""Cases that need the request: the answer is right in itself, but not what was asked for."""

from __future__ import annotations

from pytest_imgresponse.api.sse import event
from pytest_imgresponse.checks.comparison import asked_by
from pytest_imgresponse.edge_cases.mutators import (
    map_pictures,
    mutate_json,
    redrawn,
    with_body,
    with_fields,
    with_header,
)
from pytest_imgresponse.edge_cases.predicates import DECLARED, content_of, json_payload, legible, payload, with_image
from pytest_imgresponse.edge_cases.schema_cases import urls_only
from pytest_imgresponse.edge_cases.stream_cases import completed_of, finished
from pytest_imgresponse.edge_cases.table import edge_case_with_request
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import OutputFormat


def _n(response: HTTPResponse) -> int:
    return len((content_of(response).json or {})["data"])


def stream_asked(response: HTTPResponse, request: HTTPRequest) -> bool:
    """A request for a stream, and a stream with payloads and a completed event."""
    return bool(asked_by(request).stream) and finished(response) and payload(response)


@edge_case_with_request(
    "unusual",
    "stream",
    seen="CookSleep/gpt_image_playground#50; realmorrisliu/openrouter-rs#226; run: openai 3.54.0 gives no event",
    applies=stream_asked,
)
def json_instead_of_sse(response: HTTPResponse, request: HTTPRequest) -> HTTPResponse:
    """A stream was asked for, and one JSON document comes."""
    final = completed_of(response).fields
    declared = {name: final[name] for name in DECLARED if name in final}
    data = [{"b64_json": content_of(response).payloads()[-1]}]
    typed = with_header(response, "content-type", "application/json")
    return with_fields(with_body(typed, b"{}"), created=final.get("created_at"), data=data, **declared)


def no_stream_asked(response: HTTPResponse, request: HTTPRequest) -> bool:
    """A request for no stream, and a 200 answer with a payload."""
    return asked_by(request).stream is False and json_payload(response)


@edge_case_with_request(
    "tolerated", "stream", seen="ollama/ollama#13853; run: openai 3.54.0 gives a str", applies=no_stream_asked
)
def sse_instead_of_json(response: HTTPResponse, request: HTTPRequest) -> HTTPResponse:
    """No stream was asked for, and a stream of events comes."""
    answer = content_of(response).json or {}
    declared = {"created_at": answer.get("created"), **{name: answer[name] for name in DECLARED if name in answer}}
    events = [
        event("image_generation.completed", {"b64_json": text, **declared}) for text in content_of(response).payloads()
    ]
    return with_body(with_header(response, "content-type", "text/event-stream; charset=utf-8"), b"".join(events))


def n_asked(response: HTTPResponse, request: HTTPRequest) -> bool:
    """A request for as many images as there are in a 200 answer."""
    return with_image(response) and asked_by(request).n == _n(response)


@edge_case_with_request(
    "unusual", "schema", seen="openai 3.54.0, images_response.py (does not compare with `n`)", applies=n_asked
)
def more_images_than_n(response: HTTPResponse, request: HTTPRequest) -> HTTPResponse:
    """There is an image more than was asked for."""
    return mutate_json(response, lambda answer: {**answer, "data": [*answer["data"], answer["data"][-1]]})


def many_asked(response: HTTPResponse, request: HTTPRequest) -> bool:
    """A request for two images or more, and a 200 answer that has them."""
    return n_asked(response, request) and _n(response) > 1


@edge_case_with_request("unusual", "json", seen="vercel/ai#19168; Wei-Shaw/sub2api#2586", applies=many_asked)
def fewer_images_than_n(response: HTTPResponse, request: HTTPRequest) -> HTTPResponse:
    """An image that was asked for is missing, as when moderation kept it back."""
    return mutate_json(response, lambda answer: {**answer, "data": answer["data"][:-1]})


def size_asked(response: HTTPResponse, request: HTTPRequest) -> bool:
    """A request that names a size, and a 200 answer with raster pictures whose headers can be read."""
    return asked_by(request).of("size") is not None and legible(response)


@edge_case_with_request(
    "unusual", "schema", seen="recording: maruel/genai, gpt-image-2 (1254x1254)", applies=size_asked
)
def other_size_than_asked(response: HTTPResponse, request: HTTPRequest) -> HTTPResponse:
    """The pictures are of another size than was asked for, and `size` says so."""
    width, height = (1024, 1024) if asked_by(request).of("size") == "1254x1254" else (1254, 1254)
    drawn = map_pictures(response, lambda data: redrawn(data, size=(width, height)))
    return with_fields(drawn, size=f"{width}x{height}")


def format_asked(response: HTTPResponse, request: HTTPRequest) -> bool:
    """A request that names an `output_format`, and a 200 answer with raster pictures whose headers can be read."""
    return asked_by(request).of("output_format") is not None and legible(response)


@edge_case_with_request("unusual", "schema", seen="openai/openai-node#1850; open-webui#29948", applies=format_asked)
def other_format_than_asked(response: HTTPResponse, request: HTTPRequest) -> HTTPResponse:
    """The pictures are of another format than was asked for, and `output_format` says so."""
    other: OutputFormat = "webp" if asked_by(request).of("output_format") == "png" else "png"
    drawn = map_pictures(response, lambda data: redrawn(data, file_format=other))
    return with_fields(drawn, output_format=other)


def quality_asked(response: HTTPResponse, request: HTTPRequest) -> bool:
    """A request that names a quality, and a 200 answer with an image."""
    return asked_by(request).of("quality") is not None and with_image(response)


@edge_case_with_request("unusual", "schema", seen="router-for-me/CLIProxyAPI#5762", applies=quality_asked)
def other_quality_than_asked(response: HTTPResponse, request: HTTPRequest) -> HTTPResponse:
    """The `quality` is another than was asked for."""
    return with_fields(response, quality="medium" if asked_by(request).of("quality") == "low" else "low")


def model_asked(response: HTTPResponse, request: HTTPRequest) -> bool:
    """A request that names a model, and a 200 answer with an image."""
    return asked_by(request).model is not None and with_image(response)


@edge_case_with_request("unusual", "schema", seen="diegosouzapw/OmniRoute#14617", applies=model_asked)
def other_model_than_asked(response: HTTPResponse, request: HTTPRequest) -> HTTPResponse:
    """The answer names another `model` than was asked for, as from a gateway that has a model of its own."""
    return with_fields(response, model=f"{asked_by(request).model}-codex")


def b64_asked(response: HTTPResponse, request: HTTPRequest) -> bool:
    """A request with `response_format` b64_json, and a 200 answer with a payload."""
    return asked_by(request).of("response_format") == "b64_json" and json_payload(response)


@edge_case_with_request("unusual", "schema", seen="cherry-studio#18415", applies=b64_asked)
def url_instead_of_b64(response: HTTPResponse, request: HTTPRequest) -> HTTPResponse:
    """Base64 was asked for, and urls come."""
    return urls_only(response)
