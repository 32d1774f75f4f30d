"""`stub`: the HTTP clients of this process get the responses that they are given, and nothing is sent."""

from __future__ import annotations

import reprlib
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_imgresponse import answers
from pytest_imgresponse._config import Layer, settings_from
from pytest_imgresponse.cassette.encodings import remove_encoding
from pytest_imgresponse.cassette.recorder import ROUTES, Answered, is_images_route, stand_in_keys
from pytest_imgresponse.cassette.redact import shown_url
from pytest_imgresponse.cassette.seam import innermost, opened
from pytest_imgresponse.cassette.session import passes_by
from pytest_imgresponse.cassette.urls import Urls, address_of, picture_file
from pytest_imgresponse.errors import CassetteInUseError, ConfigError, UnstubbedRequestError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

if TYPE_CHECKING:
    from pydantic import BaseModel

_SHOWN = 5  # urls in an error
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 200
_EXPECTED = "expected an HTTPResponse, an ImagesResponse, a dict (the JSON of a 200) or bytes (the body of a 200)"


def stub(
    *responses: HTTPResponse | BaseModel | dict[str, Any] | bytes,
    pictures: Mapping[str, HTTPResponse | bytes] | None = None,
    ignore_hosts: Sequence[str] | None = None,
    stand_in_keys: Sequence[str] | None = None,
) -> Stub:
    """Answer the HTTP clients of this process with these responses, in order; the last one repeats.

    A context manager, for plain `with`, in async code too. Each request to an images route gets the next response,
    whatever it asks for and whichever host it asks. A response is an `HTTPResponse`, an `ImagesResponse` (ours or
    the official client's), a dict (the JSON of a 200) or bytes (its body); the latter three get the headers of the
    real API. Their urls are served too: `pictures` says what is at a url, be it in a response or not; at the others
    is a plain picture of the format and size that the response declares, or a PNG of 1024x1024 pixels.

    A response goes to the client as it is, broken or not, but that an encoding of its body is removed, as of any
    `HTTPResponse`, and that a header lets the official client retry without sleeping.

    Whatever else is asked for raises `UnstubbedRequestError`, but for requests to `ignore_hosts` (names and patterns
    such as `*.local`) and over in-process transports. While it is open, the environment variables `stand_in_keys`
    (`OPENAI_API_KEY`) hold a stand-in where they are unset. Raises `ConfigError` for an argument that is wrong;
    `with` raises `CassetteInUseError` where a cassette or stub is open on another thread.
    """
    if not responses:
        raise ConfigError(f"stub() got no response; {_EXPECTED}, at least one")
    given = {"ignore_hosts": ignore_hosts, "stand_in_keys": stand_in_keys}
    options = {name: value for name, value in given.items() if value is not None}
    settings = settings_from([Layer("the call of stub()", options, tuple(given))])
    return Stub(
        [_answer(response, number) for number, response in enumerate(responses)],
        _pictures(pictures),
        settings.ignore_hosts,
        settings.stand_in_keys,
    )


class Stub(AbstractContextManager["Stubbed"]):
    """What `stub` returns. It may be opened again and again, and starts afresh each time.

    It is no decorator: one of an `async def` would be over before the function ran, and what that asks would be sent.
    """

    def __init__(
        self,
        responses: Sequence[HTTPResponse],
        pictures: Mapping[str, HTTPResponse],
        ignore_hosts: Sequence[str],
        keys: Sequence[str],
    ) -> None:
        self._responses = responses
        self._pictures = pictures
        self._ignore_hosts = ignore_hosts
        self._keys = keys
        self._open: list[tuple[_StubSession, ExitStack]] = []

    def __enter__(self) -> Stubbed:
        session = _StubSession(self._responses, self._pictures, self._ignore_hosts)
        with ExitStack() as stack:
            stack.enter_context(stand_in_keys(self._keys))
            stack.enter_context(opened(session))
            self._open.append((session, stack.pop_all()))
        return Stubbed(session)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, closing = self._open.pop()
        last = innermost()
        closing.close()
        if last is not None and last is not session:
            raise CassetteInUseError(
                f"{session.name} was closed before {last.name}, which was opened within it, as two tasks of one event "
                "loop do: meanwhile the innermost answered both; open one for all tasks"
            )


class Stubbed(Answered):
    """What clients asked of a stub, in the order of asking, and what they got."""

    def __init__(self, session: _StubSession) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"<Stubbed {self._session.name}, {len(self.requests)} requests>"

    @property
    def requests(self) -> list[HTTPRequest]:
        """The requests that were answered, as the client made them; those that were refused are not among them."""
        return [ticket.request for ticket in list(self._session.tickets)]

    @property
    def http_responses(self) -> list[HTTPResponse]:
        """Every answer: errors and pictures too."""
        return [ticket.played for ticket in list(self._session.tickets)]


@dataclass(frozen=True, slots=True)
class _Ticket:
    request: HTTPRequest
    played: HTTPResponse


