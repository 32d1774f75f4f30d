"""Redaction: what identifies or authorises is replaced by fixed placeholders before it is saved or compared.

Three rules, each for what the others cannot see: headers by an allow-list; values by the name that stands
beside them (in JSON, query, form, multipart), by the shape of a known key or id, or because the same exchange
carried them in a header; and what the user adds. Pictures are exempt: their references are set aside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pybase64

from pytest_imgresponse.cassette import kept_headers
from pytest_imgresponse.cassette.interaction import Pairs, Request, Response
from pytest_imgresponse.cassette.payloads import REFERENCE, Body, File
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import HTTPRequest

REDACTED = "REDACTED"

KEPT_IN_REQUEST = frozenset({"accept", "content-type"})

_KEY_NAMES = (
    r"[\w-]*(?:api|access|account|private|secret|signing|subscription|shared|encryption|fal)[-_]?key(?:[-_]?id)?"
    r"|(?:[\w-]*(?:access|api|app|auth|bearer|bot|csrf|hf|id|jwt|oauth|refresh|security|session|user|xsrf))?[-_]?token"
    r"|(?:proxy-)?authorization|[\w-]*passw(?:or)?d|[\w-]*secret|[\w-]*credentials?|[\w-]*signature"
    r"|(?:set-)?cookies?|jwt|connection[-_]?string"
)
_ID_NAMES = (
    r"user(?:[-_]?(?:id|name))?|[\w-]*e[-_]?mail|org(?:ani[sz]ation)?(?:[-_]?id)?|project(?:[-_]?id)?"
    r"|account(?:[-_]?id)?|tenant(?:[-_]?id)?|customer[-_]?id|session(?:[-_]?id)?"
    r"|safety[-_]?identifier|openai-(?:organization|project)"
)
_NUMBERED = r"(?:user|org(?:ani[sz]ation)?|project|account|tenant|customer|session)[-_]?id"
# Shared access signatures and presigned URLs: Azure, AWS, Google, CloudFront, Akamai, Aliyun, Tencent,
# Volcengine; and Google's `key`.
_QUERY_NAMES = (
    r"key|code|auth|auth[-_]?key|sig|sign|hmac|skoid|sktid|policy|key-pair-id|[\w-]*access[-_]?(?:key)?[-_]?id"
    r"|[\w-]*credential|q-ak|hdne?[at]s?|__token__"
)


class _Rule(NamedTuple):
    """A pattern and what replaces it, tried where one of the characters that it needs occurs (in lower case)."""

    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str


_SHAPES = tuple(
    _Rule(needs, re.compile(pattern), replacement)
    for needs, pattern, replacement in (
        # OpenAI's keys, also as its 401 message masks them, and its ids
        (("sk-",), r"(?<![\w-])sk-(?=[\w-]*[\d*])[\w*-]{8,}", "sk-redacted"),
        (("org-",), r"(?<![\w-])org-(?!redacted\b)[A-Za-z0-9]{8,}", "org-redacted"),
        (("proj_",), r"(?<![\w-])proj_(?!redacted\b)[A-Za-z0-9]{8,}", "proj_redacted"),
        (("req_",), r"(?<![\w-])req_(?!redacted\b)[A-Za-z0-9]{8,}", "req_redacted"),
        (("user", "sess"), r"(?<![\w-])(user|sess)([-_])(?=[A-Za-z]*\d)[A-Za-z0-9]{12,}", r"\1\2redacted"),
        (("in organi",), r"(?i)\b(in organi[sz]ation )(?!org-redacted|REDACTED)[^\s.,\"\\]+", r"\1org-redacted"),
        (("request",), r"(?i)\b(request[ _-]?id:?\s+)(?!req_redacted)(?=[A-Za-z_-]*\d)[\w-]{8,}", r"\1req_redacted"),
        # RFC 6750 and RFC 7617, where a message quotes the header
        (("bearer", "basic"), r"(?i)\b(bearer|basic)(\s+)(?=[^\s\"]*\d)[\w.~+/=-]{16,}", rf"\1\2{REDACTED}"),
        # JSON Web Tokens (RFC 7519)
        (("eyj",), r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", REDACTED),
        # AWS, Google, Hugging Face, Replicate, xAI, Groq, GitHub, Together, fal: as their documents give the form
        (("akia", "asia"), r"(?<![A-Za-z0-9+/])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9+/])", REDACTED),
        (("aiza",), r"(?<![\w-])AIza[\w-]{35}", REDACTED),
        (("hf_", "r8_", "gsk_"), r"(?<![\w-])(?:hf|r8|gsk)_[A-Za-z0-9]{20,}", REDACTED),
        (("xai-",), r"(?<![\w-])xai-[A-Za-z0-9]{20,}", REDACTED),
        (("gh",), r"(?<![\w-])gh[pousr]_[A-Za-z0-9]{30,}", REDACTED),
        (("tgp_v1_",), r"(?<![\w-])tgp_v1_[\w-]{20,}", REDACTED),
        ((":",), r"(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9a-f]{32}(?![\w-])", REDACTED),
        # RFC 3986, section 3.2.1
        (("@",), r"((?:https?|wss?):\\?/\\?/)[^/\s\"'@\\<>?#]+@", r"\1redacted@"),
    )
)
# A server on the loopback draws its port anew for each run.
_PORT = _Rule(
    ("127.", "localhost", "[::1]"),
    re.compile(r"(?i)(https?:\\?/\\?/(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])):\d+"),
    r"\1",
)

_SECRET_HEADER = re.compile(
    r"(?i)auth|key|token|secret|cookie|password|credential|signature|session|organi[sz]ation|project"
    r"|account|tenant|cf-ray"
)


class Redactor:
    """Redacts requests and responses. `names`, `values` and `before_save` add to the rules.

    `names` are names of query parameters, form fields and JSON keys; `values` are texts or compiled patterns;
    `before_save` is called with each text that would be saved (URL, header value, body) and returns what to
    save; it sees a word such as `pictureaaaa` where a picture was. `keep_ports` leaves the ports of the
    loopback, for matchers that compare them. `keep_headers` are names of more headers of an answer that are kept.
    """

    def __init__(
        self,
        names: Iterable[str] = (),
        values: Iterable[str | re.Pattern[str]] = (),
        before_save: Callable[[str], str] | None = None,
        *,
        keep_ports: bool = False,
        keep_headers: Iterable[str] = (),
    ) -> None:
        added = "".join(f"|{re.escape(name)}" for name in names)
        json_names = f"(?:{_KEY_NAMES}|{_ID_NAMES}{added})"
        query_names = f"(?:{_KEY_NAMES}|{_ID_NAMES}|{_QUERY_NAMES}{added})"
        text = r'"(?:[^"\\]|\\.)*"'
        self._named = (
            ('"', re.compile(rf'(?i)"{json_names}"\s*:\s*(?P<value>{text}|\[\s*{text}(?:\s*,\s*{text})*\s*\])')),
            ('\\"', re.compile(rf'(?i)\\"{json_names}\\"\s*:\s*\\"(?P<value>(?:(?!\\").)*)\\"')),
            ("=", re.compile(rf"(?i)(?:[?&;]|\\u0026|\A){query_names}=(?P<value>[^&\s\"'<>\\#]+)")),
            (
                'name="',
                re.compile(
                    rf'(?i)\bname="{query_names}"[^\r\n]*+\r\n(?:[^\r\n]++\r\n){{0,8}}+\r\n'
                    r"(?P<value>(?:(?!\r\n--)[\s\S])*+)"
                ),
            ),
        )
        self._numbers = re.compile(rf'(?i)("{_NUMBERED}"\s*:\s*\[?\s*)-?\d+')
        self._shapes = _SHAPES if keep_ports else (*_SHAPES, _PORT)
        self._values = tuple(v if isinstance(v, re.Pattern) else re.compile(re.escape(v)) for v in values if v)
        self._before_save = before_save
        self._keep_headers = tuple(keep_headers)
        self._learned: set[str] = set()  # ids and keys that later texts may hold: in a path, in a message

    def request(self, request: Request) -> Request:
        """The request as it is saved and compared."""
        secrets = _secrets_of(request.headers, request.url)
        return replace(
            request,
            url=self._text(request.url, secrets),
            headers=self._headers([pair for pair in request.headers if pair[0].lower() in KEPT_IN_REQUEST], secrets),
            body=self._body(request.body, secrets),
        )

    def response(self, response: Response, asked: Request | HTTPRequest) -> Response:
        """The response as it is saved. `asked` is its request before redaction: an answer may echo it."""
        secrets = _secrets_of(response.headers, "") + _secrets_of(asked.headers, asked.url)
        body = self._body(response.body, secrets)
        changed = body.text != response.body.text
        headers = kept_headers.of_response(
            response.headers, self._keep_headers, lambda _value, _place: REDACTED, body_changed=changed
        )
        kept = self._headers(headers, secrets)
        if changed:
            length = str(len(body.content()))
            kept = tuple((n, length if n.lower() == "content-length" else v) for n, v in kept)
        return replace(response, reason=self._text(response.reason, secrets), headers=kept, body=body)

    def _headers(self, kept: Iterable[tuple[str, str]], secrets: list[str]) -> Pairs:
        """The headers that are kept, by name: vcrpy hands over those of `http.client` in an order of its own."""
        clean = [
            (name, "req_redacted" if name.lower() == "x-request-id" else self._text(value, secrets))
            for name, value in kept
        ]
        return tuple(sorted(clean, key=lambda pair: pair[0].lower()))

    def _body(self, body: Body, secrets: list[str]) -> Body:
        """The body with its text redacted; marks stand for the references meanwhile."""
        references = [found[0] for found in REFERENCE.finditer(body.text)] if body.files else []
        text, marks = body.text, _marks(body.text, len(references))
        for mark, reference in zip(marks, references, strict=True):
            text = text.replace(reference, mark, 1)
        text = self._text(text, secrets, marks)
        if marks and re.findall("|".join(marks), text) != marks:
            raise ConfigError(
                f"before_save must leave each picture's mark, such as {marks[0]!r}, once and in its place; it returned "
                f"{text[:200]!r}"
            )
        for mark, reference in zip(marks, references, strict=True):
            text = text.replace(mark, reference, 1)
        files = {}
        for file in body.files.values():
            clean = self._binary(file, secrets) if file.suffix == ".bin" else file
            files[clean.sha256] = clean
            text = text.replace(file.reference, clean.reference)
        return Body(text, files)

    def _binary(self, file: File, secrets: list[str]) -> File:
        """A file that is no picture, redacted as the text that it may be in another encoding."""
        data = file.read()
        encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) and len(data) % 2 == 0 else "latin-1"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            text, encoding = data.decode("latin-1"), "latin-1"
        clean = self._rules(text, secrets)
        return file if clean == text else File.of(clean.encode(encoding, "replace"), file.suffix)

    def _text(self, text: str, secrets: list[str], marks: Sequence[str] = ()) -> str:
        if not text:
            return text
        text = self._rules(text, secrets, marks)
        if self._values:
            between = re.compile(f"({'|'.join(marks)})") if marks else None
            pieces = between.split(text) if between else [text]
            text = "".join(piece if piece in marks else self._without_values(piece) for piece in pieces)
        return self._hidden(text) if self._before_save else text

    def _without_values(self, text: str) -> str:
        for pattern in self._values:
            text = pattern.sub(REDACTED, text)
        return text

    def _hidden(self, text: str) -> str:
        """What `before_save` makes of a text. Raises `ConfigError` where it makes none."""
        assert self._before_save is not None
        try:
            hidden = self._before_save(text)
        except Exception as error:
            raise ConfigError(
                f"before_save raised {error!r} for {text[:200]!r}; it takes and returns a text"
            ) from error
        if not isinstance(hidden, str):
            raise ConfigError(f"before_save returned {hidden!r} for {text[:200]!r}; it takes and returns a text")
        return hidden

    def _rules(self, text: str, secrets: list[str], marks: Sequence[str] = ()) -> str:
        for secret in (*secrets, *self._learned):
            if secret in text:
                text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", REDACTED, text)
        for need, pattern in self._named:
            if need in text:
                text = pattern.sub(lambda found: self._without_value(found, marks), text)
        text = self._numbers.sub(r"\g<1>0", text)
        lowered = text.lower()
        for needs, pattern, replacement in self._shapes:
            if any(need in lowered for need in needs):
                text = pattern.sub(replacement, text)
        return text

    def _without_value(self, found: re.Match[str], marks: Sequence[str]) -> str:
        """What was found, with its value replaced; a picture's reference is no secret."""
        value = found["value"]
        if value in ("", '""') or any(mark in value for mark in marks):
            return found[0]
        self._learned.update(filter(_is_unmistakable, re.findall(r"[^\"\s,\[\]]+", value)))
        start, end = (index - found.start() for index in found.span("value"))
        if value[0] == "[":
            placeholder = re.sub(r'"(?:[^"\\]|\\.)*"', f'"{REDACTED}"', value)
        else:
            placeholder = f'"{REDACTED}"' if value[0] == '"' else REDACTED
        return found[0][:start] + placeholder + found[0][end:]


