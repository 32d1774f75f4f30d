"""Plain responses: what the API sends on an ordinary day, small, and the same each time.

Edge cases are shown, served and tried on them where no other response is at hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pybase64

from pytest_imgresponse.api import answers, blob_store
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import OutputFormat
from pytest_imgresponse.images.make import make_picture

_CREATED = 1_780_000_000
"""When all of them were made, in Unix seconds: in May 2026."""
_LINK = "/private/org-local0123456789ABCDEFGHI/user-local0123456789ABCDEFGH/img-local0123456789ABCDEFGHI.png"


def plain_responses() -> list[tuple[HTTPRequest, HTTPResponse]]:
    """Each with the request that it answers, the plainest first.

    One PNG of 64x64 pixels; two transparent WebPs of 96x64; a url with a revised prompt; one PNG of 256x256 as dall-e-2
    answers, its payload padded; an error; a stream of two partial PNGs and the completed one. The GPT image models
    make none that small, so their requests leave the size to the API.
    """
    return list(_all())


@lru_cache(maxsize=1)
def _all() -> tuple[tuple[HTTPRequest, HTTPResponse], ...]:
    return (
        (_request("gpt-image-1.5", quality="low"), _json(_told(["png"], 64, 64))),
        (
            _request("gpt-image-1.5", n=2, quality="low", output_format="webp", background="transparent"),
            _json(_told(["webp", "webp"], 96, 64, background="transparent")),
        ),
        (_request("dall-e-3", response_format="url"), _legacy(_linked())),
        (_request("dall-e-2", size="256x256", response_format="b64_json"), _legacy({"b64_json": _padded()})),
        (_request("gpt-image-1.5"), _error()),
        (_request("gpt-image-1.5", stream=True, partial_images=2, quality="low"), _stream()),
    )


def _request(model: str, **more: object) -> HTTPRequest:
    accepted = "text/event-stream" if "stream" in more else "application/json"
    headers = (("accept", accepted), ("content-type", "application/json"))
    body = json.dumps({"model": model, "prompt": "a red fox", **more}).encode()
    return HTTPRequest("POST", "https://api.openai.com/v1/images/generations", headers, body)


def _json(told: dict[str, Any]) -> HTTPResponse:
    return HTTPResponse(200, _headers(), answers.pretty(told))


def _legacy(item: dict[str, str]) -> HTTPResponse:
    """The answers of dall-e-2 and -3 end in a newline (recorded)."""
    body = answers.pretty({"created": _CREATED, "data": [item]}) + b"\n"
    return HTTPResponse(200, _headers(), body)


def _headers(content_type: str = "application/json", identity: str | None = None) -> list[tuple[str, str]]:
    return answers.seeded_headers(0, _CREATED, identity=identity, content_type=content_type, ms=8000)


def _told(formats: list[OutputFormat], width: int, height: int, *, background: str = "opaque") -> dict[str, Any]:
    """The fields in the order of recordings, one picture for each format."""
    clear = background == "transparent"
    return {
        "created": _CREATED,
        "background": background,
        "data": [
            {"b64_json": _payload(file_format, width, height, clear, seed)} for seed, file_format in enumerate(formats)
        ],
        "output_format": formats[0],
        "quality": "low",
        "size": f"{width}x{height}",
        "usage": answers.usage(3, 0, 272 * len(formats)),
    }


def _payload(file_format: OutputFormat, width: int, height: int, clear: bool, seed: int) -> str:
    return pybase64.b64encode(make_picture(file_format, width, height, transparent=clear, seed=seed)).decode()


def _padded() -> str:
    drawn = (_payload("png", 256, 256, False, seed) for seed in range(24))
    return next(text for text in drawn if text.endswith("="))


def _linked() -> dict[str, str]:
    url = blob_store.signed_url(b"the store's own", _LINK, _CREATED)
    return {"revised_prompt": "A red fox in a green meadow, looking up.", "url": url}


def _error() -> HTTPResponse:
    identity = dict(_headers())["x-request-id"]
    refused = answers.FAILURES["moderation_blocked"].refusal({"request_id": identity})
    headers = [*_headers(identity=identity), *refused.headers]
    return HTTPResponse(refused.status, headers, refused.body)


def _stream() -> HTTPResponse:
    return HTTPResponse(200, _headers("text/event-stream; charset=utf-8"), b"".join(_events()))


def _events() -> Iterator[bytes]:
    common = {
        "created_at": _CREATED,
        "size": "64x64",
        "quality": "low",
        "background": "opaque",
        "output_format": "png",
    }
    for number in range(2):
        fields = {"b64_json": _payload("png", 64, 64, False, number), **common, "partial_image_index": number}
        yield answers.event("image_generation.partial_image", fields)
    final = {
        "b64_json": _payload("png", 64, 64, False, 2),
        **common,
        "usage": answers.usage(3, 0, 472, told_apart=False),
    }
    yield answers.event("image_generation.completed", final)
