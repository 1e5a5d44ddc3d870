"""What a relay changes in a head, in both directions (RFC 9110, section 7.6).

Fields about a single connection are removed, the framing is written anew, and the request gets
fields that name the client. All else is passed on in its order. No field is invented: a
User-Agent or an Accept-Encoding of the relay would not be the client's.

A client may name any field in ``Connection`` to have it removed, so what the relay itself adds
is added after that.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.origin import Origin
from streamserver.server.body import RequestBody
from streamserver.server.exchange import Exchange
from streamserver.wire.fields import (
    HOP_BY_HOP,
    Headers,
    Pairs,
    connection_options,
    field,
    grouped,
    is_token,
    split_list,
)
from streamserver.wire.heads import CHUNKED, Fields
from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import request_head
from streamserver.wire.response_heads import ResponseHead

Mode = Literal["replace", "append", "off"]
"""``replace``: those of the client are removed, because any client can write them. ``append``: the
relay's are added to the client's, where that is a trusted proxy. ``off``: neither is sent."""

MODES: tuple[Mode, ...] = ("replace", "append", "off")

UNTRUSTED = frozenset(
    (
        *("forwarded", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"),
        *("x-forwarded-by", "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-scheme"),
        *("x-forwarded-server", "x-forwarded-ssl"),
    )
)
"""Fields that upstreams believe, and that a client could forge."""

_LISTS = frozenset(("forwarded", "x-forwarded-for"))

_INTERPRETED = frozenset(("host", "connection", "te", "upgrade"))
_WRITTEN_ANEW = frozenset(("host", "content-length", "expect"))
_LENGTH = frozenset(("content-length",))
_VIA = (("via", "1.0 streamserver"), ("via", "1.1 streamserver"))
"""By the minor version of the message that was received (RFC 9110, section 7.6.3)."""
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
"""Methods that get a Content-Length even without a body (RFC 9110, section 8.6)."""
_RELAYED = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
"""The standard methods that are relayed. So is every other method but CONNECT and TRACE."""

# All spellings of "..", each of which some server interprets and some other does not.
_climbs = re.compile(r"(?i)(?:[/\\]|%2f|%5c)(?:\.|%2e){2}(?:[/\\;]|%2f|%5c|%3b|\Z)").search
_is_value = re.compile(r"[!-~](?:[\t -~]*[!-~])?").fullmatch
_is_number = re.compile(r"[0-9]{1,16}").fullmatch


class Rewriting:
    """The rules by which requests of clients become requests to one origin."""

    def __init__(
        self,
        origin: Origin,
        strip: str = "",
        inject: Mapping[str, str] | None = None,
        drop: Iterable[str] = (),
        keep_host: bool = False,
        forwarded: Mode = "replace",
    ) -> None:
        """The arguments are those of ``Proxy``; ValueError for invalid ones."""
        if strip and (not strip.startswith("/") or strip.endswith("/")):
            raise ValueError(f"strip begins with a slash and ends without one, not {strip!r}")
        if forwarded not in MODES:
            raise ValueError(f"forwarded is one of {', '.join(MODES)}, not {forwarded!r}")
        self._base = origin.base
        self._strip = strip
        self._authority = origin.authority
        self._keep_host = keep_host
        self._forwarded = forwarded
        self._inject = [_injected(*pair) for pair in (inject or {}).items()]
        self._injected = frozenset(name for name, _ in self._inject)
        self._removed = HOP_BY_HOP | _WRITTEN_ANEW | UNTRUSTED | self._injected | _names(drop)

    def target(self, target: str) -> str:
        """The target at the origin; HTTPError 404 outside ``strip``, 400 above the base."""
        if target == "*":
            return target
        strip = self._strip
        if strip:
            rest = target[len(strip) :]
            if not target.startswith(strip) or rest[:1] not in ("", "/", "?"):
                raise HTTPError(404, "nothing is served at this path")
            target = rest if rest.startswith("/") else "/" + rest
        if self._base:
            if _climbs(target.partition("?")[0]):
                raise HTTPError(400, 'the path may not lead upwards with ".."')
            target = self._base + target
        return target

    def head(self, request: Request, length: int | None) -> tuple[bytes, bool]:
        """The head to send to the upstream, and whether the client accepts trailer fields.

        ``length`` of the body in bytes, CHUNKED, or None if there is none. HTTPError 501 for a
        WebSocket handshake, which no response can answer.
        """
        exchange, method = request.exchange, request.method
        minor = exchange.head.minor
        fields, removed = request.headers.items(), self._removed
        found: dict[str, list[str]] = {}
        passed = [("host", self._authority)]
        for pair in fields:
            name = pair[0]
            if name in removed:
                if name in _INTERPRETED:
                    found.setdefault(name, []).append(pair[1])
            # CGI and its successors make one variable of both spellings (RFC 3875, 4.1.18).
            elif "_" not in name or name.replace("_", "-") not in removed:
                passed.append(pair)
        host = found["host"][0] if "host" in found else ""
        if host and self._keep_host:
            passed[0] = ("host", host)
        if "connection" in found:
            upgrade = found.get("upgrade", []) if minor and method == "GET" else []
            passed = _without_options(passed, found["connection"], upgrade)
        if method == "OPTIONS":
            passed = _decrement_max_forwards(passed)
        passed += self._inject
        if self._forwarded != "off":
            passed += self._client_fields(exchange, host, fields)
        # HTTP/1.0 has neither TE nor Upgrade.
        trailers = "te" in found and minor > 0 and any(map(takes_trailers, found["te"]))
        if trailers:
            passed += (("te", "trailers"), ("connection", "te"))
        if length is not None or method in _WITH_BODY:
            passed += _about_body(length, exchange.body)
        passed.append(_VIA[minor])
        target = self.target(request.target)
        return request_head(method, target, passed, request.headers.are_well_formed), trailers

    def _client_fields(self, exchange: Exchange, host: str, fields: Fields) -> Pairs:
        transport = exchange.connection.transport
        is_secure = transport.get_extra_info("sslcontext") is not None
        ours: Pairs = client_fields(exchange.client, is_secure, host)
        if self._forwarded == "append":
            ours = append(ours, fields)
        return [pair for pair in ours if pair[0] not in self._injected] if self._injected else ours

    def own_request(self, method: str, target: str, fields: Fields, body: bytes) -> bytes:
        """A whole request of the handler's own, with the fields that are injected into each."""
        own = [("host", self._authority), *fields, *self._inject, _framing(len(body))]
        return request_head(method, self._base + target, own) + body


