"""What is left of answers when they are forgotten: nothing."""

import random

import pytest

from streamserver.feed.log import Entry
from streamserver.feed.memory import MemoryTopic
from streamserver.resumable.producer import Producer
from streamserver.resumable.reader import Reader
from streamserver.server.exchange import Exchange
from support.leaks import objects
from support.rawsocket import RawClient
from support.relaying import EVENTS_HEAD, LAST_CHUNK, ok
from support.resuming import Kept, event, keeping, location_of, say
from support.waiting import wait_until

KINDS = Producer, Reader, MemoryTopic, Entry, Exchange
ROUNDS = 40


@pytest.mark.usefixtures("uncollected")
async def test_answers_are_freed() -> None:
    """For each kind of end, and of readers."""
    rnd = random.Random(7)
    async with keeping(resume_keep=0.05, resume_window=0.05) as kept:
        before = len(objects(*KINDS))
        for number in range(ROUNDS):
            await one(kept, rnd, str(number))
        await wait_until(lambda: not len(kept.store))
        assert len(kept.store._keys) == kept.store._size == 0
        kept.server.ended.clear()
        await wait_until(lambda: len(objects(*KINDS)) <= before)


async def one(kept: Kept, rnd: random.Random, key: str) -> None:
    """One answer, or none."""
    client = await kept.post(key=key if rnd.random() < 0.5 else "")
    peer = await kept.upstream.asked()
    match rnd.randrange(6):
        case 0:
            client.reset()
            peer.reset()
            return
        case 1:
            await peer.send(ok(b"{}", b"Connection: close"))
            peer.sock.close()
            await client.read_until(b"{}")
            return client.reset()
        case end:
            await peer.send(EVENTS_HEAD)
    await client.read_until(b"\r\n\r\n")
    reader = await kept.get(location_of(client.received))
    await say(peer, event(0), event(1))
    await reader.read_until(event(1))
    await finish(kept, client, peer, end)
    for each in (client, reader):
        each.reset()
    peer.sock.close()


async def finish(kept: Kept, client: RawClient, peer: RawClient, end: int) -> None:
    """An end of an answer, or none: then its readers leave."""
    if end == 2:
        await say(peer, is_last=True)
        await client.read_until(LAST_CHUNK)
    elif end == 3:
        peer.end()
    elif end == 4:
        await kept.end("DELETE", location_of(client.received))
