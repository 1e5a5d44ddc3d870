"""Who asked, as the upstream hears it (RFC 7239, and the X-Forwarded fields before it)."""

from typing import Literal

from streamserver.server.exchange import Exchange
from streamserver.wire.fields import grouped, is_token
from streamserver.wire.heads import Fields

Mode = Literal["replace", "append", "off"]
"""What becomes of the fields that say who asked: set afresh, since anyone can say anything;
ours put behind the client's, where that is a proxy to be trusted; or neither sent nor
passed on."""

MODES: tuple[Mode, ...] = ("replace", "append", "off")

UNTRUSTED = frozenset(
    (
        *("forwarded", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"),
        *("x-forwarded-by", "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-scheme"),
        *("x-forwarded-server", "x-forwarded-ssl"),
    )
)
"""Fields by which upstreams are told, and by which a client could make them believe things."""

_LISTS = frozenset(("forwarded", "x-forwarded-for"))


def who_asked(exchange: Exchange, host: str | None) -> Fields:
    """The fields that tell of the client, of how it asked, and for which ``host``."""
    address = exchange.client.rpartition(":")[0].strip("[]") or "unknown"
    secure = exchange.connection.transport.get_extra_info("sslcontext") is not None
    proto = "https" if secure else "http"
    node = f'"[{address}]"' if ":" in address else address
    fields = [("x-forwarded-for", address), ("x-forwarded-proto", proto)]
    element = f"for={node};proto={proto}"
    if host:
        fields.append(("x-forwarded-host", host))
        element += f";host={host}" if is_token(host) else f';host="{host}"'
    fields.append(("forwarded", element))
    return fields


def append(ours: Fields, theirs: Fields) -> Fields:
    """``ours`` behind ``theirs``: lists grow; of what is said once, the first word counts."""
    lists = grouped([field for field in theirs if field[0] in UNTRUSTED])
    said = {name: ", ".join(values) for name, values in lists.items()}
    for name, value in ours:
        if name in _LISTS and name in said:
            said[name] += f", {value}"
        else:
            said.setdefault(name, value)
    return [*said.items()]
