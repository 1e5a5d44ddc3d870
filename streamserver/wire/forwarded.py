"""The client of a request that has passed through proxies.

Proxies name it in ``Forwarded`` (RFC 7239) or in the older ``X-Forwarded-For``, ``-Proto`` and
``-Host``. Any client can write these fields too, and a proxy appends to them, so reading begins at
the right: the peer of the connection has written the last element, the peer that this element names
the one before it. The first address that is not trusted is the client. Everything to the left of it
may be written by the client. An element that names no address ends the reading, too: the client is
then the trusted peer that has written it.

Only one of the two is read. A proxy that writes the one passes the other on unchanged, as the
client has sent it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import islice
from typing import Literal, get_args

from streamserver.wire.fields import TOKEN
from streamserver.wire.heads import Fields
from streamserver.wire.request_heads import is_host

UNIX = "unix"
"""The peer of a Unix socket, which has no address."""

Source = Literal["x-forwarded", "forwarded"]
"""The fields that are read: ``X-Forwarded-For``, ``-Proto`` and ``-Host``, or ``Forwarded``."""

SOURCES: tuple[Source, ...] = get_args(Source)

MAX_HOPS = 32
"""Elements that are read; the addresses of more proxies than a request passes through."""

MAX_ELEMENT = 1024
"""Bytes of one element of ``Forwarded``; a host and two addresses have less than half of it."""

_MAX_COMMAS = 8
"""Commas in the quoted strings of an element; none of the standard parameters needs one."""

_CACHED = 1024
"""Peers and addresses that need not be read again. Few proxies send all requests."""

Hop = tuple[str, str, str]
"""The peer, the scheme and the host of a request, as a proxy has written them; "" if it has not."""

_X_FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent a request: the peer of the connection, or the client that trusted peers name."""

    address: str
    """IPv4 or IPv6; "unix" for a peer of a Unix socket."""
    port: int
    """0 if it is not known."""
    scheme: str
    """"http" or "https", between this client and the first trusted server."""
    host: str
    """The host that it asked for, with a port if there was one; "" for a request without Host."""

    def __str__(self) -> str:
        """As ``client_text``."""
        return client_text(self.address, self.port)


class TrustedPeers:
    """The peers whose fields about their clients are read.

    ``peers``: networks and addresses of IPv4 and IPv6, and "unix" for the peers of Unix sockets;
    an iterable, or a text with commas between them. ``source``: the fields that all of them write.
    TypeError or ValueError for anything else.
    """

    def __init__(self, peers: Iterable[str], source: str = SOURCES[0]) -> None:
        names = _names(peers)
        if not names:
            raise ValueError("there is no trusted peer: give networks or addresses")
        if source not in SOURCES:
            raise ValueError(f"the fields are {' or '.join(SOURCES)}, not {source!r}")
        self._networks = tuple(_network(name) for name in names if name != UNIX)
        self._has_unix = UNIX in names
        self.names = ("forwarded",) if source == "forwarded" else _X_FORWARDED
        """The fields that are read."""
        self._hops = _hops_of_forwarded if source == "forwarded" else _hops_of_x_forwarded
        self.trusts: Callable[[str], bool] = lru_cache(_CACHED)(self._trusts)
        """Whether a peer is trusted: an address without its port, or "unix"."""

    def _trusts(self, address: str) -> bool:
        if address == UNIX:
            return self._has_unix
        try:
            found = unmapped(ip_address(address))
        except ValueError:
            return False
        return any(found in network for network in self._networks)

    def client(self, peer: Client, fields: Fields) -> Client:
        """The client of a request with these fields, which ``peer`` has sent."""
        if not self.trusts(peer.address):
            return peer
        address, port = peer.address, peer.port
        hop = ("", "", "")
        for hop in islice(self._hops(fields), MAX_HOPS):
            found = read_node(hop[0])
            if found is None:
                break
            address, port = found
            if not self.trusts(address):
                break
        scheme = hop[1].lower()
        scheme = scheme if scheme in ("http", "https") else peer.scheme
        return Client(address, port, scheme, hop[2] if is_host(hop[2]) else peer.host)


_node = re.compile(
    r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15}))(?::([0-9]{1,5}|_[0-9A-Za-z._-]{1,64}))?"
    r"|([0-9A-Fa-f:.]{2,45})"  # IPv6 without brackets, as in X-Forwarded-For
).fullmatch


def read_node(text: str) -> tuple[str, int] | None:
    """The address and the port of a node (RFC 7239, section 6), 0 for a hidden port or none. None
    for "unknown", an obfuscated identifier, and what is no node."""
    match = _node(text)
    if match is None:
        return None
    port = match[3] or ""
    number = int(port) if port.isdecimal() else 0
    address = _canonical(match[1] or match[2] or match[4])
    return None if address is None or number > 65535 else (address, number)


