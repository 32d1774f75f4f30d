"""A cassette's YAML: interactions to text, and text to interactions. No disk here.

The layout is vcrpy's (`interactions`, then `version: 1`), so vcrpy's own loader reads it. The version comes last: a
file without it was cut off.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pybase64
import yaml

from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.cassette.payloads import Body, File
from pytest_imgresponse.cassette.yaml_tree import PARSED_BODY, tree_of
from pytest_imgresponse.encodings import MOST_GROWTH, SMALL_GROWTH, remove_encoding, request_body
from pytest_imgresponse.errors import CassetteDecodeError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse, Pairs

WAY_OUT = "restore it from version control, or record the cassette again (--imgresponse-record=rewrite)"
HEADER, END = "interactions:", "version: 1\n"
MOST_INTERACTIONS = 10_000
MOST_FILES = 1000
"""Files of one interaction."""
MOST_HEADERS = 1000
"""Headers of one message: servers and clients refuse far fewer."""
LONGEST_TEXT = 2**18
"""Characters of a URL, or of one header."""
_LONGEST_PROBLEM = 1000
Resolve = Callable[[str, str], File]

# What a literal block gives back unchanged: no tab or carriage return, no mark that YAML takes for a line
# break or strips (U+0085, U+2028, U+2029, U+FEFF), nothing unprintable (YAML 1.1, section 5.1).
_READABLE = "\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
_LITERAL = re.compile(f"[\n{_READABLE}]*")
# What has to be escaped within quotes (YAML 1.1, section 5.7): a blank too where a line begins with it.
_TO_ESCAPE = re.compile(rf'^ |["\\]|[^{_READABLE}]')
_ESCAPES = {" ": "\\ ", '"': '\\"', "\\": "\\\\", "\r": "\\r", "\t": "\\t"}
# What vcrpy has beside a body, and the version of HTTP.
_KNOWN = ("method", "uri", "headers", "status", "status_code", "body", "url", "http_version")
_FOREIGN = (
    ("http_interactions", "a Ruby VCR cassette"),
    ("log", "a HAR file"),
    ("Entries", "a session record of the Azure SDK"),
)


class _Dumper(yaml.SafeDumper):
    """PyYAML's own dumper in Python: the C one escapes what lies beyond the basic plane, emoji too."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML would write some marks as they are in a plain scalar, and read them as line breaks.
    style = None if _LITERAL.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_values(dumper: yaml.SafeDumper, values: tuple[str, ...]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(tuple, _represent_values)


def dump(interaction: Interaction, name_of: Callable[[File], str]) -> str:
    """One interaction as an item of the list `interactions`; a cassette is the header and its items."""
    request, response = interaction.request, interaction.response
    body = _block(request.body.renamed(name_of), 6) if request.body.text else " null"
    version = {"http_version": response.http_version} if response.http_version else {}  # which vcrpy hands on
    return _item(request, response, body, _block(response.body.renamed(name_of), 8), version)


def dump_inline(request: HTTPRequest, response: HTTPResponse) -> str:
    """The same with the whole bodies in it and no references: an item as vcrpy itself reads it."""
    body = _inline(request.body, 6) if request.body else " null"
    return _item(request, response, body, _inline(response.body, 8), {})


def _item(
    request: Request | HTTPRequest,
    response: Response | HTTPResponse,
    body: str,
    string: str,
    version: Mapping[str, str],
) -> str:
    """An item with these bodies, which are YAML already."""
    asked = {"method": request.method, "uri": request.url, "headers": _grouped(request.headers)}
    status = {"code": response.status, "message": response.reason}
    answered = {"status": status, **version, "headers": _grouped(response.headers)}
    return (
        f"- request:\n{_yaml(asked, 4)}    body:{body}\n"
        f"  response:\n{_yaml(answered, 4)}    body:\n      string:{string}\n"
    )


def _inline(content: bytes, indent: int) -> str:
    try:
        return _block(content.decode(), indent)
    except UnicodeDecodeError:
        return f" !!binary {pybase64.b64encode_as_string(content)}"


def _yaml(data: dict[str, Any], indent: int) -> str:
    text = yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=2**30)
    return textwrap.indent(text, " " * indent)


def _block(text: str, indent: int) -> str:
    """A text as a literal block, indented so far; in quotes where YAML cannot hold it in one.

    Written here and not by PyYAML, whose emitter looks at each character several times: seconds for a payload
    that stays inline.
    """
    if not text or not _LITERAL.fullmatch(text):
        return f" {_quoted(text, indent)}"
    # YAML 1.1, sections 9.2.1 and 9.2.2: where the content begins, and which breaks at its end belong to it.
    begins = "2" if text[0] in " \n" else ""
    ends = "-" if text[-1] != "\n" else "+" if text.endswith("\n\n") or text == "\n" else ""
    lines = [" " * indent + line if line else "" for line in text.removesuffix("\n").split("\n")]
    return " |" + begins + ends + "\n" + "\n".join(lines)


