"""Compression without flushing: bytes arrive, and what they mean only with later ones.

An encoder collects its input until it is flushed. A flushed one ends each write so that everything
so far can be decoded.
"""

from streamserver.lab.inspect.arrivals import read_body
from streamserver.lab.inspect.codings import MALFORMED
from streamserver.lab.inspect.delivery import APART, delivery, late, tolerance
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import COMPRESSION, server
from streamserver.lab.inspect.verdict import Finding, count
from streamserver.wire.fields import content_codings


def coding(message: Message) -> str:
    """The content codings of the body; "" without one."""
    return ", ".join(content_codings(message.value("content-encoding")))


def judge_compression(evidence: Evidence) -> Finding:
    """Whether each event can be decoded when its bytes arrive."""
    main, identity = evidence.main, evidence.identity
    name = coding(main)
    if not name:
        return Finding("ok", "the body has no content coding")
    if main.undecoded:
        return Finding("not seen", main.undecoded)
    if main.problem.startswith(MALFORMED):
        seen = f"Content-Encoding is {name}, and {main.problem}"
        return Finding("wrong", seen, (server("send the coding that is named"),))
    if held := _undecodable(main):
        return Finding("wrong", f"{name} is not flushed: {held}", COMPRESSION)
    found = delivery(main)
    if found.kind == "direct":
        return Finding("ok", f"{name} is flushed: {found.evidence}")
    plain = delivery(identity) if identity and not coding(identity) else None
    if plain and plain.kind == "direct" and (found.kind == "held" or _comes_late(main)):
        seen = f"with {name}, {found.evidence}; without it, {plain.evidence}"
        return Finding("wrong", seen, COMPRESSION)
    if plain and plain.kind == "held":
        return Finding("not seen", f"the body is held back without {name} too, see buffering")
    advice = "inspect an endpoint that sends events one by one"
    return Finding("not seen", f"with {name}, {found.evidence}: {advice}")


def _undecodable(message: Message) -> str:
    """Pauses at which bytes had arrived that could not be decoded to whole events; "" if there
    are none, or too few for a judgement."""
    body = read_body(message)
    pauses = body.groups(tolerance(message))[:-1]
    cut = [one.cut for one in pauses if one.cut]
    if not body.kind or cut.count("line") < 2 or 2 * len(cut) <= len(pauses):
        return ""
    of = f"{len(cut)} of {count(len(pauses), 'pauses')}"
    return f"at {of} the bytes that had arrived ended within an event"


def _comes_late(message: Message) -> bool:
    """Whether nothing could be decoded for long, and then all events at once."""
    body = read_body(message)
    if body.events < 3 or len(body.groups(APART)) > 1:
        return False
    return body.arrivals[0].at > late(message)
