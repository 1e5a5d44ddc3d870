"""The same request again: after one that was aborted, and with the id of the last event.

A stream is cut in its middle by the inspector, and then resumed. Whether the reply has a hole is
shown by another response that has the same events:

- The main response, if the events of the cut stream are among its events: each request gets the
  same ones.
- Otherwise all readers share a feed. A witness reads it while the stream is cut and resumed.
"""

import re
from collections.abc import Sequence

from streamserver.lab.inspect.evidence import Resumption
from streamserver.lab.inspect.record import Limits
from streamserver.lab.inspect.recording import Message, TimedEvent, identified
from streamserver.lab.inspect.requests import Exchange, Requests

BEFORE_CUT = 5
"""Events of the stream that is aborted, or half of them if there are fewer."""
IDS_BEFORE_CUT = 2
MISSED = 2
"""Events of a feed that are published while the stream is cut."""
WITNESS = 3
"""Times of one request that a witness reads: a stream begins, is missed, and is resumed."""
AFTER = 3
"""Events that a resumed stream has to show, beyond those that waited for it."""
SHORTEST = 0.1
"""Seconds that a complete response takes if it can be aborted in its middle."""
LATE = 1.0
"""Seconds that a head may arrive later than that of the main response."""


def is_late(repeated: Message, main: Message) -> bool:
    """Whether a response to the same request did not begin, or much later than before."""
    stalled = repeated.recording.stalled
    return repeated.head_at - main.head_at > LATE + main.head_at + stalled or not repeated.status


async def repeat_and_resume(
    requests: Requests, main: Message
) -> tuple[Message | None, Resumption | None]:
    """Abort a request, send it again, and resume that one.

    Nothing is repeated if no request could be aborted in its middle.
    """
    if main.recording.end != "stopped":
        aborted = await _interrupt(requests, main)
        if aborted is None or aborted.recording.end not in ("stopped", "timeout"):
            return (None if aborted is None or aborted.status else aborted), None
    message, resumption = await _repeat(requests, main)
    if is_late(message, main) and requests.is_time_left:
        # Once more, because a busy machine delays a response by chance, but rarely two.
        message, resumption = await _repeat(requests, main)
    return message, resumption


async def _interrupt(requests: Requests, main: Message) -> Message | None:
    """Abort a request in the middle of its response; None if that has no middle."""
    half = main.recording.ended / 2
    if 2 * half < SHORTEST:
        return None
    events = len(main.events)
    count = min(events // 2, BEFORE_CUT) or events + 1
    limits = Limits(head=half, seconds=max(half - main.head_at, 0.01))
    exchange = requests.start(lambda one: len(one.events) >= count, limits=limits)
    return await exchange.message()


async def _repeat(requests: Requests, main: Message) -> tuple[Message, Resumption | None]:
    """The response to the same request, and how it is resumed after a cut, if it has ids."""
    known = [one.event.id for one in identified(main.events)]
    # Events of another response than the main one are not known before the witness has one.
    witness: Exchange | None = None
    may_end = False

    def is_enough(one: Exchange) -> bool:
        return may_end and (not known or _is_seen(one, witness))

    first = requests.start(is_enough)
    try:
        if not await first.wait(lambda: _has_begun(first, main), requests.patience):
            return await first.message(), None
        if first.ids and first.ids[0].event.id not in known[:-IDS_BEFORE_CUT]:
            limits = Limits(head=requests.patience, seconds=WITNESS * requests.patience)
            witness = requests.start(lambda _: False, limits=limits)
        may_end = True
        if not known or _is_seen(first, witness):
            first.stop()
        message = await first.message()
        if is_late(message, main):
            return message, None
        return message, await _resume(requests, main, message, witness)
    finally:
        if witness is not None:
            await witness.close()


def _has_begun(first: Exchange, main: Message) -> object:
    """Whether the response has what the main one had at its beginning."""
    if identified(main.events):
        return first.ids
    return first.events if main.events else first.has_head


def _is_seen(first: Exchange, witness: Exchange | None) -> bool:
    """Whether the first stream has the events that it needs before it is cut."""
    ids = {one.event.id for one in first.ids}
    seen = witness is None or ids & {one.event.id for one in witness.ids}
    return len(ids) >= IDS_BEFORE_CUT and bool(seen)


async def _resume(
    requests: Requests, main: Message, first: Message, witness: Exchange | None
) -> Resumption | None:
    """Resume the stream that was cut; None if its events have no ids that a field can hold."""
    ids = identified(first.events)
    sent = str(ids[-1].event.id) if ids else ""
    if not _can_be_sent(sent) or not requests.is_time_left:
        return None

    def after() -> list[TimedEvent]:
        return following(main.events if witness is None else witness.events, sent)

    if witness is not None:
        # A feed without a log may send its newest event to each new reader.
        await witness.wait(lambda: len(after()) >= MISSED, requests.patience)
    waiting = len(after())
    count = min(waiting, BEFORE_CUT) + AFTER
    field = ("last-event-id", sent.encode().decode("latin-1"))
    message = await requests.get(lambda one: len(one.events) >= count, field)
    return Resumption(first, sent, message, after(), waiting)


# Control characters other than a tab cannot be in a field (RFC 9110, section 5.5).
_can_be_sent = re.compile(r"[^\0-\x08\n-\x1f\x7f]+").fullmatch


def following(events: Sequence[TimedEvent], id: str) -> list[TimedEvent]:
    """The events with ids that follow the one with this id; none if it is not there."""
    found = identified(events)
    at = [n for n, one in enumerate(found) if one.event.id == id]
    return found[at[-1] + 1 :] if at else []
