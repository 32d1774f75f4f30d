"""LocalEndpoint as its users meet it: models, parameters, errors, streams, over real sockets and real clients."""

import asyncio
import base64
import io
import json
import re
import urllib.error
import urllib.request

import httpx
import openai
import pytest
from PIL import Image

from pytest_imgresponse.endpoint import LocalEndpoint
from pytest_imgresponse.errors import ConfigError, ImgResponseError
from pytest_imgresponse.faults import FAULTS
from pytest_imgresponse.http import HTTPRequest

GENERATIONS = "/images/generations"


@pytest.fixture(scope="module")
def shared_client():
    with openai.OpenAI(base_url="http://127.0.0.1", api_key="sk-any-good-key", max_retries=0) as made:
        yield made


@pytest.fixture
def client(api, shared_client):
    return shared_client.with_options(base_url=api.url)


@pytest.fixture(scope="module", autouse=True)
def http():
    """A client for the whole module: making one takes longer than a request."""
    global HTTP
    with httpx.Client(timeout=10) as HTTP:
        yield HTTP


def picture(text):
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    image.load()
    return image


def png(size=(64, 64), colour="red"):
    out = io.BytesIO()
    Image.new("RGBA", size, colour).save(out, "PNG")
    return out.getvalue()


def ask(api, path=GENERATIONS, key="sk-any", **values):
    return HTTP.post(api.url + path, json=values, headers={"authorization": f"Bearer {key}"})


def refusal(api, path=GENERATIONS, **values):
    """The error of a 400: type, param, code and message."""
    response = ask(api, path, **values)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    return error["param"], error["code"], error["message"]


def form(api, path, files=None, status=400, **values):
    response = HTTP.post(api.url + path, data=values, files=files or {}, headers={"authorization": "Bearer sk-any"})
    assert response.status_code == status, response.text
    return response.json()


class TestGenerations:
    def test_a_gpt_image_answer(self, api, client):
        answer = client.images.generate(model="gpt-image-1", prompt="A red fox", quality="high")
        assert picture(answer.data[0].b64_json).size == (1024, 1024)
        assert (answer.background, answer.output_format) == ("opaque", "png")
        assert (answer.quality, answer.size) == ("high", "1024x1024")
        assert answer.usage.output_tokens == 4160
        assert answer.usage.output_tokens_details.image_tokens == 4160
        assert answer.usage.input_tokens_details.text_tokens == answer.usage.input_tokens == 3
        assert answer.usage.total_tokens == 4163
        assert [request.json()["prompt"] for request in api.requests] == ["A red fox"]

    def test_the_body_is_pretty_printed_in_the_recorded_order(self):
        with LocalEndpoint(clock=lambda: 1_790_000_000.75) as api:
            response = ask(api, model="gpt-image-1-mini", prompt="x")
        assert response.text.startswith('{\n  "created": 1790000000,\n  "background": "opaque",\n  "data": [\n')
        assert response.text.endswith("\n  }\n}")
        keys = ["created", "background", "data", "output_format", "quality", "size", "usage"]
        assert list(response.json()) == keys
        assert response.json()["quality"] == "medium"

    @pytest.mark.parametrize(
        ("quality", "size", "n", "tokens"),
        [
            ("low", "1024x1024", 2, 544),
            ("medium", "1024x1536", 1, 1584),
            ("high", "1536x1024", 1, 6208),
            ("low", "auto", 1, 272),
        ],
    )
    def test_usage_by_the_public_table(self, client, quality, size, n, tokens):
        answer = client.images.generate(model="gpt-image-1.5", prompt="x", quality=quality, size=size, n=n)
        assert answer.usage.output_tokens == tokens
        assert len(answer.data) == n

    @pytest.mark.parametrize(("quality", "tokens"), [("low", 344), ("high", 5265), ("xhigh", 7898), ("max", 10530)])
    def test_usage_of_a_free_size_goes_by_pixels(self, client, quality, tokens):
        answer = client.images.generate(model="gpt-image-2.5-flare", prompt="x", quality=quality, size="1536x864")
        assert answer.usage.output_tokens == tokens
        assert answer.size == "1536x864"
        assert picture(answer.data[0].b64_json).size == (1536, 864)

    def test_auto_of_a_free_size_is_a_square(self, client):
        answer = client.images.generate(model="gpt-image-2", prompt="x", size="auto", background="auto")
        assert (answer.size, answer.background) == ("1024x1024", "opaque")

    def test_several_pictures_differ(self, client):
        data = client.images.generate(model="gpt-image-1", prompt="A cat", n=3).data
        assert len({item.b64_json for item in data}) == 3

    @pytest.mark.parametrize(("file_format", "name"), [("png", "PNG"), ("webp", "WEBP"), ("jpeg", "JPEG")])
    def test_formats(self, client, file_format, name):
        answer = client.images.generate(model="gpt-image-1", prompt="A cat", output_format=file_format)
        image = picture(answer.data[0].b64_json)
        assert (image.format, image.mode, answer.output_format) == (name, "RGB", file_format)

    @pytest.mark.parametrize("file_format", ["png", "webp"])
    def test_a_transparent_background_is_an_alpha_channel(self, client, file_format):
        answer = client.images.generate(
            model="gpt-image-1", prompt="A star", background="transparent", output_format=file_format
        )
        image = picture(answer.data[0].b64_json)
        assert image.mode == "RGBA"
        assert image.getpixel((3, 3))[3] == 0
        assert image.getpixel((512, 400))[3] == 255
        assert answer.background == "transparent"

    @pytest.mark.parametrize("file_format", ["webp", "jpeg"])
    def test_compression_makes_a_smaller_file(self, client, file_format):
        best, small = (
            client.images.generate(
                model="gpt-image-1", prompt="A cat", output_format=file_format, output_compression=level
            )
            .data[0]
            .b64_json
            for level in (100, 20)
        )
        assert len(small) < len(best) * 0.7

    def test_a_gif_has_its_frames(self, client):
        answer = client.images.generate(
            model="gpt-image-2.5-sunburst",
            prompt="A red fox",
            size="1024x640",
            output_format="gif",
            frame_count=3,
            frame_duration_ms=120,
        )
        image = picture(answer.data[0].b64_json)
        assert (image.format, image.n_frames, image.info["duration"]) == ("GIF", 3, 120)

    def test_an_svg_has_its_own_usage(self, client):
        answer = client.images.generate(
            model="gpt-image-2.6-flare",
            prompt="A red star & a <square>\x00",
            output_format="svg",
            svg={"model": "gpt-5.1"},
        )
        text = base64.b64decode(answer.data[0].b64_json).decode()
        assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg" width="1024" height="1024"')
        assert "A red star &amp; a &lt;square&gt;" in text
        assert "<rect" in text
        assert 'fill="#ff0000"' in text
        assert answer.svg_usage.model == "gpt-5.1"
        assert answer.svg_usage.total_tokens == answer.svg_usage.input_tokens + answer.svg_usage.output_tokens

    def test_a_transparent_svg_is_refused_as_the_client_says(self, api):
        found = refusal(api, model="gpt-image-2.6-flare", prompt="x", output_format="svg", background="transparent")
        assert found[:2] == ("background", "invalid_value")

    def test_the_safety_identifier_comes_back_from_the_newer_models(self, client):
        asked = {"prompt": "x", "user": "u-1"}
        assert client.images.generate(model="gpt-image-2", **asked).safety_identifier == "u-1"
        assert client.images.generate(model="gpt-image-1", **asked).safety_identifier is None

    def test_dall_e_3_revises_the_prompt(self, client):
        item = client.images.generate(model="dall-e-3", prompt="A cat", response_format="b64_json").data[0]
        assert item.revised_prompt.endswith("A cat")
        assert item.url is None
        assert picture(item.b64_json).size == (1024, 1024)

    def test_the_default_model_is_dall_e_2_which_sends_urls(self, api, client):
        answer = client.images.generate(prompt="A cat", size="256x256")
        assert answer.data[0].url.startswith(api.url.removesuffix("/v1") + "/blob/img-")
        assert answer.usage is None
        assert answer.background is None

    def test_multipart_is_accepted_too(self, api):
        parts = {"prompt": (None, "A cat"), "model": (None, "gpt-image-1"), "n": (None, "2")}
        answer = form(api, GENERATIONS, parts, status=200)
        assert len(answer["data"]) == 2

    def test_an_explicit_null_is_an_omission(self, api):
        assert ask(api, model=None, prompt="x", n=None, size=None, user=None).status_code == 200


