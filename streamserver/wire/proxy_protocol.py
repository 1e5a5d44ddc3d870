"""The PROXY protocol, versions 1 and 2: a load balancer names the client before its first byte.

https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt. The header is the first thing on a
connection, before a TLS handshake. It ends at a known byte, and what follows belongs to the client.
"""

import struct
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from streamserver.wire.forwarded import UNIX, client_text, unmapped

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
MAX_LINE = 107
"""Bytes of a header of version 1 with its CRLF (section 2.1)."""
MAX_PAYLOAD = 4096
"""Bytes behind the 16 of a header of version 2. The format allows 65,535; addresses take at most
216, and the certificates' names and other values that load balancers add a few hundred."""
MAX_HEADER = 16 + MAX_PAYLOAD

_WORD = b"PROXY "
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _INET, _INET6, _UNIX = range(4)
_STREAM = 1
_SIZES = {_UNSPECIFIED: 0, _INET: 12, _INET6: 36, _UNIX: 216}
"""Bytes of the addresses and ports of each family."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """A header of ``length`` bytes. ``client`` is a ``client_text``, or "unix"; "" if the header
    names none (LOCAL, UNKNOWN), so that the peer itself is the client."""

    client: str
    length: int


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header with which ``data`` begins; None if it is incomplete, and then all of ``data``
    belongs to it. ValueError at the first byte that cannot be part of one."""
    if data.startswith(SIGNATURE[: len(data)]):
        return _version_2(data) if len(data) >= 16 else None
    if data.startswith(_WORD[: len(data)]):
        return _version_1(data)
    raise ValueError("it does not begin with a PROXY header")


def _version_1(data: bytes) -> ProxyHeader | None:
    line, end, _ = data[:MAX_LINE].partition(b"\r\n")
    if not end:
        if len(data) >= MAX_LINE:
            raise ValueError(f"its line is longer than {MAX_LINE} bytes")
        return None
    length = len(line) + 2
    try:
        _, family, *words = line.decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise ValueError("its line is not ASCII") from None
    if family == "UNKNOWN":  # the rest of the line is ignored
        return ProxyHeader("", length)
    if family not in ("TCP4", "TCP6") or len(words) != 4:
        raise ValueError("its line is not PROXY UNKNOWN, TCP4 or TCP6 with four values")
    kind = IPv4Address if family == "TCP4" else IPv6Address
    source, _ = (_address(kind, word) for word in words[:2])
    port, _ = map(_port, words[2:])
    return ProxyHeader(_client(source, port), length)


def _address(kind: type[IPv4Address | IPv6Address], word: str) -> IPv4Address | IPv6Address:
    try:
        if "%" not in word:  # a zone has a meaning on the sender only
            return kind(word)
    except AddressValueError:
        pass
    raise ValueError(f"its address is no {kind.__name__.removesuffix('Address')} address")


def _port(word: str) -> int:
    if not word.isdecimal() or len(word) > 5 or (word[0] == "0" < word) or int(word) > 65535:
        raise ValueError("its port is no number from 0 to 65535")
    return int(word)


def _version_2(data: bytes) -> ProxyHeader | None:
    command, kind, size = struct.unpack_from("!BBH", data, len(SIGNATURE))
    family, transport = kind >> 4, kind & 15
    if command not in (_LOCAL, _PROXY):
        raise ValueError(f"its version and command are {command:#04x}, not 0x20 or 0x21")
    if size > MAX_PAYLOAD:
        raise ValueError(f"it has {size} bytes; at most {MAX_PAYLOAD} are accepted")
    # LOCAL: a health check by the sender, and the family may be anything (section 2.2).
    if command == _PROXY:
        if family not in _SIZES or transport > _STREAM:
            raise ValueError(f"its family {kind:#04x} is none of streams")
        if size < _SIZES[family]:
            raise ValueError(f"its {size} bytes are too few for its addresses")
    if len(data) < 16 + size:
        return None
    client = ""
    if command == _PROXY and transport == _STREAM:
        client = _source(family, data)
    return ProxyHeader(client, 16 + size)


def _source(family: int, data: bytes) -> str:
    """The source address; the values behind the addresses (section 2.2.7) are not read."""
    if family == _INET:
        address, _, port = struct.unpack_from("!4s4sH", data, 16)
        return _client(IPv4Address(address), port)
    if family == _INET6:
        address, _, port = struct.unpack_from("!16s16sH", data, 16)
        return _client(IPv6Address(address), port)
    return UNIX if family == _UNIX else ""


def _client(address: IPv4Address | IPv6Address, port: int) -> str:
    return client_text(str(unmapped(address)), port)
