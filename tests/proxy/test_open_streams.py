"""A request in a group from its choice to its end: its deadline, its client, and its place."""

import pytest

from streamserver.proxy.settings import Timeouts
from support.problems import problem
from support.rawsocket import until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk
from support.replicas import replicas
from support.requests import get
from support.waiting import wait_until


@pytest.mark.usefixtures("steady_clock")
async def test_the_total_deadline_spans_all_attempts() -> None:
    timeouts = Timeouts(first_byte=0.08, total=0.2)
    async with replicas(4, timeouts=timeouts) as at:
        client = await at.begin(get(b"/"))
        assert await problem(client) == (504, "the upstream took too long")
        assert sum(each.requests for each in at.group.replicas) in (2, 3)


@pytest.mark.parametrize("phase", ["connecting", "awaiting"])
async def test_a_client_that_leaves_ends_the_second_attempt(phase: str) -> None:
    async with replicas() as at:
        busy, free = await at.occupy()
        client = await at.begin(get(b"/sent"))
        (await free.asked()).reset()
        if phase == "awaiting":
            peer = await busy.asked()
            client.reset()
            assert await until_end(peer) == b""
        else:
            await wait_until(lambda: sum(at.open) == 2)
            client.reset()
        await wait_until(lambda: sum(at.open) == 1)
        await at.has_ended(1)


async def test_open_streams_are_counted_to_their_end() -> None:
    async with replicas(3) as at:
        clients = [await at.begin(get(b"/")) for _ in range(9)]
        peers = [await at.asked() for _ in range(9)]
        assert at.open == [3, 3, 3]
        for _, peer in peers[:3]:
            await peer.send(CHUNKED_HEAD + chunk(b"piece"))
        await peers[0][1].send(LAST_CHUNK)
        await wait_until(lambda: sum(at.open) == 8)
        peers[1][1].reset()
        await wait_until(lambda: sum(at.open) == 7)
        for client in clients:
            client.reset()
        await wait_until(lambda: at.open == [0, 0, 0])
