"""The public API as a user would use it. Not run: it is type-checked (mypy strict)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL.Image import Image as PillowImage

from pytest_imgresponse import (
    CassetteError,
    CompletedEvent,
    HTTPRequest,
    HTTPResponse,
    ImagePersister,
    ImagesResponse,
    ImgResponse,
    ImgResponseError,
    LocalEndpoint,
    PartialImageEvent,
    Usage,
    replay,
)


@pytest.fixture
def imgresponse_config() -> dict[str, Any]:
    return {"redact_names": ["customer"], "redact_values": ["Jane", re.compile("J.*")], "ignore_hosts": ["*.local"]}


@pytest.fixture(scope="module")
def answers() -> Iterator[ImgResponse]:
    with replay(Path("cassettes") / "shared", record="once", match_on=["method", "path"]) as recorder:
        yield recorder


@pytest.mark.imgresponse("logo", record="none", allow_unplayed=True)
def test_logo(imgresponse: ImgResponse, imgresponse_endpoint: LocalEndpoint) -> None:
    response: ImagesResponse = imgresponse.responses[0]
    usage: Usage | None = response.usage
    tokens: int = usage.output_tokens if usage is not None else 0
    picture: bytes = (response.data or [])[0].image_bytes()
    image: PillowImage = imgresponse.images[0]
    size: tuple[int, int] = image.size
    last: HTTPResponse = imgresponse.last
    status: int = last.status
    content_type: str | None = last.header("content-type")
    request: HTTPRequest = imgresponse.requests[0]
    method: str = request.method
    event: PartialImageEvent | CompletedEvent = imgresponse.events[0]
    where: Path = imgresponse.cassette
    recording: bool = imgresponse.recording
    url: str = imgresponse_endpoint.url
    print(tokens, picture, size, status, content_type, method, event, where, recording, url)


def test_errors() -> None:
    with pytest.raises(ImgResponseError):
        raise CassetteError("why")


def persister(my_vcr: Any) -> None:
    my_vcr.register_persister(ImagePersister)


answer = HTTPResponse(200, {"content-type": "application/json"}, b"{}")
same = HTTPResponse(200, [("content-type", "application/json")], b"{}", reason="OK")
