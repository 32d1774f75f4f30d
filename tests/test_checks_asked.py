"""The judge with the request at hand: what differs from what was asked for."""

from __future__ import annotations

import json

import pytest

from pytest_imgresponse import LocalEndpoint
from pytest_imgresponse.checks import check
from pytest_imgresponse.checks.comparison import asked_by
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from tests.test_checks import JSON_TYPE, answer, error, marks, only, payload, plain, request, stream
from tests.test_checks_stream import completed, partial

URL = "https://api.openai.com/v1/images/edits"
PATH = "$.data[0].b64_json"


def form(*parts: tuple[str, str], head: str = "") -> HTTPRequest:
    text = "".join(
        f'--fox\r\n{head}Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts
    )
    return HTTPRequest(
        "POST", URL, {"content-type": 'multipart/form-data; boundary="fox"'}, f"{text}--fox--\r\n".encode()
    )


def test_an_answer_as_it_was_asked_for_has_no_findings() -> None:
    asked = request(model="x", n=1, size="64x32", output_format="png", quality="low", background="opaque")
    assert check(answer(plain(model="x")), asked) == []


@pytest.mark.parametrize("name", ["size", "quality", "background"])
def test_auto_matches_everything(name: str) -> None:
    assert check(answer(plain()), request(**{name: "auto"})) == []
    assert marks(answer(plain(**{name: "auto"})), request(**{name: plain()[name]})) == [
        ("schema", f"$.{name}", "unusual")
    ]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("size", "1024x1024"), ("output_format", "webp"), ("quality", "high"), ("background", "transparent")],
)
def test_a_field_that_differs_is_unusual(name: str, wanted: str) -> None:
    there = plain()[name]
    message = f'"{there}"; the request asked for "{wanted}"'
    assert only(answer(plain()), request(**{name: wanted})) == ("schema", f"$.{name}", "unusual", message)
    asked = request(stream=True, partial_images=1, **{name: wanted})
    assert only(stream(partial(), completed()), asked) == ("schema", f"$.events[1].{name}", "unusual", message)


@pytest.mark.parametrize(
    ("name", "wanted", "there"),
    [("size", "1024x1024", "64x32"), ("output_format", "webp", "png"), ("background", "transparent", "opaque")],
)
@pytest.mark.parametrize("undeclared", [{}, {"size": "auto", "background": "auto"}])
def test_a_picture_that_differs_is_unusual_where_the_answer_does_not_say_it(
    name: str, wanted: str, there: str, undeclared: dict[str, str]
) -> None:
    value = {"created": 1, "data": plain()["data"], **undeclared}
    found = check(answer(value), request(**{name: wanted}))[-1]
    assert (found.level, found.path, found.verdict) == ("image", PATH, "unusual")
    assert found.message == f"the picture is {there}; the request asked for {wanted}"


def test_a_clear_picture_where_an_opaque_one_was_asked_for_is_unusual() -> None:
    value = {"created": 1, "data": [{"b64_json": payload(transparent=True)}]}
    assert only(answer(value), request(background="opaque"))[3] == (
        "the picture is transparent; the request asked for opaque"
    )
    assert check(answer(value), request(background="transparent")) == []


def test_what_a_picture_does_not_tell_is_not_compared() -> None:
    value = {"created": 1, "data": [{"b64_json": "QUJD"}]}
    asked = request(size="8x8", output_format="png", background="opaque")
    assert marks(answer(value), asked) == [("image", PATH, "invalid")]


@pytest.mark.parametrize(("n", "images"), [(2, 1), (1, 2), (4, 0), (10, 3)])
def test_another_number_of_images_is_unusual(n: int, images: int) -> None:
    value = plain(data=[{}] * images)
    message = f"images: {images}; the request asked for {n}"
    level = "json" if images < n else "schema"
    assert only(answer(value), request(n=n)) == (level, "$.data", "unusual", message)


def test_one_image_is_asked_for_where_the_request_does_not_say() -> None:
    message = "images: 2; the request asks for 1 by default"
    assert only(answer(plain(data=[{}, {}])), request()) == ("schema", "$.data", "unusual", message)
    assert check(answer(plain(data=...)), request(n=2)) == []


URL_ITEM = {"url": "https://example.com/a.png"}


@pytest.mark.parametrize(
    ("wanted", "image", "there"),
    [("b64_json", URL_ITEM, "url"), ("url", {"b64_json": payload()}, "b64_json")],
)
def test_a_picture_sent_in_another_way_than_asked_for_is_unusual(
    wanted: str, image: dict[str, str], there: str
) -> None:
    value = plain(data=[image, {}])
    message = f"{there}; the request asked for {wanted}"
    found = ("schema", f"$.data[0].{there}", "unusual", message)
    for asked in (request(n=2, response_format=wanted), form(("prompt", "x"), ("n", "2"), ("response_format", wanted))):
        assert only(answer(value), asked) == found
    assert check(answer(value), request(n=2, response_format=there)) == []
    assert check(answer(value), request(n=2, response_format="png")) == check(answer(value), request(n=2)) == []


