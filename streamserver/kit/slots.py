"""A number of slots, such as the streams that a service can hold, for one process or for several.

Workers share slots by locks on the bytes of one file: the kernel releases those of a process that
dies, and a worker that drains after a restart keeps its own until its streams end. The file has no
name, so it does not remain after the server, and no other program can remove it. The supervisor
opens it and every worker inherits it. Locks belong to a description of an open file (Linux,
fcntl(2)), so each worker opens the inherited file again.

The kernel does not report that a lock became free, so a process that waits tries at intervals. Each
release writes a stamp to the file; while the stamp is the same, an attempt costs one read.
"""

import fcntl
import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from random import randrange
from time import monotonic, monotonic_ns

VARIABLE = "STREAMSERVER_SLOTS"
"""The environment variable with the descriptor of the file that a worker inherits."""

POLL = 0.01
"""Seconds between two attempts while requests wait for a slot that another process may release."""
RESCAN = 0.25
"""Seconds after which all slots are tried although there is no new stamp: a process that dies
writes none."""

_FLOCK = "hhqqi0q"  # struct flock of Linux: type, whence, start, length, pid
_STAMP = "QQ"  # the time and the process: no two stamps are equal
_STAMP_SIZE = struct.calcsize(_STAMP)
_STAMPS = 4096  # two names may share a stamp, which costs needless scans
_REGION = 2**24
"""Bytes that can be locked for one name: one that is locked while requests wait, and one for each
slot. They are beyond the end of the file, which does not matter (POSIX, fcntl)."""


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
    """``limit`` slots of all processes that open the same file by this ``descriptor``, and with
    this ``name``. OSError if it cannot be opened."""

    is_shared = True

    def __init__(self, limit: int, descriptor: int, name: str) -> None:
        super().__init__(limit)
        self._file = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR | os.O_CLOEXEC)
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
        self._stamp_at = number % _STAMPS * _STAMP_SIZE
        self._waiting = (number + 1) * _REGION  # the byte that is locked while requests wait
        self._first = self._waiting + 1  # the byte of the first slot
        self._held: set[int] = set()
        self._next = randrange(limit)  # where a scan begins: processes seldom try the same slot
        self._full_stamp = b"none"  # the stamp before the scan that found no free slot
        self._full_until = 0.0

    def acquire(self) -> bool:
        """As ``Slots.acquire``. While it fails, a call costs a read instead of a scan."""
        stamp = os.pread(self._file, _STAMP_SIZE, self._stamp_at)
        if stamp == self._full_stamp and monotonic() < self._full_until:
            return False
        for number in range(self.limit):
            slot = (self._next + number) % self.limit
            if slot not in self._held and self._lock(fcntl.F_WRLCK, self._first + slot):
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
        self._lock(fcntl.F_UNLCK, self._first + slot)
        # After the unlocking: a scan that began before it may have missed the slot.
        stamp = struct.pack(_STAMP, monotonic_ns(), os.getpid())
        os.pwrite(self._file, stamp, self._stamp_at)

    def set_waiting(self, is_waiting: bool) -> None:
        """As ``Slots.set_waiting``, for the other processes."""
        self._lock(fcntl.F_RDLCK if is_waiting else fcntl.F_UNLCK, self._waiting)

    @property
    def is_wanted(self) -> bool:
        """As ``Slots.is_wanted``."""
        wanted = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, self._waiting, 1, 0)
        found = fcntl.fcntl(self._file, fcntl.F_OFD_GETLK, wanted)
        return bool(struct.unpack_from("h", found)[0] != fcntl.F_UNLCK)

    def close(self) -> None:
        """As ``Slots.close``."""
        os.close(self._file)

    def _lock(self, kind: int, start: int) -> bool:
        """Lock or unlock a byte; False if another process has it."""
        try:
            wanted = struct.pack(_FLOCK, kind, os.SEEK_SET, start, 1, 0)
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, wanted)
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES (POSIX, fcntl)
            return False
        return True


def can_share() -> bool:
    """Whether this system has such locks and files."""
    has_calls = hasattr(fcntl, "F_OFD_SETLK") and hasattr(os, "memfd_create")
    return has_calls and os.path.isdir("/proc/self/fd")


@contextmanager
def shared_file() -> Iterator[tuple[int, ...]]:
    """For a supervisor: the descriptor of the file for its workers; none where they cannot share
    slots."""
    if not can_share():
        yield ()
        return
    descriptor = os.memfd_create("streamserver-slots")
    try:
        yield (descriptor,)
    finally:
        os.close(descriptor)


_inherited: list[int] = []


def inherit() -> None:
    """For a worker: take the descriptor of the file from the environment. The variable is removed,
    because programs that the app starts do not inherit the file."""
    if text := os.environ.pop(VARIABLE, ""):
        os.set_inheritable(int(text), False)
        _inherited[:] = [int(text)]


def share() -> None:
    """For a process without a supervisor: let all slots of one name be the same ones."""
    if not _inherited and can_share():
        _inherited.append(os.memfd_create("streamserver-slots"))


def open_slots(limit: int, name: str) -> Slots:
    """The slots of this process, or of all workers if a supervisor has started it. ``name``: what
    they are slots of; without a supervisor and without ``share`` each call opens others."""
    return SharedSlots(limit, _inherited[0], name) if _inherited else Slots(limit)
