"""Pictures behind urls: what a client finds there is mutated as a payload would be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import pybase64

from pytest_imgresponse import base64_text
from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.api.sse import events_of
from pytest_imgresponse.checks import VERDICTS, Level, Verdict, check
from pytest_imgresponse.edge_cases import EdgeCase
from pytest_imgresponse.edge_cases.mutators import mutate_images
from pytest_imgresponse.edge_cases.predicates import Content, content_of, object_of
from pytest_imgresponse.errors import ResponseError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import open_image, suffix_of
from pytest_imgresponse.stubs.urls import Urls, address_of


def urls_of(answer: HTTPResponse) -> list[str]:
    """The urls of the images of an answer, where they lead somewhere."""
    urls = (image.get("url") for image in content_of(answer).images())
    return [url for url in urls if isinstance(url, str) and address_of(url)]


def inlined(answer: HTTPResponse) -> HTTPResponse:
    """An answer with the pictures that `stub` serves at its urls in the place of these urls, in base64."""
    served = Urls({}, [answer])

    def change(image: dict[str, Any]) -> None:
        url = image.get("url")
        if isinstance(url, str) and (found := served.get(url)) is not None:
            del image["url"]
            image["b64_json"] = pybase64.b64encode(found.body).decode()

    return mutate_images(answer, change)


def served_by(answer: HTTPResponse, mutated: HTTPResponse) -> dict[str, bytes]:
    """The pictures of a mutated response at the urls of an answer; none where one of them has no bytes to serve."""
    urls, pictures = urls_of(answer), [base64_text.read(text).data for text in content_of(mutated).payloads()]
    found = {url: data for url, data in zip(urls, pictures, strict=False) if data is not None}
    return found if len(found) == len(urls) == len(pictures) else {}


Given = Literal["bytes", "dict", "response", "http"]
GIVEN: tuple[Given, ...] = get_args(Given)
"""The body; the JSON of the body; the `HTTPResponse`; or nothing, while `stub` answers what the parser asks."""

_PARTIAL, _FINAL = ".partial_image", ".completed"
"""How the types of image events end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One response, and what a parser must do with it.

    `response` is what the parser can see: of a body alone neither the status nor the headers. `served` are the
    pictures that a client finds at its urls, where they are those of the case. `path` is that of the worst finding.
    `pictures` are those that are delivered, in order, with None for an image that has none; `elsewhere` says that
    there may be others, so that those which the parser gives are not compared. `owed` says that it is the plain answer
    to what the client itself asked for, or the one to start from: nothing excuses its refusal.

    `source` is the Python expression that makes the response again, empty for what was generated; `pictured` that
    of the response whose pictures are served.
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
    source: str = ""
    owed: bool = False
    served: Mapping[str, bytes] = field(default_factory=dict)
    pictured: str = ""

    @property
    def must_not_be_refused(self) -> bool:
        """Whether it is right, or merely unusual, and nothing excuses its refusal."""
        return self.verdict in ("valid", "unusual") and (self.owed or not _is_excused(self))


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
    """The trial of a response, mutated by this case; None where the parser's form cannot hold it (no JSON)."""
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
    pictures, elsewhere = _final_pictures(visible)
    return Trial(
        name=name,
        response=visible,
        verdict=verdict,
        level=level,
        path=worst.path if worst else "",
        reason=reason,
        seen=case.seen if case else "",
        pictures=pictures,
        elsewhere=elsewhere,
        source=source,
        owed=owed,
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


def _is_excused(trial: Trial) -> bool:
    """Whether a parser may refuse what is right: an error, an image without a raster picture that can be opened.

    Pillow's limits, and what it cannot decode, are its own.
    """
    rasters = [data for data in trial.pictures if data is not None and suffix_of(data) != ".svg"]
    if trial.response.status >= 400 or not rasters or len(rasters) < len(trial.pictures):
        return True
    try:
        for data in rasters:
            open_image(data)
    except ResponseError:
        return True
    return False


def pictures_of(response: HTTPResponse) -> list[bytes]:
    """The pictures that an answer delivers in base64, in order."""
    return [data for data in _final_pictures(response)[0] if data is not None]


def _final_pictures(response: HTTPResponse) -> tuple[tuple[bytes | None, ...], bool]:
    """The pictures that an answer delivers, and whether there may be others; see `Trial`.

    Others are behind a url, or in events that are neither partial nor completed. What is partial is no picture yet.
    """
    found: list[bytes | None] = []
    elsewhere = False
    for image, is_final in _images(response):
        text = image.get("b64_json")
        elsewhere = elsewhere or isinstance(image.get("url"), str) or (isinstance(text, str) and not is_final)
        if is_final:
            found.append(_picture(text))
    return tuple(found), elsewhere


def _picture(payload: object) -> bytes | None:
    """The picture of a payload, by lenient base64."""
    data = base64_text.read(payload).data if isinstance(payload, str) else None
    return data if data is not None and suffix_of(data) is not None else None


def _images(response: HTTPResponse) -> Iterator[tuple[dict[str, Any], bool]]:
    """The objects that may hold a payload, but for those of partial events; each with whether it is final."""
    if response.is_stream:
        for event in events_of(response.body):
            if (fields := object_of(event.data)) is not None:
                told = fields.get("type")
                kind = told if isinstance(told, str) else event.name
                if not kind.endswith(_PARTIAL):
                    yield fields, kind.endswith(_FINAL)
    elif response.status < 300:
        yield from ((image, True) for image in Content(object_of(response.body), ()).images())
