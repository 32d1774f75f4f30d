"""What a test is handed: the requests byte for byte, and the pictures of the answers, each opened once."""

from __future__ import annotations

import base64
import gc
import io
import json
import random
import shutil
import tracemalloc

import httpx
import PIL.Image
import pytest

from pytest_imgresponse import HTTPResponse, replay, stub
from pytest_imgresponse.cassette.payloads import Body
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.images.make import make_picture

FORM = {"model": "dall-e-2", "prompt": "a hat", "size": "256x256", "response_format": "b64_json"}
ORDER = FORM | {"prompt": "a red fox", "n": 2}
KEY = {"Authorization": "Bearer sk-live-0123456789"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "shop" / "fox.yaml"


@pytest.fixture
def ask(api):
    return lambda **fields: httpx.post(f"{api.url}/images/generations", json=ORDER | fields, headers=KEY)


@pytest.fixture
def recorded(path, ask):
    with replay(path, record="once") as recorder:
        ask()
    return recorder


def upload(url):
    """What httpx sends; the boundary is a new one each time."""
    picture = io.BytesIO()
    PIL.Image.new("RGBA", (256, 256), "red").save(picture, "PNG")
    files = {"image": ("fox.png", picture.getvalue(), "image/png")}
    with httpx.Client() as client:
        request = client.build_request("POST", f"{url}/images/edits", data=FORM, files=files, headers=KEY)
        request.read()
        assert client.send(request).status_code == 200
    return request


def test_a_form_is_given_back_as_it_was_asked(path, api):
    for mode in ("once", "none"):
        with replay(path, record=mode) as recorder:
            sent = upload(api.url)
        (request,) = recorder.requests
        assert request.body == sent.content
        assert request.header("content-type") == sent.headers["content-type"]
        assert request.header("authorization") == KEY["Authorization"]
        assert [part.content.decode() for part in request.parts[:-1]] == list(FORM.values())
        assert request.parts[-1].filename == "fox.png"
    text = path.read_text()
    assert "--imgresponse-boundary" in text
    assert "Bearer" not in text


@pytest.mark.parametrize("mode", ["new_episodes", "none"])
def test_pictures_are_opened_once(path, recorded, ask, mode):
    with replay(path, record=mode) as recorder:
        ask()
        first = recorder.images
        if mode == "new_episodes":
            ask(prompt="a second fox")
    pictures = [picture.open() for response in recorder.responses for picture in response.data]
    assert [image.tobytes() for image in recorder.images] == [image.tobytes() for image in pictures]
    assert all(one is other for one, other in zip(first, recorder.images, strict=False))
    assert [image.size for image in recorder.images] == [(256, 256)] * (2 if mode == "none" else 4)


@pytest.mark.parametrize("live", [True, False])
def test_pictures_are_not_searched_for_again(path, recorded, ask, monkeypatch, live):
    with replay(path, record="all" if live else "none") as recorder:
        ask()
    monkeypatch.delattr(Body, "of")
    assert [image.size for image in recorder.images] == [(256, 256)] * 2


def test_pictures_of_a_stub_are_found_once(monkeypatch):
    payload = base64.b64encode(make_picture("png", 64, 32)).decode()
    with stub({"created": 1, "data": [{"b64_json": payload}, {"b64_json": payload}]}) as stubbed:
        httpx.post("https://api.example/v1/images/generations", json=ORDER)
    images = stubbed.images  # as many as there are payloads, of one picture too
    monkeypatch.delattr(Body, "of")
    assert all(one is other for one, other in zip(images, stubbed.images, strict=True))
    assert [image.size for image in images] == [(64, 32)] * 2


def test_pictures_can_be_opened_when_their_files_are_gone(path, recorded, ask):
    with replay(path) as recorder:
        ask()
    shutil.rmtree(path.parent)
    assert [image.size for image in recorder.images] == [(256, 256)] * 2


def test_pictures_are_in_the_order_in_which_an_answer_names_them(path, recorded, ask):
    """Of a cassette that someone has put together by hand, too."""
    inline = base64.b64encode(make_picture("gif", 30, 20)).decode()
    text = path.read_text().replace('"data": [', f'"data": [{{"b64_json": "{inline}"}}, ', 1)
    assert inline in text
    path.write_text(text)
    with replay(path) as recorder:
        ask()
    assert [image.size for image in recorder.images] == [(30, 20), (256, 256), (256, 256)]


def test_what_cannot_be_shown_in_pixels_is_left_out():
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'
    with stub(HTTPResponse(200, {"content-type": "image/svg+xml"}, svg), b"\xff\xfe\x00") as stubbed:
        for _ in range(2):
            httpx.post("https://api.example/v1/images/generations", json=ORDER)
    assert stubbed.images == []


def test_a_replay_keeps_the_body_and_not_its_pictures_beside_it(path):
    noise = PIL.Image.frombytes("RGB", (512, 512), random.Random(1).randbytes(3 * 512 * 512))
    picture = io.BytesIO()
    noise.save(picture, "PNG")
    body = json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(picture.getvalue()).decode()}]})
    path.parent.mkdir()
    path.write_text(
        "version: 1\ninteractions:\n- request: {method: POST, uri: 'http://a/v1/images/edits', headers: {}, body: x}\n"
        f"  response: {{status: {{code: 200, message: OK}}, headers: {{}}, body: {{string: '{body}'}}}}\n"
    )
    store = Store(path)
    with store.lock():
        store.save(store.load())
    assert (path.parent / "fox-1.png").read_bytes() == picture.getvalue()
    with replay(path):
        httpx.post("http://a/v1/images/edits", content=b"x")
    gc.collect()
    tracemalloc.start()
    try:
        with replay(path) as recorder:
            httpx.post("http://a/v1/images/edits", content=b"x")
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(recorder.last.body) == len(body)
    assert kept < 1.3 * len(body)
