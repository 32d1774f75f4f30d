"""Each client, recorded from a LocalEndpoint and replayed without one: what it hands over is the same."""

import asyncio
import base64
import io
import itertools
import json
import os
import ssl
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import httpx
import httpx2
import openai
import pytest
import requests
import trustme
import urllib3
import vcr
from PIL import Image

from pytest_imgresponse import CassetteError, LocalEndpoint, replay

KEY = "sk-live-0123456789abcdef"
ORDER = {"model": "dall-e-2", "prompt": "a red fox", "size": "256x256", "response_format": "b64_json"}
HEADERS = {"Authorization": f"Bearer {KEY}"}


def tls_context(ca):
    return ssl.create_default_context(cafile=ca)


def over_httpx(package, **options):
    def ask(url, ca, order):
        with package.Client(verify=tls_context(ca), **options) as client:
            return client.post(f"{url}/images/generations", json=order, headers=HEADERS).content

    return ask


def over_async_httpx(package):
    def ask(url, ca, order):
        async def main():
            async with package.AsyncClient(verify=tls_context(ca)) as client:
                return (await client.post(f"{url}/images/generations", json=order, headers=HEADERS)).content

        return asyncio.run(main())

    return ask


def over_requests(url, ca, order):
    return requests.post(f"{url}/images/generations", json=order, headers=HEADERS, verify=ca, timeout=10).content


def over_urllib3(url, ca, order):
    asked = {**HEADERS, **urllib3.make_headers(accept_encoding=True)}
    with urllib3.PoolManager(ca_certs=ca) as pool:
        return pool.request("POST", f"{url}/images/generations", json=order, headers=asked).data


def over_urllib(url, ca, order):
    asked = {**HEADERS, "content-type": "application/json"}
    request = urllib.request.Request(f"{url}/images/generations", json.dumps(order).encode(), asked)
    with urllib.request.urlopen(request, context=tls_context(ca)) as response:
        return response.read()


def over_aiohttp(url, ca, order):
    async def main():
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            response = await session.post(f"{url}/images/generations", json=order, ssl=tls_context(ca))
            return await response.read()

    return asyncio.run(main())


def over_openai(url, ca, order):
    with openai.OpenAI(
        base_url=url, api_key=KEY, http_client=openai.DefaultHttpxClient(verify=tls_context(ca))
    ) as client:
        return client.images.with_raw_response.generate(**order).content


def over_async_openai(http_client):
    def ask(url, ca, order):
        async def main():
            chosen = http_client(verify=tls_context(ca))
            async with openai.AsyncOpenAI(base_url=url, api_key=KEY, http_client=chosen) as client:
                return (await client.images.with_raw_response.generate(**order)).content

        return asyncio.run(main())

    return ask


CLIENTS = {
    "httpx": over_httpx(httpx),
    "httpx2": over_httpx(httpx2),
    "httpx-async": over_async_httpx(httpx),
    "httpx2-async": over_async_httpx(httpx2),
    "requests": over_requests,
    "urllib3": over_urllib3,
    "urllib.request": over_urllib,
    "aiohttp": over_aiohttp,
    "openai": over_openai,
    "openai-async": over_async_openai(openai.DefaultAsyncHttpxClient),
    "openai-aiohttp": over_async_openai(openai.DefaultAioHttpClient),
}
WITHOUT_ZSTD = ("requests", "urllib3", "aiohttp", "httpx2", "httpx2-async", "openai", "openai-async", "openai-aiohttp")
CODINGS = {
    **dict.fromkeys(WITHOUT_ZSTD, ("gzip", "deflate", "br")),  # with backports.zstd they ask for it too
    **dict.fromkeys(("httpx", "httpx-async"), ("gzip", "deflate", "br", "zstd")),
}
every_client = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def ca(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="module")
def server_tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def twice(tmp_path, request):
    """Does something twice: with an endpoint while it is recorded, and replayed with none and no sockets."""

    def act_twice(act, prepare=lambda api: None, **options):
        with LocalEndpoint(**options) as api, replay(tmp_path / "tape", record="once") as recorder:
            prepare(api)
            first = act(api.url)
        assert len(recorder.requests) == len(api.requests) > 0
        request.getfixturevalue("no_sockets")
        with replay(tmp_path / "tape") as recorder:
            second = act(api.url)
        assert len(recorder.requests) == len(api.requests)
        return first, second, api

    return act_twice