def shown_url(url: str) -> str:
    """A URL for an error: without its secrets, with its port, and not longer than can be read."""
    clean = Redactor().request(Request("GET", url)).url
    if (port := _port(url)) is not None and _port(clean) is None:  # of the loopback, where it differs in each run
        parts = urlsplit(clean)
        clean = parts._replace(netloc=f"{parts.netloc}:{port}").geturl()
    return clean if len(clean) <= 200 else f"{clean[:200]}…"


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None


def _marks(text: str, number: int) -> list[str]:
    """Words that stand for references: of characters alone, which JSON, a pattern or an encoding leaves as they are."""
    stem = "picture"
    while stem in text:
        stem += "x"
    return [f"{stem}{''.join(chr(ord('a') + int(digit)) for digit in f'{n:04}')}" for n in range(number)]


def _basic(credentials: str) -> list[str]:
    """User and password of HTTP basic authentication (RFC 7617)."""
    try:
        return pybase64.b64decode(credentials.strip(), validate=True).decode().split(":", 1)
    except ValueError:
        return []


def _secrets_of(headers: Pairs, url: str) -> list[str]:
    """The values that an exchange carried in a header or in its URL and that its texts may repeat."""
    values: set[str] = set()
    for name, value in headers:
        name = name.lower()
        # OpenAI's id of a request leads to an account. The id of a job at a queue is no secret, and a program that has
        # several jobs tells them apart by it.
        if name == "x-request-id" and value.startswith("req_"):
            values.add(value)
        if kept_headers.is_kept(name):
            values.update(kept_headers.secrets_of(name, value))
        elif not _SECRET_HEADER.search(name):
            continue
        elif "cookie" in name:  # RFC 6265
            values.update(pair.partition("=")[2].strip() for pair in value.split(";"))
        elif value[:6].lower() == "basic ":
            values.update({value, value[6:], *_basic(value[6:])})
        else:
            values.update({value, *value.split()})
    if url:
        parts = urlsplit(url)
        for part in (parts.username, parts.password):
            values.update({part, unquote(part)} if part else ())
    # Shorter ones, and plain words such as an organisation's name, would hit innocent text.
    unmistakable = (v for v in values if len(v) >= 8 and not v.isdigit() and (not v.isalpha() or len(v) >= 16))
    return sorted(unmistakable, key=len, reverse=True)  # one may be part of another


def _is_unmistakable(value: str) -> bool:
    return len(value) >= 8 and any(map(str.isdigit, value)) and not value.isdigit()
