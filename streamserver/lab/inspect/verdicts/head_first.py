"""The head before the first event: a client has to know that its request was accepted.

A head that waits for the first event of a silent producer leaves ``EventSource.onopen`` waiting,
and lets the header timeouts of hops run out. A service that asks a model before it answers a POST
may do so, and a server may be slow once, so a late head is confirmed by a second recording.
"""

from streamserver.lab.inspect.arrivals import read_body
from streamserver.lab.inspect.delivery import APART, late
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.figures import seconds
from streamserver.lab.inspect.record import method_of
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import HEAD
from streamserver.lab.inspect.verdict import Verdict

NAME = "head"
SECTION = "RFC 9112, section 2.1"
ALONE = 1.0
"""Seconds after which a head is late without a second recording."""


def judge_head(evidence: Evidence) -> Verdict:
    """Whether the head comes before the first event."""
    messages = [one for one in (evidence.main, evidence.identity) if one and one.status == 200]
    for message in messages:
        if _is_separate(message) and message.head_at <= late(message):
            return Verdict(NAME, "ok", _separate(message), SECTION)
    main = evidence.main
    first = _first(main)
    if _is_separate(main):
        seen = f"{_separate(main)}: whether it waited for something cannot be seen"
        return Verdict(NAME, "not seen", seen, SECTION)
    seen = f"the head and the first event came together, after {seconds(main.head_at)}"
    bound = late(main) if len(messages) > 1 else max(late(main), ALONE)
    if first is not None and main.head_at > bound and all(_is_late(one) for one in messages):
        if method_of(main.recording.request) == "GET":
            return Verdict(NAME, "wrong", seen, SECTION, HEAD)
        why = "a service may wait for its model before it answers a POST"
        return Verdict(NAME, "not seen", f"{seen}: {why}", SECTION)
    seen += ": inspect an endpoint whose first event comes a second or more after the request"
    return Verdict(NAME, "not seen", seen, SECTION)


def _first(message: Message) -> float | None:
    """When the first bytes of the decoded body came; None if none did."""
    return next((one.at for one in read_body(message).arrivals), None)


def _is_separate(message: Message) -> bool:
    """Whether the head came without the first event."""
    first = _first(message)
    return first is None or first - message.head_at >= APART


def _is_late(message: Message) -> bool:
    return not _is_separate(message) and message.head_at > late(message)


def _separate(message: Message) -> str:
    first = _first(message)
    came = f"the head came after {seconds(message.head_at)}"
    if first is None:
        return f"{came}, and no event in {seconds(message.recording.ended)}"
    return f"{came}, {seconds(first - message.head_at)} before the first event"
