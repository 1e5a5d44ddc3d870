"""The fields by which a relay names the client to an upstream (RFC 7239, and ``X-Forwarded-*``).

Any client can write these fields itself. So those of a client are removed, unless the relay
continues the list of a proxy in front of it.
"""

from functools import lru_cache
from typing import Literal

from streamserver.server.exchange import Exchange
from streamserver.wire.fields import Pairs, grouped, is_token
from streamserver.wire.forwarded import UNIX, peer_of
from streamserver.wire.heads import Fields

Mode = Literal["replace", "append", "off"]
"""``replace``: those of the client are removed, because any client can write them, and the relay's
name the client that the server knows: behind trusted proxies the one that these name, without the
proxies between. ``append``: the peer of the connection is added to the client's. If the server has
trusted peers, only the fields that they write are continued, and all others replaced. ``off``:
neither is sent."""

MODES: tuple[Mode, ...] = ("replace", "append", "off")

UNTRUSTED = frozenset(
    (
        *("forwarded", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"),
        *("x-forwarded-by", "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-scheme"),
        *("x-forwarded-server", "x-forwarded-ssl"),
    )
)
"""Fields that upstreams rely on, and that a client could forge."""

_LISTS = frozenset(("forwarded", "x-forwarded-for"))


def fields_for(exchange: Exchange, host: str, fields: Fields, continues: bool) -> Pairs:
    """The fields that name the client of a request with this ``host`` and these ``fields``.

    ``continues``: whether they continue the lists in ``fields``.
    """
    trusted, transport = exchange.server.trusted, exchange.connection.transport
    if trusted is not None:
        client = exchange.true_client
        true = _fields_about(client.address, client.scheme, client.host)
        if not (continues and exchange.has_trusted_peer):
            return true
    is_secure = transport.get_extra_info("sslcontext") is not None
    ours = _fields_about_peer(exchange.connection.client, is_secure, host)
    if trusted is None:
        return append(ours, fields) if continues else ours
    # What a trusted proxy does not write may be the client's.
    read, written = trusted.names, [field for field in fields if field[0] in trusted.names]
    continued = append([field for field in ours if field[0] in read], written)
    return [*continued, *(field for field in true if field[0] not in read)]


@lru_cache(maxsize=256)  # a client sends many requests on one connection
def _fields_about_peer(client: str, is_secure: bool, host: str) -> tuple[tuple[str, str], ...]:
    return _fields_about(peer_of(client)[0], "https" if is_secure else "http", host)


@lru_cache(maxsize=256)
def _fields_about(address: str, proto: str, host: str) -> tuple[tuple[str, str], ...]:
    """The fields that name a client, its protocol, and the ``host`` that it asked for."""
    address = "unknown" if address == UNIX else address
    node = f'"[{address}]"' if ":" in address else address
    forwarded = f"for={node};proto={proto}"
    hosts: Fields = []
    if host:
        forwarded += f";host={host}" if is_token(host) else f';host="{host}"'
        hosts = [("x-forwarded-host", host)]
    return (
        *(("x-forwarded-for", address), ("x-forwarded-proto", proto), *hosts),
        ("forwarded", forwarded),
    )


def append(ours: Pairs, theirs: Fields) -> Fields:
    """``ours`` behind ``theirs``: lists grow; of any other field the first value counts."""
    lists = grouped([field for field in theirs if field[0] in UNTRUSTED])
    values = {name: ", ".join(lines) for name, lines in lists.items()}
    for name, value in ours:
        if name in _LISTS and name in values:
            values[name] += f", {value}"
        else:
            values.setdefault(name, value)
    return [*values.items()]
