"""The framing of the body: how its end is known (RFC 9112, section 6.3)."""

from streamserver.lab.inspect.arrivals import apparent_kind, declared_kind
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import LENGTH, OLD_HTTP
from streamserver.lab.inspect.verdict import Verdict
from streamserver.lab.target.streams import OLD_REQUEST

NAME = "framing"
SECTION = "RFC 9112, section 7.1"
LENGTH_SECTION = "RFC 9112, section 6.3"
OLD_SECTION = "RFC 9112, section 6.1"


def judge_framing(evidence: Evidence) -> Verdict:
    """Whether the body is chunked, as a stream in HTTP/1.1 is."""
    message, old = evidence.main, evidence.old
    fields = dict(message.fields)
    if message.version == "HTTP/1.0":
        seen = "the response is HTTP/1.0, in which a stream can only end with its connection"
        return Verdict(NAME, "wrong", seen, OLD_SECTION, OLD_HTTP)
    if message.framing == "length":
        return _of_known_length(evidence, fields.get("content-length", "?"))
    if message.framing == "close":
        seen = "the body ends with the connection: a client cannot tell its end from a cut"
        return Verdict(NAME, "wrong", seen, LENGTH_SECTION, OLD_HTTP)
    if OLD_REQUEST in fields and b" HTTP/1.0\r\n" not in message.recording.request:
        seen = "a hop requested the stream in HTTP/1.0, where it cannot tell its end from a cut"
        return Verdict(NAME, "wrong", seen, OLD_SECTION, OLD_HTTP)
    if old is not None and (fault := _fault_of_old(old)):
        seen = f"the body is chunked, but the response to an HTTP/1.0 request {fault}"
        return Verdict(NAME, "wrong", seen, OLD_SECTION, OLD_HTTP)
    return Verdict(NAME, "ok", f"the body is chunked, in {message.version}", SECTION)


def _fault_of_old(old: Message) -> str:
    """What is wrong with the response to an HTTP/1.0 request, as some hops send them upstream; ""
    if nothing is."""
    if old.framing == "chunked":
        return "is chunked too, which its client cannot read"
    if old.framing == "length" and old.status == 200 and declared_kind(old) == "events":
        return "has a Content-Length: a hop that speaks HTTP/1.0 gets all events at the end"
    return ""


def _of_known_length(evidence: Evidence, length: str) -> Verdict:
    """An event stream of known length was complete before it began; a file of JSON lines may be."""
    message = evidence.main
    kind = declared_kind(message) or apparent_kind(message)
    if kind == "events":
        seen = f"Content-Length is {length}: who knows the length has all events before the first"
        return Verdict(NAME, "wrong", seen, LENGTH_SECTION, LENGTH)
    seen = f"Content-Length is {length}, as for a document that is complete"
    return Verdict(NAME, "not seen", seen, LENGTH_SECTION)
