"""Processes that are killed, or paused for longer than their lease: their answers end as lost."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from support.answers import content, statuses
from support.process import ServerProcess
from support.rawserver import RawServer
from support.rawsocket import RawClient, until_end
from support.redis import RedisServer
from support.relaying import EVENTS_HEAD, LAST_CHUNK
from support.resuming import DONE, Kept, data_of, event, events_of, location_of, say
from support.sharing import Machines

GONE = "the server process that received it is gone"
LEASE, WINDOW = 0.6, 0.4


@pytest.fixture(scope="module")
def machines(
    tmp_path_factory: pytest.TempPathFactory, shared_redis: RedisServer
) -> Iterator[Machines]:
    directory = tmp_path_factory.mktemp("machines")
    with socket.create_server(("127.0.0.1", 0)) as sock, contextlib.ExitStack() as accepted:
        sock.setblocking(False)
        upstream = RawServer(sock, accepted)
        yield Machines(directory, shared_redis, "lost:", upstream, LEASE, WINDOW)


@pytest.fixture(scope="module")
def survivor(machines: Machines) -> Iterator[ServerProcess]:
    process = machines.start()
    yield process
    process.stop()
    assert "Traceback" not in process.output()


@pytest.fixture(scope="module")
def victim(machines: Machines) -> Iterator[ServerProcess]:
    """A process that tests do harm to; the last one kills it."""
    process = machines.start()
    yield process
    process.stop(signal.SIGKILL)


@pytest.fixture
async def clients() -> AsyncIterator[contextlib.AsyncExitStack]:
    async with contextlib.AsyncExitStack() as clients:
        yield clients


@pytest.fixture
def one(machines: Machines, victim: ServerProcess, clients: contextlib.AsyncExitStack) -> Kept:
    return machines.at(victim, clients)


@pytest.fixture
def other(
    machines: Machines, survivor: ServerProcess, one: Kept, clients: contextlib.AsyncExitStack
) -> Kept:
    return machines.at(survivor, clients)


async def lost(client: RawClient) -> list[str]:
    """The data of the events that came before the last one, which reports the loss."""
    await until_end(client)
    assert not client.received.endswith(LAST_CHUNK)
    *data, last = data_of(client.received)
    assert last.startswith('{"error":{')  # as in chat completions
    assert GONE in last
    return data


async def test_a_process_that_was_only_paused(
    one: Kept, other: Kept, victim: ServerProcess
) -> None:
    """It adds nothing to an answer that was ended meanwhile, and cancels the upstream."""
    begun = [await one.begin(event(0)) for _ in range(2)]
    locations = [location_of(client.received) for client, _ in begun]
    followers = [await other.get(location) for location in locations]
    for follower in followers:
        await follower.read_until(event(0))
    os.kill(victim.process.pid, signal.SIGSTOP)
    for follower in followers:
        assert await lost(follower) == ['{"n": 0}']
    _, peer = begun[0]
    await say(peer, event(1), event(2))  # the other upstream is silent
    os.kill(victim.process.pid, signal.SIGCONT)
    for client, peer in begun:
        assert await lost(client) == ['{"n": 0}']
        await until_end(peer)
    assert victim.output().count("the answer was ended elsewhere: lost") == len(begun)
    for kept in (one, other):
        for location, follower in zip(locations, followers, strict=True):
            again = await kept.get(location)
            assert await lost(again) == ['{"n": 0}']
            assert content(again.received) == content(follower.received)
    client, _ = await one.begin(event(7))  # it is alive again
    assert data_of(client.received) == ['{"n": 7}']


async def read_at(one: Kept, other: Kept) -> tuple[str, RawClient]:
    """The location of an answer of the other one that only has a reader here, and its upstream."""
    client, peer = await other.begin(event(0))
    location = location_of(client.received)
    reader = await one.get(location)
    await reader.read_until(event(0))
    client.reset()
    await asyncio.sleep(2 * WINDOW)
    await say(peer, event(1))
    await reader.read_until(event(1))
    return location, peer


async def test_a_process_that_is_killed(one: Kept, other: Kept, victim: ServerProcess) -> None:
    client, _ = await one.begin(event(0), event(1), key="followed")
    locations = [location_of(client.received)]
    followers = [await other.get(locations[0]) for _ in range(3)]
    for each in followers:
        await each.read_until(event(1))
    unread, _ = await one.begin(event(0))
    locations.append(location_of(unread.received))
    await one.post(key="waiting")
    await one.upstream.asked()
    waiting = await other.post(key="waiting")
    read_here, peer = await read_at(one, other)
    victim.stop(signal.SIGKILL)

    assert [await lost(each) for each in followers] == [['{"n": 0}', '{"n": 1}']] * 3
    assert [one.id for one in events_of(followers[0].received)] == ["1-0", "2-0", "3-0"]
    # Who returns gets the same, by the location and by the key.
    for again in (await other.get(locations[0]), await other.post(key="followed")):
        assert await lost(again)
        assert content(again.received) == content(followers[0].received)
    late = await other.get(locations[1], "1-0")
    assert await lost(late) == []
    await waiting.read_until(b"}\n")
    assert statuses(waiting.received) == [409]
    # Nothing of it has reached a client, so it may be asked for again.
    again = await other.post(key="waiting")
    asked = await other.upstream.asked()
    await asked.send(EVENTS_HEAD)
    await say(asked, DONE, is_last=True)
    assert data_of(await again.read_until(LAST_CHUNK)) == ["[DONE]"]
    # It leaves no reader behind: the window begins when its readers no longer count.
    await until_end(peer)
    late = await other.get(read_here)
    await until_end(late)
    assert f"it had no reader for {WINDOW} s" in data_of(late.received)[-1]
