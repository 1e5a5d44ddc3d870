"""Several workers and one Redis, as processes: whichever is asked, it is the same."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import LIMIT
from support.feeds import CUT, JOBS, LONG, NOTIFICATIONS, heartbeats, named, read_cut, steps, texts
from support.figures import figure
from support.following import Follower, following
from support.hearing import Message, hear_response
from support.kernel import holder
from support.process import RunServer, ServerProcess, start_server, workers_of
from support.rawsocket import RawClient, connect
from support.redis import RedisServer, redis_server
from support.requests import post, request

WORKERS = 3


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, shared_redis: RedisServer
) -> Iterator[ServerProcess]:
    """The demo by several workers; none of them may complain."""
    directory = tmp_path_factory.mktemp("server")
    url = f"{shared_redis.url}/1"
    server = start_server(directory, "--workers", str(WORKERS), "--redis", url)
    try:
        assert server.url
        yield server
    finally:
        status = server.stop()
    assert status == 0, server.output()
    assert "Traceback" not in server.output()


@dataclass(slots=True)
class Line:
    """A connection to one worker."""

    client: RawClient

    async def ask(self, target: str, method: str = "GET") -> Message:
        """The answer to a request without a body."""
        await self.client.send(request(f"{method} {target} HTTP/1.1".encode(), b"Host: a"))
        return await hear_response(self.client, method, LIMIT)

    async def post(self, target: str, **members: Any) -> Message:
        """The answer to a JSON object."""
        await self.client.send(post(json.dumps(members).encode(), target=target.encode()))
        return await hear_response(self.client, "POST", LIMIT)

    async def notify(self, text: str) -> str:
        """Publish a notification; its id."""
        answer = await self.post(NOTIFICATIONS, text=text)
        assert answer.status == 201, answer
        return str(json.loads(answer.content)["id"])

    async def begin(self, **members: Any) -> str:
        """Begin a job; where it is."""
        answer = await self.post(JOBS, **members)
        assert answer.status == 202, answer
        return answer.headers["location"]

    async def state(self, job: str) -> str:
        """Of a job."""
        return str(json.loads((await self.ask(job)).content)["state"])


@contextlib.asynccontextmanager
async def lines(server: ServerProcess) -> AsyncIterator[list[Line]]:
    """A connection to each worker."""
    pids, found = workers_of(server), dict[int, Line]()
    async with contextlib.AsyncExitStack() as stack:
        while len(found) < len(pids):
            client = await stack.enter_async_context(connect(server.port))
            line = Line(client)
            await line.ask("/health")  # so that it has been accepted
            found.setdefault(holder(client, pids), line)
        yield [*found.values()]


@contextlib.asynccontextmanager
async def readers(server: ServerProcess, target: str) -> AsyncIterator[list[Follower]]:
    """A follower at each worker, each with its place."""
    pids, found = workers_of(server), dict[int, Follower]()
    async with contextlib.AsyncExitStack() as stack:
        while len(found) < len(pids):
            follower = await stack.enter_async_context(following(server.port, target=target))
            await follower.position()
            found.setdefault(holder(follower.client, pids), follower)
        yield [*found.values()]


async def test_what_any_worker_publishes_reaches_the_readers_of_all(server: ServerProcess) -> None:
    async with lines(server) as each, readers(server, NOTIFICATIONS) as followers:
        ids = [await each[n % WORKERS].notify(str(n)) for n in range(9)]
        for follower in followers:
            assert [event.id for event in await follower.read(9, LIMIT)] == ids
            assert texts(follower) == [str(n) for n in range(9)]


async def test_a_client_is_cut_through_any_worker_and_resumes_at_any(server: ServerProcess) -> None:
    async with lines(server) as each:
        told: list[str] = []
        last: str | None = None
        for n, line in enumerate(each):  # one of them may be the client's own
            async with following(server.port, last, named(f"me-{n}")) as follower:
                await follower.position()
                await line.notify(f"heard {n}")
                await follower.read(2 if n else 1, LIMIT)
                await cut_off(follower, line, f"me-{n}")
                told += texts(follower)
                last = follower.id
            await each[n - 1].notify(f"missed {n}")
        async with following(server.port, last, NOTIFICATIONS) as follower:
            await follower.read(1, LIMIT)
            told += texts(follower)
    assert told == [f"{how} {n}" for n in range(WORKERS) for how in ("heard", "missed")]


async def cut_off(follower: Follower, line: Line, client: str) -> None:
    """Have it cut through this connection; a worker may yet have to begin to hear of orders."""
    ended = asyncio.create_task(read_cut(follower))
    while not ended.done():
        assert (await line.post(CUT, client=client)).status == 202
        await asyncio.wait([ended], timeout=0.05)
    await ended


async def test_a_job_is_seen_and_followed_through_all(server: ServerProcess) -> None:
    async with lines(server) as each:
        job = await each[0].begin(steps=20, interval=0.02)
        async with readers(server, f"{job}/events") as followers:
            for follower in followers:
                await follower.read_end(LIMIT)
            assert steps(followers[0]) == [(n, "running") for n in range(20)] + [(20, "done")]
            assert all(follower.events == followers[0].events for follower in followers)
        for line in each:
            assert await line.state(job) == "done"
            assert (await line.ask(job, "DELETE")).status == 409


async def test_a_job_is_cancelled_through_any(server: ServerProcess) -> None:
    async with lines(server) as each:
        for line in each:
            job = await each[0].begin(**LONG)
            async with readers(server, f"{job}/events") as followers:
                assert (await line.ask(job, "DELETE")).status == 202
                for follower in followers:
                    await follower.read_end(LIMIT)
                    assert steps(follower) == [(0, "running"), (0, "cancelled")]


async def test_the_readers_of_all_are_counted_together(server: ServerProcess) -> None:
    async with lines(server) as each:

        async def told(expected: float) -> None:
            """Return once each worker says that there are so many readers."""
            async with asyncio.timeout(LIMIT):
                for line in each:
                    while await counted(line) != expected:
                        await asyncio.sleep(0.01)

        await told(0)
        async with (
            following(server.port, target=NOTIFICATIONS) as one,
            following(server.port, target=NOTIFICATIONS) as other,
        ):
            await one.position()
            await other.position()
            await told(2)
            one.client.reset()
            await told(1)
        await told(0)


async def counted(line: Line) -> float:
    return figure((await line.ask("/metrics")).content.decode(), "feed_readers")


async def test_redis_comes_late_goes_and_comes_back(run_server: RunServer, tmp_path: Path) -> None:
    """Readers stay, whoever publishes is told, and nothing that was accepted is lost."""
    with redis_server(tmp_path, keeps=True) as redis:
        await asyncio.to_thread(redis.kill)
        options = "--workers", str(WORKERS), "--redis", redis.url, "--heartbeat", "0.05"
        server = run_server(*options)
        async with contextlib.AsyncExitStack() as stack:
            each = await stack.enter_async_context(lines(server))
            for line in each:
                answer = await line.post(NOTIFICATIONS, text="too early")
                assert answer.status == 503
                assert b"the feed's store is out of reach" in answer.content
            await asyncio.to_thread(redis.start)
            followers = await stack.enter_async_context(readers(server, NOTIFICATIONS))
            ids = [await line.notify("before") for line in each]
            for follower in followers:
                await follower.read(WORKERS, LIMIT)
            await asyncio.to_thread(redis.kill)
            assert (await each[0].post(NOTIFICATIONS, text="lost")).status == 503
            for follower in followers:
                await heartbeats(follower, 2)
            await asyncio.to_thread(redis.start)
            ids += [await line.notify("after") for line in each]
            for follower in followers:
                assert [event.id for event in await follower.read(2 * WORKERS, LIMIT)] == ids
                assert texts(follower) == ["before"] * WORKERS + ["after"] * WORKERS
        assert await asyncio.to_thread(server.stop) == 0
        assert "Traceback" not in server.output()