def png(size=(64, 64), colour="red"):
    out = io.BytesIO()
    Image.new("RGBA", size, colour).save(out, "PNG")
    return out.getvalue()


class TestEveryClient:
    @every_client
    def test_replays_what_it_recorded(self, twice, ca, client):
        first, second, _ = twice(lambda url: CLIENTS[client](url, ca, ORDER))
        assert second == first
        assert Image.open(io.BytesIO(base64.b64decode(json.loads(second)["data"][0]["b64_json"]))).size == (256, 256)

    @every_client
    def test_replays_what_it_recorded_over_https(self, twice, ca, server_tls, client):
        first, second, api = twice(lambda url: CLIENTS[client](url, ca, ORDER), ssl_context=server_tls)
        assert api.url.startswith("https:")
        assert second == first
        assert b"b64_json" in first

    @every_client
    def test_replays_within_a_cassette_of_vcrpy_itself(self, twice, ca, server_tls, tmp_path, client):
        with vcr.use_cassette(str(tmp_path / "outer.yaml")) as outer:
            first, second, _ = twice(lambda url: CLIENTS[client](url, ca, ORDER), ssl_context=server_tls)
        assert second == first
        assert len(outer) == 0

    @pytest.mark.parametrize(("client", "coding"), [(name, coding) for name in CODINGS for coding in CODINGS[name]])
    def test_replays_what_it_recorded_in_each_encoding_that_it_asks_for(self, twice, ca, tmp_path, client, coding):
        first, second, api = twice(lambda url: CLIENTS[client](url, ca, ORDER), encodings=(coding,))
        assert coding in api.requests[0].header("accept-encoding").replace(" ", "").split(",")
        assert second == first
        assert json.loads(first)["data"]
        assert "content-encoding" not in (tmp_path / "tape.yaml").read_text().lower()

    @every_client
    def test_replays_an_error_as_it_was(self, twice, ca, client):
        def ask(url):
            try:
                return CLIENTS[client](url, ca, {**ORDER, "size": "1x1"})
            except (openai.BadRequestError, urllib.error.HTTPError) as error:
                return str(error), getattr(error, "body", None) or error.read()

        first, second, _ = twice(ask)
        assert second == first

    @every_client
    def test_asks_twice_in_one_cassette_and_gets_both_answers_in_order(self, twice, ca, client):
        ticks = itertools.count(1_700_000_000)
        first, second, _ = twice(
            lambda url: [CLIENTS[client](url, ca, ORDER) for _ in range(2)], clock=lambda: next(ticks)
        )
        assert first[0] != first[1]
        assert second == first


@pytest.fixture(scope="module")
def tapes(ca, tmp_path_factory):
    """A cassette by each client, and what it got."""
    folder = tmp_path_factory.mktemp("tapes")
    found = {}
    with LocalEndpoint() as api:
        for name, client in CLIENTS.items():
            with replay(folder / name, record="once"):
                found[name] = client(api.url, ca, ORDER)
    return api.url, folder, found


@pytest.mark.parametrize("player", CLIENTS)
@pytest.mark.parametrize("recorder", CLIENTS)
def test_what_one_client_recorded_another_replays(tapes, ca, no_sockets, recorder, player):
    url, folder, found = tapes
    with replay(folder / recorder):
        assert CLIENTS[player](url, ca, ORDER) == found[recorder]


# -- the openai client ------------------------------------------------------------------------------------------------


def openai_sync(url, use):
    with openai.OpenAI(base_url=url, api_key=KEY) as client:
        return use(client)


def openai_async(url, use, http_client=openai.DefaultAsyncHttpxClient):
    async def main():
        async with openai.AsyncOpenAI(base_url=url, api_key=KEY, http_client=http_client()) as client:
            return await use(client)

    return asyncio.run(main())


def openai_aiohttp(url, use):
    return openai_async(url, use, openai.DefaultAioHttpClient)


def upload(name, **options):
    return (name, io.BytesIO(png(**options)), "image/png")


def edit(client, **more):
    return client.images.edit(model="gpt-image-1", image=upload("fox.png"), prompt="a hat", quality="low", **more)


