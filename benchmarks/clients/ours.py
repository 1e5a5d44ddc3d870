"""The client of the lab, which takes the time of the read that brought an event, before parsing."""

import asyncio

from benchmarks.clients.stamped import main
from streamserver.lab.client.client import Client
from streamserver.lab.client.request import RequestSpec


async def read(url: str, streams: int) -> list[list[int]]:
    """Read all streams."""
    client = Client(RequestSpec(url))
    records = await asyncio.gather(*[client.exchange() for _ in range(streams)])
    client.close()
    return [
        [arrival - stamp.sent for stamp, arrival in zip(one.stamps, one.arrivals, strict=True)]
        for one in records
    ]


if __name__ == "__main__":
    main(read)
