"""Damaged cassettes: what is replayed is what was recorded, or it is refused; `IMGRESPONSE_ATTACK_SIZE` says how often.

A digit that is changed within the JSON of a body is an edit, and no reader can tell it from what was recorded. So what
comes back must be the recorded answer, or the one that the file now says, by another reader of YAML than ours; and
never what stands in the place of a picture.
"""

from __future__ import annotations

import base64
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import yaml

from pytest_imgresponse import CassetteError, LocalEndpoint, replay
from pytest_imgresponse.images.make import make_picture
from tests.conftest import attack_size

Answer = tuple[int, bytes]
REFERENCE = re.compile(r"imgresponse:v1:([^#\s\"\\/]+)#([0-9a-f]{64})(?:#(slash|plus))?")
# What a reference leaves behind when its mark is damaged: the name of a file beside a hash. A hash alone is what a server may say.
REST = re.compile(r"imgr\w*:v\d|\.(?:png|jpg|webp|gif|svg|bin)\W?[0-9a-f]{20}")
KEY = {"authorization": "Bearer sk-live-0123456789"}
SKETCH = make_picture("png", 256, 256)


@dataclass
class Recording:
    """A folder with a cassette, and what was asked and answered when it was made."""

    folder: Path
    asked: list[httpx.Request]
    answered: list[Answer]

    @property
    def path(self) -> Path:
        return self.folder / "fox.yaml"


def requests_to(url: str, client: httpx.Client, picture: str) -> list[httpx.Request]:
    small = {"model": "dall-e-2", "size": "256x256", "response_format": "b64_json"}
    stream = {"model": "gpt-image-2", "prompt": "a blue fox", "stream": True, "partial_images": 1, "quality": "low"}
    form = {"model": "dall-e-2", "prompt": "a hat", "size": "256x256", "response_format": "b64_json"}
    return [
        client.build_request(
            "POST", f"{url}/images/generations", json={**small, "prompt": "ein Füchslein 🦊"}, headers=KEY
        ),
        client.build_request("POST", f"{url}/images/generations", json={**small, "prompt": "two", "n": 2}, headers=KEY),
        client.build_request("POST", f"{url}/images/generations", json=stream, headers=KEY),
        client.build_request(
            "POST", f"{url}/images/edits", data=form, files={"image": ("a.png", SKETCH, "image/png")}, headers=KEY
        ),
        client.build_request("POST", f"{url}/images/generations", json={**small, "size": "1x1"}, headers=KEY),
        client.build_request("GET", picture),
    ]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10) as client:
        yield client


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, client: httpx.Client) -> Recording:
    folder = tmp_path_factory.mktemp("recorded")
    order = {"model": "dall-e-2", "prompt": "a url", "size": "256x256", "response_format": "url"}
    with LocalEndpoint() as api:
        picture = client.post(f"{api.url}/images/generations", json=order, headers=KEY).json()["data"][0]["url"]
        asked = requests_to(api.url, client, picture)
        with replay(folder / "fox", record="once"):
            answered = [(answer.status_code, answer.content) for answer in map(client.send, asked)]
    for request in asked:
        request.read()
    return Recording(folder, asked, answered)


# --- what a file says, by another reader than ours ---------------------------------------------------------------


class NotTrue(Exception):
    """The file says what nothing may be replayed from."""


def filled(text: str, folder: Path) -> bytes:
    """A body with its pictures. Raises `NotTrue` where one is not what it was."""

    def bytes_of(found: re.Match[str]) -> bytes:
        try:
            data = (folder / found[1]).read_bytes()
        except (OSError, ValueError) as error:
            raise NotTrue from error
        if sha256(data).hexdigest() != found[2]:
            raise NotTrue
        return data

    def payload(found: re.Match[str]) -> str:
        character, escape = {"slash": ("/", "\\/"), "plus": ("+", "\\u002B"), None: ("", "")}[found[3]]
        return base64.b64encode(bytes_of(found)).decode().replace(character or "\0", escape)

    if (whole := REFERENCE.fullmatch(text)) is not None:
        return bytes_of(whole)
    if REST.search(REFERENCE.sub("", text)):
        raise NotTrue
    return REFERENCE.sub(payload, text).encode()


