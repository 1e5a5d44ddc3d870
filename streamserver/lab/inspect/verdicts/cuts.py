"""Cuts at a round number of seconds: a timer on the way ended the stream, not the server.

The time counts from the last byte for an idle timer, and from the request for the limit of a whole
response. A stream that ended by itself shows no timer that is longer.
"""

from itertools import pairwise
from statistics import median

from streamserver.lab.inspect.arrivals import is_unfinished
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.figures import seconds
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import CUT
from streamserver.lab.inspect.timers import culprits, is_round
from streamserver.lab.inspect.verdict import Verdict

NAME = "cut"
SECTION = "RFC 9112, section 8"
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


def judge_cut(evidence: Evidence) -> Verdict:
    """Whether something on the way cut the stream after a round number of seconds."""
    message = evidence.main
    recording = message.recording
    lasted = seconds(recording.ended)
    if not _is_cut(message):
        if recording.ended >= ENOUGH:
            return Verdict(NAME, "ok", f"the stream lasted {lasted} without a cut", SECTION)
        was = "ended by itself" if message.is_complete else "was open"
        if recording.end == "closed":
            was = "was closed"
        longer = "--for 130s" if was == "was open" else "a longer stream and --for 130s"
        seen = f"the stream {was} after {lasted}: {longer} would show the usual timers"
        return Verdict(NAME, "not seen", seen, SECTION)
    if timer := _timer(message):
        return Verdict(NAME, "wrong", f"{_when(message)}: {timer}", SECTION, CUT)
    if (again := _same_again(evidence)) is not None:
        seen = f"the stream was cut {lasted} after the request, and {seconds(again)} after another"
        return Verdict(NAME, "wrong", f"{seen}: a timer does so", SECTION, CUT)
    seen = f"{_when(message)}, which shows no timer: see end"
    return Verdict(NAME, "not seen", seen, SECTION)


def _times(message: Message) -> list[float]:
    """The times of the head and of each piece."""
    return [message.head_at, *(one.at for one in message.pieces)]


def _when(message: Message) -> str:
    ended = message.recording.ended
    idle = seconds(ended - _times(message)[-1])
    return f"the stream was cut {seconds(ended)} after the request, {idle} after its last byte"


def _timer(message: Message) -> str:
    """The timer that fires at such a time; "" if none is probable.

    An idle timer would have ended an earlier silence that was as long. A producer may fail when its
    next event is due, which for events each second is at a round time as well.
    """
    ended, stalled, times = message.recording.ended, message.recording.stalled, _times(message)
    idle, gaps = ended - times[-1], [b - a for a, b in pairwise(times)]
    if is_round(idle, DELAY + stalled, stalled) and max(gaps, default=0.0) < LESS * idle:
        return _likely(idle, is_idle=True)
    is_due = len(gaps) > 1 and idle >= SLOW and LESS * idle <= median(gaps) <= idle / LESS
    if is_round(ended, late=stalled) and not (ended < LONG and is_due):
        return _likely(ended, is_idle=False)
    return ""


def _is_cut(message: Message) -> bool:
    """Whether the connection ended before the stream did."""
    end = message.recording.end
    if end == "reset":
        return not message.is_complete
    if end not in ("closed", "complete"):
        return False
    if message.is_complete or message.framing == "close":
        return is_unfinished(message)
    return end == "closed"


def _likely(value: float, is_idle: bool) -> str:
    """The products with such a timer."""
    names = culprits(value, is_idle)
    kind = "an idle timer" if is_idle else "a limit of the whole response"
    if not names:
        return f"{kind} of {value:.0f} s"
    return f"{kind} of {value:.0f} s is the default of {' and of '.join(names)}"


def _same_again(evidence: Evidence) -> float | None:
    """The time at which another recording of the request was cut as well; None if none was."""
    ended = evidence.main.recording.ended
    others = (evidence.identity, evidence.repeated)
    for other in others:
        if other is not None and _is_cut(other):
            bound = 0.25 + 2 * max(other.recording.stalled, evidence.main.recording.stalled)
            if ended >= 1 and abs(other.recording.ended - ended) <= bound:
                return other.recording.ended
    return None
