"""A cassette as it is read while it is played.

A disk may take its time, and whoever plays another must not wait for it. So a block is read in a
thread, while what was read before is played; and a line is looked at when its turn has come, since
to look at all of a block would take as long as many streams' events.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from streamserver.lab.cassettes.form import Malformed, Part
from streamserver.lab.cassettes.reading import Reader

BLOCK = 64 * 1024


class Ahead:
    """The parts of a cassette, one after the other."""

    __slots__ = ("_block", "_offset", "_parts", "_path", "_reader")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = Reader()
        self._parts: Iterator[Part] = iter(())
        self._offset = 0
        self._block: asyncio.Future[bytes] | None = self._read()

    def _read(self) -> "asyncio.Future[bytes]":
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(None, read_block, self._path, self._offset)

    async def next(self) -> Part:
        """The next part, up to the end; Malformed and OSError where there is none."""
        while (part := next(self._parts, None)) is None:
            if self._block is None:
                self._reader.close()
                raise Malformed("there is nothing behind the end")
            block = await self._block
            self._offset += len(block)
            self._block = self._read() if len(block) == BLOCK else None
            self._parts = self._reader.feed(block)
        return part


def read_block(path: Path, offset: int) -> bytes:
    """A block of a file, shorter than others only at its end. It is opened each time: who stops in
    the middle leaves nothing open."""
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read(BLOCK)