def parts_of(body: bytes, boundary: bytes, content: Callable[[bytes], bytes]) -> list[tuple[bytes, bytes]]:
    """The fields of a form, by name; `content` makes of each what was sent."""
    found = []
    for piece in body.split(b"--" + boundary)[1:-1]:
        head, _, rest = piece.partition(b"\r\n\r\n")
        name = re.search(rb' name="([^"]*)"', head)
        found.append((name[1] if name else b"", content(rest.removesuffix(b"\r\n"))))
    return sorted(found)


def meaning(method: str, url: str, headers: dict[str, str], body: bytes, content: Callable[[bytes], bytes]) -> object:
    """What a request asks for, whatever the port, the query (which is signed) and the way its body is written."""
    where = (method.upper(), re.sub(r"^http://127\.0\.0\.1(?::\d+)?|\?.*", "", url))
    kind = headers.get("content-type", "")
    if (boundary := re.search("boundary=(.+)", kind)) is not None:
        return where, parts_of(body, boundary[1].encode(), content)
    try:
        return where, json.dumps(json.loads(content(body) if body else "null"), sort_keys=True)
    except ValueError:
        return where, body


def said(recording: Recording) -> list[tuple[object, Answer | None]]:
    """Each request of a file, with its answer; None for one that may not be given. Raises `NotTrue`."""
    try:
        data = yaml.load(recording.path.read_bytes().decode("utf-8-sig"), Loader=yaml.BaseLoader)
        assert data["version"] == "1"
        items = data["interactions"]
        return [pair for item in items for pair in _pair(item, recording.folder)]
    except (
        yaml.YAMLError,
        UnicodeDecodeError,
        KeyError,
        TypeError,
        AttributeError,
        ValueError,
        AssertionError,
    ) as error:
        raise NotTrue from error


def _pair(item: dict, folder: Path) -> Iterator[tuple[object, Answer | None]]:
    request, response = item["request"], item["response"]
    headers = {name.lower(): values[0] for name, values in request["headers"].items() if values}
    body = "" if request["body"] in ("null", "~") else request["body"]
    try:
        asked = meaning(
            request["method"], request["uri"], headers, body.encode(), lambda sent: filled(sent.decode(), folder)
        )
    except NotTrue:
        return
    try:
        yield asked, (int(response["status"]["code"]), filled(response["body"]["string"], folder))
    except NotTrue:
        yield asked, None


def judge(recording: Recording, changed: Recording, client: httpx.Client) -> str:
    """What becomes of a changed cassette: `refused`, `same` or `edited`. Fails where it is anything else."""
    outcomes = set()
    try:
        with replay(changed.path):
            for request, recorded in zip(recording.asked, recording.answered, strict=True):
                try:
                    answer = client.send(request)
                except CassetteError:
                    outcomes.add("refused")
                    continue
                got = (answer.status_code, answer.content)
                if got == recorded:
                    outcomes.add("same")
                    continue
                asked = meaning(
                    request.method, str(request.url), dict(request.headers), request.content, lambda sent: sent
                )
                try:
                    now = [answer for told, answer in said(changed) if told == asked]
                except NotTrue:
                    now = []
                assert got in now, f"asked {asked!r}, got {got!r}, recorded was {recorded!r}; the file says {now!r}"
                outcomes.add("edited")
    except CassetteError:
        return "refused"
    return "refused" if "refused" in outcomes else "edited" if "edited" in outcomes else "same"


# --- mutations ---------------------------------------------------------------------------------------------------

Mutation = Callable[[Path, random.Random], None]
MUTATIONS: list[Mutation] = []


def mutation(function: Mutation) -> Mutation:
    MUTATIONS.append(function)
    return function


def of_the_text(change: Callable[[str, random.Random], str]) -> None:
    def mutate(folder: Path, chance: random.Random) -> None:
        path = folder / "fox.yaml"
        path.write_bytes(change(path.read_bytes().decode(), chance).encode("utf-8", "surrogatepass"))

    mutate.__name__ = change.__name__
    MUTATIONS.append(mutate)