CALLS = {
    "n=10": lambda client: client.images.generate(**ORDER, n=10),
    "edit": edit,
    "edit of two with a mask": lambda client: client.images.edit(
        model="gpt-image-1",
        image=[upload("a.png"), upload("b.png", colour="blue")],
        mask=upload("m.png"),
        prompt="a hat",
        quality="low",
    ),
    "variation": lambda client: client.images.create_variation(
        image=upload("fox.png"), size="256x256", response_format="b64_json"
    ),
}


class TestOpenAI:
    @pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # create_variation
    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("speak", [openai_sync, openai_async, openai_aiohttp])
    def test_an_answer_is_equal(self, twice, speak, call):
        first, second, _ = twice(lambda url: speak(url, CALLS[call]))
        assert second == first
        assert second.data[0].b64_json

    def test_ten_pictures_are_ten_files(self, twice, tmp_path):
        _, second, _ = twice(lambda url: openai_sync(url, CALLS["n=10"]))
        assert len(second.data) == 10
        assert len(list(tmp_path.glob("tape-*.png"))) == 10

    @pytest.mark.parametrize("call", ["generate", "edit"])
    def test_a_stream_gives_the_same_events(self, twice, call):
        def use(client):
            options = {"stream": True, "partial_images": 2}
            if call == "edit":
                return list(edit(client, **options))
            return list(client.images.generate(model="gpt-image-1", prompt="a fox", quality="low", **options))

        first, second, _ = twice(lambda url: openai_sync(url, use))
        assert second == first
        assert [event.type.rpartition(".")[2] for event in second] == ["partial_image"] * 2 + ["completed"]

    @pytest.mark.parametrize("speak", [openai_async, openai_aiohttp])
    @pytest.mark.parametrize("call", ["generate", "edit"])
    def test_an_async_stream_gives_the_same_events(self, twice, speak, call):
        async def use(client):
            options = {"stream": True, "partial_images": 2}
            if call == "edit":
                stream = await edit(client, **options)
            else:
                stream = await client.images.generate(model="gpt-image-1", prompt="fox", quality="low", **options)
            return [event async for event in stream]

        first, second, _ = twice(lambda url: speak(url, use))
        assert second == first
        assert [event.type.rpartition(".")[2] for event in second] == ["partial_image"] * 2 + ["completed"]

    def test_a_raw_response_keeps_status_and_headers(self, twice):
        def use(client):
            raw = client.images.with_raw_response.generate(**ORDER)
            names = ("content-type", "openai-processing-ms", "openai-version", "date")
            return raw.status_code, {name: raw.headers.get(name) for name in names}, raw.content, raw.parse()

        first, second, _ = twice(lambda url: openai_sync(url, use))
        assert second == first

    def test_a_streaming_response_is_read_in_pieces(self, twice):
        def use(client):
            with client.images.with_streaming_response.generate(**ORDER) as response:
                return b"".join(response.iter_bytes(1000))

        first, second, _ = twice(lambda url: openai_sync(url, use))
        assert second == first

    @pytest.mark.parametrize("speak", [openai_sync, openai_async, openai_aiohttp])
    def test_an_error_is_the_same_error(self, twice, speak):
        def ask(url):
            with pytest.raises(openai.BadRequestError) as raised:
                speak(url, lambda client: client.images.generate(model="dall-e-2", prompt="unsafe"))
            return raised.value.status_code, raised.value.code, raised.value.body

        first, second, _ = twice(ask)
        assert second == first

    def test_a_picture_behind_a_url_is_fetched_from_the_cassette(self, twice):
        def ask(url):
            link = (
                openai_sync(url, lambda c: c.images.generate(model="dall-e-2", prompt="x", size="256x256")).data[0].url
            )
            return httpx.get(link).raise_for_status().content

        first, second, api = twice(ask)
        assert [request.method for request in api.requests] == ["POST", "GET"]
        assert second == first == png_of(second)

    @pytest.mark.parametrize("failure", ["rate_limit_exceeded", "server_error"])
    @pytest.mark.parametrize("speak", [openai_sync, openai_async, openai_aiohttp])
    def test_its_own_retries_do_not_sleep_on_replay(self, twice, speak, failure, tmp_path):
        taken = []

        def ask(url):
            began = time.monotonic()
            answer = speak(url, lambda client: client.with_options(max_retries=2).images.generate(**ORDER))
            taken.append(time.monotonic() - began)
            return answer

        first, second, api = twice(ask, prepare=lambda api: api.fail(failure))
        assert second == first
        assert len(api.requests) == 2
        while taken[-1] > 0.3 and len(taken) < 6:  # the machine is busy; a client that sleeps does so each time
            with replay(tmp_path / "tape"):
                ask("http://127.0.0.1/v1")
        assert taken[0] > 0.3 > taken[-1], taken

    def test_a_replay_needs_no_api_key(self, twice, monkeypatch, tmp_path):
        twice(lambda url: openai_sync(url, lambda client: client.images.generate(**ORDER)))
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with replay(tmp_path / "tape"), openai.OpenAI(base_url="http://localhost:1/v1") as client:
            assert client.images.generate(**ORDER).data
        assert "OPENAI_API_KEY" not in os.environ

    @pytest.mark.parametrize("speak", [openai_sync, openai_async, openai_aiohttp])
    def test_a_request_that_was_not_recorded_raises_by_name_at_once(self, twice, speak, tmp_path):
        twice(lambda url: speak(url, lambda client: client.images.generate(**ORDER)))
        with replay(tmp_path / "tape"), pytest.raises(CassetteError, match="'a dog'"):
            speak("http://127.0.0.1/v1", lambda client: client.images.generate(**{**ORDER, "prompt": "a dog"}))


