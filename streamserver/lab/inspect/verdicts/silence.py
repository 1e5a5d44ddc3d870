"""Heartbeats: something has to arrive before an idle timeout on the way ends the connection."""

from itertools import pairwise
from typing import NamedTuple

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.figures import count, seconds
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import HEARTBEATS
from streamserver.lab.inspect.verdict import Verdict

NAME = "heartbeats"
SECTION = "WHATWG HTML, section 9.2.7"
LATENESS = 0.25
"""Seconds by which a heartbeat may be late."""


class Silence(NamedTuple):
    """A time without a byte."""

    begin: float
    end: float

    @property
    def length(self) -> float:
        """Its length in seconds."""
        return self.end - self.begin


def longest_silence(message: Message) -> Silence:
    """The longest time without a byte between the head and the end of the recording."""
    recording = message.recording
    times = [message.head_at, *(one.at for one in message.pieces), recording.ended]
    return max((Silence(a, b) for a, b in pairwise(times)), key=lambda one: one.length)


def judge_heartbeats(evidence: Evidence) -> Verdict:
    """Whether a silent stream sends something within ``evidence.idle`` seconds."""
    idle, message = evidence.idle, evidence.main
    if not idle:
        return Verdict(NAME, "not asked", "--idle SECONDS sets the longest silence", SECTION)
    silence = longest_silence(message)
    comments = sum(one.is_comment for one in message.events)
    bound = idle + LATENESS + 2 * message.recording.stalled
    seen = (
        f"the longest silence was {seconds(silence.length)}, from {seconds(silence.begin)} after "
        f"the request, with {count(comments, 'comments')} in all"
    )
    if silence.length > bound:
        return Verdict(NAME, "wrong", f"{seen}, where {idle:g} s are allowed", SECTION, HEARTBEATS)
    if comments:
        return Verdict(NAME, "ok", seen, SECTION)
    advice = f"whether heartbeats fill a silence of {idle:g} s was not to be seen"
    return Verdict(NAME, "not seen", f"{seen}: {advice}", SECTION)
