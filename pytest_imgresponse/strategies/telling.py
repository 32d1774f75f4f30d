"""What an images answer tells: its JSON, and the request that it answers, put together from what was chosen."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, NamedTuple

from pytest_imgresponse.api import answers, blob_store
from pytest_imgresponse.api.families import FAMILIES, output_tokens
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.strategies.asking import SEEN_SIZE, edges_of
from pytest_imgresponse.strategies.picture_files import payload_of

FIRST_DAY = 1_700_000_000
"""The earliest time that is drawn, in Unix seconds: in November 2023."""

PROMPT = "a red fox"
"""What every request asks for."""

_API = "https://api.openai.com/v1/images/"
_SECRET = b"the store's own"

_JSON = (("accept", "application/json"), ("content-type", "application/json"))
_STREAM = (("accept", "text/event-stream"), ("content-type", "application/json"))


class Tokens(NamedTuple):
    """The parts of a usage, in tokens: text and images of the prompt, images and text that were generated.

    The sum of the output is told in any case, its parts where `told_apart`.
    """

    text: int = 1
    image: int = 0
    drawn: int = 1
    written: int = 0
    told_apart: bool = False

    def usage(self) -> dict[str, Any]:
        """The usage."""
        return answers.usage(self.text, self.image, self.drawn, self.written, told_apart=self.told_apart)


class Choice(NamedTuple):
    """All that an answer depends on. As it stands by default it is a plain answer."""

    model: str = "dall-e-2"
    created: int = FIRST_DAY
    n: int = 1
    size: str = "1024x1024"
    output_format: str = "png"
    background: str = "opaque"
    quality: str = "low"
    seed: int = 0
    echo: bool = False
    response_format: str = "b64_json"
    revised_prompt: str = "A red fox in the snow."
    safety_identifier: str | None = None
    tokens: Tokens = Tokens()
    reasoning: int = 0


def fields_of(choice: Choice) -> dict[str, Any]:
    """The JSON of the answer, its keys in the recorded order."""
    told: dict[str, Any] = {"created": choice.created}
    data = [_item(choice, number) for number in range(choice.n)]
    if not choice.echo:
        told["data"] = data
    else:
        told["background"] = choice.background
        told["data"] = data
        told["output_format"] = choice.output_format
        told["quality"] = choice.quality
        if choice.safety_identifier is not None:
            told["safety_identifier"] = choice.safety_identifier
        told["size"] = choice.size
        if choice.output_format == "svg":
            written = len(payload_of("svg", choice.size, False, choice.seed)) // 4
            told["svg_usage"] = answers.svg_usage(choice.tokens.text, written, reasoning=choice.reasoning)
    if not FAMILIES[choice.model].legacy:
        told["usage"] = choice.tokens.usage()
    return told


def _item(choice: Choice, number: int) -> dict[str, str]:
    """One image; those of an answer differ."""
    item = {}
    if choice.model == "dall-e-3":
        item["revised_prompt"] = choice.revised_prompt
    if choice.response_format == "url":
        item["url"] = _link(choice.created, choice.seed + number)
    else:
        item["b64_json"] = payload_of(
            choice.output_format, choice.size, choice.background == "transparent", choice.seed + number
        )
    return item


def _link(created: int, number: int) -> str:
    """A url that works for an hour."""
    path = f"/private/org-local0123456789ABCDEFGHI/user-local0123456789ABCDEFGH/img-{number:024d}.png"
    return blob_store.signed_url(_SECRET, path, created)


@lru_cache(maxsize=1024)
def tokens_by_table(model: str, quality: str, size: str) -> int:
    """The output tokens of a picture, as `families.output_tokens` has them."""
    return output_tokens(FAMILIES[model], quality, *edges_of(size))


def http_answer(choice: Choice, entropy: int = 0) -> HTTPResponse:
    """The answer as HTTP. What is random in its headers is drawn from `entropy`."""
    body = answers.pretty(fields_of(choice))
    if FAMILIES[choice.model].legacy:
        body += b"\n"  # as in recordings of dall-e-2 and dall-e-3 alone
    return HTTPResponse(200, answers.seeded_headers(entropy, choice.created), body)


def request_for(choice: Choice) -> HTTPRequest:
    """A request that asks for just this answer."""
    wanted: dict[str, Any] = {"model": choice.model, "prompt": PROMPT, "n": choice.n}
    if FAMILIES[choice.model].legacy:
        wanted |= {"size": choice.size, "response_format": choice.response_format}
    else:
        wanted |= asked_look(choice)
    return asking("generations", wanted)


def asked_look(choice: Choice) -> dict[str, Any]:
    """The parameters of a GPT image model that make it answer so."""
    wanted: dict[str, Any] = {
        "size": "auto" if choice.size == SEEN_SIZE else choice.size,
        "quality": choice.quality,
        "output_format": choice.output_format,
        "background": choice.background,
    }
    if choice.safety_identifier is not None:
        wanted["safety_identifier"] = choice.safety_identifier
    return wanted


def asking(route: str, wanted: dict[str, Any]) -> HTTPRequest:
    """A request to a route of the images API."""
    headers = _STREAM if wanted.get("stream") else _JSON
    return HTTPRequest("POST", _API + route, headers, json.dumps(wanted).encode())
