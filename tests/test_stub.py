"""`stub`: what each client gets, what is served at urls, what is refused and what passes."""

import asyncio
import contextvars
import gzip
import http.client
import io
import json
import os
import re
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from random import Random

import aiohttp
import httpx
import httpx2
import openai
import pytest
import requests
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

import pytest_imgresponse
from pytest_imgresponse import (
    CassetteInUseError,
    CassetteMissingError,
    ConfigError,
    HTTPResponse,
    Image,
    ImagesResponse,
    LocalEndpoint,
    ResponseError,
    UnstubbedRequestError,
    replay,
    stub,
)
from pytest_imgresponse.api.sse import event
from pytest_imgresponse.clients.retries import retried_at_once
from pytest_imgresponse.images.make import make_picture

URL = "https://api.example/v1/images/generations"
ORDER = {"prompt": "a red fox"}
TLS = ssl.create_default_context()  # made once: it takes longer than all else that a client does
PNG = make_picture("png", 16, 16)


def official(**options):
    return openai.OpenAI(http_client=openai.DefaultHttpxClient(verify=TLS), **options)


def plain(body=b'{"created": 1}', status=200, content_type="application/json", **headers):
    return HTTPResponse(
        status, {"content-type": content_type, **{n.replace("_", "-"): v for n, v in headers.items()}}, body
    )


HTTPX = httpx.Client(verify=TLS)


# -- the clients: each asks a URL and tells status, headers and body --------------------------------------------------


def over_httpx(package):
    def ask(url, method="POST"):
        with package.Client(follow_redirects=True, verify=TLS) as client:
            response = client.request(method, url, json=ORDER)
        return response.status_code, response.headers.multi_items(), response.content

    return ask


def over_async_httpx(package):
    def ask(url, method="POST"):
        async def main():
            async with package.AsyncClient(follow_redirects=True, verify=TLS) as client:
                return await client.request(method, url, json=ORDER)

        response = asyncio.run(main())
        return response.status_code, response.headers.multi_items(), response.content

    return ask


def over_requests(url, method="POST"):
    response = requests.request(method, url, json=ORDER)
    return response.status_code, list(response.headers.items()), response.content or b""


def over_urllib3(url, method="POST"):
    with urllib3.PoolManager() as pool:
        response = pool.request(method, url, json=ORDER)
    return response.status, list(response.headers.items()), response.data


def over_urllib(url, method="POST"):
    request = urllib.request.Request(url, json.dumps(ORDER).encode(), {"content-type": "application/json"})
    request.method = method
    try:
        response = urllib.request.urlopen(request, context=TLS)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return response.status, list(response.headers.items()), response.read()


def over_aiohttp(url, method="POST"):
    async def main():
        async with aiohttp.ClientSession() as session, session.request(method, url, json=ORDER) as response:
            return response.status, list(response.headers.items()), await response.read()

    return asyncio.run(main())


def over_openai(url, method="POST"):
    options = {"base_url": url.partition("/images/")[0], "max_retries": 0}
    with openai.OpenAI(**options, http_client=openai.DefaultHttpxClient(verify=TLS)) as client:
        response = client.images.with_raw_response.generate(**ORDER)
        return response.status_code, list(response.headers.items()), response.content


def over_async_openai(http_client):
    def ask(url, method="POST"):
        async def main():
            options = {"base_url": url.partition("/images/")[0], "max_retries": 0}
            async with openai.AsyncOpenAI(**options, http_client=http_client(verify=TLS)) as client:
                return await client.images.with_raw_response.generate(**ORDER)

        response = asyncio.run(main())
        return response.status_code, list(response.headers.items()), response.content

    return ask


ANY_URL = {
    "httpx": over_httpx(httpx),
    "httpx2": over_httpx(httpx2),
    "httpx-async": over_async_httpx(httpx),
    "httpx2-async": over_async_httpx(httpx2),
    "requests": over_requests,
    "urllib3": over_urllib3,
    "urllib.request": over_urllib,
    "aiohttp": over_aiohttp,
}
CLIENTS = {
    **ANY_URL,
    "openai": over_openai,
    "openai-async": over_async_openai(openai.DefaultAsyncHttpxClient),
    "openai-aiohttp": over_async_openai(openai.DefaultAioHttpClient),
}
every_client = pytest.mark.parametrize("client", CLIENTS)
every_client_of_any_url = pytest.mark.parametrize("client", ANY_URL)
pytestmark = pytest.mark.usefixtures("no_key")


@pytest.fixture
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


