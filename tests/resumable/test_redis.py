"""Answers in a Redis that two servers share: a client may ask either of them."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from resumable.test_many import EVENTS, reader_of
from streamserver.resumable import redis_topic
from support.answers import content, statuses
from support.rawsocket import until_end
from support.redis import RedisServer
from support.relaying import EVENTS_HEAD, LAST_CHUNK, ok
from support.resuming import (
    DONE,
    Kept,
    data_of,
    event,
    events_of,
    last_id,
    location_of,
    say,
)
from support.sharing import held, sharing
from support.waiting import wait_until, within

Both = tuple[Kept, Kept]
READERS, SEED = 300, 12


@pytest.fixture
async def both(shared_redis: RedisServer, prefix: str) -> AsyncIterator[Both]:
    async with sharing(shared_redis, prefix) as both:
        yield both


def numbers(received: bytes) -> list[object]:
    """The ids of the events."""
    return [one.id for one in events_of(received)]


async def test_a_client_that_is_moved_after_each_event(both: Both) -> None:
    """By the location and by the same request: every event once, in order, with the same bytes."""
    client, peer = await both[0].begin(event(0), key="k")
    location, received = location_of(client.received), content(client.received)
    for number in range(1, 9):
        position = f"{number}-0"
        kept = both[number % 2]
        if number % 3:
            client = await kept.get(location, position)
        else:
            client = await kept.post(key="k", position=position)
        await say(peer, event(number))
        received += content(await client.read_until(event(number)))
        client.reset()
    await say(peer, DONE, is_last=True)
    client = await both[0].get(location, "9-0")
    received += content(await client.read_until(LAST_CHUNK))
    sent = [*map(event, range(9)), DONE]
    assert received == b"".join(b"id: %d-0\n%b" % (n, one) for n, one in enumerate(sent, 1))
    both[0].check_asked_once(peer)


async def test_readers_at_both_at_once(both: Both) -> None:
    client, peer = await both[0].begin(event(0), key="k")
    location = location_of(client.received)
    others = [await kept.get(location) for kept in (*both, *both)]
    again = [await kept.post(key="k") for kept in both]
    for number in range(1, 20):
        await say(peer, event(number))
    await say(peer, DONE, is_last=True)
    for each in (client, *others, *again):
        received = await each.read_until(LAST_CHUNK)
        assert numbers(received) == [f"{n}-0" for n in range(1, 22)]
        assert data_of(received)[-1] == "[DONE]"
    late = await both[1].get(location)
    assert content(await late.read_until(LAST_CHUNK)) == content(client.received)
    both[0].check_asked_once(peer)


async def test_many_readers_that_move_between_both(both: Both) -> None:
    """Each gets every event once and in order, whichever machine has read further."""
    asyncio.get_running_loop().set_debug(False)  # which multiplies the time of each callback
    chance = random.Random(SEED)
    client, peer = await both[0].begin(event(0), key="k")
    location = location_of(client.received)
    readers = [reader_of(kept, location, chance) for kept in both for _ in range(READERS // 2)]
    for reader in readers:
        await reader.come()
    for number in range(1, EVENTS):
        await say(peer, event(number))
        await asyncio.sleep(chance.random() / 50)
        for reader in readers:
            reader.port = chance.choice(both).server.port
    await peer.send(LAST_CHUNK)
    async with asyncio.timeout(30):
        await asyncio.gather(*(reader.done for reader in readers))
    expected = [f'{{"n": {n}}}' for n in range(EVENTS)]
    assert all(reader.data == expected for reader in readers)
    both[0].check_asked_once(peer)


async def test_readers_who_leave_while_the_log_is_loaded(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is loaded again for the next one, from the beginning."""
    monkeypatch.setattr(redis_topic, "COUNT", 5)
    chance = random.Random(SEED)
    client, peer = await both[0].begin(event(0))
    location = location_of(client.received)
    await say(peer, *map(event, range(1, EVENTS)), DONE, is_last=True)
    whole = content(await client.read_until(LAST_CHUNK))
    for _ in range(40):
        leaving = await both[1].get(location)
        await asyncio.sleep(chance.random() / 100)
        leaving.reset()
        reader = await both[1].get(location)
        assert content(await reader.read_until(LAST_CHUNK)) == whole
    backend: Any = both[1].handler._answers._backend
    await wait_until(lambda: not [key for key in backend.live._topics if ":log:" in key])


