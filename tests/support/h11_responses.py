"""Responses as h11 has them, in our words, save for the liberties that have a name.

As for requests, whatever it refuses we refuse, and whatever it takes means the same to us. What a
recipient of responses has to repair is repaired before h11 reads it.
"""

import re
from collections.abc import Iterator

import h11

from streamserver.wire.chunked import End
from streamserver.wire.heads import Fields
from streamserver.wire.response_heads import ResponseHead
from support import h11_chunked
from support.h11_heads import (
    coding_in_lower_case,
    connection_options,
    field_lines,
    liberty_of_framing,
    liberty_of_lines,
)
from support.repairs import repaired
from support.request_heads import EMPTY_LINE, LIMIT
from support.responses import Heard, hear

Event = h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]


def events(data: bytes, method: str) -> Iterator[tuple[Event, h11.Connection]]:
    """What happens to a client of h11's that asked and hears this, up to the response's end."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LIMIT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    event: Event = h11.PAUSED
    while not isinstance(event, h11.EndOfMessage) and event is not h11.NEED_DATA:
        event = connection.next_event()
        yield event, connection


def ask_h11(data: bytes, method: str) -> Heard | None:
    """What h11 makes of the same bytes, behind which the connection ends; None: refused."""
    heads, body, end, keeps = list[ResponseHead](), b"", None, False
    try:
        for event, connection in events(data, method):
            if isinstance(event, h11.InformationalResponse | h11.Response):
                heads.append(head_of(event))
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                end = End(tuple(fields_of(event)), connection.trailing_data[0])
                keeps = connection.their_state is not h11.MUST_CLOSE or stays(heads[-1])
    except h11.RemoteProtocolError:
        return None
    if heads:
        heads[-1] = heads[-1]._replace(keep_alive=keeps)
    return Heard(heads, body, end or at_the_end(connection))


def at_the_end(connection: h11.Connection) -> End | None:
    """What becomes of a response that has not ended when the connection does."""
    connection.receive_data(b"")
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    assert isinstance(event, h11.EndOfMessage)
    return End((), b"")


def stays(head: ResponseHead) -> bool:
    """A HTTP/1.0 upstream that says so keeps its connection: to h11 it does not."""
    options = connection_options(head.fields)
    return not head.minor and "keep-alive" in options and "close" not in options


def head_of(event: h11.InformationalResponse | h11.Response) -> ResponseHead:
    """The head in our words; how long its body is, and whether it is the last, shows later."""
    minor = int(event.http_version != b"1.0")
    return ResponseHead(event.status_code, fields_of(event), minor)


def fields_of(event: h11.InformationalResponse | h11.Response | h11.EndOfMessage) -> Fields:
    """The fields, or trailer fields, as text."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]


def liberty(data: bytes, method: str) -> str | None:
    """The first liberty that a response takes which h11 lets pass, and we don't."""
    while data:
        head, end, data = data.partition(EMPTY_LINE)
        head += end
        lines = field_lines(head)
        line = re.match(rb"HTTP/1\.([0-9]) (...)", head)
        if not line:
            return "another version" if head.startswith(b"HTTP/") else None
        name = liberty_of_lines(head) or liberty_of_framing(lines, int(line[1]))
        if name:
            return name
        if line[2] >= b"200":
            bodiless = method == "HEAD" or line[2] in (b"204", b"304")
            is_chunked = b"transfer-encoding" in dict(lines)
            return h11_chunked.liberty(data) if is_chunked and not bodiless else None
    return None


def compare(data: bytes, method: str = "GET", pieces: list[bytes] | None = None) -> None:
    """Hold our reading of a whole response and more to h11's, as it is or in these pieces."""
    strict = repaired(data, method)
    theirs, ours = ask_h11(strict, method), hear(pieces or [data], method)
    if theirs is None or liberty(strict, method):
        assert ours is None or ours.end is None, f"taken, though it should be refused: {data!r}"
    elif theirs.end is None:
        assert ours is None or ours.end is None, f"ended, though it is cut: {data!r}"
    else:
        assert ours is not None, f"refused: {data!r}"
        *interim, final = [as_h11_says_it(head) for head in ours.heads]
        heads = [*(head._replace(keep_alive=True) for head in interim), final]
        assert Heard(heads, ours.data, ours.end) == theirs, data


def as_h11_says_it(head: ResponseHead) -> ResponseHead:
    """Our head without the length, which shows in the body."""
    return head._replace(fields=coding_in_lower_case(head.fields), length=0)
