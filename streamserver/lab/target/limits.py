"""What knobs may come to together, and which of them need each other."""

from math import ceil

from streamserver.lab.target.distributions import most
from streamserver.lab.target.knobs import MOST_SIZE, Knobs
from streamserver.wire.problem import HTTPError

MOST_SECONDS = 3600
"""A whole stream may be commanded to take so long."""
MOST_BYTES = 2**30
"""And to have so many bytes of text."""
MOST_JOINED = 1024 * 1024
"""Bytes of events that leave together, with all that is around their text."""
MOST_PIECES = 8192
"""Chunks of events that leave in one write."""
MOST_TOGETHER = 64 * 1024
"""Bytes of text of events that leave together: they must be kept until the last of them is due."""


def check(knobs: Knobs) -> None:
    """HTTPError 400, which names the knob that is wrong beside the others.

    To be called again by whoever takes ``count`` or ``gap`` from elsewhere.
    """
    _check_size(knobs)
    _check_time(knobs)
    _check_boundaries(knobs)


def _check_size(knobs: Knobs) -> None:
    largest = knobs.size * most(knobs.size_jitter)
    _limit("size", f"with size_jitter={knobs.size_jitter} an event's bytes", largest, MOST_SIZE)
    _limit("count", "bytes of the whole stream, count times size,", _bytes(knobs), MOST_BYTES)
    if knobs.together > 1:
        name = "write_events" if knobs.write_events > 1 else "chunk_events"
        kept = largest * knobs.together
        _limit(name, "bytes of events that leave together", kept, MOST_TOGETHER)


def _check_time(knobs: Knobs) -> None:
    name = "gap" if knobs.count * knobs.gap > MOST_SECONDS else "count"
    _limit(name, "seconds of the whole stream, count times gap,", knobs.count * knobs.gap)
    if knobs.bandwidth:
        seconds = _bytes(knobs) / knobs.bandwidth
        _limit("bandwidth", "seconds of the whole stream, its bytes by the bandwidth,", seconds)
    if knobs.write_gap:
        writes = _writes(knobs) * knobs.count
        _limit("write_gap", "seconds of all gaps between writes", writes * knobs.write_gap)


def check_together(knobs: Knobs, event: int) -> None:
    """HTTPError 400 for more than leaves together, where an event has up to so many bytes.

    Chunks of one write are framed and joined at once, and nothing else runs meanwhile.
    """
    name = "write_events" if knobs.write_events > 1 else "chunk_events"
    if knobs.together > 1:
        size = event * knobs.together
        _limit(name, "bytes that leave together, with what is around the text,", size, MOST_JOINED)
    if knobs.write_events and knobs.chunk_size:
        pieces = ceil(event / knobs.chunk_size) * knobs.together
        _limit("chunk_size", "chunks that leave in one write", pieces, MOST_PIECES)


def check_tokens(count: int, per_second: float) -> None:
    """HTTPError 400 for so many tokens that they would take too long."""
    seconds = count / per_second
    _limit("tokens_per_second", "seconds of the whole answer, tokens by their rate,", seconds)


def _bytes(knobs: Knobs) -> int:
    return knobs.count * knobs.size


def _writes(knobs: Knobs) -> int:
    """Of an event, about."""
    smallest = min((n for n in (knobs.chunk_size, knobs.write_size) if n), default=0)
    return 2 + (ceil(knobs.size / smallest) if smallest else 0)


def _check_boundaries(knobs: Knobs) -> None:
    for name, where in (("chunk_split", knobs.chunk_split), ("write_split", knobs.write_split)):
        if where == "character" and knobs.text != "utf8":
            raise _refusal(name, f"{name}=character needs text=utf8")
        if where == "crlf" and knobs.line_end != "crlf":
            raise _refusal(name, f"{name}=crlf needs line_end=crlf")
    if knobs.write_events % knobs.chunk_events:
        allowed = f"0, or a multiple of chunk_events ({knobs.chunk_events})"
        raise _refusal("write_events", f"write_events must be {allowed}", allowed)


def _limit(name: str, what: str, found: float, limit: float = MOST_SECONDS) -> None:
    if found > limit:
        allowed = f"{limit:g} at most" if limit < MOST_TOGETHER else f"{limit:,} at most"
        raise _refusal(name, f"{name}: {what} may be {allowed}, not {found:,.10g}", allowed)


def _refusal(name: str, detail: str, allowed: str = "") -> HTTPError:
    return HTTPError(400, detail, parameter=name, allowed=allowed)
