"""Silence, and cuts at a round number of seconds: what timers on the way do to a stream.

An idle timer counts from the last byte, so that heartbeats keep it from firing. The limit of a
whole response counts from the request. A stream that ended by itself shows no timer that is longer.
"""

from itertools import pairwise
from statistics import median

from streamserver.lab.inspect.arrivals import is_unfinished
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import CUT, HEARTBEATS
from streamserver.lab.inspect.timers import is_round, products
from streamserver.lab.inspect.verdict import Finding, count, seconds

LATENESS = 0.25
"""Seconds by which a heartbeat may be late."""
ENOUGH = 125.0
"""Seconds after which none of the usual timers of a response is left."""
LESS = 0.9
"""Share of a time that is clearly less."""
SLOW = 0.2
"""Seconds between events that make the next one's time a cause of its own for the end."""
LONG = 10.0
"""Seconds of timers that are products' defaults, and rarely a producer's error."""
DELAY = 0.1
"""Seconds on the way of the last byte, by which the silence before the cut seems shorter."""


def judge_heartbeats(evidence: Evidence) -> Finding:
    """Whether a silent stream sends something within ``evidence.idle`` seconds."""
    idle, message = evidence.idle, evidence.main
    if not idle:
        return Finding("not asked", "--idle SECONDS sets the longest silence")
    times = [*_times(message), message.recording.ended]
    begin, end = max(pairwise(times), key=lambda one: one[1] - one[0])
    comments = len(message.comments)
    seen = (
        f"the longest silence was {seconds(end - begin)}, from {seconds(begin)} after the request, "
        f"with {count(comments, 'comments')} in all"
    )
    if end - begin > idle + LATENESS + 2 * message.recording.stalled:
        return Finding("wrong", f"{seen}, where {idle:g} s are allowed", HEARTBEATS)
    if comments:
        return Finding("ok", seen)
    advice = f"whether heartbeats fill a silence of {idle:g} s was not to be seen"
    return Finding("not seen", f"{seen}: {advice}")


def judge_cut(evidence: Evidence) -> Finding:
    """Whether something on the way cut the stream after a round number of seconds."""
    message, ended = evidence.main, evidence.main.recording.ended
    if not _is_cut(message):
        return _uncut(message)
    seen = f"the stream was cut {seconds(ended)} after the request"
    last = f"{seen}, {seconds(ended - _times(message)[-1])} after its last byte"
    if timer := _timer(message):
        return Finding("wrong", f"{last}: {timer}", CUT)
    for other in (evidence.identity, evidence.repeated):
        if other is not None and _is_cut(other) and ended >= 1:
            again = other.recording.ended
            stalled = max(other.recording.stalled, message.recording.stalled)
            if abs(again - ended) <= 0.25 + 2 * stalled:
                seen += f", and {seconds(again)} after another: a timer does so"
                return Finding("wrong", seen, CUT)
    return Finding("not seen", f"{last}, which shows no timer: see end")


def _uncut(message: Message) -> Finding:
    lasted = seconds(message.recording.ended)
    if message.recording.ended >= ENOUGH:
        return Finding("ok", f"the stream lasted {lasted} without a cut")
    was = "ended by itself" if message.is_complete else "was open"
    if message.recording.end == "closed":
        was = "was closed"
    longer = "--for 130s" if was == "was open" else "a longer stream and --for 130s"
    return Finding("not seen", f"the stream {was} after {lasted}: {longer} would show timers")


def _times(message: Message) -> list[float]:
    """The times of the head and of each piece."""
    return [message.head_at, *(one.at for one in message.pieces)]


def _is_cut(message: Message) -> bool:
    """Whether the connection ended before the stream did."""
    end = message.recording.end
    if end == "reset":
        return not message.is_complete
    if message.is_complete or message.framing == "close":
        return end in ("closed", "complete") and is_unfinished(message)
    return end == "closed"


def _timer(message: Message) -> str:
    """The timer that fires at such a time; "" if none is probable.

    An idle timer would have ended an earlier silence that was as long. A producer may fail when its
    next event is due, which for events each second is at a round time as well.
    """
    ended, stalled, times = message.recording.ended, message.recording.stalled, _times(message)
    idle, gaps = ended - times[-1], [b - a for a, b in pairwise(times)]
    if is_round(idle, DELAY + stalled, stalled) and max(gaps, default=0.0) < LESS * idle:
        return _likely("an idle timer", idle, is_idle=True)
    is_due = len(gaps) > 1 and idle >= SLOW and LESS * idle <= median(gaps) <= idle / LESS
    if is_round(ended, late=stalled) and not (ended < LONG and is_due):
        return _likely("a limit of the whole response", ended, is_idle=False)
    return ""


def _likely(kind: str, value: float, is_idle: bool) -> str:
    """The timer with the products that have it."""
    names = products(value, is_idle)
    default = f" is the default of {' and of '.join(names)}" if names else ""
    return f"{kind} of {value:.0f} s{default}"
