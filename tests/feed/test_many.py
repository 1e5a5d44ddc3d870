"""Many readers: no task for each, and nothing kept for those that have left."""

import asyncio
import gc
import weakref

import pytest

from streamserver.feed.feed import Feed
from streamserver.feed.memory import Memory
from streamserver.feed.subscribers import LocalSubscriber
from streamserver.feed.topic import SLICE
from support.following import MakeFeed, app, crowd
from support.inprocess import Serve
from support.waiting import wait_until

pytestmark = pytest.mark.both_loops
MANY = 50


async def test_a_reader_is_no_task(serve: Serve, make_feed: MakeFeed) -> None:
    feed = make_feed()
    server = await serve(app(feed))
    async with crowd(server, 1):
        least = len(asyncio.all_tasks()) + MANY / 2  # Redis has a few of its own
        async with crowd(server, MANY) as readers:
            assert len(asyncio.all_tasks()) < least
            await feed.publish("to all")
            assert len(asyncio.all_tasks()) < least
            for reader in readers:
                await reader.read(1)
            assert len(asyncio.all_tasks()) < least


async def test_other_tasks_run_while_an_event_is_delivered_to_many() -> None:
    """Each subscriber gets each event once, also one that is published in the meantime."""
    feed = Feed("news")
    subscribers = [LocalSubscriber(feed._topic) for _ in range(2 * SLICE + 1)]
    for subscriber in subscribers:
        feed._topic.subscribe(subscriber)

    def served() -> int:
        return sum(not subscriber.is_ready() for subscriber in subscribers)

    await feed.publish("first")
    assert served() == SLICE
    await asyncio.sleep(0)
    assert served() == 2 * SLICE
    await feed.publish("second")
    await wait_until(lambda: served() == len(subscribers))
    for subscriber in subscribers:
        assert [(await anext(subscriber)).data for _ in range(2)] == ["first", "second"]
    await feed.publish("third")
    for subscriber in subscribers:
        assert (await anext(subscriber)).data == "third"


async def test_subscribers_that_left_are_freed(serve: Serve, make_feed: MakeFeed) -> None:
    feed = make_feed()
    server = await serve(app(feed))
    async with crowd(server, MANY):
        subscribers = [weakref.ref(each) for each in feed._topic.subscribers]
        assert len(subscribers) == MANY
    await wait_until(lambda: not feed._topic.subscribers)
    server.ended.clear()
    gc.collect()
    assert [each() for each in subscribers] == [None] * MANY


async def test_a_topic_without_feed_and_subscriber_is_freed(
    serve: Serve, make_feed: MakeFeed
) -> None:
    """A subscriber keeps it after the feed is gone."""
    feed = make_feed()
    topic = weakref.ref(feed._topic)
    server = await serve(lambda request: app(make_feed())(request))
    async with crowd(server, 1) as [reader]:
        del feed
        gc.collect()
        assert topic() is not None
        await make_feed().publish("still here")
        await reader.read(1)
    await wait_until(lambda: gc.collect() or topic() is None)


async def test_a_topic_in_memory_is_freed_at_once() -> None:
    """There may be one for each job: freed without the garbage collector."""
    backend = Memory()
    feed = Feed("job", backend)
    await feed.publish("x" * 1000)
    topic = weakref.ref(feed._topic)
    del feed
    assert topic() is None
    assert await Feed("job", backend).newest() is None
