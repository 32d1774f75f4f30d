"""What a test with a cassette asks outside of it: in wider fixtures, in the set-up of its class, after its end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from pytest_imgresponse._network import is_local
from pytest_imgresponse.cassette.matching import passes_by
from pytest_imgresponse.cassette.redaction import shown_url
from pytest_imgresponse.clients.interception import Unrecorded
from pytest_imgresponse.errors import OutsideCassetteError
from pytest_imgresponse.http import HTTPRequest


class Outside(Unrecorded):
    """A player beneath the cassettes. It refuses what leaves this machine, and what could be an order on the loopback.

    `where` says in words what runs meanwhile, and `hosts` are those whose requests pass by.
    """

    def __init__(self, where: str, hosts: Iterable[str]) -> None:
        self.name = where
        self.hosts = set(hosts)
        self.refused: list[OutsideCassetteError] = []
        self.passed = 0
        """The requests to the loopback that passed by."""

    def ignores(self, host: str | None, method: str) -> bool:
        """Whether such requests to a host pass by: all to `hosts`, and all but POST to the loopback."""
        if passes_by(host, [*self.hosts]):
            return True
        local = is_local(host or "") and method.upper() != "POST"
        self.passed += local
        return local

    def ask(self, request: HTTPRequest) -> Any:
        """Raises `OutsideCassetteError`."""
        error = OutsideCassetteError(
            f"{request.method} {shown_url(request.url)} was asked outside of a cassette, in {self.name}, and nothing "
            f"was sent.\nTo answer it there: with pytest_imgresponse.replay(path): … in that fixture or method; "
            f'replay(path, record="once") records it.\nTo let it pass: '
            f"@pytest.mark.imgresponse(ignore_hosts=[{urlsplit(request.url).hostname!r}]), or the ini value "
            f"imgresponse_ignore_hosts"
        )
        self.refused.append(error)
        raise error

    def play(self, ticket: Any) -> Any:
        """Not called: nothing that is asked gets a ticket."""
