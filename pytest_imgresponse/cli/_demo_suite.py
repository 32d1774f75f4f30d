"""The suite that `imgresponse demo` writes: for the official client, or for a stand-in of the standard library."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from pathlib import Path

_INI = """\
[pytest]
# This file makes its folder a root directory of its own: the cassettes lie beside it.
testpaths = test_demo.py
"""

_SUITE = '''\
"""Tests of code that asks an images API for pictures; `imgresponse demo` wrote them.

`pytest` replays the cassettes: it needs no key and sends nothing.
`pytest --imgresponse-record=rewrite` records them afresh, from the API that
OPENAI_BASE_URL names, or else from OpenAI.
"""

import base64
IMPORTS

MODEL = {"model": "gpt-image-2.5-flare", "quality": "low"}

# The code under test. Yours lies in a module of its own.


def draw(client, prompt, **options):
    try:
        answer = client.images.generate(prompt=prompt, **MODEL, **options)
    except BadRequestError as error:
        raise ValueError(error.message) from error
    return base64.b64decode(answer.data[0].b64_json)


def redraw(client, picture, prompt):
    answer = client.images.edit(prompt=prompt, image=picture, **MODEL)
    return base64.b64decode(answer.data[0].b64_json)


# The tests.


@pytest.fixture
def client():
    with OpenAI() as client:  # it reads OPENAI_API_KEY and OPENAI_BASE_URL
        yield client


@pytest.fixture(scope="session")
def imgresponse_config():
    # Recorded on this machine; with the host left out, they replay for any host.
    return {"match_on": ["method", "path", "query", "body"]}


@pytest.mark.imgresponse
def test_a_marker_is_enough(client):
    assert draw(client, "a red fox in the snow").startswith(b"\\x89PNG")


def test_the_fixture_knows_the_answer(client, imgresponse):
    draw(client, "a paper boat", output_format="webp", background="transparent")
    [picture] = imgresponse.images  # opened by Pillow
    assert picture.format == "WEBP"
    assert picture.size == (1024, 1024)
    assert picture.mode == "RGBA"
    assert imgresponse.responses[0].usage.output_tokens > 0


def test_an_upload_is_recorded_too(client, imgresponse):
    sketch = Path(__file__).with_name("sketch.png")
    assert redraw(client, sketch, "the same house at night") != sketch.read_bytes()
    recorded = imgresponse.cassette.with_name("test_an_upload_is_recorded_too-1.png")
    assert recorded.read_bytes() == sketch.read_bytes()


def test_an_error_is_an_answer(client, imgresponse):
    with pytest.raises(ValueError, match="100x100"):
        draw(client, "a stamp", size="100x100")
    assert imgresponse.last.status == 400
'''

_OFFICIAL_CLIENT = """\
from pathlib import Path

import pytest
from openai import BadRequestError, OpenAI"""

_STAND_IN = """\
import json
import os
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

# As much of the client in `openai`, which is not installed here, as these tests need.


class BadRequestError(Exception):
    def __init__(self, message):
        self.message = message


class OpenAI:
    def __enter__(self):
        self.images = self
        return self

    def __exit__(self, *error):
        pass

    def generate(self, **order):
        return self.post("generations", order)

    def edit(self, image, **order):
        data = base64.b64encode(image.read_bytes()).decode()
        images = [{"image_url": f"data:image/png;base64,{data}"}]
        return self.post("edits", {"images": images, **order})

    def post(self, route, order):
        url = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
        key = f"Bearer {os.environ['OPENAI_API_KEY']}"
        headers = {"Authorization": key, "Content-Type": "application/json"}
        body = json.dumps(order).encode()
        request = Request(f"{url}/images/{route}", body, headers)
        try:
            with urlopen(request, timeout=300) as answer:
                return json.load(answer, object_hook=lambda it: SimpleNamespace(**it))
        except HTTPError as error:
            with error:
                if error.code != 400:
                    raise
                raise BadRequestError(json.load(error)["error"]["message"]) from error
"""


def official_client() -> str | None:
    """The name and version of the official client; None where there is none, or a broken or an old one."""
    try:  # what is found need not be importable, so ask for no less than the import
        openai = import_module("openai")
    except ImportError:
        return None
    return f"openai {openai.__version__}" if hasattr(openai, "OpenAI") else None


def write_suite(folder: Path, *, official: bool) -> None:
    """The suite in a folder that is new or empty, for the official client or the stand-in. Raises `OSError`."""
    suite = _SUITE.replace("IMPORTS", _OFFICIAL_CLIENT if official else _STAND_IN)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in {"pytest.ini": _INI.encode(), "sketch.png": _sketch(), "test_demo.py": suite.encode()}.items():
        with (folder / name).open("xb") as file:
            file.write(data)


def _sketch() -> bytes:
    """A house. A file, since a picture that each run draws anew would match only while Pillow stays the same."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (256, 256), "#fbf7ef")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 200, 256, 256), fill="#9dbf8a")
    pen.rectangle((64, 120, 192, 216), fill="#e9c46a", outline="#3d405b", width=4)
    pen.polygon([(48, 122), (128, 52), (208, 122)], fill="#e07a5f", outline="#3d405b")
    pen.rectangle((84, 142, 116, 172), fill="#8ecae6", outline="#3d405b", width=4)
    pen.rectangle((140, 156, 172, 216), fill="#3d405b")
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
