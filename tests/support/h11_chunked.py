"""Chunked bodies as h11 reads them, in the form of ours, and its leniencies, which we refuse."""

import re

import h11
from hypothesis import strategies as st

from streamserver.wire.chunked import FORBIDDEN_TRAILERS
from support.chunked import Ended, Meaning, Refused, Unfinished


def read_with_h11(body: bytes) -> Meaning:
    """The body as h11 reads it."""
    connection, data = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20), b""
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert isinstance(connection.next_event(), h11.Request)
    if body:  # no bytes at all would be the end of the connection to h11
        connection.receive_data(body)
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return Refused()
        if isinstance(event, h11.EndOfMessage):
            trailers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers)
            return Ended(data, trailers, connection.trailing_data[0])
        if not isinstance(event, h11.Data):
            return Unfinished(data)
        data += bytes(event.data)


TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
QUOTED = rb'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*"'
EXTENSIONS = rb"(?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*" % (TOKEN, TOKEN, QUOTED)


def leniency(body: bytes) -> str | None:
    """The first leniency in a body that h11 accepts, or finds incomplete."""
    while b"\r\n" in body:
        line, _, body = body.partition(b"\r\n")
        size, space, extensions = re.split(rb"([ \t]*$|(?=;))", line, maxsplit=1)
        if len(size) > 16:
            return "a size of more than 16 digits"
        if space:
            return "whitespace after the size"
        if not re.fullmatch(EXTENSIONS, extensions):
            return "an extension that breaks the grammar"
        if int(size, 16) == 0:
            return trailer_leniency(body)
        body = body[int(size, 16) + 2 :]
    return "a bare LF" if b"\n" in body else None


def trailer_leniency(trailers: bytes) -> str | None:
    """The same for the trailers."""
    for line in trailers.split(b"\n")[:-1]:
        name, colon, _ = line.partition(b":")
        if not line.endswith(b"\r"):
            return "a bare LF"
        if line == b"\r":
            return None
        if line.startswith((b" ", b"\t")):
            return "a folded line"
        if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line[:-1]):
            return "a control character"
        if not (colon and re.fullmatch(TOKEN, name)):
            return "not a field: h11 will refuse it too, but only at the end of the trailers"
        if name.decode().lower() in FORBIDDEN_TRAILERS:
            return "a field that may not be a trailer"
    return None


SIZES = ("%x", "%X", "0%x", "%x;a", '%x ; b = "\\;" ', '%x;c="\xe9";d=1', "%x ", "+%x", "%017x")
FIELDS = (b"A: 1\r\n", b"b:\t2 \r\n", b"C:\r\n", b" d\r\n", b"E\r\n", b"TE: x\r\n", b"F: \x02\r\n")
NOISE = (b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b";", b":", b'"', b"=", b"\\", b"0", b"1", b"_")


@st.composite
def chunked_bodies(draw: st.DrawFn) -> bytes:
    """Chunked bodies, more or less well-formed, with a few bytes changed."""
    body = bytearray()
    for data in draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4)):
        size = draw(st.sampled_from(SIZES)) % len(data)
        body += size.encode("latin-1") + b"\r\n" + data + b"\r\n"
    body += b"0\r\n" + b"".join(draw(st.lists(st.sampled_from(FIELDS), max_size=2)))
    body += b"\r\n" + draw(st.binary(max_size=5))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(body)))
        noise = draw(st.sampled_from(NOISE) | st.binary(max_size=2))
        body[at : at + draw(st.integers(0, 2))] = noise
    return bytes(body)
