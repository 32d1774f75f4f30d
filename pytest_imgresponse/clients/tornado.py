"""What tornado's clients need beside vcrpy: redirections one by one, and an end to each request.

Tornado follows a redirection inside of the request that vcrpy records, or libcurl does. vcrpy would keep the last
answer as that to the first request, and no other client could replay it.
"""

from __future__ import annotations

import asyncio
import copy
import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

from pytest_imgresponse.errors import UnrecordableRequestError

NO_ANSWER = 599
"""The status that tornado gives to a request without an answer (`tornado.httpclient.HTTPClientError`)."""
_REDIRECTIONS = (301, 302, 303, 307, 308)
_OF_A_BODY = ("Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding")
_UNSEEN = ("streaming_callback", "header_callback", "body_producer")
"""What a request of tornado may have that vcrpy's stub refuses."""
_CREDENTIALS = ("Authorization", "Cookie")


def following(passes: Callable[[str | None, str], bool], original: Any, patched: Any) -> Any:
    """How a client of tornado fetches: each step of a redirection is a request of its own."""
    from tornado.httpclient import HTTPResponse

    @functools.wraps(original)
    def fetch_impl(client: Any, request: Any, callback: Callable[[Any], None]) -> None:
        if passes(urlsplit(request.url).hostname, request.method):
            original(client, request, callback)
        elif (name := next((name for name in _UNSEEN if getattr(request, name, None) is not None), None)) is not None:
            host = urlsplit(request.url).hostname
            error = UnrecordableRequestError(
                f"{request.method} {request.url} has a `{name}`, which vcrpy does not serve; nothing was sent; "
                f"fetch it without, or let it pass by ignore_hosts=[{host!r}]"
            )
            callback(HTTPResponse(request, NO_ANSWER, error=error))
        elif not request.follow_redirects:
            patched(client, request, callback)
        else:
            client.io_loop.add_future(asyncio.ensure_future(_followed(client, request)), _handing(request, callback))

    return fetch_impl


async def _followed(client: Any, request: Any) -> Any:
    step, left = copy.copy(request.request), request.max_redirects
    step.follow_redirects = False
    while True:
        response = await client.fetch(step, raise_error=False)
        location = response.headers.get("Location")
        if response.code not in _REDIRECTIONS or location is None or left <= 0:
            response.request = request
            return response
        step, left = _next(step, response.code, urljoin(step.url, location)), left - 1


def _next(step: Any, status: int, url: str) -> Any:
    """The request that follows a redirection (RFC 9110, section 15.4), as both of tornado's clients make it."""
    before, step = urlsplit(step.url), copy.copy(step)
    step.url, step.headers = url, step.headers.copy()
    left_out = ["Host"]
    if (before.scheme, before.netloc) != urlsplit(url)[:2]:
        left_out += _CREDENTIALS
        step.auth_username = step.auth_password = None
    if (status == 303 and step.method != "HEAD") or (status in (301, 302) and step.method == "POST"):
        step.method, step.body = "GET", None
        left_out += _OF_A_BODY
    for name in left_out:
        step.headers.pop(name, None)
    return step


def _handing(request: Any, callback: Callable[[Any], None]) -> Callable[[Any], None]:
    """Hands an answer on, or an error as tornado does: raised here, it would be lost, and the request never end."""
    from tornado.httpclient import HTTPResponse

    def hand(done: Any) -> None:
        error = done.exception()
        callback(done.result() if error is None else HTTPResponse(request, NO_ANSWER, error=error))

    return hand