class _StubSession:
    """One opening of a stub: it chooses the answers. Thread-safe."""

    def __init__(
        self,
        responses: Sequence[HTTPResponse],
        pictures: Mapping[str, HTTPResponse],
        ignore_hosts: Sequence[str],
    ) -> None:
        self.name = f"stub() of {len(responses)} response(s)"
        self.tickets: list[_Ticket] = []
        self._responses = responses
        self._ignore_hosts = ignore_hosts
        self._urls = Urls(pictures, responses)
        self._next = 0
        self._lock = Lock()

    def ignores(self, host: str | None) -> bool:
        """Whether requests to a host pass by."""
        return passes_by(host, self._ignore_hosts)

    def ask(self, request: HTTPRequest) -> _Ticket:
        """A request and its answer. Raises `UnstubbedRequestError`."""
        with self._lock:
            ticket = _Ticket(request, self._answer_to(request))
            self.tickets.append(ticket)
        return ticket

    def play(self, ticket: _Ticket) -> HTTPResponse:
        """The answer of a ticket."""
        return ticket.played

    def _answer_to(self, request: HTTPRequest) -> HTTPResponse:
        if is_images_route(request.url):
            answer = self._responses[self._next]
            self._next = min(self._next + 1, len(self._responses) - 1)
            return answer
        if (picture := self._urls.get(request.url)) is None:
            raise self._refusal(request)
        return replace(picture, body=b"") if request.method == "HEAD" else picture

    def _refusal(self, request: HTTPRequest) -> UnstubbedRequestError:
        urls = self._urls.known
        shown = [f"\n  {shown_url(url)}" for url in urls[:_SHOWN]]
        more = f"\n  … and {len(urls) - _SHOWN} more" if len(urls) > _SHOWN else ""
        host = urlsplit(request.url).hostname
        return UnstubbedRequestError(
            f"{request.method} {shown_url(request.url)} is not stubbed, and nothing was sent.\n"
            f"{self.name} answers {', '.join(ROUTES)} of any host, and "
            + (f"these urls:{''.join(shown)}{more}" if urls else "no url, since none of its responses holds one.")
            + "\nTo answer this one too: stub(…, pictures={url: bytes or HTTPResponse})"
            # What lets a host pass lets its images routes pass too: never the one that is stubbed.
            + ("" if host in self._stubbed_hosts() else f"\nTo let it pass: stub(…, ignore_hosts=[{host!r}])")
        )

    def _stubbed_hosts(self) -> set[str | None]:
        return {"api.openai.com", *(urlsplit(ticket.request.url).hostname for ticket in self.tickets)}


# -- what is given ----------------------------------------------------------------------------------------------------


def _answer(response: object, number: int) -> HTTPResponse:
    """A response as it will be sent. Raises `ConfigError` for what can be none."""
    if isinstance(response, HTTPResponse):
        return _sendable(response, "stub()")
    if isinstance(response, bytes):
        return HTTPResponse(200, _headers(number), response, reason="OK")
    try:
        content = response if isinstance(response, dict) else _dumped(response)
        return HTTPResponse(200, _headers(number), answers.pretty(content), reason="OK")
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"stub() got {_REPR.repr(response)}, which cannot be written as JSON: {error}") from error


def _dumped(response: object) -> Any:
    """The JSON of our `ImagesResponse` or the official client's, without what was not set in it."""
    from pytest_imgresponse.models import ImagesResponse

    kinds: tuple[type[BaseModel], ...] = (ImagesResponse,)
    if (openai := sys.modules.get("openai")) is not None:
        kinds += (openai.types.ImagesResponse,)
    if not isinstance(response, kinds):
        raise ConfigError(f"stub() got {_REPR.repr(response)}; {_EXPECTED}")
    return response.model_dump(mode="json", exclude_unset=True, warnings=False)


@lru_cache(maxsize=64)
def _headers(number: int) -> tuple[tuple[str, str], ...]:
    """The real API's, for the response of a number; the same in each stub of this process."""
    return tuple(answers.seeded_headers(number, time.time(), organization="imgresponse", ms=0))


def _sendable(response: HTTPResponse, giver: str) -> HTTPResponse:
    """The response without an encoding of its body. Raises `ConfigError` for parts that no client could read."""
    parts = {
        "an int as status": isinstance(response.status, int),
        "bytes as body": isinstance(response.body, bytes),
        "strings in its headers": all(isinstance(text, str) for pair in response.headers for text in pair),
        "a string as reason": isinstance(response.reason, str),
    }
    if wrong := [part for part, right in parts.items() if not right]:
        raise ConfigError(f"{giver} got {_REPR.repr(response)}; expected {' and '.join(wrong)}")
    return remove_encoding(response) if response.header("content-encoding") is not None else response


def _pictures(given: object) -> dict[str, HTTPResponse]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(url, str) and address_of(url) for url in given):
        raise ConfigError(f"pictures: expected a mapping of urls; got {_REPR.repr(given)} (from the call of stub())")
    return {url: _picture(url, content) for url, content in given.items()}


def _picture(url: str, content: object) -> HTTPResponse:
    if isinstance(content, bytes):
        return picture_file(content)
    if isinstance(content, HTTPResponse):
        return _sendable(content, f"pictures[{url!r}]")
    raise ConfigError(
        f"pictures[{url!r}]: expected the bytes of a picture or an HTTPResponse; got {_REPR.repr(content)} "
        f"(from the call of stub())"
    )
