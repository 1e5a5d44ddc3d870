"""What a relay changes in a head, in both directions (RFC 9110, section 7.6).

Fields about a single connection are removed, the framing is written anew, and the request gets
fields that name the client. All else is passed on in its order. No field is invented: a
User-Agent or an Accept-Encoding of the relay would not be the client's.

A client may name any field in ``Connection`` to have it removed, so what the relay itself adds
is added after that.
"""

import re
from collections.abc import Iterable, Mapping

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.forwarding import MODES, UNTRUSTED, Mode, fields_for
from streamserver.proxy.origin import Origin
from streamserver.server.body import RequestBody
from streamserver.server.exchange import Exchange
from streamserver.server.framing import REQUEST_ID
from streamserver.server.identity import is_request_id
from streamserver.wire.fields import (
    HOP_BY_HOP,
    Headers,
    Pairs,
    connection_options,
    field,
    is_token,
    split_list,
)
from streamserver.wire.heads import CHUNKED, Fields
from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import request_head
from streamserver.wire.response_heads import ResponseHead

UPSTREAM_REQUEST_ID = "x-upstream-request-id"

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
        self._removed_with_id = self._removed | {REQUEST_ID}

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
        exchange, method, minor = request.exchange, request.method, request.exchange.head.minor
        fields = request.headers.items()
        removed = self._removed_with_id if exchange.id else self._removed
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
        passed += self._own_fields(exchange.id) if exchange.id else self._inject
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

    def _own_fields(self, id: str) -> Fields:
        """The fields that are injected into a request with this id, "" for none, and the id."""
        if not id or REQUEST_ID in self._injected:
            return self._inject
        return [*self._inject, (REQUEST_ID, id)]

    def _client_fields(self, exchange: Exchange, host: str, fields: Fields) -> Pairs:
        ours = fields_for(exchange, host, fields, continues=self._forwarded == "append")
        return [pair for pair in ours if pair[0] not in self._injected] if self._injected else ours

    def own_request(
        self, method: str, target: str, fields: Fields, body: bytes, id: str = ""
    ) -> bytes:
        """A whole request of the handler's own, with the fields that are injected into each, and
        with the ``id`` of the client's request unless that is ""."""
        own = [("host", self._authority), *fields, *self._own_fields(id), _framing(len(body))]
        return request_head(method, self._base + target, own) + body


def without_id(fields: Fields, id: str = "") -> tuple[Fields, tuple[tuple[str, str], ...]]:
    """The fields of a response to a request with this ``id``, which the server will set. An id that
    is the upstream's own is passed on as X-Upstream-Request-ID, and is an attribute for the log."""
    for name, _ in fields:
        if name == REQUEST_ID:
            break
    else:  # most upstreams send none
        return fields, ()
    passed = [pair for pair in fields if pair[0] != REQUEST_ID]
    for name, value in fields:
        if name == REQUEST_ID and value != id and is_request_id(value):
            return [*passed, (UPSTREAM_REQUEST_ID, value)], (("upstream_request_id", value),)
    return passed, ()


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
