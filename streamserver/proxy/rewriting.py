"""What a relay changes in a head, both ways (RFC 9110, section 7.6).

As little as it must: fields that speak of one connection stop here, framing is made anew, and
the upstream is told who asked. All else passes in its order, and as it came. Nothing is
invented: a User-Agent or an Accept-Encoding of our own would not be the client's.

A client may name any field in ``Connection``, to have it removed on the way; so whatever
matters is put in after that.
"""

import re
from collections.abc import Iterable, Mapping

from streamserver.kit.request import Request
from streamserver.proxy.forwarded import MODES, UNTRUSTED, Mode, append, who_asked
from streamserver.proxy.max_forwards import lowered
from streamserver.proxy.origin import Origin
from streamserver.wire.fields import HOP_BY_HOP, connection_options, field, is_token, split_list
from streamserver.wire.heads import CHUNKED, Fields
from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import request_head
from streamserver.wire.response_heads import ResponseHead

_MADE_ANEW = frozenset(("host", "content-length", "expect"))
_LENGTH = frozenset(("content-length",))
_SPECIAL = frozenset(("connection", "te", "upgrade"))
_ANNOUNCED = frozenset(("POST", "PUT", "PATCH"))
"""Methods that say so when they have no body (RFC 9110, section 8.6)."""

# All the ways in which servers spell "..", each of which some other server does not see.
_climbs = re.compile(r"(?i)(?:[/\\]|%2f|%5c)(?:\.|%2e){2}(?:[/\\;]|%2f|%5c|%3b|\Z)").search
_is_value = re.compile(r"[!-~](?:[\t -~]*[!-~])?").fullmatch


class Rewriting:
    """From the requests of clients to those for one origin."""

    __slots__ = (
        "_authority",
        "_base",
        "_dropped",
        "_forwarded",
        "_inject",
        "_injected",
        "_keep_host",
        "_strip",
    )

    def __init__(
        self,
        origin: Origin,
        strip: str = "",
        inject: Mapping[str, str] | None = None,
        drop: Iterable[str] = (),
        keep_host: bool = False,
        forwarded: Mode = "replace",
    ) -> None:
        """The arguments are those of ``Proxy``; ValueError for what cannot be."""
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
        self._dropped = HOP_BY_HOP | _MADE_ANEW | UNTRUSTED | self._injected | _names(drop)

    def target(self, target: str) -> str:
        """What the upstream is asked for; HTTPError 404 outside ``strip``, 400 above the base."""
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

    def head(self, request: Request, length: int | None) -> bytes:
        """The request's head as it goes to the upstream.

        ``length`` of its body in bytes, CHUNKED, or None if there is none. HTTPError 501 for
        a request for a WebSocket, whose answer would be no response.
        """
        exchange, fields = request.exchange, request.headers.items()
        ours, host, te, upgrades = [*self._inject], None, False, False
        connection, variables = list[str](), list[str]()
        for name, value in fields:
            if name == "host":
                host = value
            elif name in _SPECIAL:
                if name == "connection":
                    connection.append(value)
                elif exchange.head.minor:  # HTTP/1.0 has neither
                    te = te or (name == "te" and takes_trailers(value))
                    upgrades = upgrades or (name == "upgrade" and _lists_websocket(value))
            elif "_" in name and name.replace("_", "-") in self._dropped:
                # The same name to whatever hands fields on as variables (RFC 3875, section 4.1.18).
                variables.append(name)
        options = connection_options(connection)
        if upgrades and "upgrade" in options and request.method == "GET":
            raise HTTPError(501, "a WebSocket is not relayed: no connection is upgraded here")
        dropped = self._dropped.union(options, variables)  # once, since it copies the set
        passed = [field for field in fields if field[0] not in dropped]
        if request.method == "OPTIONS":
            passed = lowered(passed)
        if self._forwarded != "off":
            who = who_asked(exchange, host)
            told = who if self._forwarded == "replace" else append(who, fields)
            ours += [field for field in told if field[0] not in self._injected]
        if te:
            ours += (("te", "trailers"), ("connection", "te"))
        ours += _about_body(request, length)
        ours.append(("via", f"1.{exchange.head.minor} streamserver"))
        named_host = host if self._keep_host and host else self._authority
        whole = [("host", named_host), *passed, *ours]
        return request_head(request.method, self.target(request.target), whole)

    def question(self, method: str, target: str, fields: Fields, body: bytes) -> bytes:
        """A whole request of our own, with what is injected into each."""
        own = [("host", self._authority), *fields, *self._inject, _framing(len(body))]
        return request_head(method, self._base + target, own) + body


def end_to_end(head: ResponseHead, trailers: bool = False) -> Fields:
    """An upstream's fields as they go to the client, those of its own connection left out.

    ``trailers``: whether the client may be told of trailer fields to come.
    """
    # Whatever Connection names, the length is passed on: it tells the client that it has all.
    connection = [value for name, value in head.fields if name == "connection"]
    dropped = HOP_BY_HOP | connection_options(connection) - _LENGTH
    if trailers:
        dropped = dropped - {"trailer"}
    passed = [field for field in head.fields if field[0] not in dropped]
    passed.append(("via", f"1.{head.minor} streamserver"))
    return passed


def takes_trailers(te: str) -> bool:
    """Whether a TE field says that trailer fields are welcome (RFC 9110, section 10.1.4)."""
    return any(item.partition(";")[0].strip() == "trailers" for item in split_list(te.lower()))


def _about_body(request: Request, length: int | None) -> Fields:
    """The fields that announce the request's body, or that there is none."""
    if length is None:
        return [_framing(0)] if request.method in _ANNOUNCED else []
    body = request.exchange.body
    if body is not None and body.expects_continue:
        return [_framing(length), ("expect", "100-continue")]
    return [_framing(length)]


def _framing(length: int) -> tuple[str, str]:
    if length == CHUNKED:
        return ("transfer-encoding", "chunked")
    return ("content-length", str(length))


def _lists_websocket(upgrade: str) -> bool:
    """Whether an Upgrade field lists WebSocket. Any other protocol is an offer that a server
    may ignore (RFC 9110, section 7.8); a WebSocket client has no use for another response."""
    return any(item.partition("/")[0] == "websocket" for item in split_list(upgrade.lower()))


def _names(names: Iterable[str]) -> frozenset[str]:
    listed = (names,) if isinstance(names, str) else tuple(names)
    for name in listed:
        if not is_token(name):
            raise ValueError(f"{name!r} cannot be dropped: it is no field name")
    return frozenset(name.lower() for name in listed)


def _injected(name: str, value: str) -> tuple[str, str]:
    name, value = field(name, value)
    if not is_token(name) or name in HOP_BY_HOP | _MADE_ANEW:
        raise ValueError(f"{name!r} cannot be injected: it is no field name, or it is the relay's")
    if not _is_value(value):
        # Not repeated: it may be a key.
        raise ValueError(f"the value injected as {name} is not one line of printable ASCII")
    return name, value
