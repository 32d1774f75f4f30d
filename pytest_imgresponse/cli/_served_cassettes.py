"""`imgresponse serve CASSETTE_OR_DIR`: recorded answers for whoever asks over HTTP."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from urllib.parse import SplitResult, urlsplit

from pytest_imgresponse.api import api_errors
from pytest_imgresponse.cassette.interaction import Interaction, Request
from pytest_imgresponse.cassette.matching import Facets, facets_of, key_of
from pytest_imgresponse.cassette.misses import nearest
from pytest_imgresponse.cassette.redaction import Redactor, shown_url
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.endpoint.framing import Delivery, deliverable, without
from pytest_imgresponse.errors import CassetteDecodeError, CassetteMissingError, ConfigError, ImgResponseError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

MATCHED = ("method", "path", "query", "body")
"""What may be matched: the scheme, the host and the port are the server's own."""
_IMAGES = re.compile(r"(.*)/images/(?:generations|edits|variations)/?")
_INTERACTIONS = re.compile(rb"""(?:^|[{,]\s*+)["']?interactions["']?\s*+:""", re.MULTILINE)
_SHOWN = 20


def cassettes_at(place: Path) -> tuple[list[Path], list[Path]]:
    """The cassettes that a path names: one, whose `.yaml` may be left out, or those below a folder, by path.

    Beside them the YAML files below the folder that are none. Raises `CassetteMissingError` where there is none.
    """
    if place.is_dir():
        files = (path for path in place.rglob("*") if path.suffix in (".yaml", ".yml"))
        # a hidden folder has what an interrupted rewrite left
        found = sorted(path for path in files if not any(map(_hidden, path.relative_to(place).parts)))
        cassettes = [path for path in found if _is_cassette(path)]
        if cassettes:
            return cassettes, [path for path in found if path not in cassettes]
        others = f", but {len(found)} YAML file(s) without `interactions`" if found else ""
        raise CassetteMissingError(f"expected cassettes (*.yaml) in {place} or below; there is none{others}")
    for path in (place, place.with_name(f"{place.name}.yaml")):
        if path.exists():
            return [path], []
    raise CassetteMissingError(f"expected a cassette, or a folder with some; there is no {place}")


def _hidden(name: str) -> bool:
    return name.startswith(".")


def _is_cassette(path: Path) -> bool:
    """Whether it says that it is one; what cannot be read counts, and is refused when it is loaded."""
    try:
        return _INTERACTIONS.search(path.read_bytes()) is not None
    except OSError:
        return True


class Recorded:
    """The interactions of some cassettes, as one pool. Thread-safe.

    A request is answered by the next recorded interaction that equals it in `match_on`; behind the last of them, by
    that one again, or with `once` by an error. Authorization is not looked at. With `rewrite_urls` the answers name
    this server in the place of the hosts from which something was fetched (GET) when it was recorded.
    Raises `CassetteDecodeError` for a cassette that cannot be trusted.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        *,
        match_on: Sequence[str] = MATCHED,
        once: bool = False,
        rewrite_urls: bool = False,
    ) -> None:
        self._redactor = Redactor()
        self._match_on = match_on
        self._once = once
        self._held = [(path, interaction) for path in paths for interaction in _load(path)]
        self._facets = [self._facets_of(interaction.request) for _, interaction in self._held]
        places: dict[str, list[int]] = defaultdict(list)
        for place, facets in enumerate(self._facets):
            places[key_of(facets)].append(place)
        self._places = dict(places)
        self._asked: Counter[str] = Counter()
        self._lock = Lock()
        fetched = [urlsplit(i.request.url) for _, i in self._held if i.request.method == "GET"]
        self._origins = sorted({_origin(parts) for parts in fetched}) if rewrite_urls else []

    def __len__(self) -> int:
        return len(self._held)

    @property
    def bases(self) -> list[str]:
        """The paths under which images routes were recorded, the most frequent first; `/v1` where there are none."""
        paths = (urlsplit(interaction.request.url).path for _, interaction in self._held)
        found = Counter(match[1] for path in paths if (match := _IMAGES.fullmatch(path)))
        return [base for base, _ in found.most_common()] or ["/v1"]

    def answer(self, request: HTTPRequest) -> Delivery:
        """The recorded answer; a 404 that tells what was asked and what is recorded; a 500 for a damaged picture."""
        try:
            own = _origin(urlsplit(request.url))
            asked = self._facets_of(Request.of(request))
        except ValueError as error:
            return _error(400, f"no URL: {request.url!r}: {error}", "invalid_url")
        key = key_of(asked)
        if key not in self._places:
            return _error(404, f"{_no_answer(request)}: {self._missing(asked)}", "unrecorded_request")
        number, places = self._count(key), self._places[key]
        if self._once and number >= len(places):
            told = f"it is recorded {len(places)} time(s), and was asked {number + 1} times (--once)"
            return _error(404, f"{_no_answer(request)}: {told}", "unrecorded_request")
        path, interaction = self._held[places[min(number, len(places) - 1)]]
        try:
            return deliverable(self._rewritten(interaction.response.http(), own), None)
        except ImgResponseError as error:
            return _error(500, f"the answer in {path} cannot be served: {error}", "damaged_cassette")

    def _count(self, key: str) -> int:
        """How often a request was asked before."""
        with self._lock:
            self._asked[key] += 1
            return self._asked[key] - 1

    def _facets_of(self, request: Request) -> Facets:
        return facets_of(self._redactor.request(request), self._match_on)

    def _missing(self, asked: Facets) -> str:
        if not self._held:
            return "nothing is recorded"
        lines = [f"  {i.request.method} {i.request.url} ({path})" for path, i in self._held[:_SHOWN]]
        more = [f"  … and {len(self._held) - _SHOWN} more"] if len(self._held) > _SHOWN else []
        return "\n".join([nearest(self._facets, asked), "Recorded are:", *lines, *more])

    def _rewritten(self, response: HTTPResponse, own: str) -> HTTPResponse:
        """The answer as it goes out: without the framing of its recording, and with this server's urls if wished."""
        headers = without(response, "content-length", "transfer-encoding", "connection", "keep-alive")
        body = response.body
        for origin in self._origins:
            headers = [(name, text.replace(f"{origin}/", f"{own}/")) for name, text in headers]
            for before, after in ((f"{origin}/", f"{own}/"), (_escaped(origin), _escaped(own))):
                body = body.replace(before.encode(), after.encode())
        return replace(response, headers=tuple(headers), body=body)


def _load(path: Path) -> Iterator[Interaction]:
    try:
        yield from Store(path).load()
    except OSError as error:
        raise CassetteDecodeError(f"{path}: the cassette cannot be read: {error}") from error


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}"


def _no_answer(request: HTTPRequest) -> str:
    return f"no recorded answer for {request.method} {shown_url(request.url)}"


def _escaped(origin: str) -> str:
    """An origin and a slash as JSON may have them (RFC 8259, section 7)."""
    return f"{origin}/".replace("/", "\\/")


def _error(status: int, message: str, code: str) -> Delivery:
    """An error as the API words its own. The official clients do not try again."""
    body = api_errors.Refused(message, code=code).body
    return Delivery(HTTPResponse(status, [("content-type", "application/json"), ("x-should-retry", "false")], body))


def checked_matchers(value: str) -> tuple[str, ...]:
    """What `--match-on` names. Raises `ConfigError`."""
    names = tuple(name.strip() for name in value.split(","))
    if unknown := [name for name in names if name not in MATCHED]:
        raise ConfigError(f"--match-on: expected some of {', '.join(MATCHED)}, with commas between; got {unknown[0]!r}")
    return names