def test_a_picture_sent_in_both_ways_is_sent_as_asked_for() -> None:
    both = {**URL_ITEM, "b64_json": payload()}
    for wanted in ("url", "b64_json"):
        assert [finding.path for finding in check(answer(plain(data=[both])), request(response_format=wanted))] == [
            "$.data[0]"
        ]
    assert check(answer(plain(data=...)), request(response_format="url")) == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("gpt-image-2", "gpt-image-2"),
        ("gpt-image-2", "gpt-image-2-2026-04-21"),
        ("gpt-image-2-2026-04-21", "gpt-image-2"),
        ("gpt-image-2", "gpt-image-2-2026-10-30"),
    ],
)
def test_a_snapshot_is_the_same_model(asked: str, told: str) -> None:
    assert check(answer(plain(model=told), headers={**JSON_TYPE, "openai-model": told}), request(model=asked)) == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [("gpt-image-2", "gpt-image-1"), ("gpt-image-2-2026-04-21", "gpt-image-2-2026-09-08"), ("x", "x-mini")],
)
def test_another_model_is_unusual(asked: str, told: str) -> None:
    message = f'"{told}" answers; the request asked for "{asked}"'
    assert only(answer(plain(model=told)), request(model=asked)) == ("schema", "$.model", "unusual", message)
    named = answer(plain(), headers={**JSON_TYPE, "OpenAI-Model": told})
    assert only(named, request(model=asked)) == ("http", "headers.openai-model", "unusual", message)
    assert check(answer(plain(model=[told])), request(model=asked)) == []


def test_an_error_is_not_compared() -> None:
    named = answer(error(), 400, {**JSON_TYPE, "openai-model": "gpt-image-1"})
    assert check(named, request(model="gpt-image-2", n=4, size="8x8")) == []


def asked_for(request: HTTPRequest) -> tuple[object, ...]:
    """What is compared of a request but for its texts: n, stream, partial images, route and model."""
    asked = asked_by(request)
    return asked.n, asked.stream, asked.partial_images, asked.route, asked.model


NOTHING = (None, None, None, None, None)


def test_a_form_is_read() -> None:
    found = form(("image[]", "…"), ("n", "2"), ("stream", "true"), ("size", "8x8"), ("model", "x"), ("quality", "auto"))
    assert asked_for(found) == (2, True, None, "image_edit", "x")
    assert (asked_by(found).of("size"), asked_by(found).of("quality")) == ("8x8", None)
    found = form(("prompt", "x"), ("stream", "no"), ("n", "10"))
    assert asked_for(found) == (10, None, None, "image_edit", None)
    found = form(("prompt", "x"), ("stream", "false"), ("n", "two"), ("partial_images", "3"))
    assert asked_for(found) == (None, False, 3, "image_edit", None)
    plain_form = {"content-type": "application/x-www-form-urlencoded"}
    found = HTTPRequest("POST", URL, plain_form, b"prompt=a+fox&n=2&stream=true&model=x")
    assert asked_for(found) == (2, True, None, "image_edit", "x")


def test_a_form_that_no_client_sends_is_not_compared() -> None:
    assert asked_for(form(("image", "…"), ("n", "2"), head=f"X-Fox: {'x' * 2000}\r\n")) == NOTHING
    many = form(("image", "…"), *((f"image[{n}]", "1") for n in range(200)), ("n", "2"))
    assert asked_for(many) == NOTHING


@pytest.mark.parametrize("body", [{"prompt": None, "n": 2}, {"images": [], "n": 2}, {"image": "a", "n": 2}])
def test_a_body_is_of_the_images_api_by_its_names(body: dict[str, object]) -> None:
    asked = HTTPRequest("POST", URL, JSON_TYPE, json.dumps(body).encode())
    assert asked_for(asked) == (2, False, None, "image_edit", None)


@pytest.mark.parametrize(
    ("n", "compared"),
    [("two", None), (0, None), (True, None), (1.5, None), ("100", None), ("2", 2), (100, 100), (None, None)],
)
def test_a_number_that_makes_no_sense_is_not_compared(n: object, compared: int | None) -> None:
    assert asked_for(request(n=n)) == (compared, False, None, "image_generation", None)


@pytest.mark.parametrize(
    ("value", "stream"),
    [(True, True), (False, False), (None, False), ("true", True), ("no", None), (1, False), ([], False)],
)
def test_a_stream_is_asked_for_by_true(value: object, stream: bool | None) -> None:
    assert asked_by(request(stream=value)).stream is stream