class TestPictureUrls:
    def url(self, api, **values):
        asked = {"prompt": "A green tree", "size": "256x256", **values}
        return ask(api, **asked).json()["data"][0]["url"]

    def test_the_url_serves_the_picture(self, api):
        response = HTTP.get(self.url(api))
        assert response.status_code == 200
        assert response.headers["content-type"] == "image/png"
        assert "content-encoding" not in response.headers
        assert int(response.headers["content-length"]) == len(response.content)
        assert Image.open(io.BytesIO(response.content)).size == (256, 256)

    def test_a_head_has_no_body(self, api):
        url = self.url(api)
        assert HTTP.head(url).headers["content-length"] == str(len(HTTP.get(url).content))

    def test_the_signature_is_in_the_manner_of_azure(self, api):
        names = set(httpx.URL(self.url(api)).params)
        assert {"st", "se", "sp", "sv", "sr", "skoid", "sktid", "sig"} <= names

    def test_it_expires_after_an_hour(self):
        now = [1_790_000_000.0]
        with LocalEndpoint(clock=lambda: now[0]) as api:
            url = self.url(api)
            now[0] += 3599
            assert HTTP.get(url).status_code == 200
            now[0] += 1
            late = HTTP.get(url)
        assert late.status_code == 403
        assert late.headers["content-type"] == "application/xml"
        assert late.headers["x-ms-error-code"] == "AuthenticationFailed"
        assert "Signature not valid in the specified time frame: Start [" in late.text

    @pytest.mark.parametrize("tamper", [lambda url: url.replace("se=2", "se=3"), lambda url: url[:-9]])
    def test_a_wrong_signature_is_refused(self, api, tamper):
        response = HTTP.get(tamper(self.url(api)))
        assert response.status_code == 403
        assert "Signature did not match" in response.text

    def test_no_signature_is_a_wrong_signature(self, api):
        assert HTTP.get(self.url(api).partition("?")[0]).status_code == 403

    def test_an_unknown_picture_is_404(self, api):
        response = HTTP.get(api.url.removesuffix("/v1") + "/blob/img-nothing.png?sig=x")
        assert response.status_code == 404
        assert "<Code>BlobNotFound</Code>" in response.text

    def test_the_oldest_pictures_are_forgotten(self, api, monkeypatch):
        monkeypatch.setattr("pytest_imgresponse.endpoint.local._PICTURES_KEPT", 2)
        kept, lost = self.url(api), self.url(api, user="u", prompt="1")
        self.url(api)
        newest = self.url(api, prompt="2")
        assert [HTTP.get(url).status_code for url in (kept, lost, newest)] == [200, 404, 200]


