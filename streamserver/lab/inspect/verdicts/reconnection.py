"""Reconnection: ``retry``, ids, and whether a reply to Last-Event-ID continues the stream.

A reply that begins with an event which the client has is a repetition, and its id proves it. A hole
needs more evidence, because ids need not be consecutive: another response has events between the
last one before the cut and those of the reply. Only without such a response consecutive ids count,
if there are enough of them.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from streamserver.lab.inspect.evidence import Evidence, Resumption
from streamserver.lab.inspect.recording import TimedEvent, identified
from streamserver.lab.inspect.verdict import Finding, Remedy, Status, count, seconds
from streamserver.wire.fields import media_type
from streamserver.wire.sse import MEDIA_TYPE

ENOUGH_NUMBERS = 6
"""Consecutive ids, before and after the cut, that make a missing number a missing event."""
TEMPORARY = (429, 503)
SHOWN = 60
"""Characters of an id in the evidence."""
REMEDIES = (
    Remedy(
        "server",
        "keep the newest events with their ids; begin the reply to Last-Event-ID with the event"
        " after that id, and send live events only when those are sent",
    ),
    Remedy(
        "load balancer",
        "give all instances the same ids and the same log, as in a Redis stream; or bind each"
        " client to one instance",
    ),
    Remedy("CDN", "let no cache reply: it ignores Last-Event-ID; send Cache-Control: no-store"),
)

_numbered = re.compile(r"(.*?)(?<![0-9])([0-9]{1,18})").fullmatch


def judge_reconnection(evidence: Evidence) -> Finding:
    """Whether a client that loses its connection gets each event once."""
    main = evidence.main
    if media_type(main.value("content-type")) != MEDIA_TYPE:
        return Finding("not seen", "the body is no event stream, and has no ids")
    if not main.events:
        return Finding("not seen", "no event arrived")
    status, seen = _judge_ids(evidence)
    retry = "no retry: clients wait for some seconds of their own"
    if main.retry is not None:
        retry = f"retry: clients wait for {seconds(main.retry / 1000)}"
    seen += f"; {retry} before they reconnect"
    return Finding(status, seen, REMEDIES if status == "wrong" else ())


def _judge_ids(evidence: Evidence) -> tuple[Status, str]:
    ids = identified(evidence.main.events)
    if not ids:
        seen = "no event has an id: a client that reconnects gets the stream from its beginning"
        return "not seen", seen
    if (id := _twice(ids)) is not None:
        seen = f"two events of one response have the id {_short(id)}, so ids do not identify events"
        return "not seen", seen
    if not evidence.may_repeat:
        seen = "the request is not safe and was sent once; --repeat permits to resume the stream"
        return "not asked", seen
    if evidence.resumption is None:
        return "not seen", "no stream with ids could be cut in its middle"
    return _judge(evidence.resumption)


def _judge(resumption: Resumption) -> tuple[Status, str]:
    reply, sent = resumption.message, resumption.sent
    asked = f"Last-Event-ID: {_short(sent)}"
    followed = count(len(resumption.after), "events")
    if not reply.status:
        return "not seen", f"the request with {asked} got no response: {reply.recording.detail}"
    if reply.status in TEMPORARY or reply.status < 200:
        return "not seen", f"{asked} got a {reply.status}"
    if reply.status >= 300:
        return "wrong", f"{asked} got a {reply.status}"
    found = _own(identified(reply.events), resumption)
    if seen := _repeated(found, resumption):
        return "wrong", f"{asked} {seen}"
    if not found:
        if resumption.after and reply.recording.end in ("complete", "closed"):
            no = "ended the stream (204)" if reply.status == 204 else "got no event"
            return "wrong", f"{asked} {no}, though {followed} followed"
        return "not seen", f"no event came after {asked}"
    if any(one.event.event == "gap" for one in reply.events):
        return "ok", f"the reply to {asked} reports a gap in an event of its own"
    return _compare(found, resumption, asked)


def _own(found: list[TimedEvent], resumption: Resumption) -> list[TimedEvent]:
    """Without a first event that only has the id which the reply announces before its events."""
    sent = resumption.sent
    had = {one.event.data for one in resumption.first.events if one.event.id == sent}
    is_other = found and found[0].event.id == sent and found[0].event.data not in had
    return found[1:] if is_other else found


def _repeated(found: Sequence[TimedEvent], resumption: Resumption) -> str:
    """What came again; "" if nothing did."""
    before = {one.event.id: one.event.data for one in identified(resumption.first.events)}
    again = [one for one in found if one.event.id in before]
    if again:
        which = _range(again)
        if all(before[one.event.id] != one.event.data for one in again):
            return f"was answered with {which}, which other events had before"
        return f"was answered with {which}, which had arrived before"
    twice = _twice(found)
    return "" if twice is None else f"was answered with the event {_short(twice)} twice"


def _twice(events: Sequence[TimedEvent]) -> object:
    """An id that two of the events set; None if there is none."""
    ids = Counter(one.event.id for one in events)
    return next((id for id, number in ids.items() if number > 1), None)


def _compare(found: Sequence[TimedEvent], resumption: Resumption, asked: str) -> tuple[Status, str]:
    """Whether events are missing between the cut and the reply."""
    expected = [one.event.id for one in resumption.after]
    got = {one.event.id for one in found}
    common = [n for n, id in enumerate(expected) if id in got]
    begins = f"the reply to {asked} begins with the event {_short(found[0].event.id)}"
    same = [one for one in resumption.after if one.event.id == found[0].event.id]
    if same and same[0].event.event != found[0].event.event:
        return "not seen", f"{begins}, whose type is another one there: it may replace those missed"
    if common:
        missing = [one for one in resumption.after[: common[-1]] if one.event.id not in got]
        if missing:
            return "wrong", f"{begins}: {_range(missing)}, which another response has, did not come"
        return "ok", f"{begins}, without a hole or a repetition"
    return _compare_numbers(found, resumption, begins)


def _compare_numbers(
    found: Sequence[TimedEvent], resumption: Resumption, begins: str
) -> tuple[Status, str]:
    before = identified(resumption.first.events)
    numbers = _numbers([*before, *found])
    steps = [b - a for a, b in pairwise(numbers)]
    step = steps.pop(len(before) - 1) if steps else 0
    if len(numbers) >= ENOUGH_NUMBERS and set(steps) == {1}:
        if step == 1:
            return "ok", f"{begins}, the next number"
        if step > 1:
            return "wrong", f"{begins}: {count(step - 1, 'numbers')} of consecutive ids are missing"
    return "not seen", f"{begins}: no other response shows whether events are missing"


def _numbers(events: Sequence[TimedEvent]) -> list[int]:
    """The numbers at the ends of ids that differ in nothing else; none if other ids are there."""
    matches = [_numbered(str(one.event.id)) for one in events]
    parts = [(match[1], int(match[2])) for match in matches if match]
    is_one = len(parts) == len(events) and len({prefix for prefix, _ in parts}) == 1
    return [number for _, number in parts] if is_one else []


def _range(events: Sequence[TimedEvent]) -> str:
    first, last = _short(events[0].event.id), _short(events[-1].event.id)
    return f"the event {first}" if len(events) == 1 else f"the events {first} to {last}"


def _short(id: object) -> str:
    text = str(id)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