def _quoted(text: str, indent: int) -> str:
    """A text in quotes; one of several lines, as a multipart form is, in as many, their ends escaped."""
    *lines, last = (_TO_ESCAPE.sub(_escape, line) for line in text.split("\n"))
    if not lines:
        return f'"{last}"'
    pieces = [f"{line}\\n" for line in lines] + ([last] if last else [])
    # A break behind a backslash is none, and neither are the blanks that follow it.
    between = "\\\n" + " " * indent
    return f'"{between}{between.join(pieces)}"'


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _ESCAPES.get(found[0]) or (
        f"\\x{code:02X}" if code < 2**8 else f"\\u{code:04X}" if code < 2**16 else f"\\U{code:08X}"
    )


def join(items: Sequence[str]) -> str:
    """A cassette's text from those of its interactions."""
    return f"{HEADER}\n{''.join(items)}{END}" if items else f"{HEADER} []\n{END}"


def parse(text: str, where: str, resolve: Resolve) -> list[Interaction]:
    """The interactions of a cassette's text, ours or one that plain vcrpy wrote.

    Raises `CassetteDecodeError`, which begins with `where`.
    """
    if not text.strip():
        raise CassetteDecodeError(f"{where}: the file is empty; {WAY_OUT}")
    try:
        data = tree_of(text)
    except (yaml.YAMLError, ValueError) as error:
        problem = _short(" ".join(str(error).split()) or type(error).__name__)
        raise CassetteDecodeError(f"{where}: not a cassette that can be read: {problem}; {WAY_OUT}") from error
    items = data.get("interactions") if isinstance(data, dict) else None
    if not isinstance(items, list):
        kind = next((k for key, k in _FOREIGN if isinstance(data, dict) and key in data), "no vcrpy cassette")
        raise CassetteDecodeError(
            f"{where}: this is {kind}: expected a mapping with `version: 1` and a list `interactions`; {WAY_OUT}"
        )
    if "version" not in data:
        raise CassetteDecodeError(f"{where}: it was cut off: its last line is not `version: 1`; {WAY_OUT}")
    if (version := data["version"]) != "1":
        got = _short(repr(version)) if isinstance(version, str) else f"a {type(version).__name__}"
        raise CassetteDecodeError(f"{where}: expected `version: 1`, as vcrpy writes it; got {got}; {WAY_OUT}")
    if len(items) > MOST_INTERACTIONS:
        raise CassetteDecodeError(f"{where}: it holds {len(items)} interactions: {MOST_INTERACTIONS} are the most")
    interactions, room = [], _Room(len(text))
    for number, item in enumerate(items, 1):
        try:
            interactions.append(_interaction(item, resolve, room))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = _short(f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error))
            raise CassetteDecodeError(f"{where}: interaction {number} cannot be read: {problem}; {WAY_OUT}") from error
    return interactions


def _short(problem: str) -> str:
    """What a stranger's file says is not all repeated."""
    return problem if len(problem) <= _LONGEST_PROBLEM else f"{problem[:_LONGEST_PROBLEM]}…"


def _grouped(headers: Pairs) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, tuple[str, ...]] = {}
    for name, value in headers:
        grouped[name] = (*grouped.get(name, ()), value)
    return grouped


class _Room:
    """How much the bodies of a cassette may grow when their content-encoding is removed, all together."""

    def __init__(self, length: int) -> None:
        self._left = SMALL_GROWTH + MOST_GROWTH * length

    def without_encoding(self, sent: HTTPResponse) -> HTTPResponse:
        """Raises `ValueError` where there is no room for it."""
        answer = remove_encoding(sent, self._left)
        self._left -= len(answer.body) - len(sent.body)
        return answer

    def request_body(self, sent: HTTPRequest) -> bytes:
        """The same for a request."""
        body = request_body(sent, self._left)
        self._left -= len(body) - len(sent.body)
        return body


def _interaction(item: Mapping[str, Any], resolve: Resolve, room: _Room) -> Interaction:
    request, response = _request(item["request"], resolve, room), _response(item["response"], resolve, room)
    if (others := [name for name in item if name not in ("request", "response")]) and not response.body.text:
        raise ValueError(f"its response has no body, and beside it stands {others[0]!r}: it is damaged")
    if (files := len({*request.body.files, *response.body.files})) > MOST_FILES:
        raise ValueError(f"it has {files} pictures and other files: {MOST_FILES} are the most")
    by_value = any(PARSED_BODY in item[part] for part in ("request", "response"))
    return Interaction(request, response, by_value=by_value)


