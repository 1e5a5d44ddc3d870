"""Cuts at a round number of seconds: a timer on the way ended the stream, not the server.

The time counts from the last byte for an idle timer, and from the request for the limit of a whole
response. A stream that ended by itself shows no timer that is longer.
"""

from streamserver.lab.inspect.arrivals import read_body
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
        seen = f"the stream {was} after {lasted}: --for 130 shows the timers that are usual"
        return Verdict(NAME, "not seen", seen, SECTION)
    last = max([message.head_at, *(one.at for one in message.pieces)])
    idle = recording.ended - last
    stalled = recording.stalled
    if is_round(idle, DELAY + stalled, stalled):
        seen = f"the stream was cut {lasted} after the request, {seconds(idle)} after its last byte"
        return Verdict(NAME, "wrong", seen + _likely(idle, is_idle=True), SECTION, CUT)
    if is_round(recording.ended, late=stalled):
        seen = f"the stream was cut {lasted} after the request, {seconds(idle)} after its last byte"
        return Verdict(NAME, "wrong", seen + _likely(recording.ended, False), SECTION, CUT)
    if (again := _same_again(evidence)) is not None:
        seen = f"the stream was cut {lasted} after the request, and {seconds(again)} after another"
        return Verdict(NAME, "wrong", f"{seen}: a timer does so", SECTION, CUT)
    seen = f"the stream was cut {lasted} after the request, which is no round time: see end"
    return Verdict(NAME, "not seen", seen, SECTION)


def _is_cut(message: Message) -> bool:
    """Whether the connection ended before the stream did."""
    end = message.recording.end
    if end == "reset":
        return not message.is_complete
    if end not in ("closed", "complete"):
        return False
    if message.is_complete or message.framing == "close":
        return read_body(message).is_unfinished
    return end == "closed"


def _likely(value: float, is_idle: bool) -> str:
    """The products with such a timer."""
    names = culprits(value, is_idle)
    kind = "an idle timer" if is_idle else "a limit of the whole response"
    if not names:
        return f": {kind} of {value:.0f} s"
    return f": {kind} of {value:.0f} s is the default of {' and of '.join(names)}"


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
