"""Level schema: the fields of an answer, less its images and its usage."""

from __future__ import annotations

from pytest_imgresponse.edge_cases.bending import (
    bend_json,
    map_pictures,
    redrawn,
    with_body,
    with_fields,
    without_fields,
)
from pytest_imgresponse.edge_cases.subjects import (
    json_answer,
    json_object,
    json_payload,
    legible,
    opaque,
    subject_of,
    with_image,
)
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.edge_cases.usage import SVG_USAGE
from pytest_imgresponse.http import HTTPResponse


@edge_case("valid", "schema", seen="openai 3.54.0, images_response.py", applies=with_image)
def quality_xhigh(response: HTTPResponse) -> HTTPResponse:
    """The quality is `xhigh`, which only the newest models have."""
    return with_fields(response, quality="xhigh")


@edge_case("valid", "schema", seen="openai 3.54.0, images_response.py", applies=with_image)
def quality_max(response: HTTPResponse) -> HTTPResponse:
    """The quality is `max`, which only the newest models have."""
    return with_fields(response, quality="max")


@edge_case("valid", "schema", seen="openai 3.54.0, image_generate_params.py; recording: ruby_llm", applies=legible)
def size_flexible(response: HTTPResponse) -> HTTPResponse:
    """Size and pictures are 1536x864, none of the three sizes of old."""
    drawn = map_pictures(response, lambda data: redrawn(data, size=(1536, 864)))
    return with_fields(drawn, size="1536x864")


@edge_case("valid", "schema", seen="openai/openai-python#4247", applies=legible)
def output_format_gif(response: HTTPResponse) -> HTTPResponse:
    """The pictures are animated GIFs, and `output_format` says so."""
    return with_fields(map_pictures(response, lambda data: redrawn(data, file_format="gif")), output_format="gif")


def one_picture(response: HTTPResponse) -> bool:
    """A 200 answer with one raster picture, whose header can be read."""
    return legible(response) and len(subject_of(response).pictures()) == 1


@edge_case("valid", "schema", seen="openai/openai-python#4247", applies=one_picture)
def output_format_svg(response: HTTPResponse) -> HTTPResponse:
    """The picture is an SVG, `output_format` says so, and there is an `svg_usage`."""
    drawn = map_pictures(response, lambda data: redrawn(data, file_format="svg"))
    return with_fields(drawn, output_format="svg", svg_usage=SVG_USAGE)


@edge_case("valid", "schema", seen="openai/openai-python#4093", applies=json_answer)
def safety_identifier(response: HTTPResponse) -> HTTPResponse:
    """The answer has a `safety_identifier`."""
    return with_fields(response, safety_identifier="user-4f9a2c")


@edge_case("valid", "schema", seen="openai 3.54.0, _models.py (extra fields are allowed)", applies=json_answer)
def unknown_extra_keys(response: HTTPResponse) -> HTTPResponse:
    """The answer has fields that no document knows, with values of all types."""
    extra = {"text": "", "list": [None, 1.5], "object": {"data": []}, "flag": True}
    return with_fields(response, moderation=extra, seed=183243728414542688)


@edge_case("unusual", "schema", seen="recording: maruel/genai, togetherai FLUX.1-schnell", applies=json_answer)
def extra_id_and_model(response: HTTPResponse) -> HTTPResponse:
    """The answer has the `id`, `model` and `object` of other APIs."""
    extra = {"id": "omJKGKg-2kFHot-a046745b3835a2b4-SEA", "model": "black-forest-labs/FLUX.1-schnell"}
    return bend_json(response, lambda answer: {**extra, "object": "list", **answer})


def with_created(response: HTTPResponse) -> bool:
    """A 200 answer with `created`."""
    return "created" in (subject_of(response).json or {})


@edge_case("unusual", "schema", seen="recordings: xai, togetherai, nebius", applies=with_created)
def created_missing(response: HTTPResponse) -> HTTPResponse:
    """There is no `created`, the one field that is required."""
    return without_fields(response, "created")


@edge_case("unusual", "schema", seen="BerriAI/litellm#9239; run: openai 3.54.0 maps it to None", applies=json_answer)
def created_null(response: HTTPResponse) -> HTTPResponse:
    """`created` is null."""
    return with_fields(response, created=None)


@edge_case("unusual", "schema", seen="recording: ruby_llm, openrouter", applies=json_answer)
def created_zero(response: HTTPResponse) -> HTTPResponse:
    """`created` is 0, the start of 1970."""
    return with_fields(response, created=0)


@edge_case("tolerated", "schema", seen="RFC 8259, section 6; run: openai 3.54.0 gives a float", applies=json_answer)
def created_integral_float(response: HTTPResponse) -> HTTPResponse:
    """`created` is a whole number written as `1755612900.0`."""
    return with_fields(response, created=1755612900.0)


