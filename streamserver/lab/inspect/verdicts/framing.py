"""The framing of the body: how its end is known (RFC 9112, section 6.3)."""

from streamserver.lab.inspect.arrivals import declared_kind, kind_of
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import LENGTH, OLD_HTTP
from streamserver.lab.inspect.verdict import Finding
from streamserver.lab.target.streams import OLD_REQUEST

LENGTH_SECTION = "RFC 9112, section 6.3"
OLD_SECTION = "RFC 9112, section 6.1"


def judge_framing(evidence: Evidence) -> Finding:
    """Whether the body is chunked, as a stream in HTTP/1.1 is."""
    message, old = evidence.main, evidence.old
    if message.version == "HTTP/1.0":
        seen = "the response is HTTP/1.0, in which a stream can only end with its connection"
        return Finding("wrong", seen, OLD_HTTP, OLD_SECTION)
    if message.framing == "length":
        return _of_length(message)
    if message.framing == "close":
        seen = "the body ends with the connection: a client cannot distinguish its end from a cut"
        return Finding("wrong", seen, OLD_HTTP, LENGTH_SECTION)
    if message.value(OLD_REQUEST):
        seen = (
            "a hop requested the stream in HTTP/1.0, where it cannot distinguish its end from a cut"
        )
        return Finding("wrong", seen, OLD_HTTP, OLD_SECTION)
    if old is not None and (fault := _fault_of_old(old)):
        seen = f"the body is chunked, but the response to an HTTP/1.0 request {fault}"
        return Finding("wrong", seen, OLD_HTTP, OLD_SECTION)
    return Finding("ok", f"the body is chunked, in {message.version}")


def _of_length(message: Message) -> Finding:
    """An event stream of known length was complete before it began; a file of JSON lines may be."""
    length = f"Content-Length is {message.value('content-length')}"
    if kind_of(message) == "events":
        seen = f"{length}: it can be known only when all events exist"
        return Finding("wrong", seen, LENGTH, LENGTH_SECTION)
    return Finding("not seen", f"{length}, as for a document that is complete", (), LENGTH_SECTION)


def _fault_of_old(old: Message) -> str:
    """What is wrong with the response to an HTTP/1.0 request, as some hops send them upstream; ""
    if nothing is."""
    if old.framing == "chunked":
        return "is chunked too, which its client cannot read"
    if old.framing == "length" and old.status == 200 and declared_kind(old) == "events":
        return "has a Content-Length: a hop that speaks HTTP/1.0 gets all events at the end"
    return ""
