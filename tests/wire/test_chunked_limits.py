"""The limits on the framing of a chunked body, and the cost of decoding."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from streamserver.wire.chunked import LAST_CHUNK, MAX_EXTENSIONS, MAX_TRAILERS, Decoder, encode
from streamserver.wire.problem import HTTPError
from support.chunked import Ended, Refused, decode
from support.cutting import in_pieces


def test_extensions_are_counted_over_the_whole_body() -> None:
    half, rest = b";" + b"a" * (MAX_EXTENSIONS // 2 - 1), b"\r\n\r\n"
    assert decode([b"1" + half + b"\r\nx\r\n0" + half + rest]) == Ended(b"x")
    assert decode([b"1" + half + b"\r\nx\r\n0" + half + b"a" + rest]) == Refused()


def test_trailer_fields_are_counted_together() -> None:
    half, rest = b"a:" + b"v" * (MAX_TRAILERS // 2 - 4) + b"\r\n", b"\r\n"
    assert isinstance(decode([b"0\r\n" + half + b"b:" + half[4:] + rest]), Ended)
    assert isinstance(decode([b"0\r\n" + half + b"b:" + half[3:] + rest]), Refused)


@pytest.mark.parametrize(
    ("start", "endless", "limit", "message"),
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
def test_endless_framing_is_refused(
    start: bytes, endless: bytes, limit: int, message: str, size: int
) -> None:
    flood = endless * (2 * limit // len(endless))
    taken: list[bytes] = []

    def send() -> None:
        decoder = Decoder()
        decoder.feed(start)
        for piece in in_pieces(flood, size):
            decoder.feed(piece)
            taken.append(piece)

    with pytest.raises(HTTPError, match=message):
        send()
    assert len(b"".join(taken)) <= limit + 32


def test_eight_mebibytes_in_small_pieces() -> None:
    """With quadratic time this test would not finish."""
    data = bytes(8 * 1024 * 1024)
    body = encode(data) + LAST_CHUNK
    assert decode(in_pieces(body, 64)) == Ended(data)


def count_calls(work: Callable[[], object]) -> int:
    """The number of calls, to Python and to C, in ``work``: other load does not change it."""
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
