"""A command line for servers without one: `--port` and `--loop`."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable


def run(start: Callable[[int], Awaitable[object]]) -> None:
    """Await `start(port)` on the chosen loop, then serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    options = parser.parse_args()

    async def serve() -> None:
        started = await start(options.port)
        await asyncio.Event().wait()
        del started  # Keeps the server from being collected.

    with asyncio.Runner(loop_factory=_factory(options.loop)) as runner:
        runner.run(serve())


def _factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if loop == "asyncio":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop
