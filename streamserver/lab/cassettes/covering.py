"""What overwrites secrets in a body that comes in pieces, whatever its format.

Each byte of a value is replaced by one other byte, so no length changes: neither Content-Length nor
the size of a chunk, an event or a line. A piece goes out as soon as it comes in; what is remembered
from one to the next is a state of constant size.
"""

from typing import Protocol

LONGEST_NAME = 256
"""Bytes of a name; longer ones are none of a secret."""

LONGEST_VALUE = 4096
"""Bytes of a value that are noted, to find it elsewhere."""

MOST_VALUES = 50
_DIGITS = bytes.maketrans(b"0123456789", b"1111111111")


class Redactor(Protocol):
    """Overwrites secrets in the pieces of a body."""

    @property
    def values(self) -> list[bytes]:
        """What was overwritten so far, as far as it is noted."""

    def feed(self, piece: bytes) -> bytes:
        """The next piece without the secrets in it, as long as it was."""


class Covering:
    """A piece, and what is overwritten in it. ``values`` are those that were overwritten so far: a
    few, and none that is long."""

    __slots__ = ("_noted", "_out", "_piece", "values")

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self._piece = b""
        self._out: bytearray | None = None
        self._noted = bytearray()

    def _begin(self, piece: bytes) -> None:
        self._piece, self._out = piece, None

    def _covered(self) -> bytes:
        """The piece as it goes out."""
        return self._piece if self._out is None else bytes(self._out)

    def _cover(self, start: int, end: int) -> None:
        """Overwrite a part of a value."""
        if self._out is None:
            self._out = bytearray(self._piece)
        self._out[start:end] = b"*" * (end - start)
        if len(self._noted) <= LONGEST_VALUE:
            self._noted += self._piece[start : min(end, start + LONGEST_VALUE + 1)]

    def _cover_digits(self, start: int, end: int) -> None:
        """Overwrite a number by another one: zeros might not begin one in JSON."""
        if self._out is None:
            self._out = bytearray(self._piece)
        self._out[start:end] = self._piece[start:end].translate(_DIGITS)

    def _replace(self, start: int, part: bytes) -> None:
        """Put what another redactor has left of a part in its place."""
        if self._out is None:
            self._out = bytearray(self._piece)
        self._out[start : start + len(part)] = part

    def _end_value(self) -> None:
        """The value that was overwritten is whole."""
        if 0 < len(self._noted) <= LONGEST_VALUE and len(self.values) < MOST_VALUES:
            self.values.append(bytes(self._noted))
        self._noted.clear()
