"""Events as bytes: whole, cut anywhere, and held against the parser of the standard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.resumable.splitter import EventSplitter
from streamserver.wire.sse import Parser
from support.growth import MOST, growth

CASES: dict[str, tuple[bytes, list[bytes], bytes]] = {
    "an event": (b"data: a\n\n", [b"data: a\n\n"], b""),
    "two": (b"data: a\n\ndata: b\n\n", [b"data: a\n\n", b"data: b\n\n"], b""),
    "several lines": (b"event: e\ndata: a\n\n", [b"event: e\ndata: a\n\n"], b""),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"data: a\r\n\r\n", b"data: b\r\n\r\n"], b""),
    "a CRLF that ends an LF": (b"data: a\n\r\n", [b"data: a\n\r\n"], b""),
    "further blank lines": (
        b"\n\n\ndata: a\n\n\r\ndata: b\n\n",
        [b"data: a\n\n", b"data: b\n\n"],
        b"",
    ),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [b"data: a\n\n"], b""),
    "a mark that is none": (
        b"data: a\n\n\xef\xbb\xbfdata: b\n\n",
        [b"data: a\n\n", b"\xef\xbb\xbfdata: b\n\n"],
        b"",
    ),
    "an id": (b"id: 7\ndata: a\n\n", [b":\ndata: a\n\n"], b""),
    "an id behind": (b"data: a\r\nid\r\n\r\n", [b"data: a\r\n:\r\n\r\n"], b""),
    "an id alone": (b"id: 7\n\ndata: a\n\n", [b"data: a\n\n"], b""),
    "what is no id": (b"idea: a\ndata: id: 7\n\n", [b"idea: a\ndata: id: 7\n\n"], b""),
    "a comment alone": (b": ping\n\ndata: a\n\n", [b"data: a\n\n"], b""),
    "a comment inside": (b": ping\ndata: a\n\n", [b": ping\ndata: a\n\n"], b""),
    "a retry alone": (b"retry: 5\n\n", [b"retry: 5\n\n"], b""),
    "an unfinished event": (b"data: a\n\ndata: [DONE]\n", [b"data: a\n\n"], b"data: [DONE]\n"),
    "an unfinished line": (b"data: a", [], b"data: a"),
    "an unfinished id": (b"id: 7", [], b""),
    "an unfinished comment": (b": ping\n", [], b""),
    "nothing": (b"", [], b""),
}


def split(*pieces: bytes) -> tuple[list[bytes], bytes]:
    """The events of a stream in these pieces, and its rest."""
    splitter = EventSplitter()
    return [event for piece in pieces for event in splitter.feed(piece)], splitter.rest()


@pytest.mark.parametrize(("stream", "events", "rest"), CASES.values(), ids=CASES)
def test_events(stream: bytes, events: list[bytes], rest: bytes) -> None:
    assert split(stream) == (events, rest)
    assert split(*[stream[at : at + 1] for at in range(len(stream))]) == (events, rest)
    for at in range(len(stream)):
        assert split(stream[:at], stream[at:]) == (events, rest)


def test_an_event_is_found_with_its_blank_line() -> None:
    """A CR may be the half of a CRLF, but ends the line in any case."""
    splitter = EventSplitter()
    assert splitter.feed(b"data: a\r") == []
    assert splitter.feed(b"\n\r") == [b"data: a\r\n\r\n"]
    assert splitter.feed(b"") == []
    assert splitter.feed(b"\ndata: b\n") == []
    assert splitter.held == b"data: b\n"
    assert splitter.feed(b"\n") == [b"data: b\n\n"]
    assert not splitter.held


PARTS = st.sampled_from(
    (
        *(b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\xef\xbb\xbf", b": c", b"idx: 3", b"id"),
        *(b"id: 7", b"data: x", b"data", b"data:y", b"event: e", b"retry: 5", b"\0"),
    )
)


@given(st.lists(PARTS, max_size=14).map(b"".join), st.data())
def test_a_client_reads_the_same_with_the_ids_of_the_log(
    stream: bytes, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    events, rest = split(*pieces)
    logged = b"".join([b"id: log-%d\n%b" % pair for pair in enumerate([*events, rest])])
    read = Parser().feed(logged)
    assert [one[:2] for one in read] == [one[:2] for one in Parser().feed(stream)]
    assert all(str(one.id).startswith("log-") for one in read)
    assert not rest.endswith(b"\n\n")  # which would mark it as an error event


def test_a_large_event_takes_linear_time() -> None:
    def feed(size: int) -> None:
        splitter = EventSplitter()
        for _ in range(size):
            splitter.feed(b"data: 0123456789\n")
        splitter.feed(b"\n")

    assert growth(feed, 4000) < MOST
