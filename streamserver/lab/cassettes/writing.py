"""Cassettes on their way to the disk, in a thread of their own, since a disk may take its time.

The text is made before: a thread that worked in Python would take turns with the event loop, five
milliseconds at a time. This one only makes calls during which Python lets others run.
"""

import logging
import os
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias

logger = logging.getLogger("streamserver")

MOST_WAITING = 64 * 1024 * 1024
"""Bytes that may wait for the disk."""

SUFFIX = ".jsonl"
PART = ".part"
_Order: TypeAlias = tuple[str, bytes, bool]


class Writing:
    """Appends to files in one directory, and gives them their names when they are whole."""

    __slots__ = ("_directory", "_done", "_given", "_orders", "_thread", "failed")

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._thread: Thread | None = None
        # Each is written by one thread alone.
        self._given = self._done = 0
        self.failed = False

    @property
    def is_behind(self) -> bool:
        """Whether so much waits that no more should be given."""
        return self._given - self._done > MOST_WAITING

    def append(self, name: str, data: bytes, is_last: bool) -> None:
        """Some more of a file, and whether it is whole with it."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="cassettes", daemon=True)
            self._thread.start()
        self._given += len(data)
        self._orders.put((name, data, is_last))

    def close(self) -> None:
        """Wait until everything is written."""
        if self._thread is not None:
            self._orders.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            if not self.failed:
                try:
                    self._carry_out(*order)
                except OSError as error:
                    self.failed = True
                    logger.error("nothing more is recorded: %s", error)
            self._done += len(order[1])

    def _carry_out(self, name: str, data: bytes, is_last: bool) -> None:
        path = str(self._directory / name) + SUFFIX
        # Closed each time, since each of many thousand streams may have a file.
        descriptor = open_file(path + PART)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)
        if is_last:
            os.rename(path + PART, path)


def open_file(path: str) -> int:
    """A descriptor to append with; the file is its owner's alone, since what people ask a model
    is nobody else's."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
