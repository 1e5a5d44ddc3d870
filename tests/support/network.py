"""A network between a client and a server on this machine, whose connections can be cut."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator

PART = 65536


@contextlib.contextmanager
def network(port: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """The origin at which a server's port is reached, and what cuts all connections, as the loss
    of a network does; for tests that have no event loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    writers: set[asyncio.StreamWriter] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(PART):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        both = {writer, back}
        writers.update(both)
        await asyncio.gather(pump(reader, back), pump(there, writer))
        writers.difference_update(both)

    def cut() -> None:
        for writer in writers:
            writer.transport.abort()

    async def stop() -> None:
        server.close()
        cut()
        while writers:
            await asyncio.sleep(0)

    server = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(carry, "127.0.0.1", 0), loop
    ).result()
    try:
        yield (
            f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            lambda: loop.call_soon_threadsafe(cut),
        )
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
