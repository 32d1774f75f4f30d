"""Record and replay a small suite on this machine: no API key, no network.

Writes the suite into a new folder, records it from an images API that runs on the loopback for as long as that
takes, replays it when that API is gone, and says what happened and where the cassettes and pictures lie.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

from pytest_imgresponse import ConfigError

_say = partial(print, flush=True)  # what happens is told as it happens
_KEY = "sk-imgresponse-demo"
_CLIENTS = {"openai": "OpenAI", "httpx2": "Client", "httpx": "Client"}
"""The HTTP clients that the suite can use, the preferred first, and the class that it needs of each."""
_OUTCOMES = {"failure": "failed", "error": "failed", "skipped": "skipped"}  # by the tags of JUnit XML
_SHOWN_LINES = 32
_SHOWN_COLUMNS = 110

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


@dataclass(frozen=True)
class _Run:
    """A run of the suite."""

    exit_code: int
    output: str
    seconds: float
    outcomes: dict[str, str]

    @property
    def passed(self) -> bool:
        return self.exit_code == 0 and set(self.outcomes.values()) == {"passed"}

    def __str__(self) -> str:
        outcomes = list(self.outcomes.values())
        counts = [f"{outcomes.count(outcome)} {outcome}" for outcome in sorted(set(outcomes))]
        return f"{', '.join(counts) or 'no test ran'} in {self.seconds:.1f} s"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("imgresponse-demo"),
        metavar="FOLDER",
        help="where to write the suite: a new or an empty folder (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write, record, replay, tell. 0 where all of it went well, else 1; `ConfigError` for an occupied folder."""
    folder: Path = arguments.folder
    try:
        _refuse_occupied(folder)
        client, described = _client()
        _write_suite(folder, client)
    except OSError as error:
        print(f"imgresponse demo: the suite could not be written to {folder}: {error}", file=sys.stderr)
        return 1
    _say(f"The suite is {folder / 'test_demo.py'}; its client is {described}.")

    from pytest_imgresponse import LocalEndpoint

    with LocalEndpoint() as endpoint:
        _say(f"\n1. Record   pytest --imgresponse-record=once\n   An images API is started at {endpoint.url}.")
        recorded = _pytest(folder, "--imgresponse-record=once", OPENAI_BASE_URL=endpoint.url, OPENAI_API_KEY=_KEY)
    _say(f"   {recorded}; the API answered {len(endpoint.requests)} requests.")
    if not recorded.passed:
        return _failed(recorded)

    _say("\n2. Replay   pytest --imgresponse-block-network\n   The API is stopped, and there is no key.")
    replayed = _pytest(folder, "--imgresponse-block-network", OPENAI_BASE_URL=endpoint.url)
    if not replayed.passed:
        _say(f"   {replayed}.")
        return _failed(replayed)
    _say(f"   {replayed}; no request was sent: nothing listens at {endpoint.url} any more.")

    width = max(map(len, recorded.outcomes))
    _say(f"\n   {'':{width}}   recorded   replayed")
    for name, outcome in recorded.outcomes.items():
        _say(f"   {name:{width}}   {outcome:8}   {replayed.outcomes.get(name, 'not run')}")
    _tell_files(folder)
    _tell_next(folder)
    return 0


def _client() -> tuple[str, str]:
    """The client that the suite uses, and its name and version for people."""
    for name, needed in _CLIENTS.items():
        try:  # what is found need not be importable, so ask for no less than the import
            module = import_module(name)
        except ImportError:
            continue
        if hasattr(module, needed):
            return name, f"{name} {getattr(module, '__version__', '')}".rstrip()
    return "urllib", "urllib.request"


def _refuse_occupied(folder: Path) -> None:
    if folder.is_dir():
        held = sorted(entry.name for entry in folder.iterdir())
        if not held:
            return
        what = f"it holds {', '.join(held[:3])}{' and more' if len(held) > 3 else ''}"
    elif os.path.lexists(folder):
        what = "it is no folder"
    else:
        return
    raise ConfigError(
        f"expected a new or an empty folder; got {str(folder)!r}: {what}. Name another one (imgresponse demo FOLDER), "
        f"or remove this one; nothing was written"
    )


