"""The probes: which requests reach the server, in which order, and how long they take."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from streamserver.feed import Feed
from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.client.client import server_of
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.exchange import identified
from streamserver.lab.inspect.probes import probe
from streamserver.lab.inspect.record import Limits
from streamserver.lab.inspect.requests import Bounds
from streamserver.proxy.origin import client_context
from streamserver.serving.tls import server_context
from streamserver.wire.sse import Event
from support.certificates import Certificate
from support.inprocess import Serve, Served
from support.upstreams import nobody
from support.waiting import wait_until

GAP = 0.02
ORIGIN = "https://app.example"
FOREVER = 10**9


@dataclass
class Origin:
    """A server that keeps its requests."""

    count: int = 12
    status: int = 200
    has_ids: bool = True
    gzip: bool = False
    requests: list[Request] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        await request.body()
        self.requests.append(request)
        if request.method == "OPTIONS":
            return Response(status=204)
        if self.status != 200:
            return Response(status=self.status)
        if self.gzip and "gzip" in (request.headers.get("accept-encoding") or ""):
            headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
            return Response(self._coded(), headers=headers)
        return EventStream(self._events(int(request.last_event_id or -1) + 1))

    async def _events(self, first: int) -> AsyncIterator[Event]:
        for n in range(first, self.count):
            yield Event(str(n), id=n if self.has_ids else None)
            await asyncio.sleep(GAP)

    async def _coded(self) -> AsyncIterator[bytes]:
        coder = zlib.compressobj(wbits=31)
        for n in range(self.count):
            yield coder.compress(b"data: %d\n\n" % n) + coder.flush(zlib.Z_SYNC_FLUSH)
            await asyncio.sleep(GAP)
        yield coder.flush()

    def values(self, name: str) -> list[str | None]:
        """The value of a field in each request."""
        return [request.headers.get(name) for request in self.requests]


async def probed(server: Served, method: str = "GET", **options: Any) -> Evidence:
    fields = options.pop("fields", ())
    spec = RequestSpec(f"{server.url}/{{n}}", method, fields)
    limits = Limits(seconds=options.pop("seconds", 0.5))
    return await probe(spec, server_of(spec), limits=limits, **options)


async def test_a_stream_with_ids_is_cut_repeated_and_resumed(serve: Serve) -> None:
    origin = Origin()
    evidence = await probed(await serve(origin))
    assert evidence.resumption is not None
    sent = int(evidence.resumption.sent)
    assert origin.values("last-event-id") == [None, None, None, f"{sent}", None]
    assert [request.version for request in origin.requests] == ["1.1"] * 4 + ["1.0"]
    assert [request.path for request in origin.requests] == ["/0", "/1", "/2", "/3", "/4"]
    assert all("gzip" in str(value) for value in origin.values("accept-encoding"))
    assert evidence.main.is_complete
    assert evidence.resumption.first is evidence.repeated
    assert evidence.resumption.first.events[-1].event.id == f"{sent}"
    assert evidence.resumption.waiting == 11 - sent
    assert evidence.resumption.message.events[0].event.id == f"{sent + 1}"
    assert evidence.old is not None
    assert evidence.old.framing == "close"
    assert evidence.identity is evidence.cross_origin is evidence.preflight is None
    assert evidence.versions is None


async def test_an_endless_stream_is_stopped_which_is_the_abort(serve: Serve) -> None:
    origin = Origin(count=FOREVER)
    server = await serve(origin)
    evidence = await probed(server, seconds=0.3)
    assert evidence.main.recording.end == "stopped"
    assert evidence.resumption is not None
    assert origin.values("last-event-id") == [None, None, evidence.resumption.sent, None]
    await wait_until(lambda: len(server.ended) == 4)
    assert {exchange.outcome for exchange in server.ended} == {"client_gone"}


async def test_events_without_ids_are_not_resumed(serve: Serve) -> None:
    origin = Origin(has_ids=False)
    evidence = await probed(await serve(origin))
    assert evidence.repeated is not None
    assert evidence.resumption is None
    assert [request.version for request in origin.requests] == ["1.1"] * 3 + ["1.0"]


async def test_only_a_coded_response_is_requested_without_a_coding(serve: Serve) -> None:
    origin = Origin(gzip=True)
    evidence = await probed(await serve(origin))
    assert origin.values("accept-encoding")[-2] == "identity"
    assert evidence.identity is not None
    assert len(evidence.identity.events) >= 8
    assert len(evidence.main.events) == 12


async def test_the_users_own_codings_are_kept(serve: Serve) -> None:
    origin = Origin()
    await probed(await serve(origin), fields=(("Accept-Encoding", "br"),))
    assert set(origin.values("accept-encoding")) == {"br"}


# What may cost money


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_an_unsafe_request_is_sent_once(serve: Serve, method: str) -> None:
    origin = Origin()
    evidence = await probed(await serve(origin), method)
    assert [request.method for request in origin.requests] == [method]
    assert not evidence.may_repeat


async def test_an_unsafe_request_is_repeated_if_the_user_permits_it(serve: Serve) -> None:
    origin = Origin()
    evidence = await probed(await serve(origin), "POST", may_repeat=True)
    assert [request.method for request in origin.requests] == ["POST"] * 5
    assert evidence.resumption is not None


# Other origins


async def test_a_simple_request_needs_no_preflight(serve: Serve) -> None:
    origin = Origin()
    evidence = await probed(await serve(origin), origin=ORIGIN)
    assert origin.values("origin") == [None] * 5 + [ORIGIN]
    assert evidence.cross_origin is not None
    assert evidence.cross_origin.recording.end == "stopped"
    assert evidence.preflight is None


async def test_an_unsafe_request_has_the_origin_itself_and_a_preflight(serve: Serve) -> None:
    origin = Origin()
    fields = (("Content-Type", "application/json"), ("Authorization", "Bearer x"))
    evidence = await probed(await serve(origin), "POST", origin=ORIGIN, fields=fields)
    post, options = origin.requests
    assert (post.method, post.headers.get("origin")) == ("POST", ORIGIN)
    assert evidence.cross_origin is evidence.main
    assert options.method == "OPTIONS"
    assert options.headers.get("access-control-request-method") == "POST"
    assert options.headers.get("access-control-request-headers") == "authorization,content-type"
    assert "authorization" not in options.headers
    assert evidence.preflight is not None
    assert evidence.preflight.status == 204


# A feed


async def test_a_witness_reads_a_feed_while_a_stream_is_resumed(serve: Serve) -> None:
    feed = Feed("witnessed")

    async def publish() -> None:
        for n in range(FOREVER):
            await feed.publish(str(n))
            await asyncio.sleep(GAP)

    async def subscribe(request: Request) -> Response:
        return feed.subscribe(request)

    server = await serve(subscribe)
    publishing = asyncio.create_task(publish())
    try:
        evidence = await probed(server, seconds=0.2)
    finally:
        publishing.cancel()
    assert evidence.resumption is not None
    after = [one.event.id for one in evidence.resumption.after]
    got = [one.event.id for one in identified(evidence.resumption.message.events)]
    assert evidence.resumption.waiting >= 2
    assert after[:3] == got[:3]


# Servers that fail


async def test_an_error_is_not_repeated(serve: Serve) -> None:
    origin = Origin(status=503)
    evidence = await probed(await serve(origin), origin=ORIGIN)
    assert evidence.main.status == 503
    assert origin.values("origin") == [None, ORIGIN]


async def test_no_server() -> None:
    with nobody() as port:
        spec = RequestSpec(f"http://127.0.0.1:{port}")
        evidence = await probe(spec, server_of(spec), limits=Limits(), origin=ORIGIN)
    assert evidence.main.recording.end == "failed"
    assert evidence.cross_origin is None


async def test_a_server_that_is_busy_is_asked_twice_and_left_alone(serve: Serve) -> None:
    origin = Origin(count=FOREVER)
    forever, asked = asyncio.Event(), 0

    async def busy(request: Request) -> Response:
        nonlocal asked
        asked += 1
        if asked > 1:
            await forever.wait()
        return await origin(request)

    evidence = await probed(await serve(busy), seconds=0.1, bounds=Bounds(each=0.1))
    assert asked == 3
    assert evidence.repeated is not None
    assert evidence.repeated.recording.end == "timeout"
    assert evidence.resumption is None
    assert evidence.old is None


async def test_a_response_of_one_piece_has_no_middle(serve: Serve) -> None:
    async def document(request: Request) -> Response:
        return Response(b"{}", headers={"content-type": "application/json"})

    evidence = await probed(await serve(document))
    assert evidence.repeated is None


async def test_a_cancelled_inspection_leaves_nothing(serve: Serve) -> None:
    origin = Origin(count=FOREVER)
    task = asyncio.create_task(probed(await serve(origin), seconds=0.1))
    await wait_until(lambda: len(origin.requests) == 2)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


# TLS


@pytest.mark.parametrize(
    ("offered", "versions"),
    [
        (["h2", "http/1.1"], ("h2", "http/1.1")),
        (["http/1.1"], ("http/1.1",)),
        ([], ()),
    ],
)
async def test_the_protocols_of_alpn(
    serve: Serve, certificate: Certificate, offered: list[str], versions: tuple[str, ...]
) -> None:
    tls = server_context(*certificate)
    tls.set_alpn_protocols(offered)
    server = await serve(Origin(has_ids=False), tls=tls)
    spec = RequestSpec(server.url.replace("http:", "https:"), "POST")
    trusting = server_of(spec, client_context(certificate.cert))
    evidence = await probe(spec, trusting, limits=Limits(seconds=0.1))
    assert evidence.main.status == 200
    assert evidence.versions == versions
