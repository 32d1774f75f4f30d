"""The public API as a user would use it. Not run: it is type-checked (mypy strict)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from PIL.Image import Image as PillowImage

from pytest_imgresponse import (
    EDGE_CASES,
    CassetteError,
    CompletedEvent,
    ContractError,
    EdgeCase,
    Fault,
    Finding,
    HTTPRequest,
    HTTPResponse,
    ImagePersister,
    ImagesResponse,
    ImgResponse,
    ImgResponseError,
    LocalEndpoint,
    PartialImageEvent,
    Report,
    Usage,
    check,
    check_parser,
    replay,
    reproduce,
    stub,
)
from pytest_imgresponse.reproduce import consume, inlined, pictures_of, plain_responses, served_by
from pytest_imgresponse.strategies import (
    base64_payloads,
    edge_cases,
    error_responses,
    http_responses,
    image_files,
    images_responses,
    stream_responses,
    usages,
    variants,
    wire_faults,
)
from pytest_imgresponse.strategies.mutated import Mutation


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
    fields: dict[str | None, bytes] = {part.name: part.content for part in request.parts}
    method: str = request.method
    event: PartialImageEvent | CompletedEvent = imgresponse.events[0]
    where: Path = imgresponse.cassette
    recording: bool = imgresponse.recording
    url: str = imgresponse_endpoint.url
    print(tokens, picture, size, status, content_type, fields, method, event, where, recording, url)


def test_errors() -> None:
    with pytest.raises(ImgResponseError):
        raise CassetteError("why")


def persister(my_vcr: Any) -> None:
    my_vcr.register_persister(ImagePersister)


answer = HTTPResponse(200, {"content-type": "application/json"}, b"{}")
same = HTTPResponse(200, [("content-type", "application/json")], b"{}", reason="OK")


class Refused(Exception):
    """The error of a parser."""


def parse(body: bytes) -> list[bytes]:
    raise Refused(body)


async def program() -> None:
    """A program with a client."""


def test_contract() -> None:
    report: Report = check_parser(parse, rejects_with=Refused, pictures=lambda found: found, max_examples=10)
    print(report.rows, report.ways, report.accepted, report.not_tried, report.as_json())
    try:
        check_parser(
            program,
            given="http",
            rejects_with=(Refused, ValueError),
            except_for={"utf16": "why"},
            ignore_hosts=["*.local"],
            isolate=True,
        )
    except ContractError as error:
        print(error.report)


def test_stub() -> None:
    with stub(answer, {"created": 1}, b"{}", ignore_hosts=["*.local"]) as stubbed:
        asked: list[HTTPRequest] = stubbed.requests
    print(asked)


def test_reproduce(parse: Callable[[bytes], object]) -> None:
    for request, response in plain_responses():
        case: EdgeCase | None = reproduce.EDGE_CASES.get("bom")
        if case is not None and case.applies(response, request):
            consume(parse(case(response, request).body))
    pictures: list[bytes] = pictures_of(inlined(answer))
    served: dict[str, bytes] = served_by(answer, answer)
    print(pictures, served)


def test_judge() -> None:
    findings: list[Finding] = check(answer, HTTPRequest("POST", "https://api.openai.com/v1/images/generations"))
    case: EdgeCase = EDGE_CASES["data_null_item"]
    mutated: HTTPResponse = case(answer)
    print([(finding.level, finding.path, finding.verdict, finding.message) for finding in findings], mutated)


models: SearchStrategy[ImagesResponse] = images_responses(model="gpt-image-2", n=1, size="1024x1024")
answers_drawn: SearchStrategy[HTTPResponse] = http_responses(verdicts=("valid", "unusual"), levels=["image"])
errors: SearchStrategy[HTTPResponse] = error_responses(name="server_error")
streams: SearchStrategy[HTTPResponse] = stream_responses(partial_images=2)
near: SearchStrategy[HTTPResponse] = variants(answer)
files: SearchStrategy[bytes] = image_files(output_format="png", transparent=True)
payloads: SearchStrategy[str] = base64_payloads(size="64x64")
counts: SearchStrategy[Usage] = usages()
faults: SearchStrategy[Fault] = wire_faults(verdict="invalid")


@given(edge_cases(verdicts=["invalid"]))
def test_mutated(mutated: Mutation) -> None:
    print(mutated.case.name, mutated.request, mutated.original, mutated.response)


def test_faults(imgresponse_endpoint: LocalEndpoint) -> None:
    imgresponse_endpoint.answer(answer, fault=Fault("stall", seconds=0.1), times=2)
    imgresponse_endpoint.answer({"created": 1, "data": []})
    imgresponse_endpoint.fail("reset_in_body")
