"""`imgresponse serve CASSETTE_OR_DIR`: recorded answers for whoever asks over HTTP."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from urllib.parse import SplitResult, urlsplit

from pytest_imgresponse._config import Settings
from pytest_imgresponse.api import api_errors
from pytest_imgresponse.cassette.choosing import Playable
from pytest_imgresponse.cassette.cleaning import Cleaning
from pytest_imgresponse.cassette.interaction import Interaction, Request
from pytest_imgresponse.cassette.matching import Likeness, facets_of
from pytest_imgresponse.cassette.merging import untagged
from pytest_imgresponse.cassette.misses import nearest
from pytest_imgresponse.cassette.redaction import shown_url
from pytest_imgresponse.cassette.store import LARGEST_FILE, Store
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
        try:
            os.scandir(place).close()  # what it may not look into is an empty folder for `rglob`
        except OSError as error:
            raise CassetteMissingError(f"{place}: the folder cannot be read: {error}") from error
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
    """Whether it says that it is one; what cannot be read counts, and is refused when it is loaded.

    A pipe or a device does not: to open one may wait for ever.
    """
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            return stat.S_ISDIR(facts.st_mode)
        if facts.st_size > LARGEST_FILE:
            return True
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
        self._match_on = match_on
        self._held = [(path, interaction) for path in paths for interaction in _load(path)]
        self._paths = {id(interaction): path for path, interaction in self._held}
        self._cleaning = Cleaning(Settings(match_on=tuple(match_on)))
        interactions = [interaction for _, interaction in self._held]
        held = zip(interactions, self._cleaning.stored(interactions), strict=True)
        self._recorded = Playable(held, self._cleaning.likeness_of, match_on, repeats=not once)
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
            with self._lock:
                asked = self._cleaning.request(Request.of(request))
                likeness = Likeness.of(asked, self._match_on)
                interaction = self._recorded.take(asked, likeness)
                self._asked[likeness.key] += 1
        except ValueError as error:
            return _error(400, f"no URL: {request.url!r}: {error}", "invalid_url")
        if interaction is None:
            return _error(404, f"{_no_answer(request)}: {self._missing(asked, likeness)}", "unrecorded_request")
        path = self._paths[id(interaction)]
        try:
            return deliverable(self._rewritten(interaction.response.http(), own), None)
        except ImgResponseError as error:
            return _error(500, f"the answer in {path} cannot be served: {error}", "damaged_cassette")

    def _missing(self, asked: Request, likeness: Likeness) -> str:
        if not self._held:
            return "nothing is recorded"
        if (times := self._recorded.count(likeness.key)) > 0:
            if (apart := self._recorded.apart(asked, likeness)) is not None:
                return f"it is recorded {times} time(s), but they differ in {apart}"
            return f"it is recorded {times} time(s), and was asked {self._asked[likeness.key]} times (--once)"
        lines = [f"  {i.request.method} {i.request.url} ({path})" for path, i in self._held[:_SHOWN]]
        more = [f"  … and {len(self._held) - _SHOWN} more"] if len(self._held) > _SHOWN else []
        return "\n".join(
            [nearest(self._recorded.facets, facets_of(untagged(asked), self._match_on)), "Recorded are:", *lines, *more]
        )

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
