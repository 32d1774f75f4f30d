"""`stub`: the HTTP clients of this process get the responses that they are given, and nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from pytest_imgresponse._config import Layer, settings_from
from pytest_imgresponse.cassette.matching import passes_by
from pytest_imgresponse.cassette.payloads import Body
from pytest_imgresponse.cassette.recorder import keys_held
from pytest_imgresponse.cassette.redaction import shown_url
from pytest_imgresponse.clients.interception import Unrecorded, opened
from pytest_imgresponse.coercion import REPR, as_response
from pytest_imgresponse.encodings import remove_encoding
from pytest_imgresponse.errors import ConfigError, UnstubbedRequestError
from pytest_imgresponse.exchanges import ROUTES, Exchange, ExchangeLog, is_images_route
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.stubs.urls import Urls, address_of, picture_file

if TYPE_CHECKING:
    from pydantic import BaseModel

_SHOWN = 5  # urls in an error


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
    `with` raises `CassetteInUseError` where a cassette or stub is open on another thread or task, and not around it.
    """
    if not responses:
        raise ConfigError("stub() got no response; expected at least one, such as stub({'created': 1, 'data': []})")
    given = {"ignore_hosts": ignore_hosts, "stand_in_keys": stand_in_keys}
    options = {name: value for name, value in given.items() if value is not None}
    settings = settings_from([Layer("the call of stub()", options, tuple(given))])
    return Stub(
        [_sendable(as_response(response, "stub()", number)) for number, response in enumerate(responses)],
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
        self._open: list[ExitStack] = []

    def __enter__(self) -> Stubbed:
        session = _StubSession(self._responses, self._pictures, self._ignore_hosts)
        with ExitStack() as stack:
            stack.enter_context(keys_held(self._keys))
            stack.enter_context(opened(session))
            self._open.append(stack.pop_all())
        return Stubbed(session)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.pop().close()


class Stubbed(ExchangeLog):
    """What clients asked of a stub, in the order of asking, and what they got."""

    def __init__(self, session: _StubSession) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"<Stubbed {self._session.name}, {len(self._exchanges())} requests>"

    def _exchanges(self) -> list[Exchange]:
        return list(self._session.exchanges)


class _Ticket(NamedTuple):
    """A request that has its answer."""

    played: HTTPResponse


class _StubSession(Unrecorded):
    """One opening of a stub: it chooses the answers. Thread-safe."""

    def __init__(
        self,
        responses: Sequence[HTTPResponse],
        pictures: Mapping[str, HTTPResponse],
        ignore_hosts: Sequence[str],
    ) -> None:
        self.name = f"stub() of {len(responses)} response(s)"
        self.exchanges: list[Exchange] = []
        self._responses = responses
        self._ignore_hosts = ignore_hosts
        self._urls = Urls(pictures, responses)
        self._next = 0
        self._lock = Lock()

    def ignores(self, host: str | None, method: str) -> bool:
        """Whether requests to a host pass by."""
        return passes_by(host, self._ignore_hosts)

    def ask(self, request: HTTPRequest) -> _Ticket:
        """The answer to a request. Raises `UnstubbedRequestError`."""
        with self._lock:
            answer = self._answer_to(request)
            pictures = partial(_pictures_of, answer)
            self.exchanges.append(Exchange(request, answer, pictures))
        return _Ticket(answer)

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
            + (
                ""
                if host in self._stubbed_hosts()
                else f"\nTo let it pass: ignore_hosts=[{host!r}], of stub() or check_parser()"
            )
        )

    def _stubbed_hosts(self) -> set[str | None]:
        return {"api.openai.com", *(urlsplit(exchange.request.url).hostname for exchange in self.exchanges)}


def _sendable(response: HTTPResponse) -> HTTPResponse:
    """The response without an encoding of its body, which vcrpy's stubs would leave to the client."""
    return remove_encoding(response) if response.header("content-encoding") is not None else response


def _pictures_of(response: HTTPResponse) -> Iterator[bytes]:
    return Body.of(response.body, response.header("content-type")).pictures()


def _pictures(given: object) -> dict[str, HTTPResponse]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(url, str) and address_of(url) for url in given):
        raise ConfigError(f"pictures: expected a mapping of urls; got {REPR.repr(given)} (from the call of stub())")
    return {url: _picture(url, content) for url, content in given.items()}


def _picture(url: str, content: object) -> HTTPResponse:
    if isinstance(content, bytes):
        return picture_file(content)
    if isinstance(content, HTTPResponse):
        return _sendable(content)
    raise ConfigError(
        f"pictures[{url!r}]: expected the bytes of a picture or an HTTPResponse; got {REPR.repr(content)} "
        f"(from the call of stub())"
    )
