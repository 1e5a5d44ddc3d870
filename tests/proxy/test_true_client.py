"""What a relay sends on behind trusted proxies, and the ids that it passes in both directions."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from streamserver import PoolLimits, Proxy, Request, Response
from streamserver.wire.forwarded import SOURCES, Source, TrustedPeers
from support.inprocess import Serve, Served
from support.passing import CLOSE, VIA, lines
from support.rawserver import RawServer
from support.rawsocket import connect, raw
from support.relaying import ok
from support.requests import get

FRONT, CLIENT = "127.0.0.9", "127.0.0.5"
TRUSTED = TrustedPeers(FRONT)
NAMED = (
    b"X-Forwarded-For: 6.6.6.6, 203.0.113.7",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Host: a.example",
    b"X-Real-IP: 6.6.6.6",
    b"Forwarded: for=6.6.6.6",
)
ID = b"x-request-id: one"


def naming(address: str, proto: str, host: str) -> list[bytes]:
    """The fields that name this client alone."""
    texts = [f"x-forwarded-for: {address}", f"x-forwarded-proto: {proto}"]
    texts += [f"x-forwarded-host: {host}", f"forwarded: for={address};proto={proto};host={host}"]
    return [text.encode() for text in texts]


async def passed(
    server: Served,
    upstream: RawServer,
    *fields: bytes,
    source: str = FRONT,
    answer: bytes | None = None,
) -> tuple[list[bytes], list[bytes]]:
    """The field lines that the upstream received without its Host, and those of the answer."""
    async with connect(server.port, source=source) as client:
        await client.send(get(b"/", *fields, CLOSE))
        peer = await upstream.asked()
        await peer.send(ok() if answer is None else answer)
        received = await client.read_until()
    return lines(peer.received)[2:], lines(received)[1:]


MODES = {
    "replaced": ("replace", FRONT, naming("203.0.113.7", "https", "a.example")),
    "replaced, of a client": ("replace", CLIENT, naming(CLIENT, "http", "a")),
    "continued": (
        "append",
        FRONT,
        [
            b"x-forwarded-for: 6.6.6.6, 203.0.113.7, 127.0.0.9",
            *(b"x-forwarded-proto: https", b"x-forwarded-host: a.example"),
            b"forwarded: for=203.0.113.7;proto=https;host=a.example",
        ],
    ),
    "not continued, of a client": ("append", CLIENT, naming(CLIENT, "http", "a")),
    "off": ("off", FRONT, []),
}


@pytest.mark.parametrize(("mode", "source", "expected"), MODES.values(), ids=MODES)
async def test_the_fields_that_name_the_client(
    mode: Any, source: str, expected: list[bytes], serve: Serve, upstream: RawServer
) -> None:
    server = await serve(Proxy(upstream.url, forwarded=mode), trusted=TRUSTED)
    up, _ = await passed(server, upstream, *NAMED, source=source)
    assert up == [*expected, VIA]


async def two_relays(serve: Serve, source: Source) -> tuple[Served, Served, Served]:
    """An origin that responds with its client, and two relays in front of it. The first relay is
    open to clients, and each server behind it trusts the one before it."""

    async def who(request: Request) -> Response:
        client = request.client
        seen = [client.address, client.scheme, client.host, request.id]
        return Response.json([*seen, [*request.headers.items()]])

    behind: Mapping[str, Any] = {"trusted": TrustedPeers("127.0.0.1", source), "identifies": True}
    origin = await serve(who, **behind)
    closing = PoolLimits(idle=0)
    inner = await serve(Proxy(origin.url, pool=closing), **behind)
    outer = await serve(
        Proxy(inner.url, pool=closing), trusted=TrustedPeers("127.0.0.2"), identifies=True
    )
    return outer, inner, origin


@pytest.mark.parametrize("source", SOURCES)
async def test_through_two_relays_the_client_stays_the_same(serve: Serve, source: Source) -> None:
    """The request has one id in all of them."""
    servers = await two_relays(serve, source)
    sent = get(b"/", *NAMED, b"X-Request-ID: forged", CLOSE)
    answer = await raw(servers[0].port, sent, source=CLIENT)
    address, scheme, host, id, fields = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (address, scheme, host) == (CLIENT, "http", "a")
    assert [name for name, _ in fields].count("x-forwarded-for") == 1
    logged = [server.ended[0] for server in servers]
    assert {exchange.client.partition(":")[0] for exchange in logged} == {CLIENT}
    assert [exchange.id for exchange in logged] == [id] * 3
    assert [field for field in lines(answer) if b"request-id" in field] == [
        b"x-request-id: " + id.encode()
    ]
    assert id != "forged"


async def test_only_what_trusted_proxies_write_is_continued(
    serve: Serve, upstream: RawServer
) -> None:
    """The others may be the client's, so they name the true client."""
    trusted = TrustedPeers(FRONT, "forwarded")
    server = await serve(Proxy(upstream.url, forwarded="append"), trusted=trusted)
    up, _ = await passed(server, upstream, *NAMED, b"Forwarded: for=203.0.113.7;proto=https")
    names = naming("203.0.113.7", "https", "a")[:3]
    chain = b"forwarded: for=6.6.6.6, for=203.0.113.7;proto=https, for=127.0.0.9;proto=http;host=a"
    assert up == [chain, *names, VIA]


