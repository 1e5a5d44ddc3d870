"""Cassettes as tests make and read them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from streamserver.lab.cassettes.form import Asked, Body, End, Head, Part, Read, line
from streamserver.lab.cassettes.library import parts
from support.inprocess import Served
from support.rawserver import RawServer
from support.waiting import wait_until

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The hash of no body."""


@dataclass(slots=True)
class Cassette:
    """One, taken apart."""

    asked: Asked
    interim: list[Head]
    head: Head | None
    reads: list[Read]
    end: End

    @property
    def pieces(self) -> list[bytes]:
        """The reads, without their time."""
        return [read.data for read in self.reads]


def taken_apart(cassette: list[Part]) -> Cassette:
    """The parts by their kinds."""
    asked, end = cassette[0], cassette[-1]
    assert isinstance(asked, Asked)
    assert isinstance(end, End)
    heads = [part for part in cassette if isinstance(part, Head)]
    head = heads.pop() if heads and heads[-1].status >= 200 else None
    return Cassette(asked, heads, head, [p for p in cassette if isinstance(p, Read)], end)


def made(
    *pieces: bytes,
    target: str = "/",
    method: str = "GET",
    sha256: str | None = EMPTY,
    status: int = 200,
    fields: tuple[tuple[str, str], ...] = (),
    gap: int = 0,
    end: str = "complete",
) -> list[Part]:
    """The parts of a cassette, `gap` ns between its reads."""
    asked = Asked("2026-01-31T12:00:00.000000Z", method, target, [], Body(0, sha256))
    reads = [Read(gap, piece) for piece in pieces]
    last = End(gap, end, len(pieces), sum(map(len, pieces)))
    return [asked, Head(gap, status, list(fields)), *reads, last]


def text(cassette: list[Part]) -> bytes:
    """A cassette as its file."""
    return "".join(map(line, cassette)).encode()


@dataclass(slots=True)
class Deck:
    """A relay that records, its upstream, and where the cassettes go."""

    server: Served
    upstream: RawServer
    directory: Path

    def files(self) -> list[Path]:
        """The cassettes that are whole."""
        return sorted(self.directory.glob("*.jsonl"))

    async def cassettes(self, count: int = 1) -> list[Cassette]:
        """So many cassettes, once they are there."""
        files = await wait_until(lambda: self.files() if len(self.files()) >= count else None)
        assert files is not None
        assert len(files) == count
        return [taken_apart(list(parts(path))) for path in files]


async def turns(count: int = 20) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)
