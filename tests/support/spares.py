"""What an event loop keeps for itself, which is no leak of ours."""

import asyncio


async def open_spares() -> None:
    """Have the running loop open what it will keep: uvloop does so with its first stream."""
    (await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)).close()
