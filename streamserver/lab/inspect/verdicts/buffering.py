"""Buffering: events that were held back and delivered together.

A coded body is judged by the same request without a coding, since an encoder that is not flushed is
a fault of its own (``compression``).
"""

from itertools import pairwise

from streamserver.lab.inspect.arrivals import read_body
from streamserver.lab.inspect.delivery import APART, Delivery, delivery
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.figures import seconds
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import BUFFERING
from streamserver.lab.inspect.verdict import Verdict
from streamserver.lab.inspect.verdicts.compression import coding

NAME = "buffering"
SECTION = "RFC 9112, section 7.1"
CORK = 0.2
"""Seconds for which Linux holds back small writes that announce more (MSG_MORE)."""
CORK_ERROR = (0.005, 0.03)
"""Seconds by which the head may come earlier and later."""
HOW_TO_SEE = (
    "inspect an endpoint that sends a small event each 0.2 s for some seconds, as the lab's target "
    "does at /sse?rate=5&count=30&stamp=1"
)


def judge_buffering(evidence: Evidence) -> Verdict:
    """Whether something collects events before it delivers them."""
    messages = _comparable(evidence)
    if not messages:
        return Verdict(NAME, "not seen", "the body is coded: see compression", SECTION)
    found = [delivery(one) for one in messages]
    first = found[0]
    if first.kind == "held" and _is_confirmed(first, found[1:]):
        return Verdict(NAME, "wrong", first.evidence, SECTION, BUFFERING)
    if first.kind == "held":
        seen = f"{first.evidence}; {found[1].evidence} when it was asked again"
        return Verdict(NAME, "not seen", f"{seen}: inspect it once more", SECTION)
    if first.kind == "unknown" and (corked := _corked(messages)):
        return Verdict(NAME, "wrong", corked, SECTION, BUFFERING)
    if first.kind == "direct":
        return Verdict(NAME, "ok", first.evidence, SECTION)
    return Verdict(NAME, "not seen", f"{first.evidence}; {HOW_TO_SEE}", SECTION)


def _comparable(evidence: Evidence) -> list[Message]:
    """The recordings of the same request that no coding hides."""
    both = (evidence.main, evidence.identity)
    found = [one for one in both if one and one.status == 200 and not coding(one)]
    return found or ([evidence.main] if delivery(evidence.main).kind == "direct" else [])


def _is_confirmed(first: Delivery, others: list[Delivery]) -> bool:
    """Whether no other recording contradicts. Where all was held until the end, another one has
    to show the same: a server may be slow once."""
    needed = ("held",) if first.is_whole else ("held", "unknown")
    return all(one.kind in needed for one in others)


def _corked(messages: list[Message]) -> str:
    """The pattern of a hop whose kernel waits for more after each write; "" if it is not there.

    The head comes 200 ms late in each recording, and events in groups that are further apart.
    """
    earlier, later = CORK_ERROR
    if len(messages) < 2 or any(
        not CORK - earlier <= one.head_at <= CORK + later for one in messages
    ):
        return ""
    for one in messages:
        groups = read_body(one).groups(APART)
        joined = [group for group in groups if group.events > 1]
        starts = [group.first for group in groups]
        if len(joined) < 3 or 2 * len(joined) < len(groups):
            return ""
        if any(b - a < CORK - earlier for a, b in pairwise(starts[:-1])):
            return ""
    heads = " and ".join(seconds(one.head_at) for one in messages)
    return (
        f"the head came after {heads}, and events in groups, none sooner than 200 ms after the one "
        "before: a hop lets the kernel wait for more to send"
    )
