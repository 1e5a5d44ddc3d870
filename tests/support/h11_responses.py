"""Responses as h11 reads them, in the form of ours.

As for requests, we refuse what h11 refuses, and read the same in what it accepts, except for the
listed leniencies. What a recipient of responses has to repair is repaired before h11 reads it.
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
    leniency_of_framing,
    leniency_of_lines,
)
from support.repairs import repaired
from support.request_heads import EMPTY_LINE, LIMIT
from support.responses import Received, receive

Event = h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]


def events(data: bytes, method: str) -> Iterator[tuple[Event, h11.Connection]]:
    """The events of an h11 client that receives ``data``, up to the end of the response."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LIMIT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    event: Event = h11.PAUSED
    while not isinstance(event, h11.EndOfMessage) and event is not h11.NEED_DATA:
        event = connection.next_event()
        yield event, connection


def read_with_h11(data: bytes, method: str) -> Received | None:
    """The response as h11 reads it, if the connection ends behind it; None if h11 refuses it."""
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
    return Received(heads, body, end or at_the_end(connection))


def at_the_end(connection: h11.Connection) -> End | None:
    """The end of a response that ends with the connection; None if it is cut."""
    connection.receive_data(b"")
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    assert isinstance(event, h11.EndOfMessage)
    return End((), b"")


def stays(head: ResponseHead) -> bool:
    """Whether an HTTP/1.0 upstream keeps its connection, which h11 does not support."""
    options = connection_options(head.fields)
    return not head.minor and "keep-alive" in options and "close" not in options


def head_of(event: h11.InformationalResponse | h11.Response) -> ResponseHead:
    """The head in our form, without length and persistence, which h11 reports later."""
    minor = int(event.http_version != b"1.0")
    return ResponseHead(event.status_code, fields_of(event), minor)


def fields_of(event: h11.InformationalResponse | h11.Response | h11.EndOfMessage) -> Fields:
    """The fields, or trailer fields, as text."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]


def leniency(data: bytes, method: str) -> str | None:
    """The first leniency of h11 in a response."""
    while data:
        head, end, data = data.partition(EMPTY_LINE)
        head += end
        lines = field_lines(head)
        line = re.match(rb"HTTP/1\.([0-9]) (...)", head)
        if not line:
            return "another version" if head.startswith(b"HTTP/") else None
        name = leniency_of_lines(head) or leniency_of_framing(lines, int(line[1]))
        if name:
            return name
        if line[2] >= b"200":
            bodiless = method == "HEAD" or line[2] in (b"204", b"304")
            is_chunked = b"transfer-encoding" in dict(lines)
            return h11_chunked.leniency(data) if is_chunked and not bodiless else None
    return None


def compare(data: bytes, method: str = "GET", pieces: list[bytes] | None = None) -> None:
    """Compare our reading of a response, whole or in ``pieces``, with that of h11."""
    strict = repaired(data, method)
    theirs, ours = read_with_h11(strict, method), receive(pieces or [data], method)
    if theirs is None or leniency(strict, method):
        assert ours is None or ours.end is None, f"accepted, not refused: {data!r}"
    elif theirs.end is None:
        assert ours is None or ours.end is None, f"ended, though it is cut: {data!r}"
    else:
        assert ours is not None, f"refused: {data!r}"
        *interim, final = [in_the_form_of_h11(head) for head in ours.heads]
        heads = [*(head._replace(keep_alive=True) for head in interim), final]
        assert Received(heads, ours.data, ours.end) == theirs, data


def in_the_form_of_h11(head: ResponseHead) -> ResponseHead:
    """Our head without the length, which h11 does not report."""
    return head._replace(fields=coding_in_lower_case(head.fields), length=0)
