"""aiohttp's client, which tells chunks apart, so it sees how the server cut the stream."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from support import peers
from support.demo import CONTENT, NAME, TEXT, UPLOADED, Demo, counts
from support.leaks import no_leaks
from support.waiting import wait_until

if TYPE_CHECKING:
    from aiohttp import ClientSession


@pytest.fixture
async def session(demo: Demo) -> AsyncIterator["ClientSession"]:
    aiohttp = peers.module("aiohttp")
    async with no_leaks(), aiohttp.ClientSession(demo.url) as session:
        yield session


async def test_one_chunk_for_each_event(session: "ClientSession") -> None:
    async with session.get("/api/counter?count=3&interval=0.02") as response:
        chunks = [data async for data, _ in response.content.iter_chunks()]
    assert [counts(chunk) for chunk in chunks if counts(chunk)] == [[0], [1], [2]]


async def test_no_chunk_cuts_a_character(session: "ClientSession") -> None:
    async with session.post("/api/type", json={"text": TEXT, "cps": 500}) as response:
        chunks = [data.decode() async for data, _ in response.content.iter_chunks()]
    assert "".join(chunks) == TEXT
    assert len(chunks) > 1


async def test_events_come_at_once_and_leaving_ends_the_stream(
    session: "ClientSession", demo: Demo
) -> None:
    """The whole stream would take 100 s, longer than a test may."""
    target = "api/counter?count=1002&interval=0.1"
    async with session.get(f"/{target}") as response:
        lines = response.content
        assert await anext(line async for line in lines if line.startswith(b"data:"))
        response.close()
    assert await wait_until(lambda: demo.outcomes(target)) == ["client_gone"]


async def test_an_upload_that_asks_first(session: "ClientSession") -> None:
    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(CONTENT), 50_000):
            yield CONTENT[start : start + 50_000]

    async with session.put("/api/upload", data=parts(), expect100=True) as response:
        assert await response.json() == UPLOADED


async def test_an_export_read_line_by_line(session: "ClientSession") -> None:
    async with session.get("/api/export?rows=5000&format=csv") as response:
        lines = [line async for line in response.content]
    assert len(lines) == 5001


async def test_a_range(session: "ClientSession") -> None:
    async with session.get(f"/files/{NAME}", headers={"Range": "bytes=100-199"}) as response:
        assert response.status == 206
        assert await response.read() == CONTENT[100:200]