@pytest.mark.parametrize("value", [None, 1, [], {}, "", "1k", "jpg", "clear"])
def test_a_value_that_cannot_be_compared_is_not(value: object) -> None:
    asked = asked_by(request(size=value, output_format=value, background=value))
    assert [asked.of(name) for name in ("size", "output_format", "background")] == [None] * 3


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"{", b"[]", b"null", b"[" * 100_000, b"7" * 5000, b'{"model": "x", "n": 3}', b'{"prompt": 1'],
)
def test_a_request_of_another_kind_is_not_compared(body: bytes) -> None:
    for headers in ({}, JSON_TYPE, {"content-type": "multipart/form-data; boundary=fox"}):
        asked = HTTPRequest("POST", URL, headers, body)
        assert asked_for(asked) == NOTHING
        assert check(answer(plain(data=[{}, {}], model="y")), asked) == []


def test_a_boundary_that_has_no_bytes_is_no_boundary() -> None:
    asked = HTTPRequest("POST", URL, {"content-type": "multipart/form-data; boundary=\ud83e"}, b"--")
    assert asked_for(asked) == NOTHING


def test_a_picture_that_was_fetched_is_not_compared() -> None:
    picture = HTTPResponse(200, {"content-type": "image/svg+xml"}, b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert {level for level, _, _ in marks(picture, HTTPRequest("GET", "https://example.com/a.svg"))} <= {"image"}


@pytest.mark.parametrize(
    ("asked_for", "sent"), [({"partial_images": 0}, 1), ({"partial_images": 1}, 2), ({"partial_images": 1, "n": 2}, 3)]
)
def test_more_partial_pictures_than_asked_for_are_unusual(asked_for: dict[str, int], sent: int) -> None:
    """Fewer are right: the picture may be there sooner (the image generation guide)."""
    n = asked_for.get("n", 1)
    response = stream(*(partial(number) for number in range(sent)), *[completed()] * n)
    message = f"the partial picture number {sent}; the request asked for {sent - 1}"
    assert only(response, request(stream=True, **asked_for)) == (
        "stream",
        f"$.events[{sent - 1}]",
        "unusual",
        message,
    )
    assert check(response, request(stream=True, n=n, partial_images=3)) == []
    assert check(response, request(stream=True, n=n, partial_images="many")) == []


def test_more_partial_pictures_are_told_once() -> None:
    response = stream(partial(0), partial(1), partial(2), completed())
    assert len(check(response, request(stream=True, partial_images=0))) == 1
    assert check(response, request(stream=True)) == []


def test_events_of_another_route_than_asked_are_unusual() -> None:
    message = "an event of image_generation; the request is one for image_edit"
    asked = HTTPRequest("POST", URL, JSON_TYPE, b'{"prompt": "x", "stream": true}')
    assert only(stream(completed()), asked) == ("stream", "$.events[0]", "unusual", message)
    elsewhere = HTTPRequest("POST", "https://example.com/draw", JSON_TYPE, b'{"prompt": "x", "stream": true}')
    assert check(stream(completed()), elsewhere) == []


def test_partial_pictures_of_several_come_in_any_order() -> None:
    asked = request(stream=True, n=2, partial_images=2)
    one_by_one = stream(partial(0), partial(1), completed(), partial(0), partial(1), completed())
    in_turn = stream(partial(0), partial(0), partial(1), partial(1), completed(), completed())
    assert check(one_by_one, asked) == check(in_turn, asked) == []
    late = stream(completed(), completed(), partial(0))
    assert only(late, asked) == ("stream", "$.events[2]", "unusual", "a partial picture after the completed one")


@pytest.mark.parametrize("url", ["https://[::1/v1/images/generations", "https://a\u2100b/x", "", "https://a]/v1"])
def test_a_request_whose_url_is_none_is_compared_all_the_same(url: str) -> None:
    asked = HTTPRequest("POST", url, JSON_TYPE, b'{"prompt": "x", "n": 2}')
    assert marks(answer(plain()), asked) == [("json", "$.data", "unusual")]


@pytest.mark.parametrize(
    ("url", "asked", "told"),
    [
        ("https://x.openai.azure.com/openai/deployments/mine/images/generations?api-version=1", "mine", "gpt-image-2"),
        ("https://openrouter.ai/api/v1/images/generations", "openai/gpt-image-2", "gpt-image-2-2026-04-21"),
        ("https://openrouter.ai/api/v1/images/generations", "gpt-image-2", "openai/gpt-image-2"),
    ],
)
def test_a_model_of_another_name_is_the_same(url: str, asked: str, told: str) -> None:
    body = json.dumps({"prompt": "x", "model": asked}).encode()
    assert check(answer(plain(model=told)), HTTPRequest("POST", url, JSON_TYPE, body)) == []


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("partial_images", [0, 2])
def test_what_the_endpoint_streams_is_what_was_asked_for(n: int, partial_images: int) -> None:
    wanted = {"model": "gpt-image-1", "prompt": "x", "n": n, "stream": True, "partial_images": partial_images}
    headers = {**JSON_TYPE, "authorization": "Bearer sk-any"}
    url = "https://api.openai.com/v1/images/generations"
    asked = HTTPRequest("POST", url, headers, json.dumps(wanted).encode())
    assert check(LocalEndpoint().handle(asked), asked) == []
