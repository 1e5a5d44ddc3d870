"""Large content in slices, so that its encoding neither blocks the event loop nor outlives its
request.

To encode a megabyte takes up to a tenth of a second. Between two slices other tasks run, and the
work ends if the client has left or the server stops.
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any

from streamserver.wire.content_coding import Compressor
from streamserver.wire.pieces import as_bytes

SLICE = 64 * 1024
"""Bytes that are encoded at once, in a few milliseconds."""


async def encode_whole(body: bytes, compressor: Compressor) -> bytes:
    """The coded body. What is larger than a slice is encoded in a thread."""
    if len(body) <= SLICE:
        return compressor.compress(body) + compressor.flush()
    parts = []
    for start in range(0, len(body), SLICE):
        part = body[start : start + SLICE]
        parts.append(await asyncio.to_thread(compressor.compress, part))
    return b"".join([*parts, compressor.flush()])


class Slices:
    """The pieces of a body, the large ones in slices: an async iterable, and its ``encode``.

    It makes no coroutine for a small piece: one for each token takes time, and one for each stream
    that waits takes memory. ``length``: that of all pieces, if it is declared; ValueError if they
    are shorter or longer.
    """

    __slots__ = ("_encode", "_left", "_next", "_pieces", "_rest")

    def __init__(
        self,
        pieces: AsyncIterable[Any],
        encode: Callable[[Any], bytes] | None,
        length: int | None = None,
    ) -> None:
        self._pieces = aiter(pieces)
        self._next = self._pieces.__anext__
        self._encode = encode
        self._left = length
        self._rest: memoryview | None = None

    def __aiter__(self) -> "Slices":
        return self

    def __anext__(self) -> Awaitable[Any]:
        if self._rest is not None:
            return _nothing()
        return self._next() if self._left is None else self._until_whole()

    async def _until_whole(self) -> Any:
        try:
            return await self._next()
        except StopAsyncIteration:
            if self._left:
                raise ValueError(f"{self._left} bytes of Content-Length are missing") from None
            raise

    def encode(self, piece: Any) -> bytes:
        """The bytes of a piece, or the first slice of a large one. While slices are left, the next
        one is returned instead of what ``__anext__`` returns."""
        rest = self._rest
        if rest is None:
            if self._encode is not None:
                piece = self._encode(piece)
            data: bytes = piece if type(piece) is bytes else as_bytes(piece)
            if self._left is not None:
                self._count(len(data))
            if len(data) <= SLICE:
                return data
            rest = memoryview(data)
        self._rest = rest[SLICE:] if len(rest) > SLICE else None
        return bytes(rest[:SLICE])

    def _count(self, size: int) -> None:
        assert self._left is not None
        self._left -= size
        if self._left < 0:
            raise ValueError(f"the body is {-self._left} bytes longer than its Content-Length")

    async def aclose(self) -> None:
        """Close the producer of the pieces."""
        if (close := getattr(self._pieces, "aclose", None)) is not None:
            await close()


async def _nothing() -> None:
    """Awaited without a wait."""
