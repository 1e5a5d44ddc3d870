"""The chunked coding compared with h11, for any cut."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamserver.wire.chunked import encode, last_chunk
from support.chunked import Ended, Refused, decode
from support.cutting import cut
from support.h11_chunked import chunked_bodies, leniency, read_with_h11

LENIENCIES: list[tuple[str, bytes]] = [
    ("a size of more than 16 digits", b"00000000000000001\r\nx\r\n0\r\n\r\n"),
    ("whitespace after the size", b"1 \r\nx\r\n0\r\n\r\n"),
    ("an extension that breaks the grammar", b"1;\0\r;=\r\nx\r\n0\r\n\r\n"),
    ("a bare LF", b"0\r\nA: 1\n\r\n"),
    ("a folded line", b"0\r\nA: 1\r\n 2\r\n\r\n"),
    ("a control character", b"0\r\nA: \x01\r\n\r\n"),
    ("a field that may not be a trailer", b"0\r\nHost: x\r\n\r\n"),
]
"""All that h11 accepts and we refuse, apart from our limits on length."""


@pytest.mark.parametrize(("name", "body"), LENIENCIES)
def test_leniencies_that_h11_allows_are_refused(name: str, body: bytes) -> None:
    assert isinstance(read_with_h11(body), Ended)
    assert leniency(body) == name
    assert decode([body]) == Refused()


@given(body=chunked_bodies(), places=st.sets(st.integers(0, 150)))
@example(body=b"1\r\nx\r\n0\r\n\r\n", places={1, 2, 3, 4, 5, 6})
@example(body=b"", places=set())
def test_any_bytes_mean_to_us_what_they_mean_to_h11(body: bytes, places: set[int]) -> None:
    """Or they are refused, by h11 too or for a listed leniency."""
    theirs = read_with_h11(body)
    if theirs != Refused() and leniency(body):
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
    assert decode(cut(body, places)) == read_with_h11(body) == Ended(b"".join(chunks), fields, rest)
