"""What every client here has in common: many streams at once, and a stamp when it has an event.

An event of the target says when it was sent. A client takes its own time where the event is in the
hands of whoever uses it; the difference is what the way and the client took.
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
    """Read so many streams at once; the delays of each one's events, in ns."""

    async def delays() -> list[int]:
        found = []
        async for data in events(url):
            moment = monotonic_ns()
            stamp = read_stamp(data)
            if stamp is not None:
                found.append(moment - stamp.sent)
        return found

    return await asyncio.gather(*[delays() for _ in range(streams)])