async def test_a_race_of_identical_requests(both: Both) -> None:
    """At two machines, before the upstream has responded: it is asked once."""
    clients = await asyncio.gather(*(kept.post(key="k") for kept in both * 10))
    peer = await both[0].upstream.asked()
    await peer.send(EVENTS_HEAD)
    await say(peer, event(0))
    for client in clients:
        await client.read_until(event(0))
    await say(peer, DONE, is_last=True)
    for client in clients:
        assert data_of(await client.read_until(LAST_CHUNK)) == ['{"n": 0}', "[DONE]"]
    assert len({location_of(client.received) for client in clients}) == 1
    both[0].check_asked_once(peer)


async def test_a_key_is_for_one_request_everywhere(both: Both) -> None:
    _, peer = await both[0].begin(event(0), key="k")
    other = await both[1].post(key="k", body=b'{"stream": true, "seed": 1}')
    await other.read_until(b"}\n")
    assert statuses(other.received) == [422]
    both[0].check_asked_once(peer)


async def test_what_is_no_answer_is_for_one_client(
    both: Both, shared_redis: RedisServer, prefix: str
) -> None:
    """The others may ask again."""
    first = await both[0].post(key="k")
    peer = await both[0].upstream.asked()
    waiting = await both[1].post(key="k")
    await wait_until(lambda: held(shared_redis, prefix, "readers"))
    await peer.send(ok(b"no stream"))
    await first.read_until(b"no stream")
    await waiting.read_until(b"}\n")
    assert statuses(waiting.received) == [409]
    assert b"\r\nretry-after: 1\r\n" in waiting.received.lower()
    again = await both[1].post(key="k")
    peer = await both[0].upstream.asked()
    await peer.send(EVENTS_HEAD)
    await say(peer, DONE, is_last=True)
    assert data_of(await again.read_until(LAST_CHUNK)) == ["[DONE]"]


async def test_an_answer_of_somebody_else_is_not_found(both: Both) -> None:
    mine, other = b"Authorization: Bearer mine", b"Authorization: Bearer other"
    client, peer = await both[0].begin(event(0), fields=[mine], key="k")
    location = location_of(client.received)
    for kept in both:
        for fields in ([], [other]):
            for method in ("GET", "DELETE"):
                head = await kept.end(method, location, *fields)
                assert head.startswith(b"HTTP/1.1 404 ")
        assert data_of(await (await kept.get(location, "", mine)).read_until(event(0)))
    theirs = await both[1].post(other, key="k")  # the same key of another owner
    second = await both[1].upstream.asked()
    await second.send(EVENTS_HEAD)
    await say(second, event(7), DONE, is_last=True)
    assert data_of(await theirs.read_until(LAST_CHUNK)) == ['{"n": 7}', "[DONE]"]
    assert location_of(theirs.received) != location
    await say(peer, DONE, is_last=True)


@pytest.mark.parametrize("at", [0, 1])
async def test_delete_cancels_the_upstream_at_once(both: Both, at: int) -> None:
    client, peer = await both[0].begin(event(0))
    location = location_of(client.received)
    reader = await both[1].get(location)
    await reader.read_until(event(0))
    asked = await both[at].client(f"DELETE {location} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await within(0.2, until_end(peer))
    assert (await asked.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
    for each in (client, reader):
        await until_end(each)
        [last] = data_of(each.received)[1:]
        assert "cancelled by a request" in last
        assert not each.received.endswith(LAST_CHUNK)
    late = await both[1].get(location)
    await until_end(late)
    assert data_of(late.received) == data_of(client.received)
    assert (await both[1].end("DELETE", location)).startswith(b"HTTP/1.1 204 ")


async def test_the_last_event_of_a_failure_is_sent_once(both: Both) -> None:
    client, peer = await both[0].begin(event(0))
    peer.reset()
    await until_end(client)
    assert len(data_of(client.received)) == 2
    location = location_of(client.received)
    again = await both[1].get(location, last_id(client.received))
    await again.read_until(b"\r\n\r\n")
    assert statuses(again.received) == [204]


async def test_a_machine_that_stops(both: Both) -> None:
    """Its answers end at once for readers of the other, and are not lost."""
    client, _ = await both[0].begin(event(0))
    reader = await both[1].get(location_of(client.received))
    await reader.read_until(event(0))
    await both[0].server.stop(grace=0.01)
    await until_end(reader)
    assert "the server has stopped" in data_of(reader.received)[-1]
