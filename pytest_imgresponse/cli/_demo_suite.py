"""The suite that `imgresponse demo` writes: its texts, and the client that it is written for."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from pathlib import Path

_CLIENTS = {"openai": "OpenAI", "httpx2": "Client", "httpx": "Client"}
"""The HTTP clients that the suite can use, the preferred first, and the class that it needs of each."""

_INI = """\
[pytest]
# This file makes its folder a root directory of its own: the cassettes lie beside it.
testpaths = test_demo.py
"""

_HEAD = '''\
"""Tests of code that asks an images API for pictures; `imgresponse demo` wrote them.

`pytest` replays the cassettes: it needs no key and sends nothing.
`pytest --imgresponse-record=rewrite` records them afresh, from the API that
OPENAI_BASE_URL names, or else from OpenAI.
"""

'''

_OPENAI = """\
import base64
from pathlib import Path

import openai
import pytest

MODEL = {"model": "gpt-image-2.5-flare", "quality": "low"}

# The code under test. Yours lies in a module of its own.


def draw(client, prompt, **options):
    try:
        answer = client.images.generate(prompt=prompt, **MODEL, **options)
    except openai.BadRequestError as error:
        raise ValueError(error.message) from error
    return base64.b64decode(answer.data[0].b64_json)


def redraw(client, picture, prompt):
    answer = client.images.edit(prompt=prompt, image=picture, **MODEL)
    return base64.b64decode(answer.data[0].b64_json)


# The tests.


@pytest.fixture
def client():
    with openai.OpenAI() as client:  # it reads OPENAI_API_KEY and OPENAI_BASE_URL
        yield client
"""

_HTTPX = """\
import base64
import os
from pathlib import Path

import HTTPX
import pytest

MODEL = {"model": "gpt-image-2.5-flare", "quality": "low"}

# The code under test. Yours lies in a module of its own.


def draw(client, prompt, **options):
    order = {"prompt": prompt, **MODEL, **options}
    return picture_of(client.post("/images/generations", json=order))


def redraw(client, picture, prompt):
    order = {"prompt": prompt, **MODEL}
    files = {"image": (picture.name, picture.read_bytes(), "image/png")}
    return picture_of(client.post("/images/edits", data=order, files=files))


def picture_of(answer):
    if answer.status_code == 400:
        raise ValueError(answer.json()["error"]["message"])
    answer.raise_for_status()
    return base64.b64decode(answer.json()["data"][0]["b64_json"])


# The tests.


@pytest.fixture
def client():
    url = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
    headers = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    with HTTPX.Client(base_url=url, headers=headers, timeout=300) as client:
        yield client
"""

_URLLIB = """\
import base64
import json
import os
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest

MODEL = {"model": "gpt-image-2.5-flare", "quality": "low"}

# The code under test. Yours lies in a module of its own.


def draw(client, prompt, **options):
    body = json.dumps({"prompt": prompt, **MODEL, **options}).encode()
    return client("/images/generations", body, "application/json")


def redraw(client, picture, prompt):
    boundary = uuid.uuid4().hex
    opening = f"--{boundary}\\r\\nContent-Disposition: form-data; name="
    order = {"prompt": prompt, **MODEL}
    form = [f'{opening}"{name}"\\r\\n\\r\\n{order[name]}\\r\\n' for name in order]
    form += [f'{opening}"image"; filename="{picture.name}"\\r\\n']
    form += ["Content-Type: image/png\\r\\n\\r\\n"]
    ending = f"\\r\\n--{boundary}--\\r\\n"
    body = "".join(form).encode() + picture.read_bytes() + ending.encode()
    return client("/images/edits", body, f"multipart/form-data; boundary={boundary}")


def ask(path, body, content_type):
    url = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1") + path
    key = f"Bearer {os.environ['OPENAI_API_KEY']}"
    headers = {"Authorization": key, "Content-Type": content_type}
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return base64.b64decode(json.load(answer)["data"][0]["b64_json"])
    except urllib.error.HTTPError as error:
        with error:
            if error.code != 400:
                raise
            raise ValueError(json.load(error)["error"]["message"]) from error


# The tests.


@pytest.fixture
def client():
    return ask
"""

_TESTS = """

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
    assert sketch.read_bytes() in imgresponse.requests[0].body


def test_an_error_is_an_answer(client, imgresponse):
    with pytest.raises(ValueError, match="100x100"):
        draw(client, "a stamp", size="100x100")
    assert imgresponse.last.status == 400
"""


def installed_client() -> tuple[str, str]:
    """The client that the suite uses, and its name and version for people."""
    for name, needed in _CLIENTS.items():
        try:  # what is found need not be importable, so ask for no less than the import
            module = import_module(name)
        except ImportError:
            continue
        if hasattr(module, needed):
            return name, f"{name} {getattr(module, '__version__', '')}".rstrip()
    return "urllib", "urllib.request"


def write_suite(folder: Path, client: str) -> None:
    """The suite in a folder that is new or empty. Raises `OSError`."""
    code = {"openai": _OPENAI, "urllib": _URLLIB}.get(client, _HTTPX.replace("HTTPX", client))
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in {
        "pytest.ini": _INI.encode(),
        "sketch.png": _sketch(),
        "test_demo.py": (_HEAD + code + _TESTS).encode(),
    }.items():
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
