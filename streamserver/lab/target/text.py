"""Text to fill events with: any number of bytes of it, made as it is taken, the same for the same
seed.

It is cut out of a ring of random characters, since to draw each of them would take longer than to
send it. Nothing in it means anything to JSON or to an event stream.
"""

from collections.abc import Callable, Iterator
from functools import cache
from random import Random

NAMES = ("ascii", "utf8")
PIECE = 32_760
"""Bytes of text that are made at once, at most; a multiple of `_GROUP`."""

_GROUP = 10
_RING = 6553
"""Groups of ten bytes in a ring."""
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "
_LONGER = ("éüñøß", "流れ→✓“", "🌊🦦📖🚲🎈")
"""Characters of two, three and four bytes."""


class Text:
    """A kind of text, from a place in the ring that a random number chooses."""

    __slots__ = ("_random", "_rest", "_ring")

    def __init__(self, name: str, random: Random) -> None:
        self._ring, self._rest = _KINDS[name]()
        self._random = random.random

    def take(self, size: int) -> bytes:
        """So many bytes, ``PIECE`` at most; they end with a whole character."""
        begin = int(self._random() * _RING) * _GROUP
        groups, rest = divmod(size, _GROUP)
        return self._ring[begin : begin + groups * _GROUP] + self._rest[rest]

    def pieces(self, size: int) -> Iterator[bytes]:
        """So many bytes, in pieces."""
        while size > PIECE:
            yield self.take(PIECE)
            size -= PIECE
        yield self.take(size)


# A ring takes 10 ms to make: most commands never need one.


@cache
def _ascii() -> tuple[bytes, list[bytes]]:
    random = Random("ascii")
    ring = "".join(random.choices(_PLAIN, k=_RING * _GROUP)).encode()
    return _twice(ring), [ring[:rest] for rest in range(_GROUP)]


@cache
def _utf8() -> tuple[bytes, list[bytes]]:
    random = Random("utf8")
    kinds = (_PLAIN, *_LONGER)
    ring = "".join(random.choice(kind) for _ in range(_RING) for kind in kinds).encode()
    whole = [kind[0].encode() for kind in kinds]  # of one byte to four
    rests = [b"", *whole]
    rests += [whole[3] + rests[rest] for rest in range(1, 5)] + [2 * whole[3] + whole[0]]
    return _twice(ring), rests


def _twice(ring: bytes) -> bytes:
    return ring + ring[:PIECE]


_KINDS: dict[str, Callable[[], tuple[bytes, list[bytes]]]] = {"ascii": _ascii, "utf8": _utf8}
