"""The plan of a run: which answers edge cases are applied to, and the trials that come of that.

The answers (`Base`) are plain ones, the one that the user gives, or what a client asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pytest_imgresponse.api.samples import plain_responses
from pytest_imgresponse.checks import check
from pytest_imgresponse.checks.comparison import asked_by
from pytest_imgresponse.contract.calling import Outcome, in_words
from pytest_imgresponse.contract.default_response import default_response
from pytest_imgresponse.contract.paste_lines import packed
from pytest_imgresponse.contract.trial import Given, Trial, inlined, pictures_of, served_by, trial_of, urls_of
from pytest_imgresponse.edge_cases import EDGE_CASES, EdgeCase
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.exchanges import is_images_route
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

Call = Callable[[Trial], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """An answer to mutate, and the request that it would answer.

    `asked` is the request where a client really made it: only then is the answer judged against it. `source` and
    `request_source` are the Python expressions of the answer and, where there is one, of the request. Where `source` is
    a name that this run made up, `definition` is the line that assigns it. `no_excuse` is that of a `Trial`. `inline`
    is the answer with its pictures in it, where the client fetches them from urls.
    """

    response: HTTPResponse
    source: str
    request: HTTPRequest | None = None
    request_source: str = ""
    definition: str = ""
    asked: HTTPRequest | None = None
    no_excuse: bool = False
    inline: HTTPResponse | None = None


class Untried(NamedTuple):
    """Why a case cannot be tried, as the end of a sentence that begins "the case", and with what it could be."""

    why: str
    way_out: str


_SWAPS_STREAM = Untried("swaps a stream and a document, and only a client knows what it asked for", "given='http'")
_NO_JSON = Untried("leaves no JSON to give", "given='bytes'")
_NO_REQUEST = Untried("departs from what was asked for, which is not known", "given='http', or no from_response")
_NOT_FETCHED = Untried("is of a picture, which is behind a url that is not fetched", "a client that fetches it")
_NO_PAYLOAD = Untried("is of base64, and the picture is behind a url", "a client that asks for b64_json")
_IN_PICTURES = ("base64", "image")
"""The levels of what may be behind a url as well."""


def bases_of(call: Call, given: Given, from_response: HTTPResponse | None) -> list[Base]:
    """The answers to start from, the plainest first. Raises `ConfigError` for a client that asks for no pictures."""
    request = _asked(call) if given == "http" else None
    if from_response is not None:
        first = Base(
            response=from_response,
            source="from_response",
            request=request,
            asked=request,
            no_excuse=from_response.status < 300,
        )
        return [_with_fetched(first, call)]
    plain = [
        Base(
            response=response,
            source=f"plain_responses()[{number}][1]",
            request=asked,
            request_source=f"plain_responses()[{number}][0]",
        )
        for number, (asked, response) in enumerate(plain_responses())
    ]
    errors = [base for base in plain if base.response.status >= 400]
    if request is not None:
        made = default_response(request)
        own = Base(
            response=made,
            source="answer",
            definition=f"answer = {packed(made)}",
            request=request,
            asked=request,
            no_excuse=not check(made, request),
        )
        # A client can be given errors too, whatever it asked for. Its request has no expression to paste.
        others = (replace(base, request=request, request_source="", asked=request) for base in errors)
        return [_with_fetched(own, call), *others]
    # A parser of the body alone does not see the status: to it even a right error is an invalid answer, and no base.
    return [base for base in plain if not base.response.is_stream and (given == "response" or base not in errors)]


def _with_fetched(base: Base, call: Call) -> Base:
    """The base, with its pictures inline where the client fetches them: it is called once, to see whether it does.

    Raises `ConfigError` for a client that asks for JSON and a stream in one call: each request gets this one answer.
    """
    if base.asked is None:
        return base
    made = call(_visible("plain", base.response, "http")).asked
    orders = [request for request in made if is_images_route(request.url)]
    kinds = ["a stream" if asked_by(order).stream else "JSON" for order in orders]
    if len(set(kinds)) > 1:
        both = ", then ".join(f"{kind} from {order.url}" for kind, order in zip(kinds, orders, strict=True))
        raise ConfigError(
            f"given='http': parse() asks for {both}, and each of its requests gets the same answer; give the parts of "
            "it that ask for one kind alone"
        )
    fetches = len(orders) < len(made) and urls_of(base.response)
    return replace(base, inline=inlined(base.response)) if fetches else base


def trials_of(
    bases: Sequence[Base], cases: Sequence[EdgeCase] | None, given: Given
) -> Iterator[tuple[str, Trial | Untried]]:
    """The plain answers, then each edge case on the first of them that it applies to; if cases are named, they alone.

    Each comes with its name.
    """
    for base in bases if cases is None else ():
        yield "plain", _plain(base, given)
    for case in EDGE_CASES.values() if cases is None else cases:
        yield case.name, _mutated(bases, case, given)


def _plain(base: Base, given: Given) -> Trial:
    """The trial of the base as it is; where its pictures are fetched, the parser has to find them at their urls."""
    trial = _visible("plain", base.response, given, request=base.asked, source=base.source, no_excuse=base.no_excuse)
    if base.inline is None or not (served := served_by(base.response, base.inline)):
        return trial
    return replace(
        trial,
        pictures=tuple(pictures_of(base.inline)),
        other_pictures=False,
        served=served,
        pictures_source=f"inlined({base.source})",
    )


def _visible(name: str, response: HTTPResponse, given: Given, **more: Any) -> Trial:
    """`trial_of` for a response that a parser of this form can be given, whatever it is."""
    trial = trial_of(name, response, given, **more)
    assert trial is not None, "there is no JSON to give"
    return trial


def _mutated(bases: Sequence[Base], case: EdgeCase, given: Given) -> Trial | Untried:
    """The trial of the case on the first base that allows one; else why none does."""
    untried = _why_not_applied(bases, case)
    for base in bases:
        if not case.applies(base.response, base.request):
            continue
        mutated = case(base.response, base.request)
        # A parser of JSON is no parser of streams: only a client knows which of them it got.
        if given != "http" and mutated.is_stream != base.response.is_stream:
            untried = _SWAPS_STREAM
            continue
        trial = trial_of(case.name, mutated, given, request=base.asked, case=case, source=_source(case, base))
        if trial is not None:
            return trial
        untried = _NO_JSON
    return next(filter(None, (_mutated_at_urls(base, case) for base in bases)), untried)


def _why_not_applied(bases: Sequence[Base], case: EdgeCase) -> Untried:
    if case.needs_request and not any(base.request for base in bases):
        return _NO_REQUEST
    if case.level in _IN_PICTURES and urls_of(bases[0].response):
        return _NO_PAYLOAD if bases[0].inline else _NOT_FETCHED
    return Untried(f"needs {_missing_from(case, bases[0])}", "such a response as from_response (--from-response)")


def _missing_from(case: EdgeCase, base: Base) -> str:
    """What the case applies to and the base is not, in few words where the plain answers show which these are."""
    able = [plain for asked, plain in plain_responses() if case.applies(plain, asked)]
    if base.response.is_stream and not any(plain.is_stream for plain in able):
        return "an answer that is no stream"
    if not base.response.is_stream and all(plain.is_stream for plain in able):
        return "a stream"
    if all(plain.status >= 400 for plain in able):
        return "an error answer"
    return f"{case.applies_to[0].lower()}{case.applies_to[1:]}"


def _mutated_at_urls(base: Base, case: EdgeCase) -> Trial | None:
    """The trial of the plain answer, with the pictures at its urls changed by the case; None where it changes none."""
    if base.inline is None or case.level not in _IN_PICTURES or case.needs_request or not case.applies(base.inline):
        return None
    mutated = case(base.inline)
    # A case may change the base64 alone, and not the picture: at a url nothing is left of it.
    served = served_by(base.response, mutated)
    if served in ({}, served_by(base.response, base.inline)):
        return None
    # Judged with the pictures inline; what the client gets is the plain answer, and these pictures at its urls.
    trial = _visible(case.name, mutated, "http", case=case, source=base.source)
    return replace(
        trial,
        response=base.response,
        path=trial.path.replace(".b64_json", ".url"),
        served=served,
        pictures_source=f'EDGE_CASES["{case.name}"](inlined({base.source}))',
    )


def _source(case: EdgeCase, base: Base) -> str:
    if not case.needs_request:
        return f'EDGE_CASES["{case.name}"]({base.source})'
    return f'EDGE_CASES["{case.name}"]({base.source}, {base.request_source})' if base.request_source else ""


def _asked(call: Call) -> HTTPRequest:
    """The first request that the client makes on an images route: it is called once, to see which."""
    outcome = call(_visible("plain", plain_responses()[0][1], "http"))
    if outcome.asked:
        return outcome.asked[0]
    did = "returned" if outcome.kind == "accepted" else in_words(outcome)
    raise ConfigError(
        f"given='http': parse() asked nothing of an images route ({did}); it must make its request in the call, "
        "with a client that stub() knows; what it asks other hosts for passes by with ignore_hosts (--ignore-host)"
    )
