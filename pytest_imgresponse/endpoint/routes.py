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

from pytest_imgresponse.api import answers, blob_store, families
from pytest_imgresponse.api.answers import FAILURES, Failure, Refused
from pytest_imgresponse.endpoint import bodies, drawing, parameters
from pytest_imgresponse.endpoint.bodies import Upload
from pytest_imgresponse.endpoint.parameters import Operation, Order
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

_JSON = "application/json"
_FORM = "multipart/form-data"
_ROUTES: dict[str, tuple[Operation, tuple[str, ...]]] = {
    "/v1/images/generations": ("generations", (_JSON, _FORM)),
    "/v1/images/edits": ("edits", (_FORM, _JSON)),
    "/v1/images/variations": ("variations", (_FORM,)),
}


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
    """The pictures of an order: as files, and decoded; and the pixel sizes of the uploads they came from."""

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
    identity = answers.request_id()
    organization: str | None = None
    status = 200
    extra: tuple[tuple[str, str], ...] = ()
    kind = _JSON
    try:
        operation, kinds = _route(request, parts.path)
        key = _key(request, desk)
        organization = desk.organization
        kind, body = _serve(request, desk, operation, kinds, {"request_id": identity, "key": answers.masked(key)})
    except Refused as refused:
        status, extra = refused.status, refused.headers
        body = refused.body
    ms = round((time.perf_counter() - began) * 1000)
    sent = answers.headers(now, identity, organization=organization, content_type=kind, ms=ms)
    return HTTPResponse(status, [*sent, *extra], body)


def _route(request: HTTPRequest, path: str) -> tuple[Operation, tuple[str, ...]]:
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
    return _ROUTES[path]


def _key(request: HTTPRequest, desk: Desk) -> str:
    scheme, _, key = (request.header("authorization") or "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise answers.missing_key()
    if key.startswith("sk-bad") if desk.api_key is None else key != desk.api_key:
        raise FAILURES["invalid_api_key"].refusal({"key": answers.masked(key)})
    return key


def _serve(
    request: HTTPRequest, desk: Desk, operation: Operation, kinds: tuple[str, ...], facts: dict[str, Any]
) -> tuple[str, bytes]:
    """The content type and the body of a success. Raises `Refused`."""
    body = bodies.read(request, kinds=kinds)
    facts["organization"] = desk.organization
    facts["model"] = str(body.values.get("model") or families.DEFAULT_MODEL)
    if queued := desk.next_failure():
        raise queued.refusal(facts)
    order = parameters.order(operation, body)
    if re.search(r"\bunsafe\b", order.prompt, re.IGNORECASE):
        name = "content_policy_violation" if order.family.legacy else "moderation_blocked"
        raise FAILURES[name].refusal({**facts, "stage": "input", "category": "violence"})
    pictures = _pictures(order)
    now = desk.clock()
    if order.stream:
        return "text/event-stream; charset=utf-8", _events(order, pictures, int(now))
    return _JSON, answers.pretty(_images(order, pictures, now, request, desk))


def _pictures(order: Order) -> _Pictures:
    """The pictures of an order; the same ones for the same order, whatever the time."""
    uploads = [_decoded(upload) for upload in order.images]
    mask = _mask(order.mask, uploads)
    files: list[bytes] = []
    rasters: list[Image.Image] = []
    for index in range(order.n):
        sketch = drawing.Sketch(
            order.prompt,
            order.width,
            order.height,
            f"#{index + 1}" if order.n > 1 else "",
            f"{order.model} · {order.quality} · {order.size}",
            order.transparent,
        )
        if order.operation == "variations":
            raster = drawing.vary(uploads[0], order.width, order.height, index)
        else:
            raster = drawing.edit(sketch, uploads, mask) if uploads else drawing.draw(sketch)
        rasters.append(raster)
        if order.file_format == "svg":
            files.append(drawing.vector(sketch, raster if uploads else None))
        elif order.file_format == "gif":
            frames = order.frames
            moving = drawing.fade(uploads[0], raster, frames) if uploads else drawing.bounce(sketch, frames)
            files.append(drawing.animate(moving, order.duration))
        else:
            files.append(drawing.encode(raster, order.file_format, order.compression))
    return _Pictures(files, rasters, [upload.size for upload in uploads])


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


def _images(order: Order, pictures: _Pictures, now: float, request: HTTPRequest, desk: Desk) -> dict[str, Any]:
    """The JSON answer, its keys in the recorded order."""
    data = []
    for content in pictures.files:
        item: dict[str, str] = {}
        if order.model == "dall-e-3":
            item["revised_prompt"] = f"A clear, simple picture of {order.prompt}"
        if order.by_url:
            item["url"] = _link(content, now, request, desk)
        else:
            item["b64_json"] = base64.b64encode(content).decode()
        data.append(item)
    if order.family.legacy:
        return {"created": int(now), "data": data}
    usage = _usage(order, pictures, order.n)
    answered: dict[str, Any] = {
        "created": int(now),
        "background": _background(order),
        "data": data,
        "output_format": order.file_format,
        "quality": order.quality,
    }
    if order.safety_identifier and not order.family.sizes:
        answered["safety_identifier"] = order.safety_identifier
    answered["size"] = order.size
    if order.file_format == "svg":
        written = len(pictures.files[0]) // 4
        answered["svg_usage"] = answers.svg_usage(usage["input_tokens"], written, model=order.svg_model)
    return {**answered, "usage": usage}


def _link(content: bytes, now: float, request: HTTPRequest, desk: Desk) -> str:
    """Where the endpoint serves a picture, as seen by the client that asked."""
    path = f"/blob/img-{hashlib.sha256(content).hexdigest()[:24]}.png"
    desk.keep(path, content)
    origin = urlsplit(request.url)
    return f"{origin.scheme}://{origin.netloc}{path}?{blob_store.signed_query(desk.secret, path, now)}"


def _events(order: Order, pictures: _Pictures, now: int) -> bytes:
    """The answer as events: the partial images of each picture, then the picture with its usage."""
    name = "image_generation" if order.operation == "generations" else "image_edit"
    common = {
        "created_at": now,
        "size": order.size,
        "quality": order.quality,
        "background": _background(order),
        "output_format": order.file_format,
    }
    usage = _usage(order, pictures, 1, told_apart=False)
    sent = []
    for content, raster in zip(pictures.files, pictures.rasters, strict=True):
        for step in range(order.partials):
            early = drawing.encode(drawing.coarse(raster, step), order.file_format, order.compression)
            payload = base64.b64encode(early).decode()
            fields = {"b64_json": payload, **common, "partial_image_index": step}
            sent.append(answers.event(f"{name}.partial_image", fields))
        payload = base64.b64encode(content).decode()
        sent.append(answers.event(f"{name}.completed", {"b64_json": payload, **common, "usage": usage}))
    return b"".join(sent)


def _usage(order: Order, pictures: _Pictures, count: int, *, told_apart: bool = True) -> dict[str, Any]:
    text, image = families.input_tokens(order.prompt, pictures.uploads)
    drawn = count * families.output_tokens(order.family, order.quality, order.width, order.height)
    return answers.usage(text, image, drawn, told_apart=told_apart)


def _background(order: Order) -> str:
    return "transparent" if order.transparent else "opaque"
