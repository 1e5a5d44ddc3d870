"""The cassettes of a directory: which of them answers a request, and how each is read.

Every file is read once at the start, so a broken one is reported before a request needs it. Only
its request and its path are kept.
"""

import asyncio
import os
from collections import defaultdict, deque
from collections.abc import Iterator
from heapq import nlargest
from itertools import chain, filterfalse, islice
from os.path import commonprefix
from pathlib import Path
from typing import NamedTuple

from streamserver.lab.cassettes import cassette
from streamserver.lab.cassettes.cassette import CassetteError, EndEntry, Entry, RequestEntry
from streamserver.lab.cassettes.redaction import redact_target

MAX_CASSETTES = 100_000
NEAREST = 3
MAX_COMPARED = 1000
"""Requests with which an unknown one is compared; other streams wait meanwhile."""
BLOCK = 64 * 1024


class RequestKey(NamedTuple):
    """What identifies a request. Secrets are redacted in all of it."""

    method: str
    target: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.method} {self.target} with a body of SHA-256 {self.sha256}"

    def similarity(self, other: "RequestKey") -> tuple[bool, bool, int]:
        """Greater for a key that is more similar to this one."""
        same_path = self.target.partition("?")[0] == other.target.partition("?")[0]
        common = commonprefix([self.target, other.target])  # noqa: RUF071 - of characters
        return same_path, self.method == other.method, len(common)


class Library:
    """The ``count`` cassettes of a directory; ``rejected`` has a line for each other file.

    The cassettes of one request answer in rotation, in the order of their recording; one that may
    lack the end of the response answers only if no other does. OSError if there is no such
    directory.
    """

    __slots__ = ("_partial", "_targets", "_whole", "count", "rejected")

    def __init__(self, directory: Path) -> None:
        self._whole = defaultdict[RequestKey, deque[Path]](deque)
        self._partial = defaultdict[RequestKey, deque[Path]](deque)
        self._targets: set[tuple[str, str]] = set()
        self.rejected: list[str] = []
        self.count = 0
        for name in sorted(os.listdir(directory)):
            if name.endswith(cassette.SUFFIX + cassette.PART_SUFFIX):
                self.rejected.append(f"{name}: the recording did not end")
            elif name.endswith(cassette.SUFFIX):
                self._add(directory / name)
            if self.count == MAX_CASSETTES:
                self.rejected.append(f"files after {name}: the limit is {MAX_CASSETTES}")
                break

    def _add(self, path: Path) -> None:
        try:
            request, end = _request_and_end(path)
            if request.body.sha256 is None:
                raise CassetteError("the request is not complete, so no request can match it")
        except (OSError, CassetteError) as error:
            self.rejected.append(f"{path.name}: {error}")
            return
        # Redacted again, since the recorder may have been older and known fewer secrets.
        key = RequestKey(request.method, redact_target(request.target), request.body.sha256)
        self._targets.add((key.method, key.target))
        (self._partial if end.is_partial else self._whole)[key].append(path)
        self.count += 1

    def summary(self) -> str:
        """One line about the cassettes."""
        partial = sum(map(len, self._partial.values()))
        requests = len(self._whole.keys() | self._partial.keys())
        return f"{self.count} cassettes, {partial} of them partial, for {requests} requests"

    def has_target(self, method: str, target: str) -> bool:
        """Whether a cassette has this method and target, with any body."""
        return (method, redact_target(target)) in self._targets

    def find(self, key: RequestKey) -> Path | None:
        """The cassette that answers this request now."""
        paths = self._whole.get(key) or self._partial.get(key)
        if paths is None:
            return None
        paths.rotate(-1)
        return paths[-1]

    def nearest(self, key: RequestKey) -> list[str]:
        """The most similar requests to an unknown one."""
        partial = filterfalse(self._whole.__contains__, self._partial)
        known = islice(chain(self._whole, partial), MAX_COMPARED)
        return [str(one) for one in nlargest(NEAREST, known, key.similarity)]


def read_entries(path: Path) -> Iterator[Entry]:
    """The entries of a cassette, as they are read; CassetteError, OSError."""
    decoder, offset = cassette.Decoder(), 0
    while block := _read_block(path, offset):
        offset += len(block)
        yield from decoder.feed(block)
    decoder.close()


def _request_and_end(path: Path) -> tuple[RequestEntry, EndEntry]:
    entries = read_entries(path)
    first = next(entries)
    [last] = deque(entries, maxlen=1)
    assert isinstance(first, RequestEntry)
    assert isinstance(last, EndEntry)
    return first, last


class ReadAhead:
    """Reads a cassette while it is replayed, without a wait for the disk.

    A thread reads a block while the one before is replayed. A line is decoded when it is due: all
    lines of a block at once would take as long as the events of many streams. The event loop reads
    the first block itself, since a head may be due at once and a thread takes tens of milliseconds
    to start on a busy machine; that block is cached since the start.
    """

    __slots__ = ("_block", "_decoder", "_entries", "_is_at_end", "_offset", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._decoder = cassette.Decoder()
        self._entries: Iterator[Entry] = iter(())
        self._offset = 0
        self._block: asyncio.Future[bytes] | None = None
        self._is_at_end = False

    async def next(self) -> Entry:
        """The next entry; CassetteError and OSError as ``read_entries``."""
        while (entry := next(self._entries, None)) is None:
            self._entries = self._decoder.feed(await self._next_block())
        return entry

    async def _next_block(self) -> bytes:
        if self._is_at_end:
            self._decoder.close()
            raise CassetteError("an entry was requested after the end")
        block = _read_block(self._path, 0) if self._block is None else await self._block
        self._offset += len(block)
        self._is_at_end = len(block) < BLOCK
        if not self._is_at_end:
            loop = asyncio.get_running_loop()
            self._block = loop.run_in_executor(None, _read_block, self._path, self._offset)
        return block


def _read_block(path: Path, offset: int) -> bytes:
    """A block, shorter only at the end of the file. It opens the file each time, so a replay that
    is cancelled leaves no file open."""
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read(BLOCK)
