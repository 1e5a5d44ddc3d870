"""A restart at SIGHUP loses nothing: no connection, no request and no event."""

import asyncio
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from streamserver.feed.feed import Feed
from streamserver.feed.redis import Redis
from support.process import ROOT, RunServer, ServerProcess, workers_of
from support.redis import RedisServer
from support.restarting import LIMIT, Clients
from support.waiting import wait_until

RESTARTS = 10
PREFIX = "restarts:"


def descriptors(server: ServerProcess) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def has_restarted(server: ServerProcess, count: int) -> bool:
    return server.output().count("restarted: ") == count


def have_reconnected(clients: Clients, count: int) -> bool:
    return min(clients.followings) > count


@pytest.mark.timeout(150)  # it needs more of a machine than its cores while that is busy
async def test_ten_restarts_lose_nothing(
    run_server: RunServer, shared_redis: RedisServer, tmp_path: Path
) -> None:
    """Of two workers, one on each kind of loop."""
    asyncio.get_running_loop().set_debug(False)  # which multiplies the time of each callback
    server = run_server(
        *("tests/serving/news.py", shared_redis.url, PREFIX, str(tmp_path / "starts")),
        env={"PYTHONPATH": str(ROOT / "tests"), "PYTHONASYNCIODEBUG": ""},
    )
    before = descriptors(server)
    redis = Redis(shared_redis.url, prefix=PREFIX)
    clients = Clients(server.port)
    try:
        feed = Feed("news", redis, max_events=100_000)
        await clients.start(feed, rate=500, every=0.02, followers=100, keepers=10)
        for count in range(1, RESTARTS + 1):
            server.process.send_signal(signal.SIGHUP)
            await clients.until(partial(has_restarted, server, count))
            await clients.until(partial(have_reconnected, clients, count))
        await clients.finish()
    finally:
        await clients.cancel()
        await redis.close()
    # Without the wait for one more request it is half of them. None, but on a machine that stalls.
    assert clients.repeated < RESTARTS < clients.kept
    for events in clients.followed:
        assert [event.id for event in events] == clients.published
    await wait_until(lambda: len(workers_of(server)) == 2, LIMIT)
    assert descriptors(server) == before
