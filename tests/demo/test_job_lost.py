"""Jobs whose worker was killed: another worker publishes their end."""

import asyncio
import json
import re
import signal
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamserver.demo import job as jobs
from streamserver.demo.app import make_app
from streamserver.feed.feed import Feed
from streamserver.feed.redis import Redis
from support.asking import ask
from support.feeds import JOBS, LONG, begin, cancel, state, steps
from support.following import following
from support.inprocess import Serve, Served
from support.process import RunServer, ServerProcess
from support.rawsocket import raw
from support.redis import RedisServer, redis_server
from support.requests import post


@pytest.fixture
async def other(
    serve: Serve, shared_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Served]:
    """Another worker, with a short timeout for lost jobs."""
    monkeypatch.setattr(jobs, "SILENCE", 0.5)
    server = await serve(make_app(backend=Redis(shared_redis.url)))
    yield server
    await server.stop()


@pytest.fixture
def worker(run_server: RunServer, shared_redis: RedisServer) -> ServerProcess:
    """A worker in a process of its own."""
    return run_server("--redis", shared_redis.url)


async def begin_at(worker: ServerProcess, **members: object) -> str:
    """Begin a job of these members there; the target that it is at."""
    body = json.dumps(members).encode()
    answer = await raw(worker.port, post(body, target=JOBS.encode()), until=b"}")
    found = re.search(rb"\r\nlocation: (\S+)\r\n", answer)
    assert found, answer
    return found[1].decode()


async def test_a_follower_receives_the_end_of_a_lost_job(
    other: Served, worker: ServerProcess
) -> None:
    job = await begin_at(worker, steps=1000, interval=0.05)
    async with following(other, target=f"{job}/events") as follower:
        await follower.read(3)
        worker.stop(signal.SIGKILL)
        await follower.read_end(timeout=20)
        received = steps(follower)
    assert [one for _, one in received] == ["running"] * (len(received) - 1) + ["lost"]
    assert received[-1][0] == received[-2][0]  # as far as it had come
    after = await state(other, job)
    assert (after["state"], after["error"]) == ("lost", "the worker that ran it is gone")
    fields = {"Last-Event-ID": str(follower.id)}
    assert (await ask(other, f"{job}/events", fields=fields)).status == 204
    assert await cancel(other, job) == 409


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_request_about_a_job_finds_it_lost(
    other: Served, worker: ServerProcess, method: str
) -> None:
    job = await begin_at(worker, **LONG)
    worker.stop(signal.SIGKILL)
    assert json.loads((await ask(other, job, method)).body)["state"] == "running"
    async with asyncio.timeout(20):
        while (await state(other, job))["state"] == "running":
            await asyncio.sleep(0.02)
    assert (await state(other, job))["state"] == "lost"


async def test_a_job_in_a_long_step_is_not_lost(
    other: Served, serve: Serve, shared_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamserver.demo.job.HEARTBEAT", 0.02)
    monkeypatch.setattr(jobs, "SILENCE", 0.25)
    worker = await serve(make_app(backend=Redis(shared_redis.url)))
    job = await begin(worker, **LONG)
    async with following(other, target=f"{job}/events") as follower:
        await follower.read(40)  # three times its timeout
        assert set(steps(follower)) == {(0, "running")}
    await worker.stop()
    assert (await state(other, job))["state"] == "cancelled"


async def test_an_outage_of_the_store_is_not_silence_of_the_job(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timeout begins again when the store is back."""
    monkeypatch.setattr(jobs, "SILENCE", 1.0)
    monkeypatch.setattr(jobs, "CHECKS", 50)
    with redis_server(tmp_path, keeps=True) as redis:
        server = await serve(make_app(backend=Redis(redis.url)))
        backend = Redis(redis.url)
        job = uuid.uuid4()
        await Feed(f"job:{job}", backend).publish({"state": "running", "step": 0})
        await backend.close()  # as a worker that is gone
        assert (await state(server, f"{JOBS}/{job}"))["state"] == "running"
        await asyncio.to_thread(redis.kill)
        await asyncio.sleep(0.2)
        back = asyncio.get_running_loop().time()
        await asyncio.to_thread(redis.start)
        async with following(server, target=f"{JOBS}/{job}/events") as follower:
            await follower.read_end(timeout=20)
            assert steps(follower)[-1] == (0, "lost")
        assert asyncio.get_running_loop().time() - back > jobs.SILENCE
        await server.stop()


async def test_a_job_that_is_reported_lost_but_runs_is_cancelled(
    other: Served, serve: Serve, shared_redis: RedisServer
) -> None:
    """As after a long pause of its worker; here its step is longer than the timeout."""
    worker = await serve(make_app(backend=Redis(shared_redis.url)))
    job = await begin(worker, **LONG)
    assert (await state(other, job))["state"] == "running"
    async with following(worker, target=f"{job}/events") as follower:
        await follower.read_end(timeout=20)
        assert steps(follower)[-1] == (0, "lost")
    async with asyncio.timeout(5):
        while (await state(worker, job))["state"] != "cancelled":
            await asyncio.sleep(0.01)
    await worker.stop()
