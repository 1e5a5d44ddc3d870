"""A cassette as it is read while it is played.

A disk may take its time, and whoever plays another must not wait for it. So a block is read in a
thread, while the one before it is played; and a line is looked at when its turn has come, since to
look at all of a block would take as long as many streams' events. Only the first block is read at
once: a head may be due at once, and a thread takes its time too, tens of milliseconds on a busy
machine. It was read when the target started, so it hardly ever needs the disk.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from streamserver.lab.cassettes.form import Malformed, Part
from streamserver.lab.cassettes.reading import Reader

BLOCK = 64 * 1024


class Ahead:
    """The parts of a cassette, one after the other."""

    __slots__ = ("_ahead", "_is_read", "_offset", "_parts", "_path", "_reader")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = Reader()
        self._parts: Iterator[Part] = iter(())
        self._offset = 0
        self._ahead: asyncio.Future[bytes] | None = None
        self._is_read = False

    async def next(self) -> Part:
        """The next part, up to the end; Malformed and OSError where there is none."""
        while (part := next(self._parts, None)) is None:
            self._parts = self._reader.feed(await self._block())
        return part

    async def _block(self) -> bytes:
        if self._is_read:
            self._reader.close()
            raise Malformed("there is nothing behind the end")
        block = read_block(self._path, 0) if self._ahead is None else await self._ahead
        self._offset += len(block)
        self._is_read = len(block) < BLOCK
        if not self._is_read:
            loop = asyncio.get_running_loop()
            self._ahead = loop.run_in_executor(None, read_block, self._path, self._offset)
        return block


def read_block(path: Path, offset: int) -> bytes:
    """A block of a file, shorter than others only at its end. It is opened each time: who stops in
    the middle leaves nothing open."""
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read(BLOCK)
