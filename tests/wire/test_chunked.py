"""The chunked coding as a table of bytes and meanings, for every cut, and against h11."""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import FrameType

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamserver.wire.chunked import (
    FORBIDDEN_TRAILERS,
    LAST_CHUNK,
    MAX_EXTENSIONS,
    MAX_TRAILERS,
    Decoder,
    End,
    encode,
    last_chunk,
)
from streamserver.wire.problem import HTTPError

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ended:
    """The bytes are a whole body, and perhaps more."""

    data: bytes
    trailers: Fields = ()
    rest: bytes = b""


@dataclass(frozen=True)
class Unfinished:
    """The bytes are the start of a body."""

    data: bytes = b""


@dataclass(frozen=True)
class Refused:
    """The bytes are no body, whatever came next."""


Meaning = Ended | Unfinished | Refused


def decode(pieces: list[bytes]) -> Meaning:
    """What our decoder makes of the pieces."""
    decoder, data = Decoder(), bytearray()
    for number, piece in enumerate(pieces):
        try:
            parts = decoder.feed(piece)
        except HTTPError:
            return Refused()
        for part in parts:
            if isinstance(part, End):
                assert part is parts[-1]
                rest = part.rest + b"".join(pieces[number + 1 :])
                return Ended(bytes(data), part.trailers, rest)
            assert part, "an empty part tells nothing"
            data += part
    return Unfinished(bytes(data))


def ask_h11(body: bytes) -> Meaning:
    """What h11 makes of the same bytes."""
    connection, data = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20), b""
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert isinstance(connection.next_event(), h11.Request)
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


def cuts(body: bytes) -> Iterator[list[bytes]]:
    """The body whole, byte by byte, and in two pieces, cut everywhere."""
    yield [body]
    yield [body[at : at + 1] for at in range(len(body))]
    for at in range(len(body) + 1):
        yield [body[:at], body[at:]]


# --- encoding ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "chunk"),
    [
        (b"x", b"1\r\nx\r\n"),
        (b"0123456789", b"a\r\n0123456789\r\n"),
        (b"\r\n0\r\n\r\n", b"7\r\n\r\n0\r\n\r\n\r\n"),
        (b"y" * 65536, b"10000\r\n" + b"y" * 65536 + b"\r\n"),
    ],
)
def test_a_chunk_is_its_size_in_hex_and_its_data(data: bytes, chunk: bytes) -> None:
    assert encode(data) == chunk


def test_an_empty_chunk_is_refused_because_it_would_end_the_body() -> None:
    with pytest.raises(ValueError, match="empty chunk would end the body"):
        encode(b"")


def test_the_last_chunk() -> None:
    assert last_chunk() == LAST_CHUNK == b"0\r\n\r\n"
    fields = [("Server-Timing", "db;dur=53"), ("X-Note", "caf\xe9")]
    assert last_chunk(fields) == b"0\r\nServer-Timing: db;dur=53\r\nX-Note: caf\xe9\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("", "x", "token"),
        ("a b", "x", "token"),
        ("a:", "x", "token"),
        ("a\r\nb", "x", "token"),
        ("é", "x", "token"),
        ("a", "x\r\nb: y", "control"),
        ("a", "x\ny", "control"),
        ("a", "x\0", "control"),
        ("a", "x\x7f", "control"),
        ("a", "\u20ac", "non-Latin-1"),
        ("Content-Length", "5", "may not be a trailer"),
        ("transfer-encoding", "chunked", "may not be a trailer"),
        ("HOST", "x", "may not be a trailer"),
        ("Connection", "close", "may not be a trailer"),
    ],
)
def test_what_cannot_be_a_trailer_is_not_written(name: str, value: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        last_chunk([(name, value)])


# --- decoding ---------------------------------------------------------------------------------

BODIES: list[tuple[bytes, Ended]] = [
    (b"0\r\n\r\n", Ended(b"")),
    (b"5\r\nhello\r\n0\r\n\r\n", Ended(b"hello")),
    (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", Ended(b"hello world")),
    (b"A\r\n0123456789\r\n00\r\n\r\n", Ended(b"0123456789")),
    (b"a\r\n0123456789\r\n0\r\n\r\n", Ended(b"0123456789")),
    (b"0000000000000001\r\nx\r\n0\r\n\r\n", Ended(b"x")),
    # data is never looked into
    (b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", Ended(b"\r\n0\r\n\r\n")),
    (b"1\r\n\0\r\n1\r\n\n\r\n1\r\n\r\r\n0\r\n\r\n", Ended(b"\0\n\r")),
    # what follows belongs to the next message
    (b"0\r\n\r\nGET / HTTP/1.1\r\n", Ended(b"", rest=b"GET / HTTP/1.1\r\n")),
    (b"1\r\nx\r\n0\r\n\r\n\r\n", Ended(b"x", rest=b"\r\n")),
    # extensions are skipped
    (b"5;a\r\nhello\r\n0;b\r\n\r\n", Ended(b"hello")),
    (b"5;a=b;c=d\r\nhello\r\n0\r\n\r\n", Ended(b"hello")),
    (b'5;a="; \\"0\\" = \t\xe9";b\r\nhello\r\n0\r\n\r\n', Ended(b"hello")),
    (b'5; a \t= "" ;\tb=c\r\nhello\r\n0\r\n\r\n', Ended(b"hello")),
    # trailer fields; nothing but spaces and tabs is taken off their values
    (b"0\r\nA: \xa0 \x85\r\n\r\n", Ended(b"", (("a", "\xa0 \x85"),))),
    (b"0\r\nA: 1\r\nB:2\r\nC:\t3 4 \t\r\n\r\n", Ended(b"", (("a", "1"), ("b", "2"), ("c", "3 4")))),
    (
        b"0\r\nA: 1\r\na: \xe9:\r\nB:\r\n\r\nX",
        Ended(b"", (("a", "1"), ("a", "é:"), ("b", "")), b"X"),
    ),
]

REFUSED: list[tuple[bytes, str]] = [
    # a size is hex digits and nothing else
    (b"\r\n", "1 to 16 hex digits"),
    (b"+5\r\nhello\r\n", "1 to 16 hex digits"),
    (b"-5\r\nhello\r\n", "1 to 16 hex digits"),
    (b"0x5\r\nhello\r\n", "1 to 16 hex digits"),
    (b"1_0\r\n0123456789abcdef\r\n", "1 to 16 hex digits"),
    (b" 5\r\nhello\r\n", "1 to 16 hex digits"),
    (b"5 \r\nhello\r\n", "1 to 16 hex digits"),
    (b"5\t;a\r\nhello\r\n", "1 to 16 hex digits"),
    (b"5 5\r\nhello\r\n", "1 to 16 hex digits"),
    (b"5,6\r\nhello\r\n", "1 to 16 hex digits"),
    (b"g\r\n", "1 to 16 hex digits"),
    ("\u0665\r\nhello\r\n".encode(), "1 to 16 hex digits"),
    (b"00000000000000005\r\nhello\r\n", "1 to 16 hex digits"),
    (b"fffffffffffffffff\r\n", "1 to 16 hex digits"),
    # a line ends with CRLF
    (b"5\nhello\r\n", "then CRLF"),
    (b"5\n", "then CRLF"),
    (b"5\rhello\r\n", "then CRLF"),
    (b"5\r\r\nhello\r\n", "then CRLF"),
    (b"5\0\r\nhello\r\n", "then CRLF"),
    (b"5;a\nhello\r\n", "then CRLF"),
    # extensions are well-formed
    (b"5;\r\nhello\r\n", "well-formed extensions"),
    (b"5;a;\r\nhello\r\n", "well-formed extensions"),
    (b"5;=b\r\nhello\r\n", "well-formed extensions"),
    (b"5;a=\r\nhello\r\n", "well-formed extensions"),
    (b"5;a[=b\r\nhello\r\n", "well-formed extensions"),
    (b"5;a \r\nhello\r\n", "well-formed extensions"),
    (b"5;a\rb\r\nhello\r\n", "well-formed extensions"),
    (b"5;a\0\r\nhello\r\n", "well-formed extensions"),
    (b'5;a="\r\nhello\r\n', "well-formed extensions"),
    (b'5;a="\\"\r\nhello\r\n', "well-formed extensions"),
    (b'5;a="\0"\r\nhello\r\n', "well-formed extensions"),
    (b'5;a="b\nc"\r\nhello\r\n', "well-formed extensions"),
    (b'5;a="b"c\r\nhello\r\n', "well-formed extensions"),
    # data is as long as the size says, and CRLF follows
    (b"5\r\nhelloX", "followed by CRLF"),
    (b"5\r\nhello\n0\r\n\r\n", "followed by CRLF"),
    (b"5\r\nhello\r0\r\n\r\n", "followed by CRLF"),
    (b"5\r\nhello0\r\n\r\n", "followed by CRLF"),
    (b"4\r\nhello\r\n", "followed by CRLF"),
    (b"6\r\nhello\r\n0\r\n\r\n", "followed by CRLF"),
    # trailer fields
    (b"0\r\n\n", "ended by CRLF"),
    (b"0\r\n\r\r\n", "ended by CRLF"),
    (b"0\r\nA: 1\n\r\n", "ended by CRLF"),
    (b"0\r\nA: 1\rB: 2\r\n\r\n", "control characters"),
    (b"0\r\nA: 1\0\r\n\r\n", "control characters"),
    (b"0\r\nA: 1\x7f\r\n\r\n", "control characters"),
    (b"0\r\nA: 1\r\n folded\r\n\r\n", "has no colon"),
    (b"0\r\nA: 1\r\n\tB: 2\r\n\r\n", "must be a token"),
    (b"0\r\nA : 1\r\n\r\n", "must be a token"),
    (b"0\r\n: 1\r\n\r\n", "must be a token"),
    (b"0\r\nA\xe9: 1\r\n\r\n", "must be a token"),
    (b"0\r\nA\r\n\r\n", "has no colon"),
    (b"0\r\nContent-Length: 5\r\n\r\n", "may not be a trailer"),
    (b"0\r\nTRANSFER-ENCODING: chunked\r\n\r\n", "may not be a trailer"),
    (b"0\r\nhost: x\r\n\r\n", "may not be a trailer"),
    (b"0\r\nAuthorization: x\r\n\r\n", "may not be a trailer"),
]


@pytest.mark.parametrize(("body", "meaning"), BODIES)
def test_a_body_means_the_same_for_every_cut(body: bytes, meaning: Ended) -> None:
    for pieces in cuts(body):
        assert decode(pieces) == meaning


@pytest.mark.parametrize(("body", "meaning"), BODIES)
def test_every_start_of_a_body_is_unfinished(body: bytes, meaning: Ended) -> None:
    for size in range(len(body) - len(meaning.rest)):
        start = decode([body[:size]])
        assert isinstance(start, Unfinished)
        assert meaning.data.startswith(start.data)


@pytest.mark.parametrize(("body", "told"), REFUSED)
def test_a_malformed_body_is_refused_for_every_cut(body: bytes, told: str) -> None:
    for pieces in cuts(body):
        assert decode(pieces) == Refused()
    with pytest.raises(HTTPError, match=told) as refusal:
        Decoder().feed(body)
    assert refusal.value.status == 400


def test_data_is_handed_on_as_it_comes() -> None:
    decoder = Decoder()
    assert decoder.feed(b"ffffffffffffffff\r\nfirst") == [b"first"]
    assert decoder.feed(b"second") == [b"second"]
    assert Decoder().feed(b"3\r\none\r\n3\r\ntwo\r\n3\r\nth") == [b"one", b"two", b"th"]


def test_an_empty_piece_means_nothing() -> None:
    decoder = Decoder()
    for byte in (b"1", b"\r", b"\n", b"x", b"\r", b"\n", b"0", b"\r", b"\n", b"\r"):
        decoder.feed(byte)
        assert decoder.feed(b"") == []
    assert decoder.feed(b"\n") == [End((), b"")]


@pytest.mark.parametrize("body", [b"0\r\n\r\n", b"1\r\nx\r\n0\r\n\r\nmore", b"oops\r\n"])
def test_after_its_end_or_an_error_a_decoder_is_done(body: bytes) -> None:
    decoder = Decoder()
    try:
        decoder.feed(body)
    except HTTPError:
        assert body == b"oops\r\n"
    for more in (b"", b"0\r\n\r\n"):
        with pytest.raises(RuntimeError, match="new Decoder"):
            decoder.feed(more)


# --- limits -----------------------------------------------------------------------------------


def test_extensions_are_counted_over_the_whole_body() -> None:
    half, rest = b";" + b"a" * (MAX_EXTENSIONS // 2 - 1), b"\r\n\r\n"
    assert decode([b"1" + half + b"\r\nx\r\n0" + half + rest]) == Ended(b"x")
    assert decode([b"1" + half + b"\r\nx\r\n0" + half + b"a" + rest]) == Refused()


def test_trailer_fields_are_counted_together() -> None:
    half, rest = b"a:" + b"v" * (MAX_TRAILERS // 2 - 4) + b"\r\n", b"\r\n"
    assert isinstance(decode([b"0\r\n" + half + b"b:" + half[4:] + rest]), Ended)
    assert isinstance(decode([b"0\r\n" + half + b"b:" + half[3:] + rest]), Refused)


@pytest.mark.parametrize(
    ("start", "endless", "limit", "told"),
    [
        (b"1;", b"a", MAX_EXTENSIONS, "extensions exceed 4096 bytes"),
        (b'1;a="', b"a", MAX_EXTENSIONS, "extensions exceed 4096 bytes"),
        (b"", b"1", MAX_EXTENSIONS, "extensions exceed 4096 bytes"),
        (b"", b"1;a\r\nx\r\n", MAX_EXTENSIONS * 9, "extensions exceed 4096 bytes"),
        (b"0\r\na:", b"a", MAX_TRAILERS, "trailer fields exceed 8192 bytes"),
        (b"0\r\n", b"a:\r\n", MAX_TRAILERS, "trailer fields exceed 8192 bytes"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_sender_cannot_go_on_for_ever(
    start: bytes, endless: bytes, limit: int, told: str, size: int
) -> None:
    flood = endless * (2 * limit // len(endless))
    taken: list[bytes] = []

    def send() -> None:
        decoder = Decoder()
        decoder.feed(start)
        for at in range(0, len(flood), size):
            decoder.feed(flood[at : at + size])
            taken.append(flood[at : at + size])

    with pytest.raises(HTTPError, match=told):
        send()
    assert len(b"".join(taken)) <= limit + 32


def test_eight_mebibytes_in_small_pieces() -> None:
    """The time is linear, or this would never be done."""
    data = bytes(8 * 1024 * 1024)
    body = encode(data) + LAST_CHUNK
    assert decode([body[at : at + 64] for at in range(0, len(body), 64)]) == Ended(data)


def count_calls(work: Callable[[], object]) -> int:
    """How many calls, to Python and to C, ``work`` makes: a cost that no other load changes."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("size", [1, 58, 65536])
def test_a_whole_chunk_costs_a_handful_of_calls(size: int) -> None:
    decoder, chunks = Decoder(), encode(bytes(size)) * 100
    assert count_calls(lambda: decoder.feed(chunks)) < 100 * 10


# --- held against h11 -------------------------------------------------------------------------

LIBERTIES: list[tuple[str, bytes]] = [
    ("a size of more than 16 digits", b"00000000000000001\r\nx\r\n0\r\n\r\n"),
    ("whitespace after the size", b"1 \r\nx\r\n0\r\n\r\n"),
    ("an extension that breaks the grammar", b"1;\0\r;=\r\nx\r\n0\r\n\r\n"),
    ("a bare LF", b"0\r\nA: 1\n\r\n"),
    ("a folded line", b"0\r\nA: 1\r\n 2\r\n\r\n"),
    ("a control character", b"0\r\nA: \x01\r\n\r\n"),
    ("a field that may not be a trailer", b"0\r\nHost: x\r\n\r\n"),
]
"""All that h11 takes and we refuse, apart from our limits on length."""

TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
QUOTED = rb'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*"'
EXTENSIONS = rb"(?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*" % (TOKEN, TOKEN, QUOTED)


def liberty(body: bytes) -> str | None:
    """A liberty that this body takes, if h11 takes the body or waits for the rest of it."""
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
            return trailer_liberty(body)
        body = body[int(size, 16) + 2 :]
    return "a bare LF" if b"\n" in body else None


def trailer_liberty(trailers: bytes) -> str | None:
    """The same, for what follows the last-chunk's CRLF."""
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


@pytest.mark.parametrize(("name", "body"), LIBERTIES)
def test_liberties_that_h11_allows_are_refused(name: str, body: bytes) -> None:
    assert isinstance(ask_h11(body), Ended)
    assert liberty(body) == name
    assert decode([body]) == Refused()


SIZES = ("%x", "%X", "0%x", "%x;a", '%x ; b = "\\;" ', '%x;c="\xe9";d=1', "%x ", "+%x", "%017x")
FIELDS = (b"A: 1\r\n", b"b:\t2 \r\n", b"C:\r\n", b" d\r\n", b"E\r\n", b"TE: x\r\n", b"F: \x02\r\n")
NOISE = (b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b";", b":", b'"', b"=", b"\\", b"0", b"1", b"_")


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Chunked bodies, more or less well-formed, with a few bytes spoilt."""
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


def cut(body: bytes, places: set[int]) -> list[bytes]:
    """The body cut at these places."""
    return [body[start:end] for start, end in pairwise(sorted({0, *places, len(body)}))]


@given(body=bodies(), places=st.sets(st.integers(0, 150)))
@example(body=b"1\r\nx\r\n0\r\n\r\n", places={1, 2, 3, 4, 5, 6})
def test_any_bytes_mean_to_us_what_they_mean_to_h11(body: bytes, places: set[int]) -> None:
    """Or else they are refused: by h11 as well, or for a liberty that has a name."""
    theirs = ask_h11(body)
    if theirs != Refused() and liberty(body):
        theirs = Refused()
    assert decode(cut(body, places)) == theirs


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    trailers=st.lists(st.tuples(st.text("aZ09!~", min_size=1), st.text("\t ~é")), max_size=3),
    rest=st.binary(max_size=9),
    places=st.sets(st.integers(0, 200)),
)
def test_what_is_encoded_is_decoded(
    chunks: list[bytes], trailers: list[tuple[str, str]], rest: bytes, places: set[int]
) -> None:
    body = b"".join(map(encode, chunks)) + last_chunk(trailers) + rest
    fields = tuple((name.lower(), value.strip(" \t")) for name, value in trailers)
    assert decode(cut(body, places)) == ask_h11(body) == Ended(b"".join(chunks), fields, rest)
