"""Bounds of answers in Redis: how long they run and are kept, their number, what is stored."""

import asyncio
import socket
from typing import Any

import pytest

from streamserver.resumable import redis_produced
from support.answers import detail, statuses
from support.rawsocket import until_end
from support.redis import RedisServer
from support.relaying import EVENTS_HEAD, LAST_CHUNK
from support.resuming import DONE, data_of, event, head_of, location_of, say
from support.sharing import held, keys_of, sharing
from support.waiting import wait_until

WINDOW = 0.3
SECRETS = b"the-key-of-the-client", b"the-api-key", b"the-cookie", b"the-prompt", b"key-in-target"


async def test_a_reader_at_another_machine_keeps_an_answer(
    shared_redis: RedisServer, prefix: str
) -> None:
    """For longer than the window; some time after it has left the answer is cancelled."""
    async with sharing(shared_redis, prefix, resume_window=WINDOW) as (one, other):
        client, peer = await one.begin(event(0))
        location = location_of(client.received)
        reader = await other.get(location)
        await reader.read_until(event(0))
        client.reset()
        for number in range(1, 11):
            await asyncio.sleep(WINDOW / 5)
            await say(peer, event(number))
            await reader.read_until(event(number))
        reader.reset()
        await until_end(peer)
        late = await other.get(location)
        await until_end(late)
        assert f"it had no reader for {WINDOW} s" in data_of(late.received)[-1]


@pytest.mark.parametrize("leaves", ["the first", "the other"])
async def test_a_client_that_waits_at_one_machine_keeps_an_answer(
    shared_redis: RedisServer, prefix: str, leaves: str
) -> None:
    """Before the upstream has responded, when the client at the other one has left."""
    async with sharing(shared_redis, prefix, resume_window=WINDOW) as (one, other):
        clients = [await one.post(key="k")]
        peer = await one.upstream.asked()
        clients.append(await other.post(key="k"))
        await wait_until(lambda: held(shared_redis, prefix, "readers"))
        await asyncio.sleep(WINDOW)  # until the first machine has noticed it
        clients.pop(0 if leaves == "the first" else 1).reset()
        await asyncio.sleep(2 * WINDOW)
        await peer.send(EVENTS_HEAD)
        await say(peer, event(0), DONE, is_last=True)
        assert data_of(await clients[0].read_until(LAST_CHUNK)) == ['{"n": 0}', "[DONE]"]


async def test_answers_that_have_ended_expire_everywhere(
    shared_redis: RedisServer, prefix: str
) -> None:
    """At a time of Redis; the key can be used again."""
    async with sharing(shared_redis, prefix, resume_keep=0.4) as (one, other):
        client, peer = await one.begin(event(0), key="k")
        location = location_of(client.received)
        await say(peer, DONE, is_last=True)
        received = await client.read_until(LAST_CHUNK)
        for kept in (one, other):
            late = await kept.get(location)
            assert data_of(await late.read_until(LAST_CHUNK)) == data_of(received)
        kinds = "state", "log", "key"
        assert len(held(shared_redis, prefix, *kinds)) == 3
        await wait_until(lambda: not held(shared_redis, prefix, *kinds))
        for kept in (one, other):
            assert (await kept.end("GET", location)).startswith(b"HTTP/1.1 404 ")
        client, _ = await other.begin(event(1), key="k")
        assert location_of(client.received) != location


async def test_every_key_expires(shared_redis: RedisServer, prefix: str) -> None:
    """While an answer runs, and after its end."""

    def check() -> None:
        keys = keys_of(shared_redis, prefix)
        ages = {key: int(shared_redis.ask("PTTL", key)[1:]) for key in keys}
        assert [key for key, age in ages.items() if age == -1] == []
        assert max(ages.values()) < 800_000

    async with sharing(shared_redis, prefix) as (one, other):
        client, peer = await one.begin(event(0), key="k")
        reader = await other.get(location_of(client.received))
        await reader.read_until(event(0))
        check()
        await say(peer, DONE, is_last=True)
        await client.read_until(LAST_CHUNK)
        check()


