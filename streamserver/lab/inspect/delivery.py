"""How events were delivered: each when it was sent, or held back and delivered together.

What arrivals prove, and what they do not:

- Events that arrive alone, complete, with pauses around them: nothing collects them.
- Pauses within a line, after as many bytes each time: a buffer delivers when it is full. A producer
  may pause between events and a network in the middle of one, but neither does so after 4096 bytes
  each time.
- The whole stream in one piece at the end, long after the request: it was collected. The same
  events in pieces of their own may come of a producer that was silent and fast, as may groups of
  events with pauses between them: that proves nothing.
- Stamps of the lab's target make the delay of each event exact.

Every threshold is above what a busy machine adds: reads may be late by 200 ms, or by as much as the
recorder itself was (``Recording.stalled``), and several may become one.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

from streamserver.lab.inspect.arrivals import Body, Group, read_body
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.stamped import Delays, read_delays
from streamserver.lab.inspect.verdict import count, seconds

APART = 0.02
"""Seconds between arrivals that are counted apart."""
SLOWNESS = 0.25
"""Seconds by which a machine that is not broken may delay a read."""
LATE = 0.5
"""Seconds after which something that ought to come at once was held back."""
PROMPT = 0.1
"""Seconds on the way of an event that nothing held back."""
SMALL = 2048
"""Bytes of two events so small that the buffers in use (4 KiB and more) hold both, and more."""
FAST = 2_000_000
"""Bytes a second beyond which the sockets' own buffers delay events."""
JOINED = 8
"""Events in one piece that no producer joins by itself, unless it has all of them at its end."""
MANY = 16
"""Events in a group that is large beside a single event."""
BLOCKS = (4096, 8192, 16384, 32768, 65536)
"""Sizes of buffers."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the events of one message were delivered."""

    kind: Literal["direct", "held", "unknown"]
    evidence: str
    may_be_chance: bool = False
    """Whether a server that was slow once looks the same: other recordings have to show it too, and
    none may contradict."""


def tolerance(message: Message) -> float:
    """Seconds of a pause, or of a delay, that cannot be due to this machine."""
    return SLOWNESS + 2 * message.recording.stalled


def late(message: Message) -> float:
    """Seconds after which the head or the first event of ``message`` is late."""
    return LATE + 2 * message.recording.stalled


def delivery(message: Message) -> Delivery:
    """How the events of ``message`` were delivered."""
    body = read_body(message)
    if message.undecoded:
        return Delivery("unknown", message.undecoded)
    if not body.kind:
        return Delivery("unknown", "the body is neither an event stream nor JSON lines")
    if not body.events:
        return Delivery("unknown", f"no event arrived in {seconds(message.recording.ended)}")
    delays = read_delays(message)
    if delays is not None:
        return _by_stamps(message, body, delays)
    return (
        _in_blocks(message, body)
        or _one_by_one(message, body)
        or _in_full_buffers(message, body)
        or _in_one_piece(message, body)
        or Delivery("unknown", _unclear(body))
    )


def _by_stamps(message: Message, body: Body, delays: Delays) -> Delivery:
    events, bound = len(delays.events), PROMPT / 2 + message.recording.stalled
    figures = (
        f"by the stamps of {events} events, the delay on the way is {seconds(delays.median())} in "
        f"the median and {seconds(delays.longest())} at most"
    )
    held = delays.held(bound)
    is_slow = sum(one.size for one in body.arrivals) <= FAST * delays.span
    if is_slow and held >= 2 and 2 * held >= events:
        return Delivery("held", figures)
    if 5 * delays.held(PROMPT) <= events and (
        5 * delays.unpushed() >= 4 * (events - 1) >= 8 or _one_by_one(message, body)
    ):
        return Delivery("direct", figures)
    late_by = seconds(message.recording.stalled)
    return Delivery("unknown", f"{figures}, and this process itself was late by up to {late_by}")


def _in_blocks(message: Message, body: Body) -> Delivery | None:
    """Pauses within lines, after the bytes of a buffer."""
    if body.kind == "lines" and message.framing == "length":
        return None  # a file, whose sender limits its rate
    groups = body.groups(tolerance(message))
    full = groups if _ends_with_pause(message, groups) else groups[:-1]
    cut = [one for one in full if one.cut == "line"]
    if 2 * len(cut) <= len(full) or len(groups) < 2 or not _is_block(full, cut):
        return None
    sizes = ", ".join(str(one.size) for one in full[:4])
    pauses = f"{seconds(_median_pause(groups))} apart"
    return Delivery(
        "held",
        f"{count(body.events, body.noun)} arrived in {len(groups)} groups, {pauses}, of {sizes} "
        f"bytes{' and so on' if len(full) > 4 else ''}, which end within a line: the sizes are "
        "those of a buffer",
    )


def _ends_with_pause(message: Message, groups: Sequence[Group]) -> bool:
    """Whether more was due after the last group when the recording ended."""
    recording = message.recording
    is_open = recording.end in ("stopped", "timeout")
    return is_open and recording.ended - groups[-1].last >= tolerance(message)


