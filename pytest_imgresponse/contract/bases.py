"""What the answers of a contract are bent from: plain ones, one that the user gives, or what a client asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from urllib.parse import urlsplit

from pytest_imgresponse.checks.asked import asked_by
from pytest_imgresponse.contract.outcome import Outcome, told
from pytest_imgresponse.contract.trial import Given, Trial, trial_of
from pytest_imgresponse.edge_cases import EDGE_CASES, EdgeCase
from pytest_imgresponse.edge_cases.bending import map_pictures, redrawn
from pytest_imgresponse.edge_cases.plain import plain_responses
from pytest_imgresponse.edge_cases.subjects import url_answer
from pytest_imgresponse.endpoint.routes import Desk, answer
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

_CREATED = 1_780_000_000
"""When the answers to clients were made, in Unix seconds: in May 2026."""
_ASKS_FOR_URLS = re.compile(rb'"response_format"\s*:\s*"url"')


@dataclass(frozen=True, slots=True)
class Base:
    """An answer to bend, and the request that it would answer.

    `asked` is the request where it was really made: only then is the answer judged against it. `source` and
    `request_source` are the Python expressions of the answer and, where there is one, of the request.
    """

    response: HTTPResponse
    source: str
    request: HTTPRequest | None = None
    request_source: str = ""
    asked: HTTPRequest | None = None


def bases_of(call: Callable[[Trial], Outcome], given: Given, from_response: HTTPResponse | None) -> list[Base]:
    """The answers to start from, the plainest first. Raises `ConfigError` for a client that asks for no pictures."""
    request = _asked(call) if given == "http" else None
    if from_response is not None:
        return [Base(from_response, "from_response", request, asked=request)]
    plain = [
        Base(response, f"plain_responses()[{number}][1]", asked, f"plain_responses()[{number}][0]")
        for number, (asked, response) in enumerate(plain_responses())
    ]
    errors = [base for base in plain if base.response.status >= 400]
    if request is not None:
        own = Base(fitting_answer(request), "answer", request, asked=request)
        return [own, *(Base(base.response, base.source, request, asked=request) for base in errors)]
    # A body alone does not tell an error by its status: there, a right error is a wrong answer.
    return [base for base in plain if not base.response.is_stream and (given == "response" or base not in errors)]


def trials_of(bases: Sequence[Base], cases: Sequence[EdgeCase] | None, given: Given) -> Iterator[Trial]:
    """The plain answers, then each edge case on the first of them that it applies to; of named cases, these alone."""
    plain = (
        trial_of("plain", base.response, given, request=base.asked, source=base.source, owed=base.source == "answer")
        for base in (bases if cases is None else ())
    )
    bent = (next(_bent(bases, case, given), None) for case in (EDGE_CASES.values() if cases is None else cases))
    yield from filter(None, chain(plain, bent))


def _bent(bases: Sequence[Base], case: EdgeCase, given: Given) -> Iterator[Trial]:
    for base in bases:
        if not case.applies(base.response, base.request):
            continue
        bent = case(base.response, base.request)
        # A parser of JSON is no parser of streams: only a client knows which of them it got.
        if given != "http" and bent.is_stream != base.response.is_stream:
            continue
        trial = trial_of(case.name, bent, given, request=base.asked, case=case, source=_source(case, base))
        if trial is not None:
            yield trial


def _source(case: EdgeCase, base: Base) -> str:
    if not case.needs_request:
        return f'EDGE_CASES["{case.name}"]({base.source})'
    return f'EDGE_CASES["{case.name}"]({base.source}, {base.request_source})' if base.request_source else ""


def _asked(call: Callable[[Trial], Outcome]) -> HTTPRequest:
    """The first request that the client makes on an images route, found by letting it ask once."""
    trial = trial_of("plain", plain_responses()[0][1], "http")
    assert trial is not None, "a whole response is visible to a client"
    outcome = call(trial)
    if outcome.asked:
        return outcome.asked[0]
    did = "returned" if outcome.kind == "accepted" else told(outcome)
    raise ConfigError(
        f"given='http': parse() asked nothing of an images route ({did}); it must make its request in the call, "
        "with a client that stub() knows"
    )


def fitting_answer(request: HTTPRequest) -> HTTPResponse:
    """What the API would answer to a request, with flat pictures; to one that it would refuse, a plain answer.

    It refuses models that it does not know: a gateway may have them.
    """
    kept: dict[str, bytes] = {}
    desk = Desk(None, "org-local", b"local", lambda: _CREATED, kept.__setitem__, kept.get, lambda: None)
    headers = [pair for pair in request.headers if pair[0].lower() != "authorization"]
    headers.append(("authorization", "Bearer sk-local"))
    operation = urlsplit(request.url).path.rstrip("/").rpartition("/")[2]
    url = f"https://api.openai.com/v1/images/{operation}"
    response = answer(HTTPRequest(request.method, url, headers, request.body), desk)
    if response.status == 200:  # the same each time, and no longer than it has to be: it stands in reports
        headers = [("content-type", response.header("content-type") or ""), ("x-request-id", "req_local")]
        return map_pictures(HTTPResponse(200, headers, response.body), redrawn)
    plain = [response for _, response in plain_responses()]
    if asked_by(request).stream:
        return next(response for response in plain if response.is_stream)
    return next(filter(url_answer, plain)) if _ASKS_FOR_URLS.search(request.body) else plain[0]
