"""The answer that fits a request: what the API would send, with flat pictures of which no two are alike."""

from __future__ import annotations

import base64
import json
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from pytest_imgresponse.api.families import LONGEST_EDGE
from pytest_imgresponse.checks.comparison import Asked, asked_by
from pytest_imgresponse.edge_cases.mutators import map_pictures, tell
from pytest_imgresponse.edge_cases.predicates import outline_of
from pytest_imgresponse.endpoint.routes import Desk, answer
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images.make import make_picture

_CREATED = 1_780_000_000
"""When the answers to clients were made, in Unix seconds: in May 2026."""
_STAND_INS = {"url": "dall-e-2"}
"""Models that answer for one that the API does not know, by the response format asked for."""
_STAND_IN = "gpt-image-2"
_WISHES = ("stream", "partial_images", "response_format", "output_format", "background", "quality", "size", "n")
"""What of a request is kept where the API takes it; `n` last, for each try draws as many."""


def default_response(request: HTTPRequest) -> HTTPResponse:
    """What the API would answer to a request.

    To one that it would refuse it is the answer to what another model takes of it: a gateway has models and
    parameters that the API does not know.
    """
    operation = urlsplit(request.url).path.rstrip("/").rpartition("/")[2]
    response = _served(operation, request)
    return _flat(response) if response is not None else _nearest(asked_by(request))


def _served(operation: str, request: HTTPRequest) -> HTTPResponse | None:
    """The good answer of the API to a request, None where it refuses it; the same each time."""
    kept: dict[str, bytes] = {}
    desk = Desk(None, "org-local", b"local", lambda: _CREATED, kept.__setitem__, kept.get, lambda: None)
    headers = [pair for pair in request.headers if pair[0].lower() != "authorization"]
    headers.append(("authorization", "Bearer sk-local"))
    url = f"https://api.openai.com/v1/images/{operation}"
    response = answer(HTTPRequest(request.method, url, headers, request.body), desk)
    if response.status != 200:
        return None
    # No longer than it has to be: it stands in reports.
    told = [("content-type", response.header("content-type") or ""), ("x-request-id", "req_local")]
    return HTTPResponse(200, told, response.body)


def _nearest(asked: Asked) -> HTTPResponse:
    """The answer to as much of what was asked for as the API takes, but for the size: pictures have any."""
    operation = "edits" if asked.route == "image_edit" else "generations"
    order: dict[str, Any] = {
        "prompt": "a red fox",
        "model": _STAND_INS.get(asked.response_format or "", _STAND_IN),
    }
    if operation == "edits":
        picture = base64.b64encode(make_picture("png", 64, 64)).decode()
        order["images"] = [{"image_url": f"data:image/png;base64,{picture}"}]
    nearest = _placed(operation, order)
    for name in _WISHES:
        wish = getattr(asked, name)
        if wish is not None and (nearer := _placed(operation, {**order, name: wish})) is not None:
            order, nearest = {**order, name: wish}, nearer
    assert nearest is not None, "the API takes an order of its own"
    width, _, height = (asked.size or "").partition("x")
    if "size" in order or not 0 < max(int(width or 0), int(height or 0)) <= LONGEST_EDGE:
        return _flat(nearest)
    return tell(_flat(nearest, (int(width), int(height))), "size", f"{width}x{height}")


def _placed(operation: str, order: dict[str, Any]) -> HTTPResponse | None:
    headers = [("content-type", "application/json")]
    return _served(operation, HTTPRequest("POST", "", headers, json.dumps(order).encode()))


def _flat(response: HTTPResponse, size: tuple[int, int] | None = None) -> HTTPResponse:
    """With its pictures drawn flat, for they stand in reports, and each in other colours: who mixes them up is seen."""
    seeds = count()

    def drawn(data: bytes) -> bytes:
        outline = outline_of(data)
        if outline is None:
            return data
        return make_picture(outline.file_format, *(size or outline.size), transparent=outline.alpha, seed=next(seeds))

    return map_pictures(response, drawn)