# -- what clients get -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_sockets")
class TestEveryClient:
    @every_client
    def test_gets_the_responses_in_order_and_the_last_one_again(self, client):
        bodies = [b'{"created": 1}', b'{"created": 2}']
        with stub(*map(plain, bodies)) as stubbed:
            got = [CLIENTS[client](URL)[2] for _ in range(4)]
        assert got == [bodies[0], *[bodies[1]] * 3]
        assert [response.body for response in stubbed.http_responses] == got
        assert [(request.method, request.url) for request in stubbed.requests] == [("POST", URL)] * 4
        assert [request.json()["prompt"] for request in stubbed.requests] == ["a red fox"] * 4

    @every_client
    def test_gets_status_headers_and_body(self, client):
        with stub(HTTPResponse(201, [("X-One", "a"), ("x-two", "é"), ("Content-Type", "text/plain")], b"\xff")):
            status, headers, body = CLIENTS[client](URL)
        assert (status, body) == (201, b"\xff")
        assert {name.lower(): value for name, value in headers} == {
            "x-one": "a", "x-two": "é", "content-type": "text/plain",
        }  # fmt: skip

    @every_client_of_any_url
    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1:9/images/edits",
            "https://x.openai.azure.com/openai/deployments/a/images/generations?api-version=1",
            "http://localhost/api/v2/images/variations/",
        ],
    )
    def test_gets_them_at_any_host_and_prefix(self, client, url):
        with stub(plain(b"[]")) as stubbed:
            assert ANY_URL[client](url)[2] == b"[]"
        assert stubbed.requests[0].url == url

    @every_client
    def test_gets_a_long_body_whole(self, client):
        body = json.dumps({"created": 1, "data": [{"b64_json": "A" * 3_000_000}]}).encode()
        with stub(plain(body)):
            assert CLIENTS[client](URL)[2] == body

    @every_client_of_any_url
    def test_gets_the_picture_of_a_url_with_its_own_hands(self, client):
        link = "https://files.example/a%20fox.png?sig=a%2Fb&n=1"
        with stub({"created": 1, "data": [{"url": link}], "size": "64x32"}) as stubbed:
            ANY_URL[client](URL)
            status, headers, body = ANY_URL[client](link, "GET")
        assert status == 200
        assert ("content-type", "image/png") in headers
        assert PillowImage.open(io.BytesIO(body)).size == (64, 32)
        assert stubbed.http_responses[1].body == body
        assert stubbed.images[0].size == (64, 32)

    @every_client_of_any_url
    @pytest.mark.parametrize("asked", ["https://api.example/v1/models", "https://files.example/b.png"])
    def test_is_refused_by_name_what_is_not_stubbed(self, client, asked):
        with stub(plain()) as stubbed, pytest.raises(UnstubbedRequestError, match=f"GET {asked} is not stubbed"):
            ANY_URL[client](asked, "GET")
        assert stubbed.requests == []

    @pytest.mark.parametrize("client", ["openai", "openai-async", "openai-aiohttp"])
    def test_is_refused_at_once_by_the_official_client(self, client):
        models = {
            "openai": lambda: official().models.list(),
            "openai-async": lambda: asyncio.run(async_models(openai.DefaultAsyncHttpxClient)),
            "openai-aiohttp": lambda: asyncio.run(async_models(openai.DefaultAioHttpClient)),
        }

        async def async_models(http_client):
            async with openai.AsyncOpenAI(http_client=http_client()) as client:
                return await client.models.list()

        with stub(plain()), pytest.raises(UnstubbedRequestError, match="/v1/models is not stubbed"):
            models[client]()


def test_clients_that_were_made_before_are_served_again_and_again_and_ask_live_in_between(api):
    url = f"{api.url}/models"
    with httpx.Client() as one, requests.Session() as two, urllib3.PoolManager() as three:
        for number in range(20):
            with stub({"created": number}):
                answers = [one.post(URL).json(), two.post(URL).json(), three.request("POST", URL).json()]
            assert answers == [{"created": number}] * 3
            assert len({one.get(url).text, two.get(url).text, three.request("GET", url).data.decode()}) == 1
    assert len(api.requests) == 60


# -- what a response may be -------------------------------------------------------------------------------------------

CONTENT = {"created": 1_700_000_000, "data": [{"b64_json": "AAAA", "extra": None}], "size": "1024x1024"}
RESPONSES = {
    "a dict": CONTENT,
    "bytes": json.dumps(CONTENT).encode(),
    "our model": ImagesResponse.model_validate(CONTENT),
    "the official client's model": openai.types.ImagesResponse.model_validate(CONTENT),
    "an HTTPResponse": HTTPResponse(200, {"content-type": "application/json"}, json.dumps(CONTENT).encode()),
}


@pytest.mark.usefixtures("no_sockets")
class TestResponses:
    @pytest.mark.parametrize("kind", RESPONSES)
    def test_the_content_is_what_was_given(self, kind):
        with stub(RESPONSES[kind]) as stubbed:
            assert HTTPX.post(URL).json() == CONTENT
            assert official().images.generate(**ORDER).data[0].b64_json == "AAAA"
        assert stubbed.responses[1].created == 1_700_000_000

    @pytest.mark.parametrize("kind", [kind for kind in RESPONSES if kind != "an HTTPResponse"])
    def test_the_headers_are_those_of_the_real_api(self, kind):
        with stub(RESPONSES[kind], RESPONSES[kind]):
            first, second = HTTPX.post(URL), HTTPX.post(URL)
        with stub(RESPONSES[kind]):
            again = HTTPX.post(URL)
        assert first.reason_phrase == "OK"
        assert first.headers["content-type"] == "application/json"
        assert first.headers["openai-version"]
        assert re.fullmatch("req_[0-9a-f]{32}", first.headers["x-request-id"])
        assert again.headers == first.headers != second.headers
        assert first.headers["x-request-id"] == f"req_{Random(0).randbytes(16).hex()}"  # in every run

    def test_a_dict_looks_as_the_real_api_writes_it(self):
        with stub({"created": 1}):
            assert HTTPX.post(URL).content == b'{\n  "created": 1\n}'

    def test_a_model_that_holds_what_it_may_not_is_sent_as_it_is(self):
        odd = ImagesResponse.model_construct(created="now", data=[None, {"b64_json": 7}], size="\ud800")
        with stub(odd):
            assert HTTPX.post(URL).json() == {"created": "now", "data": [None, {"b64_json": 7}], "size": "\ud800"}

    def test_what_is_no_json_by_the_standard_is_sent_all_the_same(self):
        with stub({"created": float("nan")}):
            assert HTTPX.post(URL).content == b'{\n  "created": NaN\n}'

    @pytest.mark.parametrize("wrong", [None, 7, "text", bytearray(b"{}"), [{}], Image(b64_json=""), HTTPResponse, {1}])
    def test_other_types_are_refused_by_name(self, wrong):
        with pytest.raises(ConfigError) as caught:
            stub({}, wrong)
        assert str(caught.value) == (
            f"stub() got {wrong!r}; expected an HTTPResponse, an ImagesResponse, a dict (the JSON of a 200) or bytes "
            f"(the body of a 200)"
        )

    def test_content_that_is_no_json_is_refused_by_name(self):
        endless = {}
        endless["data"] = endless
        deep = []
        for _ in range(100_000):
            deep = [deep]
        for content in ({"data": b""}, {(1, 2): 3}, endless, {"data": deep}, ImagesResponse(created=1, x=object())):
            with pytest.raises(ConfigError, match=r"stub\(\) got .* cannot be written as JSON"):
                stub(content)

    def test_the_official_client_need_not_be_there(self, monkeypatch):
        monkeypatch.delitem(sys.modules, "openai")
        with stub(RESPONSES["our model"]):
            assert HTTPX.post(URL).json() == CONTENT

    def test_nor_urllib3(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "urllib3", None)
        with stub(CONTENT):
            assert HTTPX.post(URL).json() == CONTENT

    def test_no_response_at_all_is_refused(self):
        with pytest.raises(
            ConfigError,
            match=r"stub\(\) got no response; expected at least one, such as stub\(\{'created': 1, 'data': \[\]\}\)",
        ):
            stub()

    @pytest.mark.parametrize("name", ["ignore_hosts", "stand_in_keys"])
    def test_options_that_are_wrong_are_refused(self, name):
        with pytest.raises(ConfigError, match=rf"{name}: expected a list of strings.*'a' \(from the call of stub"):
            stub({}, **{name: "a"})

    @pytest.mark.parametrize("wrong", [["https://a/"], {7: b""}, {"": b""}, {"http://[": b""}, {"data:,": b""}])
    def test_pictures_that_are_no_mapping_of_urls_are_refused(self, wrong):
        with pytest.raises(ConfigError, match="pictures: expected a mapping of urls; got"):
            stub({}, pictures=wrong)

    def test_a_picture_that_is_none_is_refused(self):
        message = r"pictures\['https://a/'\]: expected the bytes of a picture or an HTTPResponse; got 'x'"
        with pytest.raises(ConfigError, match=message):
            stub({}, pictures={"https://a/": "x"})


