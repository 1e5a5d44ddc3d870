"""A number of slots, such as the streams that a service can hold, for one process or for several.

Workers share the slots by locks on the bytes of one file: the kernel releases those of a process
that dies, and neither a restarted worker nor one that drains can hold more than is left. Locks of
open file descriptions (Linux, fcntl(2)) are used, because a process loses the older kind when it
closes any descriptor of the file.

A lock can only be asked for, so a process that waits asks at intervals. Each release writes a
stamp to the file: while that is the same, to ask again costs one read.
"""

import fcntl
import hashlib
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from random import randrange
from tempfile import TemporaryDirectory, gettempdir
from time import monotonic, monotonic_ns

VARIABLE = "STREAMSERVER_SLOTS"
"""The environment variable with the directory of the files that workers share."""

POLL = 0.01
"""Seconds between two attempts while requests wait for a slot that another process may release."""
RESCAN = 0.25
"""Seconds after which all slots are tried although there is no new stamp: a process that dies
writes none."""

_STAMP = "QQ"  # the time and the process: no two stamps are equal
_STAMP_SIZE = struct.calcsize(_STAMP)  # at the beginning of the file
_WAITING = _STAMP_SIZE  # the byte that each process locks, shared, while requests wait in it
_FIRST = _WAITING + 1  # the byte of the first slot
_FLOCK = "hhqqi0q"  # struct flock of Linux: type, whence, start, length, pid


class Slots:
    """``limit`` slots of this process. ``in_use``: how many of them it holds."""

    is_shared = False

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_use = 0

    def acquire(self) -> bool:
        """Take a free slot; False if there is none."""
        if self.in_use >= self.limit:
            return False
        self.in_use += 1
        return True

    def release(self) -> None:
        """Free a slot that was acquired."""
        self.in_use -= 1

    def set_waiting(self, is_waiting: bool) -> None:
        """Note whether requests of this process wait for a slot."""

    @property
    def is_wanted(self) -> bool:
        """Whether requests of another process wait for a slot."""
        return False

    def close(self) -> None:
        """Release all."""


class SharedSlots(Slots):
    """``limit`` slots of all processes that open the file ``path``. OSError if that fails."""

    is_shared = True

    def __init__(self, limit: int, path: Path) -> None:
        super().__init__(limit)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._held: set[int] = set()
        self._next = randrange(limit)  # where to look first: processes seldom try the same
        self._full_stamp = b"none"  # the stamp before the scan that found no free slot
        self._full_until = 0.0

    def acquire(self) -> bool:
        """As ``Slots.acquire``. While it fails, it costs a read and not a scan."""
        stamp = os.pread(self._descriptor, _STAMP_SIZE, 0)
        if stamp == self._full_stamp and monotonic() < self._full_until:
            return False
        for number in range(self.limit):
            slot = (self._next + number) % self.limit
            if slot not in self._held and self._lock(fcntl.F_WRLCK, _FIRST + slot):
                self._held.add(slot)
                self._next = slot
                self.in_use += 1
                return True
        self._full_stamp, self._full_until = stamp, monotonic() + RESCAN
        return False

    def release(self) -> None:
        """As ``Slots.release``."""
        super().release()
        self._next = slot = self._held.pop()
        self._lock(fcntl.F_UNLCK, _FIRST + slot)
        # After the unlocking: a scan that began before it may have missed the slot.
        os.pwrite(self._descriptor, struct.pack(_STAMP, monotonic_ns(), os.getpid()), 0)

    def set_waiting(self, is_waiting: bool) -> None:
        """As ``Slots.set_waiting``, for the other processes."""
        self._lock(fcntl.F_RDLCK if is_waiting else fcntl.F_UNLCK, _WAITING)

    @property
    def is_wanted(self) -> bool:
        """As ``Slots.is_wanted``."""
        wanted = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _WAITING, 1, 0)
        found = fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, wanted)
        return bool(struct.unpack_from("h", found)[0] != fcntl.F_UNLCK)

    def close(self) -> None:
        """As ``Slots.close``."""
        os.close(self._descriptor)

    def _lock(self, kind: int, start: int) -> bool:
        """Lock or unlock a byte; False if another process has it."""
        try:
            wanted = struct.pack(_FLOCK, kind, os.SEEK_SET, start, 1, 0)
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, wanted)
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES (POSIX, fcntl)
            return False
        return True


def open_slots(limit: int, name: str) -> Slots:
    """The slots of this process, or of all workers if a supervisor has started it. ``name``: what
    they are slots of."""
    directory = os.environ.get(VARIABLE)
    if not directory:
        return Slots(limit)
    return SharedSlots(limit, Path(directory, hashlib.sha256(name.encode()).hexdigest()[:32]))


def can_share() -> bool:
    """Whether this system has such locks, and a directory for temporary files."""
    with suppress(OSError):
        return hasattr(fcntl, "F_OFD_SETLK") and os.access(gettempdir(), os.W_OK)
    return False


@contextmanager
def sharing() -> Iterator[Mapping[str, str]]:
    """For a supervisor: what it adds to the environment of workers that share slots; nothing where
    they cannot."""
    if not can_share():
        yield {}
        return
    with TemporaryDirectory(prefix="streamserver-slots-", ignore_cleanup_errors=True) as directory:
        yield {VARIABLE: directory}
