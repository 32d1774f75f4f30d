"""The real recordings, read from their eight formats into one: `Recorded`, a request and its answer.

    for recorded in images_answers():          # status 200, an images route; cached
        check(recorded.as_content(), recorded.request)

`all_recorded()` has every interaction of all files, in the order of the index. Tests skip where the folder is
not there: both functions then give nothing, and the fixture `recordings` gives the reason.

`response` is as its file stores it: a `note` of `gzip-body` or `ce=gzip-but-plain` says that header and body
disagree with what `HTTPResponse` promises. `as_content()` mends that.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from tests.conftest import RECORDINGS

OPENAI_HOSTS = ("api.openai.com", "oaidalleapiprodscus.blob.core.windows.net")


@dataclass(frozen=True)
class Recorded:
    """One interaction: its file (`folder/name`), what the index notes, the request where there is one."""

    file: str
    note: str
    request: HTTPRequest | None
    response: HTTPResponse

    def __str__(self) -> str:
        return f"{self.file} {self.route or '-'} {self.response.status}"

    @property
    def host(self) -> str:
        return urlsplit(self.request.url).netloc if self.request else ""

    @property
    def route(self) -> str:
        return urlsplit(self.request.url).path if self.request else ""

    @property
    def openai(self) -> bool:
        """Whether OpenAI sent it, or its blob store."""
        return self.host in OPENAI_HOSTS

    @property
    def images_route(self) -> bool:
        """Whether an images API was asked: `…/images`, `…/images/generations`, `…/images/edits`, …"""
        return "/images" in self.route and self.request is not None and self.request.method == "POST"

    def as_content(self) -> HTTPResponse:
        """The response without its content-encoding: body inflated, header dropped, Content-Length true."""
        stored = self.response
        if stored.header("content-encoding") is None:
            return stored
        body = gzip.decompress(stored.body) if stored.body.startswith(b"\x1f\x8b") else stored.body
        kept = [pair for pair in stored.headers if pair[0].lower() != "content-encoding"]
        return HTTPResponse(stored.status, _with_length(kept, body), body, reason=stored.reason)


def images_answers() -> tuple[Recorded, ...]:
    """Those with status 200 and an images route, OpenAI's and those of compatible servers."""
    return tuple(each for each in all_recorded() if each.response.status == 200 and each.images_route)


@lru_cache(maxsize=1)
def all_recorded() -> tuple[Recorded, ...]:
    """Every interaction of every file; nothing where the folder is not there."""
    if not RECORDINGS.is_dir():
        return ()
    index = json.loads((RECORDINGS / "index.json").read_text(encoding="utf-8"))
    return tuple(recorded for entry in index for recorded in _read(entry))


def _read(entry: dict[str, Any]) -> Iterator[Recorded]:
    path = RECORDINGS / entry["file"]
    notes = [(interaction["note"] or "").strip() for interaction in entry["interactions"]]
    pairs = list(_READERS[path.parent.name](path))
    assert len(pairs) == len(notes), entry["file"]
    for note, (request, response) in zip(notes, pairs, strict=True):
        yield Recorded(entry["file"], note, request, response)


Pair = tuple[HTTPRequest | None, HTTPResponse]


class _Loader(yaml.CSafeLoader):
    """Knows the tag that Ruby gives to bytes, `!binary`, as YAML's own `!!binary`."""


_Loader.add_constructor("!binary", yaml.CSafeLoader.construct_yaml_binary)


def _yaml(path: Path) -> Any:
    return yaml.load(path.read_bytes(), _Loader)


def _vcrpy(path: Path) -> Iterator[Pair]:
    """vcrpy, and pydantic-ai's form of it with the JSON of a body as YAML under `parsed_body`."""
    for item in _yaml(path)["interactions"]:
        asked, answered = item["request"], item["response"]
        content = _bytes(asked.get("body")) or _dumped(asked.get("parsed_body"))
        request = HTTPRequest(asked["method"].upper(), asked["uri"], _pairs(asked["headers"]), content)
        status, headers = answered["status"], _pairs(answered["headers"])
        if "parsed_body" in answered:
            body = pretty(answered["parsed_body"])
            headers = _with_length(headers, body)
        else:
            body = _bytes(answered["body"]["string"])
        yield request, HTTPResponse(status["code"], headers, body, reason=status["message"] or "")


