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
from pytest_imgresponse.api.answers import JSON_TYPE, Answer, answer_to
from pytest_imgresponse.api.headers import seeded_headers
from pytest_imgresponse.api.parameters import Parameters
from pytest_imgresponse.api.rules import broken_rules, settled
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import OutputFormat
from pytest_imgresponse.images.make import make_picture

CREATED = 1_780_000_000
"""When all of them were made, in Unix seconds: in May 2026."""
PROMPT = "a red fox"
"""What every request asks for."""


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
    steps = range((wanted.partial_images or 0) if wanted.stream else 0)
    partials = [[_payload(wanted, next(colours)) for _ in steps] for _ in n]
    pictures = [_payload(wanted, next(colours)) for _ in n]
    return answer_to(wanted, pictures, created=CREATED, partials=partials if steps else (), uploads=uploads)


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
        (low.request(), sample_response(low, size=(64, 64))),
        (webps.request(), sample_response(webps, size=(96, 64))),
        (linked.request(), sample_response(linked)),
        (square.request(), sample_response(square, seeds=[padded])),
        (gpt.request(), _error()),
        (stream.request(), sample_response(stream, size=(64, 64))),
    )


def sample_response(
    asked: Parameters, *, size: tuple[int, int] | None = None, seeds: Iterable[int] | None = None
) -> HTTPResponse:
    """`sample_answer` as HTTP; for parameters that break a rule, the API's refusal."""
    if (broken := next(broken_rules(asked), None)) is not None:
        refused = api_errors.rule_refusal(broken, asked)
        return HTTPResponse(refused.status, _headers(JSON_TYPE), refused.body)
    answer = sample_answer(asked, size=size, seeds=seeds)
    return answer.http(_headers(answer.content_type))


def _headers(content_type: str) -> list[tuple[str, str]]:
    return seeded_headers(0, CREATED, content_type=content_type, ms=8000)


def _error() -> HTTPResponse:
    headers = _headers(JSON_TYPE)
    refused = api_errors.FAILURES["moderation_blocked"].refusal({"request_id": dict(headers)["x-request-id"]})
    return HTTPResponse(refused.status, [*headers, *refused.headers], refused.body)
