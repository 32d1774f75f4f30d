"""`imgresponse serve --cases`: edge cases and wire faults by path, for a client in any language."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from pytest_imgresponse.api import api_errors
from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.api.parameters import UnreadableBodyError, parameters_of
from pytest_imgresponse.api.samples import plain_responses
from pytest_imgresponse.cli.templates import rendered
from pytest_imgresponse.edge_cases import EDGE_CASES, EdgeCase
from pytest_imgresponse.edge_cases.table import hint
from pytest_imgresponse.endpoint.framing import Delivery
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.faults import FAULTS, Fault
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

_BASE = "/v1"


def answer_by_path(request: HTTPRequest) -> Delivery:
    """What stands at the first segment of the path; what follows it is the client's, as `/v1/images/generations` is.

    `/NAME/…` is an edge case or a wire fault on a plain response: on a stream where one is asked for and the case has
    one. `/NAME:parameter=number,…/…` gives a wire fault its parameters. `/` lists them all, as JSON or as HTML.
    """
    try:
        parts = urlsplit(request.url)
    except ValueError as error:
        return _error(400, f"no URL: {request.url!r}: {error}")
    name, _, options = unquote(parts.path.split("/")[1] if parts.path else "").partition(":")
    if not name:
        return _listed(request, f"{parts.scheme}://{parts.netloc}")
    if name in EDGE_CASES and not options:
        return _mutated(EDGE_CASES[name], request)
    if name in FAULTS:
        try:
            return Delivery(_plain(request), Fault(name, **_parameters(options)), as_it_is=True)
        except ConfigError as error:
            return _error(400, str(error))
    if name in EDGE_CASES:
        return _error(400, f"the edge case {name!r} has no parameters; got {options!r}")
    similar = hint(name, [*EDGE_CASES, *FAULTS])
    return _error(404, f"no edge case or wire fault is called {name!r} (all are listed at /){similar}")


def _mutated(case: EdgeCase, request: HTTPRequest) -> Delivery:
    """The case on the first plain response to which it applies: of a stream, where one is asked for."""
    able = [(asked, plain) for asked, plain in plain_responses() if case.applies(plain, asked)]
    asked, plain = min(able, key=lambda pair: pair[1].is_stream != _streams(request))
    return Delivery(case(plain, asked), as_it_is=True)


def _plain(request: HTTPRequest) -> HTTPResponse:
    """The plain response, or the plain stream where one is asked for."""
    return next(plain for _, plain in plain_responses() if plain.is_stream == _streams(request))


def _streams(request: HTTPRequest) -> bool:
    try:
        return bool(parameters_of(request).stream)
    except UnreadableBodyError:
        return False


def _parameters(options: str) -> dict[str, Any]:
    """`seconds=0.5,at=10`; a name that stands there several times has a list. Raises `ConfigError`."""
    values: dict[str, list[float]] = {}
    for option in filter(None, options.split(",")):
        name, _, text = option.partition("=")
        try:
            number = int(text) if text.isdigit() else float(text)
        except ValueError:
            raise ConfigError(f"expected parameters such as seconds=0.5,at=10; got {option!r}") from None
        values.setdefault(name, []).append(number)
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def _listed(request: HTTPRequest, origin: str) -> Delivery:
    """All names, their verdicts and where they are: as HTML for a browser, else as JSON."""
    cases = [_facts(case, "name", "verdict", "level", "reason", "seen") for case in EDGE_CASES.values()]
    faults = [_facts(kind, "name", "verdict", "reason", "source", "parameters") for kind in FAULTS.values()]
    for fault in faults:
        fault["parameters"] = {
            name: _facts(parameter, "default", "meaning", "expected") for name, parameter in fault["parameters"].items()
        }
    for row in (*cases, *faults):
        row["base_url"] = f"{origin}/{quote(row['name'])}{_BASE}"
    lists = {"cases": cases, "faults": faults}
    if "text/html" in (request.header("accept") or ""):
        with suppress(ImportError):  # without jinja2, which the extra `cli` brings, a browser shows the JSON
            page = rendered("cases.html.jinja", **lists)
            return Delivery(HTTPResponse(200, {"content-type": "text/html; charset=utf-8"}, page.encode()))
    return Delivery(HTTPResponse(200, {"content-type": "application/json"}, pretty(lists)))


def _facts(row: object, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _error(status: int, message: str) -> Delivery:
    body = api_errors.Refused(message, code="unknown_case").body
    return Delivery(HTTPResponse(status, {"content-type": "application/json"}, body))
