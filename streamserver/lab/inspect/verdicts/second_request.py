"""What a second request gets after the first one was aborted.

A server that does not notice that its client has left completes work without a reader. Where one
worker, lock or connection serves one answer at a time, the client that reloads has to wait for it.
"""

from itertools import pairwise

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.resuming import is_late
from streamserver.lab.inspect.verdict import Finding, Remedy, Status, seconds

TOO_MANY = 429
REMEDIES = (
    Remedy(
        "server",
        "cancel the work of a request when its connection ends, also while nothing is written, and"
        " serve other requests meanwhile: several workers or threads, or an event loop",
    ),
    Remedy("nginx", "proxy_ignore_client_abort off; (default), which ends the upstream request"),
    Remedy("HAProxy", "option abortonclose, which also ends requests that wait in a queue"),
    Remedy("gunicorn", "--worker-class gthread --threads N, or an asynchronous worker"),
)


def judge_second_request(evidence: Evidence) -> Finding:
    """Whether the request is answered as before, after one was aborted in its middle."""
    if not evidence.may_repeat:
        seen = "the request is not safe and was sent once; --repeat permits to send it again"
        return Finding("not asked", seen)
    repeated = evidence.repeated
    if repeated is None:
        return Finding("not seen", "no request was aborted in the middle of its response")
    if not repeated.status and repeated.recording.end != "timeout":
        why = repeated.recording.detail or repeated.problem or repeated.recording.end
        return Finding("wrong", f"sent again, the same request failed: {why}", REMEDIES)
    status, seen = _judge(evidence.main, repeated)
    seen = f"after a request that was aborted, the same one {seen}"
    return Finding(status, seen, REMEDIES if status == "wrong" else ())


def _judge(main: Message, repeated: Message) -> tuple[Status, str]:
    recording = repeated.recording
    before = f"; the first one got its head after {seconds(main.head_at)}"
    if recording.end == "timeout":
        return "wrong", f"got no response within {seconds(recording.ended)}{before}"
    if repeated.status == TOO_MANY:
        return "not seen", f"got a {TOO_MANY}, which may be a limit of the rate"
    if repeated.status != main.status and repeated.status >= 400:
        return "wrong", f"got a {repeated.status}; the first one got a {main.status}"
    if is_late(repeated, main):
        return "wrong", f"got its head after {seconds(repeated.head_at)}{before}"
    waited = recording.ended - repeated.head_at
    if main.events and not repeated.events and recording.end == "stopped":
        if waited > 3 * _longest_gap(main):
            return "wrong", f"got its head, but no event within {seconds(waited)}"
        return "not seen", f"got its head, and no event within {seconds(waited)}"
    return "ok", f"got a {repeated.status}, and its head after {seconds(repeated.head_at)}"


def _longest_gap(main: Message) -> float:
    times = [main.head_at, *(one.at for one in main.events), main.recording.ended]
    return max(after - before for before, after in pairwise(times))
