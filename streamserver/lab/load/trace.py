"""Traces: the arrivals of a recorded load, one a line, in one of three forms.

    12.5                                                        seconds
    {"timestamp": 27482, "input_length": 6955, "output_length": 52}
    TIMESTAMP,ContextTokens,GeneratedTokens                     a table with these headings:
    2023-11-16 18:17:03.9799600,4808,10

The second is that of the Mooncake traces: milliseconds, the lengths optional, other members (as
``hash_ids``) without a meaning here. The third is that of the Azure traces of LLM inference: UTC
unless the time has an offset. Times count from the first arrival.
"""

import json
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple, TextIO

SECOND = 1_000_000_000
DAYS = 31
LONGEST = DAYS * 86_400.0
"""Seconds of a load."""
MOST_ARRIVALS = 1_000_000
LONGEST_LINE = 65_536
"""Characters."""
MOST_TOKENS = 1_000_000
HEADINGS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
FORMS = (
    "seconds, as in 12.5; an object with the member timestamp, in milliseconds, and optionally"
    f" input_length and output_length; or, below the headings {','.join(HEADINGS)}, values of these"
)
_seconds = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,9})?").fullmatch


class Arrival(NamedTuple):
    """A line of a trace."""

    time: int
    """The time of the arrival in ns, from an origin that all lines share."""
    input: int = 0
    """Tokens of the prompt; 0 if unknown."""
    output: int = 0
    """Tokens of the answer; 0 if unknown."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Arrivals in order, and the lengths of their exchanges."""

    offsets: "array[int]"
    """Nanoseconds from the first arrival."""
    inputs: "array[int]"
    """Tokens of each prompt; 0 if unknown."""
    outputs: "array[int]"
    """Tokens of each answer; 0 if unknown."""
    name: str = ""
    """The name of the file."""

    def __len__(self) -> int:
        return len(self.offsets)

    def __str__(self) -> str:
        return self.name

    @property
    def seconds(self) -> float:
        """The time from the first arrival to the last."""
        return self.offsets[-1] / SECOND

    @property
    def has_lengths(self) -> bool:
        """Whether the length of each prompt is known."""
        return all(self.inputs)

    def faster(self, factor: float) -> "Trace":
        """The trace with all times divided by a factor."""
        return replace(self, offsets=array("q", [round(at / factor) for at in self.offsets]))


def open_trace(path: str) -> Trace:
    """Read the trace in a file; OSError, or ValueError that names the line."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return replace(read_trace(file), name=path)


def read_trace(file: TextIO) -> Trace:
    """Read a trace; ValueError that names the line."""
    trace = Trace(array("q"), array("q"), array("q"))
    first = last = None
    for number, arrival in _arrivals(file):
        if last is not None and arrival.time < last:
            raise ValueError(f"line {number} is earlier than the line before")
        if len(trace) == MOST_ARRIVALS:
            raise ValueError(f"line {number}: a trace has at most {MOST_ARRIVALS:,} arrivals")
        first, last = arrival.time if first is None else first, arrival.time
        if last - first > LONGEST * SECOND:
            raise ValueError(f"line {number} is more than {DAYS} days after the first arrival")
        trace.offsets.append(last - first)
        trace.inputs.append(arrival.input)
        trace.outputs.append(arrival.output)
    if first is None:
        raise ValueError(f"it has no arrivals; a line is {FORMS}")
    return trace


def _arrivals(file: TextIO) -> Iterator[tuple[int, Arrival]]:
    """The arrivals with the numbers of their lines; empty lines are skipped."""
    read: Callable[[str], Arrival] | None = None
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), ""), 1):
        if len(line) > LONGEST_LINE:
            raise ValueError(f"line {number} is longer than {LONGEST_LINE:,} characters")
        text = line.strip()
        if not text:
            continue
        if read is None:
            if tuple(text.split(",")) == HEADINGS:
                read = _from_table
                continue
            read = _from_object if text.startswith("{") else _from_seconds
        try:
            yield number, read(text)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}; it is {FORMS}") from None


def _from_seconds(text: str) -> Arrival:
    if not _seconds(text):
        raise ValueError(f"{text[:80]!r} is not a number of seconds")
    return Arrival(int(Decimal(text) * SECOND))


def _from_object(text: str) -> Arrival:
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise ValueError(f"{text[:80]!r} is not an object")
    time = members.get("timestamp")
    if isinstance(time, bool) or not isinstance(time, int | float) or not 0 <= time < 1e15:
        raise ValueError(f"its timestamp, {time!r:.80}, is not a number of milliseconds")
    lengths = [_length(name, members.get(name, 0)) for name in ("input_length", "output_length")]
    return Arrival(round(time * 1_000_000), *lengths)


def _from_table(text: str) -> Arrival:
    cells = text.split(",")
    if len(cells) != len(HEADINGS):
        raise ValueError(f"it has {len(cells)} values instead of {len(HEADINGS)}")
    try:
        time = datetime.fromisoformat(cells[0])
        origin = datetime(1970, 1, 1, tzinfo=UTC)
        since = (time if time.tzinfo else time.replace(tzinfo=UTC)) - origin
    except (ValueError, OverflowError):
        raise ValueError(f"{cells[0][:80]!r} is not a date and time") from None
    lengths = [
        _length(name, int(cell) if re.fullmatch("[0-9]{1,9}", cell) else cell)
        for name, cell in zip(HEADINGS[1:], cells[1:], strict=True)
    ]
    nanoseconds = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000
    return Arrival(nanoseconds, *lengths)


def _length(name: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS:
        return value
    raise ValueError(f"its {name}, {value!r:.80}, is not a number of tokens up to {MOST_TOKENS:,}")
