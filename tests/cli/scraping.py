"""The figures of a server that is a process, or several, whichever of them is asked."""

import asyncio

from cli.conftest import LIMIT
from support.figures import figure
from support.process import ServerProcess
from support.rawsocket import raw
from support.requests import get

CLOSE = b"Connection: close"


async def body(server: ServerProcess, path: bytes) -> str:
    """The body of the answer, over a connection of its own."""
    answer = await raw(server.port, get(path, CLOSE), timeout=LIMIT)
    return answer.partition(b"\r\n\r\n")[2].decode()


async def counted(server: ServerProcess, name: str, **labels: str) -> float:
    """A figure, as of now."""
    return figure(await body(server, b"/metrics"), name, **labels)


async def until_figure(server: ServerProcess, expected: float, name: str, **labels: str) -> None:
    """Return once a figure is as expected, from any worker; TimeoutError if never."""
    async with asyncio.timeout(LIMIT):
        while await counted(server, name, **labels) != expected:
            await asyncio.sleep(0.01)
