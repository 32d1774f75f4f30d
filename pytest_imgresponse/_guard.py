"""Nothing passes unseen around a test with a cassette: a plugin of its own, which the first such test brings along.

From the start of its set-up to the end of its teardown, and while a wider fixture that it uses is set up or torn down,
whichever test does that, a refusing player answers where no cassette is open.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from pytest_imgresponse._summary import Tally

if TYPE_CHECKING:
    from pytest_imgresponse.cassette.outside import Outside

_XUNIT = re.compile(r"_(?:xunit|unittest)_(\w+?)_fixture_(.*)")
"""How pytest names the fixtures that it makes of `setup_class`, `setUpClass` and the like."""
_HARMLESS = frozenset({"_pytest", "anyio", "pytest_asyncio", "pytest_imgresponse", "xdist"})
"""Whose own fixtures ask nothing. To guard them would cost the tests without a cassette that use them too."""


class Guard:
    """The guard of one pytest process. `block` says whether connections of other code are refused too."""

    def __init__(self, tally: Tally, *, block: bool) -> None:
        self._tally = tally
        self._block = block
        self._tests: dict[object, set[str]] = {}
        self._wider: dict[pytest.FixtureDef[Any], set[str]] = {}
        self._around: Outside | None = None

    def watch(self, item: pytest.Item, hosts: Iterable[str], wider: Iterable[pytest.FixtureDef[Any]]) -> None:
        """Guard a test and the wider fixtures that it uses; requests to these hosts pass by."""
        self._tests.setdefault(item, set()).update(hosts)
        for fixture in wider:
            if _XUNIT.fullmatch(fixture.argname) or _module_of(fixture).partition(".")[0] not in _HARMLESS:
                self._wider.setdefault(fixture, set()).update(hosts)

    def spare(self, item: object, hosts: Iterable[str]) -> bool:
        """Let requests to more hosts pass by around the test that runs. Whether it is guarded."""
        if self._around is None or item not in self._tests:
            return False
        self._around.hosts.update(hosts)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """From set-up to teardown."""
        if item not in self._tests:
            return (yield)
        with self._refusing(f"set-up or teardown of {item.nodeid}", self._tests[item]) as self._around:
            try:
                return (yield)
            finally:
                self._around = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """A wider fixture, and what it registers to be done at its end."""
        if (hosts := self._wider.get(fixturedef)) is None:
            return (yield)
        late = ExitStack()
        request.addfinalizer(late.close)  # the last to be called
        try:
            with self._refusing(_described(fixturedef), hosts):
                return (yield)
        finally:
            end = _described(fixturedef, end=True)
            request.addfinalizer(lambda: late.enter_context(self._refusing(end, hosts)))

    @contextmanager
    def _refusing(self, where: str, hosts: Iterable[str]) -> Iterator[Outside]:
        from pytest_imgresponse.cassette.outside import Outside
        from pytest_imgresponse.clients.interception import laid

        outside = Outside(where, hosts)
        try:
            with blocked() if self._block else nullcontext(), laid(outside):
                yield outside
        finally:
            self._tally.loopback += outside.passed
            self._tally.refused += [str(error).splitlines()[0] for error in outside.refused]


@contextmanager
def blocked() -> Iterator[None]:
    """No connection beyond the loopback unless the player that is asked just then records, or lets the host pass."""
    from pytest_imgresponse._network import blocked_network

    with blocked_network(_Warden()):
        yield


class _Warden:
    def forbids(self, host: str) -> str | None:
        from pytest_imgresponse.clients.interception import innermost

        player = innermost()
        if player is None or player.recording or player.ignores(host, ""):
            return None
        return f"{player.name} does not record"


def _described(fixture: pytest.FixtureDef[Any], *, end: bool = False) -> str:
    if (made := _XUNIT.fullmatch(fixture.argname)) is None:
        return f"the {'end of the ' if end else ''}{fixture.scope} fixture {fixture.argname!r}"
    name = made[1].replace("setUp", "tearDown").replace("setup", "teardown") if end else made[1]
    return f"{name} of {made[2]}"


def _module_of(fixture: pytest.FixtureDef[Any]) -> str:
    return getattr(fixture.func, "__module__", None) or ""
