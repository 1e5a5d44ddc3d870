"""What a hop changes: the responses of two URLs, of which one leads through it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import sub
from typing import NamedTuple

from streamserver.lab.cassettes.redaction import redact_fields
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.inspection import WRONG, Inspection
from streamserver.lab.inspect.recording import DONE, Message, TimedEvent
from streamserver.lab.inspect.verdict import count, seconds
from streamserver.wire.fields import grouped

NOT_COMPARED = ("date", "transfer-encoding", "content-length", "content-encoding")
"""Fields that differ with every response, or that the framing and the coding stand for."""
BUNCHED = 0.2
"""The least share of events that arrive alone on one side only."""
ENOUGH = 5
"""Events that such a share needs."""
WAIT = 0.1
"""Seconds by which the longest wait for events is longer where they are bunched."""
LATER = 0.5
"""Seconds by which a head or a first event is later: two runs of one server may differ as much."""
PAUSE = 0.01
"""Seconds between two moments: a buffer that is passed on may arrive in several reads."""
REPEATED = 2
"""Heartbeats that do not come by chance."""
_FRAMINGS = {
    "none": "no body",
    "length": "Content-Length",
    "chunked": "chunked",
    "close": "until the connection ends",
}


class Change(NamedTuple):
    """One difference."""

    name: str
    direct: str
    """Of the URL; "" for what it lacks."""
    through: str
    """Of the URL that leads through the hop; "" for what it lacks."""
    is_worse: bool = False
    """Whether it shows a fault behind the hop. Times alone do not: they differ from run to run."""


def changes(direct: Inspection, through: Inspection) -> list[Change]:
    """All differences: verdict by verdict, then of the response, field by field."""
    return [
        change
        for change in (*_verdicts(direct, through), *_responses(direct, through))
        if change.direct != change.through
    ]


def exit_status(direct: Inspection, through: Inspection | None) -> int:
    """The exit status: something is wrong on either side or worse behind the hop, nothing is, or
    nothing could be judged."""
    sides = [direct.status] if through is None else [direct.status, through.status]
    if through is not None and any(change.is_worse for change in changes(direct, through)):
        return WRONG
    return WRONG if WRONG in sides else max(sides)


def _change(name: str, texts: Iterable[str], is_worse: bool = False) -> Change:
    direct, through = texts
    return Change(name, direct, through, is_worse)


def _verdicts(direct: Inspection, through: Inspection) -> Iterator[Change]:
    statuses = [{one.name: one.status for one in side.verdicts} for side in (direct, through)]
    for name in dict.fromkeys([*statuses[0], *statuses[1]]):
        before, after = (each.get(name) for each in statuses)
        yield Change(f"verdict {name}", before or "", after or "", after == "wrong")


def _responses(direct: Inspection, through: Inspection) -> Iterator[Change]:
    evidence = direct.evidence, through.evidence
    sides = direct.evidence.main, through.evidence.main
    if not all(side.status for side in sides):
        yield _change("response", map(_whether_any, sides), not sides[1].status)
        return
    yield _change("version", (side.version for side in sides))
    yield _change("versions by ALPN", (", ".join(each.versions or ()) for each in evidence))
    is_worse = sides[0].status < 400 <= sides[1].status
    yield _change("status", (str(side.status) for side in sides), is_worse)
    yield _change("framing", (_FRAMINGS[side.framing] for side in sides))
    yield _change("content coding", (_values(side).get("content-encoding", "") for side in sides))
    yield from _fields(*evidence)
    yield from _arrivals(*sides)
    beats = [len(side.comments) for side in sides]
    if not all(beats):
        is_worse = beats[0] >= REPEATED and sides[1].recording.ended >= sides[0].recording.ended
        yield _change("heartbeats", (str(number or "") for number in beats), is_worse)
    yield _change("end", map(end_of, sides), _is_cut(sides[1]))


def _whether_any(message: Message) -> str:
    return f"status {message.status}" if message.status else f"none: {end_of(message)}"


def _fields(direct: Evidence, through: Evidence) -> Iterator[Change]:
    """The fields that differ, except those that differ from response to response on either side."""
    sides = [_values(each.main) for each in (direct, through)]
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        before, after = (side.get(name, "") for side in sides)
        varies = before and after and (_varies(direct, name) or _varies(through, name))
        if name not in NOT_COMPARED and not varies:
            yield Change(f"field {name}", before, after)


def _varies(evidence: Evidence, name: str) -> bool:
    """Whether the field of a repeated request had another value."""
    again = evidence.repeated
    if again is None or not again.status:
        return False
    return _values(evidence.main).get(name) != _values(again).get(name)


def _values(message: Message) -> dict[str, str]:
    fields = grouped(redact_fields(list(message.fields)))
    return {name: ", ".join(values) for name, values in fields.items()}


def _arrivals(direct: Message, through: Message) -> Iterator[Change]:
    """The head, the first event and the bunching of events, where they clearly differ."""
    sides = direct, through
    events = [side.events for side in sides]
    if abs(direct.head_at - through.head_at) > LATER:
        yield _later("head", direct.head_at, through.head_at)
    if not all(events):
        return
    firsts = [each[0].at for each in events]
    if abs(firsts[0] - firsts[1]) > LATER:
        yield _later("first event", *firsts)
    if _is_bunched(events[1], events[0], direct.recording.stalled + through.recording.stalled):
        yield _change("arrivals", map(arrivals, events), is_worse=True)
    elif _is_bunched(events[0], events[1], direct.recording.stalled + through.recording.stalled):
        yield _change("arrivals", map(arrivals, events))


def _later(name: str, before: float, after: float) -> Change:
    return Change(name, f"after {seconds(before)}", f"after {seconds(after)}")


def _is_bunched(events: Sequence[TimedEvent], others: Sequence[TimedEvent], stalled: float) -> bool:
    """Whether the events arrived in groups after a wait, compared with the others.

    ``stalled``: by how much this process itself was late.
    """
    shares = [moments(each) / len(each) for each in (events, others)]
    waits = [max(map(sub, times[1:], times)) for times in map(_times, (events, others))]
    enough = min(len(events), len(others)) >= ENOUGH
    return enough and shares[1] - shares[0] > BUNCHED and waits[0] - waits[1] > WAIT + stalled


def _times(events: Sequence[TimedEvent]) -> list[float]:
    """The times of the request and of its events."""
    return [0.0, *(event.at for event in events)]


def arrivals(events: Sequence[TimedEvent]) -> str:
    """In how many moments how many events arrived, in words."""
    return f"{count(len(events), 'events')} at {count(moments(events), 'moments')}"


def moments(events: Sequence[TimedEvent]) -> int:
    """The number of moments in which the events arrived."""
    times = [event.at for event in events]
    return bool(times) + sum(after - before >= PAUSE for before, after in pairwise(times))


def _is_cut(message: Message) -> bool:
    """Whether the response ended by a failure."""
    end = message.recording.end
    return end in ("reset", "failed", "timeout") or (end == "closed" and message.framing != "close")


def end_of(message: Message) -> str:
    """How a response ended, in words."""
    recording = message.recording
    if recording.end in ("failed", "timeout"):
        return f"{recording.end}: {recording.detail}"
    end: str = recording.end
    if end == "closed" and message.framing != "close":
        end = "closed before the body was complete"
    is_done = message.events and message.events[-1].event.data == DONE
    return f"{end} with {DONE}" if is_done else end
