"""The cassettes of a directory: which there are, and which answers a request.

Each is read once, whole, so that a broken one is told before anyone asks for it; what is kept of
it is what it answers, and where it lies.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path
from typing import NamedTuple

from streamserver.lab.cassettes.ahead import read_block
from streamserver.lab.cassettes.form import Asked, End, Malformed, Part
from streamserver.lab.cassettes.reading import Reader
from streamserver.lab.cassettes.redaction import redact_target
from streamserver.lab.cassettes.writing import PART, SUFFIX

MOST = 100_000
"""Cassettes that are looked at."""
NEAREST = 3
COMPARED = 1000
"""Requests that an unknown one is compared with, at most: others wait meanwhile."""


class Key(NamedTuple):
    """What a request is known by."""

    method: str
    target: str
    """Without its secrets."""
    sha256: str

    @classmethod
    def of(cls, method: str, target: str, sha256: str) -> "Key":
        """That of a request as it comes."""
        return cls(method, redact_target(target), sha256)

    def __str__(self) -> str:
        return f"{self.method} {self.target} with a body of SHA-256 {self.sha256}"

    def likeness(self, other: "Key") -> tuple[bool, bool, int]:
        """Greater for a key that is more like this one."""
        same_path = self.target.partition("?")[0] == other.target.partition("?")[0]
        pairs = zip(self.target, other.target, strict=False)
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return same_path, self.method == other.method, common


@dataclass(slots=True)
class Shelf:
    """The cassettes of one request, in the order in which they were recorded."""

    whole: list[Path] = field(default_factory=list)
    """Those that hold all that the upstream said."""
    parts: list[Path] = field(default_factory=list)
    _turn: int = 0

    def next(self) -> Path:
        """The one whose turn it is; a part only where there is nothing whole."""
        paths = self.whole or self.parts
        path = paths[self._turn % len(paths)]
        self._turn += 1
        return path


class Library:
    """The cassettes of a directory, of which there are ``count``; ``refused`` has a line for each
    file that is none.

    OSError when there is no such directory.
    """

    __slots__ = ("_known", "_shelves", "count", "refused")

    def __init__(self, directory: Path) -> None:
        self._shelves: dict[Key, Shelf] = {}
        self._known: set[tuple[str, str]] = set()
        self.refused: list[str] = []
        self.count = 0
        for name in sorted(os.listdir(directory)):
            if name.endswith(SUFFIX + PART):
                self.refused.append(f"{name}: it was never finished")
            elif name.endswith(SUFFIX):
                self._add(directory / name)
            if self.count == MOST:
                self.refused.append(f"what comes behind {name}: there are more than {MOST}")
                break

    def _add(self, path: Path) -> None:
        try:
            asked, end = _look_at(path)
            if asked.body.sha256 is None:
                raise Malformed("the request was never whole, so nobody can ask the same")
        except (OSError, Malformed) as error:
            self.refused.append(f"{path.name}: {error}")
            return
        # Redacted once more: what is a secret here need not have been one to whoever recorded it.
        key = Key.of(asked.method, asked.target, asked.body.sha256)
        self._known.add((key.method, key.target))
        shelf = self._shelves.setdefault(key, Shelf())
        (shelf.whole if end.is_upstreams else shelf.parts).append(path)
        self.count += 1

    def told(self) -> str:
        """What there is, in a line."""
        parts = sum(len(shelf.parts) for shelf in self._shelves.values())
        told = f"cassettes: {self.count}, of which {parts} are not whole"
        return f"{told}; they answer {len(self._shelves)} different requests"

    def knows(self, method: str, target: str) -> bool:
        """Whether there is a cassette of this, with whatever body."""
        return (method, redact_target(target)) in self._known

    def find(self, key: Key) -> Path | None:
        """The cassette whose turn it is to answer."""
        shelf = self._shelves.get(key)
        return None if shelf is None else shelf.next()

    def nearest(self, key: Key) -> list[str]:
        """What is most like a key that is not there."""
        some = list(islice(self._shelves, COMPARED))
        return [str(one) for one in sorted(some, key=key.likeness, reverse=True)[:NEAREST]]


def parts(path: Path) -> Iterator[Part]:
    """The parts of a cassette, as they are read; Malformed where it is none, and OSError."""
    reader, offset = Reader(), 0
    while block := read_block(path, offset):
        offset += len(block)
        yield from reader.feed(block)
    reader.close()


def _look_at(path: Path) -> tuple[Asked, End]:
    first: Part | None = None
    last: Part | None = None
    for last in parts(path):
        first = first or last
    assert isinstance(first, Asked)
    assert isinstance(last, End)
    return first, last
