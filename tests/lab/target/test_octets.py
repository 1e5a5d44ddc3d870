"""Bytes of a length, and the same for the same seed."""

import pytest

from support.asking import ask
from support.inprocess import Served
from support.rawsocket import raw
from support.requests import get


@pytest.mark.parametrize("count", [0, 1, 10_240, 65_536, 65_537, 300_001])
async def test_there_are_as_many_as_were_asked_for(target: Served, count: int) -> None:
    fixed = await ask(target, f"/bytes/{count}?seed=7")
    assert fixed.headers["content-length"] == str(count)
    chunked = await ask(target, f"/stream-bytes/{count}?seed=7")
    assert chunked.headers["transfer-encoding"] == "chunked"
    assert len(fixed.body) == count
    assert fixed.body == chunked.body


async def test_the_seed_decides_and_a_longer_answer_begins_alike(target: Served) -> None:
    one, longer, other = [
        (await ask(target, path)).body
        for path in ("/bytes/100?seed=1", "/bytes/200?seed=1", "/bytes/100?seed=2")
    ]
    assert longer.startswith(one)
    assert one != other


async def test_knobs_may_be_fields(target: Served) -> None:
    fields = {"X-Lab-Seed": "7", "X-Lab-Chunk-Size": "3"}
    received = await ask(target, "/stream-bytes/100", fields=fields)
    assert received.body == (await ask(target, "/bytes/100?seed=7")).body


async def test_without_a_seed_no_two_are_alike(target: Served) -> None:
    bodies = {(await ask(target, "/bytes/100")).body for _ in range(5)}
    assert len(bodies) == 5


async def test_chunks_have_the_size_that_was_asked_for(target: Served) -> None:
    received = await raw(target.port, get(b"/stream-bytes/25?chunk_size=10", b"Connection: close"))
    body = received.partition(b"\r\n\r\n")[2]
    sizes = [10, 10, 5]
    at = 0
    for size in sizes:
        assert body[at : at + 3] == b"%x\r\n" % size
        at += 3 + size + 2
    assert body[at:] == b"0\r\n\r\n"