def png_of(data):
    Image.open(io.BytesIO(data)).load()
    return data


# -- many at once -----------------------------------------------------------------------------------------------------


class TestTenAtOnce:
    @pytest.mark.parametrize("client", ["httpx", "httpx2", "requests", "urllib3", "urllib.request", "openai"])
    @pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
    def test_threads_that_ask_the_same_get_each_answer_once(self, tmp_path, request, ca, server_tls, client, https):
        ticks = itertools.count(1_700_000_000)

        def ask(url):
            barrier = threading.Barrier(10)

            def one(_):
                barrier.wait()
                return CLIENTS[client](url, ca, ORDER)

            with ThreadPoolExecutor(10) as pool:
                return list(pool.map(one, range(10)))

        options = {"ssl_context": server_tls} if https else {}
        api = LocalEndpoint(clock=lambda: next(ticks), **options)
        with api, replay(tmp_path / "tape", record="once") as recorder:
            first = ask(api.url)
        assert len(api.requests) == 10
        request.getfixturevalue("no_sockets")
        with replay(tmp_path / "tape") as player:
            second = ask(api.url)
        assert len(set(first)) == 10
        assert sorted(second) == sorted(first)
        in_order_of_asking = [[answer.body for answer in each.http_responses] for each in (recorder, player)]
        assert in_order_of_asking[0] == in_order_of_asking[1]

    @pytest.mark.parametrize("package", [httpx, httpx2, aiohttp, openai], ids=lambda package: package.__name__)
    def test_tasks_that_ask_the_same_get_the_answers_in_the_order_of_asking(self, twice, package):
        ticks = itertools.count(1_700_000_000)

        async def over(url):
            if package is openai:
                async with openai.AsyncOpenAI(base_url=url, api_key=KEY) as client:
                    # Before its first request it looks at the platform, in a thread: ten would overtake each other.
                    await client.images.generate(**ORDER)
                    answers = await asyncio.gather(*(client.images.generate(**ORDER) for _ in range(10)))
                return [answer.created for answer in answers]
            if package is aiohttp:
                async with aiohttp.ClientSession(headers=HEADERS) as client:

                    async def one():
                        async with client.post(f"{url}/images/generations", json=ORDER) as response:
                            return await response.read()

                    return await asyncio.gather(*(one() for _ in range(10)))
            async with package.AsyncClient(headers=HEADERS) as client:
                asked = (client.post(f"{url}/images/generations", json=ORDER) for _ in range(10))
                return [response.content for response in await asyncio.gather(*asked)]

        first, second, _ = twice(lambda url: asyncio.run(over(url)), clock=lambda: next(ticks))
        assert len(set(first)) == 10
        assert second == first
