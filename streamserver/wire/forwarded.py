"""Who sent a request, where proxies stand between (RFC 7239, and the older ``X-Forwarded-*``).

A client can write these fields itself. Each proxy appends the peer that it saw, so only what trusted
peers have appended counts: reading begins at the right, and ends at the first address that is not
trusted. That is the client. What stands to the left of it is the client's own text.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

UNIX = "unix"
"""The peer of a Unix socket, which has no address."""

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

_CACHED = 1024
"""Addresses whose answer is kept: more than a server has proxies in front of it."""


class TrustedPeers:
    """The peers whose fields about their clients are believed.

    ``peers``: networks and addresses of IPv4 and IPv6, and "unix" for the peers of Unix sockets.
    ValueError for anything else.
    """

    def __init__(self, peers: Iterable[str]) -> None:
        names = [peers] if isinstance(peers, str) else list(peers)
        if not names:
            raise ValueError("there is no trusted peer: give networks or addresses")
        self._networks = tuple(_network(name) for name in names if name != UNIX)
        self._has_unix = UNIX in names
        self.trusts: Callable[[str], bool] = lru_cache(_CACHED)(self._trusts)
        """Whether a peer is trusted: an address without its port, or "unix"."""

    def _trusts(self, address: str) -> bool:
        if address == UNIX:
            return self._has_unix
        try:
            found = normal(ip_address(address))
        except ValueError:
            return False
        return any(found in network for network in self._networks)


def normal(address: _Address) -> _Address:
    """The address, or the IPv4 address that it maps (RFC 4291, section 2.5.5.2): so a socket for
    both families names a peer."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network(text: str) -> _Network:
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError(_fault(text)) from None
    mapped = normal(network.network_address)
    if mapped.version != network.version and network.prefixlen >= 96:
        return ip_network((mapped, network.prefixlen - 96))
    return network


def _fault(text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return f"{text!r} is no network or address, as in 10.0.0.0/8, 192.0.2.1, ::1 or unix"
    address = text.partition("/")[0]
    return f"{text!r} is no network: write {network} for the network, or {address} for one address"