# -- broken responses -------------------------------------------------------------------------------------------------


OWN_ERRORS = {
    **dict.fromkeys(("httpx", "httpx-async"), httpx.HTTPError),
    **dict.fromkeys(("httpx2", "httpx2-async"), httpx2.HTTPError),
    **dict.fromkeys(("openai", "openai-async", "openai-aiohttp"), openai.OpenAIError),
    "requests": requests.RequestException,
    "urllib3": urllib3.exceptions.HTTPError,
    "urllib.request": (urllib.error.URLError, http.client.HTTPException),
    "aiohttp": aiohttp.ClientError,
}
LINE = st.text(st.characters(), max_size=20)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "content-length", "set-cookie", "transfer-encoding", "retry-after", "etag"])
        | LINE,
        st.sampled_from(["text/event-stream", "text/html; charset=nope", "chunked", "0", "-1", "99999", "=;a=b;="])
        | LINE,
    ),
    max_size=6,
)
HOSTILE = st.builds(
    HTTPResponse,
    st.sampled_from([200, 400, 429, 500, 504]) | st.integers(-1, 1000).filter(lambda status: status // 100 != 3),
    HEADERS,
    st.binary(max_size=50) | st.sampled_from([b'{"data": [{"b64', b"\xef\xbb\xbf{}", b"<html>", b"{}\n\n", b"[null]"]),
    reason=LINE,
)


@pytest.mark.usefixtures("no_sockets")
class TestBroken:
    @every_client
    def test_whatever_it_is_the_client_gets_it_or_raises_its_own_error(self, client):
        @given(HOSTILE)  # the same each time: a client's own rare bugs are not ours to find here
        @settings(max_examples=60, deadline=None, database=None, derandomize=True)
        def test(response):
            with stub(response):
                try:
                    status, _, body = CLIENTS[client](URL)
                except OWN_ERRORS[client]:
                    return
            assert status == response.status
            assert body == response.body or not status  # requests takes 0 for a response that was not made

        test()

    @every_client_of_any_url
    @pytest.mark.parametrize(
        ("status", "content_type", "body"),
        [
            (504, "text/html", b"<html>504 Gateway Time-out</html>"),
            (200, "application/json", b'{"created": 1, "data": [{"b64_json": "iVBORw0KGgo'),
            (200, "application/json", b'{"created": 1, "data": "\xff\xfe"}'),
            (200, "application/json", b""),
            (200, "image/png", PNG),
            (99, "application/json", b"{}"),
        ],
    )
    def test_what_is_broken_goes_through_untouched(self, client, status, content_type, body):
        with stub(plain(body, status, content_type)):
            got = ANY_URL[client](URL)
        assert (got[0], got[2]) == (status, body)
        assert ("content-type", content_type) in got[1]

    @every_client
    @pytest.mark.parametrize("length", ["1", "1000", "0", "-5", "many"])
    def test_a_length_that_lies_is_told_and_the_body_is_whole(self, client, length):
        with stub(plain(b'{"created": 1}', content_length=length)):
            _, headers, body = CLIENTS[client](URL)
        assert body == b'{"created": 1}'
        assert ("content-length", length) in headers

    @every_client
    def test_an_encoding_is_removed_as_of_any_response(self, client):
        body = b'{"created": 1}'
        for content in (body, gzip.compress(body)):
            with stub(plain(content, content_encoding="gzip")):
                _, headers, got = CLIENTS[client](URL)
            assert got == body
            assert "content-encoding" not in dict(headers)

    @every_client
    def test_an_encoding_that_is_broken_is_the_clients_business(self, client):
        body = b"\x1f\x8b\x08broken"
        refuses = "httpx" in client or "openai" in client
        refusal = (httpx.DecodingError, httpx2.DecodingError, openai.APIConnectionError)
        with stub(plain(body, content_encoding="gzip")), pytest.raises(refusal) if refuses else nullcontext():
            assert CLIENTS[client](URL)[2] == body

    @every_client
    def test_headers_stand_for_bytes_of_latin_1_and_what_is_beyond_for_utf_8(self, client):
        with stub(HTTPResponse(200, [("x-fox", "\N{FOX FACE}"), ("x-half", "\ud83e"), ("é", "é")], b"{}")):
            headers = dict(CLIENTS[client](URL)[1])
        fox = "\N{FOX FACE}".encode()
        half = "\ud83e".encode("utf-8", "surrogatepass")
        assert headers["x-fox"] in (fox.decode(), fox.decode("latin-1"))
        assert headers["x-half"] == half.decode("latin-1")
        assert headers.get("é", "é") == "é"  # `http.client` drops a name that is not ASCII, and what follows it

    def test_headers_that_come_twice_come_twice(self):
        with stub(HTTPResponse(200, [("x-a", "1"), ("X-A", "2"), ("x-a", "3")], b"{}")):
            assert sorted(HTTPX.post(URL).headers.get_list("x-a")) == ["1", "2", "3"]

    @pytest.mark.parametrize("client", ["requests", "urllib3", "urllib.request"])
    @pytest.mark.parametrize(
        "headers", [{"x-a": "a" * 70_000}, {f"x-{number}": "" for number in range(101)}], ids=["long", "many"]
    )
    def test_headers_that_the_standard_library_refuses_are_refused_by_the_client(self, client, headers):
        own = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException)
        with stub(HTTPResponse(200, headers, b"{}")), pytest.raises(own, match="got more than"):
            CLIENTS[client](URL)

    def test_the_official_client_raises_what_it_raises(self):
        client = official(api_key="sk-anything", max_retries=0)
        for response, error in [
            (plain(b"<html>", 504, "text/html"), openai.InternalServerError),
            (plain(b'{"created": 1, "da'), json.JSONDecodeError),
            (plain(b'{"created": "\xff"}'), UnicodeDecodeError),
            (plain(b'{"error": {"message": "no", "code": "moderation_blocked"}}', 400), openai.BadRequestError),
        ]:
            with stub(response), pytest.raises(error):
                client.images.generate(**ORDER)