def _write_suite(folder: Path, client: str) -> None:
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


def _pytest(folder: Path, *options: str, **variables: str) -> _Run:
    """Run the suite in a process of its own. The plugin is named in case autoloading is off."""
    command = [sys.executable, "-m", "pytest", "-p", "imgresponse", "-p", "no:cacheprovider", "--color=no", *options]
    with tempfile.TemporaryDirectory(prefix="imgresponse-demo-") as place:
        report = Path(place) / "report.xml"
        began = time.perf_counter()
        process = subprocess.run(  # noqa: S603 - this interpreter and these options
            [*command, f"--junitxml={report}"],
            cwd=folder,
            env=_environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        seconds = time.perf_counter() - began
        outcomes = dict(_outcomes(report))
    return _Run(process.returncode, process.stdout.decode("utf-8", "replace"), seconds, outcomes)


def _environment(variables: dict[str, str]) -> dict[str, str]:
    """Ours without what leads elsewhere: the user's API key and account, proxies, the options of other runs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("OPENAI_") and not name.upper().endswith("_PROXY") and name != "PYTEST_ADDOPTS"
    }
    # NO_PROXY because, without any variable, Python asks the operating system for a proxy.
    return {
        **kept,
        "NO_PROXY": "127.0.0.1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        **variables,
    }


def _outcomes(report: Path) -> Iterator[tuple[str, str]]:
    """The tests of a JUnit report by name: whatever plugins do to the terminal, it stays the same."""
    if not report.exists():
        return
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - our pytest wrote it
        found = (_OUTCOMES[child.tag] for child in case if child.tag in _OUTCOMES)
        yield case.get("name", ""), next(found, "passed")


def _failed(failed: _Run) -> int:
    _say(f"\nThe demo did not go well. What pytest said (exit code {failed.exit_code}):\n\n{failed.output}")
    return 1


def _tell_files(folder: Path) -> None:
    rows = list(_tree(folder, "   "))
    width = max(len(label) for label, _ in rows)
    _say(f"\nThe files in {folder.resolve()}")
    for label, size in rows:
        _say(f"{label:{width}}   {size:>9}".rstrip())
    first = min((folder / "cassettes").rglob("*.yaml"))
    lines = first.read_text(encoding="utf-8").splitlines()
    _say(f"\nHow {first.relative_to(folder).as_posix()} begins")
    for line in lines[:_SHOWN_LINES]:
        _say(f"   | {line if len(line) <= _SHOWN_COLUMNS else line[: _SHOWN_COLUMNS - 3] + '...'}".rstrip())


def _tree(folder: Path, indent: str) -> Iterator[tuple[str, str]]:
    """The files below a folder, before its folders; each with its size."""
    for entry in sorted(folder.iterdir(), key=lambda entry: (entry.is_dir(), entry.name)):
        if entry.is_dir():
            yield f"{indent}{entry.name}/", ""
            yield from _tree(entry, f"{indent}  ")
        else:
            size = entry.stat().st_size
            yield f"{indent}{entry.name}", f"{size} bytes" if size < 1000 else f"{size / 1000:.1f} kB   "


def _tell_next(folder: Path) -> None:
    join = subprocess.list2cmdline if os.name == "nt" else shlex.join
    beside = Path(shutil.which("pytest") or "").parent == Path(sys.executable).parent
    command = "pytest" if beside else join([sys.executable, "-m", "pytest"])
    _say(
        f"\nNext: cd {join([str(folder)])}\n\n"
        f"   {command}\n"
        f"      replays again: no key, and nothing is sent.\n\n"
        f"   {command} --imgresponse-record=rewrite\n"
        f"      records OpenAI's answers instead: set OPENAI_API_KEY, leave OPENAI_BASE_URL unset. It costs three\n"
        f"      pictures of low quality, some US cents in all (https://openai.com/api/pricing); the error is free.\n\n"
        f"Delete the folder before you run a suite around it: that one would collect these tests too."
    )
