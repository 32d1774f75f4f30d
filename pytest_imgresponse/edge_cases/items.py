"""Level schema: the images of an answer, their urls and revised prompts."""

from __future__ import annotations

from typing import Any

from pytest_imgresponse import blobs
from pytest_imgresponse.edge_cases.bending import bend_images, bend_json, with_image_fields
from pytest_imgresponse.edge_cases.subjects import json_payload, url_answer, with_image
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse

_MOMENT = 1755612900
_PATH = "/private/org-0123456789abcdefABCDEFGH/user-abcdefghABCDEFGH01234567/img-{}.png"


def signed_url(number: int = 0) -> str:
    """The url of a picture, as dall-e-2 and dall-e-3 sent it."""
    return blobs.signed_url(b"url", _PATH.format(number), _MOMENT)


def urls_only(response: HTTPResponse, **more: str) -> HTTPResponse:
    """With `created` and urls alone, as dall-e-2 and dall-e-3 answered; `more` are other fields of each image."""

    def bend(answer: dict[str, Any]) -> dict[str, Any]:
        urls = [signed_url(number) for number, _ in enumerate(answer["data"])]
        return {"created": _MOMENT, "data": [{**more, "url": url} for url in urls]}

    return bend_json(response, bend)


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
    return with_image_fields(response, url=signed_url())


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
    extra = {"index": 0, "embedding": None, "timings": {"inference": 0.11}, "cost": 0.034}
    return bend_images(response, lambda image: image.update(extra))


@edge_case("unusual", "schema", seen="xtekky/gpt4free#2444", applies=with_image)
def url_relative(response: HTTPResponse) -> HTTPResponse:
    """The url is relative to the server that was asked."""
    return _with_url(response, "/images/1755612900_a-red-fox.png?url=1")


@edge_case("unusual", "schema", seen="nextcloud/integration_openai#290", applies=with_image)
def url_http_local(response: HTTPResponse) -> HTTPResponse:
    """The url is plain HTTP to a host of a local network."""
    return _with_url(response, "http://localhost:8080/generated-images/b641755612900.png")


@edge_case("unusual", "schema", seen="pipelex#518", applies=json_payload)
def url_data(response: HTTPResponse) -> HTTPResponse:
    """The picture is in `url`, as a data URL."""

    def bend(image: dict[str, Any]) -> None:
        image["url"] = f"data:image/png;base64,{image.pop('b64_json', '')}"

    return bend_images(response, bend)


def _with_url(response: HTTPResponse, url: str) -> HTTPResponse:
    def bend(image: dict[str, Any]) -> None:
        image.pop("b64_json", None)
        image["url"] = url

    return bend_images(response, bend)


@edge_case("invalid", "schema", seen="run: openai 3.54.0 gives a list", applies=with_image)
def b64_json_list(response: HTTPResponse) -> HTTPResponse:
    """`b64_json` is a list of texts."""
    return bend_images(response, lambda image: image.update(b64_json=[image.get("b64_json") or ""]))


@edge_case("invalid", "schema", seen="run: openai 3.54.0 gives a dict", applies=with_image)
def url_object(response: HTTPResponse) -> HTTPResponse:
    """`url` is an object with a url in it, as chat messages have it."""
    return with_image_fields(response, url={"url": signed_url(), "detail": "auto"})
