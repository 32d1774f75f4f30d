"""A trial: one response in the form in which a parser gets it, and what the contract asks of the parser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pytest_imgresponse.answers import pretty
from pytest_imgresponse.checks import VERDICTS, Level, Verdict, check
from pytest_imgresponse.edge_cases import EdgeCase
from pytest_imgresponse.edge_cases.subjects import object_of, subject_of
from pytest_imgresponse.errors import ResponseError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import open_image, suffix_of
from pytest_imgresponse.models import Image
from pytest_imgresponse.sse import events_of

Given = Literal["bytes", "dict", "response", "http"]
GIVEN: tuple[Given, ...] = get_args(Given)
"""The body; the JSON of the body; the `HTTPResponse`; or nothing, while `stub` answers what the parser asks."""

_PARTIAL, _FINAL = ".partial_image", ".completed"
"""How the types of image events end."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One response, and what a parser must do with it.

    `response` is what the parser can see: of a body alone neither the status nor the headers. `path` is that of
    the worst finding. `pictures` are those in base64, in order, with None for an image that has none; `elsewhere`
    says that there may be others, so that those which the parser gives are not compared. `source` is the Python
    expression that makes the response again, empty for what was generated. `owed` says that it is the plain answer to
    what the client itself asked for: nothing excuses its refusal.
    """

    name: str
    response: HTTPResponse
    verdict: Verdict
    level: Level | None
    path: str
    reason: str
    seen: str
    pictures: tuple[bytes | None, ...]
    elsewhere: bool
    source: str
    owed: bool


def trial_of(
    name: str,
    response: HTTPResponse,
    given: Given,
    *,
    request: HTTPRequest | None = None,
    case: EdgeCase | None = None,
    source: str = "",
    owed: bool = False,
) -> Trial | None:
    """The trial of a response, bent by this case; None where the parser's form cannot hold it (no JSON)."""
    visible = _visible(response, given)
    if visible is None:
        return None
    findings = check(visible, request)
    verdict: Verdict = max((finding.verdict for finding in findings), key=VERDICTS.index, default="valid")
    # What is wrong with a header alone cannot be seen in a body: of `invalid` the judge has the last word.
    if case is not None and case.verdict != "invalid":
        verdict = max(verdict, case.verdict, key=VERDICTS.index)
    worst = next((finding for finding in findings if finding.verdict == verdict), None)
    level, reason = worst.level if worst else None, f"{worst.path}: {worst.message}" if worst else "a plain answer"
    if case is not None:
        kept = worst is None or verdict == case.verdict
        level = case.level if kept else level
        reason = case.reason if kept else f"{case.reason}; of this a parser sees {reason}"
    return Trial(
        name,
        visible,
        verdict,
        level,
        worst.path if worst else "",
        reason,
        case.seen if case else "",
        *final_pictures(visible),
        source,
        owed,
    )


def _visible(response: HTTPResponse, given: Given) -> HTTPResponse | None:
    """What of a response a parser sees, as a response."""
    if given in ("response", "http"):
        return response
    body = response.body
    streams = response.is_stream
    if given == "dict":
        try:
            body = pretty(json.loads(body))
        except (ValueError, RecursionError):
            return None
        streams = False
    return HTTPResponse(200, {"content-type": "text/event-stream" if streams else "application/json"}, body)


def excuse_of(trial: Trial) -> str:
    """Why a parser may refuse what it would have to accept, empty where it may not.

    It may insist on a raster picture that it can open, and Pillow's limits, or what it cannot decode, are its own.
    """
    if trial.owed:
        return ""
    if trial.response.status >= 400:
        return "it is an error"
    rasters = [data for data in trial.pictures if data is not None and suffix_of(data) != ".svg"]
    if not rasters or len(rasters) < len(trial.pictures):
        return "it holds no raster picture, or an image without one"
    try:
        for data in rasters:
            open_image(data)
    except ResponseError as error:
        return str(error)
    return ""


def final_pictures(response: HTTPResponse) -> tuple[tuple[bytes | None, ...], bool]:
    """The pictures that an answer delivers, and whether there may be others; see `Trial`.

    Others are behind a url, or in events that are neither partial nor completed. What is partial is no picture yet.
    """
    found: list[bytes | None] = []
    elsewhere = False
    for image, kind in _images(response):
        text = image.get("b64_json")
        others = isinstance(text, str) and not kind.endswith((_PARTIAL, _FINAL))
        elsewhere = elsewhere or others or isinstance(image.get("url"), str)
        if kind.endswith(_FINAL):
            found.append(_picture(text))
    return tuple(found), elsewhere


def _picture(payload: object) -> bytes | None:
    """The picture of a payload, by lenient base64."""
    if not isinstance(payload, str):
        return None
    try:
        data = Image(b64_json=payload).image_bytes(lenient=True)
    except ResponseError:
        return None
    return data if suffix_of(data) is not None else None


def _images(response: HTTPResponse) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects that may hold a payload, each with the type of its event."""
    if response.is_stream:
        for event in events_of(response.body):
            if (fields := object_of(event.data)) is not None:
                kind = fields.get("type")
                yield fields, kind if isinstance(kind, str) else event.name
    elif response.status < 300:
        answer = HTTPResponse(200, response.headers, response.body)
        yield from ((image, _FINAL) for image in subject_of(answer).images())
