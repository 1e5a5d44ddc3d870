"""httpx, which most Python programs that read token streams are built on."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from support import peers
from support.demo import CONTENT, NAME, TEXT, UPLOADED, Demo, counts
from support.leaks import no_leaks
from support.waiting import wait_until

if TYPE_CHECKING:
    from httpx import AsyncClient


@pytest.fixture
async def client(demo: Demo) -> AsyncIterator["AsyncClient"]:
    httpx = peers.module("httpx")
    async with no_leaks(), httpx.AsyncClient(base_url=demo.url, trust_env=False) as client:
        yield client


async def test_a_stream_to_its_end(client: "AsyncClient") -> None:
    async with client.stream("GET", "api/counter?count=3&interval=0.02") as response:
        assert counts(b"".join([part async for part in response.aiter_raw()])) == [0, 1, 2]


async def test_text_comes_whole(client: "AsyncClient") -> None:
    body = {"text": TEXT, "cps": 500}
    async with client.stream("POST", "api/type", json=body) as response:
        parts = [part.decode() async for part in response.aiter_raw()]
    assert "".join(parts) == TEXT


async def test_events_come_at_once_and_leaving_ends_the_stream(
    client: "AsyncClient", demo: Demo
) -> None:
    """The whole stream would take 100 s, longer than a test may."""
    target = "api/counter?count=1001&interval=0.1"
    async with client.stream("GET", target) as response:
        lines = response.aiter_lines()
        assert await anext(line async for line in lines if line.startswith("data:"))
    assert await wait_until(lambda: demo.outcomes(target)) == ["client_gone"]


async def test_an_upload_made_on_the_way(client: "AsyncClient") -> None:
    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(CONTENT), 50_000):
            yield CONTENT[start : start + 50_000]

    response = await client.put("api/upload", content=parts())
    assert response.json() == UPLOADED


async def test_a_download_that_has_not_changed(client: "AsyncClient") -> None:
    first = await client.get(f"files/{NAME}")
    assert first.content == CONTENT
    again = await client.get(f"files/{NAME}", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
