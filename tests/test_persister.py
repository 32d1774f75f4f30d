"""`ImagePersister`: our files under plain vcrpy."""

from __future__ import annotations

import json

import httpx
import pytest
import vcr
from vcr.serializers import yamlserializer

from pytest_imgresponse import CassetteDecodeError, ConfigError, ImagePersister, replay

FIELDS = {"model": "dall-e-2", "prompt": "a red fox", "size": "256x256", "response_format": "b64_json"}


@pytest.fixture
def my_vcr():
    my_vcr = vcr.VCR(record_mode="once")
    my_vcr.register_persister(ImagePersister)
    return my_vcr


@pytest.fixture
def ask(api):
    def ask():
        headers = {"Authorization": "Bearer sk-live-0123456789"}
        return httpx.post(f"{api.url}/images/generations", json=FIELDS, headers=headers)

    return ask


def test_plain_vcrpy_keeps_pictures_as_files(my_vcr, ask, api, tmp_path):
    path = tmp_path / "shop" / "fox.yaml"
    with my_vcr.use_cassette(path):
        first = ask()
    names = sorted(entry.name for entry in path.parent.iterdir())
    assert names == [".gitattributes", "fox-1.png", "fox.yaml"]
    assert b"sk-live" not in path.read_bytes()
    with my_vcr.use_cassette(path) as cassette:
        assert ask().content == first.content
        assert cassette.play_count == 1
    assert len(api.requests) == 1


def test_a_damaged_cassette_does_not_go_live(my_vcr, ask, api, tmp_path):
    (tmp_path / "fox.yaml").touch()
    with pytest.raises(CassetteDecodeError, match="the file is empty"), my_vcr.use_cassette(tmp_path / "fox.yaml"):
        ask()
    assert api.requests == ()


def test_both_read_what_the_other_wrote(my_vcr, ask, api, tmp_path):
    with replay(tmp_path / "ours", record="once"):
        ours = ask()
    with my_vcr.use_cassette(tmp_path / "theirs.yaml"):
        theirs = ask()
    with my_vcr.use_cassette(tmp_path / "ours.yaml", match_on=["method", "path"]):
        assert ask().content == ours.content
    with replay(tmp_path / "theirs"):
        assert ask().content == theirs.content
    assert len(api.requests) == 2


class Shouting:
    """A serializer of one's own."""

    @staticmethod
    def deserialize(text):
        return json.loads(text.lower())

    @staticmethod
    def serialize(data):
        return json.dumps(data).upper()


@pytest.mark.parametrize(
    ("name", "serializer", "told"),
    [
        ("json", None, "vcr.serializers.jsonserializer"),
        ("shout", Shouting, "got Shouting"),
        ("shout", Shouting(), "got Shouting"),
        ("yaml", yamlserializer.with_custom_tags({}), "got _CustomTagSerializer"),
    ],
)
def test_another_serializer_is_refused_before_anything_is_sent(my_vcr, ask, api, tmp_path, name, serializer, told):
    path = tmp_path / "fox.json"
    path.write_text('{"version": 1, "interactions": []}')
    if serializer is not None:
        my_vcr.register_serializer(name, serializer)
    with (
        pytest.raises(ConfigError, match=f"fox.json: ImagePersister writes YAML .*{told}"),
        my_vcr.use_cassette(path, serializer=name, record_mode="all"),
    ):
        ask()
    assert api.requests == ()
    with pytest.raises(ConfigError, match="ImagePersister writes YAML"):
        ImagePersister.save_cassette(path, {"requests": [], "responses": []}, serializer)
    assert path.read_text() == '{"version": 1, "interactions": []}'
