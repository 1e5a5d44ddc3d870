"""How long each step of an exchange may take."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamserver.server.deadlines import Deadlines

if TYPE_CHECKING:
    from streamserver.lab.client.connection import Connection


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds; 0 is as long as it takes."""

    connect: float = 10.0
    """For a connection, TLS included."""
    first_byte: float = 120.0
    """From the request to anything of the answer: a model may think for a while."""
    gap: float = 60.0
    """Between two reads of it."""
    total: float = 0.0
    """From the request to the end of the answer. A stream may go on for hours."""


class Clocks:
    """The timeouts of many connections, on few timers."""

    def __init__(self, timeouts: Timeouts) -> None:
        loop = asyncio.get_running_loop()
        self._first_byte: Deadlines[Connection] = Deadlines(
            loop,
            timeouts.first_byte,
            lambda one: one.give_up(
                "first_byte_timeout", f"no byte came for {timeouts.first_byte:g} s"
            ),
        )
        self._gap: Deadlines[Connection] = Deadlines(
            loop,
            timeouts.gap,
            lambda one: one.give_up("gap_timeout", f"nothing more came for {timeouts.gap:g} s"),
        )
        self._total: Deadlines[Connection] = Deadlines(
            loop,
            timeouts.total,
            lambda one: one.give_up("total_timeout", f"it took more than {timeouts.total:g} s"),
        )

    def asked(self, one: "Connection") -> None:
        """A request goes out."""
        self._first_byte.start(one)
        self._total.start(one)

    def read(self, one: "Connection") -> None:
        """Something of the answer came."""
        self._first_byte.stop(one)
        self._gap.start(one)

    def over(self, one: "Connection") -> None:
        """The exchange has ended."""
        for deadlines in (self._first_byte, self._gap, self._total):
            deadlines.stop(one)

    def close(self) -> None:
        """Let go of the timers."""
        for deadlines in (self._first_byte, self._gap, self._total):
            deadlines.close()