def _mask(size):
    out = io.BytesIO()
    mask = Image.new("RGBA", size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1]))
    mask.save(out, "PNG")
    return out.getvalue()


class TestEdits:
    def test_the_mask_says_where(self, client):
        answer = client.images.edit(
            model="gpt-image-1",
            image=("a.png", png((320, 320), "#3050a0")),
            mask=("m.png", _mask((320, 320))),
            prompt="A yellow sun",
        )
        image = picture(answer.data[0].b64_json)
        assert image.getpixel((900, 500)) == (0x30, 0x50, 0xA0)
        assert image.getpixel((200, 500)) != (0x30, 0x50, 0xA0)
        assert answer.usage.input_tokens_details.image_tokens == 64 * 4

    def test_without_a_mask_the_drawing_is_a_badge(self, client):
        answer = client.images.edit(model="gpt-image-1", image=("a.png", png(colour="#3050a0")), prompt="A sun")
        image = picture(answer.data[0].b64_json)
        assert image.getpixel((100, 900)) == (0x30, 0x50, 0xA0)
        assert image.getpixel((800, 200)) != (0x30, 0x50, 0xA0)

    def test_several_images_are_all_seen(self, client):
        images = [("a.png", png(colour="#3050a0")), ("b.png", png(colour="#00ff00"))]
        answer = client.images.edit(model="gpt-image-2", image=images, prompt="A sun", size="1280x720")
        assert answer.usage.input_tokens_details.image_tokens == 128
        assert picture(answer.data[0].b64_json).getpixel((90, 90)) == (0, 255, 0)

    def test_a_transparent_edit_has_clear_corners(self, client):
        answer = client.images.edit(model="gpt-image-1", image=("a.png", png()), prompt="x", background="transparent")
        image = picture(answer.data[0].b64_json)
        assert [image.getpixel(spot)[3] for spot in ((2, 2), (512, 512))] == [0, 255]

    @pytest.mark.parametrize("file_format", ["gif", "svg"])
    def test_gif_and_svg(self, api, file_format):
        fields = {"prompt": "x", "model": "gpt-image-2.5-flare", "output_format": file_format}
        fields |= {"frame_count": "2"} if file_format == "gif" else {"svg[model]": "gpt-5.1"}
        answer = form(api, "/images/edits", {"image": ("a.png", png(), "image/png")}, status=200, **fields)
        content = base64.b64decode(answer["data"][0]["b64_json"])
        if file_format == "gif":
            assert Image.open(io.BytesIO(content)).n_frames == 2
        else:
            assert b'href="data:image/png;base64,' in content
            assert answer["svg_usage"]["model"] == "gpt-5.1"

    def test_the_json_form(self, api):
        url = "data:image/png;base64," + base64.b64encode(png((300, 64), "#3050a0")).decode()
        mask = "data:image/png;base64," + base64.b64encode(_mask((300, 64))).decode()
        response = ask(
            api,
            "/images/edits",
            model="gpt-image-1",
            prompt="A sun",
            images=[{"image_url": url}],
            mask={"image_url": mask},
        )
        answer = response.json()
        assert answer["usage"]["input_tokens_details"]["image_tokens"] == 128
        assert picture(answer["data"][0]["b64_json"]).getpixel((900, 500)) == (0x30, 0x50, 0xA0)

    @pytest.mark.parametrize(
        ("images", "param", "code"),
        [
            ([{"image_url": "https://example.org/a.png"}], "images[0].image_url", "invalid_value"),
            ([{"image_url": "data:image/png;base64,@@@"}], "images[0].image_url", "invalid_value"),
            ([{"file_id": "file-1"}], "images[0].image_url", "invalid_value"),
            (["a"], "images[0]", "invalid_type"),
            ("a", "images", "invalid_type"),
            (None, "images", "missing_required_parameter"),
        ],
    )
    def test_json_images_that_are_none(self, api, images, param, code):
        found = refusal(api, "/images/edits", model="gpt-image-1", prompt="x", images=images)
        assert found[:2] == (param, code)

    @pytest.mark.parametrize("name", ["image", "image[]"])
    def test_json_with_the_names_of_the_form(self, api, name):
        found = refusal(api, "/images/edits", **{"model": "gpt-image-1", "prompt": "x", name: "a"})
        assert found[2] == (
            f"Unknown parameter: '{name}'. For application/json on /v1/images/edits, use 'images' (array)."
        )

    @pytest.mark.parametrize(
        ("files", "param", "code", "message"),
        [
            ({}, "image", "missing_required_parameter", "Missing required parameter: 'image'."),
            (
                {"image": (None, "text")},
                "image[0]",
                "invalid_type",
                "Invalid type for 'image[0]': expected a file, but got a string instead.",
            ),
            (
                {"image": ("a.svg", b"<svg/>", "image/svg+xml")},
                "image[0]",
                "unsupported_file_mimetype",
                "Invalid file 'image[0]': unsupported mimetype ('image/svg+xml'). Supported file formats are "
                "'image/jpeg', 'image/png', and 'image/webp'.",
            ),
            (
                {"image": ("a.png", png(), "image/png"), "mask": ("m.jpg", b"", "image/jpeg")},
                "mask",
                "unsupported_file_mimetype",
                "Invalid file 'mask': unsupported mimetype ('image/jpeg'). Supported file formats are 'image/png'.",
            ),
            (
                {"image": ("a.png", b"no picture", "image/png")},
                "image[0]",
                "invalid_image_file",
                "Invalid image file or mode for image 0, please check your image file.",
            ),
            (
                {"image": ("a.png", png(), "image/png"), "mask": ("m.png", _mask((9, 9)), "image/png")},
                "mask",
                "invalid_image_file",
                "Invalid mask image format - mask size does not match image size",
            ),
        ],
    )
    def test_files_that_are_refused(self, api, files, param, code, message):
        files = {"model": (None, "gpt-image-1"), "prompt": (None, "x"), **files}
        error = form(api, "/images/edits", files)["error"]
        assert (error["param"], error["code"], error["message"]) == (param, code, message)

    def test_a_mask_without_alpha_is_refused(self, api):
        out = io.BytesIO()
        Image.new("RGB", (64, 64)).save(out, "PNG")
        files = {
            "image": ("a.png", png(), "image/png"),
            "mask": ("m.png", out.getvalue(), "image/png"),
        }
        error = form(api, "/images/edits", files, model="gpt-image-1", prompt="x")["error"]
        assert error["message"] == "Invalid mask image format - mask image missing alpha channel"

    def test_too_many_images(self, api):
        files = [("image[]", ("a.png", png(), "image/png"))] * 17
        error = form(api, "/images/edits", files, model="gpt-image-1", prompt="x")["error"]
        assert (error["param"], error["code"]) == ("image", "array_above_max_length")

    def test_a_file_without_a_media_type_is_an_octet_stream(self, api):
        body = (
            b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nx\r\n'
            b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + png() + b"\r\n--b--\r\n"
        )
        headers = {"authorization": "Bearer k", "content-type": "multipart/form-data; boundary=b"}
        response = HTTP.post(api.url + "/images/edits", content=body, headers=headers)
        assert "unsupported mimetype ('application/octet-stream')" in response.json()["error"]["message"]

    def test_dall_e_2_edits_and_dall_e_3_does_not(self, api, client):
        image = ("a.png", png())
        answer = client.images.edit(model="dall-e-2", image=image, prompt="x", size="256x256")
        assert HTTP.get(answer.data[0].url).status_code == 200
        with pytest.raises(openai.BadRequestError, match="Invalid value: 'dall-e-3'"):
            client.images.edit(model="dall-e-3", image=image, prompt="x")

    @pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=other"])
    def test_a_form_that_is_none(self, api, content_type):
        headers = {"authorization": "Bearer k", "content-type": content_type}
        response = HTTP.post(api.url + "/images/edits", content=b"--b\r\n", headers=headers)
        assert response.json()["error"]["message"] == "Could not parse multipart form"

    def test_a_name_that_is_a_text_and_an_object(self, api):
        parts = [("model", (None, "gpt-image-2.5-sunburst")), ("prompt", (None, "x")), ("svg", (None, "x"))]
        parts += [("svg[model]", (None, "y")), ("image", ("a.png", png(), "image/png"))]
        error = form(api, "/images/edits", parts)["error"]
        assert (error["param"], error["code"]) == ("svg", "invalid_type")
        assert error["message"] == "Invalid type for 'svg': expected an object, but got a string instead."


