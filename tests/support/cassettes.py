"""Cassettes as tests make and read them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from streamserver.lab.cassettes.cassette import (
    EndEntry,
    Entry,
    HeadEntry,
    ReadEntry,
    RequestBody,
    RequestEntry,
    encode,
)
from streamserver.lab.cassettes.library import read_entries
from support.inprocess import Served
from support.rawserver import RawServer
from support.waiting import wait_until

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The hash of no body."""


@dataclass(slots=True)
class Cassette:
    """The entries of a cassette by their kinds."""

    request: RequestEntry
    interim: list[HeadEntry]
    head: HeadEntry | None
    reads: list[ReadEntry]
    end: EndEntry

    @property
    def pieces(self) -> list[bytes]:
        """The reads, without their time."""
        return [read.data for read in self.reads]


def read_cassette(path: Path) -> Cassette:
    """The cassette in a file."""
    entries = list(read_entries(path))
    request, end = entries[0], entries[-1]
    assert isinstance(request, RequestEntry)
    assert isinstance(end, EndEntry)
    heads = [entry for entry in entries if isinstance(entry, HeadEntry)]
    head = heads.pop() if heads and heads[-1].status >= 200 else None
    reads = [entry for entry in entries if isinstance(entry, ReadEntry)]
    return Cassette(request, heads, head, reads, end)


def make_entries(
    *pieces: bytes,
    target: str = "/",
    method: str = "GET",
    sha256: str | None = EMPTY,
    status: int = 200,
    fields: tuple[tuple[str, str], ...] = (),
    gap: int = 0,
    end: str = "complete",
) -> list[Entry]:
    """The entries of a cassette, `gap` ns apart."""
    request = RequestEntry(
        "2026-01-31T12:00:00.000000Z", method, target, [], RequestBody(0, sha256)
    )
    reads = [ReadEntry(gap, piece) for piece in pieces]
    last = EndEntry(gap, end, len(pieces), sum(map(len, pieces)))
    return [request, HeadEntry(gap, status, list(fields)), *reads, last]


def file_of(entries: list[Entry]) -> bytes:
    """The bytes of a cassette's file."""
    return "".join(map(encode, entries)).encode()


@dataclass(slots=True)
class RecordingRelay:
    """A relay that records, its upstream, and the directory of its cassettes."""

    server: Served
    upstream: RawServer
    directory: Path

    def files(self) -> list[Path]:
        """The cassettes that are complete."""
        return sorted(self.directory.glob("*.jsonl"))

    async def cassettes(self, count: int = 1) -> list[Cassette]:
        """This many cassettes, once they are complete."""
        files = await wait_until(lambda: self.files() if len(self.files()) >= count else None)
        assert files is not None
        assert len(files) == count
        return [read_cassette(path) for path in files]


async def run_loop(iterations: int = 20) -> None:
    """Let the event loop iterate."""
    for _ in range(iterations):
        await asyncio.sleep(0)
