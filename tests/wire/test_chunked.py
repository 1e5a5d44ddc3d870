"""The chunked coding as a table of bytes and meanings, for every cut."""

import pytest

from streamserver.wire.chunked import LAST_CHUNK, Decoder, End, encode, last_chunk
from streamserver.wire.problem import HTTPError
from support.chunked import Ended, Refused, Unfinished, decode
from support.cutting import cuts

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
    ("name", "value", "message"),
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
def test_a_malformed_or_forbidden_trailer_is_not_written(
    name: str, value: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        last_chunk([(name, value)])


# --- decoding ---------------------------------------------------------------------------------

BODIES: list[tuple[bytes, Ended]] = [
    (b"0\r\n\r\n", Ended(b"")),
    (b"5\r\nhello\r\n0\r\n\r\n", Ended(b"hello")),
    (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", Ended(b"hello world")),
    (b"A\r\n0123456789\r\n00\r\n\r\n", Ended(b"0123456789")),
    (b"a\r\n0123456789\r\n0\r\n\r\n", Ended(b"0123456789")),
    (b"0000000000000001\r\nx\r\n0\r\n\r\n", Ended(b"x")),
    # data is not searched
    (b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", Ended(b"\r\n0\r\n\r\n")),
    (b"1\r\n\0\r\n1\r\n\n\r\n1\r\n\r\r\n0\r\n\r\n", Ended(b"\0\n\r")),
    # the rest belongs to the next message
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
    # data of another size, or without CRLF
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


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_a_malformed_body_is_refused_for_every_cut(body: bytes, message: str) -> None:
    for pieces in cuts(body):
        assert decode(pieces) == Refused()
    with pytest.raises(HTTPError, match=message) as refusal:
        Decoder().feed(body)
    assert refusal.value.status == 400


def test_data_is_returned_as_it_arrives() -> None:
    decoder = Decoder()
    assert decoder.feed(b"ffffffffffffffff\r\nfirst") == [b"first"]
    assert decoder.feed(b"second") == [b"second"]
    assert Decoder().feed(b"3\r\none\r\n3\r\ntwo\r\n3\r\nth") == [b"one", b"two", b"th"]


def test_an_empty_piece_changes_nothing() -> None:
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
