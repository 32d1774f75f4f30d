"""Samples: plain answers of the API, small and the same each time, each with the request that it answers.

Edge cases are shown, served and tried on them where no other response is at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import count
from typing import cast

import pybase64

from pytest_imgresponse.api import api_errors, blob_store
from pytest_imgresponse.api.answers import Answer, answer_to
from pytest_imgresponse.api.headers import seeded_headers
from pytest_imgresponse.api.parameters import Parameters
from pytest_imgresponse.api.rules import settled
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import OutputFormat
from pytest_imgresponse.images.make import make_picture

CREATED = 1_780_000_000
"""When all of them were made, in Unix seconds: in May 2026."""
PROMPT = "a red fox"
"""What they show."""


def sample_answer(
    asked: Parameters,
    *,
    size: tuple[int, int] | None = None,
    seeds: Iterable[int] | None = None,
    uploads: Sequence[tuple[int, int]] = (),
) -> Answer:
    """The answer to parameters that break no rule, with flat pictures, each in colours of its own.

    `size` is that of its pictures in pixels where it is another than the one asked for: smaller ones are quicker to
    read. `seeds` choose the colours, and `uploads` are the pixel sizes of the pictures that came with the request.
    """
    wanted = settled(asked)
    if size is not None:
        wanted = replace(wanted, size="{}x{}".format(*size))
    colours = iter(count() if seeds is None else seeds)
    if wanted.response_format == "url":
        pictures = [blob_store.picture_url(next(colours), CREATED) for _ in range(wanted.n or 1)]
        return answer_to(wanted, pictures, created=CREATED, uploads=uploads)
    n = range(wanted.n or 1)
    partials = [[_payload(wanted, next(colours)) for _ in range(wanted.partial_images or 0)] for _ in n]
    pictures = [_payload(wanted, next(colours)) for _ in n]
    return answer_to(wanted, pictures, created=CREATED, partials=partials, uploads=uploads)


def _payload(wanted: Parameters, seed: int) -> str:
    made, size = cast(OutputFormat, wanted.output_format), wanted.edges
    return pybase64.b64encode(make_picture(made, *size, transparent=wanted.transparent, seed=seed)).decode()


def plain_responses() -> list[tuple[HTTPRequest, HTTPResponse]]:
    """Each with the request that it answers, the plainest first.

    One PNG of 64x64 pixels; two transparent WebPs of 96x64; a url with a revised prompt; one PNG of 256x256 as dall-e-2
    answers, its payload padded; an error; a stream of two partial PNGs and the completed one. The GPT image models
    make none that small, so their requests leave the size to the API.
    """
    return list(_plain())


@lru_cache(maxsize=1)
def _plain() -> tuple[tuple[HTTPRequest, HTTPResponse], ...]:
    gpt = Parameters(model="gpt-image-1.5", prompt=PROMPT)
    low = replace(gpt, quality="low")
    webps = replace(low, n=2, output_format="webp", background="transparent")
    linked = Parameters(model="dall-e-3", prompt=PROMPT, response_format="url")
    square = Parameters(model="dall-e-2", prompt=PROMPT, size="256x256", response_format="b64_json")
    padded = next(seed for seed in count() if sample_answer(square, seeds=[seed]).pictures[0].endswith("="))
    stream = replace(low, stream=True, partial_images=2)
    return (
        (low.request(), _http(sample_answer(low, size=(64, 64)))),
        (webps.request(), _http(sample_answer(webps, size=(96, 64)))),
        (linked.request(), _http(sample_answer(linked))),
        (square.request(), _http(sample_answer(square, seeds=[padded]))),
        (gpt.request(), _error()),
        (stream.request(), _http(sample_answer(stream, size=(64, 64)))),
    )


def _http(answer: Answer) -> HTTPResponse:
    return answer.http(seeded_headers(0, CREATED, content_type=answer.content_type, ms=8000))


def _error() -> HTTPResponse:
    headers = seeded_headers(0, CREATED, ms=8000)
    refused = api_errors.FAILURES["moderation_blocked"].refusal({"request_id": dict(headers)["x-request-id"]})
    return HTTPResponse(refused.status, [*headers, *refused.headers], refused.body)
