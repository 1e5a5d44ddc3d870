"""The knobs: what a client may command a stream to be, each with its range.

An endpoint names the groups of knobs that it takes, ``commands`` reads them, and what goes
together, and how much a stream may come to as a whole, is checked in ``limits``.
"""

from dataclasses import dataclass
from typing import Any

from streamserver.kit.params import Parameter, duration, number, one_of, size, whole
from streamserver.lab.target import distributions, text

MOST_SIZE = 1024 * 1024
MOST_SEED = 2**53

_DEFINED: tuple[Parameter[Any], ...] = (
    duration("head_delay", 0, 60, default=0),
    duration("first_byte_delay", 0, 60, default=0),
    duration("first_token_delay", 0, 60, default=0),
    whole("count", 0, 1_000_000, default=10),
    duration("gap", 0, 60, default=0.1),
    one_of("jitter", *distributions.NAMES, default="none"),
    number("spread", 0, 1, default=0),
    whole("burst", 1, 1000, default=1),
    size("size", 0, MOST_SIZE, default=32),
    one_of("size_jitter", *distributions.NAMES, default="none"),
    number("size_spread", 0, 1, default=0),
    one_of("text", *text.NAMES, default="ascii"),
    size("bandwidth", 0, 10**10, default=0),
    whole("tokens", 0, 32_768, default=0),
    number("tokens_per_second", 0, 10_000, default=0),
    whole("seed", 0, MOST_SEED, default=0),
    one_of("stamps", "0", "1", default="0"),
    one_of("line_end", "lf", "crlf", "cr", default="lf"),
    whole("chunk_events", 1, 1000, default=1),
    size("chunk_size", 0, MOST_SIZE, default=0),
    one_of("chunk_split", "none", "event", "character", "crlf", default="none"),
    whole("write_events", 0, 1000, default=0),
    size("write_size", 0, MOST_SIZE, default=0),
    one_of("write_split", "none", "event", "character", "crlf", "framing", default="none"),
    duration("write_gap", 0, 10, default=0),
)
PARAMETERS = {parameter.name: parameter for parameter in _DEFINED}

START = ("head_delay", "first_byte_delay", "seed")
EVENTS = ("count", "gap", "jitter", "spread", "burst")
SIZES = ("size", "size_jitter", "size_spread", "text")
TOKENS = (
    *("first_token_delay", "tokens", "tokens_per_second"),
    *("jitter", "spread", "burst"),
)
WIRE = (
    *("bandwidth", "chunk_events", "chunk_size", "chunk_split"),
    *("write_events", "write_size", "write_split", "write_gap"),
)


@dataclass(frozen=True, slots=True)
class Knobs:
    """A stream as it was commanded; times are in seconds, sizes in bytes.

    Of a knob that the endpoint does not take there is the default.
    """

    head_delay: float
    """From the request to the response's head."""
    first_byte_delay: float
    """From the head to the first event; of a model, to the one that names the role."""
    first_token_delay: float
    """From that to the first token."""
    count: int
    gap: float
    """Between two events, on average."""
    jitter: str
    spread: float
    """Of the gaps, as ``distributions`` has it."""
    burst: int
    """So many events are due at once, and then none for as many gaps: the mean rate stays."""
    size: int
    """Of the text of an event, on average."""
    size_jitter: str
    size_spread: float
    text: str
    """"utf8" has characters of one byte to four."""
    bandwidth: int
    """Bytes of the body in a second, at most; 0: no limit."""
    tokens: int
    """Of a model's answer; 0: as many as it has."""
    tokens_per_second: float
    """0: the model's own pace."""
    seed: int
    """The same seed and the same knobs give the same stream; without one, each has its own."""
    stamps: bool
    line_end: str
    """Of an event stream."""
    chunk_events: int
    """Events in a chunk."""
    chunk_size: int
    """Bytes of a chunk, at most, wherever events end; 0: no limit."""
    chunk_split: str
    """Where each event is cut into two chunks."""
    write_events: int
    """Events whose chunks leave in one write; 0: each chunk leaves in a write of its own."""
    write_size: int
    """Bytes of a write, at most, wherever chunks end; 0: no limit."""
    write_split: str
    """Where each event is cut into two writes; "framing": inside a chunk's size line."""
    write_gap: float
    """Between two writes of what is due at once."""

    @property
    def together(self) -> int:
        """Events that leave together, however far apart they would be due."""
        return max(self.chunk_events, self.write_events)