def _refuse_other_bodies(data: Mapping[str, Any], part: str) -> None:
    """Raises `ValueError` for a body under another name: read as empty, it would be lost when the cassette is saved."""
    body = data.get("body")
    there = PARSED_BODY in data or "content" in data or body is not None
    for name in data:
        if name not in ("body", PARSED_BODY) and ("body" in name or not (there or name in _KNOWN)):
            raise ValueError(f"its {part} has {name!r} in the place of `body`: another serializer wrote it")
    if PARSED_BODY in data and body is not None:
        raise ValueError(f"its {part} has `body` and {PARSED_BODY!r}: which of them was sent is not known")


def _dumped(value: object) -> bytes:
    """The bytes of a JSON value: as most clients write it, since how it was written is not known."""
    return b"" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _request(data: Mapping[str, Any], resolve: Resolve, room: _Room) -> Request:
    method, url, headers = _text(data["method"]).upper(), _text(data["uri"]), _pairs(data.get("headers"))
    urlsplit(url)  # raises ValueError for one that is none
    _refuse_other_bodies(data, "request")
    if PARSED_BODY in data:
        return Request.of(HTTPRequest(method, url, headers, _dumped(data[PARSED_BODY])), room.request_body)
    body = data.get("body")
    if isinstance(body, str):
        request = Request(method, url, headers)
        return replace(request, body=Body.stored(body, resolve, request.content_type))
    return Request.of(HTTPRequest(method, url, headers, _bytes(body)), room.request_body)


def _response(data: Mapping[str, Any], resolve: Resolve, room: _Room) -> Response:
    headers = _pairs(data["headers"])
    version = _text(data.get("http_version") or "")
    _refuse_other_bodies(data, "response")
    if "status_code" in data:  # vcrpy before 8.2 wrote httpx's answers so
        status, reason, body = _status(data["status_code"]), "", data.get("content")
    else:
        status, reason = _status(data["status"]["code"]), _text(data["status"].get("message") or "")
        if not data.keys() & {"body", PARSED_BODY}:
            raise ValueError("its response has no `body`, which vcrpy always writes")
        body = _string(data.get("body"))
    if PARSED_BODY in data:  # in the clear, whatever the headers say, and of another length
        headers = tuple((name, value) for name, value in headers if name.lower() != "content-encoding")
        sent = HTTPResponse(status, headers, _dumped(data[PARSED_BODY]), reason=reason)
        return Response.of(room.without_encoding(sent))
    if not isinstance(body, str):
        sent = HTTPResponse(status, headers, _bytes(body), reason=reason, http_version=version)
        return Response.of(sent if sent.header("content-encoding") is None else room.without_encoding(sent))
    response = Response(status, reason, headers, Body(), version)
    response = replace(response, body=Body.stored(body, resolve, response.header("content-type")))
    if response.header("content-encoding") is None or response.body.is_one_file:
        return response
    return Response.of(room.without_encoding(response.http()))


def _string(body: object) -> object:
    """The body of a response, which vcrpy writes one level deeper than that of a request."""
    if body is None or (isinstance(body, dict) and "string" in body):
        return body and body["string"]
    found = [*body] if isinstance(body, dict) else type(body).__name__
    raise ValueError(f"its response has {found} as `body`, without `string`: it is damaged, or of another serializer")


def _pairs(headers: Mapping[str, Any] | None) -> Pairs:
    pairs = []
    for name, values in (headers or {}).items():
        several = values if isinstance(values, list | tuple) else [values]
        pairs += [(name, v.decode("latin-1") if isinstance(v, bytes) else _text(v)) for v in several]
    if len(pairs) > MOST_HEADERS:
        raise ValueError(f"it has {len(pairs)} headers: {MOST_HEADERS} are the most")
    if any("\n" in text or "\r" in text for pair in pairs for text in pair):
        raise ValueError("a header holds a line break")
    return tuple(pairs)


def _text(value: object) -> str:
    """A text, and not what a stranger's YAML may have in its place: to print that may take for ever."""
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} stands where a text is expected")
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"beside its bodies stands a text of {len(value)} characters: {LONGEST_TEXT} are the most")
    return value


def _status(value: object) -> int:
    if not re.fullmatch("[1-9][0-9]{2}", _text(value)):
        raise ValueError(f"{value!r} is no status")
    return int(_text(value))


def _bytes(body: object) -> bytes:
    """A body as vcrpy may have written it: text, bytes, the chunks of an iterator, or nothing."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes):
        return body
    if isinstance(body, list) and all(isinstance(chunk, str | bytes) for chunk in body):
        return b"".join(map(_bytes, body))
    raise TypeError(f"a body of type {type(body).__name__} is neither text nor bytes")