async def test_the_machines_together_hold_so_many_answers(
    shared_redis: RedisServer, prefix: str
) -> None:
    """The upstream is not asked for one more; there is room again when one has expired."""
    async with sharing(shared_redis, prefix, max_answers=2, resume_keep=0.3) as (one, other):
        _, peer = await one.begin(event(0))
        await other.begin(event(0))
        for kept in (one, other):
            refused = await kept.post()
            await refused.read_until(b"}\n")
            assert statuses(refused.received) == [503]
            assert head_of(refused.received)["retry-after"] == "5"
            assert detail(refused.received).startswith("2 answers with 32 bytes are held")
        await say(peer, DONE, is_last=True)
        await wait_until(lambda: len(held(shared_redis, prefix, "state")) == 1)
        await other.begin(event(0))


async def test_the_machines_together_hold_so_many_bytes(
    shared_redis: RedisServer, prefix: str
) -> None:
    """The answer that exceeds them ends with an error, and no event of it is lost. There is room
    again when it has expired."""
    async with sharing(shared_redis, prefix, max_total=150, resume_keep=0.5) as (one, other):
        first, _ = await one.begin(*map(event, range(5)))
        second, peer = await other.begin(event(0), event(1), event(2))
        await say(peer, event(3), event(4))
        await until_end(second)
        *events, last = data_of(second.received)
        assert events == [f'{{"n": {n}}}' for n in range(5)]
        assert "all answers together exceed 150 bytes" in last
        refused = await one.post()
        await refused.read_until(b"}\n")
        assert statuses(refused.received) == [503]
        assert data_of(first.received) == events
        await wait_until(lambda: len(held(shared_redis, prefix, "state")) == 1)
        await one.begin(event(0))


async def test_unfinished_events_take_room_of_the_process(
    shared_redis: RedisServer, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until they are complete, or the answer has ended."""
    monkeypatch.setattr(redis_produced, "BUFFERED", 100)
    async with sharing(shared_redis, prefix) as (one, _):
        client, peer = await one.begin()
        for _ in range(3):
            await say(peer, b"data: " + b"a" * 60)
            await wait_until(lambda: one.store._writer.buffered == 66)
            await say(peer, b"\n\n")
            await client.read_until(b"\n\n")
            await wait_until(lambda: one.store._writer.buffered == 0)
        await say(peer, b"data: " + b"a" * 60)
        await wait_until(lambda: one.store._writer.buffered == 66)
        other, second = await one.begin()
        await say(second, b"data: " + b"a" * 60)
        await until_end(other)
        assert "at most 100 bytes are held" in data_of(other.received)[-1]
        peer.reset()
        await until_end(client)
        await wait_until(lambda: one.store._writer.buffered == 0)


async def test_no_secret_is_sent_to_redis(shared_redis: RedisServer, prefix: str) -> None:
    key, authorization, cookie, prompt, in_target = SECRETS
    with socket.create_connection(("127.0.0.1", shared_redis.port)) as monitor:
        monitor.sendall(b"MONITOR\r\n")
        monitor.settimeout(5)
        async with sharing(shared_redis, prefix) as (one, other):
            fields = [b"Authorization: Bearer " + authorization, b"Cookie: session=" + cookie]
            asked: dict[str, Any] = {
                "key": key.decode(),
                "body": b'{"prompt": "%b"}' % prompt,
                "target": b"/%b/completions?key=%b" % (in_target, in_target),
            }
            _, peer = await one.begin(b"data: seen\n\n", fields=fields, **asked)
            again = await other.post(*fields, **asked)
            await again.read_until(b"seen")
            await say(peer, DONE, is_last=True)
            await again.read_until(LAST_CHUNK)
        shared_redis.ask("ECHO", "end-of-commands")
        sent = b""
        while b"end-of-commands" not in sent:
            sent += monitor.recv(65536)
    assert b"data: seen" in sent
    assert [secret for secret in SECRETS if secret in sent] == []
