"""The common part of the clients: many streams at once, and the delay of each event.

An event of the target contains the time of sending. A client takes the time when its user has the
event; the difference is the delay of the way and of the client.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from time import monotonic_ns

from streamserver.lab.stamps import read_stamp

Events = Callable[[str], AsyncIterator[str]]
"""From a URL to the data of its events."""


def main(read: Callable[[str, int], Coroutine[None, None, list[list[int]]]]) -> None:
    """Run a client as `python -m benchmarks.clients.NAME URL STREAMS`; print delays as JSON."""
    url, streams = sys.argv[1], int(sys.argv[2])
    print(json.dumps(asyncio.run(read(url, streams))))


async def together(url: str, streams: int, events: Events) -> list[list[int]]:
    """Read so many streams at once; return the delays of the events of each, in ns."""

    async def delays() -> list[int]:
        found = []
        async for data in events(url):
            moment = monotonic_ns()
            stamp = read_stamp(data)
            if stamp is not None:
                found.append(moment - stamp.sent)
        return found

    return await asyncio.gather(*[delays() for _ in range(streams)])
