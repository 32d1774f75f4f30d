"""What a test gets: the answers of an open cassette, as HTTP, as models and as pictures."""

from __future__ import annotations

import os
import re
import warnings
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Never

from pytest_imgresponse._config import Images, Layer, Matcher, RecordMode, settings_from
from pytest_imgresponse.cassette.session import Session
from pytest_imgresponse.clients.interception import opened
from pytest_imgresponse.errors import ConfigError
from pytest_imgresponse.exchanges import Exchange, ExchangeLog

STAND_IN_KEY = "sk-imgresponse-stand-in"
"""What the environment holds for an API key while nothing can be sent."""


class ImgResponse(ExchangeLog):
    """The open cassette of a test: what was asked and answered so far, in the order of asking."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"<ImgResponse {str(self.cassette)!r}, {len(self._exchanges())} answers>"

    @property
    def cassette(self) -> Path:
        """The path of the cassette, which may not exist yet."""
        return self._session.path

    @property
    def recording(self) -> bool:
        """Whether a request that the cassette does not answer is sent and recorded."""
        return self._session.recording

    def _exchanges(self) -> list[Exchange]:
        return [ticket.exchange for ticket in self._session.answered if ticket.exchange is not None]


@contextmanager
def open_session(session: Session, ended: Callable[[], bool] = lambda: True) -> Iterator[ImgResponse]:
    """The session answers the clients of this process; raises at the end what could not be saved.

    `ended` says whether what ran meanwhile came to its end, and was not interrupted.
    """
    interrupted = False
    try:
        with keys_held(() if session.recording else session.settings.stand_in_keys), opened(session):
            yield ImgResponse(session)
    except (KeyboardInterrupt, GeneratorExit, CancelledError):
        interrupted = True
        raise
    finally:
        session.close(interrupted=interrupted or not ended())
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
    allow_playback_repeats: bool | None = None,
    redact_names: Sequence[str] | None = None,
    redact_values: Sequence[str | re.Pattern[str]] | None = None,
    keep_names: Sequence[str] | None = None,
    keep_headers: Sequence[str] | None = None,
    before_save: Callable[[str], str] | None = None,
    stand_in_keys: Sequence[str] | None = None,
    **unknown: Never,
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
        "allow_playback_repeats": allow_playback_repeats,
        "redact_names": redact_names,
        "redact_values": redact_values,
        "keep_names": keep_names,
        "keep_headers": keep_headers,
        "before_save": before_save,
        "stand_in_keys": stand_in_keys,
    }
    given = {name: value for name, value in options.items() if value is not None}
    settings = settings_from([Layer("the call of replay()", {**given, **unknown}, tuple(options))])
    session = Session(_yaml(path), settings, remedy=f'replay({os.fspath(path)!r}, record="{{mode}}")')
    for place in session.unfinished:
        warnings.warn(
            f"{session.path}: a rewrite did not end, and what it recorded is in {place.parent}: move that to "
            f"{session.path.parent}, or delete it",
            stacklevel=3,
        )
    with open_session(session) as recorder:
        yield recorder


def _yaml(path: str | os.PathLike[str]) -> Path:
    if not os.fspath(path):
        raise ConfigError("replay() needs the path of a cassette; got an empty one")
    given = Path(path)
    return given if given.suffix in (".yaml", ".yml") else given.with_name(f"{given.name}.yaml")


@contextmanager
def keys_held(names: Sequence[str]) -> Iterator[None]:
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