def _is_block(full: Sequence[Group], cut: Sequence[Group]) -> bool:
    """Whether the sizes are those of a buffer. The first bytes may share theirs with a head."""
    sizes = [one.size for one in cut]
    if len(sizes) == 1:
        return sum(one.size for one in full[: full.index(cut[0]) + 1]) % BLOCKS[0] == 0
    later = sizes[1:]
    if all(size % 1024 == 0 for size in later):
        return True
    return len(later) >= 3 and min(later) > 512 and max(later) - min(later) <= 0.03 * max(later)


def _one_by_one(message: Message, body: Body) -> Delivery | None:
    """Events that arrive alone and complete, and that the next one cannot have pushed out."""
    groups = body.groups(APART)
    alone = [one for one in groups if _is_alone(one)]
    unpushed = sum(
        _is_alone(one) and one.size + following.size <= SMALL for one, following in pairwise(groups)
    )
    if unpushed < 2 and not _ends_alone(message, groups):
        return None
    if len(alone) < 3 or 2 * len(alone) < len(groups):
        return None
    return Delivery(
        "direct",
        f"{len(alone)} of {count(body.events, body.noun)} arrived alone and complete, "
        f"{seconds(_median_pause(groups))} apart",
    )


def _is_alone(group: Group) -> bool:
    return group.events == 1 and not group.cut


def _ends_alone(message: Message, groups: Sequence[Group]) -> bool:
    """Whether the last event came by itself, before the end. A buffer that an event nearly fills is
    emptied by the next one, or by the end."""
    recording = message.recording
    was_open = recording.ended - groups[-1].last >= APART
    return recording.end == "complete" and _is_alone(groups[-1]) and was_open


def _in_full_buffers(message: Message, body: Body) -> Delivery | None:
    """A late head, and groups that end at events but hold all that fits into a buffer."""
    groups = body.groups(tolerance(message))
    full = groups[:-1]
    if len(full) < 2 or any(one.cut for one in full) or not _shares_late_head(message, body):
        return None
    if min(one.events for one in full) < MANY:
        return None
    sizes = _wire_sizes(message, full)
    event = sizes[-1] / full[-1].events
    block = next((b for b in BLOCKS if all(s <= b < s + 1.2 * event for s in sizes)), 0)
    if not block:
        return None
    return Delivery(
        "held",
        f"the head came after {seconds(message.head_at)}, and {count(body.events, body.noun)} came "
        f"in {len(groups)} groups, each as large as a buffer of {block} bytes permits",
        may_be_chance=True,
    )


def _wire_sizes(message: Message, groups: Sequence[Group]) -> list[int]:
    """The bytes on the wire of each group; the head belongs to the first one."""
    sizes = [0] * len(groups)
    ends = [one.last for one in groups]
    for read in message.recording.reads:
        if read.at <= ends[-1]:
            sizes[bisect_left(ends, read.at)] += len(read.data)
    return sizes


def _in_one_piece(message: Message, body: Body) -> Delivery | None:
    """The whole stream in one piece at the end, late."""
    recording, events = message.recording, body.events
    if recording.end not in ("complete", "closed") or len(body.groups(APART)) > 1:
        return None
    first = body.arrivals[0].at
    if recording.ended - body.arrivals[-1].at > tolerance(message):
        return None
    # A file is no stream, and a chunk for each event was written by itself.
    is_joined = 3 * len(message.pieces) <= events or message.framing in ("close", "length")
    if not is_joined or (body.kind == "lines" and message.framing == "length"):
        return None
    if _shares_late_head(message, body) and events >= 3:
        whole = f"the head, {count(events, body.noun)} and the end"
        return Delivery(
            "held", f"{whole} arrived together after {seconds(first)}", may_be_chance=True
        )
    if first - message.head_at > late(message) and events >= JOINED and len(message.pieces) == 1:
        together = f"{count(events, body.noun)} and the end arrived together"
        since = f"{seconds(first - message.head_at)} after the head"
        return Delivery("held", f"{together}, in one piece, {since}", may_be_chance=True)
    return None


def _shares_late_head(message: Message, body: Body) -> bool:
    """Whether the head came late, and with the first event."""
    is_late = message.head_at > late(message)
    return is_late and body.arrivals[0].at - message.head_at < APART


def contradicts(other: Message, message: Message) -> bool:
    """Whether ``other``, a response to the same request, shows that what was late in ``message``
    was so by chance."""
    body, others = read_body(message), read_body(other)
    if _shares_late_head(message, body):
        return other.head_at <= late(other)
    first = next(iter(others.arrivals), None)
    if first is None:
        return False
    return first.at - other.head_at <= late(other) or first.events < JOINED


def _unclear(body: Body) -> str:
    """What was seen where it proves nothing."""
    groups, events = body.groups(APART), count(body.events, body.noun)
    if body.events < 3:
        return f"{events} cannot show whether something collects them"
    if len(groups) == 1:
        return f"{events} arrived at once, {seconds(groups[0].first)} after the request"
    largest = max(one.events for one in groups)
    if largest == 1:
        size = max(one.size for one in groups)
        return f"{events} of up to {size} bytes could fill a buffer, and empty it, one by one"
    return (
        f"{events} arrived in {len(groups)} groups of up to {largest}, "
        f"{seconds(_median_pause(groups))} apart: a producer may send them so"
    )


def _median_pause(groups: Sequence[Group]) -> float:
    """Seconds between two groups."""
    pauses = [b.first - a.last for a, b in pairwise(groups)]
    return median(pauses) if pauses else 0.0