@lru_cache(_CACHED)
def _canonical(text: str) -> str | None:
    try:
        return str(unmapped(ip_address(text)))
    except ValueError:
        return None


def client_text(address: str, port: int) -> str:
    """A client in the logs: ``address:port``, or the address alone; IPv6 in brackets."""
    address = f"[{address}]" if ":" in address else address
    return f"{address}:{port}" if port else address


def peer_of(text: str) -> tuple[str, int]:
    """The address and the port of a client from its ``client_text``, or from an address."""
    found = read_node(text)
    if found is not None:
        return found
    address, has_port, port = text.rpartition("]:")  # IPv6 with a zone, which no node has
    return (address[1:], int(port)) if has_port else (text.strip("[]"), 0)


def _hops_of_x_forwarded(fields: Fields) -> Iterator[Hop]:
    """The elements of X-Forwarded-For from the right, with the values of the other two: that at
    the same place from the right, or the leftmost one if there are fewer, as of proxies that set a
    value once."""
    values: dict[str, list[str]] = {name: [] for name in _X_FORWARDED}
    for name, value in fields:
        if name in values:
            values[name].append(value)
    nodes, schemes, hosts = map(_last_members, values.values())
    for place, node in enumerate(nodes):
        yield node, schemes[min(place, len(schemes) - 1)], hosts[min(place, len(hosts) - 1)]


def _last_members(values: list[str]) -> list[str]:
    """The members of a list, the last first; one empty member if there is no such field."""
    members = ",".join(values).rsplit(",", MAX_HOPS)
    return [member.strip(" \t") for member in members[: -MAX_HOPS - 1 : -1]]


def _hops_of_forwarded(fields: Fields) -> Iterator[Hop]:
    """The elements of Forwarded from the right, until one that is malformed.

    A comma in a quoted string does not separate. But the text of a client may open a string that
    it does not close, so an element is the shortest text behind a comma that is well-formed. Behind
    a comma inside a quoted string none is: the quotes that follow it are odd in number.
    """
    text = ",".join([value for key, value in fields if key == "forwarded"])
    end = len(text)
    while end >= 0:
        start, pairs = end, None
        for _ in range(_MAX_COMMAS + 1):
            start = text.rfind(",", 0, max(start, 0))
            if end - start > MAX_ELEMENT:
                return
            pairs = _read_element(text[start + 1 : end])
            if pairs is not None or start < 0:
                break
        if pairs is None:
            return
        yield pairs.get("for", ""), pairs.get("proto", ""), pairs.get("host", "")
        end = start


# Addresses without quotes and spaces around ";" are common mistakes, and not ambiguous.
_PAIR = rf'({TOKEN})=(?:((?:{TOKEN}|[][:])++)|"((?:[^"\\]|\\.)*+)")'
_element = re.compile(rf"[ \t]*+(?:{_PAIR})?(?:[ \t]*+;[ \t]*+(?:{_PAIR})?)*[ \t]*+").fullmatch
_pairs = re.compile(_PAIR).findall


def _read_element(text: str) -> dict[str, str] | None:
    """The parameters of an element by name; None if it is malformed or has one twice."""
    if not _element(text):
        return None
    found = _pairs(text)
    pairs = {
        name.lower(): token or re.sub(r"\\(.)", r"\1", quoted) for name, token, quoted in found
    }
    return pairs if len(pairs) == len(found) else None


def unmapped(address: _Address) -> _Address:
    """The address, or the IPv4 address that it maps (RFC 4291, section 2.5.5.2): so a socket for
    both families names its peer."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _names(peers: object) -> list[str]:
    if isinstance(peers, str):
        return [*map(str.strip, peers.split(","))]
    if not isinstance(peers, Iterable):
        raise TypeError(f"trusted peers are a list of str, not {type(peers).__name__}")
    names = list(peers)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a trusted peer is a str, not {type(name).__name__}")
    return names


def _network(text: str) -> _Network:
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError(_fault(text)) from None
    first = unmapped(network.network_address)
    if first.version != network.version and network.prefixlen >= 96:
        return ip_network((first, network.prefixlen - 96))
    return network


def _fault(text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return f"{text!r} is not a network or address, as in 10.0.0.0/8, 192.0.2.1, ::1 or unix"
    address = text.partition("/")[0]
    advice = f"write {network} for the network, or {address} for one address"
    return f"{text!r} is not a network: {advice}"
