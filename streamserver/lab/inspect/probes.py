"""The probes: the request of the command line, and further ones that show what it cannot.

The main request is alone, so that nothing disturbs the times of its reads. The others follow one
after another, each as short as its question permits. A request whose method is not safe (RFC 9110,
section 9.2.1) is sent once, unless the user allows more: a model's answer is paid for.

| probe | request | sent |
|---|---|---|
| main | with the codings that browsers accept | always |
| repeated | the same, after one that was aborted in its middle | if the main one is a stream |
| resumption | with Last-Event-ID, see ``resuming`` | if the events have ids |
| identity | without a content coding | if the main response has one |
| old | in HTTP/1.0 | if the main one is a stream |
| cross_origin, preflight | with Origin, and OPTIONS if a browser sends it | if an origin is given |
| versions | a TLS handshake that offers h2 | over TLS |
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import replace

from streamserver.kit.guards import SAFE
from streamserver.lab.client.connection import Dialed, ServerAddress
from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.arrivals import why_no_stream
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.preflight import preflight_of
from streamserver.lab.inspect.record import Limits, Observer
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.requests import BOUNDS, Bounds, Exchange, Requests
from streamserver.lab.inspect.resuming import is_late, repeat_and_resume

HTTP1 = "http/1.1"
HANDSHAKE = 5.0
"""Seconds for a connection that offers another protocol."""
ENOUGH = 8
"""Events that show how a response streams."""


async def probe(
    spec: RequestSpec,
    server: ServerAddress,
    *,
    limits: Limits,
    bounds: Bounds = BOUNDS,
    idle: float = 0.0,
    origin: str = "",
    may_repeat: bool = False,
    observer: Observer | None = None,
) -> Evidence:
    """Send the requests, and return what they recorded; never raises for what a server does.

    ``limits``: those of the main request. ``bounds``: the time of the further ones. ``idle``:
    seconds after which a heartbeat is expected, 0 if that is not asked. ``origin``: that of a page
    which reads the stream. ``may_repeat``: whether a request with an unsafe method may be sent
    several times. ``observer`` follows the main request.
    """
    may_repeat = may_repeat or spec.method in SAFE
    requests = Requests(spec, server, bounds)
    with_origin = [("origin", origin)] if origin and not may_repeat else []
    if idle:
        limits = replace(limits, seconds=max(limits.seconds, 1.2 * idle + 1))
    main = await requests.main(limits, with_origin, observer)
    evidence = Evidence(main, idle=idle, origin=origin, may_repeat=may_repeat)
    if not main.status:
        may_speak_h2 = main.recording.end == "failed"
        return (
            replace(evidence, versions=await _versions(server, main)) if may_speak_h2 else evidence
        )
    try:
        if may_repeat and 200 <= main.status < 300 and not why_no_stream(main):
            evidence = await _further(requests, evidence)
        if origin:
            evidence = await _cross_origin(requests, evidence, preflight_of(spec, origin))
    finally:
        await requests.close()
    return replace(evidence, versions=await _versions(server, main))


async def _cross_origin(
    requests: Requests, evidence: Evidence, preflight: RequestSpec | None
) -> Evidence:
    cross = evidence.main
    if evidence.may_repeat:
        cross = await requests.get(_has_head, ("origin", evidence.origin))
    answer = await requests.send(preflight) if preflight else None
    return replace(evidence, cross_origin=cross, preflight=answer)


async def _further(requests: Requests, evidence: Evidence) -> Evidence:
    """Send the requests that the main response gives reason for."""
    main = evidence.main
    repeated, resumption = await repeat_and_resume(requests, main)
    evidence = replace(evidence, repeated=repeated, resumption=resumption)
    if repeated is not None and is_late(repeated, main):
        return evidence  # the server is busy, so that further responses show nothing
    if "content-encoding" in dict(main.fields) and requests.is_time_left:
        identity = await requests.get(_is_enough, ("accept-encoding", "identity"))
        evidence = replace(evidence, identity=identity)
    if requests.is_time_left:
        evidence = replace(evidence, old=await requests.get(_is_enough, version="1.0"))
    return evidence


async def _versions(server: ServerAddress, main: Message) -> tuple[str, ...] | None:
    """The protocols that the server accepts; None without TLS."""
    if server.tls is None:
        return None
    h1: Sequence[str] = [HTTP1] if main.recording.alpn == HTTP1 else []
    return ("h2", *h1) if await accepts(server, server.tls, "h2") else (*h1,)


async def accepts(server: ServerAddress, tls: ssl.SSLContext, protocol: str) -> bool:
    """Whether a server that is offered nothing but this protocol accepts it."""
    connection = Dialed()
    tls.set_alpn_protocols([protocol])
    try:
        async with asyncio.timeout(HANDSHAKE):
            await server.connect(Record(), connection)
    except OSError:  # TimeoutError is one
        return False
    finally:
        tls.set_alpn_protocols([HTTP1])
    chosen = connection.transport.get_extra_info("ssl_object").selected_alpn_protocol()
    connection.transport.abort()
    return bool(chosen == protocol)


def _is_enough(exchange: Exchange) -> bool:
    return len(exchange.events) >= ENOUGH


def _has_head(exchange: Exchange) -> bool:
    return exchange.has_head
