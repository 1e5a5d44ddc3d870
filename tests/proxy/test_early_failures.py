"""A failure after an early head, whose status is 200: an event reports it, and a cut follows."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from streamserver.proxy.settings import PoolLimits, Timeouts
from support.answers import body
from support.beating import ASK, BEAT, INTERVAL, early, events, last_words
from support.hearing import drip
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, until_end
from support.relaying import CHUNKED_HEAD, EVENTS_HEAD, LAST_CHUNK, StartRelay, chunk, ok
from support.requests import request
from support.stage import staged
from support.upstreams import full_backlog

EVENT = b"id: 1\ndata: a\n\n"
NOT_EVENTS = "the upstream responded with {}, not with events"

# The upstream's response, and the status in the event.
OTHERS = {
    "beyond 5xx": (b"HTTP/1.1 600 -\r\nContent-Length: 4\r\n\r\n", 600),
    "JSON": (ok(b"{}", b"Content-Type: application/json"), 200),
    "chunks": (CHUNKED_HEAD + chunk(EVENT), 200),
    "nothing": (b"HTTP/1.1 204 -\r\n\r\n", 204),
    "moved": (b"HTTP/1.1 302 -\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302),
    "compressed": (EVENTS_HEAD[:-2] + b"Content-Encoding: br\r\n\r\n" + chunk(EVENT), 200),
}


@pytest.mark.parametrize("slowly", [False, True])
@pytest.mark.parametrize("break_", ["cut", "event"])
@pytest.mark.parametrize(("answer", "status"), OTHERS.values(), ids=OTHERS)
async def test_a_response_without_events_is_reported_in_one(
    relay: StartRelay, upstream: RawServer, answer: bytes, status: int, break_: str, slowly: bool
) -> None:
    """Also with `on_break="cut"`: nothing else can report it."""
    server = await relay(heartbeat=INTERVAL, on_break=break_)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        head, _, rest = answer.partition(b"\r\n\r\n")
        await drip(peer, filter(None, [head + b"\r\n\r\n", rest] if slowly else [answer]))
        received = await client.read_until()
    expected = {"status": 502, "title": "Bad Gateway", "detail": NOT_EVENTS.format(status)}
    assert last_words(received) == expected
    assert len(events(received)) == 1
    assert [exchange.outcome for exchange in server.ended] == ["truncated"]


FAILURES: dict[str, tuple[Callable[[RawClient], object], int]] = {
    "FIN": (RawClient.end, 502),
    "RST": (RawClient.reset, 502),
    "nonsense": (lambda peer: peer.sock.send(b"nonsense\r\n\r\n"), 502),
    "a bad chunk": (lambda peer: peer.sock.send(EVENTS_HEAD + b"zz\r\n"), 502),
    "silence": (lambda peer: None, 504),
}
failures = pytest.mark.parametrize(("fail", "status"), FAILURES.values(), ids=FAILURES)


def patience(status: int) -> Timeouts:
    """Deadlines of which only a silent upstream exceeds one, however busy the machine is."""
    return Timeouts(first_byte=6 * INTERVAL) if status == 504 else Timeouts()


@failures
async def test_a_failure_is_told_in_an_event(
    relay: StartRelay, upstream: RawServer, fail: Callable[[RawClient], object], status: int
) -> None:
    server = await relay(heartbeat=INTERVAL, timeouts=patience(status))
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        fail(peer)
        received = await client.read_until()
        if peer.sock.fileno() >= 0:
            assert await until_end(peer) == b""
    expected = last_words(received)
    assert expected["status"] == status
    assert "upstream" in expected["detail"]
    assert [exchange.outcome for exchange in server.ended] == ["truncated"]


@failures
async def test_a_client_of_http_1_0_gets_the_event_before_the_reset(
    relay: StartRelay, upstream: RawServer, fail: Callable[[RawClient], object], status: int
) -> None:
    server = await relay(heartbeat=INTERVAL, timeouts=patience(status))
    async with connect(server.port) as client:
        await client.send(request(b"GET / HTTP/1.0", b"Accept: text/event-stream"))
        peer = await upstream.asked()
        await client.read_until(BEAT)
        fail(peer)
        with pytest.raises(ConnectionResetError):
            await client.read_until()
    assert b'event: error\ndata: {"status":%d,' % status in body(client.received)


async def test_a_connection_that_is_not_made_in_time() -> None:
    with full_backlog() as port:
        timeouts = Timeouts(connect=6 * INTERVAL)
        async with staged(port=port, heartbeat=INTERVAL, timeouts=timeouts) as at:
            client = await at.begin(ASK)
            assert last_words(await client.read_until())["status"] == 504


async def test_a_connection_that_is_refused_at_last() -> None:
    """The only one that may be open was in use until the upstream closed its port."""
    async with staged(heartbeat=INTERVAL, pool=PoolLimits(open=1)) as at:
        _, first = await at.ask()
        client = await at.begin(ASK)
        await client.read_until(BEAT)
        at.upstream.sock.close()
        first.reset()
        expected = last_words(await client.read_until())
        assert (expected["status"], expected["detail"]) == (
            502,
            "the upstream refused the connection",
        )


async def test_no_connection_becomes_free_in_time() -> None:
    limits = PoolLimits(open=1, wait=6 * INTERVAL)
    async with staged(heartbeat=INTERVAL, pool=limits) as at:
        await at.ask()
        client = await at.begin(ASK)
        assert last_words(await client.read_until())["status"] == 503


async def test_the_total_deadline_passes() -> None:
    """In each phase."""
    timeouts = Timeouts(total=6 * INTERVAL)
    with full_backlog() as port:
        for place in (0, port):
            async with staged(port=place, heartbeat=INTERVAL, timeouts=timeouts) as at:
                client = await at.begin(ASK)
                assert last_words(await client.read_until())["status"] == 504


@pytest.mark.parametrize("fail", [fail for fail, status in FAILURES.values() if status == 502])
async def test_a_failure_after_the_upstreams_own_head_is_a_cut(
    relay: StartRelay, upstream: RawServer, fail: Callable[[RawClient], object]
) -> None:
    """By default: from there on every byte is the upstream's."""
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        await peer.send(EVENTS_HEAD + chunk(EVENT))
        await client.read_until(EVENT)
        fail(peer)
        received = await client.read_until()
    assert [event.event for event in events(received)] == [None]
    assert not received.endswith(LAST_CHUNK)


async def test_its_connection_is_reused_after_a_complete_response(
    relay: StartRelay, upstream: RawServer
) -> None:
    """A connection is reused after a complete response only."""
    server = await relay(heartbeat=INTERVAL)
    whole = ok(b"{}")
    for answer, reused in ((whole, True), (whole[:-1], False)):
        async with connect(server.port) as client, connect(server.port) as other:
            peer = await early(server, upstream, client)
            await peer.send(answer)
            last_words(await client.read_until())
            await other.send(ASK)
            asked_again = partial(peer.read_until, lambda got: got.count(b"\r\n\r\n") == 2)
            again = asyncio.create_task(asked_again())
            if reused:
                await again
                peer.reset()
            else:
                with pytest.raises((EOFError, ConnectionResetError)):
                    await again
                (await upstream.asked()).reset()
