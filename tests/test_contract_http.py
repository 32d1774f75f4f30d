"""`check_parser(…, given="http")`: whole programs, with the client that they have."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import ssl

import aiohttp
import httpx
import openai
import pytest
import requests
import urllib3
from hypothesis import settings
from PIL import Image

from pytest_imgresponse import ConfigError, ContractError, HTTPRequest, HTTPResponse, check, check_parser, stub
from pytest_imgresponse.contract.bases import fitting_answer
from pytest_imgresponse.edge_cases.plain import plain_responses
from pytest_imgresponse.images.make import make_picture
from tests.parsers import ParserError
from tests.parsers import parse as right
from tests.parsers import parse_stream as right_stream

URL = "https://api.example/v1/images/generations"
ORDER = {"model": "gpt-image-1.5", "prompt": "a red fox", "size": "1024x1024"}
STREAM = {**ORDER, "stream": True, "partial_images": 2}
TLS = ssl.create_default_context()  # made once: it takes longer than all else that a client does
pytestmark = pytest.mark.usefixtures("no_sockets")


def report_of(parse, **options):
    try:
        return check_parser(parse, **{"given": "http", "max_examples": 0, **options})
    except ContractError as error:
        return error.report


def happened(parse, *cases, **options):
    report = report_of(parse, cases=cases or None, **options)
    return {row.trial.name: row.happened for row in report.rows}


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


class TestPrograms:
    @pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
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
        def program():
            with httpx.Client(verify=TLS) as client:
                answer = client.post(URL, json={"model": "dall-e-3", "prompt": "a fox"})
                if answer.status_code >= 300:
                    raise ParserError(answer.status_code)
                links = [item["url"] for item in answer.json()["data"]]
                return [client.get(link).content for link in links]

        seen = []

        def keep(found):
            seen.extend(found)
            return found

        assert not happened(
            program, "revised_prompt_nul", "extra_id_and_model", pictures=keep, rejects_with=ParserError
        )
        assert seen == []  # what is behind a url is not compared
        with stub(fitting_answer(asking({"model": "dall-e-3", "prompt": "a fox"}))):
            [picture] = program()
        assert Image.open(io.BytesIO(picture)).size == (1024, 1024)

    def test_one_that_asks_something_else_on_the_way_is_told(self):
        def program():
            httpx.post(URL, json=ORDER, verify=TLS)
            httpx.get("https://api.example/v1/models", verify=TLS)

        told = happened(program, "c2pa_cabx")["c2pa_cabx"]
        assert told.startswith("raised UnstubbedRequestError: GET https://api.example/v1/models is not stubbed")

    def test_its_retries_do_not_sleep(self, client):
        report = report_of(
            lambda: client.images.generate(**ORDER), cases=["rate_limit_exceeded"], rejects_with=openai.RateLimitError
        )
        assert report.rows == []
        assert report.slowest[1] < 0.4


class TestAskingNothing:
    @pytest.mark.parametrize(
        ("program", "did"),
        [
            (lambda: None, "returned"),
            (
                lambda body: None,
                r"raised TypeError: .*<lambda>\(\) missing 1 required positional argument: 'body' at .*",
            ),
            (lambda: httpx.get("https://api.example/v1/models", verify=TLS), "raised UnstubbedRequestError: GET .*"),
        ],
    )
    def test_is_refused_with_what_it_did(self, program, did):
        with pytest.raises(ConfigError, match=rf"parse\(\) asked nothing of an images route \({did}\); it must make"):
            check_parser(program, given="http")


# -- the answer that fits ---------------------------------------------------------------------------------------------


def asking(order, route="generations", headers=(("content-type", "application/json"),)):
    body = order if isinstance(order, bytes) else json.dumps(order).encode()
    return HTTPRequest("POST", f"https://gateway.example/openai/v1/images/{route}?api-version=1", headers, body)


class TestFittingAnswer:
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
        request = asking(order)
        answer = fitting_answer(request)
        assert check(answer, request if "unsafe" not in order["prompt"] else None) == []
        assert answer == fitting_answer(request)

    def test_of_an_edit_too(self):
        picture = base64.b64encode(make_picture("png", 1024, 1024)).decode()
        form = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na fox\r\n'
        form += b'--b\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n'
        form += b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-image-1.5\r\n'
        form += (
            b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        )
        form += base64.b64decode(picture) + b"\r\n--b--\r\n"
        request = asking(form, "edits", {"content-type": "multipart/form-data; boundary=b"})
        answer = fitting_answer(request)
        assert (answer.content_type, b"image_edit.completed" in answer.body) == ("text/event-stream", True)
        assert check(answer, request) == []

    @pytest.mark.parametrize(
        ("more", "number"),
        [({}, 0), ({"stream": True}, 5), ({"response_format": "url"}, 2), ({"response_format": "b64_json"}, 0)],
    )
    def test_for_a_model_that_is_not_known_it_is_a_plain_one_of_the_right_kind(self, more, number):
        assert fitting_answer(asking({"model": "flux-2", "prompt": "a fox", **more})) == plain_responses()[number][1]

    def test_and_what_is_no_order_at_all_gets_the_plainest(self):
        assert fitting_answer(asking(b"\xff")) == plain_responses()[0][1]


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

        cases = ["trailing_junk", "invalid_utf8", "c2pa_cabx"]
        assert set(happened(one, *cases, rejects_with=openai.OpenAIError)) == {"trailing_junk", "invalid_utf8"}
        assert "JSONDecodeError" in happened(stream, "comment_after_id")["comment_after_id"]
        asyncio.run(client.close())

    def test_of_what_was_asked_for_and_did_not_come_a_client_can_know(self, client):
        cases = ("json_instead_of_sse", "error_code_number", "retry_after_date")
        report = report_of(lambda: list(client.images.generate(**STREAM)), cases=cases, rejects_with=openai.OpenAIError)
        assert report.tried == 3


# -- around a recorded answer, and the lines to paste -----------------------------------------------------------------


def test_a_recorded_answer_is_what_a_client_gets_and_what_is_bent():
    recorded = HTTPResponse(200, {"content-type": "application/json"}, b'{"created": 5, "data": [{"url": "/a.png"}]}')
    seen = []

    def program():
        seen.append(httpx.post(URL, json=ORDER, verify=TLS).content)

    with settings_of(derandomize=True):
        report = report_of(program, from_response=recorded, max_examples=20)
    assert recorded.body in seen[1:]
    assert not [body for body in seen[1:] if b"1780000000" in body]
    assert "# from_response: as it was given" in report.preamble


class settings_of:
    def __init__(self, **options):
        settings.register_profile("contract", **options)
        self.before = settings.get_current_profile_name()

    def __enter__(self):
        settings.load_profile("contract")

    def __exit__(self, *error):
        settings.load_profile(self.before)


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
