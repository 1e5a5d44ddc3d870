"""A file that is read and encoded in a thread, a slice at a time."""

import asyncio
import os

from streamserver.kit.slices import SLICE
from streamserver.server.answer import FileRegion
from streamserver.server.state import ServerState
from streamserver.wire.content_coding import Compressor


class CodedFile:
    """The coded pieces of a file region; to close it, begun or not, closes the file.

    No slice is read before the client has room for the one before it. HTTPError 503 when no
    descriptor is left; OSError when the file cannot be read, or is shorter than it was.
    """

    __slots__ = ("_compressor", "_descriptors", "_future", "_left", "_region")

    def __init__(self, region: FileRegion, compressor: Compressor, server: ServerState) -> None:
        self._region = region
        self._compressor: Compressor | None = compressor
        self._descriptors = server.descriptors
        self._left = region.count
        self._future: asyncio.Future[bytes] | None = None
        try:
            self._descriptors.acquire(1, "a download")
        except BaseException:
            region.file.close()
            raise

    def __aiter__(self) -> "CodedFile":
        return self

    async def __anext__(self) -> bytes:
        while self._compressor is not None:
            loop = asyncio.get_running_loop()
            self._future = loop.run_in_executor(None, self._read, self._compressor)
            # A thread that has begun cannot be cancelled, and must not lose its descriptor.
            if piece := await asyncio.shield(self._future):
                return piece
        raise StopAsyncIteration

    def _read(self, compressor: Compressor) -> bytes:
        """The next coded bytes, possibly none; runs in a thread."""
        region = self._region
        offset = region.offset + region.count - self._left
        data = os.pread(region.file.fileno(), min(SLICE, self._left), offset)
        if not data and self._left:
            raise OSError(f"the file is {self._left} bytes shorter than it was")
        self._left -= len(data)
        coded = compressor.compress(data)
        if not self._left:
            coded += compressor.flush()
            self._compressor = None
        return coded

    async def aclose(self) -> None:
        """Close the file, after the slice that is being read."""
        if self._future is not None and not self._future.done():
            self._future.add_done_callback(lambda future: self._close(future))
        else:
            self._close(None)

    def _close(self, future: "asyncio.Future[bytes] | None") -> None:
        if future is not None and not future.cancelled():
            future.exception()  # the client has left
        if not self._region.file.closed:
            self._region.file.close()
            self._descriptors.release(1)
        self._compressor = None