class TestAiohttp:
    """vcrpy answers for aiohttp where its own code would: what must not differ."""

    def ask(self, use, **options):
        async def main():
            async with aiohttp.ClientSession() as session, session.post(URL, json=ORDER, **options) as response:
                return await use(response)

        return asyncio.run(main())

    def test_json_of_another_content_type_is_refused_as_live(self):
        with stub(plain(b"{}", content_type="text/html")), pytest.raises(aiohttp.ContentTypeError):
            self.ask(lambda response: response.json())
        with stub(plain(b"{}", content_type="text/html")):
            assert self.ask(lambda response: response.json(content_type=None)) == {}

    def test_text_is_in_its_charset_as_live(self):
        with stub(plain(b"\xe9", content_type="text/plain; charset=latin-1")):
            assert self.ask(lambda response: response.text()) == "é"

    def test_redirections_without_an_end_come_to_one(self):
        with stub(plain(b"", 302, location=URL)) as stubbed:
            with pytest.raises(aiohttp.TooManyRedirects):
                self.ask(lambda response: response.read())
            assert len(stubbed.requests) == 10
            with pytest.raises(aiohttp.TooManyRedirects):
                self.ask(lambda response: response.read(), max_redirects=3)
            assert len(stubbed.requests) == 13

    def test_a_location_that_is_no_url_is_refused_as_live(self):
        with stub(plain(b"", 307, location="http://[")), pytest.raises(aiohttp.InvalidUrlRedirectClientError):
            self.ask(lambda response: response.read())

    def test_a_redirection_is_handed_over_where_none_is_to_be_followed(self):
        async def location(response):
            return response.status, response.headers["location"]

        with stub(plain(b"", 302, location=URL)) as stubbed:
            assert self.ask(location, allow_redirects=False) == (302, URL)
        assert len(stubbed.requests) == 1

    def test_other_clients_are_not_counted(self):
        async def main():
            async with aiohttp.ClientSession() as session, session.post(URL):
                pass
            async with httpx.AsyncClient() as client:
                return [(await client.post(URL)).status_code for _ in range(12)]

        with stub(plain(), plain(b"", 302, location=URL)):
            assert asyncio.run(main()) == [302] * 12


# -- streams ----------------------------------------------------------------------------------------------------------


def stream():
    fields = {
        "b64_json": "AAAA", "created_at": 1, "size": "1024x1024", "quality": "low", "background": "opaque",
        "output_format": "png",
    }  # fmt: skip
    body = event("image_generation.partial_image", {**fields, "partial_image_index": 0})
    body += event("image_generation.completed", fields)
    return plain(body, content_type="text/event-stream; charset=utf-8")


KINDS = ["image_generation.partial_image", "image_generation.completed"]


def types(lines):
    lines = (line if isinstance(line, str) else line.decode() for line in lines)
    return [json.loads(line[6:])["type"] for line in lines if line.startswith("data: ")]


@pytest.mark.usefixtures("no_sockets")
class TestStreams:
    def test_the_official_client_reads_the_events(self):
        with stub(stream()) as stubbed:
            assert [each.type for each in official().images.generate(**ORDER, stream=True)] == KINDS
        assert [each.type for each in stubbed.events] == KINDS

    @pytest.mark.parametrize("http_client", [openai.DefaultAsyncHttpxClient, openai.DefaultAioHttpClient])
    def test_the_async_official_client_reads_the_events(self, http_client):
        async def main():
            async with openai.AsyncOpenAI(http_client=http_client()) as client:
                return [each.type async for each in await client.images.generate(**ORDER, stream=True)]

        with stub(stream()):
            assert asyncio.run(main()) == KINDS

    @pytest.mark.parametrize("package", [httpx, httpx2])
    def test_httpx_reads_lines(self, package):
        with stub(stream()), package.stream("POST", URL) as response:
            assert types(response.iter_lines()) == KINDS

    @pytest.mark.parametrize("package", [httpx, httpx2])
    def test_async_httpx_reads_lines(self, package):
        async def main():
            async with package.AsyncClient() as client, client.stream("POST", URL) as response:
                return [line async for line in response.aiter_lines()]

        with stub(stream()):
            assert types(asyncio.run(main())) == KINDS

    def test_aiohttp_reads_lines(self):
        async def main():
            async with aiohttp.ClientSession() as session, session.post(URL) as response:
                return [line async for line in response.content]

        with stub(stream()):
            assert types(asyncio.run(main())) == KINDS

    def test_requests_reads_lines(self):
        with stub(stream()), requests.post(URL, stream=True) as response:
            assert types(response.iter_lines()) == KINDS

    def test_urllib_reads_lines(self):
        with stub(stream()), urllib.request.urlopen(URL, b"") as response:
            assert types(response) == KINDS


