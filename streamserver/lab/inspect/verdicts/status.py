"""The status: whether there is a stream to judge."""

from streamserver.lab.inspect.arrivals import why_no_stream
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.figures import seconds
from streamserver.lab.inspect.record import method_of
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import HEAD, server
from streamserver.lab.inspect.verdict import Remedy, Verdict

NAME = "status"
SECTION = "RFC 9110, section 15"

_HOPS = {
    502: "a hop got no valid response from its upstream",
    503: "the server or a hop is overloaded or has no upstream",
    504: "a hop waited too long for its upstream",
}


def judge_status(evidence: Evidence) -> Verdict:
    """Whether the server sent the stream that was asked for."""
    message = evidence.main
    status = message.status
    if not status:
        return _without_head(message)
    after = f"the status is {status}, after {seconds(message.head_at)}"
    if status == 200 and (why := why_no_stream(message)):
        return Verdict(NAME, "not seen", f"{after}: {why}", SECTION)
    if status == 200:
        return Verdict(NAME, "ok", after, SECTION)
    if status >= 500:
        why = _HOPS.get(status, "the server failed")
        return Verdict(NAME, "wrong", f"{after}: {why}", SECTION, _repair(status))
    return Verdict(NAME, "not seen", f"{after}: {_explain(status)}", SECTION)


def _without_head(message: Message) -> Verdict:
    recording = message.recording
    why = recording.detail or message.problem or f"the connection ended ({recording.end})"
    seen = f"no response head arrived: {why}"
    if recording.end == "timeout" and method_of(recording.request) == "GET":
        held = "something may hold the head back until there is more to send"
        return Verdict(NAME, "wrong", f"{seen}; {held}", SECTION, HEAD)
    if "CERTIFICATE_VERIFY_FAILED" in why:
        seen += "; --ca FILE trusts its issuer, --insecure accepts any certificate"
    return Verdict(NAME, "not seen", seen, SECTION)


def _explain(status: int) -> str:
    if status in (401, 403):
        return "inspect with the credentials that the server asks for"
    if status == 204:
        return "there is no content, and an EventSource does not reconnect"
    if status < 300:
        return "it is no stream that was asked for"
    if status < 400:
        return "inspect the target of the redirect"
    return "the server refuses this request"


def _repair(status: int) -> tuple[Remedy, ...]:
    if status in _HOPS:
        return (server("see the error log of the hop that sent it, then that of its upstream"),)
    return (server("see the error log of the server"),)