class TestVariations:
    @pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
    def test_a_variation_shows_the_upload_mirrored_in_other_colours(self, client):
        out = io.BytesIO()
        upload = Image.new("RGB", (128, 128), "red")
        upload.paste("white", (0, 0, 64, 128))
        upload.save(out, "PNG")
        answer = client.images.create_variation(
            image=("a.png", out.getvalue()), n=2, size="256x256", response_format="b64_json"
        )
        first, second = (picture(item.b64_json) for item in answer.data)
        assert first.getpixel((220, 128)) == (255, 255, 255)
        assert first.getpixel((30, 128)) not in ((255, 0, 0), second.getpixel((30, 128)))

    def test_another_model_is_refused_in_the_recorded_words(self, api):
        files = {"image": ("a.png", png(), "image/png")}
        error = form(api, "/images/variations", files, model="gpt-image-1")["error"]
        assert error["message"] == "Invalid model gpt-image-1. The model argument should be left blank."

    def test_a_prompt_is_unknown_to_it(self, api):
        files = {"image": ("a.png", png(), "image/png")}
        assert form(api, "/images/variations", files, prompt="x")["error"]["code"] == "unknown_parameter"


class TestStreams:
    def test_partial_images_and_the_picture(self, client):
        plain = client.images.generate(model="gpt-image-1", prompt="A red fox")
        events = list(client.images.generate(model="gpt-image-1", prompt="A red fox", stream=True, partial_images=3))
        assert [event.type.rpartition(".")[2] for event in events] == ["partial_image"] * 3 + ["completed"]
        assert [event.partial_image_index for event in events[:-1]] == [0, 1, 2]
        assert len({event.b64_json for event in events}) == 4
        assert {picture(event.b64_json).size for event in events} == {(1024, 1024)}
        assert events[-1].b64_json == plain.data[0].b64_json
        assert events[-1].usage.total_tokens == plain.usage.total_tokens
        assert (events[0].size, events[0].quality, events[0].background) == ("1024x1024", "medium", "opaque")

    def test_each_partial_is_nearer_to_the_picture(self, client):
        *partials, done = (
            picture(event.b64_json)
            for event in client.images.generate(model="gpt-image-2", prompt="A cat", stream=True, partial_images=3)
        )
        from PIL import ImageChops, ImageStat

        errors = [sum(ImageStat.Stat(ImageChops.difference(each, done)).mean) for each in partials]
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] > 0

    def test_an_edit_streams(self, client):
        events = list(
            client.images.edit(
                model="gpt-image-1", image=("a.png", png()), prompt="x", stream=True, partial_images=1, n=2
            )
        )
        assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"] * 2

    def test_the_async_client(self, api):
        async def run():
            async with openai.AsyncOpenAI(base_url=api.url, api_key="k", max_retries=0) as client:
                stream = await client.images.generate(model="gpt-image-1", prompt="A cat", stream=True)
                return [event.type async for event in stream]

        assert asyncio.run(run()) == ["image_generation.completed"]

    def test_it_is_sent_event_by_event(self, api):
        values = {"model": "gpt-image-1", "prompt": "x", "stream": True, "partial_images": 1}
        headers = {"authorization": "Bearer k"}
        with HTTP.stream("POST", api.url + GENERATIONS, json=values, headers=headers) as response:
            body = b"".join(response.iter_raw())
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["transfer-encoding"] == "chunked"
        assert "content-encoding" not in response.headers
        assert body.count(b"\n\n") == 2
        assert body.startswith(b'event: image_generation.partial_image\ndata: {"type":')
        done = json.loads(body.split(b"data: ")[2])
        assert list(done) == [
            "type",
            "b64_json",
            "created_at",
            "size",
            "quality",
            "background",
            "output_format",
            "usage",
        ]
        assert set(done["usage"]) == {
            "input_tokens",
            "input_tokens_details",
            "output_tokens",
            "total_tokens",
        }

    def test_an_error_comes_before_the_stream(self, client):
        with pytest.raises(openai.BadRequestError) as caught:
            client.images.generate(model="gpt-image-1", prompt="something unsafe", stream=True)
        assert caught.value.code == "moderation_blocked"


