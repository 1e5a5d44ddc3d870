"""What a response is written to, and a way to observe the bytes."""

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Output(Protocol):
    """What bytes are written to: a transport, or a ``Tap`` before it."""

    def write(self, data: bytes, /) -> None:
        """Write, and buffer what the socket does not accept."""


class Tap(NamedTuple):
    """An output that calls ``callback`` with the bytes of each write, before it."""

    output: Output
    callback: Callable[[bytes], object]

    def write(self, data: bytes, /) -> None:
        """As ``Output.write``."""
        self.callback(data)
        self.output.write(data)
