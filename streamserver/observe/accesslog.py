"""The access log: one line for each exchange, when it ends.

A line is written in the event loop, which has two consequences:

- It is one write, without a buffer, so that a follower of the log sees it at once. It has at most
  PIPE_BUF bytes (long targets are cut): such writes are atomic (POSIX, write), and the lines of
  several workers on one pipe never mix.
- The write must not block: a terminal after Ctrl-S would stop every stream. So the descriptor is
  polled first. While its reader is too slow lines are dropped, counted, and the count is logged.
  (To make the descriptor non-blocking would affect all processes that share it.)
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

# In bytes, without escapes: those of a line of text are up to 4 bytes long, and those of a member
# in JSON may double it. A line with all of them has less than 3,800 bytes.
MAX_METHOD = 24
MAX_TARGET = 600
MAX_ROUTE = 256
MAX_USER_AGENT = 256
MAX_ID = 128

FIELDS = frozenset(("traceparent", "user-agent"))
"""Fields of the request that are in a line of JSON."""

_traceparent = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
).fullmatch
"""A valid traceparent, with the id of the trace (W3C Trace Context, section 3.2)."""

_UNSAFE = re.compile(r"[^!#-\[\]-~]")


def escape(text: str) -> str:
    r"""The text with spaces, quotes, control characters and non-ASCII characters as `\x1b`.

    So a line always has the same number of columns, and cannot control a terminal.
    """
    return _UNSAFE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    escaped = character.encode("unicode_escape").decode()
    return escaped if escaped != character else f"\\x{ord(character):02x}"


def text_line(stamp: str, exchange: Exchange) -> str:
    """Time, client, method, target, status, bytes, ms to the first byte, ms in total, outcome.

    The separator is one space; `-` stands for a missing value. The attributes that a handler set
    follow as `name=value`, and the id of the request, if it has one, as `request_id=value`.
    """
    pairs = [f" {name}={escape(str(value))}" for name, value in exchange.attributes]
    if exchange.id:
        pairs.append(f" request_id={escape(exchange.id)}")
    return (
        f"{stamp} {exchange.client} "
        f"{escape(exchange.method[:MAX_METHOD])} {escape(_clipped(exchange.target, MAX_TARGET))} "
        f"{exchange.status or '-'} {exchange.bytes_sent} "
        f"{_first_byte_ms(exchange) or '-'} {_total_ms(exchange)} "
        f"{exchange.outcome}{''.join(pairs)}\n"
    )


def json_line(stamp: str, exchange: Exchange) -> str:
    """The same as a JSON object, and the route, the user agent and the id of the trace; null stands
    for a missing value."""
    members = [f',"{name}":{to_ascii_json(value)}' for name, value in exchange.attributes]
    agent, traces = "", list[str]()
    for name, value in exchange.head.fields:
        if name == "user-agent":
            agent = value
        elif name == "traceparent":
            traces.append(value)
    found = _traceparent(traces[0]) if len(traces) == 1 else None
    trace = f'"{found[1]}"' if found else "null"
    # Only values from the client need the encoder, which takes half of the time.
    return (
        f'{{"time":"{stamp}","client":"{exchange.client}",'
        f'"method":{to_ascii_json(exchange.method[:MAX_METHOD])},'
        f'"target":{_member(exchange.target, MAX_TARGET)},'
        f'"status":{exchange.status or "null"},"bytes":{exchange.bytes_sent},'
        f'"first_byte_ms":{_first_byte_ms(exchange) or "null"},"total_ms":{_total_ms(exchange)},'
        f'"outcome":"{exchange.outcome}","route":{_member(exchange.route, MAX_ROUTE)},'
        f'"user_agent":{_member(agent, MAX_USER_AGENT)},'
        f'"request_id":{_member(exchange.id, MAX_ID)},"trace_id":{trace}{"".join(members)}}}\n'
    )


FORMATS: dict[str, Callable[[str, Exchange], str]] = {"text": text_line, "json": json_line}


class AccessLog(Observer):
    """Writes a line for each exchange to a descriptor; ``form`` is one of FORMATS."""

    __slots__ = ("_clock", "_format", "_writer", "fields")

    def __init__(self, descriptor: int, form: str) -> None:
        self._writer = LineWriter(descriptor)
        self._format = FORMATS[form]
        self.fields = FIELDS if form == "json" else frozenset()
        self._clock = Clock()

    def ended(self, exchange: Exchange) -> None:
        """Write the line of an exchange that has ended."""
        self._writer.write(self._format(self._clock.stamp(time.time()), exchange))


class LineWriter:
    """Writes lines and never blocks; lines that cannot be written are dropped and counted."""

    __slots__ = ("_descriptor", "_dropped", "_poll")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._dropped = 0
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def write(self, line: str) -> None:
        """Write one line, of at most PIPE_BUF bytes with its line feed."""
        try:
            if not self._poll.poll(0):
                raise BlockingIOError("its reader is too slow")
            os.write(self._descriptor, line.encode())
        except OSError as error:
            if not self._dropped:
                logger.warning("access log: lines are dropped: %s", error)
            self._dropped += 1
            return
        if self._dropped:
            logger.warning("access log: %d lines were dropped", self._dropped)
            self._dropped = 0


class Clock:
    """Timestamps of RFC 3339 in UTC, to the millisecond; the date is formatted once a second."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def stamp(self, now: float) -> str:
        """`now`, in seconds since the epoch, as `2026-11-22T16:51:05.123Z`."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{int((now - second) * 1000):03d}Z"


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "..."


def _member(text: str, most: int) -> str:
    """The value of a member: at most twice as many bytes as `most`, and those of "..."."""
    if not text:
        return "null"
    encoded = to_ascii_json(_clipped(text, most))
    return encoded if len(encoded) <= 2 * most else to_ascii_json(_clipped(text, most // 3))


def _first_byte_ms(exchange: Exchange) -> str:
    """Empty if no byte was sent."""
    first = exchange.first_byte
    return f"{(first - exchange.started) * 1000:.2f}" if first else ""


def _total_ms(exchange: Exchange) -> str:
    return f"{(exchange.ended - exchange.started) * 1000:.2f}"