class TestParameters:
    @pytest.mark.parametrize(
        ("values", "param", "code", "message"),
        [
            (
                {"model": "bad model"},
                "model",
                "invalid_value",
                "Invalid value: 'bad model'. Supported values are: 'dall-e-2', 'dall-e-3', 'gpt-image-1', ",
            ),
            (
                {"quality": "standard"},
                "quality",
                "invalid_value",
                "Invalid value: 'standard'. Supported values are: 'low', 'medium', 'high', and 'auto'.",
            ),
            (
                {"quality": 3},
                "quality",
                "invalid_type",
                "Invalid type for 'quality': expected one of 'low', 'medium', 'high', or 'auto', but got an "
                "integer instead.",
            ),
            (
                {"n": 0},
                "n",
                "integer_below_min_value",
                "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
            ),
            (
                {"n": 11},
                "n",
                "integer_above_max_value",
                "Invalid 'n': integer above maximum value. Expected a value <= 10, but got 11 instead.",
            ),
            (
                {"n": "2"},
                "n",
                "invalid_type",
                "Invalid type for 'n': expected an integer, but got a string instead.",
            ),
            ({"n": True}, "n", "invalid_type", "expected an integer, but got a boolean instead."),
            ({"n": 1.5}, "n", "invalid_type", "expected an integer, but got a decimal number instead."),
            ({"prompt": None}, "prompt", "missing_required_parameter", "Missing required parameter: 'prompt'."),
            ({"prompt": ""}, "prompt", "empty_string", "Invalid 'prompt': empty string."),
            ({"prompt": ["x"]}, "prompt", "invalid_type", "expected a string, but got an array instead."),
            (
                {"prompt": "x" * 32001},
                "prompt",
                "string_above_max_length",
                "Invalid 'prompt': string too long. Expected a string with maximum length 32000, but got a string "
                "with length 32001 instead.",
            ),
            (
                {"size": "512x512"},
                "size",
                "invalid_value",
                "Invalid value: '512x512'. Supported values are: '1024x1024', '1024x1536', '1536x1024', and 'auto'.",
            ),
            ({"background": "clear"}, "background", "invalid_value", "Invalid value: 'clear'."),
            (
                {"background": "transparent", "output_format": "jpeg"},
                "background",
                "invalid_value",
                "Transparent background is not supported for JPEG output format",
            ),
            ({"output_format": "gif"}, "output_format", "invalid_value", "Invalid value: 'gif'."),
            (
                {"output_compression": 50},
                "output_compression",
                "invalid_value",
                "Compression less than 100 is not supported for PNG output format",
            ),
            ({"output_compression": 101}, "output_compression", "integer_above_max_value", "<= 100"),
            ({"partial_images": 4}, "partial_images", "integer_above_max_value", "<= 3"),
            (
                {"response_format": "url"},
                "response_format",
                "unknown_parameter",
                "Unknown parameter: 'response_format'.",
            ),
            ({"stile": "x"}, "stile", "unknown_parameter", "Unknown parameter: 'stile'."),
            ({"stream": "yes"}, "stream", "invalid_type", "expected a boolean, but got a string instead."),
            (
                {"moderation": "off"},
                "moderation",
                "invalid_value",
                "Invalid value: 'off'. Supported values are: 'low' and 'auto'.",
            ),
            ({"frame_count": 4}, "frame_count", "unknown_parameter", "Unknown parameter: 'frame_count'."),
            ({"model": "dall-e-2", "quality": "hd"}, "quality", "unknown_parameter", "'quality'."),
            ({"model": "dall-e-2", "prompt": "x" * 1001}, "prompt", "string_above_max_length", "1000"),
            ({"model": "dall-e-2", "response_format": "gif"}, "response_format", "invalid_value", "'url' and"),
            ({"model": "dall-e-2", "stream": True}, "stream", "unknown_parameter", "'stream'."),
            ({"model": "dall-e-3", "n": 2}, "n", "integer_above_max_value", "<= 1"),
            ({"model": "dall-e-3", "style": "loud"}, "style", "invalid_value", "'loud'"),
        ],
    )
    def test_a_wrong_value_is_refused(self, api, values, param, code, message):
        found = refusal(api, **{"model": "gpt-image-1", "prompt": "x", **values})
        assert found[:2] == (param, code)
        assert message in found[2]

    @pytest.mark.parametrize(
        ("values", "param"),
        [
            ({"output_format": "gif", "stream": True}, "stream"),
            ({"output_format": "svg", "partial_images": 1}, "stream"),
            ({"output_format": "svg", "n": 2}, "n"),
            ({"output_format": "gif", "background": "transparent"}, "background"),
            ({"output_format": "gif", "frame_count": 1}, "frame_count"),
            ({"frame_duration_ms": 100}, "frame_duration_ms"),
            ({"svg": {"model": "gpt-5.1"}}, "svg"),
            ({"output_format": "svg", "svg": "gpt-5.1"}, "svg"),
        ],
    )
    def test_what_gif_and_svg_do_not_go_with(self, api, values, param):
        assert refusal(api, model="gpt-image-2.5-flare", prompt="x", **values)[0] == param

    def test_a_gif_takes_no_mask(self, api):
        files = {"image": ("a.png", png(), "image/png"), "mask": ("m.png", _mask((64, 64)), "image/png")}
        values = {"model": "gpt-image-2.5-flare", "prompt": "x", "output_format": "gif"}
        assert form(api, "/images/edits", files, **values)["error"]["param"] == "mask"

    def test_an_svg_needs_no_author(self, api):
        answer = ask(api, model="gpt-image-2.5-flare", prompt="x", output_format="svg").json()
        assert answer["svg_usage"]["model"]

    @pytest.mark.parametrize(
        ("size", "reason"),
        [
            ("big", "Expected WIDTHxHEIGHT, for example '1824x1024'."),
            ("", "Expected WIDTHxHEIGHT, for example '1824x1024'."),
            ("1000x1000", "Width and height must both be divisible by 16."),
            ("3856x2160", "The longest edge must be less than or equal to 3840."),
            ("2048x512", "The aspect ratio must be between 1:3 and 3:1."),
            ("512x512", "Requested resolution is below the current minimum pixel budget."),
            ("3840x3840", "Requested resolution is above the current maximum pixel budget."),
        ],
    )
    def test_the_limits_of_a_free_size(self, api, size, reason):
        response = ask(api, model="gpt-image-2", prompt="x", size=size)
        assert response.status_code == 400
        assert response.json()["error"] == {
            "message": f"Invalid size '{size}'. {reason}",
            "type": "image_generation_user_error",
            "param": "size",
            "code": "invalid_value",
        }

    @pytest.mark.parametrize("size", ["1024x640", "1440x480", "480x1440"])
    def test_the_smallest_and_the_longest_free_sizes(self, client, size):
        answer = client.images.generate(model="gpt-image-2-2026-04-21", prompt="x", size=size)
        assert "x".join(map(str, picture(answer.data[0].b64_json).size)) == size

    def test_numbers_and_flags_in_a_form_are_texts(self, api):
        image = {"image": ("a.png", png(), "image/png")}
        fields = {"model": "gpt-image-1", "prompt": "x"}
        assert len(form(api, "/images/edits", image, status=200, n="2", stream="false", **fields)["data"]) == 2
        for name, value in (("n", "two"), ("n", "11"), ("stream", "yes"), ("stile", "x")):
            assert form(api, "/images/edits", image, **fields, **{name: value})["error"]["param"] == name

    def test_a_generation_takes_no_files(self, api):
        image = ("a.png", png(), "image/png")
        for name in ("image", "mask"):
            error = form(api, GENERATIONS, {name: image}, prompt="x")["error"]
            assert (error["param"], error["code"]) == (name, "unknown_parameter")


