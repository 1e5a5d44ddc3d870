"""httpx: one `AsyncClient` for all streams, read line by line."""

from collections.abc import AsyncIterator

import httpx

from benchmarks.clients.stamped import main, together


async def read(url: str, streams: int) -> list[list[int]]:
    """Read all streams."""
    limits = httpx.Limits(max_connections=streams)
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:

        async def events(url: str) -> AsyncIterator[str]:
            async with client.stream("GET", url) as response:
                async for line in response.aiter_lines():
                    if line.startswith("data: "):
                        yield line[6:]

        return await together(url, streams, events)


if __name__ == "__main__":
    main(read)