# -- urls -------------------------------------------------------------------------------------------------------------


def linked(*urls, **declared):
    return {"created": 1, "data": [{"url": url} for url in urls], **declared}


@pytest.mark.usefixtures("no_sockets")
class TestUrls:
    @pytest.mark.parametrize(
        ("declared", "content_type", "size"),
        [
            ({}, "image/png", (1024, 1024)),
            ({"size": "512x256"}, "image/png", (512, 256)),
            ({"size": "1x1", "output_format": "webp"}, "image/webp", (1, 1)),
            ({"size": "64x64", "output_format": "jpeg"}, "image/jpeg", (64, 64)),
            ({"size": "64x64", "output_format": "gif"}, "image/gif", (64, 64)),
            ({"size": "auto", "output_format": ["x"]}, "image/png", (1024, 1024)),
            ({"size": "3841x1"}, "image/png", (1024, 1024)),
            ({"size": "99999999999x1"}, "image/png", (1024, 1024)),
            ({"size": [1, 2], "output_format": "tiff"}, "image/png", (1024, 1024)),
        ],
    )
    def test_the_picture_is_as_the_response_declares_it(self, declared, content_type, size):
        with stub(linked("https://files.example/a", **declared)):
            response = HTTPX.get("https://files.example/a")
        assert response.headers["content-type"] == content_type
        assert int(response.headers["content-length"]) == len(response.content)
        assert PillowImage.open(io.BytesIO(response.content)).size == size

    def test_an_svg_is_one(self):
        with stub(linked("https://files.example/a", size="64x64", output_format="svg")):
            response = HTTPX.get("https://files.example/a")
        assert response.headers["content-type"] == "image/svg+xml"
        assert b"<svg" in response.content

    def test_a_transparent_one_is_transparent(self):
        with stub(linked("https://files.example/a", size="64x64", background="transparent")):
            picture = PillowImage.open(io.BytesIO(HTTPX.get("https://files.example/a").content))
        assert picture.getpixel((0, 0))[3] == 0

    def test_each_url_has_a_picture_of_its_own_and_the_same_in_the_next_stub(self):
        urls = [f"https://files.example/{number}.png" for number in range(4)]
        found = []
        for _ in range(2):
            with stub(linked(*urls[:2], size="64x64"), linked(*urls[2:], size="64x64")):
                found.append([HTTPX.get(url).content for url in urls])
        assert found[0] == found[1]
        assert len(set(found[0])) == 4

    def test_what_is_given_is_what_is_served(self):
        error = HTTPResponse(403, {"content-type": "application/xml"}, b"<Error/>")
        given = {"https://files.example/a": PNG, "https://files.example/b": error, "https://other.example/": b"any"}
        with stub(linked("https://files.example/a", "https://files.example/c"), pictures=given):
            assert HTTPX.get("https://files.example/a").content == PNG
            assert HTTPX.get("https://files.example/a").headers["content-type"] == "image/png"
            refused = HTTPX.get("https://files.example/b")
            assert (refused.status_code, refused.content) == (403, b"<Error/>")
            assert HTTPX.get("https://other.example").headers["content-type"] == "application/octet-stream"
            assert HTTPX.get("https://files.example/c").content != PNG

    def test_a_head_has_no_body(self):
        with stub(linked("https://files.example/a"), pictures={"https://files.example/a": PNG}):
            response = HTTPX.head("https://files.example/a")
        assert (response.content, response.headers["content-length"]) == (b"", str(len(PNG)))

    @pytest.mark.parametrize(
        ("url", "asked"),
        [
            ("HTTPS://Files.Example:443/a b?x=ü#top", "https://files.example/a%20b?x=%C3%BC"),
            ("http://user:key@files.example/a", "http://files.example:80/a"),
            ("http://files.example", "http://files.example/"),
            ("//files.example/a", "https://files.example/a"),
            ("/files/a.png?n=1", "https://api.example/files/a.png?n=1"),
            ("files/a.png", "https://api.example/v1/files/a.png"),
            ("http://127.0.0.1:8188/view?filename=a.png", "http://127.0.0.1:8188/view?filename=a.png"),
        ],
    )
    def test_a_url_is_known_however_it_is_written(self, url, asked):
        with stub(linked(url, size="8x8")):
            assert HTTPX.get(asked).status_code == 200

    def test_urls_are_found_in_events_and_wherever_else_they_are(self):
        body = event("image_generation.completed", {"url": "https://files.example/a", "size": "8x8"})
        nested = {"images": [{"image": {"url": "https://files.example/b"}}, 7], "size": "8x8"}
        with stub(plain(body + b"data: {\n\n", content_type="text/event-stream"), nested, [b"[" * 100_000][0]):
            assert HTTPX.get("https://files.example/a").status_code == 200
            assert HTTPX.get("https://files.example/b").status_code == 200

    @pytest.mark.parametrize("url", ["", "data:image/png;base64,AAAA", "http://[", None, 7, ["x"]])
    def test_what_leads_nowhere_is_no_url(self, url):
        with stub(linked(url)), pytest.raises(UnstubbedRequestError, match="no url, since none of its responses"):
            HTTPX.get("https://files.example/")


# -- what is refused and what passes ----------------------------------------------------------------------------------


