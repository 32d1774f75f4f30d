"""The models read what the local API sends, and an image opens."""

from __future__ import annotations

import json

import httpx
import pytest

from pytest_imgresponse import Image, ImagesResponse, ResponseError


def test_the_answer_of_the_api_comes_back_from_its_model(api):
    fields = {"model": "gpt-image-1", "prompt": "a red fox", "quality": "low", "n": 2}
    answer = httpx.post(f"{api.url}/images/generations", json=fields, headers={"Authorization": "Bearer sk-a"})
    model = ImagesResponse.model_validate_json(answer.content)
    assert model.model_dump(mode="json", exclude_unset=True) == json.loads(answer.content)
    assert [image.open().size for image in model.data] == [(1024, 1024)] * 2
    assert model.usage.output_tokens == 2 * 272


@pytest.mark.parametrize(
    ("image", "message"), [(Image(url="http://a/"), "there is no b64_json"), (Image(b64_json="no!"), "is no base64")]
)
def test_an_image_without_a_picture(image, message):
    with pytest.raises(ResponseError, match=message):
        image.open()
