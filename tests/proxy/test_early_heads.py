"""A head before the upstream's: for clients that accept events, with the first heartbeat."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from streamserver.proxy.settings import PoolLimits, Timeouts
from support.answers import body, chunks, content, statuses
from support.beating import ASK, BEAT, INTERVAL, beaten, early, events, pass_time
from support.hearing import hear_response
from support.passing import lines
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, until_end
from support.relaying import EVENTS_HEAD, LAST_CHUNK, StartRelay, chunk, ok
from support.requests import GET, chunked, get, request
from support.stage import Stage, staged
from support.upstreams import full_backlog
from support.waiting import wait_until, within

EVENT = b"id: 1\ndata: a\n\n"
LIMITED = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"
LATE = Timeouts(gap=INTERVAL * 2)
"""A gap between two pieces of an answer is soon too long, but there is no piece yet."""


# Which clients get one


@pytest.mark.parametrize("accept", [b"text/event-stream", b"*/*, TEXT/Event-Stream;q=0.9"])
async def test_a_client_that_accepts_events_gets_heartbeats_before_them(
    relay: StartRelay, upstream: RawServer, accept: bytes
) -> None:
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        await early(server, upstream, client, get(b"/", b"Accept: " + accept))
        received = await client.read_until(beaten(3))
    assert lines(received)[0] == b"HTTP/1.1 200 OK"
    assert b"content-type: text/event-stream" in lines(received)
    assert set(chunks(received)) == {BEAT}


OTHERS = {
    "no Accept": GET,
    "anything": get(b"/", b"Accept: */*"),
    "something else": get(b"/", b"Accept: application/json, text/*"),
    "something similar": get(b"/", b"Accept: text/event-streams, x/text/event-stream"),
    "HEAD": request(b"HEAD / HTTP/1.1", b"Host: a", b"Accept: text/event-stream"),
}


@pytest.mark.parametrize("asked", OTHERS.values(), ids=OTHERS)
async def test_any_other_client_gets_the_response_only(
    relay: StartRelay, upstream: RawServer, asked: bytes
) -> None:
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        await client.send(asked)
        peer = await upstream.asked()
        await pass_time(server, upstream)
        await peer.send(LIMITED[: None if asked[:1] == b"G" else -4])
        answer = await hear_response(client, asked.split()[0].decode())
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")


ANSWERS = {
    "429": (LIMITED, 429, b"busy"),
    "JSON": (ok(b"{}", b"Content-Type: application/json"), 200, b"{}"),
    "nothing": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "events": (EVENTS_HEAD + chunk(EVENT) + LAST_CHUNK, 200, EVENT),
    "events with a length": (ok(EVENT, b"Content-Type: text/event-stream"), 200, EVENT),
}


@pytest.mark.parametrize("slowly", [False, True])
@pytest.mark.parametrize(("answer", "status", "expected"), ANSWERS.values(), ids=ANSWERS)
async def test_a_response_before_the_first_heartbeat_is_passed_on(
    relay: StartRelay,
    upstream: RawServer,
    answer: bytes,
    status: int,
    expected: bytes,
    slowly: bool,
) -> None:
    server = await relay(heartbeat=5.0)
    async with connect(server.port) as client:
        await client.send(ASK)
        peer = await upstream.asked()
        for piece in [answer[n : n + 1] for n in range(len(answer))] if slowly else [answer]:
            await peer.send(piece)
            await asyncio.sleep(0)
        response = await hear_response(client, timeout=5.0)
        await wait_until(lambda: server.ended)
    assert (response.status, response.content) == (status, expected)
    assert "x-accel-buffering" not in response.headers


FAILURES: dict[str, tuple[Callable[[RawClient], object], int]] = {
    "FIN": (RawClient.end, 502),
    "RST": (RawClient.reset, 502),
    "nonsense": (lambda peer: peer.sock.send(b"nonsense\r\n\r\n"), 502),
    "silence": (lambda peer: None, 504),
}


@pytest.mark.parametrize(("fail", "status"), FAILURES.values(), ids=FAILURES)
async def test_a_failure_before_the_first_heartbeat_is_reported_by_the_status(
    relay: StartRelay, upstream: RawServer, fail: Callable[[RawClient], object], status: int
) -> None:
    server = await relay(heartbeat=5.0, timeouts=Timeouts(first_byte=0.1))
    async with connect(server.port) as client:
        await client.send(ASK)
        fail(await upstream.asked())
        response = await hear_response(client, timeout=5.0)
    assert response.status == status
    assert response.headers["content-type"] == "application/problem+json"


# What follows it


@pytest.mark.parametrize("head", [EVENTS_HEAD, EVENTS_HEAD.replace(b"Transfer-Encoding", b"X")])
async def test_the_upstreams_events_follow(
    relay: StartRelay, upstream: RawServer, head: bytes
) -> None:
    """Each of its bytes, with heartbeats while it is silent."""
    server = await relay(heartbeat=INTERVAL)
    wrapped = chunk if head is EVENTS_HEAD else bytes
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        await peer.send(head + wrapped(EVENT[:5]))
        await client.read_until(EVENT[:5])
        await peer.send(wrapped(EVENT[5:]))
        await client.read_until(lambda got: content(got).endswith(EVENT + BEAT))
        await peer.send(wrapped(b"data: b\n\n"))
        await peer.send(LAST_CHUNK if head is EVENTS_HEAD else b"")
        peer.end()
        received = await client.read_until(LAST_CHUNK)
        assert statuses(received) == [200]
        assert content(received).lstrip(b":\n").replace(BEAT, b"") == EVENT + b"data: b\n\n"
        await wait_until(lambda: server.ended)
    assert [exchange.outcome for exchange in server.ended] == ["complete"]


async def test_events_in_one_read_follow(relay: StartRelay, upstream: RawServer) -> None:
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        await peer.send(EVENTS_HEAD + chunk(EVENT) + LAST_CHUNK)
        assert content(await client.read_until(LAST_CHUNK)).lstrip(b":\n") == EVENT
        await client.send(GET)
        await peer.read_until(lambda got: got.count(b"\r\n\r\n") == 2)  # it is used again
        await peer.send(ok(b"next"))
        await client.read_until(b"next")


async def test_events_with_a_length_are_events_too(relay: StartRelay, upstream: RawServer) -> None:
    """They need no heartbeat, and the early head has no length."""
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        await peer.send(ok(EVENT, b"Content-Type: text/event-stream"))
        assert content(await client.read_until(LAST_CHUNK)).lstrip(b":\n") == EVENT


async def test_a_byte_order_mark_does_not_spoil_the_first_field(
    relay: StartRelay, upstream: RawServer
) -> None:
    """It is one at the very beginning only."""
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        await peer.send(EVENTS_HEAD + chunk("\ufeffdata: a\n\n".encode()) + LAST_CHUNK)
        assert [event.data for event in events(await client.read_until(LAST_CHUNK))] == ["a"]


async def test_the_gap_deadline_does_not_run_before_the_upstreams_head(
    relay: StartRelay, upstream: RawServer
) -> None:
    """The head has a deadline of its own."""
    server = await relay(heartbeat=INTERVAL, timeouts=LATE)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        await client.read_until(beaten(8))
        await peer.send(EVENTS_HEAD + chunk(EVENT) + LAST_CHUNK)
        assert content(await client.read_until(LAST_CHUNK)).lstrip(b":\n") == EVENT


async def test_the_gap_begins_with_the_upstreams_head(
    relay: StartRelay, upstream: RawServer
) -> None:
    """Heartbeats do not restart it."""
    server = await relay(heartbeat=INTERVAL, timeouts=LATE)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        await peer.send(EVENTS_HEAD)
        await until_end(peer)
        assert not (await until_end(client)).endswith(LAST_CHUNK)
    assert [exchange.outcome for exchange in server.ended] == ["truncated"]


async def test_no_interim_response_follows_the_early_head(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        await peer.send(EVENTS_HEAD + chunk(EVENT) + LAST_CHUNK)
        assert statuses(await client.read_until(LAST_CHUNK)) == [200]


async def test_an_upload_continues_after_an_early_head(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay(heartbeat=INTERVAL)
    asked = chunked(b"first", end=b"", fields=[b"Accept: text/event-stream"])
    async with connect(server.port) as client:
        peer = await early(server, upstream, client, asked)
        await client.send(chunk(b"second") + LAST_CHUNK)
        received = await peer.read_until(LAST_CHUNK)
        assert content(received) == b"firstsecond"
        await peer.send(EVENTS_HEAD + chunk(EVENT) + LAST_CHUNK)
        assert content(await client.read_until(LAST_CHUNK)).lstrip(b":\n") == EVENT


async def test_a_client_of_http_1_0_gets_one_too(relay: StartRelay, upstream: RawServer) -> None:
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        await client.send(request(b"GET / HTTP/1.0", b"Accept: text/event-stream"))
        peer = await upstream.asked()
        await client.read_until(BEAT + BEAT)
        await peer.send(EVENTS_HEAD + chunk(EVENT) + LAST_CHUNK)
        assert body(await client.read_until()).lstrip(b":\n") == EVENT


# In every phase


async def connecting(at: Stage, client: RawClient) -> None:
    """The connection is not accepted."""
    await client.send(ASK)


async def queueing(at: Stage, client: RawClient) -> None:
    """The only connection that may be open is in use."""
    await at.ask()
    await client.send(ASK)


async def waiting_for_the_head(at: Stage, client: RawClient) -> None:
    await client.send(ASK)
    await at.upstream.asked()


Phase = Callable[[Stage, RawClient], Awaitable[None]]
PHASES: list[Phase] = [connecting, queueing, waiting_for_the_head]
phases = pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)


@phases
@pytest.mark.parametrize("leave", [RawClient.end, RawClient.reset], ids=["FIN", "RST"])
async def test_a_client_that_leaves_ends_every_phase(
    phase: Phase, leave: Callable[[RawClient], object]
) -> None:
    """The end of the stage checks that everything was freed."""
    with full_backlog() as port:
        place = port if phase is connecting else 0
        async with staged(port=place, heartbeat=INTERVAL, pool=PoolLimits(open=1)) as at:
            client = await at.client()
            await phase(at, client)
            assert set(chunks(await client.read_until(beaten(3)))) == {BEAT}
            tasks = asyncio.all_tasks()
            leave(client)
            await within(0.2, at.has_ended(1))
            assert [exchange.outcome for exchange in at.server.ended] == ["client_gone"]
            if phase is not waiting_for_the_head:  # a task connects
                await wait_until(lambda: len(asyncio.all_tasks() & tasks) < len(tasks))


async def test_the_upstream_sees_that_the_client_has_left(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        client.reset()
        await within(0.2, until_end(peer))


async def test_a_stop_cuts_it(relay: StartRelay, upstream: RawServer) -> None:
    """A proper end would mean that there were no events."""
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as client:
        peer = await early(server, upstream, client)
        await server.stop(grace=0)
        await until_end(peer)
        assert not (await until_end(client)).endswith(LAST_CHUNK)
