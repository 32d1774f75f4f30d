"""One open cassette: it chooses the answers, records new ones, and knows what was played.

What touches vcrpy is in `seam`.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import RLock

from pytest_imgresponse._config import Settings
from pytest_imgresponse.cassette.encodings import remove_encoding
from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.cassette.matching import Facets, facets_of, key_of, nearest, passes_by
from pytest_imgresponse.cassette.payloads import Body
from pytest_imgresponse.cassette.redaction import Redactor
from pytest_imgresponse.cassette.runs import PROCESS, Run
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.errors import (
    CassetteDecodeError,
    CassetteError,
    CassetteMissingError,
    CassetteSaveError,
    ConfigError,
    UnrecordedRequestError,
)
from pytest_imgresponse.exchanges import Exchange
from pytest_imgresponse.http import HTTPRequest, HTTPResponse


@dataclass(eq=False)
class Ticket:
    """One request, in the order of asking, and what became of it."""

    asked: HTTPRequest
    clean: Request
    key: str
    facets: Facets
    played: Interaction | None = None
    replaces: Interaction | None = None
    recorded: Interaction | None = None
    saved: bool = False
    exchange: Exchange | None = None


class Session:
    """An open cassette. Thread-safe. Raises `CassetteDecodeError` for one that cannot be trusted.

    `remedy` is the way to record, as the user would type it: `{mode}` stands for the record mode.
    """

    def __init__(
        self,
        path: Path,
        settings: Settings,
        *,
        run: Run = PROCESS,
        remedy: str = 'replay(…, record="{mode}")',
        attributes: Path | None = None,
    ) -> None:
        self.path = path = path.absolute()  # a test may change the directory
        self.name = str(path)
        self.settings = settings
        self.tickets: list[Ticket] = []
        self.misses: list[CassetteError] = []
        self.not_kept: list[Interaction] = []
        self.save_error: CassetteSaveError | None = None
        self._run = run
        self._remedy = remedy
        self._attributes = attributes or path.parent
        self._store = Store(path)
        self._redactor = Redactor(settings.redact_names, settings.redact_values, settings.before_save)
        self._clean: dict[str, Interaction] = {}
        self._keys: dict[str, str] = {}
        self._kept_back: list[Interaction] = []
        self._unsaved: list[Interaction] = []
        self._lock = RLock()
        self._probed = False
        self.existed = self._store.exists()
        self.loaded = self._load() if self.existed else []
        self._facets = [self._facets_of(self._redactor.request(i.request)) for i in self.loaded]
        self._left: dict[str, deque[Interaction]] = defaultdict(deque)
        for interaction, facets in zip(self.loaded, self._facets, strict=True):
            self._left[key_of(facets)].append(interaction)

    @property
    def recording(self) -> bool:
        """Whether a request that the cassette does not answer is sent and recorded."""
        if self.settings.record == "once":
            return not self.existed or self._run.has("made", self.path)
        return self.settings.record != "none"

    @property
    def unplayed(self) -> list[Interaction]:
        """The recorded interactions that no request asked for; none where all is recorded anew."""
        played = {id(ticket.played) for ticket in self.tickets}
        anew = self.settings.record in ("all", "rewrite")
        return [] if anew else [interaction for interaction in self.loaded if id(interaction) not in played]

    @property
    def answered(self) -> list[Ticket]:
        """The tickets that have an answer, in the order of asking."""
        with self._lock:
            return [ticket for ticket in self.tickets if ticket.exchange is not None]

    def ask(self, request: HTTPRequest) -> Ticket:
        """Take a request. The ticket holds a recorded interaction, or is one to send and `record`.

        Raises `UnrecordedRequestError` or `CassetteMissingError` where neither is allowed.
        """
        ticket = self._ticket(request)
        with self._lock:
            left = self._left[ticket.key]
            if self.settings.record in ("all", "rewrite"):
                ticket.replaces = left.popleft() if left else None
            elif left:
                ticket.played = left.popleft()
            if ticket.played is None:
                if not self.recording:
                    raise self._miss(ticket)
                self._probe()
            self.tickets.append(ticket)
        return ticket

    def ignores(self, host: str | None) -> bool:
        """Whether requests to a host pass by: `ignore_hosts` holds names and patterns such as `*.local`."""
        return passes_by(host, self.settings.ignore_hosts)

    def redirected(self, request: HTTPRequest) -> Ticket:
        """The ticket of a request that was sent already, as a step of a redirection."""
        ticket = self._ticket(request)
        with self._lock:
            for other in self.tickets:
                if other.key == ticket.key and other.exchange is None and other.played is None:
                    return other
            self.tickets.append(ticket)
        return ticket

    def recorded_for(self, url: str) -> list[HTTPRequest]:
        """The recorded requests to a URL that were not played yet."""
        wanted = self._redactor.request(Request("GET", url)).url
        with self._lock:
            left = [interaction.request for queue in self._left.values() for interaction in queue]
        return [request.http() for request in left if self._redactor.request(request).url == wanted]

    def play(self, ticket: Ticket) -> HTTPResponse:
        """The recorded answer of a ticket. Raises `CassetteDecodeError` for a picture that is not right."""
        assert ticket.played is not None
        kept = ticket.played.response
        answer = kept.http()
        ticket.exchange = Exchange(ticket.asked, answer, partial(_pictures_of, kept.body, answer))
        return answer

    def record(self, ticket: Ticket, response: HTTPResponse) -> None:
        """Keep a complete answer: it is on the disk when this returns.

        What goes wrong there is kept in `save_error`: the test gets its answer all the same.
        """
        answer = remove_encoding(response)
        sent = Response.of(answer)
        ticket.exchange = Exchange(ticket.asked, answer, sent.body.pictures)
        with self._lock:
            try:
                kept = self._redactor.response(sent, ticket.asked)
            except ConfigError as error:  # of `before_save`; without it the answer may not stand in the cassette
                rules = Redactor(self.settings.redact_names, self.settings.redact_values)
                self._unsaved.append(Interaction(ticket.clean, rules.response(sent, ticket.asked)))
                self.save_error = self._rescue(error)
                return
            if ticket.replaces is None:  # it is another try of a request that broke off
                broken = (t for t in self.tickets if t.key == ticket.key and t.replaces and t.exchange is None)
                if (first := next(broken, None)) is not None:
                    ticket.replaces, first.replaces = first.replaces, None
            if ticket.replaces is not None and _failed(kept) and not _failed(ticket.replaces.response):
                self._keep_back(ticket, Interaction(ticket.clean, kept))
            else:
                ticket.recorded = Interaction(ticket.clean, kept)
            try:
                self._save()
            except (OSError, CassetteDecodeError) as error:
                self.save_error = self._rescue(error)

    def _keep_back(self, ticket: Ticket, failed: Interaction) -> None:
        """The old success stays in its place, for the client's next try to replace."""
        assert ticket.replaces is not None
        self.not_kept.append(failed)
        self._kept_back.append(ticket.replaces)
        self._left[ticket.key].appendleft(ticket.replaces)

    def _load(self) -> list[Interaction]:
        try:
            return self._store.load()
        except CassetteDecodeError:
            if self.settings.record == "rewrite":
                return []
            raise
        except OSError as error:
            raise CassetteDecodeError(f"{self.path}: the cassette cannot be read: {error}") from error

    def _ticket(self, request: HTTPRequest) -> Ticket:
        clean = self._redactor.request(Request.of(request))
        facets = self._facets_of(clean)
        return Ticket(request, clean, key_of(facets), facets)

    def _facets_of(self, request: Request) -> Facets:
        return facets_of(request, self.settings.match_on)

    def _probe(self) -> None:
        """Before the first request is sent: make sure that its answer can be written."""
        if self._probed:
            return
        try:
            with self._store.lock():
                pass
        except OSError as error:
            raise CassetteSaveError(
                f"{self.path}: nothing was sent, since the cassette could not be written: {error}; make "
                f"{self.path.parent} a folder that can be written to, or set `imgresponse_cassette_dir`"
            ) from error
        self._probed = True

    def _save(self) -> None:
        recorded = [ticket for ticket in self.tickets if ticket.recorded is not None]
        rewrite = self.settings.record == "rewrite"
        with self._store.lock():
            afresh = rewrite and not self._run.has("rewritten", self.path)
            if not recorded or (afresh and self._holds_back(recorded)):
                return
            if afresh:
                self.loaded = [interaction.in_memory() for interaction in self.loaded]
            disk = self._store.load() if self._store.exists() and not afresh else []
            disk = [self._redacted(interaction) for interaction in disk]
            self._store.save(self._merged(disk, recorded), self._attributes)
            self.save_error = self.save_error if self._unsaved else None
            for ticket in recorded:
                ticket.saved = True
            if rewrite:
                self._run.note("rewritten", self.path)
            if not self.existed:
                self._run.note("made", self.path)

    def _redacted(self, interaction: Interaction) -> Interaction:
        """An interaction of the disk as we would save it: plain vcrpy, or laxer rules, may have written it."""
        if interaction.digest not in self._clean:
            request, response = interaction.request, interaction.response
            clean = Interaction(self._redactor.request(request), self._redactor.response(response, request))
            self._clean[interaction.digest] = self._clean[clean.digest] = clean
        return self._clean[interaction.digest]

    def _key(self, interaction: Interaction) -> str:
        """The key of a redacted interaction."""
        if interaction.digest not in self._keys:
            self._keys[interaction.digest] = key_of(self._facets_of(interaction.request))
        return self._keys[interaction.digest]

    def _merged(self, disk: Sequence[Interaction], recorded: Sequence[Ticket]) -> list[Interaction]:
        """What is on the disk and what this session recorded, each answer in its place.

        The place of the n-th answer to a request is that of the n-th on the disk, be it older or another
        worker's; where there is none, it comes behind, in the order of asking.
        """
        late = next((n for n, ticket in enumerate(recorded) if not ticket.saved), len(recorded))
        moved = {t.recorded.digest for t in recorded[late:] if t.saved and t.recorded is not None}
        result = [interaction for interaction in disk if interaction.digest not in moved]
        result += self._restored(result)
        places: dict[str, list[int]] = defaultdict(list)
        for place, interaction in enumerate(result):
            places[self._key(interaction)].append(place)
        behind: list[Interaction] = []
        before: Counter[str] = Counter()
        for ticket in self.tickets:
            if ticket.recorded is not None:
                taken = places[ticket.key]
                if before[ticket.key] < len(taken):
                    result[taken[before[ticket.key]]] = ticket.recorded
                else:
                    behind.append(ticket.recorded)
            before[ticket.key] += ticket.recorded is not None or ticket.played is not None
        return result + behind

    def _restored(self, disk: Sequence[Interaction]) -> list[Interaction]:
        """The successes that an error did not replace, where the cassette was started afresh without them."""
        if self.settings.record != "rewrite":
            return []
        kept = {interaction.digest for interaction in self._kept_back}
        held = {interaction.digest for interaction in disk}
        replaced = {t.replaces.digest for t in self.tickets if t.recorded is not None and t.replaces is not None}
        clean = [self._redacted(i) for i in self.loaded if i.digest in kept - replaced]
        return [interaction for interaction in clean if interaction.digest not in held]

    def _holds_back(self, recorded: Sequence[Ticket]) -> bool:
        """Whether `rewrite` must wait: errors alone do not replace what held a success."""
        old_success = any(not _failed(interaction.response) for interaction in self.loaded)
        return old_success and all(
            t.recorded is not None and _failed(t.recorded.response) and t.replaces is None for t in recorded
        )

    def _rescue(self, error: Exception) -> CassetteSaveError:
        """Put the answers where they can be written."""
        answers = [t.recorded for t in self.tickets if t.recorded is not None] + self._unsaved
        problem = f"{self.path}: {len(answers)} answer(s) could not be saved: {error}"
        try:
            place = Path(tempfile.mkdtemp(prefix="imgresponse-")) / self.path.name
            Store(place).save(answers)
        except OSError as second:
            return CassetteSaveError(f"{problem}; nor elsewhere: {second}. Make room and record again")
        return CassetteSaveError(
            f"{problem}. They are kept as a cassette in {place.parent}: mend the cause, then move it to "
            f"{self.path.parent}, or record again"
        )

    def _miss(self, ticket: Ticket) -> CassetteError:
        request, mode = ticket.clean, self.settings.record
        head = f"no answer for {request.method} {request.url}, and nothing was sent (record mode {mode!r})."
        if not self.existed:
            miss: CassetteError = CassetteMissingError(
                f"{head}\nThere is no cassette {self.path}.\nTo record it: {self._remedy.format(mode='once')}"
            )
        else:
            miss = UnrecordedRequestError(
                f"{head}\n{self._nearest(ticket)}\n"
                f"To add it: {self._remedy.format(mode='new_episodes')}\n"
                f"To record the cassette afresh: {self._remedy.format(mode='rewrite')}"
            )
        self.misses.append(miss)
        return miss

    def _nearest(self, ticket: Ticket) -> str:
        same = sum(key_of(facets) == ticket.key for facets in self._facets)
        if same:
            asked = 1 + sum(other.key == ticket.key for other in self.tickets)
            return f"Cassette {self.path} holds this request {same} time(s); it was asked {asked} times."
        if not self._facets:
            return f"Cassette {self.path} holds no interaction."
        return f"Cassette {self.path} holds {len(self._facets)} interaction(s); {nearest(self._facets, ticket.facets)}"


def _pictures_of(body: Body, answer: HTTPResponse) -> list[bytes]:
    """The pictures of an answer that was played, from the files that it was read from."""
    try:
        return list(body.pictures())
    except CassetteDecodeError:  # the files have changed since, or are gone: they are in the answer
        return list(Body.of(answer.body, answer.header("content-type")).pictures())


def _failed(response: Response) -> bool:
    return response.status >= 400
