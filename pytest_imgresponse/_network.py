"""`--imgresponse-block-network`: no connection beyond the loopback, for code that vcrpy does not see."""

from __future__ import annotations

import functools
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from ipaddress import IPv6Address, ip_address
from typing import Any, Protocol
from unittest import mock

from pytest_imgresponse.errors import NetworkBlockedError

_INTERNET = (socket.AF_INET, socket.AF_INET6)
_METHODS = {"connect": 0, "connect_ex": 0, "sendto": -1, "sendmsg": 3}
"""The methods of a socket that name an address, and which of their arguments it is."""
_OWN_SOCKETS = (("uvloop", "Loop"), ("asyncio.proactor_events", "BaseProactorEventLoop"))
"""Event loops that connect without a method of Python's sockets; the second is that of Windows."""


class Warden(Protocol):
    """Who says what may be connected to, at the moment."""

    def forbids(self, host: str) -> str | None:
        """Who forbids connections to a host beyond the loopback, in words; None where they are allowed."""


@contextmanager
def blocked_network(warden: Warden) -> Iterator[None]:
    """Within the block, what the warden forbids raises `NetworkBlockedError`.

    That is a Python socket that connects or sends beyond the loopback, and a connection of uvloop, which has sockets of
    its own. Unix sockets, socket pairs and the loopback stay: event loops and test servers need them.
    """
    names: dict[str, str] = {}  # of the addresses that were looked up

    def check(address: Any) -> None:
        host = names.get(str(address[0]), str(address[0]))
        if is_local(str(address[0])) or (holder := warden.forbids(host)) is None:
            return
        raise NetworkBlockedError(
            f"a connection to {host}:{address[1]} was blocked: {holder}, and --imgresponse-block-network is on; record "
            f"what is asked there, let it pass by ignore_hosts=[{host!r}], or leave the option out"
        )

    def guarded(method: Callable[..., Any], position: int) -> Callable[..., Any]:
        """A method of a socket; of its arguments the one at this position, if there is one, is an address."""

        @functools.wraps(method)
        def guard(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[position] if position < len(arguments) else None
            if self.family in _INTERNET and isinstance(address, tuple):
                check(address)
            return method(self, *arguments)

        return guard

    def resolving(host: Any, *arguments: Any, **options: Any) -> Any:
        found = getaddrinfo(host, *arguments, **options)
        name = host.decode() if isinstance(host, bytes) else str(host or "")
        names.update((str(address[0]), name) for *_, address in found if address[0] != name)
        return found

    async def check_all(loop: Any, host: str, port: Any) -> None:
        for *_, address in await loop.run_in_executor(None, resolving, host, port):
            check(address)

    def connecting(create_connection: Callable[..., Any]) -> Callable[..., Any]:
        """A method of a loop that resolves names and connects on its own."""

        @functools.wraps(create_connection)
        async def guard(self: Any, factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
            if host is not None:
                await check_all(self, host, port)
            return await create_connection(self, factory, host, port, **options)

        return guard

    def sending(create_datagram_endpoint: Callable[..., Any]) -> Callable[..., Any]:
        """The same for UDP: without a remote address it can send anywhere, unless it is bound to the loopback."""

        @functools.wraps(create_datagram_endpoint)
        async def guard(
            self: Any, factory: Any, local_addr: Any = None, remote_addr: Any = None, **options: Any
        ) -> Any:
            if remote_addr is not None:
                await check_all(self, *remote_addr[:2])
            elif not _is_loopback(local_addr if (sock := options.get("sock")) is None else _bound_to(sock)):
                check(("any host", "*"))
            return await create_datagram_endpoint(self, factory, local_addr, remote_addr, **options)

        return guard

    getaddrinfo = socket.getaddrinfo
    with suppress(ImportError):  # it may be imported in the block
        import_module("uvloop")
    with ExitStack() as stack:

        def replace(owner: Any, name: str, made: Callable[..., Any]) -> None:
            stack.enter_context(mock.patch.object(owner, name, made))

        replace(socket, "getaddrinfo", resolving)
        for name in _METHODS.keys() & {*dir(socket.socket)}:  # Windows has no `sendmsg`
            replace(socket.socket, name, guarded(getattr(socket.socket, name), _METHODS[name]))
        for module, name in _OWN_SOCKETS:
            if (loop := getattr(sys.modules.get(module), name, None)) is not None:
                replace(loop, "create_connection", connecting(loop.create_connection))
                replace(loop, "create_datagram_endpoint", sending(loop.create_datagram_endpoint))
        yield


def is_local(host: str) -> bool:
    """Whether a host name or address never leads beyond this machine (RFC 6761, section 6.3; RFC 4291, section 2.5)."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        name = host.rstrip(".").lower()
        return name in ("localhost", "") or name.endswith(".localhost")
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified


def _bound_to(sock: socket.socket) -> Any:
    """Where a socket sends, if it is connected, or else its own address."""
    try:
        return sock.getpeername()
    except OSError:
        return sock.getsockname()


def _is_loopback(address: Any) -> bool:
    """Whether what is bound or connected to this address sends to this machine alone; a Unix socket has a path."""
    if address is None or isinstance(address, str | bytes):
        return address is not None
    return str(address[0]) not in ("", "0.0.0.0", "::") and is_local(str(address[0]))  # noqa: S104