@lru_cache(maxsize=256)  # a client sends many requests on one connection
def client_fields(client: str, is_secure: bool, host: str) -> tuple[tuple[str, str], ...]:
    """The fields that name a client, its protocol, and the ``host`` that it asked for."""
    address = client.rpartition(":")[0].strip("[]") or "unknown"
    proto = "https" if is_secure else "http"
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


def _without_options(fields: Fields, connection: list[str], upgrade: list[str]) -> Fields:
    """The fields that Connection does not name; HTTPError 501 for a WebSocket handshake."""
    options = connection_options(connection)
    if "upgrade" in options and any(map(_lists_websocket, upgrade)):
        raise HTTPError(501, "a WebSocket is not relayed: no connection is upgraded here")
    return [pair for pair in fields if pair[0] not in options or pair[0] == "host"]


def _about_body(length: int | None, body: RequestBody | None) -> Fields:
    """The fields that announce the body of a request, or that there is none."""
    if body is not None and body.expects_continue:
        return [_framing(length or 0), ("expect", "100-continue")]
    return [_framing(length or 0)]


def end_to_end(head: ResponseHead, trailers: bool = False) -> Fields:
    """The fields of a response without those about the upstream's connection.

    ``trailers``: whether the client gets trailer fields, and so the field that announces them.
    """
    connection, passed = list[str](), list[tuple[str, str]]()
    for pair in head.fields:
        name = pair[0]
        if name not in HOP_BY_HOP or (trailers and name == "trailer"):
            passed.append(pair)
        elif name == "connection":
            connection.append(pair[1])
    if connection:
        # The length is passed on in any case: it shows the client whether the body is whole.
        options = connection_options(connection) - _LENGTH
        if trailers:
            options.discard("trailer")
        passed = [pair for pair in passed if pair[0] not in options]
    passed.append(_VIA[head.minor])
    return passed


def takes_trailers(te: str) -> bool:
    """Whether a TE field accepts trailer fields (RFC 9110, section 10.1.4)."""
    return any(item.partition(";")[0].strip() == "trailers" for item in split_list(te.lower()))


def last_response(headers: Headers) -> Response | None:
    """The response to an OPTIONS request whose Max-Forwards is 0; None if it may be relayed
    (RFC 9110, section 7.6.2). HTTPError 400 for a Max-Forwards that is no number."""
    value = headers.get("max-forwards")
    if value is None or _max_forwards(value):
        return None
    return Response(status=204, headers={"allow": _RELAYED})


def _decrement_max_forwards(fields: Fields) -> Fields:
    return [
        (name, str(_max_forwards(value) - 1) if name == "max-forwards" else value)
        for name, value in fields
    ]


def _max_forwards(value: str) -> int:
    if not _is_number(value):
        raise HTTPError(400, "Max-Forwards must be 1 to 16 decimal digits")
    return int(value)


def _framing(length: int) -> tuple[str, str]:
    if length == CHUNKED:
        return ("transfer-encoding", "chunked")
    return ("content-length", str(length))


def _lists_websocket(upgrade: str) -> bool:
    """Whether an Upgrade field lists WebSocket. A server may ignore any other protocol (RFC 9110,
    section 7.8), but a WebSocket client cannot use another response."""
    return any(item.partition("/")[0] == "websocket" for item in split_list(upgrade.lower()))


def _names(names: Iterable[str]) -> frozenset[str]:
    listed = (names,) if isinstance(names, str) else tuple(names)
    for name in listed:
        if not is_token(name):
            raise ValueError(f"{name!r} cannot be dropped: it is no field name")
    return frozenset(name.lower() for name in listed)


def _injected(name: str, value: str) -> tuple[str, str]:
    name, value = field(name, value)
    if not is_token(name) or name in HOP_BY_HOP | _WRITTEN_ANEW:
        raise ValueError(f"{name!r} cannot be injected: it is no field name, or it is the relay's")
    if not _is_value(value):
        # Not repeated: it may be a key.
        raise ValueError(f"the value injected as {name} is not one line of printable ASCII")
    return name, value
