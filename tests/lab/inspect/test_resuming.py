"""The request again: aborted, repeated, and resumed with the id of the last event."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from streamserver.feed import Feed
from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.inspect.recording import identified
from streamserver.lab.inspect.requests import Bounds
from streamserver.lab.inspect.resuming import following
from streamserver.wire.sse import Event
from support.asked import FOREVER, GAP, Origin, probed
from support.inprocess import Serve
from support.inspected import message
from support.judging import verdict
from support.waiting import wait_until


async def test_a_stream_with_ids_is_cut_repeated_and_resumed(serve: Serve) -> None:
    origin = Origin(count=40)
    evidence = await probed(await serve(origin), size=10**6)
    assert evidence.resumption is not None
    sent = int(evidence.resumption.sent)
    assert origin.values("last-event-id") == [None, None, None, f"{sent}", None]
    assert [request.version for request in origin.requests] == ["1.1"] * 4 + ["1.0"]
    assert [request.path for request in origin.requests] == ["/0", "/1", "/2", "/3", "/4"]
    assert all("gzip" in str(value) for value in origin.values("accept-encoding"))
    assert evidence.main.is_complete
    assert evidence.resumption.first is evidence.repeated
    assert evidence.resumption.first.events[-1].event.id == f"{sent}"
    assert evidence.resumption.waiting == 39 - sent
    assert evidence.resumption.message.events[0].event.id == f"{sent + 1}"
    assert evidence.old is not None
    assert evidence.old.framing == "close"
    assert evidence.identity is evidence.cross_origin is evidence.preflight is None
    assert evidence.versions is None


async def test_an_endless_stream_is_stopped_which_is_the_abort(serve: Serve) -> None:
    origin = Origin()
    server = await serve(origin)
    evidence = await probed(server)
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
    assert [request.version for request in origin.requests] == ["1.1"] * 2 + ["1.0"]


async def test_an_id_that_no_field_can_hold_is_not_sent(serve: Serve) -> None:
    async def events() -> AsyncIterator[bytes]:
        for n in range(FOREVER):
            yield b"id: %d\x01\ndata: x\n\n" % n
            await asyncio.sleep(GAP)

    async def answer(request: Request) -> Response:
        return Response(events(), headers={"content-type": "text/event-stream"})

    evidence = await probed(await serve(answer))
    assert evidence.repeated is not None
    assert evidence.resumption is None


async def test_an_id_is_sent_as_the_bytes_that_it_came_as(serve: Serve) -> None:
    sent = []

    async def events() -> AsyncIterator[Event]:
        for n in range(FOREVER):
            yield Event("x", id=f"流 {n}")
            await asyncio.sleep(GAP)

    async def answer(request: Request) -> Response:
        sent.append(request.last_event_id)
        return EventStream(events())

    evidence = await probed(await serve(answer))
    assert evidence.resumption is not None
    assert evidence.resumption.sent in sent
    assert evidence.resumption.sent.startswith("流 ")


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
        evidence = await probed(server)
    finally:
        publishing.cancel()
    assert evidence.resumption is not None
    after = [one.event.id for one in evidence.resumption.after]
    got = [one.event.id for one in identified(evidence.resumption.message.events)]
    assert evidence.resumption.waiting >= 2
    assert after[:3] == got[:3]


async def test_a_server_that_is_busy_is_asked_twice_and_left_alone(serve: Serve) -> None:
    origin = Origin()
    forever, asked = asyncio.Event(), 0

    async def busy(request: Request) -> Response:
        nonlocal asked
        asked += 1
        if asked > 1:
            await forever.wait()
        return await origin(request)

    evidence = await probed(await serve(busy), bounds=Bounds(each=0.1))
    assert asked == 3
    assert evidence.repeated is not None
    assert evidence.repeated.recording.end == "timeout"
    assert evidence.resumption is None
    assert evidence.old is None


async def test_a_server_that_answers_once(serve: Serve) -> None:
    origin = Origin(count=40)

    async def once(request: Request) -> Response:
        if origin.requests:
            request.exchange.connection.transport.abort()
        return await origin(request)

    evidence = await probed(await serve(once), size=10**6)
    found = verdict("second request", evidence)
    assert (found.status, found.evidence.startswith("sent again, ")) == ("wrong", True)


async def test_without_time_nothing_else_is_sent(serve: Serve) -> None:
    origin = Origin()
    evidence = await probed(await serve(origin), bounds=Bounds(together=0.0))
    assert len(origin.requests) == 2
    assert evidence.repeated is not None
    assert evidence.resumption is None
    assert evidence.old is None


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ([], []),
        ([None, None], []),
        (["1", "2"], ["1", "2"]),
        (["1", None, None, "2"], ["1", "2"]),
        (["1", "", "", "2"], ["1", "2"]),
        (["1", "2", "1"], ["1", "2", "1"]),
    ],
)
def test_events_that_set_an_id(ids: list[str | None], found: list[str]) -> None:
    sent = message([Event("x", id=id) for id in ids])
    assert [one.event.id for one in identified(sent.events)] == found


@pytest.mark.parametrize(("id", "after"), [("1", []), ("2", ["3", "1"]), ("9", []), ("4", [])])
def test_the_events_after_an_id(id: str, after: list[str]) -> None:
    sent = message([Event("x", id=id) for id in ("1", "2", "3", "1")])
    assert [one.event.id for one in following(sent.events, id)] == after
