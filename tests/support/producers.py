"""What the bodies of tests are made of."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from streamserver.kit.request import Request
from streamserver.kit.response import Response


async def pulled(*items: Any, until: asyncio.Event | None = None) -> AsyncIterator[Any]:
    for item in items:
        yield item
        await asyncio.sleep(0)
    if until is not None:
        await until.wait()


class Producer:
    """A body that tells in which task it began, and in which its `finally` ran, with what."""

    def __init__(self, *, talks: bool) -> None:
        self._talks = talks
        self.began: asyncio.Task[object] | None = None
        self.ended: asyncio.Task[object] | None = None
        self.cancelled = False

    async def answer(self, request: Request) -> Response:
        return Response(self.pieces())

    async def wait(self, request: Request) -> Response:
        """A handler that never gets as far as an answer."""
        return Response(b"".join([piece async for piece in self.pieces()]))

    async def pieces(self) -> AsyncIterator[bytes]:
        self.began = asyncio.current_task()
        try:
            while self._talks:
                yield b"piece"
                await asyncio.sleep(0.001)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.ended = asyncio.current_task()
