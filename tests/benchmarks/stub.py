"""Measure what a `with stub(response)` adds to a client's own cost.

`python tests/benchmarks/stub.py` prints a table: what, the time with the stub, the client's own, what the stub adds, the
most that it may add, and whether it does. It is a measurement, no test: a missed target does not make it fail.

The client's own cost is that of the same request, with the same answer, over the least that can give it one: the
`MockTransport` of httpx and httpx2 (which the openai client speaks), for requests an adapter that builds its response
from memory, for aiohttp a server on the loopback in the same thread, as nothing less is public. "open and close" is a
stub that nobody asks. Nothing here waits, so what is measured is CPU time, which a busy machine stretches less. The
two run in turn, round after round; a figure is the median of its rounds, what is added the median of the rounds'
differences.

Then the whole table of edge cases goes through `stub` and the openai client, one answer a use, by the wall clock: how
many a second, and the least that it has to be.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

import aiohttp
import aiohttp.web
import httpx
import httpx2
import openai
import requests
import requests.adapters
import urllib3

from pytest_imgresponse import EDGE_CASES, HTTPResponse, stub
from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.api.samples import plain_responses

MOST = 2.0  # milliseconds that a use of `stub` may add
LEAST = 100  # edge cases a second
URL = "https://api.openai.com/v1/images/generations"
ORDER = {"model": "gpt-image-2", "prompt": "a red fox"}
BODY = pretty({"created": 1_790_000_000, "data": [{"b64_json": "A" * 4000}], "size": "1024x1024"})
ANSWER = HTTPResponse(200, {"content-type": "application/json", "x-request-id": "req_0"}, BODY)

Ask = Callable[[], object]


class Row(NamedTuple):
    """A line of the table, in milliseconds."""

    what: str
    stubbed: float
    own: float
    added: float

    def cells(self) -> tuple[str, ...]:
        ratio = f"{self.stubbed / self.own:.2f}" if self.own else ""
        verdict = "ok" if self.added <= MOST else "MISSED"
        figures = (f"{figure:.3f} ms" for figure in (self.stubbed, self.own, self.added))
        return self.what, *figures, ratio, f"{MOST:g} ms", verdict


TITLES = ("what", "stubbed", "the client's own", "added", "ratio", "at most", "")


class Adapter(requests.adapters.HTTPAdapter):
    """What requests needs to make a response out of memory."""

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        raw = urllib3.HTTPResponse(io.BytesIO(BODY), dict(ANSWER.headers), 200, preload_content=False)
        return self.build_response(request, raw)


def over_openai(stack: ExitStack) -> tuple[Ask, Ask]:
    """The official client: a picture is asked for and its answer is parsed."""
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers=ANSWER.headers, content=BODY))
    live = stack.enter_context(openai.OpenAI(api_key="sk-anything"))
    own = stack.enter_context(openai.OpenAI(api_key="sk-anything", http_client=httpx2.Client(transport=transport)))
    return lambda: live.images.generate(**ORDER), lambda: own.images.generate(**ORDER)


def over_httpx(stack: ExitStack) -> tuple[Ask, Ask]:
    """httpx."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, headers=ANSWER.headers, content=BODY))
    live = stack.enter_context(httpx.Client())
    own = stack.enter_context(httpx.Client(transport=transport))
    return lambda: live.post(URL, json=ORDER).json(), lambda: own.post(URL, json=ORDER).json()


def over_requests(stack: ExitStack) -> tuple[Ask, Ask]:
    """requests, with a session."""
    live, own = stack.enter_context(requests.Session()), stack.enter_context(requests.Session())
    own.mount("https://", Adapter())
    return lambda: live.post(URL, json=ORDER).json(), lambda: own.post(URL, json=ORDER).json()


def over_aiohttp(stack: ExitStack) -> tuple[Ask, Ask]:
    """aiohttp: its own cost is that of a loopback server too."""
    runner = stack.enter_context(asyncio.Runner())

    async def answer(request: aiohttp.web.BaseRequest) -> aiohttp.web.Response:
        return aiohttp.web.Response(body=BODY, headers=dict(ANSWER.headers))

    async def begin() -> tuple[aiohttp.ClientSession, aiohttp.web.ServerRunner, str]:
        server = aiohttp.web.ServerRunner(aiohttp.web.Server(answer))
        await server.setup()
        site = aiohttp.web.TCPSite(server, "127.0.0.1", 0)
        await site.start()
        return aiohttp.ClientSession(), server, f"http://127.0.0.1:{server.addresses[0][1]}/"

    session, server, url = runner.run(begin())
    stack.callback(lambda: runner.run(server.cleanup()))
    stack.callback(lambda: runner.run(session.close()))

    async def ask(url: str) -> object:
        async with session.post(url, json=ORDER) as response:
            return await response.json()

    return lambda: runner.run(ask(URL)), lambda: runner.run(ask(url))


def nobody(stack: ExitStack) -> tuple[Ask, Ask]:
    """No request at all."""
    return lambda: None, lambda: None


CLIENTS = {
    "openai": over_openai,
    "httpx": over_httpx,
    "requests": over_requests,
    "aiohttp": over_aiohttp,
    "open and close": nobody,
}


def compared(what: str, ask: Ask, own: Ask, rounds: int) -> Row:
    """Both in turn."""

    def stubbed() -> object:
        with stub(ANSWER):
            return ask()

    assert stubbed() == own() or what == "openai"  # whose requests have an id of their own
    gc.collect()
    figures = [(_milliseconds(stubbed), _milliseconds(own)) for _ in range(rounds)]
    ours, theirs = zip(*figures, strict=True)
    return Row(what, median(ours), median(theirs), median(one - other for one, other in figures))


def _milliseconds(act: Ask) -> float:
    start = process_time()
    act()
    return (process_time() - start) * 1000


def measure(rounds: int) -> Iterator[Row]:
    """All rows."""
    for what, prepare in CLIENTS.items():
        with ExitStack() as stack:
            yield compared(what, *prepare(stack), rounds)


def edge_cases_a_second() -> tuple[int, float]:
    """How many edge cases the openai client got, each of a stub of its own, and how many a second."""
    plain = [(asked, response) for asked, response in plain_responses() if not response.is_stream]
    mutated = [
        case(*next((response, asked) for asked, response in plain if case.applies(response, asked)))
        for case in EDGE_CASES.values()
        if any(case.applies(response, asked) for asked, response in plain)
    ]
    with openai.OpenAI(api_key="sk-anything", max_retries=0) as client:
        start = perf_counter()
        for response in mutated:
            with stub(response), contextlib.suppress(Exception):  # what it raises is its own business
                client.images.generate(**ORDER)
        return len(mutated), len(mutated) / (perf_counter() - start)


def table(rows: Iterable[Row]) -> str:
    """The rows in columns."""
    lines = [TITLES, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=500, help="how often each is run (default: %(default)s)")
    print(table(measure(parser.parse_args().rounds)))
    number, rate = edge_cases_a_second()
    verdict = "ok" if rate >= LEAST else "MISSED"
    print(f"\n{number} edge cases through stub and openai: {rate:.0f} a second, at least {LEAST}: {verdict}")


if __name__ == "__main__":
    main()
