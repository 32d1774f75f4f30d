"""One open cassette: it chooses the answer to each request, and knows what was played, sent and recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import RLock
from urllib.parse import urlsplit

from pytest_imgresponse._config import Settings
from pytest_imgresponse.cassette.choosing import Playable
from pytest_imgresponse.cassette.cleaning import Cleaning
from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.cassette.matching import Likeness, is_loopback, passes_by
from pytest_imgresponse.cassette.merging import Ticket, failed, untagged
from pytest_imgresponse.cassette.misses import miss, told_of_another
from pytest_imgresponse.cassette.placeholders import without_tags
from pytest_imgresponse.cassette.redaction import shown_url
from pytest_imgresponse.cassette.rewriting import unfinished
from pytest_imgresponse.cassette.runs import PROCESS, Run
from pytest_imgresponse.cassette.saving import Saver
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.encodings import remove_encoding
from pytest_imgresponse.errors import (
    CassetteDecodeError,
    CassetteError,
    CassetteSaveError,
)
from pytest_imgresponse.exchanges import Exchange
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

READ_AHEAD = 64 * 2**20
"""Bytes of answers that a replay takes into memory when it opens its cassette."""


class Session:
    """An open cassette. Thread-safe. Raises `CassetteDecodeError` for one that cannot be trusted.

    `run` knows which cassettes the run has made or started afresh. `remedy` is the way to record, as the user would
    type it: `{mode}` stands for the record mode. `gitattributes` is the folder that gets a `.gitattributes`, by default
    that of the cassette. `elsewhere` gives where else its cassette may lie, and the layout in which it is looked for
    there. A `shared` cassette that is rewritten is replaced by the run, not in `close`.
    """

    def __init__(
        self,
        path: Path,
        settings: Settings,
        *,
        run: Run = PROCESS,
        remedy: str = 'replay(…, record="{mode}")',
        gitattributes: Path | None = None,
        shared: bool = False,
        elsewhere: Callable[[], Iterable[tuple[Path, str | None]]] = tuple,
    ) -> None:
        self.path = path = path.absolute()  # a test may change the directory
        self.name = str(path)
        self.settings = settings
        self.tickets: list[Ticket] = []
        self.misses: list[CassetteError] = []
        self.served: list[str] = []
        """Requests that a server of this process answers, each with one that the server asked meanwhile, in words."""
        store = Store(path)
        self.existed = store.exists()
        self.loaded = self._load(store) if self.existed else []
        self._remedy = remedy
        self._run = run
        # Looked for now: a miss may be in an event loop, where nothing may wait for a disk.
        self._had_no_answer = run.has("unanswered", path)
        self._other = "" if self.existed else told_of_another(path, elsewhere())
        self._lock = RLock()
        self._cleaning = Cleaning(settings)
        old = self.loaded if self.existed else None
        self._saver = Saver(store, settings, self._cleaning, run, gitattributes or path.parent, old, shared=shared)
        at_work = run.id if run is not PROCESS or settings.record == "rewrite" else None
        self.unfinished = unfinished(path, self.loaded, at_work)
        """Where the answers of rewrites are that did not end."""
        self._recorded = self._playable(self._saver.rewritten())
        self._ahead = {} if self.recording else _read_ahead(self.loaded)

    def _load(self, store: Store) -> list[Interaction]:
        try:
            return store.load()
        except CassetteDecodeError:
            if self.settings.record == "rewrite":
                return []
            raise
        except OSError as error:
            raise CassetteDecodeError(f"{self.path}: the cassette cannot be read: {error}") from error

    def _playable(self, rewritten: Sequence[Interaction]) -> Playable:
        """What the cassette holds. What other tests of the run have rewritten of it stands in the older ones' place."""
        likeness_of, settings = self._cleaning.likeness_of, self.settings
        held = list(zip(rewritten, self._cleaning.stored(rewritten), strict=True))
        anew = Counter(likeness_of(clean).key for _, clean in held)
        for interaction, clean in zip(self.loaded, self._cleaning.stored(self.loaded), strict=True):
            if anew[likeness_of(clean).key] > 0:
                anew[likeness_of(clean).key] -= 1
            else:
                held.append((interaction, clean))
        return Playable(
            held, likeness_of, settings.match_on, repeats=settings.allow_playback_repeats and not self._anew
        )

    def close(self, *, interrupted: bool = False) -> None:
        """No more is asked. What was rewritten takes the cassette's place, unless the test was `interrupted`."""
        if self.unanswered:
            self._run.note("unanswered", self.path)
        with self._lock:
            stays = self._saver.close(self.tickets, interrupted=interrupted)
        if stays is not None:
            self.unfinished.append(stays)

    @property
    def recording(self) -> bool:
        """Whether a request that the cassette does not answer is sent and recorded."""
        return self._saver.made if self.settings.record == "once" else self.settings.record != "none"

    @property
    def unplayed(self) -> list[Interaction]:
        """The recorded interactions that no request asked for; none where all is recorded anew."""
        played = {id(ticket.played) for ticket in self.tickets}
        return [] if self._anew else [interaction for interaction in self.loaded if id(interaction) not in played]

    @property
    def answered(self) -> list[Ticket]:
        """The tickets that have an answer, in the order of asking."""
        with self._lock:
            return [ticket for ticket in self.tickets if ticket.exchange is not None]

    @property
    def unanswered(self) -> list[str]:
        """The requests that were sent and got no answer: they failed, or were given up."""
        with self._lock:
            left = [ticket.clean for ticket in self.tickets if ticket.exchange is None and ticket.played is None]
        return [f"{request.method} {without_tags(request.url)}" for request in left]

    @property
    def not_kept(self) -> list[Response]:
        """The errors that were not recorded, since they would have replaced a success."""
        return self._saver.not_kept

    @property
    def save_error(self) -> CassetteSaveError | None:
        """What could not be saved."""
        return self._saver.error

    @property
    def _anew(self) -> bool:
        return self.settings.record in ("all", "rewrite")

    def ignores(self, host: str | None, method: str) -> bool:
        """Whether requests to a host pass by: `ignore_hosts` holds names and patterns such as `*.local`."""
        return passes_by(host, self.settings.ignore_hosts)

    def ask(self, request: HTTPRequest) -> Ticket:
        """Take a request. The ticket holds a recorded interaction, or is one to send and `record`.

        Raises `UnrecordedRequestError` or `CassetteMissingError` where neither is allowed.
        """
        with self._lock:
            ticket = self._ticket(request)
            found = self._recorded.take(ticket.clean, ticket.likeness)
            if self._anew:
                ticket.replaces = found
            else:
                ticket.played = found
            if ticket.played is None:
                if not self.recording:
                    self.misses.append(error := self._miss(ticket))
                    raise error
                self._saver.probe()
            self.tickets.append(ticket)
        return ticket

    def play(self, ticket: Ticket) -> HTTPResponse:
        """The recorded answer of a ticket. Raises `CassetteDecodeError` for a picture that is not right."""
        assert ticket.played is not None
        kept = ticket.played.response
        answer = self._ahead.pop(id(ticket.played), None) or kept.http()
        ticket.exchange = Exchange(
            ticket.asked, answer, partial(kept.body.pictures_within, answer.body, answer.header("content-type"))
        )
        return answer

    def record(self, ticket: Ticket, response: HTTPResponse) -> None:
        """Keep a complete answer: it is on the disk when this returns, or else `save_error` says why.

        The test gets its answer in either case.
        """
        answer = remove_encoding(response)
        sent = Response.of(answer)
        ticket.exchange = Exchange(ticket.asked, answer, sent.body.pictures)
        with self._lock:
            # A request that broke off was to replace a recorded answer. The client's next try finds that answer taken,
            # so it takes over what the broken one was to replace.
            if ticket.replaces is None:
                same = (t for t in self.tickets if t.likeness.fits(ticket.likeness))
                if (first := next((t for t in same if t.replaces and t.exchange is None), None)) is not None:
                    ticket.replaces, first.replaces = first.replaces, None
            if ticket.replaces is not None and failed(sent) and not failed(ticket.replaces.response):
                self._saver.hold_back(ticket.replaces, sent)
                self._recorded.put_back(ticket.replaces)  # for the client's next try to replace
            else:
                ticket.sent = sent
            self._saver.save(self.tickets)

    def redirected(self, request: HTTPRequest) -> Ticket:
        """The ticket of a request that was sent already, as a step of a redirection: one that waits, or a new one."""
        with self._lock:
            ticket = self._ticket(request)
            for other in self.tickets:
                if other.likeness.key == ticket.likeness.key and other.exchange is None and other.played is None:
                    return other
            self.tickets.append(ticket)
        return ticket

    def recorded_for(self, url: str) -> list[HTTPRequest]:
        """The recorded requests to a URL that were not played yet."""
        with self._lock:
            wanted = without_tags(self._cleaning.request(Request("GET", url)).url)
            left = self._recorded.left()
        return [interaction.request.http() for interaction, clean in left if without_tags(clean.url) == wanted]

    def _ticket(self, request: HTTPRequest) -> Ticket:
        clean = self._cleaning.request(Request.of(request))
        return Ticket(request, clean, Likeness.of(clean, self.settings.match_on))

    def asked_within(self, outer: Ticket, inner: Ticket) -> None:
        """Note a request that a server of this process asked while a client's request to the loopback was waiting."""
        server, api = (urlsplit(ticket.asked.url).hostname for ticket in (outer, inner))
        if is_loopback(server):
            beside = f" under another name than {api}, of the API" if server == api else ""
            self.served.append(f"{_told(outer)} asked {_told(inner)}; let it pass by ignore_hosts=[{server!r}]{beside}")

    def _miss(self, ticket: Ticket) -> CassetteError:
        settings, key = self.settings, ticket.likeness.key
        return miss(
            untagged(ticket.clean),
            self.path,
            settings,
            self._remedy,
            recorded=self._recorded.facets if self.existed else None,
            other=self._other,
            same=self._recorded.count(key),
            asked=1 + sum(other.likeness.key == key for other in self.tickets),
            apart=self._recorded.apart(ticket.clean, ticket.likeness),
            unanswered=self._had_no_answer,
        )


def _told(ticket: Ticket) -> str:
    return f"{ticket.asked.method} {shown_url(ticket.asked.url)}"


def _read_ahead(interactions: Sequence[Interaction]) -> dict[int, HTTPResponse]:
    """The answers with pictures, by the interaction's identity: code in an event loop must not wait for a file later.

    No more is read once they are `READ_AHEAD`.
    """
    ahead: dict[int, HTTPResponse] = {}
    left = READ_AHEAD
    for interaction in interactions:
        if left > 0 and interaction.response.body.files:
            with suppress(CassetteDecodeError):  # raised where it is played
                answer = ahead[id(interaction)] = interaction.response.http()
                left -= len(answer.body)
    return ahead
