"""Buffering: events that were held back and delivered together.

A coded body is judged by the same request without a coding, since an encoder that is not flushed is
a fault of its own (``compression``).
"""

from itertools import pairwise

from streamserver.lab.inspect.arrivals import read_body
from streamserver.lab.inspect.delivery import APART, contradicts, delivery
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import BUFFERING
from streamserver.lab.inspect.verdict import Finding, seconds
from streamserver.lab.inspect.verdicts.compression import coding

CORK = 0.2
"""Seconds for which Linux holds back small writes that announce more (MSG_MORE)."""
HOW_TO_SEE = (
    "inspect an endpoint that sends a small event each 0.2 s for some seconds, as the lab's target "
    "does at /sse?count=30&gap=0.2&stamps=1"
)


def judge_buffering(evidence: Evidence) -> Finding:
    """Whether something collects events before it delivers them."""
    message = _plain(evidence)
    if message is None:
        return Finding("not seen", "the body is coded: see compression")
    others = [one for one in evidence.others if one is not message]
    found = delivery(message)
    if found.may_be_chance and not others:
        seen = f"{found.evidence}, and no further request was sent that confirms it; {HOW_TO_SEE}"
        return Finding("not seen", seen)
    if found.may_be_chance and any(contradicts(one, message) for one in others):
        seen = f"{found.evidence}, but not when it was asked again: inspect it once more"
        return Finding("not seen", seen)
    if found.kind == "direct":
        return Finding("ok", found.evidence)
    held = found.evidence if found.kind == "held" else _corked(message, evidence)
    if held:
        return Finding("wrong", held, BUFFERING)
    return Finding("not seen", f"{found.evidence}; {HOW_TO_SEE}")


def _plain(evidence: Evidence) -> Message | None:
    """The recording that no coding hides, or a coded one whose events came one by one."""
    main, identity = evidence.main, evidence.identity
    if not coding(main) or delivery(main).kind == "direct":
        return main
    return identity if identity and identity.status == 200 and not coding(identity) else None


def _corked(message: Message, evidence: Evidence) -> str:
    """The pattern of a hop whose kernel waits for more after each chunk; "" if it is not there.

    The head comes 200 ms late in each recording, and events in groups that are further apart. In
    HTTP/1.0, without chunks, both come at once, which shows that the producer has no such rhythm.
    """
    old, again = evidence.old, evidence.repeated
    if old is None or old.head_at > CORK / 2 or delivery(old).kind != "direct" or again is None:
        return ""
    both = (message, again)
    if not all(CORK - 0.005 <= one.head_at <= 1.5 * CORK for one in both):
        return ""
    groups = read_body(message).groups(APART)
    joined = sum(one.events > 1 for one in groups)
    starts = [one.first for one in groups[:-1]]  # the end does not wait
    is_apart = all(b - a >= CORK - 0.005 for a, b in pairwise(starts))
    was_late = any(one.recording.stalled > CORK / 2 for one in (*both, old))
    if joined < 3 or 2 * joined < len(groups) or not is_apart or was_late:
        return ""
    heads = " and ".join(seconds(one.head_at) for one in both)
    return (
        f"the head came {heads} after each request, and events in groups, none sooner than 200 ms "
        "after the one before, but one by one in HTTP/1.0: a hop lets the kernel wait for more"
    )
