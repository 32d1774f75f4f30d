"""`check_parser(…, given="http")`: whole programs, with the client that they have."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import ssl
from functools import partial
from random import Random

import aiohttp
import httpx
import openai
import pytest
import requests
import urllib3
from PIL import Image

from pytest_imgresponse import (
    ConfigError,
    HTTPRequest,
    HTTPResponse,
    check,
    check_parser,
    stub,
)
from pytest_imgresponse.api.samples import plain_responses
from pytest_imgresponse.api.sse import events_of
from pytest_imgresponse.contract.default_response import default_response
from pytest_imgresponse.contract.trial import pictures_of
from pytest_imgresponse.images.make import make_picture
from tests import reports
from tests.conftest import slow
from tests.parsers import Parser, ParserError
from tests.parsers import parse as right
from tests.parsers import parse_stream as right_stream
from tests.reports import settings_of

URL = "https://api.example/v1/images/generations"
ORDER = {"model": "gpt-image-1.5", "prompt": "a red fox", "size": "1024x1024"}
STREAM = {**ORDER, "stream": True, "partial_images": 2}
SMALL = {"model": "dall-e-2", "prompt": "a red fox", "size": "256x256"}  # pictures that are quickly opened
TLS = ssl.create_default_context()  # made once: it takes longer than all else that a client does
pytestmark = pytest.mark.usefixtures("no_sockets")


report_of = partial(reports.report_of, given="http")
happened = partial(reports.happened, given="http")


@pytest.fixture(scope="module")
def client():
    with openai.OpenAI(api_key="sk-test", http_client=openai.DefaultHttpxClient(verify=TLS)) as client:
        yield client


def pictures(found):
    return [picture.data for picture in found]


# -- programs, each with another client; each refuses by ParserError --------------------------------------------------


def parsed(status, body, content_type="application/json"):
    if status >= 300:
        raise ParserError(f"status {status}")
    return (right_stream if content_type.startswith("text/event-stream") else right)(body)


def over_httpx():
    with httpx.Client(verify=TLS) as client:
        answer = client.post(URL, json=ORDER)
    return parsed(answer.status_code, answer.content)


def over_requests():
    answer = requests.post(URL, json=ORDER)
    return parsed(answer.status_code, answer.content or b"")


def over_urllib3():
    with urllib3.PoolManager() as pool:
        answer = pool.request("POST", URL, json=ORDER)
    return parsed(answer.status, answer.data)


async def over_aiohttp():
    async with aiohttp.ClientSession() as session, session.post(URL, json=ORDER) as answer:
        return parsed(answer.status, await answer.read())


async def over_async_httpx():
    async with httpx.AsyncClient(verify=TLS) as client:
        answer = await client.post(URL, json=ORDER)
    return parsed(answer.status_code, answer.content)


def over_openai_raw():
    with openai.OpenAI(max_retries=0, http_client=openai.DefaultHttpxClient(verify=TLS)) as client:
        try:
            answer = client.images.with_raw_response.generate(**ORDER)
        except openai.APIStatusError as error:
            raise ParserError(error.status_code) from error
    return parsed(answer.status_code, answer.content)


PROGRAMS = [over_httpx, over_requests, over_urllib3, over_aiohttp, over_async_httpx, over_openai_raw]


def linked():
    with httpx.Client(verify=TLS) as client:
        answer = client.post(URL, json={"model": "dall-e-3", "prompt": "a fox"})
        if answer.status_code >= 300:
            raise ParserError(answer.status_code)
        return [item["url"] for item in answer.json()["data"]]


def fetching():
    with httpx.Client(verify=TLS) as client:
        return [client.get(link).content for link in linked()]


class TestBehindUrls:
    """A client that gets a url finds there the pictures of the edge cases, if it fetches them."""

    CASES = ("png_gray", "png_zero_width", "picture_is_html", "png_bad_idat_crc", "half_webp", "bomb_header_only")

    def test_one_that_takes_them_as_they_are_is_found(self):
        report = report_of(fetching, cases=self.CASES, rejects_with=ParserError)
        assert {row.trial.name: row.happened for row in report.rows} == dict.fromkeys(
            ["png_zero_width", "picture_is_html", "half_webp", "bomb_header_only"],
            "accepted it silently ($.data[0].url)",
        )
        row = report.rows[0]
        [(url, data)] = row.trial.served.items()
        assert (data[:4], data[16:20], row.trial.level) == (b"\x89PNG", b"\0\0\0\0", "image")
        assert row.as_json()["pictures"] == {url: base64.b64encode(data).decode()}
        assert url.encode() in row.trial.response.body

    def test_one_that_opens_them_keeps_the_contract_and_its_pictures_are_compared(self):
        def opening():
            return [Parser().opened(data) for data in fetching()]

        assert not happened(opening, *self.CASES, rejects_with=ParserError, pictures=pictures)
        lost = happened(opening, "png_gray", rejects_with=ParserError, pictures=lambda found: [])
        assert lost == {"png_gray": "accepted it with 0 of its 1 pictures"}

    def test_of_one_that_does_not_fetch_nothing_is_said(self):
        report = report_of(linked, rejects_with=(ParserError, json.JSONDecodeError, KeyError, TypeError))
        assert report.not_tried["png_zero_width"] == "is of a picture, which is behind a url that is not fetched"
        assert not [row for row in report.rows if row.trial.level == "image"]
        with pytest.raises(
            ConfigError, match="it is of a picture, .* not fetched; try it with a client that fetches it"
        ):
            check_parser(linked, given="http", cases=["png_zero_width"])

    def test_what_is_of_base64_alone_is_not_tried(self):
        report = report_of(fetching, rejects_with=(ParserError, json.JSONDecodeError, KeyError, TypeError))
        assert report.not_tried["data_url_prefix"] == "is of base64, and the picture is behind a url"
        assert report.tried > 190
        assert len([row for row in report.rows if row.trial.served]) > 20

    def test_around_an_answer_of_ones_own_too(self):
        body = b'{"created": 5, "data": [{"url": "/a.png"}, {"url": "https://b.example/b.png"}]}'
        given = answer_of(body)

        def program():
            with httpx.Client(verify=TLS, base_url="https://c.example") as client:
                return [client.get(link).content for link in linked()]

        report = report_of(program, from_response=given, cases=["png_zero_width"], rejects_with=ParserError)
        assert list(report.rows[0].trial.served) == ["/a.png", "https://b.example/b.png"]
        assert report.rows[0].reproduce == (
            "with stub(from_response, pictures=served_by(from_response, "
            'EDGE_CASES["png_zero_width"](inlined(from_response)))): parse()'
        )

    def test_a_url_that_leads_nowhere_and_a_picture_beside_a_url_are_left_alone(self):
        nowhere = b'{"created": 5, "data": [{"url": "data:,"}]}'
        report = report_of(linked, from_response=answer_of(nowhere), rejects_with=ParserError)
        assert report.not_tried["png_gray"].startswith("needs a response with a raster picture")
        picture = base64.b64encode(make_picture("png", 8, 8)).decode()
        beside = json.dumps({"created": 5, "data": [{"url": "/a.png"}, {"b64_json": picture}]}).encode()

        def program():
            answer = httpx.post(URL, json=ORDER, verify=TLS)
            for item in answer.json()["data"]:
                httpx.get(item.get("url") or "https://a.example/a.png", verify=TLS)

        [row] = report_of(program, from_response=answer_of(beside), cases=["png_zero_width"]).rows
        assert not row.trial.served


def answer_of(body):
    return HTTPResponse(200, {"content-type": "application/json"}, body)


def in_base64(n=3):
    return pictures(parsed_answer({**SMALL, "n": n, "response_format": "b64_json"}))


def at_urls(n=2):
    answer = posted({**SMALL, "n": n, "response_format": "url"})
    links = [item["url"] for item in answer.json()["data"]]
    with httpx.Client(verify=TLS) as client:
        return [Parser().opened(client.get(link).content).data for link in links]


def posted(order):
    answer = httpx.post(URL, json=order, verify=TLS)
    if answer.status_code >= 300:
        raise ParserError(answer.status_code)
    return answer


def parsed_answer(order):
    return right(posted(order).content)


def first_of_stream():
    content = posted({**STREAM, "model": "flux-2", "size": "64x64"}).content
    found = right_stream(content)
    first = json.loads(next(iter(events_of(content))).data)["b64_json"]
    return [base64.b64decode(first) for _ in found]


class TestWhichPicture:
    """A program that gives the right number of pictures, and mixes them up, is found by the plain answer."""

    @pytest.mark.parametrize("program", [in_base64, *slow(at_urls)])
    @pytest.mark.parametrize(
        ("mixed", "told"),
        [
            (lambda found: found, ""),
            (lambda found: found[::-1], "accepted it with another picture than its own"),
            *slow(
                (lambda found: found[:1] * len(found), "accepted it with another picture than its own"),
                (lambda found: found[:1], r"accepted it with 1 of its \d pictures"),
            ),
        ],
    )
    def test_of_several(self, program, mixed, told):
        def mixing():
            try:
                return mixed(program())
            except (ValueError, KeyError, TypeError) as error:
                raise ParserError("no answer") from error

        report = report_of(mixing, rejects_with=ParserError, pictures=list)
        rows = [row for row in report.rows if row.trial.name == "plain"]
        assert [bool(re.fullmatch(told, row.happened)) for row in rows] == [True] * bool(told)
        for row in rows:
            names = {"parse": mixing, "pictures": list}
            exec(report.preamble, names)
            with pytest.raises(AssertionError, match=told):
                exec(row.reproduce, names)

    def test_of_a_stream(self):
        report = report_of(first_of_stream, rejects_with=(ParserError, Exception), pictures=list)
        [row] = [row for row in report.rows if row.trial.name == "plain"]
        assert row.happened == "accepted it with another picture than its own"


class TestGateway:
    def test_a_program_that_insists_on_what_it_asked_a_gateway_for_gets_it(self):
        def program():
            found = parsed_answer({"model": "flux-pro", "prompt": "a fox", "n": 3, "size": "512x512", "seed": 7})
            if {picture.size for picture in found} != {(512, 512)}:
                raise ParserError("another size")
            return found

        report = report_of(program, cases=["trailing_newline", "c2pa_cabx", "trailing_junk"], rejects_with=ParserError)
        assert (report.rows, report.accepted) == ([], 2)


class TestPrograms:
    @pytest.mark.parametrize("program", slow(*PROGRAMS), ids=lambda program: program.__name__)
    def test_one_that_is_right_keeps_the_contract(self, program):
        report = check_parser(program, given="http", rejects_with=ParserError, pictures=pictures, max_examples=10)
        assert report.tried > 230

    @pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
    def test_one_that_is_wrong_is_found(self, program, monkeypatch):
        def wrong(body):
            return json.loads(body)["data"][0]["b64_json"]

        monkeypatch.setitem(globals(), "right", wrong)
        told = happened(program, "c2pa_cabx", "data_null", "trailing_junk", rejects_with=ParserError)
        assert set(told) == {"data_null", "trailing_junk"}
        assert told["data_null"].startswith(
            "raised TypeError: 'NoneType' object is not subscriptable at test_contract_"
        )

    @pytest.mark.asyncio
    async def test_in_a_test_that_is_async_itself(self):
        for program in (over_async_httpx, over_httpx):
            assert not happened(program, "c2pa_cabx", "trailing_junk", rejects_with=ParserError)

    def test_a_program_that_always_refuses_breaks_the_contract_whatever_it_asks_for(self):
        def refuses(order):
            def program():
                httpx.post(URL, json=order, verify=TLS)
                raise ParserError("never")

            return program

        for model in ("gpt-image-1.5", "dall-e-3"):  # the second gets urls
            report = report_of(refuses({"model": model, "prompt": "a fox"}), rejects_with=ParserError)
            [plain] = [row for row in report.rows if row.trial.name == "plain"]
            assert plain.happened == "refused it with ParserError: never"

    def test_a_program_that_fetches_its_picture_gets_it(self):
        seen = []

        def keep(found):
            seen.extend(found)
            return found

        assert not happened(
            fetching, "revised_prompt_nul", "extra_id_and_model", pictures=keep, rejects_with=ParserError
        )
        assert seen == []  # what is behind a url is not compared
        with stub(default_response(request_of({"model": "dall-e-3", "prompt": "a fox"}))):
            [picture] = fetching()
        assert Image.open(io.BytesIO(picture)).size == (1024, 1024)

    def test_one_that_asks_something_else_on_the_way_is_told(self):
        def program():
            httpx.post(URL, json=ORDER, verify=TLS)
            httpx.get("https://api.example/v1/models", verify=TLS)

        told = happened(program, "c2pa_cabx")["c2pa_cabx"]
        assert told.startswith("raised UnstubbedRequestError: GET https://api.example/v1/models is not stubbed")

    def test_what_is_stubbed_by_mistake_is_told_to_its_end(self):
        def program():
            httpx.get(f"https://api.example/{'long/' * 40}", verify=TLS)

        with pytest.raises(
            ConfigError, match=r"ignore_hosts=\['api.example'\].*pass.* with ignore_hosts \(--ignore-host\)$"
        ):
            check_parser(program, given="http")

    def test_one_that_fetches_a_url_of_its_own_making_is_told_that_it_is_none_of_the_answers(self):
        def program():
            httpx.get(f"{linked()[0]}&more=1", verify=TLS)

        told = happened(program, "extra_id_and_model", rejects_with=ParserError)["extra_id_and_model"]
        assert re.fullmatch(
            r"raised UnstubbedRequestError: GET https://\S+ asks for a url that is none of the answer's at .*", told
        )

    def test_the_response_of_a_client_that_a_program_returns_is_its_own(self):
        def over_requests():
            answer = requests.post(URL, json=ORDER, stream=True)
            parsed(answer.status_code, b"".join(answer.iter_content(100)))
            return answer

        def over_httpx():
            with httpx.stream("POST", URL, json=ORDER, verify=TLS) as answer:
                parsed(answer.status_code, b"".join(answer.iter_bytes()))
            return answer

        for program in (over_requests, over_httpx):
            assert not happened(program, "c2pa_cabx", rejects_with=ParserError)

    def test_its_retries_do_not_sleep(self, client):
        report = report_of(
            lambda: client.images.generate(**ORDER), cases=["rate_limit_exceeded"], rejects_with=openai.RateLimitError
        )
        assert report.rows == []
        assert report.slowest[1] < 1


class TestAsking:
    @pytest.mark.parametrize(
        ("program", "did"),
        [
            (lambda: None, "returned"),
            (lambda *body: body[0], "raised IndexError: tuple index out of range at .*"),
            (lambda: httpx.get("https://api.example/v1/models", verify=TLS), "raised UnstubbedRequestError: GET .*"),
        ],
    )
    def test_nothing_is_refused_with_what_it_did(self, program, did):
        with pytest.raises(ConfigError, match=rf"parse\(\) asked nothing of an images route \({did}\); it must make"):
            check_parser(program, given="http")

    def test_for_both_kinds_of_answers_is_refused(self):
        def program():
            posted({**ORDER, "user": "a"})
            posted(ORDER)
            posted(STREAM)

        told = rf"parse\(\) asks for JSON from {URL}, then JSON from {URL}, then a stream from {URL}, and each of its "
        with pytest.raises(ConfigError, match=told):
            check_parser(program, given="http")

    def test_again_for_what_did_not_come_is_fine(self):
        def program():
            answer = posted(STREAM)
            if not answer.headers["content-type"].startswith("text/event-stream"):
                return right(posted(ORDER).content)
            return right_stream(answer.content)

        assert not happened(program, "comment_after_id", rejects_with=ParserError)


def test_a_host_to_ignore_that_is_none_is_refused():
    told = r"ignore_hosts: expected a list of strings, .* got 'a' \(from the call of check_parser"
    with pytest.raises(ConfigError, match=told):
        check_parser(over_httpx, given="http", ignore_hosts="a")


# -- the default answer ------------------------------------------------------------------------------------------------


def request_of(order, route="generations", headers=(("content-type", "application/json"),)):
    body = order if isinstance(order, bytes) else json.dumps(order).encode()
    return HTTPRequest("POST", f"https://gateway.example/openai/v1/images/{route}?api-version=1", headers, body)


class TestDefaultResponse:
    @pytest.mark.parametrize(
        "order",
        [
            ORDER,
            STREAM,
            {"prompt": "a fox"},
            {"prompt": "a fox", "n": 3, "response_format": "b64_json"},
            {"prompt": "an unsafe fox", "model": "gpt-image-1"},
            {"prompt": "a fox", "model": "gpt-image-2", "size": "1536x864", "output_format": "webp"},
            {"prompt": "a fox", "model": "gpt-image-2.5-sunburst", "output_format": "svg"},
            {"prompt": "a fox", "model": "gpt-image-2.5-sunburst", "output_format": "gif", "n": 2},
            {"prompt": "a fox", "model": "gpt-image-1.5", "background": "transparent"},
        ],
    )
    def test_it_is_what_was_asked_for_and_the_same_each_time(self, order):
        request = request_of(order)
        answer = default_response(request)
        assert check(answer, request) == []
        assert answer == default_response(request)

    def test_of_an_edit_too(self):
        picture = base64.b64encode(make_picture("png", 1024, 1024)).decode()
        form = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na fox\r\n'
        form += b'--b\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n'
        form += b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-image-1.5\r\n'
        form += (
            b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        )
        form += base64.b64decode(picture) + b"\r\n--b--\r\n"
        request = request_of(form, "edits", {"content-type": "multipart/form-data; boundary=b"})
        answer = default_response(request)
        assert (answer.content_type, b"image_edit.completed" in answer.body) == ("text/event-stream", True)
        assert check(answer, request) == []

    @pytest.mark.parametrize(
        "more",
        [
            {},
            {"stream": True, "partial_images": 1},
            {"response_format": "url", "n": 2},
            {"response_format": "b64_json", "n": 3, "size": "512x768"},
            {"n": 2, "size": "1536x864", "output_format": "webp", "quality": "high", "seed": 7},
            {"size": "1344x768", "output_format": "jpeg", "background": "opaque", "stream": True},
        ],
    )
    @pytest.mark.parametrize("route", ["generations", *slow("edits")])
    def test_for_a_model_that_is_not_known_it_is_what_was_asked_for_too(self, more, route):
        request = request_of({"model": "flux-2", "prompt": "a fox", **more}, route)
        answer = default_response(request)
        assert check(answer, request) == []
        assert answer == default_response(request)

    def test_what_a_model_cannot_do_another_does(self):
        request = request_of({"model": "dall-e-3", "prompt": "a fox", "images": []}, "edits")
        answer = default_response(request).json()
        assert (answer["output_format"], len(answer["data"])) == ("png", 1)

    def test_what_no_model_takes_is_left_out(self):
        request = request_of(
            {"model": "flux-2", "prompt": "a fox", "n": 40, "size": "8000x8000", "output_format": "webp"}
        )
        answer = default_response(request).json()
        assert (answer["size"], answer["output_format"], len(answer["data"])) == ("1024x1024", "webp", 1)

    def test_and_what_is_no_order_at_all_gets_one_picture(self):
        assert check(default_response(request_of(b"\xff"))) == []
        assert len(pictures_of(default_response(request_of(b"\xff")))) == 1


# -- the official client ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(client):
    """What the report says of the official client, by the name of the case."""
    return happened(lambda: client.images.generate(**ORDER), rejects_with=openai.OpenAIError)


@pytest.fixture(scope="module")
def told_of_streams(client):
    return happened(lambda: list(client.images.generate(**STREAM)), rejects_with=openai.OpenAIError)


class TestOfficialClient:
    @pytest.mark.parametrize("name", ["truncated_body", "empty_200", "body_cut_off", "trailing_junk"])
    def test_its_raw_json_errors_are_in_the_report(self, told, name):
        assert told[name].startswith("raised JSONDecodeError: ")

    def test_and_its_raw_unicode_error(self, told):
        assert told["invalid_utf8"].startswith("raised UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9")

    def test_and_the_comment_after_an_id_in_a_stream(self, told_of_streams):
        text = told_of_streams["comment_after_id"]
        assert text.startswith("raised JSONDecodeError: Expecting value: line 1 column 1 (char 0)")
        assert told_of_streams["no_completed"] == "accepted it silently ($.events)"
        assert "plain" not in told_of_streams

    def test_and_what_it_takes_without_a_look(self, told):
        assert told["html_page_200"] == "accepted it silently (body)"
        assert told["created_iso_string"] == "accepted it silently ($.created)"
        assert "plain" not in told

    def test_its_async_kind_is_judged_alike(self):
        client = openai.AsyncOpenAI(api_key="sk-test", http_client=openai.DefaultAsyncHttpxClient(verify=TLS))

        async def one():
            return await client.images.generate(**ORDER)

        async def stream():
            return [event async for event in await client.images.generate(**STREAM)]

        async def lazy():
            return await client.images.generate(**STREAM)

        cases = ["trailing_junk", "invalid_utf8", "c2pa_cabx"]
        assert set(happened(one, *cases, rejects_with=openai.OpenAIError)) == {"trailing_junk", "invalid_utf8"}
        for program in (stream, lazy):  # the second leaves the stream to whoever called it
            assert "JSONDecodeError" in happened(program, "comment_after_id")["comment_after_id"]
        asyncio.run(client.close())

    def test_of_what_was_asked_for_and_did_not_come_a_client_can_know(self, client):
        cases = ("json_instead_of_sse", "error_code_number", "retry_after_date")
        report = report_of(lambda: list(client.images.generate(**STREAM)), cases=cases, rejects_with=openai.OpenAIError)
        assert report.tried == 3


# -- around a recorded answer, and the lines to paste -----------------------------------------------------------------


def test_a_recorded_answer_is_what_a_client_gets_and_what_is_mutated():
    recorded = HTTPResponse(200, {"content-type": "application/json"}, b'{"created": 5, "data": [{"url": "/a.png"}]}')
    seen = []

    def program():
        seen.append(httpx.post(URL, json=ORDER, verify=TLS).content)

    with settings_of(derandomize=True):
        report = report_of(program, from_response=recorded, max_examples=20)
    assert recorded.body in seen[1:]
    assert not [body for body in seen[1:] if b"1780000000" in body]
    names = {"parse": program}
    exec(report.preamble, names)
    assert names["from_response"] == recorded


def test_of_a_long_one_the_preamble_says_what_to_make_it():
    picture = base64.b64encode(bytes(Random(1).randbytes(20_000))).decode()
    answer = answer_of(json.dumps({"created": 5, "data": [{"url": "/a.png"}], "note": picture}).encode())
    [row] = (report := report_of(lambda: posted(ORDER), from_response=answer, cases=["trailing_junk"])).rows
    assert "from_response" in row.reproduce
    line = r"^# from_response = …: first the HTTPResponse that check_parser got, of \d{5} characters$"
    assert re.search(line, report.preamble, re.MULTILINE)


def odd_one():
    """Fails with the length and the status of what it gets."""
    answer = httpx.post(URL, json=ORDER, verify=TLS)
    if (answer.status_code + len(answer.content)) % 2:
        raise KeyError(answer.status_code, len(answer.content), answer.headers.get("content-type"))


async def odd_one_later():
    await asyncio.sleep(0)
    odd_one()


class TestLinesToPaste:
    @pytest.mark.parametrize(
        ("parse", "given"),
        [(odd_one, "what fits"), (odd_one, "a recorded one"), (odd_one_later, "what fits")],
    )
    def test_each_shows_the_same_again(self, parse, given):
        from_response = plain_responses()[1][1] if given == "a recorded one" else None
        report = report_of(parse, from_response=from_response)
        rows = [row for row in report.rows if row.outcome.kind == "raised"]
        assert len(rows) > 50
        assert {"more_images_than_n", "bom"} & {row.trial.name for row in rows}
        for row in rows:
            names = {"parse": parse, "from_response": from_response}
            exec(report.preamble, names)
            with pytest.raises(KeyError) as caught:
                exec(row.reproduce, names)
            assert f"KeyError: {caught.value}" == row.outcome.error

    def test_what_was_generated_is_packed(self):
        def parse():
            answer = httpx.post(URL, json=ORDER, verify=TLS)
            if not all(name in answer.content for name in (b'"quality"', b'"size"', b'"usage"', b'"background"')):
                raise KeyError(len(answer.content), answer.headers["content-type"])

        with settings_of(derandomize=True):
            report = report_of(parse, max_examples=200, cases=["c2pa_cabx"])
        [row] = [row for row in report.rows if row.outcome.kind == "raised"]
        assert re.match(r"with stub\(HTTPResponse\(\d+, \[", row.reproduce)
        names = {"parse": parse}
        exec(report.preamble, names)
        with pytest.raises(KeyError) as caught:
            exec(row.reproduce, names)
        assert f"KeyError: {caught.value}" == row.outcome.error
