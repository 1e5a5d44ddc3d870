"""How clients that people use, and our own, take each fault of the target.

Where they differ, that is what the faults are for: one that calls a response whole though its head
was cut will some day lose an answer.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from streamserver.lab.client.client import Ask, Client
from streamserver.lab.client.timeouts import Timeouts
from streamserver.lab.target.app import make_target
from support import peers
from support.inprocess import Serve

SOON, NEVER = 1, 20
"""Seconds after which a client gives up: one that shall, and one that shall not however busy the
machine is."""
EVENT = 34
"""Bytes of one event."""


class Taken(NamedTuple):
    """How a fault is taken: curl's exit status, the names of exceptions, the end of our record.
    Where it hangs on what a single read brings, there are two."""

    fault: str
    curl: int
    aiohttp: str
    httpx: str
    node: str
    ours: str
    size: int
    """Bytes of the body that ours was given, -1 where one read more or less matters."""


TABLE = [
    Taken("garbage@event:2:5", 0, "ok", "ok", "ok", "complete", 3 * EVENT + 7),
    Taken("slow_close:0.05", 0, "ok", "ok", "ok", "complete", 3 * EVENT),
    Taken("stall@event:2:0.05", 0, "ok", "ok", "ok", "complete", 3 * EVENT),
    Taken(
        *("truncate@event:2", 18, "ClientPayloadError", "RemoteProtocolError", "UND_ERR_SOCKET"),
        *("truncated", 2 * EVENT),
    ),
    Taken(
        *("truncate", 18, "ClientPayloadError", "RemoteProtocolError", "UND_ERR_SOCKET"),
        *("truncated", 3 * EVENT),
    ),
    Taken(
        *("rst@byte:50", 56, "ClientPayloadError", "ReadError", "UND_ERR_SOCKET|ECONNRESET"),
        *("reset", 50),
    ),
    Taken(
        *("stall@event:2", 28, "TimeoutError", "ReadTimeout", "TimeoutError"),
        *("gap_timeout", 2 * EVENT),
    ),
    Taken(
        *("unfinished", 28, "TimeoutError", "ReadTimeout", "TimeoutError"),
        *("gap_timeout", 3 * EVENT),
    ),
    # aiohttp 3.14 closes the connection, and lets whoever reads the body wait.
    Taken(
        *("bad_chunk@event:2", 56, "TimeoutError|ClientPayloadError", "RemoteProtocolError"),
        *("HPE_INVALID_CHUNK_SIZE", "malformed", -1),
    ),
    Taken(
        *("length:500", 18, "ClientPayloadError", "RemoteProtocolError", "UND_ERR_SOCKET"),
        *("truncated", 3 * EVENT),
    ),
    # What is beyond the length reaches nobody: aiohttp alone may say that there was more.
    Taken("length:50", 0, "ok|ClientResponseError", "ok", "ok", "complete", 50),
    # To curl a head that ends anywhere is a head.
    Taken(
        *("half_head:40", 0, "ServerDisconnectedError", "RemoteProtocolError", "UND_ERR_SOCKET"),
        *("truncated", 0),
    ),
    Taken("&fail_rate=1", 22, "503", "503", "503", "refused", -1),
]
LATE = {"28", "TimeoutError", "ReadTimeout", "gap_timeout"}
"""How clients say that they gave up."""


def patience(taken: str | int) -> int:
    """Seconds for whoever shall take a fault like this."""
    return SOON if LATE.intersection(str(taken).split("|")) else NEVER


every_fault = pytest.mark.parametrize("taken", TABLE, ids=lambda taken: taken.fault)


@pytest.fixture
async def url(serve: Serve) -> Callable[[Taken], str]:
    served = await serve(make_target())
    # The second event comes a while after the first, so that each is read by itself.
    target = f"{served.url}/sse?count=3&gap=0.02&size=1&seed=3"
    return lambda taken: target + ("" if taken.fault[0] == "&" else "&fault=") + taken.fault


async def run(program: str, *args: str) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        peers.program(program), *args, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out


@every_fault
async def test_curl(url: Callable[[Taken], str], taken: Taken) -> None:
    seconds = str(patience(taken.curl))
    status, _ = await run("curl", "-sN", "-o", "/dev/null", "--fail", "-m", seconds, url(taken))
    assert status == taken.curl


@every_fault
async def test_aiohttp(url: Callable[[Taken], str], taken: Taken) -> None:
    aiohttp = peers.module("aiohttp")
    timeout = aiohttp.ClientTimeout(total=patience(taken.aiohttp))
    end = "ok"
    async with aiohttp.ClientSession(timeout=timeout) as session:
        try:
            async with session.get(url(taken)) as response:
                await response.read()
                end = "ok" if response.ok else str(response.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            end = "TimeoutError" if isinstance(error, TimeoutError) else type(error).__name__
    assert end in taken.aiohttp.split("|")


@every_fault
async def test_httpx(url: Callable[[Taken], str], taken: Taken) -> None:
    httpx = peers.module("httpx")
    async with httpx.AsyncClient(timeout=patience(taken.httpx), trust_env=False) as client:
        try:
            response = await client.get(url(taken))
            end = "ok" if response.is_success else str(response.status_code)
        except httpx.HTTPError as error:
            end = type(error).__name__
    assert end == taken.httpx


@every_fault
async def test_node(url: Callable[[Taken], str], taken: Taken) -> None:
    script = str(Path(__file__).with_name("fetch.mjs"))
    status, out = await run("node", script, url(taken), str(patience(taken.node)))
    assert status == 0
    assert json.loads(out)[0] in taken.node.split("|")


@every_fault
async def test_our_own(url: Callable[[Taken], str], taken: Taken) -> None:
    client = Client(Ask(url(taken)), Timeouts(gap=patience(taken.ours)))
    record = await client.exchange()
    client.close()
    assert record.end == taken.ours
    assert taken.size in (-1, record.size)
