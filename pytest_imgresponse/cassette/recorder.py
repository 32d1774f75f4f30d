"""What a test gets: the answers of an open cassette, as HTTP, as models and as pictures."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_imgresponse._config import Images, Layer, Matcher, RecordMode, settings_from
from pytest_imgresponse.cassette.seam import opened
from pytest_imgresponse.cassette.session import Session
from pytest_imgresponse.errors import ConfigError, ResponseError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

    from pytest_imgresponse.models import ImagesResponse, StreamEvent
    from pytest_imgresponse.sse import ServerSentEvent

ROUTES = ("/images/generations", "/images/edits", "/images/variations")
STAND_IN_KEY = "sk-imgresponse-stand-in"
"""What the environment holds for an API key while nothing can be sent."""


def is_images_route(url: str) -> bool:
    """Whether a URL is that of an images route, whatever its host and the prefix of its path."""
    return url.partition("?")[0].rstrip("/").endswith(ROUTES)


class Answered(ABC):
    """What was asked and answered so far, in the order of asking: as HTTP, as models and as pictures."""

    @property
    @abstractmethod
    def requests(self) -> list[HTTPRequest]:
        """The requests that were answered."""

    @property
    @abstractmethod
    def http_responses(self) -> list[HTTPResponse]:
        """Every answer: errors and pictures too."""

    @property
    def last(self) -> HTTPResponse:
        """The last of `http_responses`. Raises `ResponseError` where there is none."""
        if not (responses := self.http_responses):
            raise ResponseError("nothing was asked yet, so there is no last answer")
        return responses[-1]

    @property
    def responses(self) -> list[ImagesResponse]:
        """The model of each 200 JSON answer of an images route. Raises `ResponseError` for one that is none."""
        from pytest_imgresponse.models import ImagesResponse

        return [
            ImagesResponse.from_json(response.body, source=f"the answer of {request.url}")
            for request, response in self._images_answers()
            if response.content_type in ("", "application/json")
        ]

    @property
    def events(self) -> list[StreamEvent]:
        """The image events of all streams; errors and heartbeats among them are in `http_responses`.

        Raises `ResponseError` for data that are no JSON, and for an image event that is none.
        """
        from pytest_imgresponse.models import event_from
        from pytest_imgresponse.sse import events_of

        return [
            event_from(event.data, source=f"an event of {request.url}")
            for request, response in self._images_answers()
            if response.is_stream
            for event in events_of(response.body)
            if event.data not in ("", "[DONE]") and _of_an_image(event)
        ]

    @property
    def images(self) -> list[PillowImage]:
        """Every picture of the answers, loaded by Pillow: payloads, and bodies that are pictures.

        SVG is left out. Raises `ResponseError` for one that cannot be opened.
        """
        from pytest_imgresponse.cassette.payloads import Body
        from pytest_imgresponse.images import open_image

        return [
            open_image(file.read())
            for response in self.http_responses
            for file in Body.of(response.body, response.header("content-type")).files.values()
            if file.suffix not in (".svg", ".bin")
        ]

    def _images_answers(self) -> Iterator[tuple[HTTPRequest, HTTPResponse]]:
        for request, response in zip(self.requests, self.http_responses, strict=True):
            if response.status == 200 and is_images_route(request.url):
                yield request, response


class ImgResponse(Answered):
    """The open cassette of a test: what was asked and answered so far, in the order of asking."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"<ImgResponse {str(self.cassette)!r}, {len(self.http_responses)} answers>"

    @property
    def cassette(self) -> Path:
        """The path of the cassette, which may not exist yet."""
        return self._session.path

    @property
    def recording(self) -> bool:
        """Whether a request that the cassette does not answer is sent and recorded."""
        return self._session.recording

    @property
    def requests(self) -> list[HTTPRequest]:
        """The requests that were answered, as the client made them but for the boundary of a form."""
        return [ticket.asked.http() for ticket in self._session.answered]

    @property
    def http_responses(self) -> list[HTTPResponse]:
        """Every answer: errors and pictures too."""
        return [answer for ticket in self._session.answered if (answer := ticket.answer) is not None]


def _of_an_image(event: ServerSentEvent) -> bool:
    import json

    try:
        value = json.loads(event.data)
    except (ValueError, RecursionError):
        return True  # what is wrong with it is for its reader to say
    kind = value.get("type", event.name) if isinstance(value, dict) else ""
    return str(kind).startswith(("image_generation.", "image_edit."))


@contextmanager
def open_session(session: Session) -> Iterator[ImgResponse]:
    """The session answers the clients of this process; raises at the end what could not be saved."""
    with stand_in_keys(() if session.recording else session.settings.stand_in_keys), opened(session):
        yield ImgResponse(session)
    if session.save_error is not None:
        raise session.save_error


@contextmanager
def replay(
    path: str | os.PathLike[str],
    *,
    record: RecordMode = "none",
    match_on: Sequence[Matcher] | None = None,
    images: Images | None = None,
    ignore_hosts: Sequence[str] | None = None,
    redact_names: Sequence[str] | None = None,
    redact_values: Sequence[str | re.Pattern[str]] | None = None,
    before_save: Callable[[str], str] | None = None,
    stand_in_keys: Sequence[str] | None = None,
) -> Iterator[ImgResponse]:
    """Answer the HTTP clients of this process from the cassette at `path`, without pytest.

    For scripts, for fixtures wider than a function, and inside `@given`. The options are those of
    `imgresponse_config`. `.yaml` is added to a path without it; the files beside it named `<path>-<number>` are
    the cassette's. For `once` and `rewrite` a run is this process: what it has made or started afresh, it adds to.
    Yields what the `imgresponse` fixture hands to a test. Raises `ConfigError` for an option that is wrong,
    `CassetteError` for a cassette that is.
    """
    options = {
        "record": record,
        "match_on": match_on,
        "images": images,
        "ignore_hosts": ignore_hosts,
        "redact_names": redact_names,
        "redact_values": redact_values,
        "before_save": before_save,
        "stand_in_keys": stand_in_keys,
    }
    given = {name: value for name, value in options.items() if value is not None}
    settings = settings_from([Layer("the call of replay()", given)])
    session = Session(_yaml(path), settings, remedy=f'replay({os.fspath(path)!r}, record="{{mode}}")')
    with open_session(session) as recorder:
        yield recorder


def _yaml(path: str | os.PathLike[str]) -> Path:
    if not os.fspath(path):
        raise ConfigError("replay() needs the path of a cassette; got an empty one")
    given = Path(path)
    return given if given.suffix in (".yaml", ".yml") else given.with_name(f"{given.name}.yaml")


@contextmanager
def stand_in_keys(names: Sequence[str]) -> Iterator[None]:
    """The API keys that clients insist on, where nothing can be sent and none is set."""
    missing = [name for name in names if not os.environ.get(name)]
    before = {name: os.environ.get(name) for name in missing}
    os.environ.update(dict.fromkeys(missing, STAND_IN_KEY))
    try:
        yield
    finally:
        for name, value in before.items():
            if os.environ.get(name) != STAND_IN_KEY:
                continue
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
