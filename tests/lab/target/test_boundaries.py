r"""Where chunks and writes begin and end: tables of events, knobs, and what becomes of them.

Between two bars there is a chunk or a write; "^" is CR and "$" is LF.
"""

import pytest

from streamserver.lab.target.boundaries import chunks, writes
from streamserver.lab.target.parameters import StreamOptions
from streamserver.wire.chunked import LAST_CHUNK
from support.chunked import Ended, decode
from support.stream_options import stream_options

SECOND = 1_000_000_000


def parsed(text: str) -> bytes:
    return text.replace("^", "\r").replace("$", "\n").encode()


def split(text: str) -> list[bytes]:
    return [parsed(part) for part in text.split("|")]


def in_chunks(events: str, query: str) -> list[bytes]:
    return [*chunks(split(events), stream_options(query))]


@pytest.mark.parametrize(
    ("events", "query", "expected"),
    [
        ("a$$|b$$|c$$", "", "a$$|b$$|c$$"),
        # Joined.
        ("a$$|b$$|c$$", "chunk_events=3", "a$$b$$c$$"),
        ("a$$|b$$|c$$", "chunk_events=2", "a$$b$$|c$$"),
        # Cut by size: events that are not joined begin a chunk of their own.
        ("abcde$$|f$$", "chunk_size=4", "abcd|e$$|f$$"),
        ("abcde$$|f$$", "chunk_size=1", "a|b|c|d|e|$|$|f|$|$"),
        ("abcde$$|f$$", "chunk_size=7", "abcde$$|f$$"),
        ("abcde$$|f$$", "chunk_size=4&chunk_events=2", "abcd|e$$f|$$"),
        # Cut in a place of each event.
        ("abcd$$|ef$$", "chunk_split=event", "abc|d$$|ef|$$"),
        ("abcd$$|ef$$", "chunk_split=event&chunk_events=2", "abc|d$$ef|$$"),
        ("a^$b^$^$|c^$^$", "chunk_split=crlf&line_end=crlf", "a^|$b^$^$|c^|$^$"),
        ("abcdef$$", "chunk_split=event&chunk_size=3", "abc|d|ef$|$"),
        # There may be no such place.
        ("abc$$|d$$", "chunk_split=character&text=utf8", "abc$$|d$$"),
        ("", "chunk_size=5", ""),
    ],
)
def test_chunks(events: str, query: str, expected: str) -> None:
    assert in_chunks(events, query) == [part for part in split(expected) if part]


@pytest.mark.parametrize("character", ["é", "流", "🌊"])
def test_a_character_is_cut_behind_its_first_byte(character: str) -> None:
    found = in_chunks(f"ab{character}流c$$", "chunk_split=character&text=utf8")
    first = character.encode()
    assert found == [b"ab" + first[:1], first[1:] + "流c\n\n".encode()]


@pytest.mark.parametrize(
    ("chunked", "query", "expected"),
    [
        ("a$$|b$$", "write_gap=0.1", "3^$a$$^$|3^$b$$^$"),
        ("a$$|b$$", "write_events=2", "3^$a$$^$3^$b$$^$"),
        ("a$$|b$$", "write_size=5", "3^$a$|$^$|3^$b$|$^$"),
        ("a$$|b$$", "write_size=5&write_events=2", "3^$a$|$^$3^|$b$$^|$"),
        ("a$$", "write_size=1", "3|^|$|a|$|$|^|$"),
        ("a$$|b$$", "write_split=framing", "3^|$a$$^$|3^|$b$$^$"),
        ("a$$|b$$", "write_split=framing&write_events=2", "3^|$a$$^$3^|$b$$^$"),
        ("abcd$$", "write_split=event", "6^$abc|d$$^$"),
        ("a^$^$", "write_split=crlf&line_end=crlf", "5^$a^|$^$^$"),
        ("0123456789abcdef", "write_split=framing", "10^|$0123456789abcdef^$"),
        ("a$$", "write_split=framing&write_size=3", "3^|$a$|$^$"),
    ],
)
def test_writes(chunked: str, query: str, expected: str) -> None:
    found = [*writes(split(chunked), stream_options(query), True)]
    assert [write.data for write in found] == split(expected)
    assert sum(write.size for write in found) == len(b"".join(split(chunked)))
    assert found[0].size
    assert not any(write.lasts for write in found)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("write_size=2", "a$|$|b$|$"),
        ("write_events=2", "a$$b$$"),
        ("write_split=event", "a|$$|b|$$"),
        ("write_split=framing", "a$$|b$$"),  # there is none
    ],
)
def test_without_chunks_the_same_is_done_to_the_body(query: str, expected: str) -> None:
    found = writes(split("a$$|b$$"), stream_options(query), False)
    assert [write.data for write in found] == split(expected)


def test_a_character_may_be_cut_by_a_write_alone() -> None:
    knobs = stream_options("write_split=character&text=utf8")
    [first, second] = writes(["é🌊".encode()], knobs, True)
    assert (first.data, second.data) == (b"6\r\n\xc3", b"\xa9\xf0\x9f\x8c\x8a\r\n")


@pytest.mark.parametrize("size", [1, 10, 99, 1000, 5000])
def test_limited_bandwidth_takes_its_time_for_the_body_alone(size: int) -> None:
    """Whatever the framing, and in writes of a twentieth of a second at most."""
    for knobs in (stream_options("bandwidth=1000"), stream_options("bandwidth=1000&write_size=7")):
        found = [*writes([b"x" * size], knobs, True)]
        lasts = sum(write.lasts for write in found)
        assert lasts == pytest.approx(size * SECOND / 1000, abs=len(found))
        assert max(write.lasts for write in found) <= SECOND // 20
        assert max(len(write.data) for write in found) <= 50


QUERIES = [
    f"text=utf8&line_end=crlf&chunk_events={events}&chunk_size={size}&chunk_split={split}"
    f"&write_events={write_events}&write_size={write_size}&write_split={write_split}"
    for events, write_events in ((1, 0), (1, 2), (2, 2), (2, 4), (3, 0))
    for size in (0, 1, 7)
    for split in ("none", "event", "character", "crlf")
    for write_size in (0, 1, 5)
    for write_split in ("none", "event", "character", "crlf", "framing")
]


def test_no_boundary_changes_the_body() -> None:
    events = split("data: é流🌊^$^$|data: ^$^$|id: 1^$data: x^$^$|:^$^$|data: 🦦^$^$")
    for query in QUERIES:
        knobs: StreamOptions = stream_options(query)
        cut = [*chunks(events, knobs)]
        pieces = [write.data for write in writes(cut, knobs, True)]
        assert decode([*pieces, LAST_CHUNK]) == Ended(b"".join(events)), query
