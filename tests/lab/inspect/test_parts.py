"""The parts of a response: each byte has a name, and no cut changes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.inspect.parts import Part, PartReader
from support.cutting import cut, cuts
from support.parts import merged

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"

TABLE: dict[str, tuple[bytes, list[tuple[str, bytes]]]] = {
    "length": (
        OK + b"content-length: 5\r\n\r\nhello",
        [
            ("status line", OK),
            ("field", b"content-length: 5\r\n"),
            ("end of the head", b"\r\n"),
            ("data", b"hello"),
        ],
    ),
    "chunked, with an extension, trailers and bytes behind the end": (
        CHUNKED + b'5;a="b"\r\nhello\r\n1\r\n!\r\n0;c\r\nx-a: 1\r\ny: 2\r\n\r\nmore',
        [
            ("status line", OK),
            ("field", b"transfer-encoding: chunked\r\n"),
            ("end of the head", b"\r\n"),
            ("chunk size", b'5;a="b"\r\n'),
            ("data", b"hello"),
            ("end of the chunk", b"\r\n"),
            ("chunk size", b"1\r\n"),
            ("data", b"!"),
            ("end of the chunk", b"\r\n"),
            ("last-chunk", b"0;c\r\n"),
            ("trailer", b"x-a: 1\r\n"),
            ("trailer", b"y: 2\r\n"),
            ("end of the body", b"\r\n"),
            ("excess", b"more"),
        ],
    ),
    "until the connection ends, in HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\n\r\ndata: 1\n\n",
        [
            ("status line", b"HTTP/1.0 200 OK\r\n"),
            ("end of the head", b"\r\n"),
            ("data", b"data: 1\n\n"),
        ],
    ),
    "interim heads": (
        b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n" + b"HTTP/1.1 204 No Content\r\n\r\n",
        [
            ("status line", b"HTTP/1.1 103 Early Hints\r\n"),
            ("field", b"link: <a>\r\n"),
            ("end of the head", b"\r\n"),
            ("status line", b"HTTP/1.1 204 No Content\r\n"),
            ("end of the head", b"\r\n"),
        ],
    ),
    "a folded field": (
        OK + b"a: b\r\n c\r\ncontent-length: 0\r\n\r\n",
        [
            ("status line", OK),
            ("field", b"a: b\r\n"),
            ("field", b" c\r\n"),
            ("field", b"content-length: 0\r\n"),
            ("end of the head", b"\r\n"),
        ],
    ),
    "padded sizes": (
        CHUNKED + b"1  \r\na\r\n000\r\n\r\n",
        [
            ("status line", OK),
            ("field", b"transfer-encoding: chunked\r\n"),
            ("end of the head", b"\r\n"),
            ("chunk size", b"1  \r\n"),
            ("data", b"a"),
            ("end of the chunk", b"\r\n"),
            ("last-chunk", b"000\r\n"),
            ("end of the body", b"\r\n"),
        ],
    ),
}


def read(pieces: list[bytes], method: str = "GET") -> tuple[list[Part], PartReader]:
    reader = PartReader(method)
    return [part for n, piece in enumerate(pieces) for part in reader.feed(piece, n)], reader


@pytest.mark.parametrize("name", TABLE)
def test_each_byte_has_a_name_at_any_cut(name: str) -> None:
    data, expected = TABLE[name]
    for pieces in cuts(data):
        parts, reader = read(pieces)
        assert [(part.kind, part.data) for part in merged(parts)] == expected
        assert all(not part.continues for part in merged(parts))
        assert reader.problem == ""


def test_a_part_has_the_time_of_its_read() -> None:
    parts, _ = read([OK + b"content-le", b"ngth: 2\r\n\r\na", b"b"])
    assert [(part.kind, part.at, part.continues, part.is_complete) for part in parts] == [
        ("status line", 0, False, True),
        ("field", 0, False, False),
        ("field", 1, True, True),
        ("end of the head", 1, False, True),
        ("data", 1, False, False),
        ("data", 2, True, True),
    ]


def test_the_size_of_a_chunk_is_read() -> None:
    parts, _ = read([CHUNKED + b"1", b"a;b\r\n"])
    assert [part.size for part in parts] == [0, 0, 0, 0, 0x1A]


@pytest.mark.parametrize(
    ("data", "unreadable", "problem"),
    [
        (b"SSH-2.0-OpenSSH\r\n", b"SSH-2.0-OpenSSH\r\n", "it must begin with HTTP/1.1"),
        (OK + b"a: \x00\r\nb: c\r\n\r\n", b"a: \x00\r\nb: c\r\n\r\n", "a NUL byte"),
        (OK + b"a: b\nc: d\r\n\r\n", b"a: b\nc: d\r\n\r\n", "a line that ends in LF alone"),
        (CHUNKED + b"1\r\na\r\nxyz\r\n0\r\n", b"xyz\r\n0\r\n", "a chunk begins with its size"),
        (CHUNKED + b"1\r\nab\r\n0\r\n\r\n", b"b\r\n0\r\n\r\n", "must be followed by CRLF"),
        (OK + b"a" * 70_000, b"a" * 70_000, "the head is longer than 65536 bytes"),
        (CHUNKED + b"1;" + b"a" * 5000, b"1;" + b"a" * 5000, "chunk extensions exceed"),
        (OK + b"content-length: x\r\n\r\n", b"\r\n", "Content-Length must be"),
    ],
)
def test_what_cannot_be_read_has_a_name_too(data: bytes, unreadable: bytes, problem: str) -> None:
    parts, reader = read([data])
    assert problem in reader.problem
    assert parts[-1][:2] == ("unreadable", unreadable)
    assert b"".join(part.data for part in parts) == data
    assert read([data[:-1], data[-1:], b"more"])[0][-1][:2] == ("unreadable", b"more")


def test_a_chunk_of_any_size_is_read_as_it_arrives() -> None:
    parts, reader = read([CHUNKED + b"40000000\r\n", b"a" * 1000, b"b"])
    assert [part.data for part in parts[-2:]] == [b"a" * 1000, b"b"]
    assert parts[-3].size == 1024**3
    assert not reader.is_complete


def test_a_response_to_head_has_no_body() -> None:
    parts, reader = read([OK + b"content-length: 5\r\n\r\n"], "HEAD")
    assert [part.kind for part in parts] == ["status line", "field", "end of the head"]
    assert (reader.framing, reader.is_complete) == ("none", True)


@given(
    data=st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from([data for data, _ in TABLE.values()]),
            st.sampled_from([OK, CHUNKED, b"\r\n", b"5\r\n", b"0\r\n\r\n", b"a: b\r\n"]),
        ),
        max_size=6,
    ).map(b"".join),
    places=st.sets(st.integers(0, 300), max_size=8),
)
def test_nothing_is_lost_and_nothing_raises(data: bytes, places: set[int]) -> None:
    pieces = cut(data, {place for place in places if place < len(data)})
    parts, reader = read(pieces)
    assert b"".join(part.data for part in parts) == data
    assert all(part.data for part in parts)
    whole, other = read([data])
    assert reader.is_complete == other.is_complete
    assert bool(reader.problem) == bool(other.problem)
    if not other.problem:
        assert [p[:2] for p in merged(parts)] == [p[:2] for p in merged(whole)]
