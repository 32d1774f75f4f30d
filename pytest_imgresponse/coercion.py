"""What a test may give as an answer (an `HTTPResponse`, an `ImagesResponse`, a dict, bytes), made an `HTTPResponse`."""

from __future__ import annotations

import reprlib
import sys
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.api.headers import seeded_headers
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import HTTPResponse

if TYPE_CHECKING:
    from pydantic import BaseModel

REPR = reprlib.Repr()
"""Shows what was given in a line or two."""
REPR.maxstring = REPR.maxother = 200

_EXPECTED = "expected an HTTPResponse, an ImagesResponse, a dict (the JSON of a 200) or bytes (the body of a 200)"


def as_response(given: HTTPResponse | BaseModel | dict[str, Any] | bytes, giver: str, number: int = 0) -> HTTPResponse:
    """The response that was given, or a 200 made of it, with the headers of the real API.

    An `ImagesResponse` is ours or the official client's; what was not set in it is left out. `giver` is the call to
    which it was given, `number` its place there. Raises `ConfigError` for anything else, and for what is no JSON.
    """
    if isinstance(given, HTTPResponse):
        return given
    if isinstance(given, bytes):
        return HTTPResponse(200, _headers(number), given, reason="OK")
    try:
        content = given if isinstance(given, dict) else _dumped(given, giver)
        return HTTPResponse(200, _headers(number), pretty(content), reason="OK")
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{giver} got {REPR.repr(given)}, which cannot be written as JSON: {error}") from error


def _dumped(given: object, giver: str) -> Any:
    from pytest_imgresponse.models import ImagesResponse

    kinds: tuple[type[BaseModel], ...] = (ImagesResponse,)
    # A model of openai can only have been given where openai is imported already.
    if (openai := sys.modules.get("openai")) is not None:
        kinds += (openai.types.ImagesResponse,)
    if not isinstance(given, kinds):
        raise ConfigError(f"{giver} got {REPR.repr(given)}; {_EXPECTED}")
    return given.model_dump(mode="json", exclude_unset=True, warnings=False)


@lru_cache(maxsize=64)
def _headers(number: int) -> tuple[tuple[str, str], ...]:
    """The headers of the response of this number; cached, so that within a process they stay the same."""
    return tuple(seeded_headers(number, time.time(), organization="imgresponse", ms=0))
