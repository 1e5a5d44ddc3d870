"""``Feed.watch``: the events of a feed, iterated within the process."""

import asyncio
import json

import pytest

from streamserver.feed.feed import Feed
from streamserver.feed.log import make_entry
from streamserver.feed.topic import BATCH, Topic
from streamserver.wire.sse import Event
from support.following import MakeFeed, app, following
from support.inprocess import Serve
from support.waiting import wait_until


async def watch_all(feed: Feed, received: list[Event], entered: asyncio.Event) -> None:
    """Add the events of a feed to a list, until the feed ends."""
    async with feed.watch() as events:
        entered.set()
        async for event in events:
            received.append(event)


def topic_of(feed: Feed) -> Topic:
    return feed._topic


@pytest.mark.both_loops
async def test_events_that_are_published_while_it_is_open(make_feed: MakeFeed) -> None:
    feed = make_feed()
    await feed.publish("before")
    async with feed.watch() as events:
        ids = [await feed.publish(n) for n in range(3)]
        received = [await anext(events) for _ in range(3)]
    assert received == [Event(str(n), id=id) for n, id in enumerate(ids)]
    await feed.publish("after")
    async with feed.watch() as events:
        await feed.publish("again")
        assert (await anext(events)).data == "again"


async def test_an_iterator_that_waits_is_woken_by_a_publish(make_feed: MakeFeed) -> None:
    feed, received, entered = make_feed(), list[Event](), asyncio.Event()
    task = asyncio.create_task(watch_all(feed, received, entered))
    await entered.wait()
    for n in range(3):
        await feed.publish(n)
        await wait_until(lambda n=n: len(received) == n + 1)  # type: ignore[misc]  # a default has no type
    await feed.publish("over", last=True)
    await task
    assert [event.data for event in received] == ["0", "1", "2", "over"]
    assert not topic_of(feed).subscribers


@pytest.mark.parametrize("leave", ["break", "error"])
async def test_leaving_the_loop_early_leaves_no_subscriber(make_feed: MakeFeed, leave: str) -> None:
    feed, received = make_feed(), list[str]()
    try:
        async with feed.watch() as events:
            for n in range(3):
                await feed.publish(n)
            async for event in events:
                received.append(str(event.data))
                if leave == "break":
                    break
                raise RuntimeError("the loop fails")
    except RuntimeError:
        assert leave == "error"
    assert received == ["0"]
    assert not topic_of(feed).subscribers


async def test_a_task_that_is_cancelled_leaves_no_subscriber(make_feed: MakeFeed) -> None:
    feed, entered = make_feed(), asyncio.Event()
    task = asyncio.create_task(watch_all(feed, [], entered))
    await entered.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not topic_of(feed).subscribers


async def test_after_the_context_the_iterator_ends(make_feed: MakeFeed) -> None:
    """Also for a task that waits in it."""
    feed = make_feed()
    async with feed.watch() as events:
        waiting = asyncio.ensure_future(anext(events, None))
        await asyncio.sleep(0)
    assert await waiting is None
    assert [event async for event in events] == []


async def test_a_feed_that_has_ended_has_no_new_events(make_feed: MakeFeed) -> None:
    feed = make_feed()
    await feed.publish("over", last=True)
    async with feed.watch() as events:
        assert [event async for event in events] == []


async def test_a_slow_loop_holds_one_batch_and_misses_nothing(make_feed: MakeFeed) -> None:
    """The other events stay in the log."""
    feed, text, count = make_feed(), "x" * 30_000, 20
    async with feed.watch() as events:
        for n in range(count):
            await feed.publish(f"{n} {text}")
        received = [await anext(events)]
        [subscriber] = topic_of(feed).subscribers
        assert len(subscriber._events) <= BATCH // 30_000 + 1  # type: ignore[attr-defined]  # of watch
        received += [await anext(events) for _ in range(count - 1)]
    assert [int(str(event.data).split()[0]) for event in received] == list(range(count))


async def test_a_backlog_does_not_block_the_event_loop() -> None:
    feed, text, others = Feed("news"), "x" * BATCH, list[int]()
    async with feed.watch() as events:
        for n in range(10):
            await feed.publish(f"{n} {text}")
        received = 0

        async def count() -> None:
            while received < 10:
                others.append(received)
                await asyncio.sleep(0)

        task = asyncio.create_task(count())
        for _ in range(10):
            await anext(events)
            received += 1
        await task
    assert len(set(others)) >= 8


async def test_a_loop_that_is_slower_than_the_log_gets_one_gap(make_feed: MakeFeed) -> None:
    """So many events that Redis drops some of them too, which it does by the hundred."""
    feed = make_feed(max_events=10)
    async with feed.watch() as events:
        first = await feed.publish("first")
        await wait_until(lambda: topic_of(feed).log.last_id == first)
        assert (await anext(events)).id == first
        await feed.publish("second")
        await wait_until(lambda: topic_of(feed).log.newest is not None)
        ids = [await feed.publish(n) for n in range(350)]
        await wait_until(lambda: topic_of(feed).log.last_id == ids[-1])
        received = [await anext(events)]
        while received[-1].id != ids[-1]:
            received.append(await anext(events))
    second, gap, *rest = received
    assert second.data == "second"
    assert gap.event == "gap"
    assert json.loads(gap.data) == {"after": second.id, "first": rest[0].id}
    assert [event.id for event in rest] == ids[-len(rest) :]
    assert gap.id == ids[-len(rest) - 1]


async def test_an_entry_that_cannot_be_decoded_fails_this_loop_alone(serve: Serve) -> None:
    """As another program may put it into a stream in Redis."""
    feed = Feed("news")
    topic = topic_of(feed)
    server = await serve(app(feed))
    async with following(server) as reader, feed.watch() as events:
        await reader.position()
        topic.append([make_entry("9999999999999-0", topic.log.last_id or "", b"no event")])
        await feed.publish("after")
        with pytest.raises(IndexError):
            await anext(events)
        await reader.read_until(lambda reader: "after" in reader.data)
