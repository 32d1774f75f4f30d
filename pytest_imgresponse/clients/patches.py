"""The attributes of the HTTP clients that are replaced while a session is open.

vcrpy builds its patches anew for each cassette, which takes half a millisecond or more. Ours are the same for
every session, so they are listed once: opening sets them, closing puts back what was there. They are listed again
where a client was imported since, or where someone else has patched one of the attributes meanwhile: vcrpy's
patches call what they find.

They are not left in place between tests: vcrpy's connections of `http.client` read a whole answer before they
hand on a byte, and a test without a cassette that reads a live stream would wait for its end.
"""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

from vcr.cassette import Cassette
from vcr.patch import CassettePatcherBuilder, ConnectionRemover

from pytest_imgresponse.clients.aiohttp import following, read_as_live, with_bytes
from pytest_imgresponse.clients.force_reset import kept_while_sending
from pytest_imgresponse.clients.httpx import keeping_version
from pytest_imgresponse.clients.retries import sleeping_when_live
from pytest_imgresponse.clients.serving import marking_servers
from pytest_imgresponse.clients.tornado import following as following_in_tornado
from pytest_imgresponse.clients.urllib3_future import unseen_pools

# Requests that never leave the process are not the image API's business, though vcrpy patches them too.
_IN_PROCESS = (
    ("ASGITransport", "handle_async_request"),
    ("WSGITransport", "handle_request"),
    ("MockTransport", "handle_request"),
    ("MockTransport", "handle_async_request"),
)
_OVER_SOCKETS = (("HTTPTransport", "handle_request"), ("AsyncHTTPTransport", "handle_async_request"))
AIOHTTP_REQUEST = "_request"
AIOHTTP_BUILD_URL = "_build_url"
"""Two private names of `aiohttp.ClientSession`. vcrpy patches the first as well, and leaves out the session's base
URL, which the second adds."""

_CLIENTS = (
    "aiohttp", "aiohttp.client", "botocore.awsrequest", "http.client", "httplib2", "httpx", "httpx2",
    "httpx_curl_cffi", "pyreqwest.compatibility.httpx", "socket", "tornado.curl_httpclient",
    "tornado.simple_httpclient",
    "urllib3", "urllib3.connection", "urllib3.connectionpool", "urllib3.contrib.socks", "urllib3_future", "uvloop",
)  # fmt: skip
"""The modules whose attributes are replaced."""
_ABSENT = object()

Passes = Callable[[str | None, str], bool]


class _Patch(NamedTuple):
    """An attribute: what it is while no session is open (`_ABSENT` where it is inherited), and while one is."""

    owner: Any
    name: str
    original: Any
    value: Any


class Patches:
    """What makes the HTTP clients of this process ask a cassette of vcrpy. `passes` says which requests are spared."""

    def __init__(self, cassette: Cassette, passes: Passes) -> None:
        self._cassette = cassette
        self._passes = passes
        self._clients: tuple[object, ...] = ()
        self._patches: list[_Patch] = []
        self._removers: list[tuple[ConnectionRemover, dict[str, Any]]] = []

    def set(self) -> None:
        """Replace the attributes."""
        untouched = all(vars(patch.owner).get(patch.name, _ABSENT) is patch.original for patch in self._patches)
        if not untouched or self._clients != _imported():
            self._list()
        for owner, name, _, value in self._patches:
            setattr(owner, name, value)

    def renew(self) -> None:
        """Replace them anew where someone else has patched one of the attributes since they were replaced."""
        if any(vars(patch.owner).get(patch.name, _ABSENT) is not patch.value for patch in self._patches):
            self.restore()
            self.set()

    def restore(self) -> None:
        """Put back what was there, and take the connections that were made meanwhile out of the clients' pools."""
        for owner, name, original, value in self._patches:
            if vars(owner).get(name, _ABSENT) is not value:
                continue  # someone else has put something there meanwhile, or has taken away what was there before
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
        for remover, as_made in self._removers:
            remover.__exit__()
            # vcrpy uses each of them once; the pools that it knows now would never be freed.
            vars(remover).update(copy.deepcopy(as_made))

    def _list(self) -> None:
        """Find out what vcrpy replaces: its patchers are entered, what they have set is read, and they are left."""
        values: dict[tuple[Any, str], Any] = {}
        removers = []
        with ExitStack() as stack:
            for patcher in CassettePatcherBuilder(self._cassette).build():  # imports the clients that are installed
                stack.enter_context(patcher)
                if isinstance(patcher, ConnectionRemover):
                    removers.append((patcher, copy.deepcopy(vars(patcher))))
                else:
                    owner, name = patcher.target, patcher.attribute  # undocumented names of `unittest.mock`
                    values[owner, name] = vars(owner)[name]
        for owner, name, value in (*_our_own(), *marking_servers(), *unseen_pools(self._passes)):
            values[owner, name] = value
        patches = []
        for (owner, name), value in values.items():
            original = vars(owner).get(name, _ABSENT)
            if (known := (getattr(owner, "__name__", ""), name)) in _IN_PROCESS:
                continue
            if known in _OVER_SOCKETS:
                value = keeping_version(self._cassette, self._passes, owner, original, value)
            elif name == "fetch_impl":
                value = following_in_tornado(self._passes, original, value)
            elif known == ("ClientSession", AIOHTTP_REQUEST):
                value = _with_encoded_body(self._passes, original, value)
            patches.append(_Patch(owner, name, original, value))
        self._patches, self._removers, self._clients = patches, removers, _imported()


def _imported() -> tuple[object, ...]:
    """The modules of the clients, as they are imported now; None for one that is kept from being imported."""
    return tuple(sys.modules.get(name, _ABSENT) for name in _CLIENTS)


def _our_own() -> Iterator[tuple[Any, str, Any]]:
    """What vcrpy does not patch."""
    yield from kept_while_sending()
    if (urllib3 := sys.modules.get("urllib3")) is not None:
        yield urllib3.Retry, "sleep", sleeping_when_live(urllib3.Retry.sleep)


def _with_encoded_body(passes: Passes, original: Any, patched: Any) -> Any:
    """The request of aiohttp with its body encoded beforehand: vcrpy would see a form or a dict, not its bytes."""

    @functools.wraps(original)
    async def encoded(self: Any, method: str, url: Any, **options: Any) -> Any:
        absolute = getattr(self, AIOHTTP_BUILD_URL)(url)
        if passes(absolute.host, method):
            return await original(self, method, url, **options)
        with following(options):
            response = await patched(self, method, absolute, **await with_bytes(self, options))
        return read_as_live(response)

    return encoded
