"""Compression without flushing: bytes arrive, and what they mean only with later ones.

An encoder collects its input until it is flushed. A flushed one ends each write so that everything
so far can be decoded.
"""

from streamserver.lab.inspect.arrivals import read_body
from streamserver.lab.inspect.codings import MALFORMED
from streamserver.lab.inspect.delivery import APART, Delivery, delivery, late, tolerance
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.figures import count
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.remedies import COMPRESSION, server
from streamserver.lab.inspect.verdict import Verdict
from streamserver.wire.fields import content_codings

NAME = "compression"
SECTION = "RFC 9110, section 8.4.1"


def coding(message: Message) -> str:
    """The content codings of the body; "" without one."""
    values = [value for name, value in message.fields if name == "content-encoding"]
    return ", ".join(content_codings(", ".join(values)))


def judge_compression(evidence: Evidence) -> Verdict:
    """Whether each event can be decoded when its bytes arrive."""
    main, identity = evidence.main, evidence.identity
    name = coding(main)
    if not name:
        return Verdict(NAME, "ok", "the body has no content coding", SECTION)
    if main.undecoded:
        return Verdict(NAME, "not seen", main.undecoded, SECTION)
    if main.problem.startswith(MALFORMED):
        seen = f"Content-Encoding is {name}, and {main.problem}"
        return Verdict(NAME, "wrong", seen, SECTION, (server("send the coding that is named"),))
    found = delivery(main)
    if held := _undecodable(main):
        return Verdict(NAME, "wrong", f"{name} is not flushed: {held}", SECTION, COMPRESSION)
    if found.kind == "direct":
        return Verdict(NAME, "ok", f"{name} is flushed: {found.evidence}", SECTION)
    plain = delivery(identity) if identity and not coding(identity) else None
    if plain and plain.kind == "direct" and (found.kind == "held" or _comes_late(main)):
        seen = f"with {name}, {found.evidence}; without it, {plain.evidence}"
        return Verdict(NAME, "wrong", seen, SECTION, COMPRESSION)
    return Verdict(NAME, "not seen", _unclear(name, found, plain), SECTION)


def _unclear(name: str, found: Delivery, plain: Delivery | None) -> str:
    if plain is not None and plain.kind == "held":
        return f"the body is held back without {name} too, see buffering"
    return f"with {name}, {found.evidence}: inspect an endpoint that sends events one by one"


def _undecodable(message: Message) -> str:
    """Pauses at which bytes had arrived that could not be decoded to whole events; "" if there
    are none, or too few for a judgement."""
    body = read_body(message)
    if not body.kind:
        return ""
    groups = body.groups(tolerance(message))
    pauses = groups[:-1]
    cut = [one.cut for one in pauses if one.cut]
    if cut.count("line") < 2 or 2 * len(cut) <= len(pauses):
        return ""
    return (
        f"at {len(cut)} of {count(len(pauses), 'pauses')} the bytes that had arrived ended within "
        "an event"
    )


def _comes_late(message: Message) -> bool:
    """Whether nothing could be decoded for long, and then all events at once."""
    body = read_body(message)
    if body.events < 3 or len(body.groups(APART)) > 1:
        return False
    return body.arrivals[0].at > late(message)
