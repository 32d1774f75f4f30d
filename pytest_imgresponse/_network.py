"""`--imgresponse-block-network`: no connection beyond the loopback, for code that vcrpy does not see."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from unittest import mock

from pytest_imgresponse.errors import NetworkBlockedError


@contextmanager
def blocked_network(cassette: object) -> Iterator[None]:
    """Within the block, connecting a Python socket beyond the loopback raises `NetworkBlockedError`.

    Unix sockets, socket pairs and the loopback stay: event loops and test servers need them.
    """

    def guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
        def guard(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _local(address[0]):
                raise NetworkBlockedError(
                    f"a connection to {address[0]}:{address[1]} was blocked: {cassette} replays, and "
                    f"--imgresponse-block-network is on; record what is asked there, or leave the option out"
                )
            return connect(self, address)

        return guard

    with (
        mock.patch.object(socket.socket, "connect", guarded(socket.socket.connect)),
        mock.patch.object(socket.socket, "connect_ex", guarded(socket.socket.connect_ex)),
    ):
        yield


def _local(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in ("localhost", "")
