"""How common clients, and our own, report each fault of the target.

The differences are what the faults are for: a client that accepts a response whose head was cut
will lose a part of some response.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from streamserver.lab.client.client import Client
from streamserver.lab.client.connection import Timeouts
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.target.app import make_target
from support import peers
from support.inprocess import Serve

SOON, NEVER = 0.5, 20
"""Timeouts in seconds: one that is to expire, and one that must not on a busy machine."""
EVENT = 34
"""Bytes of one event."""


class Reported(NamedTuple):
    """What each client reports: curl's exit status, names of exceptions, the end of our record.
    Two are separated by "|" where the content of a single read decides."""

    fault: str
    curl: int
    aiohttp: str
    httpx: str
    node: str
    ours: str
    size: int
    """Bytes of the body that ours received, -1 where the number of reads decides."""


TABLE = [
    Reported("garbage@event:2:5", 0, "ok", "ok", "ok", "complete", 3 * EVENT + 7),
    Reported("slow_close:0.05", 0, "ok", "ok", "ok", "complete", 3 * EVENT),
    Reported("stall@event:2:0.05", 0, "ok", "ok", "ok", "complete", 3 * EVENT),
    Reported(
        *("truncate@event:2", 18, "ClientPayloadError", "RemoteProtocolError", "UND_ERR_SOCKET"),
        *("truncated", 2 * EVENT),
    ),
    Reported(
        *("truncate", 18, "ClientPayloadError", "RemoteProtocolError", "UND_ERR_SOCKET"),
        *("truncated", 3 * EVENT),
    ),
    Reported(
        *("rst@byte:50", 56, "ClientPayloadError", "ReadError", "UND_ERR_SOCKET|ECONNRESET"),
        *("reset", 50),
    ),
    Reported(
        *("stall@event:2", 28, "TimeoutError", "ReadTimeout", "TimeoutError"),
        *("gap_timeout", 2 * EVENT),
    ),
    Reported(
        *("unfinished", 28, "TimeoutError", "ReadTimeout", "TimeoutError"),
        *("gap_timeout", 3 * EVENT),
    ),
    # aiohttp 3.14 closes the connection, and the reader of the body waits.
    Reported(
        *("bad_chunk@event:2", 56, "TimeoutError|ClientPayloadError", "RemoteProtocolError"),
        *("HPE_INVALID_CHUNK_SIZE", "malformed", -1),
    ),
    Reported(
        *("length:500", 18, "ClientPayloadError", "RemoteProtocolError", "UND_ERR_SOCKET"),
        *("truncated", 3 * EVENT),
    ),
    # No client passes on what exceeds the length; only aiohttp may report it.
    Reported("length:50", 0, "ok|ClientResponseError", "ok", "ok", "complete", 50),
    # curl accepts a head that ends anywhere.
    Reported(
        *("half_head:40", 0, "ServerDisconnectedError", "RemoteProtocolError", "UND_ERR_SOCKET"),
        *("truncated", 0),
    ),
    Reported("&fail_rate=1", 22, "503", "503", "503", "refused", -1),
]
LATE = {"28", "TimeoutError", "ReadTimeout", "gap_timeout"}
"""What clients report after a timeout."""


def patience(reported: str | int) -> float:
    """The timeout for this fault."""
    return SOON if LATE.intersection(str(reported).split("|")) else NEVER


every_fault = pytest.mark.parametrize("reported", TABLE, ids=lambda reported: reported.fault)


@pytest.fixture
async def url(serve: Serve) -> Callable[[Reported], str]:
    served = await serve(make_target())
    # The gap makes each event a read of its own.
    target = f"{served.url}/sse?count=3&gap=0.02&size=1&seed=3"
    return lambda one: target + ("" if one.fault[0] == "&" else "&fault=") + one.fault


async def run(program: str, *args: str) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        peers.program(program), *args, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out


@every_fault
async def test_curl(url: Callable[[Reported], str], reported: Reported) -> None:
    seconds = str(patience(reported.curl))
    status, _ = await run("curl", "-sN", "-o", "/dev/null", "--fail", "-m", seconds, url(reported))
    assert status == reported.curl


@every_fault
async def test_aiohttp(url: Callable[[Reported], str], reported: Reported) -> None:
    aiohttp = peers.module("aiohttp")
    timeout = aiohttp.ClientTimeout(total=patience(reported.aiohttp))
    end = "ok"
    async with aiohttp.ClientSession(timeout=timeout) as session:
        try:
            async with session.get(url(reported)) as response:
                await response.read()
                end = "ok" if response.ok else str(response.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            end = "TimeoutError" if isinstance(error, TimeoutError) else type(error).__name__
    assert end in reported.aiohttp.split("|")


@every_fault
async def test_httpx(url: Callable[[Reported], str], reported: Reported) -> None:
    httpx = peers.module("httpx")
    async with httpx.AsyncClient(timeout=patience(reported.httpx), trust_env=False) as client:
        try:
            response = await client.get(url(reported))
            end = "ok" if response.is_success else str(response.status_code)
        except httpx.HTTPError as error:
            end = type(error).__name__
    assert end == reported.httpx


@every_fault
async def test_node(url: Callable[[Reported], str], reported: Reported) -> None:
    script = str(Path(__file__).with_name("fetch.mjs"))
    status, out = await run("node", script, url(reported), str(patience(reported.node)))
    assert status == 0
    assert json.loads(out)[0] in reported.node.split("|")


@every_fault
async def test_our_own(url: Callable[[Reported], str], reported: Reported) -> None:
    client = Client(RequestSpec(url(reported)), Timeouts(gap=patience(reported.ours)))
    record = await client.exchange()
    client.close()
    assert record.end == reported.ours
    assert reported.size in (-1, record.size)
