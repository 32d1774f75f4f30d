"""From an `HTTPRequest` to an `HTTPResponse`: which route, whose key, which pictures."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from PIL import Image

from pytest_imgresponse.api import api_errors, blob_store
from pytest_imgresponse.api.answers import JSON_TYPE, Answer, answer_to
from pytest_imgresponse.api.api_errors import FAILURES, Failure, Refused
from pytest_imgresponse.api.families import DEFAULT_MODEL, FAMILIES
from pytest_imgresponse.api.headers import request_id, response_headers
from pytest_imgresponse.api.parameters import (
    FORM,
    JSON,
    OPERATIONS,
    Parameters,
    UnreadableBodyError,
    Upload,
    parameters_of,
)
from pytest_imgresponse.api.rules import broken_rules, settled
from pytest_imgresponse.endpoint import drawing
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

_ROUTES = {f"/v1/images/{operation}": operation for operation in OPERATIONS}
_CONTENT_TYPES = {"generations": (JSON, FORM), "edits": (FORM, JSON), "variations": (FORM,)}


@dataclass(frozen=True, slots=True)
class Desk:
    """What the routes need beyond the request: settings, and three drawers.

    `keep` stores a picture under a path and `kept` finds it; `next_failure` takes the error that is queued.
    """

    api_key: str | None
    organization: str
    secret: bytes
    clock: Callable[[], float]
    keep: Callable[[str, bytes], None]
    kept: Callable[[str], bytes | None]
    next_failure: Callable[[], Failure | None]


class _Pictures(NamedTuple):
    """The pictures of an answer: as files, and decoded; and the pixel sizes of the uploads that they came from."""

    files: list[bytes]
    rasters: list[Image.Image]
    uploads: list[tuple[int, int]]


def is_order(request: HTTPRequest) -> bool:
    """Whether a request asks for pictures: a POST to an images route, whatever its key and its body."""
    return request.method == "POST" and _parts(request.url).path in _ROUTES


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def answer(request: HTTPRequest, desk: Desk) -> HTTPResponse:
    """The answer to a request. It depends on the request, the desk and fresh ids alone."""
    began = time.perf_counter()
    now = desk.clock()
    parts = _parts(request.url)
    if parts.path.startswith("/blob/") and request.method in ("GET", "HEAD"):
        return blob_store.blob(desk.secret, parts.path, parts.query, now, desk.kept(parts.path))
    identity = request_id()
    organization: str | None = None
    status, content_type = 200, JSON_TYPE
    extra: tuple[tuple[str, str], ...] = ()
    try:
        _require_route(request, parts.path)
        key = _key(request, desk)
        organization = desk.organization
        facts = {"request_id": identity, "key": api_errors.masked(key), "organization": desk.organization}
        served = _serve(request, desk, facts)
        body, content_type = served.body, served.content_type
    except Refused as refused:
        status, extra = refused.status, refused.headers
        body = refused.body
    ms = round((time.perf_counter() - began) * 1000)
    sent = response_headers(now, identity, organization=organization, content_type=content_type, ms=ms)
    return HTTPResponse(status, [*sent, *extra], body)


def _require_route(request: HTTPRequest, path: str) -> None:
    if path not in _ROUTES:
        raise Refused(f"Invalid URL ({request.method} {path})", status=404)
    if request.method != "POST":
        raise Refused(
            f"Not allowed to {request.method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)",
            status=405,
            headers=(("allow", "POST"),),
        )
    if request.header("content-encoding", "identity") != "identity":
        raise Refused("Unsupported content encoding; send the body as it is", status=415)


def _key(request: HTTPRequest, desk: Desk) -> str:
    scheme, _, key = (request.header("authorization") or "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise api_errors.missing_key()
    if key.startswith("sk-bad") if desk.api_key is None else key != desk.api_key:
        raise FAILURES["invalid_api_key"].refusal({"key": api_errors.masked(key)})
    return key


def _serve(request: HTTPRequest, desk: Desk, facts: dict[str, Any]) -> Answer:
    """The answer to a request that has a route and a key. Raises `Refused`."""
    asked = _read(request)
    facts["model"] = asked.model or DEFAULT_MODEL
    broken = next(broken_rules(asked), None)
    if broken is not None and broken.rule == "type" and broken.parameter.startswith(("image", "mask")):
        raise api_errors.rule_refusal(broken, asked)  # the body cannot be read, as one that is no form
    if queued := desk.next_failure():
        raise queued.refusal(facts)
    if broken is not None:
        raise api_errors.rule_refusal(broken, asked)
    wanted = settled(asked)
    if re.search(r"\bunsafe\b", wanted.prompt or "", re.IGNORECASE):
        legacy = FAMILIES[facts["model"]].legacy
        name = "content_policy_violation" if legacy else "moderation_blocked"
        raise FAILURES[name].refusal({**facts, "stage": "input", "category": "violence"})
    pictures = _pictures(wanted)
    now = desk.clock()
    sent = [_sent(content, wanted, now, request, desk) for content in pictures.files]
    partials = [_partials(raster, wanted) for raster in pictures.rasters] if wanted.stream else ()
    return answer_to(wanted, sent, created=int(now), partials=partials, uploads=pictures.uploads)


def _read(request: HTTPRequest) -> Parameters:
    content_type = request.content_type
    accepted = _CONTENT_TYPES[_ROUTES[_parts(request.url).path]]
    if content_type not in accepted:
        listed = " or ".join(f"'{each}'" for each in accepted)
        raise Refused(
            f"Unsupported content type: '{content_type}'. This API method only accepts {listed} requests, but you "
            f"specified the header 'Content-Type: {content_type}'. Please try again with a supported content type.",
            code="unsupported_content_type",
        )
    try:
        return parameters_of(request)
    except UnreadableBodyError:
        raise api_errors.unreadable(is_form=content_type == FORM) from None


def _pictures(wanted: Parameters) -> _Pictures:
    """The pictures of an answer; the same ones for the same request, whatever the time."""
    uploads = [_decoded(upload) for upload in wanted.images]
    mask = _mask(wanted.mask, uploads)
    width, height = wanted.edges
    file_format, compression = wanted.output_format or "", wanted.output_compression or 0
    n = wanted.n or 1
    files: list[bytes] = []
    rasters: list[Image.Image] = []
    for index in range(n):
        sketch = drawing.Sketch(
            wanted.prompt or "",
            width,
            height,
            f"#{index + 1}" if n > 1 else "",
            f"{wanted.model} · {wanted.quality} · {wanted.size}",
            wanted.transparent,
        )
        if wanted.operation == "variations":
            raster = drawing.vary(uploads[0], width, height, index)
        else:
            raster = drawing.edit(sketch, uploads, mask) if uploads else drawing.draw(sketch)
        rasters.append(raster)
        if file_format == "svg":
            files.append(drawing.vector(sketch, raster if uploads else None))
        elif file_format == "gif":
            frames = wanted.frame_count or 0
            moving = drawing.fade(uploads[0], raster, frames) if uploads else drawing.bounce(sketch, frames)
            files.append(drawing.animate(moving, wanted.frame_duration_ms or 0))
        else:
            files.append(drawing.encode(raster, file_format, compression))
    return _Pictures(files, rasters, [upload.size for upload in uploads])


def _partials(raster: Image.Image, wanted: Parameters) -> list[str]:
    """The partial pictures of a picture, in base64."""
    steps = (drawing.coarse(raster, step) for step in range(wanted.partial_images or 0))
    file_format, compression = wanted.output_format or "", wanted.output_compression or 0
    return [base64.b64encode(drawing.encode(early, file_format, compression)).decode() for early in steps]


def _sent(content: bytes, wanted: Parameters, now: float, request: HTTPRequest, desk: Desk) -> str:
    """A picture as it is sent: in base64, or as the url where the client that asked finds it."""
    if wanted.response_format != "url":
        return base64.b64encode(content).decode()
    path = f"/blob/img-{hashlib.sha256(content).hexdigest()[:24]}.png"
    desk.keep(path, content)
    origin = urlsplit(request.url)
    return f"{origin.scheme}://{origin.netloc}{path}?{blob_store.signed_query(desk.secret, path, now)}"


def _decoded(upload: Upload) -> Image.Image:
    try:
        return drawing.open_upload(upload.content)
    except drawing.UnreadableUploadError:
        number = upload.name.rpartition("[")[2].rstrip("]")
        raise Refused(
            f"Invalid image file or mode for image {number}, please check your image file.",
            param=upload.name,
            code="invalid_image_file",
        ) from None


def _mask(upload: Upload | None, uploads: Sequence[Image.Image]) -> Image.Image | None:
    """The mask, decoded: of the first image's size and with an alpha channel (`image_edit_params.py`)."""
    if upload is None:
        return None
    mask = _decoded(upload)
    if mask.size != uploads[0].size:
        raise Refused(
            "Invalid mask image format - mask size does not match image size",
            param="mask",
            code="invalid_image_file",
        )
    if not mask.has_transparency_data:
        raise Refused(
            "Invalid mask image format - mask image missing alpha channel",
            param="mask",
            code="invalid_image_file",
        )
    return mask
