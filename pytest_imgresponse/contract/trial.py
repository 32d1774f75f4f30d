"""A trial: one response, what of it a parser sees, and what the parser must do with it.

Where a client fetches its pictures from urls, an edge case changes what it finds there as it would change a payload:
the case is applied to the answer with its pictures `inlined`, and `served_by` gives them back to the urls.
"""

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
from pytest_imgresponse.images import FORMATS, open_image, suffix_of
from pytest_imgresponse.stubs.urls import Urls, address_of

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
    `pictures` are those that are delivered, in order, with None for an image that has none; `other_pictures` says that
    there may be more of them, where this cannot see, so that those which the parser gives are not compared.
    `no_excuse` says that the parser has to accept it whatever its pictures: it is what its own client asked for, or the
    `from_response` that the user gave.

    `source` is the Python expression that makes the response again, empty for what was generated; `pictures_source`
    is the one of the response whose pictures are served.
    """

    name: str
    response: HTTPResponse
    verdict: Verdict
    level: Level | None
    path: str
    reason: str
    seen: str
    pictures: tuple[bytes | None, ...]
    other_pictures: bool
    source: str = ""
    no_excuse: bool = False
    served: Mapping[str, bytes] = field(default_factory=dict)
    pictures_source: str = ""

    @property
    def must_not_be_refused(self) -> bool:
        """Whether it is right, or merely unusual, and nothing excuses its refusal."""
        return self.verdict in ("valid", "unusual") and (self.no_excuse or not _is_excused(self))


def trial_of(
    name: str,
    response: HTTPResponse,
    given: Given,
    *,
    request: HTTPRequest | None = None,
    case: EdgeCase | None = None,
    source: str = "",
    no_excuse: bool = False,
) -> Trial | None:
    """The trial of a response, mutated by this case; None where the parser's form cannot hold it (no JSON)."""
    visible = _visible(response, given)
    if visible is None:
        return None
    findings = check(visible, request)
    verdict: Verdict = max((finding.verdict for finding in findings), key=VERDICTS.index, default="valid")
    # The worse of both verdicts, of the case and of the judge. But an invalid case may do its damage in a header, which
    # a parser of the body cannot see: whether what is left is invalid, the judge alone decides.
    if case is not None and case.verdict != "invalid":
        verdict = max(verdict, case.verdict, key=VERDICTS.index)
    worst = next((finding for finding in findings if finding.verdict == verdict), None)
    level, reason = worst.level if worst else None, f"{worst.path}: {worst.message}" if worst else "a plain answer"
    if case is not None:
        kept = worst is None or verdict == case.verdict
        level = case.level if kept else level
        reason = case.reason if kept else f"{case.reason}; of this a parser sees {reason}"
    pictures, other_pictures = _final_pictures(visible)
    return Trial(
        name=name,
        response=visible,
        verdict=verdict,
        level=level,
        path=worst.path if worst else "",
        reason=reason,
        seen=case.seen if case else "",
        pictures=pictures,
        other_pictures=other_pictures,
        source=source,
        no_excuse=no_excuse,
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
    """Whether a parser may refuse what is right: an error, or an image without a raster picture that can be opened.

    What Pillow cannot decode, or only beyond the pixel limit, is not held against a parser that uses Pillow.
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


def urls_of(answer: HTTPResponse) -> list[str]:
    """The urls of the images of an answer, but for those that nobody can fetch, such as `data:`."""
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
    # A case may add or drop images. Then it is not known which picture belongs to which url.
    return found if len(found) == len(urls) == len(pictures) else {}


def pictures_of(response: HTTPResponse) -> list[bytes]:
    """The pictures that an answer delivers in base64, in order."""
    return [data for data in _final_pictures(response)[0] if data is not None]


def _final_pictures(response: HTTPResponse) -> tuple[tuple[bytes | None, ...], bool]:
    """The pictures that an answer delivers, and whether there may be others: see `Trial`.

    Others may be behind a url, or in events of a type that is not known. Those of partial events are not delivered.
    """
    found: list[bytes | None] = []
    other_pictures = False
    for image, is_final in _images(response):
        text = image.get("b64_json")
        other_pictures = other_pictures or isinstance(image.get("url"), str) or (isinstance(text, str) and not is_final)
        if is_final:
            found.append(_picture(text))
    return tuple(found), other_pictures


def _picture(payload: object) -> bytes | None:
    """The picture of a payload, by lenient base64."""
    data = base64_text.read(payload).data if isinstance(payload, str) else None
    return data if data is not None and suffix_of(data) in FORMATS else None


def _images(response: HTTPResponse) -> Iterator[tuple[dict[str, Any], bool]]:
    """The objects that may hold a payload, but for those of partial events; each with whether it is final."""
    if response.is_stream:
        for event in events_of(response.body):
            if (fields := object_of(event.data)) is not None:
                declared = fields.get("type")
                kind = declared if isinstance(declared, str) else event.name
                if not kind.endswith(_PARTIAL):
                    yield fields, kind.endswith(_FINAL)
    elif response.status < 300:
        yield from ((image, True) for image in Content(object_of(response.body), ()).images())
