"""What several requests to the origin share: a feed, and work that does not end with its reader."""

import asyncio
import time
import zlib
from contextlib import suppress

from support.setups.exchange import NO_CACHE, RETRY, SSE, Exchange

LIVE_GAP = 0.1
"""Seconds between the events of the feed."""
_work = asyncio.Lock()


async def live(ex: Exchange, replays: bool = True, ahead: int = 0) -> None:
    """A feed that all readers share; ``ids=words``: its ids are no numbers in sequence."""
    await ex.head(SSE, NO_CACHE)
    await ex.send(RETRY)
    ids = _word if ex.query.get("ids") == "words" else str
    now = int(time.monotonic() / LIVE_GAP)
    last, n = ex.fields.get("last-event-id"), now + 1
    if last is not None and replays:
        n = next((one + 1 for one in range(now, now - 500, -1) if ids(one) == last), n) - ahead
    while True:
        await asyncio.sleep(n * LIVE_GAP - time.monotonic())
        await ex.send(ex.event(n, ids(n)))
        n += 1


async def live_hole(ex: Exchange) -> None:
    """The feed without a replay."""
    await live(ex, replays=False)


async def live_repeats(ex: Exchange) -> None:
    """The feed with a replay that begins two events too early."""
    await live(ex, ahead=2)


async def busy(ex: Exchange) -> None:
    """The work takes ``work`` seconds, whether or not its reader is there; others wait for it."""
    async with _work:
        await _unstoppable(ex)


async def refusing(ex: Exchange) -> None:
    """The same, and others get ``status`` while it lasts."""
    if _work.locked():
        status = ex.query.get("status", "503")
        await ex.head("Content-Length: 0", status=f"{status} Busy", framed=True)
        return
    await busy(ex)


async def _unstoppable(ex: Exchange) -> None:
    end = time.monotonic() + ex.number("work", 1.2)
    with suppress(ConnectionError):
        await ex.head(SSE, NO_CACHE)
    n = 0
    while time.monotonic() < end:
        with suppress(ConnectionError):
            await ex.send(ex.event(n))
        n += 1
        await asyncio.sleep(ex.gap)
    with suppress(ConnectionError):
        await ex.end()


def _word(n: int) -> str:
    return f"{zlib.crc32(b'%d' % n):08x}"
