"""aiohttp: one session for all streams, read line by line."""

from collections.abc import AsyncIterator

import aiohttp

from benchmarks.clients.stamped import main, together


async def read(url: str, streams: int) -> list[list[int]]:
    """Read all streams."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=streams)) as session:

        async def events(url: str) -> AsyncIterator[str]:
            async with session.get(url) as response:
                async for line in response.content:
                    if line.startswith(b"data: "):
                        yield line[6:].decode()

        return await together(url, streams, events)


if __name__ == "__main__":
    main(read)
