"""One line for each exchange, when it ends.

It is called in the event loop, so two things are settled here for all of its users:

- A line is one write, at once: nobody who follows the log should have to wait for a buffer to
  fill. A line is at most PIPE_BUF long (long targets are cut), because only such writes
  are atomic (POSIX, write): the lines of several workers on one pipe never mix.
- A write must not block: a pager that was left open, or a terminal after Ctrl-S, would freeze
  every stream. So the descriptor is asked first, and while its reader is too slow lines are
  dropped, counted, and the count is told. Switching the descriptor to non-blocking instead would
  change it for every process that shares it. Who needs each line writes to a file.
"""

import logging
import os
import re
import select
import time
from collections.abc import Callable

from streamserver.server.exchange import Exchange
from streamserver.server.observer import Observer
from streamserver.wire.json_text import to_ascii_json

logger = logging.getLogger("streamserver")

# With six bytes for the worst escape, a line of these two stays below 4,096 bytes.
LONGEST_METHOD = 24
LONGEST_TARGET = 600

_UNSAFE = re.compile(r"[^!#-\[\]-~]")


def escape(text: str) -> str:
    r"""The text without spaces, quotes, control characters and all beyond ASCII, as `\x1b`.

    So a line always has as many columns as it should, and a terminal obeys none of them.
    """
    return _UNSAFE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    escaped = character.encode("unicode_escape").decode()
    return escaped if escaped != character else f"\\x{ord(character):02x}"


def text_line(stamp: str, exchange: Exchange) -> str:
    """Time, client, method, target, status, bytes, ms to the first byte, ms in all, outcome.

    Single spaces between them; `-` where there is nothing to tell. A handler's notes follow
    as `name=value`.
    """
    notes = "".join([f" {name}={escape(str(value))}" for name, value in exchange.attributes])
    return (
        f"{stamp} {exchange.client} "
        f"{escape(exchange.method[:LONGEST_METHOD])} {escape(_clipped(exchange.target))} "
        f"{exchange.status or '-'} {exchange.bytes_sent} "
        f"{_first_byte_ms(exchange) or '-'} {_total_ms(exchange)} {exchange.outcome}{notes}\n"
    )


def json_line(stamp: str, exchange: Exchange) -> str:
    """The same as one object; null where there is nothing to tell."""
    notes = "".join([f',"{name}":{to_ascii_json(value)}' for name, value in exchange.attributes])
    # The encoder is asked only for what comes from the client: half the time for the same line.
    return (
        f'{{"time":"{stamp}","client":"{exchange.client}",'
        f'"method":{to_ascii_json(exchange.method[:LONGEST_METHOD])},'
        f'"target":{to_ascii_json(_clipped(exchange.target))},'
        f'"status":{exchange.status or "null"},"bytes":{exchange.bytes_sent},'
        f'"first_byte_ms":{_first_byte_ms(exchange) or "null"},'
        f'"total_ms":{_total_ms(exchange)},"outcome":"{exchange.outcome}"{notes}}}\n'
    )


FORMATS: dict[str, Callable[[str, Exchange], str]] = {"text": text_line, "json": json_line}


class AccessLog(Observer):
    """Writes a line for each exchange to a descriptor."""

    __slots__ = ("_clock", "_line", "_lines")

    def __init__(self, descriptor: int, form: str) -> None:
        """`form` is one of FORMATS."""
        self._lines = LineWriter(descriptor)
        self._line = FORMATS[form]
        self._clock = Clock()

    def ended(self, exchange: Exchange) -> None:
        """Tell how this exchange, which has just ended, went."""
        self._lines.write(self._line(self._clock.stamp(time.time()), exchange))


class LineWriter:
    """Writes whole lines and never waits; what cannot be written at once is lost, and counted."""

    __slots__ = ("_descriptor", "_lost", "_poll")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lost = 0
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def write(self, line: str) -> None:
        """Write one line, of at most PIPE_BUF bytes with its line feed."""
        if not self._poll.poll(0):
            self._lose("its reader is too slow")
            return
        try:
            os.write(self._descriptor, line.encode())
        except OSError as error:
            self._lose(str(error))
            return
        if self._lost:
            logger.warning("access log: %d lines were lost", self._lost)
            self._lost = 0

    def _lose(self, reason: str) -> None:
        if not self._lost:
            logger.warning("access log: losing lines: %s", reason)
        self._lost += 1


class Clock:
    """UTC as in RFC 3339, to the millisecond; the calendar is consulted once a second."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def stamp(self, now: float) -> str:
        """The time `now`, in seconds since the epoch: `2026-11-22T16:51:05.123Z`."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{int((now - second) * 1000):03d}Z"


def _clipped(target: str) -> str:
    return target if len(target) <= LONGEST_TARGET else target[:LONGEST_TARGET] + "..."


def _first_byte_ms(exchange: Exchange) -> str:
    """Empty if no byte was sent."""
    first = exchange.first_byte
    return f"{(first - exchange.started) * 1000:.2f}" if first else ""


def _total_ms(exchange: Exchange) -> str:
    return f"{(exchange.ended - exchange.started) * 1000:.2f}"
