"""The meaning of a recording: pieces, events and their times, whatever the bytes are."""

import gzip
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.inspect import codings
from streamserver.lab.inspect import message as module
from streamserver.lab.inspect.recording import Message
from streamserver.wire.chunked import encode_all
from streamserver.wire.sse import Event
from support.cutting import cut, cuts
from support.judging import status
from support.messages import message

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
LINES = b"HTTP/1.0 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n"
PIECES = [b"retry: 7\nid: a\ndata: 1", b"\n\n", b": beat\r\n\r", b"\n"]
PIECES += [b"event: x\nretry: 9\ndata: 2\n", b"\n"]
END = b"0\r\nx-a: 1\r\n\r\n"


def facts(found: Message) -> dict[str, Any]:
    """What does not depend on the cuts."""
    return {
        "head": (found.version, found.status, found.fields, found.framing),
        "body": b"".join(piece.data for piece in found.pieces),
        "decoded": b"".join(piece.data for piece in found.decoded),
        "events": [one.event for one in found.events],
        "comments": len(found.comments),
        "end": (found.retry, found.is_complete, list(found.trailers), bool(found.problem)),
    }


def test_a_chunked_event_stream() -> None:
    found = message(CHUNKED, *map(encode_all, (PIECES[:1], PIECES[1:4], PIECES[4:])), END)
    assert (found.version, found.status, found.framing) == ("HTTP/1.1", 200, "chunked")
    assert dict(found.fields)["transfer-encoding"] == "chunked"
    times = [1.0, 2.0, 2.0, 2.0, 3.0, 3.0]
    assert [*zip(times, PIECES, strict=True)] == [tuple(piece) for piece in found.pieces]
    assert found.decoded == found.pieces
    assert [tuple(one) for one in found.events] == [
        (2.0, Event("1", None, "a", 7)),
        (3.0, Event("2", "x", "a", 9)),
    ]
    assert found.comments == [2.0]
    assert (found.retry, found.is_complete, found.problem) == (9, True, "")
    assert found.trailers == (("x-a", "1"),)


def test_a_chunk_that_is_cut_arrives_in_pieces() -> None:
    found = message(CHUNKED + b"4\r\n:\n", b":\n", b"\r\n")
    assert [tuple(piece) for piece in found.pieces] == [(0.0, b":\n"), (1.0, b":\n")]
    assert found.comments == [0.0, 1.0]
    assert not found.is_complete


def test_retry_without_an_event() -> None:
    found = message(CHUNKED + encode_all([b"retry: 1000\n\n", b"data: 1\n\n"]))
    assert found.retry == 1000
    assert [one.event for one in found.events] == [Event("1")]


def test_json_lines_until_the_connection_ends() -> None:
    found = message(LINES, b'{"a":1}\n{"a"', b":2}\n", b"last")
    assert (found.version, found.framing, found.is_complete) == ("HTTP/1.0", "close", False)
    events = [(one.at, one.event.data) for one in found.events]
    assert events == [(1.0, '{"a":1}'), (2.0, '{"a":2}'), (4.0, "last")]


def test_the_head_is_complete_when_its_last_byte_arrived() -> None:
    found = message(b"HTTP/1.1 102 \r\n\r\n", HEAD, b"content-length: 0\r\n\r", b"\n")
    assert (found.head_at, found.status, found.framing, found.is_complete) == (3.0, 200, "none", 1)


def test_a_response_to_head() -> None:
    found = message(CHUNKED, request=b"HEAD / HTTP/1.1\r\n\r\n")
    assert (found.framing, found.is_complete, found.pieces) == ("none", True, [])


def coded(coding: str, *pieces: bytes) -> Message:
    head = HEAD + b"content-encoding: %b\r\ntransfer-encoding: chunked\r\n\r\n" % coding.encode()
    return message(head, *[encode_all([piece]) for piece in pieces])


def test_a_compressed_stream_is_decoded_as_far_as_it_was_flushed() -> None:
    made = zlib.compressobj(wbits=31)
    first = made.compress(b"data: 1\n\n") + made.flush(zlib.Z_SYNC_FLUSH)
    held = made.compress(b"data: 2\n\n") + made.compress(b"data: 3\n\n")
    rest = held + made.flush()
    found = coded("gzip", first, rest[:1], rest[1:])
    assert [piece.at for piece in found.pieces] == [1.0, 2.0, 3.0]
    assert found.decoded[0] == (1.0, b"data: 1\n\n")
    assert [one.at for one in found.events] == [1.0, 3.0, 3.0]


@pytest.mark.parametrize("coding", ["compress", "gzip, compress"])
def test_a_coding_without_a_decoder_is_no_problem_of_the_server(coding: str) -> None:
    found = coded(coding, b"abc")
    assert "'compress'" in found.undecoded
    assert (found.problem, found.decoded, found.events) == ("", [], [])
    assert [piece.data for piece in found.pieces] == [b"abc"]


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (lambda: coded("gzip", b"data: 1\n\n"), "the compressed data is malformed"),
        (lambda: message(b"SSH-2.0"), "must begin with HTTP/1.1"),
        (lambda: message(CHUNKED + b"1\r\nab\r\n"), "must be followed by CRLF"),
        (lambda: message(HEAD, b"a" * 70_000), "the head is longer than 65536 bytes"),
    ],
)
def test_what_cannot_be_read_is_a_problem(found: Any, problem: str) -> None:
    assert problem in found().problem


def test_what_was_read_before_a_problem_is_kept() -> None:
    found = message(CHUNKED + encode_all([b"data: 1\n\n"]) + b"z\r\n")
    assert [one.event.data for one in found.events] == ["1"]
    assert found.problem


def test_a_bomb_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codings.Codings.__init__, "__defaults__", (1_000_000,))
    found = coded("gzip", gzip.compress(bytes(2_000_000)))
    assert found.problem == "the body decodes to more than 1000000 bytes"


def test_events_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ITEMS", 3000)
    found = coded("gzip", gzip.compress(b"data\n\n" * 100_000))
    assert found.problem == "it has more than 3000 chunks, reads, events and comments"
    assert len(found.events) < 20_000
    found = message(CHUNKED, b"1\r\na\r\n" * 6000, b"0\r\n\r\n")
    assert len(found.pieces) < 5000
    assert not found.is_complete  # nothing more was read
    found = message(CHUNKED, b"1\r\na\r\n" * 6000, b"0\r\n\r\n", end="complete")
    assert (found.is_complete, status("end", found)) == (True, "ok")


STREAMS = [
    CHUNKED + encode_all(PIECES) + END + b"excess",
    LINES + b'{"a":1}\n{"a":2}',
    HEAD + b"content-length: 9\r\n\r\n" + b"data: 1\n\n",
]


@pytest.mark.parametrize("data", STREAMS)
def test_no_cut_changes_the_meaning(data: bytes) -> None:
    whole = facts(message(data))
    assert whole["end"][-1] is False
    for pieces in cuts(data):
        assert facts(message(*pieces)) == whole


@given(
    data=st.tuples(st.sampled_from([*STREAMS, CHUNKED, HEAD, b""]), st.binary(max_size=60)).map(
        b"".join
    ),
    places=st.sets(st.integers(0, 300), max_size=6),
)
def test_any_bytes_are_a_message(data: bytes, places: set[int]) -> None:
    found = facts(message(*cut(data, {place for place in places if place < len(data)})))
    assert found["head"] == facts(message(data))["head"]
