"""The parameters of a stream: what each may be, how a request gives them, what they allow together.

Each is a parameter of the query or an ``X-Lab-*`` field (``lab/parameters``). An endpoint names the
groups that it takes. An unknown name is refused: with ``?jiter=normal`` ignored, a client would
measure something else than it asked for.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import urlencode

from streamserver.kit.hints import did_you_mean
from streamserver.kit.params import Parameter, duration, number, one_of, size, whole
from streamserver.kit.request import Query, Request
from streamserver.lab.faults import injection
from streamserver.lab.parameters import MAX_SEED, Documented, from_fields, read_seed
from streamserver.lab.target import concurrency, distributions
from streamserver.wire.problem import HTTPError

IGNORED = "_"
"""A query parameter without effect, for clients that need each URL to be new."""
MAX_SIZE = 1024 * 1024
MAX_SECONDS = 3600
"""Of a whole stream."""
MAX_BYTES = 2**30
"""Of text in a whole stream."""
MAX_BATCH_TEXT = 64 * 1024
"""Bytes of text in a batch: its events are kept until the last of them is due."""
MAX_BATCH_BYTES = 1024 * 1024
"""Bytes of a batch, with all that surrounds the text."""
MAX_BATCH_CHUNKS = 8192
"""Chunks of a batch that is one write: they are framed and joined without a pause."""

_SPLITS = ("none", "event", "character", "crlf")
DOCUMENTED: tuple[Documented, ...] = (
    (duration("head_delay", 0, 60, default=0), "time from the request to the response head"),
    (duration("first_byte_delay", 0, 60, default=0), "time from the head to the first event"),
    (duration("first_token_delay", 0, 60, default=0), "time from that event to the first token"),
    (whole("count", 0, 1_000_000, default=10), "events of the stream"),
    (duration("gap", 0, 60, default=0.1), "mean time between two events"),
    (one_of("jitter", *distributions.NAMES, default="none"), "distribution of the gaps"),
    (number("spread", 0, 1, default=0), "spread of the gaps, as a share of their mean"),
    (whole("burst", 1, 1000, default=1), "events due at once; the mean rate stays the same"),
    (size("size", 0, MAX_SIZE, default=32), "mean size of the text of an event"),
    (one_of("size_jitter", *distributions.NAMES, default="none"), "distribution of the sizes"),
    (number("size_spread", 0, 1, default=0), "spread of the sizes, as a share of their mean"),
    (one_of("text", "ascii", "utf8", default="ascii"), "utf8: characters of one to four bytes"),
    (size("bandwidth", 0, 10**10, default=0), "limit of the bytes in a second; 0: none"),
    (whole("tokens", 0, 32_768, default=0), "tokens of a model's answer; 0: its own number"),
    (number("tokens_per_second", 0, 10_000, default=0), "rate of a model; 0: its own rate"),
    (whole("reasoning_tokens", 0, 32_768, default=0), "tokens of reasoning; 0: as requested"),
    (one_of("refuse", "0", "1", default="0"), "1: the answer of a model is a refusal"),
    (whole("seed", 0, MAX_SEED, default=0), "the same seed repeats a stream; default: random"),
    (one_of("stamps", "0", "1", default="0"), "1: each event says when it was due and sent"),
    (one_of("line_end", "lf", "crlf", "cr", default="lf"), "line end of an event stream"),
    (whole("chunk_events", 1, 1000, default=1), "events joined into a chunk"),
    (size("chunk_size", 0, MAX_SIZE, default=0), "limit of the bytes of a chunk; 0: none"),
    (one_of("chunk_split", *_SPLITS, default="none"), "where each event is cut into two chunks"),
    (whole("write_events", 0, 1000, default=0), "events in a write; 0: each chunk is a write"),
    (size("write_size", 0, MAX_SIZE, default=0), "limit of the bytes of a write; 0: none"),
    (
        one_of("write_split", *_SPLITS, "framing", default="none"),
        "where each event is cut into two writes; framing: in its chunk's size line",
    ),
    (duration("write_gap", 0, 10, default=0), "time between two writes of what is due at once"),
)
PARAMETERS: dict[str, Parameter[Any]] = {one.name: one for one, _ in DOCUMENTED}

START = ("head_delay", "first_byte_delay", "seed")
PACE = ("gap", "jitter", "spread", "burst")
EVENTS = ("count", *PACE)
SIZES = ("size", "size_jitter", "size_spread", "text")
TOKENS = (
    *("first_token_delay", "tokens", "tokens_per_second", "reasoning_tokens", "refuse"),
    *PACE[1:],
)
BOUNDARIES = (
    *("bandwidth", "chunk_events", "chunk_size", "chunk_split"),
    *("write_events", "write_size", "write_split", "write_gap"),
)
STREAM = (*START, *EVENTS, *SIZES, *BOUNDARIES)
LINES = (*START, *PACE, *BOUNDARIES)
MODEL = (*START, *TOKENS, *BOUNDARIES, "stamps")


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """The values of the parameters above for one stream; times in seconds, sizes in bytes.

    A parameter that the endpoint does not take has its default.
    """

    head_delay: float
    first_byte_delay: float
    first_token_delay: float
    count: int
    gap: float
    jitter: str
    spread: float
    burst: int
    size: int
    size_jitter: str
    size_spread: float
    text: str
    bandwidth: int
    tokens: int
    tokens_per_second: float
    reasoning_tokens: int
    refuse: bool
    seed: int
    stamps: bool
    line_end: str
    chunk_events: int
    chunk_size: int
    chunk_split: str
    write_events: int
    write_size: int
    write_split: str
    write_gap: float

    @property
    def batch(self) -> int:
        """Events that leave together, however far apart they would be due."""
        return max(self.chunk_events, self.write_events)

    @property
    def batch_parameter(self) -> str:
        """The parameter that sets ``batch``."""
        return "write_events" if self.write_events > 1 else "chunk_events"


def read_parameters(
    request: Request, *groups: Iterable[str], ignored: Collection[str] = ()
) -> Query:
    """The parameters of the request, without those of its query that are ``ignored``; HTTPError 400
    for one that is in none of the groups or is repeated."""
    names = sorted({name for group in groups for name in group})
    in_query = [pair for pair in request.query.items() if pair[0] not in (IGNORED, *ignored)]
    in_fields = from_fields(request)
    for source, pairs in (("query", in_query), ("fields", in_fields)):
        for name, count in Counter([name for name, _ in pairs]).items():
            if name not in names:
                raise _unknown(name, names)
            if count > 1:
                raise _refusal(name, f"{name} is given more than once in the {source}")
    return Query(urlencode([*in_query, *in_fields]))


def _unknown(name: str, names: list[str]) -> HTTPError:
    allowed, outer = ", ".join(names), sorted(injection.NAMES | concurrency.NAMES)
    hint = did_you_mean(name, names) or did_you_mean(name, outer)
    name = name[:40]
    detail = f"unknown parameter {name!a}{hint}; allowed here: {allowed} ({IGNORED} is ignored)"
    return _refusal(name, detail, allowed)


def read_options(
    request: Request, *groups: Iterable[str], ignored: Collection[str] = ()
) -> StreamOptions:
    """The options that the request gives, of these groups; HTTPError 400 naming a wrong one."""
    return make_options(read_parameters(request, *groups, ignored=ignored))


def make_options(given: Query, **changes: Any) -> StreamOptions:
    """The options among these parameters, with ``changes`` before they are checked; HTTPError 400
    naming a wrong one."""
    values = {name: parameter.of(given) for name, parameter in PARAMETERS.items()} | changes
    for jitter, spread in (("jitter", "spread"), ("size_jitter", "size_spread")):
        if spread not in given:
            values[spread] = distributions.DEFAULT_SPREADS[values[jitter]]
        elif values[jitter] == "none":
            raise _refusal(spread, f"{spread} needs {jitter}")
    values["seed"] = read_seed(given)
    for name in ("stamps", "refuse"):
        values[name] = values[name] == "1"
    options = StreamOptions(**values)
    _check_size(options)
    _check_duration(options)
    _check_boundaries(options)
    return options


def check_batch(options: StreamOptions, size: int) -> None:
    """HTTPError 400 for a batch that is too large, when an event has up to ``size`` bytes."""
    if options.batch > 1:
        what = "bytes that leave together, with what surrounds the text,"
        _limit(options.batch_parameter, what, size * options.batch, MAX_BATCH_BYTES)
    if options.write_events and options.chunk_size:
        chunks = ceil(size / options.chunk_size) * options.batch
        _limit("chunk_size", "chunks of one write", chunks, MAX_BATCH_CHUNKS)


def check_tokens(count: int, per_second: float) -> None:
    """HTTPError 400 for an answer that would take too long."""
    _limit("tokens_per_second", "seconds of the answer, tokens by their rate,", count / per_second)


def _check_size(options: StreamOptions) -> None:
    largest = options.size * distributions.max_factor(options.size_jitter)
    what = f"bytes of an event with size_jitter={options.size_jitter}"
    _limit("size", what, largest, MAX_SIZE)
    total = options.count * options.size
    _limit("count", "bytes of the stream, count times size,", total, MAX_BYTES)
    if options.batch > 1:
        what = "bytes of text that leave together"
        _limit(options.batch_parameter, what, largest * options.batch, MAX_BATCH_TEXT)


def _check_duration(options: StreamOptions) -> None:
    _limit("gap", "seconds of the stream, count times gap,", options.count * options.gap)
    if options.bandwidth:
        seconds = options.count * options.size / options.bandwidth
        _limit("bandwidth", "seconds of the stream, its bytes by the bandwidth,", seconds)
    if options.write_gap:
        sizes = [size for size in (options.chunk_size, options.write_size) if size]
        writes = 2 + (ceil(options.size / min(sizes)) if sizes else 0)  # about, for each event
        seconds = options.count * writes * options.write_gap
        _limit("write_gap", "seconds of all gaps between writes", seconds)


def _check_boundaries(options: StreamOptions) -> None:
    for name in ("chunk_split", "write_split"):
        split = getattr(options, name)
        if split == "character" and options.text != "utf8":
            raise _refusal(name, f"{name}=character needs text=utf8")
        if split == "crlf" and options.line_end != "crlf":
            raise _refusal(name, f"{name}=crlf needs line_end=crlf")
    if options.write_events % options.chunk_events:
        allowed = f"0 or a multiple of chunk_events ({options.chunk_events})"
        raise _refusal("write_events", f"write_events must be {allowed}", allowed)


def _limit(name: str, what: str, found: float, limit: float = MAX_SECONDS) -> None:
    if found > limit:
        allowed = f"at most {limit:,}"
        raise _refusal(name, f"{name}: {what} must be {allowed}, not {found:,.10g}", allowed)


def _refusal(name: str, detail: str, allowed: str = "") -> HTTPError:
    if allowed:
        return HTTPError(400, detail, parameter=name, allowed=allowed)
    return HTTPError(400, detail, parameter=name)
