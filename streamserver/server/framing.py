"""The head of a response, and how the client finds the end of its body."""

from typing import Literal

from streamserver.server.answer import Answer, FileRegion
from streamserver.wire.fields import split_list
from streamserver.wire.heads import Fields
from streamserver.wire.request_heads import RequestHead
from streamserver.wire.response_heads import is_bodiless, response_head

Framing = Literal["none", "length", "chunked", "coded", "close"]
"""How the client finds the end of the body (RFC 9112, section 6.3). ``none``: there is no body,
even if the fields describe one. ``length``: by Content-Length. ``chunked``: by the last-chunk;
``coded``: as well, and the chunks contain what a coder makes of the pieces. ``close``: by the end
of the connection, the only way for a stream over HTTP/1.0."""

Framed = tuple[bytes, Framing, int, bool]
"""A head ready to be sent; the framing of its body, and the length where that is known; whether
the connection is kept."""

REQUEST_ID = "x-request-id"

_ENGINE_FIELDS = frozenset(
    ("connection", "content-length", "date", "transfer-encoding", REQUEST_ID)
)


def frame(request: RequestHead, answer: Answer, date: str, keep_alive: bool, id: str) -> Framed:
    """Write the head of ``answer``, with the date and the id of the request unless it has its own.
    ValueError for a status that cannot be final, for fields that would break the message, and for
    a Content-Length that contradicts the body."""
    status = answer.status
    if status < 200:
        raise ValueError(f"a final status is 200 or more, not {status}")
    given: Fields = answer.headers.items()
    declared = None
    for name, _ in given:
        if name in _ENGINE_FIELDS:
            given, declared, date, id, wants_close = _separate(given, date, id)
            keep_alive = keep_alive and not wants_close
            break
    bodiless = is_bodiless(request.method, status)
    body = answer.body
    length = len(body) if isinstance(body, bytes) else None
    if isinstance(body, FileRegion):
        length = body.count
    if declared is not None:
        length = _length(declared, length, bodiless)
    if status == 205:  # it has no content (RFC 9110, section 15.3.6)
        bodiless, length = True, 0
    framing: Framing = "none" if bodiless else "length"
    own = (f"date: {date}\r\n" if date else "") + (f"x-request-id: {id}\r\n" if id else "")
    if length is None and not bodiless:
        framing = "chunked" if request.minor else "close"
        keep_alive = keep_alive and request.minor == 1
    if length is not None and status != 204 and (status != 304 or declared is not None):
        own += f"content-length: {length}\r\n"
    elif framing == "chunked":
        own += "transfer-encoding: chunked\r\n"
    if not keep_alive:
        own += "connection: close\r\n"
    elif not request.minor:
        own += "connection: keep-alive\r\n"
    head = response_head(status, given, own, answer.headers.are_well_formed)
    return head, framing, length or 0, keep_alive


def _separate(given: Fields, date: str, id: str) -> tuple[Fields, str | None, str, str, bool]:
    """The handler's fields without those that the engine writes itself; of these the declared
    Content-Length, the date and the id that are still to be written, and whether Connection says
    close."""
    declared = None
    wants_close = False
    others: Fields = []
    for name, value in given:
        if name == "content-length":
            declared = value if declared is None else f"{declared}, {value}"
        elif name == "connection":
            wants_close = wants_close or "close" in split_list(value.lower())
        elif name == "date":
            date = ""
            others.append((name, value))
        elif name == "transfer-encoding":
            raise ValueError("the engine writes Transfer-Encoding: leave it out of the headers")
        elif name == REQUEST_ID:
            id = ""
            others.append((name, value))
        else:
            others.append((name, value))
    return others, declared, date, id, wants_close


def _length(declared: str, known: int | None, bodiless: bool) -> int:
    """The length that a handler has declared, checked against the length of the body."""
    if not (declared.isascii() and declared.isdigit()):
        raise ValueError(f"Content-Length must be decimal digits, not {declared!r}")
    if known is None or int(declared) == known or bodiless:
        return int(declared)
    raise ValueError(f"Content-Length is {declared}, but the body has {known} bytes")