class TestRefusal:
    def test_it_says_what_was_asked_what_is_stubbed_and_the_way_out(self):
        with stub(plain(), plain()), pytest.raises(UnstubbedRequestError) as caught:
            HTTPX.get("https://api.example/v1/models?api-key=s3cret-0123456789")
        assert str(caught.value) == (
            "GET https://api.example/v1/models?api-key=REDACTED is not stubbed, and nothing was sent.\n"
            "stub() of 2 response(s) answers /images/generations, /images/edits, /images/variations of any host, and "
            "no url, since none of its responses holds one.\n"
            "To answer this one too: stub(…, pictures={url: bytes or HTTPResponse})\n"
            "To let it pass: ignore_hosts=['api.example'], of stub() or check_parser()"
        )

    def test_it_lists_the_urls_in_order(self):
        urls = [f"https://files.example/{number}" for number in range(7)]
        with (
            stub({"data": dict(enumerate(linked(*urls[:4])["data"]))}, linked(*urls[4:])),
            pytest.raises(UnstubbedRequestError) as caught,
        ):
            HTTPX.get("https://files.example/" + "9" * 300)
        assert "and these urls:\n  " + "\n  ".join([*urls[:5], "… and 2 more\n"]) in str(caught.value)
        assert "999… is not stubbed" in str(caught.value)


class TestPassing:
    def test_an_ignored_host_is_asked(self):
        with LocalEndpoint() as api, stub(plain(b"{}"), ignore_hosts=["127.0.*"]) as stubbed:
            for client in ANY_URL.values():
                assert client(f"{api.url}/models", "GET")[0] in (200, 404)
            assert HTTPX.post(URL).content == b"{}"
        assert len(api.requests) == len(ANY_URL)
        assert [request.url for request in stubbed.requests] == [URL]

    @pytest.mark.usefixtures("no_sockets")
    @pytest.mark.parametrize("package", [httpx, httpx2])
    def test_transports_within_the_process_are_asked(self, package):
        def wsgi(environ, start_response):
            start_response("200 OK", [])
            return [b"wsgi"]

        async def asgi(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"asgi"})

        async def main():
            async with package.AsyncClient(transport=package.ASGITransport(asgi)) as client:
                return (await client.post(URL)).content

        mock = package.MockTransport(lambda request: package.Response(200, content=b"mock"))
        with stub(plain()) as stubbed:
            with package.Client(transport=package.WSGITransport(wsgi)) as client:
                assert client.post(URL).content == b"wsgi"
            with package.Client(transport=mock) as client:
                assert client.post(URL).content == b"mock"
            assert asyncio.run(main()) == b"asgi"
        assert stubbed.requests == []


# -- where it is used -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_sockets")
class TestUse:
    def test_inside_given_hundreds_of_times(self):
        client = official(api_key="sk-anything")

        @given(st.lists(st.integers(), min_size=1, max_size=3), st.integers(1, 4))
        @settings(max_examples=200, deadline=None, database=None)
        def test(created, times):
            with stub(*({"created": number} for number in created)) as stubbed:
                got = [client.images.generate(**ORDER).created for _ in range(times)]
            assert got == (created + [created[-1]] * times)[:times]
            assert [response.created for response in stubbed.responses] == got

        test()

    def test_nested_the_innermost_answers_and_goes_on_where_it_was(self):
        with stub(b"1", b"2", b"3") as outer:
            assert HTTPX.post(URL).content == b"1"
            with stub(b"inner") as inner:
                assert HTTPX.post(URL).content == b"inner"
            assert HTTPX.post(URL).content == b"2"
        assert (len(outer.requests), len(inner.requests)) == (2, 1)

    def test_the_object_may_be_opened_again_even_within_itself_and_starts_afresh(self):
        again = stub(b"1", b"2")
        with again as first:
            assert HTTPX.post(URL).content == b"1"
            with again:
                assert HTTPX.post(URL).content == b"1"
            assert HTTPX.post(URL).content == b"2"
        with again as second:
            assert HTTPX.post(URL).content == b"1"
        assert (len(first.requests), len(second.requests)) == (2, 1)

    def test_it_is_no_decorator(self):
        with pytest.raises(TypeError, match="not callable"):

            @stub(b"{}")
            async def test():
                pytest.fail("it would be asked live")

    def test_within_a_replay_and_around_one(self, tmp_path):
        with replay(tmp_path / "fox"), stub(b"stub"):
            assert HTTPX.post(URL).content == b"stub"
        with stub(b"stub"):
            with replay(tmp_path / "fox"), pytest.raises(CassetteMissingError):
                HTTPX.post(URL)
            assert HTTPX.post(URL).content == b"stub"
        assert list(tmp_path.iterdir()) == []

    def test_within_a_recording_nothing_is_recorded(self, tmp_path):
        with replay(tmp_path / "fox", record="once") as recorder, stub(b"stub"):
            for client in CLIENTS.values():
                assert client(URL)[2] == b"stub"
        assert recorder.requests == []
        assert list(tmp_path.iterdir()) == []

    def test_threads_share_it_and_get_each_answer_once(self):
        bodies = [str(number).encode() for number in range(40)]
        with stub(*bodies) as stubbed, ThreadPoolExecutor(8) as pool:
            got = list(pool.map(lambda _: HTTPX.post(URL).content, bodies))
        assert sorted(got) == sorted(bodies)
        assert [response.body for response in stubbed.http_responses] == bodies

    @pytest.mark.parametrize("package", [httpx, aiohttp])
    def test_tasks_share_it_and_get_the_answers_in_order(self, package):
        async def over_httpx():
            async with httpx.AsyncClient() as client:
                answers = await asyncio.gather(*(client.post(URL) for _ in range(20)))
            return [answer.content for answer in answers]

        async def over_aiohttp():
            async def one(session):
                async with session.post(URL) as response:
                    return await response.read()

            async with aiohttp.ClientSession() as session:
                return await asyncio.gather(*(one(session) for _ in range(20)))

        async def main():
            with stub(*bodies):
                return await (over_httpx() if package is httpx else over_aiohttp())

        bodies = [str(number).encode() for number in range(20)]
        assert asyncio.run(main()) == bodies

    def test_a_second_one_on_another_thread_is_refused_by_name_and_leaves_the_first_alone(self):
        caught = []

        def other():
            try:
                with stub(b"other"):
                    pass
            except CassetteInUseError as error:
                caught.append(str(error))

        with stub(b"{}", b"{}"):
            thread = threading.Thread(target=other, name="a worker")
            thread.start()
            thread.join()
            assert HTTPX.post(URL).content == b"{}"
            assert os.environ["OPENAI_API_KEY"]
        assert caught == [
            "stub() of 1 response(s) cannot be opened on thread 'a worker': stub() of 2 response(s) is open on thread "
            "'MainThread', and one cassette or stub is active per process at a time, for all its threads; close that "
            "one first, or let both threads use it"
        ]

    def test_an_error_in_the_block_closes_it(self):
        with pytest.raises(ZeroDivisionError), stub(b"{}"):
            raise ZeroDivisionError
        with stub(b"next"):
            assert HTTPX.post(URL).content == b"next"

    def test_no_key_is_needed_and_none_is_left(self):
        with stub(linked(), stand_in_keys=["OPENAI_API_KEY", "OTHER_KEY"]):
            assert official().images.generate(**ORDER).created == 1
            assert os.environ["OTHER_KEY"]
        assert not {"OPENAI_API_KEY", "OTHER_KEY"} & set(os.environ)


