"""The answer that a client gets by default: what the API would send, with flat pictures of which no two are alike."""

from __future__ import annotations

from dataclasses import replace

from pytest_imgresponse.api.families import FAMILIES, LONGEST_EDGE
from pytest_imgresponse.api.parameters import Parameters, UnreadableBodyError, Upload, parameters_of
from pytest_imgresponse.api.rules import broken_rules
from pytest_imgresponse.api.samples import PROMPT, sample_answer
from pytest_imgresponse.checks.values import SIZE
from pytest_imgresponse.edge_cases.predicates import size_of
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

_STAND_INS = {"url": "dall-e-2"}
"""Models that answer for one that the API does not know, by the response format asked for."""
_STAND_IN = "gpt-image-2"
_WISHES = ("stream", "partial_images", "response_format", "output_format", "background", "quality", "size", "n")
"""The parameters of a refused request that are kept, each where the model takes it beside those before it."""


def default_response(request: HTTPRequest) -> HTTPResponse:
    """What the API would answer to a request.

    A gateway has models and parameters that the API does not know. Of a request that the API would refuse, this is the
    answer to what can be kept of it, by its own model or, where that is not known, by another.
    """
    try:
        asked = parameters_of(request)
    except UnreadableBodyError:
        asked = Parameters()
    taken = asked if next(broken_rules(asked), None) is None else _taken(asked)
    uploads = [size for upload in asked.images if (size := size_of(upload.content)) is not None]
    answer = sample_answer(taken, size=_size(asked) if taken.size is None else None, uploads=uploads)
    # No more headers than it takes: the answer stands in reports.
    return answer.http([("content-type", answer.content_type), ("x-request-id", "req_local")])


def _taken(asked: Parameters) -> Parameters:
    """As much of what was asked for as the API takes."""
    model = asked.model if asked.model in FAMILIES else _STAND_INS.get(asked.response_format or "", _STAND_IN)
    edits = asked.operation == "edits"
    images = (Upload("image", "image/png", b""),) if edits else ()
    taken = Parameters(operation="edits" if edits else "generations", model=model, prompt=PROMPT, images=images)
    if next(broken_rules(taken), None) is not None:  # dall-e-3 edits nothing
        taken = replace(taken, model=_STAND_IN)
    for name in _WISHES:
        wish = replace(taken, **{name: getattr(asked, name)})
        if next(broken_rules(wish), None) is None:
            taken = wish
    return taken


def _size(asked: Parameters) -> tuple[int, int] | None:
    """The size that was asked for and that no model makes: pictures can have any."""
    if asked.size is None or not SIZE.fullmatch(asked.size) or max(asked.edges) > LONGEST_EDGE:
        return None
    return asked.edges
