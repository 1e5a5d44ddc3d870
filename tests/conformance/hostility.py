"""What hostile clients do, and what a server must be like when they have gone."""

import asyncio
import contextlib
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Iterator

from conformance.talking import read_answers
from support.inprocess import Served
from support.leaks import no_leaks
from support.rawsocket import RawClient, raw
from support.requests import LAST
from support.waiting import wait_until


@contextlib.asynccontextmanager
async def unharmed(server: Served) -> AsyncIterator[None]:
    """Whatever happens inside, the server lets go of all of it by itself, and goes on serving."""
    async with no_leaks():
        yield
        await wait_until(lambda: server.listener.connections == 0)
    [answer] = read_answers(await raw(server.port, LAST), ["GET"])
    assert answer.status == 200


async def send_for_ever(
    client: RawClient, *pieces: bytes, pause: float = 0.0, enough: int = 16 << 20
) -> None:
    """Send the pieces over and over until the server has ended the connection.

    What comes back is in ``client.received``. AssertionError when ``enough`` bytes were let in.
    """
    reader = asyncio.ensure_future(client.read_until(timeout=20.0))
    sent = 0
    for piece in itertools.cycle(pieces):
        if reader.done():
            break
        with contextlib.suppress(ConnectionError):
            await client.send(piece)
        sent += len(piece)
        assert sent < enough, f"the server let in {sent} bytes of {piece[:20]!r}"
        await asyncio.sleep(pause)
    with contextlib.suppress(ConnectionError):
        await reader


@contextlib.contextmanager
def memory_below(limit: int) -> Iterator[None]:
    """Fail when this process holds more than ``limit`` bytes more than before, at any moment."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < limit, f"{peak - before} bytes at the peak"