def test_in_a_test_of_the_fixture(suite):
    suite.write(
        """
        from pytest_imgresponse import stub

        @pytest.mark.imgresponse
        def test_it(imgresponse):
            with stub({"created": 7}):
                assert ask().json() == {"created": 7}
            assert imgresponse.requests == []
        """
    )
    suite.run().outcomes(passed=1).sent(0)


class TestStubbed:
    def test_it_shows_what_was_asked_and_answered(self):
        picture = {"created": 1, "data": [Image(b64_json="")]}
        with stub(plain(b'{"created": 5}'), plain(b"{", 400), picture | {"data": []}) as stubbed:
            with pytest.raises(ResponseError, match="nothing was asked yet"):
                stubbed.last
            for _ in range(3):
                HTTPX.post(URL, json=ORDER, headers={"X-Own": "1"})
        assert [response.created for response in stubbed.responses] == [5, 1]
        assert [response.status for response in stubbed.http_responses] == [200, 400, 200]
        assert stubbed.last.json() == {"created": 1, "data": []}
        assert stubbed.requests[0].header("x-own") == "1"
        assert stubbed.images == []
        assert repr(stubbed) == "<Stubbed stub() of 3 response(s), 3 requests>"

    def test_an_upload_is_as_the_client_made_it(self):
        with stub({"created": 1}) as stubbed:
            official().images.edit(image=("fox.png", PNG), prompt="a hat")
        assert PNG in stubbed.requests[0].body
        assert stubbed.requests[0].url == "https://api.openai.com/v1/images/edits"

    def test_the_names_are_public(self):
        assert {"FAULTS", "Fault", "Stubbed", "UnstubbedRequestError", "stub"} <= set(pytest_imgresponse.__all__)


# -- retries ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def slept(monkeypatch):
    """The seconds of each sleep: how long something takes says how busy the machine is, too."""
    seconds, sleep = [], time.sleep
    monkeypatch.setattr(time, "sleep", lambda each: (seconds.append(each), sleep(each)))
    return seconds


@pytest.mark.usefixtures("no_sockets")
class TestRetries:
    @pytest.mark.parametrize("status", [408, 409, 429, 500, 504])
    @pytest.mark.parametrize("wait", [None, "5", "Wed, 21 Oct 2015 07:28:00 GMT"])
    def test_the_official_client_retries_without_sleeping(self, status, wait, slept):
        failed = HTTPResponse(status, {"retry-after": wait} if wait else {}, b"{}")
        client = official(api_key="sk-anything")
        with stub(failed, failed, {"created": 7}) as stubbed:
            assert client.images.generate(**ORDER).created == 7
        assert sum(slept) < 0.01
        assert [response.status for response in stubbed.http_responses] == [status, status, 200]
        assert stubbed.http_responses[0] == failed

    @pytest.mark.parametrize("headers", [{}, {"retry-after": "30"}, {"retry-after": "3600"}])
    @pytest.mark.parametrize("over_requests", [True, False])
    def test_nor_does_urllib3_or_requests_over_it(self, headers, over_requests, slept):
        failed = HTTPResponse(429, headers, b"{}")
        again = urllib3.Retry(3, backoff_factor=20, status_forcelist=[429], allowed_methods=None)
        session = requests.Session()
        session.mount("https://", requests.adapters.HTTPAdapter(max_retries=again))
        with stub(failed, failed, {"created": 7}) as stubbed, urllib3.PoolManager(retries=again) as pool:
            answer = session.post(URL, json=ORDER) if over_requests else pool.request("POST", URL, json=ORDER)
            assert answer.json() == {"created": 7}
        assert sum(slept) < 0.01
        assert len(stubbed.requests) == 3

    def test_nor_where_a_header_tells_it_to(self, slept):
        failed = plain(b"{}", 400, x_should_retry="true")
        client = official(api_key="sk-anything")
        with stub(failed, {"created": 7}):
            assert client.images.generate(**ORDER).created == 7
        assert sum(slept) < 0.01

    @pytest.mark.parametrize("headers", [{"retry-after": "300"}, {"Retry-After-Ms": "300000"}])
    def test_it_gives_up_as_live_where_it_is_asked_to_wait_too_long(self, headers):
        with stub(HTTPResponse(429, headers, b"{}")) as stubbed, pytest.raises(openai.RateLimitError):
            official().images.generate(**ORDER)
        assert len(stubbed.requests) == 1

    @pytest.mark.parametrize(
        ("response", "told"),
        [
            (plain(status=400, retry_after_ms="700"), "700"),
            (plain(retry_after_ms="700"), "700"),
            (plain(status=429, retry_after_ms="700"), "1"),
            (plain(status=429, retry_after_ms="soon", retry_after="inf"), "1"),
        ],
    )
    def test_what_is_not_retried_is_left_alone(self, response, told):
        assert retried_at_once(response).header("retry-after-ms") == told


