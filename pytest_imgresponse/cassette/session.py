"""One open cassette: it chooses the answer to each request, and knows what was played, sent and recorded."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from threading import RLock

from pytest_imgresponse._config import Settings
from pytest_imgresponse.cassette.encodings import remove_encoding
from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.cassette.matching import facets_of, key_of, passes_by
from pytest_imgresponse.cassette.merging import Ticket, failed
from pytest_imgresponse.cassette.misses import miss, told_of_another
from pytest_imgresponse.cassette.payloads import Body
from pytest_imgresponse.cassette.redaction import Redactor
from pytest_imgresponse.cassette.rewriting import unfinished
from pytest_imgresponse.cassette.runs import PROCESS, Run
from pytest_imgresponse.cassette.saving import Saver
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.errors import (
    CassetteDecodeError,
    CassetteError,
    CassetteSaveError,
    ConfigError,
)
from pytest_imgresponse.exchanges import Exchange
from pytest_imgresponse.http import HTTPRequest, HTTPResponse


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
        store = Store(path)
        self.existed = store.exists()
        self.loaded = self._load(store) if self.existed else []
        self._remedy = remedy
        # Looked for now: a miss may be in an event loop, where nothing may wait for a disk.
        self._other = "" if self.existed else told_of_another(path, elsewhere())
        self._lock = RLock()
        self._redactor = Redactor(settings.redact_names, settings.redact_values, settings.before_save)
        old = self.loaded if self.existed else None
        self._saver = Saver(store, settings, self._redactor, run, gitattributes or path.parent, old, shared=shared)
        at_work = run.id if run is not PROCESS or settings.record == "rewrite" else None
        self.unfinished = unfinished(path, self.loaded, at_work)
        """Where the answers of rewrites are that did not end."""
        self._facets = [facets_of(self._redactor.request(i.request), settings.match_on) for i in self.loaded]
        self._left: dict[str, deque[Interaction]] = defaultdict(deque)
        for interaction, facets in zip(self.loaded, self._facets, strict=True):
            self._left[key_of(facets)].append(interaction)
        self._put_in_front(self._saver.rewritten())

    def _load(self, store: Store) -> list[Interaction]:
        try:
            return store.load()
        except CassetteDecodeError:
            if self.settings.record == "rewrite":
                return []
            raise
        except OSError as error:
            raise CassetteDecodeError(f"{self.path}: the cassette cannot be read: {error}") from error

    def _put_in_front(self, rewritten: list[Interaction]) -> None:
        """Each answer that another test of the run has rewritten is what the next one replaces, not the older one."""
        new: dict[str, list[Interaction]] = defaultdict(list)
        for interaction in rewritten:
            new[self._key_of(self._redactor.request(interaction.request))].append(interaction)
        for key, interactions in new.items():
            self._left[key] = deque([*interactions, *list(self._left[key])[len(interactions) :]])

    def close(self, *, interrupted: bool = False) -> None:
        """No more is asked. What was rewritten takes the cassette's place, unless the test was `interrupted`."""
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
    def not_kept(self) -> list[Interaction]:
        """The errors that were not recorded, since they would have replaced a success."""
        return self._saver.not_kept

    @property
    def save_error(self) -> CassetteSaveError | None:
        """What could not be saved."""
        return self._saver.error

    @property
    def _anew(self) -> bool:
        return self.settings.record in ("all", "rewrite")

    def ignores(self, host: str | None) -> bool:
        """Whether requests to a host pass by: `ignore_hosts` holds names and patterns such as `*.local`."""
        return passes_by(host, self.settings.ignore_hosts)

    def ask(self, request: HTTPRequest) -> Ticket:
        """Take a request. The ticket holds a recorded interaction, or is one to send and `record`.

        Raises `UnrecordedRequestError` or `CassetteMissingError` where neither is allowed.
        """
        clean = self._redactor.request(Request.of(request))
        ticket = Ticket(request, self._key_of(clean))
        with self._lock:
            left = self._left[ticket.key]
            if self._anew:
                ticket.replaces = left.popleft() if left else None
            elif left:
                ticket.played = left.popleft()
            if ticket.played is None:
                if not self.recording:
                    self.misses.append(error := self._miss(clean, ticket.key))
                    raise error
                self._saver.probe()
                ticket.clean = clean
            self.tickets.append(ticket)
        return ticket

    def play(self, ticket: Ticket) -> HTTPResponse:
        """The recorded answer of a ticket. Raises `CassetteDecodeError` for a picture that is not right."""
        assert ticket.played is not None
        kept = ticket.played.response
        answer = kept.http()
        ticket.exchange = Exchange(ticket.asked, answer, partial(_pictures_of, kept.body, answer))
        return answer

    def record(self, ticket: Ticket, response: HTTPResponse) -> None:
        """Keep a complete answer: it is on the disk when this returns, or else `save_error` says why.

        The test gets its answer in either case.
        """
        assert ticket.clean is not None
        answer = remove_encoding(response)
        sent = Response.of(answer)
        ticket.exchange = Exchange(ticket.asked, answer, sent.body.pictures)
        with self._lock:
            try:
                kept = Interaction(ticket.clean, self._redactor.response(sent, ticket.asked))
            except ConfigError as error:  # of `before_save`; without it the answer may not stand in the cassette
                rules = Redactor(self.settings.redact_names, self.settings.redact_values)
                unsaved = Interaction(ticket.clean, rules.response(sent, ticket.asked))
                self._saver.put_elsewhere(unsaved, self.tickets, error)
                return
            # A request that broke off was to replace a recorded answer. The client's next try finds that answer taken,
            # so it takes over what the broken one was to replace.
            if ticket.replaces is None:
                broken = (t for t in self.tickets if t.key == ticket.key and t.replaces and t.exchange is None)
                if (first := next(broken, None)) is not None:
                    ticket.replaces, first.replaces = first.replaces, None
            if ticket.replaces is not None and failed(kept.response) and not failed(ticket.replaces.response):
                self._saver.hold_back(ticket.replaces, kept)
                self._left[ticket.key].appendleft(ticket.replaces)  # for the client's next try to replace
            else:
                ticket.recorded = kept
            self._saver.save(self.tickets)

    def redirected(self, request: HTTPRequest) -> Ticket:
        """The ticket of a request that was sent already, as a step of a redirection: one that waits, or a new one."""
        clean = self._redactor.request(Request.of(request))
        ticket = Ticket(request, self._key_of(clean), clean)
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

    def _key_of(self, clean: Request) -> str:
        return key_of(facets_of(clean, self.settings.match_on))

    def _miss(self, request: Request, key: str) -> CassetteError:
        return miss(
            request,
            self.path,
            self.settings,
            self._remedy,
            recorded=self._facets if self.existed else None,
            other=self._other,
            same=sum(other.key == key and other.played is not None for other in self.tickets),
            asked=1 + sum(other.key == key for other in self.tickets),
        )


def _pictures_of(body: Body, answer: HTTPResponse) -> list[bytes]:
    """The pictures of an answer that was played, from the files that it was read from."""
    try:
        return list(body.pictures())
    except CassetteDecodeError:  # the files have changed since, or are gone: they are in the answer
        return list(Body.of(answer.body, answer.header("content-type")).pictures())
