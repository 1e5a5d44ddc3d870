"""Feeds in memory and in a real Redis, on both event loops: one set of tests for all of them."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from streamserver.feed.feed import Backend, Feed
from streamserver.feed.memory import Memory
from streamserver.feed.redis import Redis
from support.following import MakeFeed
from support.inprocess import Serve
from support.loops import factory, open_spares
from support.redis import MakeRedis, RedisServer

_names = itertools.count()


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Mapping[str, Any]:
    """Tests that are marked `both_loops` run on either loop, others on asyncio's own."""
    kinds = ["asyncio", "uvloop"] if item.get_closest_marker("both_loops") else ["asyncio"]
    return {kind: factory(kind) for kind in kinds}


@pytest.fixture(autouse=True)
async def spares() -> None:
    """What a loop opens for good is no leak."""
    await open_spares()


@pytest.fixture
async def make_redis(serve: Serve) -> AsyncIterator[MakeRedis]:
    """Makes backends in a Redis, below a name that no other test has; closed before `serve` looks
    for leaks."""
    prefix = f"{next(_names)}:"
    async with contextlib.AsyncExitStack() as stack:

        def make(server: RedisServer, **options: Any) -> Redis:
            redis = Redis(server.url, **{"prefix": prefix, **options})
            stack.push_async_callback(redis.close)
            return redis

        yield make


@pytest.fixture(params=["memory", "redis"])
def backend(request: pytest.FixtureRequest, make_redis: MakeRedis) -> Backend:
    """Either backend."""
    if request.param == "memory":
        return Memory()
    return make_redis(request.getfixturevalue("shared_redis"))


@pytest.fixture
def make_feed(backend: Backend) -> MakeFeed:
    """Makes feeds of the backend."""

    def make(topic: str = "news", **options: Any) -> Feed:
        return Feed(topic, backend, **options)

    return make
