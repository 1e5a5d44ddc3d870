"""Which hosts a server on this machine answers to: the defence against DNS rebinding.

A page of ``evil.example`` may have its name resolve to 127.0.0.1 a moment later. The browser then
takes this server for the page's origin, so the page can send any request and read the responses.
Only Host still names the page's host. Names below ``localhost`` never leave the machine (RFC 6761,
section 6.3), and an address is not resolved, so neither can be rebound.
"""

from collections.abc import Awaitable, Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from streamserver.server.answer import Answer
from streamserver.server.exchange import Exchange
from streamserver.server.state import Handler
from streamserver.wire.problem import HTTPError


def known_hosts(handler: Handler, names: Iterable[str] = ()) -> Handler:
    """``handler``, but HTTPError 421 for a request whose Host is none of the known ones: localhost
    and names below it, IP addresses, and ``names``; with any port.

    Without ``names`` only connections to a loopback address are checked: a server on another
    address, or on a Unix socket, may have names that are not known here. ``"*"`` among the names
    allows every host. A request without a Host (HTTP/1.0) is not a browser's, and passes.
    """
    known = frozenset(map(_normal, names))
    if "*" in known:
        return handler

    def serve(exchange: Exchange) -> Awaitable[Answer]:
        # Of a target in absolute-form the head has the host that it names.
        host = next((value for name, value in exchange.head.fields if name == "host"), "")
        if host and not _is_known(host, known) and (known or _is_local(exchange)):
            raise HTTPError(
                421,
                f"this server answers to localhost, IP addresses and the names that --allow-host"
                f" adds, not to {host[:100]!a}",
            )
        return handler(exchange)

    return serve


@lru_cache(maxsize=64)  # a server goes by few names
def _is_known(host: str, known: frozenset[str]) -> bool:
    if host.startswith("["):
        return True
    name = _normal(host.partition(":")[0])
    return name == "localhost" or name.endswith(".localhost") or name in known or _is_address(name)


def _normal(name: str) -> str:
    """A name as it is compared: without case, and without the dot of the root."""
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_local(exchange: Exchange) -> bool:
    """Whether the client connected to a loopback address."""
    name = exchange.connection.transport.get_extra_info("sockname")
    if not isinstance(name, tuple):  # a Unix socket
        return False
    address = ip_address(name[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
