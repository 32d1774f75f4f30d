"""Redaction: what identifies or authorises is replaced before it is saved or compared.

`secrets` finds it, `placeholders` says what stands for it. A value that was found once is replaced in all later
texts too, in whatever form it stands there. Headers are kept by an allow-list. Pictures are exempt: their references
are set aside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from urllib.parse import urlsplit

from pytest_imgresponse.cassette import kept_headers
from pytest_imgresponse.cassette.interaction import Request, Response
from pytest_imgresponse.cassette.matching import CONDITIONS
from pytest_imgresponse.cassette.payloads import REFERENCE, Body, File
from pytest_imgresponse.cassette.placeholders import REQUEST_ID, Placeholders, without_tags
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.http import Pairs
from pytest_imgresponse.secrets.archives import redacted_inside
from pytest_imgresponse.secrets.escapes import Replace
from pytest_imgresponse.secrets.places import SecretPlaces

KEPT_IN_REQUEST = frozenset({"accept", "content-type", *CONDITIONS})
_PLAIN = frozenset(
    {
        "accept",
        "accept-ranges",
        "allow",
        "content-type",
        "content-length",
        "content-encoding",
        "content-range",
        "date",
        "range",
    }
)
"""Headers that name nothing but what HTTP gives a meaning."""
# A server on the loopback draws its port anew for each run.
_PORT = re.compile(r"(?i)(https?:\\?/\\?/(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])):\d+")
_LOOPBACK = ("127.", "localhost", "[::1]")


class Redactor:
    """Redacts requests and responses. `names`, `values` and `before_save` add to the rules, `keep_names` takes away.

    `names` are names of query parameters, form fields and JSON keys; `values` are texts or compiled patterns;
    `before_save` is called with each text that would be saved (URL, header value, body) and returns what to
    save; it sees a word such as `pictureaaaa` where a picture was. `keep_ports` leaves the ports of the
    loopback, for matchers that compare them. `keep_headers` are names and patterns of more headers that are kept.
    """

    def __init__(
        self,
        names: Iterable[str] = (),
        values: Iterable[str | re.Pattern[str]] = (),
        before_save: Callable[[str], str] | None = None,
        *,
        keep_names: Iterable[str] = (),
        keep_ports: bool = False,
        keep_headers: Iterable[str] = (),
    ) -> None:
        self._places = _places(tuple(names), tuple(values), tuple(keep_names))
        self._before_save = before_save
        self._keep_headers = tuple(name.lower() for name in keep_headers)
        self._keep_ports = keep_ports

    def request(self, request: Request, placeholders: Placeholders | None = None) -> Request:
        """The request as it is compared, the client's values with their tags.

        `placeholders` are those of the cassette, to which what is found here is added.
        """
        known = Placeholders() if placeholders is None else placeholders
        known.carried(self._places.of_headers(request.headers, request.url))

        def of_client(value: str, _place: str) -> str:
            return known.of_client(value)

        def swept(text: str) -> str:
            return known.swept(text, asked=True)

        url = self._places.url(request.url, of_client)
        kept = self._headers([pair for pair in request.headers if self._is_kept(pair[0].lower())], of_client)
        body = self._body(
            request.body, lambda text, marks: swept(self._places.body(text, request.content_type, of_client, marks))
        )
        headers = tuple((name, self._last(swept(value))) for name, value in kept)
        return replace(request, url=self._last(swept(url)), headers=headers, body=body)

    def response(
        self, response: Response, placeholders: Placeholders | None = None, of_server: Replace | None = None
    ) -> Response:
        """The response as it is saved, to a request that was redacted with the same `placeholders` before.

        `of_server` gives them to what is found.
        """
        known = Placeholders() if placeholders is None else placeholders
        said = of_server or known.of_server("", 0)

        def last(text: str) -> str:
            return self._last(known.swept(text))

        headers = kept_headers.of_response(response.headers, self._keep_headers, said)
        for number, value in enumerate(self._places.of_headers(response.headers, "")):
            said(value, f"header {number}")
        content_type = response.header("content-type")
        body = self._body(
            response.body, lambda text, marks: known.swept(self._places.body(text, content_type, said, marks))
        )
        changed = body.text != response.body.text
        if changed:
            headers = kept_headers.of_response(response.headers, self._keep_headers, said, body_changed=True)
        kept = [
            (name, REQUEST_ID if name.lower() == "x-request-id" else last(value))
            for name, value in self._headers(headers, said)
        ]
        if changed:
            length = str(len(body.content()))
            kept = [(n, length if n.lower() == "content-length" else v) for n, v in kept]
        reason = last(self._places.text(response.reason, said, "reason"))
        return replace(response, reason=reason, headers=tuple(kept), body=body)

    def swept(self, request: Request, placeholders: Placeholders) -> Request:
        """A redacted request with what became known since replaced in it too."""

        def swept(text: str, _marks: Sequence[str] = ()) -> str:
            return placeholders.swept(text, asked=True)

        headers = tuple((name, swept(value)) for name, value in request.headers)
        return replace(
            request, url=swept(request.url), headers=headers, body=self._body(request.body, swept, lambda text: text)
        )

    def _is_kept(self, name: str) -> bool:
        return name in KEPT_IN_REQUEST or any(fnmatchcase(name, pattern) for pattern in self._keep_headers)

    def _headers(self, kept: Iterable[tuple[str, str]], replace_: Replace) -> Pairs:
        """The headers that are kept, by name: vcrpy hands over those of `http.client` in an order of its own."""
        clean = [
            (name, value if name.lower() in _PLAIN else self._places.text(value, replace_, f"header {name.lower()}"))
            for name, value in kept
        ]
        return tuple(sorted(clean, key=lambda pair: pair[0].lower()))

    def _body(
        self,
        body: Body,
        redacted: Callable[[str, Sequence[str]], str],
        last: Callable[[str], str] | None = None,
    ) -> Body:
        """The body with its text redacted; marks stand for the references meanwhile."""
        references = [found[0] for found in REFERENCE.finditer(body.text)] if body.files else []
        text, marks = body.text, _marks(body.text, len(references))
        for mark, reference in zip(marks, references, strict=True):
            text = text.replace(reference, mark, 1)
        if "\0" in text[:1024] and not marks:  # an archive or such that happens to be UTF-8
            inside = redacted_inside(text.encode(), lambda piece: redacted(piece, ()))
            text = (last or self._last)(inside.decode(errors="replace"))
        elif text:
            text = (last or self._last)(redacted(text, marks))
        if marks and re.findall("|".join(marks), text) != marks:
            raise ConfigError(
                f"before_save must leave each picture's mark, such as {marks[0]!r}, once and in its place; it returned "
                f"{text[:200]!r}"
            )
        for mark, reference in zip(marks, references, strict=True):
            text = text.replace(mark, reference, 1)
        files = {}
        for file in body.files.values():
            clean = _redacted(file, redacted) if file.suffix in (".bin", ".svg") else file
            files[clean.sha256] = clean
            text = text.replace(file.reference, clean.reference)
        return Body(text, files)

    def _last(self, text: str) -> str:
        """What comes after all that is found: ports, and the user's function."""
        if not self._keep_ports and any(host in text.lower() for host in _LOOPBACK):
            text = _PORT.sub(r"\1", text)
        return self._hidden(text) if self._before_save and text else text

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


def _redacted(file: File, redacted: Callable[[str, Sequence[str]], str]) -> File:
    """A file that is no picture, redacted as the text or the archive that it may be."""
    data = file.read()
    clean = redacted_inside(data, lambda text: redacted(text, ()))
    return file if clean is data else File.of(clean, file.suffix)


@lru_cache(maxsize=32)
def _places(
    names: tuple[str, ...], values: tuple[str | re.Pattern[str], ...], keep_names: tuple[str, ...]
) -> SecretPlaces:
    return SecretPlaces(names, values, keep_names)


def shown_url(url: str) -> str:
    """A URL for an error: without its secrets, with its port, and not longer than can be read."""
    clean = without_tags(Redactor().request(Request("GET", url)).url)
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
    width = max(4, len(str(number)))
    return [f"{stem}{''.join(chr(ord('a') + int(digit)) for digit in f'{n:0{width}}')}" for n in range(number)]
