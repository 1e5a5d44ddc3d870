"""The head before the first event: a client has to know that its request was accepted.

A head that waits for the first event of a silent producer leaves ``EventSource.onopen`` waiting,
and lets the header timeouts of hops run out. A service that asks a model before it answers a POST
may do so. A server may be slow once, so further recordings have to confirm a late head.
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
BEFORE = 0.1
"""Seconds between head and event that no scheduler puts between two writes."""


def judge_head(evidence: Evidence) -> Verdict:
    """Whether the head comes before the first event."""
    main, messages = evidence.main, [evidence.main, *evidence.others]
    for message in messages:
        if message.head_at <= late(message) and _lead(message) >= BEFORE:
            return Verdict(NAME, "ok", _separate(message), SECTION)
    if _lead(main) >= APART:
        seen = f"{_separate(main)}, too late to show whether it waited for something"
        return Verdict(NAME, "not seen", seen, SECTION)
    seen = f"the head and the first event came together, after {seconds(main.head_at)}"
    if not read_body(main).kind:
        return Verdict(NAME, "not seen", f"{seen}, as for a document", SECTION)
    if len(messages) > 1 and all(_is_late(one) for one in messages):
        if method_of(main.recording.request) == "GET":
            return Verdict(NAME, "wrong", seen, SECTION, HEAD)
        why = "a service may wait for its model before it answers a POST"
        return Verdict(NAME, "not seen", f"{seen}: {why}", SECTION)
    seen += ": inspect an endpoint whose first event comes a second or more after the request"
    return Verdict(NAME, "not seen", seen, SECTION)


def _lead(message: Message) -> float:
    """Seconds by which the head came before the first bytes of the body, or before the end."""
    return _first(message, message.recording.ended) - message.head_at


def _first(message: Message, default: float) -> float:
    return next((one.at for one in read_body(message).arrivals), default)


def _is_late(message: Message) -> bool:
    return _lead(message) < APART and message.head_at > late(message)


def _separate(message: Message) -> str:
    came = f"the head came after {seconds(message.head_at)}"
    if not message.decoded:
        return f"{came}, and no event in {seconds(message.recording.ended)}"
    return f"{came}, {seconds(_lead(message))} before the first event"