def position(text: str, chance: random.Random) -> int:
    """Anywhere, or as often within what makes a cassette: its references, its keys, its last lines."""
    kind = chance.randrange(3)
    if kind == 0:
        found = chance.choice(list(REFERENCE.finditer(text)))
        return chance.randrange(max(0, found.start() - 3), found.end() + 3)
    if kind == 1:
        found = chance.choice(list(re.finditer(r"(?m)^ *[- ]*[\w-]+:.{0,3}$|version.*\n", text)))
        return chance.randrange(found.start(), min(len(text), found.end() + 1))
    return chance.randrange(len(text))


@mutation
def byte_flipped(folder: Path, chance: random.Random) -> None:
    data = bytearray((folder / "fox.yaml").read_bytes())
    at = len(bytes(data).decode()[: position(bytes(data).decode(), chance)].encode())
    data[min(at, len(data) - 1)] ^= 1 << chance.randrange(8)
    (folder / "fox.yaml").write_bytes(bytes(data))


@of_the_text
def character_changed(text: str, chance: random.Random) -> str:
    at = position(text, chance)
    other = chance.choice("0123456789abcdefABCDEF#:-|>\"'{}[],&*!%@`\\ \n\t\r?~x\u2028\x85🦊\0")
    return text[:at] + chance.choice((other, "", other + text[at : at + 1])) + text[at + 1 :]


@of_the_text
def cut(text: str, chance: random.Random) -> str:
    return text[: position(text, chance)]


@of_the_text
def beginning_lost(text: str, chance: random.Random) -> str:
    return text[position(text, chance) :]


@of_the_text
def middle_lost(text: str, chance: random.Random) -> str:
    first, second = sorted((position(text, chance), position(text, chance)))
    return text[:first] + text[second:]


@of_the_text
def lines_moved(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            del lines[first]
        case 1:
            lines.insert(second, lines[first])
        case 2:
            lines[first], lines[second] = lines[second], lines[first]
        case 3:
            lines[first] = chance.choice((" ", "  ", "\t", "#")) + lines[first]
        case _:
            lines[first] = lines[first].removeprefix(" ")
    return "".join(lines)


@of_the_text
def interactions_moved(text: str, chance: random.Random) -> str:
    head, *items = text.removesuffix("version: 1\n").split("- request:\n")
    first, second = chance.randrange(len(items)), chance.randrange(len(items))
    match chance.randrange(4):
        case 0:
            del items[first]
        case 1:
            items.insert(second, items[first])
        case 2:
            items[first], items[second] = items[second], items[first]
        case _:
            asked, answered = items[first].split("  response:\n"), items[second].split("  response:\n")
            items[first] = asked[0] + "  response:\n" + answered[1]
    return "- request:\n".join([head, *items]) + "version: 1\n"


@of_the_text
def reference_changed(text: str, chance: random.Random) -> str:
    found, other = (chance.choice(list(REFERENCE.finditer(text))) for _ in range(2))
    name, digest = found[1], found[2]
    at = chance.randrange(64)
    new = chance.choice(
        (
            other[0],
            f"imgresponse:v1:{other[1]}#{digest}",
            f"imgresponse:v1:{name}#{other[2]}",
            f"imgresponse:v2:{name}#{digest}",
            f"imgresponse:v1:{name}#{digest[:at]}{chance.choice('0123456789abcdefgA ')}{digest[at + 1 :]}",
            f"imgresponse:v1:{name}#{digest.upper()}",
            f"imgresponse:v1:{name}#{digest[:-1]}",
            f"imgresponse:v1:{name}#{digest}#{chance.choice(('slash', 'plus', 'other', ''))}",
            f"imgresponse:v1:../{name}#{digest}",
            f"imgresponse:v1:{name}.bak#{digest}",
            f"IMGRESPONSE:v1:{name}#{digest}",
            f"imgresponse:v1 :{name}#{digest}",
            f"{name}#{digest}",
            f"{found[0]} ",
            f" {found[0]}",
            f"{found[0]}{found[0]}",
            f"{found[0]}0",
            f"x{found[0]}",
            found[0].upper(),
            "",
        )
    )
    return text[: found.start()] + new + text[found.end() :]


@mutation
def picture_changed(folder: Path, chance: random.Random) -> None:
    pictures = sorted(path for path in folder.iterdir() if path.suffix == ".png")
    path, other = chance.choice(pictures), chance.choice(pictures)
    data = path.read_bytes()
    at = chance.randrange(len(data))
    match chance.randrange(9):
        case 0:
            path.write_bytes(data[:at])
        case 1:
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :])
        case 2:
            path.write_bytes(data + b"\n")
        case 3:
            path.unlink()
        case 4:
            path.write_bytes(other.read_bytes())
            other.write_bytes(data)
        case 5:
            path.write_bytes(b"")
        case 6:
            path.unlink()
            path.mkdir()
        case 7:
            path.write_bytes(data.replace(b"\n", b"\r\n"))  # as Git does where it takes it for text
        case _:
            path.rename(path.with_suffix(".jpg"))


