"""A restart at SIGHUP loses nothing: no connection, no request and no event."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from cli.conftest import LIMIT
from streamserver.feed.feed import Feed
from streamserver.feed.redis import Redis
from support.process import RunServer, ServerProcess, workers_of
from support.redis import RedisServer
from support.restarting import Clients
from support.waiting import wait_until

HERE = Path(__file__).parent
RESTARTS = 10


def descriptors(server: ServerProcess) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_ten_restarts_lose_nothing(
    run_server: RunServer, shared_redis: RedisServer, loop: str
) -> None:
    asyncio.get_running_loop().set_debug(False)  # which multiplies the time of each callback
    prefix = f"restarts-{loop}:"
    env = {"NEWS_REDIS": shared_redis.url, "NEWS_PREFIX": prefix, "PYTHONPATH": str(HERE)}
    options = "--workers", "2", "--loop", loop, "--grace", "5", "--no-access-log"
    server = run_server(
        "news:app", *options, "--log-level", "info", env={**env, "PYTHONASYNCIODEBUG": ""}
    )
    first = workers_of(server)
    before = descriptors(server)
    redis = Redis(shared_redis.url, prefix=prefix)
    feed = Feed("news", redis, max_events=100_000)
    clients = Clients(server.port)
    try:
        await clients.start(feed, rate=500, every=0.02, followers=100, keepers=20)
        for count in range(1, RESTARTS + 1):
            server.process.send_signal(signal.SIGHUP)
            await clients.until(lambda n=count: server.output().count("restarted: ") == n)
            await clients.until(lambda n=count: min(clients.followings) > n)
        await clients.finish()
    finally:
        await clients.cancel()
        await redis.close()
    print(clients.connected, clients.kept, clients.repeated, len(clients.published))
    assert clients.errors == []
    assert all(ids == clients.published for ids in clients.followed)
    await wait_until(lambda: len(workers_of(server)) == 2, LIMIT)
    assert descriptors(server) == before
