"""curl, node, aiohttp and httpx find the same events in a stream, whatever its boundaries."""

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
KNOBS = "count=6&gap=0&size=30&text=utf8&line_end={}&seed=5"
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
    """The events in it."""
    return Parser().feed(stream)


def run(*command: str) -> bytes:
    """What a program tells; it must find the answer whole."""
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_peers_get_the_same_events(
    run_server: RunServer, peer: Callable[[str], str], loop: str
) -> None:
    url = run_server("target", "--loop", loop).url
    plain = found(run(peer("curl"), "-sS", f"{url}/sse?{KNOBS.format('lf')}"))
    assert len(plain) == 6
    asked = [
        f"{url}/sse?{KNOBS.format(end)}&{boundary}"
        for end in ("lf", "crlf", "cr")
        for boundary in (*BOUNDARIES, *(["write_split=crlf"] if end == "crlf" else []))
    ]
    assert found(run(peer("curl"), "-sS", "-N", *asked)) == plain * len(asked)
    for one in asked[3:6]:
        told = json.loads(run(peer("node"), str(FETCH), one))
        assert found("".join(told["parts"]).encode()) == plain, one


async def test_clients_in_python_get_the_same_events(serve: Serve) -> None:
    aiohttp, httpx = peers.module("aiohttp"), peers.module("httpx")
    url = (await serve(make_target())).url
    async with aiohttp.ClientSession() as session, httpx.AsyncClient(trust_env=False) as client:

        async def of_both(boundary: str) -> list[list[Event]]:
            asked = f"{url}/sse?{KNOBS.format('lf')}&{boundary}"
            async with session.get(asked) as response:
                by_aiohttp = b"".join([chunk async for chunk in response.content.iter_any()])
            by_httpx = (await client.get(asked)).content
            return [found(by_aiohttp), found(by_httpx)]

        plain, same = await of_both("chunk_events=1")
        assert len(plain) == 6
        assert same == plain
        for boundary in BOUNDARIES:
            assert await of_both(boundary) == [plain, plain], boundary
