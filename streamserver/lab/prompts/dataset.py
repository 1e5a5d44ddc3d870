"""Data sets: files of JSON lines, each a conversation.

The file is read twice: when the run is described, to check each line before anything is sent, and
by each process that sends, which holds the lines in memory. So it is a regular file of bounded
size, and a digest proves that both read the same.
"""

import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from stat import S_ISREG

from streamserver.kit.units import format_size
from streamserver.lab.prompts.conversation import Conversation
from streamserver.lab.prompts.lines import read_line

MAX_FILE = 256 * 1024 * 1024
"""The most bytes of a file, which each process holds in memory."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The conversations of a file, repeated in its order."""

    path: str
    digest: bytes
    """SHA-256 of the file."""
    turns: int
    """Turns of the longest conversation."""
    shuffled: bool = False
    """Whether the order depends on the seed instead."""
    text = ""

    def open(self, seed: int) -> Callable[[int], Conversation]:
        """A function from a number to its conversation; OSError if the file cannot be read or has
        changed."""
        data = _read(self.path)
        if sha256(data).digest() != self.digest:
            raise OSError(f"{self.path} has changed since it was checked")
        lines = [line for line in data.split(b"\n") if line.strip()]
        order = array("L", range(len(lines)))
        if self.shuffled:
            Random(f"data set/{seed}").shuffle(order)
        return lambda n: read_line(lines[order[n % len(order)]])


def read_dataset(path: str, shuffled: bool, check: Callable[[Conversation], object]) -> Dataset:
    """The data set in a file, each conversation of which has passed ``check``.

    OSError for a file that cannot be read. ValueError names the first wrong line.
    """
    data, most = _read(path), 0
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            try:
                conversation = read_line(line)
                check(conversation)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
            most = max(most, len(conversation.turns))
    if not most:
        raise ValueError("the file has no line")
    return Dataset(path, sha256(data).digest(), most, shuffled)


def _read(path: str) -> bytes:
    found = os.stat(path)
    if not S_ISREG(found.st_mode):
        raise OSError(f"{path} is not a regular file, which each process reads by itself")
    if found.st_size > MAX_FILE:
        raise OSError(f"{path} is larger than {format_size(MAX_FILE)}, which each process holds")
    return Path(path).read_bytes()
