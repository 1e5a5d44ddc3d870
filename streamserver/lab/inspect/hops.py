"""What a hop changes: the responses of two URLs, of which one leads through it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from streamserver.lab.cassettes.redaction import redact_fields
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.figures import count, seconds
from streamserver.lab.inspect.inspection import Inspection
from streamserver.lab.inspect.recording import Message, TimedEvent
from streamserver.wire.fields import grouped

NOT_COMPARED = ("date", "transfer-encoding", "content-length", "content-encoding")
"""Fields that differ with every response, or that the framing and the coding stand for."""
BUNCHED = 0.2
"""The least share of events that arrive alone on one side only."""
ENOUGH = 5
"""Events that such a share needs."""
LATER = 0.5
"""Seconds by which an arrival is late beyond what two runs differ."""
PAUSE = 0.01
"""Seconds between two moments: a buffer that is passed on may arrive in several reads."""
DONE = "[DONE]"
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


def changes(direct: Inspection, through: Inspection) -> list[Change]:
    """All differences: verdict by verdict, then of the response, field by field."""
    return [
        change
        for change in (*_verdicts(direct, through), *_responses(direct, through))
        if change.direct != change.through
    ]


def _verdicts(direct: Inspection, through: Inspection) -> Iterator[Change]:
    statuses = [{one.name: one.status for one in side.verdicts} for side in (direct, through)]
    for name in dict.fromkeys([*statuses[0], *statuses[1]]):
        yield Change(f"verdict {name}", *(str(each.get(name, "")) for each in statuses))


def _responses(direct: Inspection, through: Inspection) -> Iterator[Change]:
    evidence = direct.evidence, through.evidence
    sides = direct.evidence.main, through.evidence.main
    if not all(side.status for side in sides):
        yield Change("response", *(_whether_any(side) for side in sides))
        return
    yield Change("version", *(side.version for side in sides))
    yield Change("versions by ALPN", *(", ".join(each.versions or ()) for each in evidence))
    yield Change("status", *(str(side.status) for side in sides))
    yield Change("framing", *(_FRAMINGS[side.framing] for side in sides))
    yield Change("content coding", *(_values(side).get("content-encoding", "") for side in sides))
    yield from _fields(direct.evidence, through.evidence)
    yield from _arrivals(*sides)
    beats = [sum(event.is_comment for event in side.events) for side in sides]
    if not all(beats):
        yield Change("heartbeats", *(str(count or "") for count in beats))
    yield Change("end", *(end_of(side) for side in sides))


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
    events = [[one for one in side.events if not one.is_comment] for side in sides]
    if abs(direct.head_at - through.head_at) > LATER:
        yield Change("head", *(f"after {seconds(side.head_at)}" for side in sides))
    if not all(events):
        return
    firsts = [each[0].at for each in events]
    if abs(firsts[0] - firsts[1]) > LATER:
        yield Change("first event", *(f"after {seconds(first)}" for first in firsts))
    shares = [moments(each) / len(each) for each in events]
    if min(map(len, events)) >= ENOUGH and abs(shares[0] - shares[1]) > BUNCHED:
        yield Change("arrivals", *map(arrivals, events))


def arrivals(events: Sequence[TimedEvent]) -> str:
    """In how many moments how many events arrived, in words."""
    return f"{count(len(events), 'events')} at {count(moments(events), 'moments')}"


def moments(events: Sequence[TimedEvent]) -> int:
    """The number of moments in which the events arrived."""
    times = [event.at for event in events]
    return bool(times) + sum(after - before >= PAUSE for before, after in pairwise(times))


def end_of(message: Message) -> str:
    """How a response ended, in words."""
    recording = message.recording
    if recording.end in ("failed", "timeout"):
        return f"{recording.end}: {recording.detail}"
    end: str = recording.end
    if end == "closed" and message.framing != "close":
        end = "closed before the body was complete"
    events = [one for one in message.events if not one.is_comment]
    return f"{end} with {DONE}" if events and events[-1].event.data == DONE else end
