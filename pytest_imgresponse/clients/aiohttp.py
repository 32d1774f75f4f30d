"""What aiohttp needs beside vcrpy: request bodies as bytes, an end to redirections, answers that read as live ones."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from pytest_imgresponse.http import HTTPResponse

_WARNS_ABOVE = 2**20  # bytes that aiohttp takes without a ResourceWarning (its `TOO_LARGE_BYTES_BODY`)
_MAX_REDIRECTS = 10  # unless the caller says otherwise (`ClientSession._request`)
# Of the request that is being answered in this context; None where its caller follows redirections on its own.
_STEPS_LEFT: ContextVar[Iterator[int] | None] = ContextVar("_STEPS_LEFT", default=None)


@contextmanager
def following(options: Mapping[str, Any]) -> Iterator[None]:
    """While a request with these options is answered, its redirections are counted."""
    steps = iter(range(1, options.get("max_redirects") or _MAX_REDIRECTS))
    _STEPS_LEFT.set(steps if options.get("allow_redirects", True) else None)
    try:
        yield
    finally:
        _STEPS_LEFT.set(None)  # a token cannot be used where a request is given up: that is in another context


def count_redirection(method: str, url: str, answer: HTTPResponse) -> None:
    """Count an answer that is a redirection, which vcrpy follows on behalf of aiohttp.

    vcrpy would follow redirections without an end, and fails on a location that is no URL: for both, what aiohttp
    raises for a live answer is raised here.
    """
    left, location = _STEPS_LEFT.get(), answer.header("location")
    if left is None or location is None or answer.status not in range(300, 400):
        return
    import aiohttp
    from multidict import CIMultiDict, CIMultiDictProxy
    from yarl import URL

    asked = URL(url)
    try:
        asked.join(URL(location))
    except ValueError as error:
        raise aiohttp.InvalidUrlRedirectClientError(location, "the location is no URL") from error
    if next(left, None) is None:
        raise aiohttp.TooManyRedirects(aiohttp.RequestInfo(asked, method, CIMultiDictProxy(CIMultiDict()), asked), ())


def read_as_live(response: Any) -> Any:
    """A response whose `json` and `text` mind its Content-Type, and that has a version: vcrpy's do not."""
    import aiohttp

    response.version = response.version or aiohttp.HttpVersion11
    response.json = partial(aiohttp.ClientResponse.json, response)
    response.text = partial(aiohttp.ClientResponse.text, response)
    return response


async def with_bytes(session: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a request with its body encoded: vcrpy would see a form or a dict, not its bytes.

    The headers that aiohttp adds for such a body are added here, unless the caller or the session has its own.
    """
    from multidict import CIMultiDict

    data, json = options.get("data"), options.get("json")
    if (payload := _payload(session, data, json)) is None:
        return options
    content = await _written(payload)
    headers: CIMultiDict[str] = CIMultiDict(options.get("headers") or ())
    skipped = {name.lower() for name in (*(options.get("skip_auto_headers") or ()), *session.skip_auto_headers)}
    for name, value in payload.headers.items():
        if name not in headers and name not in session.headers and name.lower() not in {*skipped, "content-length"}:
            headers[name] = value
    large = len(content) > _WARNS_ABOVE
    return {**options, "json": None, "data": io.BytesIO(content) if large else content, "headers": headers}


def _payload(session: Any, data: Any, json: Any) -> Any:
    """What aiohttp would make of a body; None for one that vcrpy can read, and for two, which aiohttp refuses."""
    import aiohttp

    if data is None:
        return None if json is None else aiohttp.JsonPayload(json, dumps=session.json_serialize)
    if json is not None or isinstance(data, bytes | bytearray | memoryview | str) or hasattr(data, "__aiter__"):
        return None
    if isinstance(data, aiohttp.FormData):
        return data()
    try:
        return aiohttp.get_payload(data, disposition=None)
    except aiohttp.payload.LookupError:
        return aiohttp.FormData(data)()


async def _written(payload: Any) -> bytes:
    """The bytes that a payload of aiohttp sends; its files are closed, as aiohttp does."""
    writer = _Writer()
    try:
        await payload.write(writer)
    finally:
        if hasattr(payload, "close"):  # since aiohttp 3.12
            await payload.close()
    return bytes(writer.content)


class _Writer:
    """What a payload writes to, in the place of aiohttp's connection."""

    def __init__(self) -> None:
        self.content = bytearray()

    async def write(self, chunk: Any) -> None:
        self.content += chunk