@edge_case("tolerated", "schema", seen="images reference: created is in seconds", applies=json_answer)
def created_in_milliseconds(response: HTTPResponse) -> HTTPResponse:
    """`created` is in milliseconds: as seconds it lies in the year 57603."""
    return with_fields(response, created=1755612900123)


@edge_case("invalid", "schema", seen="run: openai 3.54.0 gives a float", applies=json_answer)
def created_fractional_float(response: HTTPResponse) -> HTTPResponse:
    """`created` has a fraction."""
    return with_fields(response, created=1755612900.123)


@edge_case("invalid", "schema", seen="leejet/stable-diffusion.cpp#1202", applies=json_answer)
def created_iso_string(response: HTTPResponse) -> HTTPResponse:
    """`created` is a date in ISO 8601."""
    return with_fields(response, created="2025-08-19T14:15:00Z")


@edge_case("unusual", "schema", seen="images reference: auto is for requests and events", applies=with_image)
def background_auto(response: HTTPResponse) -> HTTPResponse:
    """The background is `auto`, as it was asked for."""
    return with_fields(response, background="auto")


@edge_case("unusual", "schema", seen="images reference: auto is for requests and events", applies=with_image)
def size_auto(response: HTTPResponse) -> HTTPResponse:
    """The size is `auto`, as it was asked for."""
    return with_fields(response, size="auto")


@edge_case("unusual", "schema", seen="images reference: hd is for requests to dall-e-3", applies=with_image)
def quality_hd(response: HTTPResponse) -> HTTPResponse:
    """The quality is `hd`, as it was asked of dall-e-3."""
    return with_fields(response, quality="hd")


@edge_case("unusual", "schema", seen="vllm-project/vllm-omni#3094", applies=opaque)
def output_format_jpg(response: HTTPResponse) -> HTTPResponse:
    """The pictures are JPEGs, and `output_format` is `jpg`, which is no value of it."""
    drawn = map_pictures(response, lambda data: redrawn(data, file_format="jpeg"))
    return with_fields(drawn, output_format="jpg")


@edge_case("unusual", "schema", seen="run: openai 3.54.0 maps them to None", applies=with_image)
def optional_fields_null(response: HTTPResponse) -> HTTPResponse:
    """Background, format, quality and size are null."""
    return with_fields(response, background=None, output_format=None, quality=None, size=None)


@edge_case("invalid", "schema", seen="run: openai 3.54.0 gives a list", applies=with_image)
def size_list(response: HTTPResponse) -> HTTPResponse:
    """The size is a list of two numbers."""
    return with_fields(response, size=[1024, 1024])


def with_created_and_image(response: HTTPResponse) -> bool:
    """A 200 answer with `created` and an image."""
    return with_created(response) and with_image(response)


@edge_case("unusual", "schema", seen="bz-cogs#49", applies=with_created_and_image)
def images_key_not_data(response: HTTPResponse) -> HTTPResponse:
    """The list of images is called `images`: right by the documents, and without a picture."""
    return bend_json(response, lambda answer: {"images" if name == "data" else name: answer[name] for name in answer})


@edge_case("unusual", "schema", seen="recording: huggingface_hub, hyperbolic", applies=json_payload)
def images_as_hyperbolic(response: HTTPResponse) -> HTTPResponse:
    """The payloads are in `images[].image`, beside an `inference_time`, and there is no `created`."""
    payloads = subject_of(response).payloads()
    images = [{"index": n, "image": text, "random_seed": 183243728} for n, text in enumerate(payloads)]
    return bend_json(response, lambda _: {"images": images, "inference_time": 0.9012346267700195})


@edge_case("invalid", "schema", seen="browser-use/browser-use#5201", applies=json_payload)
def data_is_dict(response: HTTPResponse) -> HTTPResponse:
    """`data` is an object, with the payloads in a list in it."""
    return with_fields(response, data={"image_base64": subject_of(response).payloads()})


@edge_case("invalid", "schema", seen="run: openai 3.54.0 gives a list of str", applies=json_payload)
def data_of_texts(response: HTTPResponse) -> HTTPResponse:
    """`data` is a list of payloads, with no object around them."""
    return with_fields(response, data=subject_of(response).payloads())


@edge_case("invalid", "schema", seen="run: openai 3.54.0 gives [None]", applies=json_answer)
def data_null_item(response: HTTPResponse) -> HTTPResponse:
    """An image is null."""
    return bend_json(response, lambda answer: {**answer, "data": [*(answer["data"] or ()), None]})


@edge_case("invalid", "schema", seen="RFC 8259, section 2; run: openai 3.54.0 gives a list", applies=json_object)
def answer_in_list(response: HTTPResponse) -> HTTPResponse:
    """The whole answer is in a list."""
    return bend_json(response, lambda answer: [answer])


@edge_case("invalid", "schema", seen="RFC 8259, section 2; run: openai 3.54.0 gives None", applies=json_object)
def answer_null(response: HTTPResponse) -> HTTPResponse:
    """The whole answer is `null`."""
    return with_body(response, b"null")