class TestErrors:
    def test_no_key(self, api):
        for headers in ({}, {"authorization": "Basic abc"}, {"authorization": "Bearer"}):
            response = HTTP.post(api.url + GENERATIONS, json={"prompt": "x"}, headers=headers)
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == 'Bearer realm="OpenAI API"'
            assert response.json()["error"]["message"].startswith("You didn't provide an API key.")
            assert "openai-organization" not in response.headers

    def test_a_bad_key_is_masked(self, client):
        bad = client.with_options(api_key="sk-bad-0123456789wxyz")
        with pytest.raises(openai.AuthenticationError) as caught:
            bad.images.generate(prompt="x")
        assert caught.value.code == "invalid_api_key"
        assert caught.value.body["message"] == (
            "Incorrect API key provided: sk-bad-0*********wxyz. You can find your API key at "
            "https://platform.openai.com/account/api-keys."
        )
        assert caught.value.response.headers["www-authenticate"] == 'Bearer realm="OpenAI API"'

    def test_the_one_good_key(self):
        with LocalEndpoint(api_key="sk-bad-but-mine") as api:
            assert ask(api, key="sk-bad-but-mine", prompt="x").status_code == 200
            other = ask(api, key="sk-short", prompt="x")
        assert other.status_code == 401
        assert "provided: sk-short." in other.json()["error"]["message"]

    def test_moderation_by_the_prompt(self, client):
        with pytest.raises(openai.BadRequestError) as caught:
            client.images.generate(model="gpt-image-1", prompt="An UNSAFE thing")
        assert caught.value.body["code"] == "moderation_blocked"
        assert caught.value.body["type"] == "image_generation_user_error"
        assert caught.value.body["moderation_details"]["moderation_stage"] == "input"
        with pytest.raises(openai.BadRequestError) as caught:
            client.images.generate(model="dall-e-3", prompt="unsafe")
        assert caught.value.code == "content_policy_violation"
        client.images.generate(model="dall-e-3", prompt="An unsafely parked car")

    def test_a_rate_limit(self, api, client):
        api.fail("rate_limit_exceeded", retry_after=0.02, limit=7)
        with pytest.raises(openai.RateLimitError) as caught:
            client.images.generate(model="gpt-image-2", prompt="x")
        assert caught.value.body["message"] == (
            "Rate limit reached for gpt-image-2 (for limit gpt-image) in organization org-local0123456789 on "
            "input-images per min: Limit 7, Used 7, Requested 1. Please try again in 20ms. Visit "
            "https://platform.openai.com/account/rate-limits to learn more"
        )
        assert "param" not in caught.value.body
        headers = caught.value.response.headers
        assert (headers["retry-after"], headers["retry-after-ms"]) == ("1", "20")

    def test_the_client_retries_after_a_rate_limit(self, api, client):
        api.fail("rate_limit_exceeded", times=2, retry_after=0.001)
        answer = client.with_options(max_retries=2).images.generate(prompt="x")
        assert answer.data
        assert len(api.requests) == 3

    def test_a_server_error_names_its_request(self, api, client):
        api.fail("server_error")
        with pytest.raises(openai.InternalServerError) as caught:
            client.images.generate(prompt="x")
        assert f"request ID {caught.value.request_id} in your message" in caught.value.body["message"]
        assert client.images.generate(prompt="x").data

    @pytest.mark.parametrize(
        ("name", "kind", "message"),
        [
            ("invalid_api_key", openai.AuthenticationError, "Incorrect API key provided: sk-any-g***-key."),
            ("content_policy_violation", openai.BadRequestError, "by our safety system."),
            ("billing_hard_limit_reached", openai.BadRequestError, "Billing hard limit has been reached"),
            ("organization_unverified", openai.PermissionDeniedError, "to use the model `dall-e-2`."),
        ],
    )
    def test_other_failures(self, api, client, name, kind, message):
        api.fail(name)
        with pytest.raises(kind) as caught:
            client.images.generate(prompt="x")
        assert message in caught.value.body["message"]

    def test_details_of_a_failure(self, api, client):
        api.fail("moderation_blocked", stage="output", category="violence")
        with pytest.raises(openai.BadRequestError) as caught:
            client.images.generate(prompt="x")
        assert caught.value.body["moderation_details"] == {
            "moderation_stage": "output",
            "categories": ["violence"],
        }
        assert "safety_violations=[violence]." in caught.value.body["message"]

    @pytest.mark.parametrize(
        ("name", "arguments", "message"),
        [
            (
                "teapot",
                {},
                "no error is called 'teapot'; expected one of billing_hard_limit_reached, "
                "content_policy_violation, invalid_api_key, invalid_model, moderation_blocked, organization_unverified, "
                f"rate_limit_exceeded, server_error, unknown_parameter, or a wire fault: {', '.join(FAULTS)}",
            ),
            (["server_error"], {}, "expected the name of an error or of a wire fault; got ['server_error']"),
            ("server_error", {"color": 1}, "'server_error' has no detail 'color'; it takes none"),
            (
                "rate_limit_exceeded",
                {"after": 1, "x": 2},
                "'rate_limit_exceeded' has no detail 'after', 'x'; it takes retry_after, limit",
            ),
            (
                "rate_limit_exceeded",
                {"retry_after": "1\r\nx: y"},
                r"expected retry_after in seconds, from 0 to a day; got '1\r\nx: y'",
            ),
            (
                "rate_limit_exceeded",
                {"retry_after": True},
                "expected retry_after in seconds, from 0 to a day; got True",
            ),
            ("server_error", {"times": 0}, "expected times to be 1 or more; got 0"),
            ("server_error", {"times": True}, "expected times to be 1 or more; got True"),
            ("server_error", {"times": 1.5}, "expected times to be 1 or more; got 1.5"),
        ],
    )
    def test_failures_that_are_refused(self, name, arguments, message):
        with pytest.raises(ConfigError) as caught:
            LocalEndpoint().fail(name, **arguments)
        assert str(caught.value) == message

    def test_a_wait_of_seconds(self, api):
        api.fail("rate_limit_exceeded", retry_after=2.5)
        response = ask(api, prompt="x")
        assert (response.headers["retry-after"], response.headers["retry-after-ms"]) == ("3", "2500")
        assert "try again in 2.5s." in response.json()["error"]["message"]

    @pytest.mark.parametrize("path", ["/foo", "/images", "/images/generations/"])
    def test_an_unknown_path(self, api, path):
        response = ask(api, path)
        assert response.status_code == 404
        assert response.json() == {
            "error": {
                "message": f"Invalid URL (POST /v1{path})",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        }

    def test_a_wrong_method(self, api):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(api.url + GENERATIONS)
        with caught.value as response:
            assert response.code == 405
            assert response.headers["allow"] == "POST"
            assert "Not allowed to GET on /v1/images/generations." in response.read().decode()

    @pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"", b"[" * 100_000, b'{"n": ' + b"9" * 5000 + b"}"])
    def test_a_body_that_is_no_json_object(self, api, body):
        headers = {"authorization": "Bearer k", "content-type": "application/json"}
        response = HTTP.post(api.url + GENERATIONS, content=body, headers=headers)
        assert response.status_code == 400
        assert response.json()["error"]["message"].startswith("We could not parse the JSON body of your request.")

    def test_another_content_type(self, api):
        response = HTTP.post(api.url + "/images/variations", json={}, headers={"authorization": "Bearer k"})
        assert response.status_code == 400
        assert response.json()["error"]["message"] == (
            "Unsupported content type: 'application/json'. This API method only accepts 'multipart/form-data' "
            "requests, but you specified the header 'Content-Type: application/json'. Please try again with a "
            "supported content type."
        )

    def test_a_compressed_request(self, api):
        headers = {"authorization": "Bearer k", "content-encoding": "gzip"}
        assert HTTP.post(api.url + GENERATIONS, content=b"", headers=headers).status_code == 415