def test_a_live_server_is_waited_for():
    """Within the block too, where its requests pass by."""
    again = urllib3.Retry(1, status_forcelist=[429], allowed_methods=None)
    with LocalEndpoint() as api, stub({}, ignore_hosts=["127.0.0.1"]), urllib3.PoolManager(retries=again) as pool:
        pool.request("POST", URL, json=ORDER)
        api.fail("rate_limit_exceeded", retry_after=1)
        began = time.monotonic()
        sent = {"authorization": "Bearer sk-anything"}
        assert pool.request("POST", f"{api.url}/images/generations", json=ORDER, headers=sent).status == 200
    assert time.monotonic() - began >= 1


def test_nor_is_one_that_does_not_answer_asked_again_at_once():
    again = urllib3.Retry(connect=2, backoff_factor=0.3)
    with socket.socket() as closed:  # bound, and nobody listens
        closed.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        with stub({}, ignore_hosts=["127.0.0.1"]), urllib3.PoolManager(retries=again) as pool:
            pool.request("POST", URL, json=ORDER)
            began = time.monotonic()
            with pytest.raises(urllib3.exceptions.MaxRetryError):
                pool.request("GET", gone)
    assert time.monotonic() - began > 0.5


class TestTraps:
    def test_what_is_stubbed_is_never_told_how_to_pass(self):
        """A host that passes by takes its images routes along: the paid API would be asked for pictures."""
        with stub({"created": 1}), pytest.raises(UnstubbedRequestError) as refusal:
            httpx.post("https://api.openai.com/v1/chat/completions", json={})
        assert "ignore_hosts" not in str(refusal.value)
        with stub({"created": 1}), pytest.raises(UnstubbedRequestError) as refusal:
            httpx.post(URL, json=ORDER)
            httpx.post("https://api.example/v1/chat/completions", json={})
        assert "ignore_hosts" not in str(refusal.value)

    def test_a_second_task_is_refused_and_the_first_keeps_its_answer(self):
        async def one(number):
            with stub({"created": number}):
                await asyncio.sleep(0.02 / number)  # closed in the opposite order of opening
                async with httpx.AsyncClient() as client:
                    return (await client.post(URL, json=ORDER)).json()

        async def main():
            tasks = [asyncio.create_task(one(number), name=f"task of {number}") for number in (1, 2, 3)]
            return await asyncio.gather(*tasks, return_exceptions=True)

        first, *others = asyncio.run(main())
        assert first == {"created": 1}
        for number, other in enumerate(others, 2):
            assert isinstance(other, CassetteInUseError)
            assert str(other) == (
                f"stub() of 1 response(s) cannot be opened on task 'task of {number}': stub() of 1 response(s) is open "
                "on task 'task of 1', and one cassette or stub is active per process at a time, for all its tasks; "
                "close that one first, or open one for all tasks"
            )
        with stub({"created": 2}):
            assert httpx.post(URL, json=ORDER).json() == {"created": 2}

    def test_a_task_of_the_block_may_open_its_own_within(self):
        async def within():
            with stub({"created": 2}):
                return await posted()

        async def posted():
            async with httpx.AsyncClient() as client:
                return (await client.post(URL, json=ORDER)).json()

        async def main():
            with stub({"created": 1}):
                return [await posted(), await asyncio.create_task(within()), await posted()]

        assert [each["created"] for each in asyncio.run(main())] == [1, 2, 1]

    def test_two_tasks_of_the_block_may_not(self):
        async def within(number):
            with stub({"created": number}):
                await asyncio.sleep(0.01)

        async def main():
            with stub({"created": 1}):
                return await asyncio.gather(within(2), within(3), return_exceptions=True)

        first, second = asyncio.run(main())
        assert first is None
        assert isinstance(second, CassetteInUseError)

    def test_a_thread_of_the_block_may_open_its_own_within(self):
        def within():
            with stub({"created": 2}):
                return HTTPX.post(URL, json=ORDER).json()

        async def main():
            with stub({"created": 1}):
                return [await asyncio.to_thread(within), HTTPX.post(URL, json=ORDER).json()]

        assert [each["created"] for each in asyncio.run(main())] == [2, 1]

    def test_who_has_closed_its_own_is_not_within_that_of_another_task(self):
        async def other(opened, leave):
            with stub({"created": 2}):
                opened.set()
                await leave.wait()

        async def main():
            opened, leave = asyncio.Event(), asyncio.Event()
            with stub({"created": 1}):
                task = asyncio.create_task(other(opened, leave))
                await opened.wait()
            try:
                with pytest.raises(CassetteInUseError), stub({"created": 3}):
                    pass
            finally:
                leave.set()
                await task

        asyncio.run(main())

    def test_what_a_task_opened_that_is_over_does_not_stand_in_the_way(self):
        """As an async fixture does: its set-up is a task of its own."""

        async def set_up(stack):
            stack.enter_context(stub({"created": 1}))

        async def test():
            with stub({"created": 2}):
                async with httpx.AsyncClient() as client:
                    return (await client.post(URL, json=ORDER)).json()

        with ExitStack() as stack, asyncio.Runner() as runner:
            runner.run(set_up(stack), context=contextvars.Context())
            assert runner.run(test()) == {"created": 2}

    @pytest.mark.parametrize("kind", ["error", "keepalive"])
    def test_events_of_no_image_are_passed_over(self, kind):
        told = {"created_at": 1, "size": "16x16", "quality": "low", "background": "opaque", "output_format": "png"}
        body = (
            event("image_generation.completed", {"b64_json": "AAAA", **told})
            + f'event: {kind}\ndata: {{"{kind}": {{"message": "late"}}}}\n\n'.encode()
            + b"data: [1]\n\n"
        )
        with stub(plain(body, content_type="text/event-stream")) as stubbed:
            httpx.post(URL, json=ORDER)
        assert [each.type for each in stubbed.events] == ["image_generation.completed"]
        assert stubbed.http_responses[0].body == body

    def test_an_event_that_is_no_json_is_told(self):
        with stub(plain(b"data: {\n\n", content_type="text/event-stream")) as stubbed:
            httpx.post(URL, json=ORDER)
        with pytest.raises(ResponseError, match="is no JSON"):
            stubbed.events
