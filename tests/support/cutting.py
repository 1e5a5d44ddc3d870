"""How a network may cut what is sent: bytes mean the same however they arrive."""

from collections.abc import Iterator
from itertools import pairwise


def in_pieces(data: bytes, size: int) -> list[bytes]:
    """The bytes in pieces of this size; the last may be shorter."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def cut(data: bytes, places: set[int]) -> list[bytes]:
    """The bytes cut at these places."""
    return [data[start:end] for start, end in pairwise(sorted({0, *places, len(data)}))]


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """The bytes whole, one by one, and in two pieces, cut everywhere."""
    yield [data]
    yield in_pieces(data, 1)
    for at in range(len(data) + 1):
        yield [data[:at], data[at:]]