@of_the_text
def written_by_another(text: str, chance: random.Random) -> str:
    data = yaml.safe_load(text)
    if chance.randrange(4) == 0:
        return json.dumps(data, indent=chance.choice((None, 2)), ensure_ascii=chance.randrange(2) == 0)
    return yaml.dump(
        data,
        Dumper=chance.choice((yaml.SafeDumper, yaml.CSafeDumper)),
        default_flow_style=chance.choice((None, True, False)),
        default_style=chance.choice((None, None, '"', "'", "|", ">")),
        canonical=chance.randrange(8) == 0,
        indent=chance.choice((2, 4, 8)),
        width=chance.choice((20, 80, 10_000)),
        allow_unicode=chance.randrange(2) == 0,
        line_break=chance.choice(("\n", "\r\n", "\r")),
        explicit_start=chance.randrange(2) == 0,
        explicit_end=chance.randrange(2) == 0,
        sort_keys=chance.randrange(2) == 0,
    )


@of_the_text
def saved_by_an_editor(text: str, chance: random.Random) -> str:
    return chance.choice(
        (
            text.replace("\n", "\r\n"),
            "\ufeff" + text,
            text.rstrip("\n"),
            text + "\n\n",
            re.sub(r"[ \t]+\n", "\n", text),
            text.replace("\n", " \n"),
            text.replace("  ", "\t"),
            text.expandtabs(4),
            text.encode("latin-1", "replace").decode("latin-1"),
            text.replace("ü", "u\u0308"),
            text + "...\n",
            "---\n" + text,
            text + "---\n" + text,
            text + text,
            "# a comment\n" + text,
            "<<<<<<< ours\n" + text + "=======\n" + text + ">>>>>>> theirs\n",
        )
    )


@pytest.fixture
def changed(recording: Recording, tmp_path: Path) -> Iterator[Callable[[], Recording]]:
    def fresh() -> Recording:
        shutil.rmtree(tmp_path / "changed", ignore_errors=True)
        shutil.copytree(recording.folder, tmp_path / "changed")
        return Recording(tmp_path / "changed", recording.asked, recording.answered)

    return fresh


@pytest.mark.usefixtures("no_sockets")
def test_the_recording_replays_and_the_other_reader_agrees(recording, client):
    assert judge(recording, recording, client) == "same"
    told = said(recording)
    for request, answer in zip(recording.asked, recording.answered, strict=True):
        asked = meaning(request.method, str(request.url), dict(request.headers), request.content, lambda sent: sent)
        assert (asked, answer) in told
    assert len(list(recording.folder.glob("fox-*.png"))) == 8


@pytest.mark.usefixtures("no_sockets")
@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda function: function.__name__)
def test_what_is_damaged_is_refused_or_harmless(recording, changed, client, mutate):
    outcomes: dict[str, int] = {}
    for number in range(max(1, attack_size(60) // len(MUTATIONS))):
        chance = random.Random(f"{mutate.__name__} {number}")
        damaged = changed()
        mutate(damaged.folder, chance)
        try:
            outcome = judge(recording, damaged, client)
        except Exception as error:
            error.add_note(f"{mutate.__name__}, number {number}:\n{damaged.path.read_bytes()!r}")
            raise
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    print(f"{mutate.__name__}: {outcomes}")  # for `pytest -rP`