def _cassetter(path: Path) -> Iterator[Pair]:
    """cassetter: bodies as `{type: json, content: …}`, the status a number."""
    for item in _yaml(path)["interactions"]:
        asked, answered = item["request"], item["response"]
        content = _dumped(asked["body"]["content"])
        body = pretty(answered["body"]["content"])
        yield (
            HTTPRequest(asked["method"], asked["uri"], _pairs(asked["headers"]), content),
            HTTPResponse(answered["status"], _with_length(_pairs(answered["headers"]), body), body),
        )


def _ruby(path: Path) -> Iterator[Pair]:
    """Ruby VCR: bodies as `string` or `base64_string`, a method in lower case."""

    def content(body: dict[str, Any]) -> bytes:
        packed = body.get("base64_string")
        return base64.b64decode(packed) if packed is not None else _bytes(body["string"])

    for item in _yaml(path)["http_interactions"]:
        asked, answered = item["request"], item["response"]
        yield (
            HTTPRequest(asked["method"].upper(), asked["uri"], _pairs(asked["headers"]), content(asked["body"])),
            HTTPResponse(
                answered["status"]["code"],
                _pairs(answered["headers"]),
                content(answered["body"]),
                reason=answered["status"]["message"] or "",
            ),
        )


def _go(path: Path) -> Iterator[Pair]:
    """go-vcr, version 2 of its format: the status in `code`, an inflated body marked `uncompressed`."""
    for item in _yaml(path)["interactions"]:
        asked, answered = item["request"], item["response"]
        yield (
            HTTPRequest(asked["method"], asked["url"], _pairs(asked.get("headers", {})), _bytes(asked.get("body"))),
            HTTPResponse(
                answered["code"],
                _pairs(answered["headers"]),
                _bytes(answered["body"]),
                reason=answered["status"].partition(" ")[2],
            ),
        )


def _har(path: Path) -> Iterator[Pair]:
    """HAR 1.2 by Polly.js: compressed bodies are JSON arrays of base64 chunks."""
    for item in json.loads(path.read_bytes())["log"]["entries"]:
        asked, answered = item["request"], item["response"]
        text = answered["content"].get("text", "")
        packed = answered["content"].get("encoding") == "base64"
        body = b"".join(base64.b64decode(chunk) for chunk in json.loads(text)) if packed else text.encode()
        sent = asked.get("postData", {}).get("text", "").encode()
        yield (
            HTTPRequest(asked["method"], asked["url"], _named(asked["headers"]), sent),
            HTTPResponse(answered["status"], _named(answered["headers"]), body, reason=answered["statusText"]),
        )


def _dotnet(path: Path) -> Iterator[Pair]:
    """The Azure SDK's session records: bodies as JSON; what no JSON is was left out."""
    for item in json.loads(path.read_bytes())["Entries"]:
        body = pretty(item["ResponseBody"])
        yield (
            HTTPRequest(
                item["RequestMethod"],
                item["RequestUri"],
                _pairs(item["RequestHeaders"]),
                _dumped(item["RequestBody"]),
            ),
            HTTPResponse(item["StatusCode"], _with_length(_pairs(item["ResponseHeaders"]), body), body),
        )


def _body(path: Path) -> Iterator[Pair]:
    """A body alone, or the data of events, one a line."""
    content = path.read_bytes()
    if path.suffix == ".json":
        yield None, HTTPResponse(200, {"content-type": "application/json"}, content)
        return
    stream = b"".join(b"data: %s\n\n" % line for line in content.splitlines())
    yield None, HTTPResponse(200, {"content-type": "text/event-stream"}, stream)


_READERS: dict[str, Callable[[Path], Iterator[Pair]]] = {
    "vcrpy": _vcrpy,
    "vcrpy-parsed": _vcrpy,
    "cassetter": _cassetter,
    "ruby-vcr": _ruby,
    "go-vcr": _go,
    "har": _har,
    "dotnet": _dotnet,
    "body": _body,
}


def _bytes(text: str | bytes | None) -> bytes:
    return text.encode() if isinstance(text, str) else text or b""


def _dumped(value: Any) -> bytes:
    """A request's JSON, as clients write it; nothing for None."""
    return b"" if value is None else json.dumps(value, separators=(",", ":")).encode()


def _pairs(headers: dict[str, Any]) -> list[tuple[str, str]]:
    """Headers whose values are texts or lists of texts."""
    return [
        (name, str(value)) for name, held in headers.items() for value in (held if isinstance(held, list) else [held])
    ]


def _named(headers: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(header["name"], header["value"]) for header in headers]


def _with_length(headers: list[tuple[str, str]], body: bytes) -> list[tuple[str, str]]:
    """With a Content-Length, where there is one, that is true of a body that was written anew."""
    return [(name, str(len(body)) if name.lower() == "content-length" else value) for name, value in headers]
