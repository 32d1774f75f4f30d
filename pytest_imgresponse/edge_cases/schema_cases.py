"""Cases at the level `schema`: the fields of an answer, then `data`, the images with their urls, and the usage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_imgresponse.api.answers import Tokens
from pytest_imgresponse.api.blob_store import picture_url
from pytest_imgresponse.edge_cases.mutators import (
    map_pictures,
    mutate_images,
    mutate_json,
    redrawn,
    with_body,
    with_fields,
    with_image_fields,
    without_fields,
)
from pytest_imgresponse.edge_cases.predicates import (
    content_of,
    json_answer,
    json_object,
    json_payload,
    legible,
    opaque,
    url_answer,
    with_image,
    with_usage,
)
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse

_MOMENT = 1755612900
"""When pictures were made, in Unix seconds: in August 2025."""
SVG_USAGE = {
    "input_tokens": 310,
    "model": "gpt-image-2.5-sunburst",
    "output_tokens": 2048,
    "reasoning_tokens": 512,
    "total_tokens": 2358,
}
"""What writing an SVG cost, beside what pictures did."""


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
    return legible(response) and len(content_of(response).pictures()) == 1


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
    return mutate_json(response, lambda answer: {**extra, "object": "list", **answer})


def with_created(response: HTTPResponse) -> bool:
    """A 200 answer with `created`."""
    return "created" in (content_of(response).json or {})


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


# `data`: where the images are, and what is in their place.


def with_created_and_image(response: HTTPResponse) -> bool:
    """A 200 answer with `created` and an image."""
    return with_created(response) and with_image(response)


@edge_case("unusual", "schema", seen="bz-cogs#49", applies=with_created_and_image)
def images_key_not_data(response: HTTPResponse) -> HTTPResponse:
    """The list of images is called `images`: right by the documents, and without a picture."""
    return mutate_json(response, lambda answer: {"images" if name == "data" else name: answer[name] for name in answer})


@edge_case("unusual", "schema", seen="recording: huggingface_hub, hyperbolic", applies=json_payload)
def images_as_hyperbolic(response: HTTPResponse) -> HTTPResponse:
    """The payloads are in `images[].image`, beside an `inference_time`, and there is no `created`."""
    payloads = content_of(response).payloads()
    images = [{"index": n, "image": text, "random_seed": 183243728} for n, text in enumerate(payloads)]
    return mutate_json(response, lambda _: {"images": images, "inference_time": 0.9012346267700195})


@edge_case("invalid", "schema", seen="browser-use/browser-use#5201", applies=json_payload)
def data_is_dict(response: HTTPResponse) -> HTTPResponse:
    """`data` is an object, with the payloads in a list in it."""
    return with_fields(response, data={"image_base64": content_of(response).payloads()})


@edge_case("invalid", "schema", seen="run: openai 3.54.0 gives a list of str", applies=json_payload)
def data_of_texts(response: HTTPResponse) -> HTTPResponse:
    """`data` is a list of payloads, with no object around them."""
    return with_fields(response, data=content_of(response).payloads())


@edge_case("invalid", "schema", seen="run: openai 3.54.0 gives [None]", applies=json_answer)
def data_null_item(response: HTTPResponse) -> HTTPResponse:
    """An image is null."""
    return mutate_json(response, lambda answer: {**answer, "data": [*(answer["data"] or ()), None]})


@edge_case("invalid", "schema", seen="RFC 8259, section 2; run: openai 3.54.0 gives a list", applies=json_object)
def answer_in_list(response: HTTPResponse) -> HTTPResponse:
    """The whole answer is in a list."""
    return mutate_json(response, lambda answer: [answer])


@edge_case("invalid", "schema", seen="RFC 8259, section 2; run: openai 3.54.0 gives None", applies=json_object)
def answer_null(response: HTTPResponse) -> HTTPResponse:
    """The whole answer is `null`."""
    return with_body(response, b"null")


# The images: a url, a prompt, and what other servers add.


def urls_only(response: HTTPResponse, **more: str) -> HTTPResponse:
    """With `created` and urls alone, as dall-e-2 and dall-e-3 answered; `more` are other fields of each image."""
    count = len((content_of(response).json or {})["data"])
    data = [{**more, "url": picture_url(number, _MOMENT)} for number in range(count)]
    return mutate_json(response, lambda _: {"created": _MOMENT, "data": data})


@edge_case("valid", "schema", seen="recording: ruby-openai, images_generations", applies=with_image)
def url_only(response: HTTPResponse) -> HTTPResponse:
    """The images have a url and nothing else, as from dall-e-2."""
    return urls_only(response)


@edge_case("valid", "schema", seen="recording: ruby_llm, dall-e-3", applies=with_image)
def url_with_revised_prompt(response: HTTPResponse) -> HTTPResponse:
    """The images have a url and the prompt that was used, as from dall-e-3."""
    return urls_only(response, revised_prompt="A red fox in the snow, photographed at dawn.")


@edge_case("valid", "schema", seen="openai 3.54.0, image.py", applies=with_image)
def revised_prompt_empty(response: HTTPResponse) -> HTTPResponse:
    """The revised prompt is an empty text."""
    return with_image_fields(response, revised_prompt="")


@edge_case("unusual", "schema", seen="vercel/ai#9441", applies=with_image)
def revised_prompt_null(response: HTTPResponse) -> HTTPResponse:
    """The revised prompt is null."""
    return with_image_fields(response, revised_prompt=None)


@edge_case("unusual", "schema", seen="run: model_dump_json of pydantic 2.14 raises", applies=with_image)
def revised_prompt_lone_surrogate(response: HTTPResponse) -> HTTPResponse:
    """The revised prompt has half of a surrogate pair, which no UTF-8 can hold."""
    return with_image_fields(response, revised_prompt="a red fox \ud83e")


@edge_case("unusual", "schema", seen="RFC 8259, section 7", applies=with_image)
def revised_prompt_nul(response: HTTPResponse) -> HTTPResponse:
    """The revised prompt has a NUL character, at which some databases and C libraries stop."""
    return with_image_fields(response, revised_prompt="a red fox\x00 in the snow")


@edge_case("unusual", "schema", seen="Unicode Standard Annex 9", applies=with_image)
def revised_prompt_right_to_left(response: HTTPResponse) -> HTTPResponse:
    """The revised prompt is Arabic, with a mark that turns the direction of the text."""
    return with_image_fields(response, revised_prompt="\u202e\u062b\u0639\u0644\u0628 \u0623\u062d\u0645\u0631")


@edge_case("unusual", "schema", seen="images reference: a prompt has up to 32,000 characters", applies=with_image)
def revised_prompt_32k(response: HTTPResponse) -> HTTPResponse:
    """The revised prompt has 32,000 characters."""
    return with_image_fields(response, revised_prompt="a red fox in the snow, ".ljust(40) * 800)


@edge_case("unusual", "schema", seen="vercel/ai#19168", applies=with_image)
def all_null_image(response: HTTPResponse) -> HTTPResponse:
    """All fields of an image are null, so that there is no picture."""
    return with_image_fields(response, b64_json=None, url=None, revised_prompt=None)


@edge_case("unusual", "schema", seen="vllm-omni, protocol/images.py", applies=json_payload)
def url_null_beside_b64(response: HTTPResponse) -> HTTPResponse:
    """`url` and `revised_prompt` are null beside a payload."""
    return with_image_fields(response, url=None, revised_prompt=None)


@edge_case("unusual", "schema", seen="brainlid/langchain#368", applies=url_answer)
def b64_null_beside_url(response: HTTPResponse) -> HTTPResponse:
    """`b64_json` is null beside a url."""
    return with_image_fields(response, b64_json=None)


@edge_case("unusual", "schema", seen="openai 3.54.0, image.py (does not exclude it)", applies=json_payload)
def both_url_and_b64(response: HTTPResponse) -> HTTPResponse:
    """The images have a url beside the payload."""
    return with_image_fields(response, url=picture_url(0, _MOMENT))


@edge_case("unusual", "schema", seen="recording: ruby_llm, xai grok-imagine-image", applies=with_image)
def mime_type_in_images(response: HTTPResponse) -> HTTPResponse:
    """The images have a `mime_type`, as xAI sends it."""
    return with_image_fields(response, mime_type="image/jpeg")


@edge_case("unusual", "schema", seen="recording: ruby_llm, openrouter", applies=with_image)
def media_type_in_images(response: HTTPResponse) -> HTTPResponse:
    """The images have a `media_type`, as OpenRouter sends it."""
    return with_image_fields(response, media_type="image/jpeg")


@edge_case(
    "unusual",
    "schema",
    seen="nextcloud/integration_openai#65; xtekky/gpt4free#2740; recording: togetherai",
    applies=with_image,
)
def extra_index_and_embedding(response: HTTPResponse) -> HTTPResponse:
    """The images have an `index`, an `embedding`, `timings` and a `cost`."""
    return with_image_fields(response, index=0, embedding=None, timings={"inference": 0.11}, cost=0.034)


@edge_case("unusual", "schema", seen="xtekky/gpt4free#2444", applies=with_image)
def url_relative(response: HTTPResponse) -> HTTPResponse:
    """The url is relative to the server that was asked."""
    return _with_url(response, lambda _: "/images/1755612900_a-red-fox.png?url=1")


@edge_case("unusual", "schema", seen="nextcloud/integration_openai#290", applies=with_image)
def url_http_local(response: HTTPResponse) -> HTTPResponse:
    """The url is plain HTTP to a host of a local network."""
    return _with_url(response, lambda _: "http://localhost:8080/generated-images/b641755612900.png")


@edge_case("unusual", "schema", seen="pipelex#518", applies=json_payload)
def url_data(response: HTTPResponse) -> HTTPResponse:
    """The picture is in `url`, as a data URL."""
    return _with_url(response, lambda payload: f"data:image/png;base64,{payload}")


def _with_url(response: HTTPResponse, url_of: Callable[[Any], str]) -> HTTPResponse:
    """With a url in the place of each payload, made of it."""

    def mutate(image: dict[str, Any]) -> None:
        image["url"] = url_of(image.pop("b64_json", ""))

    return mutate_images(response, mutate)


@edge_case("invalid", "schema", seen="run: openai 3.54.0 gives a list", applies=with_image)
def b64_json_list(response: HTTPResponse) -> HTTPResponse:
    """`b64_json` is a list of texts."""
    return mutate_images(response, lambda image: image.update(b64_json=[image.get("b64_json") or ""]))


@edge_case("invalid", "schema", seen="run: openai 3.54.0 gives a dict", applies=with_image)
def url_object(response: HTTPResponse) -> HTTPResponse:
    """`url` is an object with a url in it, as chat messages have it."""
    return with_image_fields(response, url={"url": picture_url(0, _MOMENT), "detail": "auto"})


def plain_usage(n: int = 1) -> dict[str, Any]:
    """The usage of `n` square pictures of low quality by gpt-image-1, as before May 2026."""
    return Tokens(12, 0, 272 * n).usage()


def _with_usage(response: HTTPResponse, **changes: Any) -> HTTPResponse:
    return with_fields(response, usage={**plain_usage(), **changes})


@edge_case("valid", "schema", seen="openai 3.54.0, images_response.py", applies=with_usage)
def usage_absent(response: HTTPResponse) -> HTTPResponse:
    """There is no `usage`."""
    return without_fields(response, "usage")


def output_details(response: HTTPResponse) -> bool:
    """A 200 answer with `output_tokens_details` in its usage."""
    return with_usage(response) and "output_tokens_details" in (content_of(response).json or {})["usage"]


@edge_case("valid", "schema", seen="openai 3.54.0, images_response.py; BerriAI/litellm#31142", applies=output_details)
def output_tokens_details_absent(response: HTTPResponse) -> HTTPResponse:
    """The usage has no `output_tokens_details`, as before May 2026."""

    def mutate(answer: dict[str, Any]) -> None:
        del answer["usage"]["output_tokens_details"]

    return mutate_json(response, mutate)


@edge_case("valid", "schema", seen="openai 3.54.0, images_response.py", applies=with_image)
def output_tokens_details_present(response: HTTPResponse) -> HTTPResponse:
    """The usage has `output_tokens_details`, with tokens of text beside those of images."""
    details = {"image_tokens": 272, "text_tokens": 48}
    return _with_usage(response, output_tokens=320, total_tokens=332, output_tokens_details=details)


@edge_case("unusual", "schema", seen="run: openai 3.54.0 maps it to None", applies=json_answer)
def usage_null(response: HTTPResponse) -> HTTPResponse:
    """`usage` is null."""
    return with_fields(response, usage=None)


@edge_case("unusual", "schema", seen="Aico#315; recording: openrouter", applies=json_answer)
def usage_chat_style(response: HTTPResponse) -> HTTPResponse:
    """The usage has the names of the chat API: `prompt_tokens` and `completion_tokens`."""
    return with_fields(response, usage={"prompt_tokens": 5, "completion_tokens": 1537, "total_tokens": 1542})


@edge_case("unusual", "schema", seen="mudler/LocalAI#7354", applies=json_answer)
def usage_without_details(response: HTTPResponse) -> HTTPResponse:
    """The usage has its three sums, and no details."""
    return with_fields(response, usage={"input_tokens": 12, "output_tokens": 272, "total_tokens": 284})


@edge_case("unusual", "schema", seen="mudler/LocalAI, image.go", applies=json_answer)
def usage_all_zero(response: HTTPResponse) -> HTTPResponse:
    """All tokens of the usage are 0, as from a server that does not count."""
    details = {"image_tokens": 0, "text_tokens": 0}
    return _with_usage(response, input_tokens=0, output_tokens=0, total_tokens=0, input_tokens_details=details)


@edge_case("unusual", "schema", seen="RFC 8259, section 6 (integers are exact up to 2**53)", applies=json_answer)
def usage_huge(response: HTTPResponse) -> HTTPResponse:
    """The output tokens are more than a double holds exactly: 2**53 + 1."""
    return _with_usage(response, output_tokens=2**53 + 1, total_tokens=2**53 + 13)


@edge_case("unusual", "schema", seen="openai 3.54.0, images_response.py (does not compare)", applies=json_answer)
def usage_sum_wrong(response: HTTPResponse) -> HTTPResponse:
    """The total is not the sum of the input and output tokens."""
    return _with_usage(response, total_tokens=272)


@edge_case("unusual", "schema", seen="openai 3.54.0, images_response.py (does not compare)", applies=json_answer)
def svg_usage_sum_wrong(response: HTTPResponse) -> HTTPResponse:
    """The total of the `svg_usage` is not the sum of its input and output tokens."""
    return with_fields(response, svg_usage={**SVG_USAGE, "total_tokens": 2870})


@edge_case("unusual", "schema", seen="BerriAI/litellm#10811", applies=json_answer)
def usage_details_null(response: HTTPResponse) -> HTTPResponse:
    """The details in the usage are null."""
    return _with_usage(response, input_tokens_details=None, output_tokens_details=None)


@edge_case("unusual", "schema", seen="recording: ruby_llm, xai grok-imagine-image", applies=json_answer)
def usage_in_money(response: HTTPResponse) -> HTTPResponse:
    """The usage has no tokens, but what it cost: `cost_in_usd_ticks`."""
    return with_fields(response, usage={"cost_in_usd_ticks": 200000000})


@edge_case("tolerated", "schema", seen="RFC 8259, section 6 (5.0 is 5); BerriAI/litellm#28024", applies=json_answer)
def usage_integral_float(response: HTTPResponse) -> HTTPResponse:
    """The tokens are whole numbers written as `272.0`."""
    return _with_usage(response, output_tokens=272.0, total_tokens=284.0)


@edge_case("invalid", "schema", seen="BerriAI/litellm#28024", applies=json_answer)
def usage_fractional(response: HTTPResponse) -> HTTPResponse:
    """The tokens have a fraction."""
    return _with_usage(response, output_tokens=272.5, total_tokens=284.5)


@edge_case("invalid", "schema", seen="images reference: numbers of tokens", applies=json_answer)
def usage_negative(response: HTTPResponse) -> HTTPResponse:
    """The output tokens are below 0."""
    return _with_usage(response, output_tokens=-1, total_tokens=11)


@edge_case("invalid", "schema", seen="run: openai 3.54.0 gives a list", applies=json_answer)
def usage_list(response: HTTPResponse) -> HTTPResponse:
    """`usage` is a list."""
    return with_fields(response, usage=[plain_usage()])
