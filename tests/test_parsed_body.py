"""Cassettes of pydantic-ai's serializer, which keeps JSON bodies as values: read, replayed, and never lost."""

from __future__ import annotations

import base64
import json
import math
import re

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_imgresponse import CassetteDecodeError, UnrecordedRequestError, replay
from pytest_imgresponse.cassette.document import parse
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.images.make import make_picture

URL = "https://api.openai.com/v1/images/generations"
PICTURE = make_picture("png", 8, 8)
ORDER = {"model": "gpt-image-2", "prompt": "ein Füchslein 🦊", "n": 1, "background": None, "stream": False}
ANSWER = {
    "created": 1762000000,
    "data": [{"b64_json": base64.b64encode(PICTURE).decode(), "revised_prompt": "yes"}],
    "cost": 0.04,
    "usage": {"total_tokens": 1, "10": [1e-7, -3, True, None, "2025-01-01", "1_000", "", "null"]},
}


def written(order: object, answer: object, **headers: str) -> str:
    """As `json_body_serializer.py` writes it (pydantic-ai, tests)."""
    asked = {"headers": {"content-type": ["application/json"]}, "method": "POST", "parsed_body": order, "uri": URL}
    answered = {
        "headers": {"content-type": ["application/json"], **{name: [value] for name, value in headers.items()}},
        "parsed_body": answer,
        "status": {"code": 200, "message": "OK"},
    }
    data = {"interactions": [{"request": asked, "response": answered}], "version": 1}
    return yaml.dump(data, allow_unicode=True, width=120)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "fox.yaml"
    path.write_text(written(ORDER, ANSWER, **{"content-length": "7", "content-encoding": "br"}), encoding="utf-8")
    return path


@pytest.mark.usefixtures("no_sockets")
def test_it_replays_by_value(path):
    with replay(path) as cassette:
        answer = httpx.post(URL, content=json.dumps(ORDER, indent=4), headers={"content-type": "application/json"})
    assert answer.json() == ANSWER
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "content-encoding" not in answer.headers
    assert cassette.images[0].size == (8, 8)
    with (
        replay(path),
        pytest.raises(UnrecordedRequestError, match="prompt: recorded 'ein Füchslein 🦊', asked 'a dog'"),
    ):
        httpx.post(URL, json={**ORDER, "prompt": "a dog"})


def test_the_interaction_says_so(path):
    (interaction,) = Store(path).load()
    assert interaction.by_value
    Store(path).save([interaction])
    (again,) = Store(path).load()
    assert not again.by_value
    assert again == interaction


@pytest.mark.parametrize("record", ["new_episodes", "all"])
def test_saving_keeps_the_prompt_and_the_picture(path, api, record):
    order = {"model": "dall-e-2", "prompt": "a dog", "size": "256x256"}
    with replay(path, record=record):
        httpx.post(f"{api.url}/images/generations", json=order, headers={"authorization": "Bearer sk-0123456789"})
    assert "ein Füchslein 🦊" in path.read_text(encoding="utf-8")
    assert "parsed_body" not in path.read_text(encoding="utf-8")
    assert path.with_name("fox-1.png").read_bytes() == PICTURE
    with replay(path):
        assert httpx.post(URL, json=ORDER).json() == ANSWER


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(json_values)
def test_every_value_is_the_one_that_was_written(value):
    text = written([value], [value])  # YAML takes U+0085 for a line break, so what was meant may be another value
    (expected,) = yaml.safe_load(text)["interactions"][0]["request"]["parsed_body"]
    (interaction,) = parse(text, "here", lambda name, digest: pytest.fail("no file"))
    for body in (interaction.request.http().body, interaction.response.http().body):
        (read,) = json.loads(body)
        assert json.dumps(read) == json.dumps(expected)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x1F", 31),
        ("1_000", 1000),
        ("1:30", 90),
        (".5", 0.5),
        ("off", False),
        ("2025-01-01", "2025-01-01"),
        ("'5'", "5"),
        ("!!int '5'", 5),
        ("!!str 5", "5"),
        ("{parsed_body: 5, 5: 5}", {"parsed_body": 5, "5": 5}),
        ("x" * 5000, "x" * 5000),
    ],
)
def test_scalars_are_those_of_yaml(text, value):
    source = written("here", 1).replace("parsed_body: here", f"parsed_body: {text}\n    other: 5")
    (interaction,) = parse(source, "here", lambda name, digest: pytest.fail("no file"))
    assert json.loads(interaction.request.http().body) == value


def test_infinity_is_told_as_python_writes_it():
    (interaction,) = parse(written(math.inf, 1), "here", lambda name, digest: pytest.fail("no file"))
    assert interaction.request.http().body == b"Infinity"


def test_no_value_is_no_body():
    (interaction,) = parse(written(None, 1), "here", lambda name, digest: pytest.fail("no file"))
    assert interaction.request.http().body == b""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1" * 5000, "a number has 5000 characters: 4300 are the most"),
        ("1:" * 3000 + "1", "a number has 6001 characters"),
        ("!!binary eA==", "Object of type bytes is not JSON serializable"),
        ("!!timestamp 2025-01-01", None),
    ],
)
def test_what_is_no_json_value(text, message):
    source = written("here", 1).replace("parsed_body: here", f"parsed_body: {text}")
    if message is None:
        assert parse(source, "here", lambda name, digest: pytest.fail("no file"))[0].request.body.text == '"2025-01-01"'
        return
    with pytest.raises(CassetteDecodeError, match=re.escape(message)):
        parse(source, "here", lambda name, digest: pytest.fail("no file"))
