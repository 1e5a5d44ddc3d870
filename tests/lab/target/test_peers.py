"""curl, node, aiohttp and httpx receive the same events with any boundaries."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from streamserver.lab.target.app import make_target
from streamserver.wire.sse import Event, Parser
from support import peers
from support.inprocess import Serve
from support.process import RunServer

FETCH = Path(__file__).parents[2] / "clients" / "fetch.mjs"
PARAMETERS = "count=6&gap=0&size=30&text=utf8&line_end={}&seed=5"
BOUNDARIES = (
    "chunk_split=character",
    "chunk_split=event&write_size=3",
    "chunk_size=1",
    "chunk_events=4&write_split=framing&write_gap=0.002",
    "write_events=6",
    "write_size=1",
    "write_split=character&write_gap=0.002",
)


def found(stream: bytes) -> list[Event]:
    """The events of a stream."""
    return Parser().feed(stream)


def run(*command: str) -> bytes:
    """The output of a program, which must succeed."""
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_peers_get_the_same_events(
    run_server: RunServer, peer: Callable[[str], str], loop: str
) -> None:
    url = run_server("target", "--loop", loop).url
    plain = found(run(peer("curl"), "-sS", f"{url}/sse?{PARAMETERS.format('lf')}"))
    assert len(plain) == 6
    urls = [
        f"{url}/sse?{PARAMETERS.format(end)}&{boundary}"
        for end in ("lf", "crlf", "cr")
        for boundary in (*BOUNDARIES, *(["write_split=crlf"] if end == "crlf" else []))
    ]
    assert found(run(peer("curl"), "-sS", "-N", *urls)) == plain * len(urls)
    for one in urls[3:6]:
        output = json.loads(run(peer("node"), str(FETCH), one))
        assert found("".join(output["parts"]).encode()) == plain, one


async def test_clients_in_python_get_the_same_events(serve: Serve) -> None:
    aiohttp, httpx = peers.module("aiohttp"), peers.module("httpx")
    url = (await serve(make_target())).url
    async with aiohttp.ClientSession() as session, httpx.AsyncClient(trust_env=False) as client:

        async def of_both(boundary: str) -> list[list[Event]]:
            urls = f"{url}/sse?{PARAMETERS.format('lf')}&{boundary}"
            async with session.get(urls) as response:
                by_aiohttp = b"".join([chunk async for chunk in response.content.iter_any()])
            by_httpx = (await client.get(urls)).content
            return [found(by_aiohttp), found(by_httpx)]

        plain, same = await of_both("chunk_events=1")
        assert len(plain) == 6
        assert same == plain
        for boundary in BOUNDARIES:
            assert await of_both(boundary) == [plain, plain], boundary