# Ids


async def test_an_id_of_a_client_is_replaced(serve: Serve, upstream: RawServer) -> None:
    server = await serve(Proxy(upstream.url, forwarded="off"), trusted=TRUSTED, identifies=True)
    up, down = await passed(
        server, upstream, b"X-Request-ID: one", b"X_Request_ID: two", source=CLIENT
    )
    made = b"x-request-id: " + server.ended[0].id.encode()
    assert up == [made, VIA]
    assert made in down
    assert made != ID


async def test_an_id_of_a_trusted_proxy_is_sent_on(serve: Serve, upstream: RawServer) -> None:
    server = await serve(Proxy(upstream.url, forwarded="off"), trusted=TRUSTED, identifies=True)
    up, down = await passed(server, upstream, b"X-Request-ID: one")
    assert up == [ID, VIA]
    assert ID in down


async def test_without_ids_the_field_is_passed_on(serve: Serve, upstream: RawServer) -> None:
    server = await serve(Proxy(upstream.url, forwarded="off"))
    up, down = await passed(
        server, upstream, b"X-Request-ID: one", answer=ok(b"", b"X-Request-ID: two")
    )
    assert up == [ID, VIA]
    assert b"x-request-id: two" in down


UPSTREAM_IDS = {
    "the same": ((ID,), [], ()),
    "its own": (
        (b"X-Request-ID: req_abc",),
        [b"x-upstream-request-id: req_abc"],
        (("upstream_request_id", "req_abc"),),
    ),
    "two": (
        (b"X-Request-ID: req_abc", b"X-Request-ID: req_def"),
        [b"x-upstream-request-id: req_abc"],
        (("upstream_request_id", "req_abc"),),
    ),
    "malformed": ((b"X-Request-ID: " + b"x" * 129,), [], ()),
}


@pytest.mark.parametrize(
    ("sent", "passed_on", "attributes"), UPSTREAM_IDS.values(), ids=UPSTREAM_IDS
)
async def test_an_answer_has_the_id_of_the_request(
    sent: tuple[bytes, ...],
    passed_on: list[bytes],
    attributes: tuple[tuple[str, str], ...],
    serve: Serve,
    upstream: RawServer,
) -> None:
    """That of the upstream is passed on under another name, and is in the log."""
    server = await serve(Proxy(upstream.url), trusted=TRUSTED, identifies=True)
    _, down = await passed(server, upstream, ID, answer=ok(b"", *sent))
    assert [field for field in down if b"request-id" in field] == [*passed_on, ID]
    assert server.ended[0].attributes[2:] == attributes


async def test_an_id_that_is_injected_is_sent(serve: Serve, upstream: RawServer) -> None:
    proxy = Proxy(upstream.url, forwarded="off", inject={"X-Request-ID": "mine"})
    up, down = await passed(await serve(proxy, trusted=TRUSTED, identifies=True), upstream, ID)
    assert up == [b"x-request-id: mine", VIA]
    assert ID in down


async def test_a_handlers_own_request_has_the_id(serve: Serve, upstream: RawServer) -> None:
    proxy = Proxy(upstream.url)

    async def handler(request: Request) -> Response:
        return await proxy.fetch(request, "POST", "/v1", [("x", "y")], b"body")

    up, _ = await passed(await serve(handler, trusted=TRUSTED, identifies=True), upstream, ID)
    assert up == [b"x: y", ID, b"content-length: 4"]


TRACE = [
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    *(b"tracestate: a=1,b=2", b"tracestate: c=3"),
]


@pytest.mark.parametrize("identifies", [False, True])
async def test_the_context_of_a_trace_is_passed_on(
    serve: Serve, upstream: RawServer, identifies: bool
) -> None:
    """W3C Trace Context: the relay does not take part in traces, so it changes nothing."""
    server = await serve(Proxy(upstream.url, forwarded="off"), identifies=identifies)
    up, _ = await passed(server, upstream, *TRACE)
    assert up[:3] == TRACE