class TestHeaders:
    def test_the_real_set(self):
        with LocalEndpoint(clock=lambda: 1_790_000_000, organization="org-mine") as api:
            response = ask(api, model="gpt-image-1", prompt="x")
            again = ask(api, prompt="")
        headers = response.headers
        assert headers["date"] == "Mon, 21 Sep 2026 14:13:20 GMT"
        assert headers["content-type"] == "application/json"
        assert headers["openai-version"] == "2020-10-01"
        assert headers["openai-organization"] == "org-mine"
        assert headers["openai-project"].startswith("proj_")
        assert int(headers["openai-processing-ms"]) >= 1
        assert re.fullmatch("req_[0-9a-f]{32}", headers["x-request-id"])
        assert headers["x-request-id"] != again.headers["x-request-id"]
        cookies = headers.get_list("set-cookie")
        assert [cookie.partition("=")[0] for cookie in cookies] == ["__cf_bm", "_cfuvid"]
        assert "expires=Mon, 21 Sep 2026 14:43:20 GMT" in cookies[0]
        assert headers["server"] == "cloudflare"
        assert re.fullmatch("[0-9a-f]{16}-EWR", headers["cf-ray"])
        for name in (
            "cf-cache-status",
            "strict-transport-security",
            "x-content-type-options",
            "alt-svc",
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ):
            assert name in headers

    def test_the_client_exposes_the_request_id(self, client):
        assert client.images.generate(prompt="x")._request_id.startswith("req_")


class TestHandle:
    def test_it_answers_without_a_socket(self):
        endpoint = LocalEndpoint()
        request = HTTPRequest(
            "POST",
            "https://images.test/v1/images/generations",
            {"Authorization": "Bearer k", "Content-Type": "application/json"},
            b'{"prompt": "A cat", "size": "256x256"}',
        )
        response = endpoint.handle(request)
        assert response.status == 200
        assert endpoint.requests == (request,)
        url = response.json()["data"][0]["url"]
        assert url.startswith("https://images.test/blob/")
        assert endpoint.handle(HTTPRequest("GET", url)).body.startswith(b"\x89PNG")
        assert response.header("content-length") is None

    def test_a_url_that_is_none(self):
        assert LocalEndpoint().handle(HTTPRequest("GET", "http://[/v1")).status == 404

    def test_an_endpoint_that_has_not_started_has_no_url(self):
        with pytest.raises(ConfigError, match="has not started: use `with LocalEndpoint"):
            _ = LocalEndpoint().url

    @pytest.mark.parametrize("organization", ["", "a\r\nb", "ö"])
    def test_an_organization_that_is_none(self, organization):
        with pytest.raises(ImgResponseError, match="expected an organization of letters"):
            LocalEndpoint(organization=organization)
