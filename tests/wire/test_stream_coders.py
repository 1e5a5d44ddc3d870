"""Coders of streams against the decoders of others: whatever has arrived decodes to all that was
encoded so far."""

import zlib
from collections.abc import Callable
from itertools import accumulate

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from streamserver.wire import gzip_stream
from streamserver.wire.chunked import encode_all
from streamserver.wire.coders import stream_coder, whole_compressor
from streamserver.wire.content_coding import CODINGS, Coding
from streamserver.wire.sse import HEARTBEAT, Event, encode
from support.content_decoding import content_decoder
from support.growth import MOST, growth

coded = pytest.mark.parametrize("coding", CODINGS)

EVENTS = [encode(Event({"n": n, "text": "東" * (n % 3)}, id=n)) for n in range(20)]
PIECES = [*EVENTS[:10], HEARTBEAT, b"x" * 5000, *EVENTS[10:], HEARTBEAT, HEARTBEAT]

# Pauses are None. Most pieces repeat earlier ones, as those of a stream do.
pieces = st.lists(
    st.one_of(
        st.none(), st.sampled_from(EVENTS), st.binary(min_size=1, max_size=300).map(lambda b: b * 9)
    ),
    max_size=12,
)


def coded_pieces(coding: Coding, pieces: list[bytes | None]) -> list[bytes]:
    """The coded bytes of each piece, and those of the end."""
    coder = stream_coder(coding)
    found = []
    for piece in pieces:
        if piece is None:
            coder.rest()
            coder.rest()
        else:
            found.append(coder.encode(piece))
    return [*found, coder.finish()]


def decode_with_zstandard(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()


DECODERS: dict[Coding, Callable[[bytes], bytes]] = {
    "gzip": lambda data: zlib.decompress(data, 16 + zlib.MAX_WBITS),
    "zstd": decode_with_zstandard,
}


@coded
def test_cut_at_every_byte_all_pieces_so_far_are_decoded(coding: Coding) -> None:
    """The decoder gets single bytes, so that it cannot look ahead."""
    parts = coded_pieces(coding, [*PIECES[:15], None, *PIECES[15:]])
    ends = dict(zip(accumulate(map(len, parts)), accumulate(PIECES), strict=False))
    decoder, decoded, expected = content_decoder(coding), b"", b""
    whole = b"".join(parts)
    complete = []  # where it would pass for whole
    for at, byte in enumerate(whole, 1):
        decoded += decoder.feed(bytes([byte]))
        expected = ends.get(at, expected)
        assert decoded.startswith(expected)
        if decoder.is_complete:
            complete.append(at)
    assert decoded == b"".join(PIECES)
    # After the pause another frame begins, in the middle of a chunk.
    assert complete[1 if coding == "zstd" else 0 :] == [len(whole)]
    assert not set(complete[:-1]) & set(ends)


@coded
@given(pieces=pieces)
def test_what_arrived_decodes_to_what_was_sent(coding: Coding, pieces: list[bytes | None]) -> None:
    sent = [piece for piece in pieces if piece is not None]
    *parts, end = coded_pieces(coding, pieces)
    decoder, decoded = content_decoder(coding), b""
    for part, expected in zip(parts, accumulate(sent), strict=True):
        decoded += decoder.feed(part)
        assert decoded == expected
        assert not decoder.is_complete
    assert decoder.feed(end) == b""
    assert decoder.is_complete
    assert DECODERS[coding](b"".join([*parts, end])) == b"".join(sent)


@coded
@given(pieces=pieces, last=st.binary(max_size=300))
def test_the_last_piece_may_come_with_the_end(
    coding: Coding, pieces: list[bytes | None], last: bytes
) -> None:
    coder = stream_coder(coding)
    found = b""
    for piece in pieces:
        if piece is None:
            coder.rest()
        else:
            found += coder.encode(piece)
    found += coder.finish(last)
    assert DECODERS[coding](found) == b"".join([*filter(None, pieces), last])


@coded
def test_a_piece_after_a_pause_refers_to_nothing_before_it(coding: Coding) -> None:
    """The compressor was freed: the same text is coded anew."""
    event = encode(Event("a text of some length that occurs in the stream once more, as it is"))
    first, again, after, _ = coded_pieces(coding, [event, event, None, event])
    assert len(again) < len(first) / 2
    assert abs(len(after) - len(first)) <= len(gzip_stream.HEADER)


@coded
def test_a_coder_in_use_does_not_rest(coding: Coding) -> None:
    coder = stream_coder(coding)
    coder.rest()
    first = coder.encode(EVENTS[0])
    coder.rest()
    assert len(coder.encode(EVENTS[0])) < len(first) / 2


@coded
def test_pauses_send_nothing_and_add_up_to_nothing(coding: Coding) -> None:
    coder = stream_coder(coding)
    for _ in range(5):
        coder.rest()
    found = coder.encode(b"a")
    for _ in range(5):
        coder.rest()
    found += coder.encode(b"b") + coder.finish()
    assert DECODERS[coding](found) == b"ab"


@coded
def test_an_empty_body(coding: Coding) -> None:
    coder = stream_coder(coding)
    coder.rest()
    end = coder.finish()
    assert DECODERS[coding](end) == b""
    decoder = content_decoder(coding)
    assert decoder.feed(end) == b""
    assert decoder.is_complete


def test_the_size_of_a_gzip_member_is_modulo_2_to_the_32() -> None:
    assert gzip_stream.trailer(0x01020304, 2**32 + 5) == b"\x04\x03\x02\x01\x05\0\0\0"


@coded
def test_equal_bodies_are_coded_equally(coding: Coding) -> None:
    """So that a strong entity tag is possible: no time, no name."""

    def encoded() -> bytes:
        compressor = whole_compressor(coding)
        return compressor.compress(b"a") + compressor.compress(b"b" * 999) + compressor.flush()

    assert encoded() == encoded()
    assert DECODERS[coding](encoded()) == b"a" + b"b" * 999


@coded
def test_token_deltas_shrink_to_a_fifth_with_their_framing(coding: Coding) -> None:
    chunk = {"id": f"chatcmpl-{'a1b2' * 7}", "object": "chat.completion.chunk"}
    words = [f"{n * 7919 % 1000} " for n in range(1000)]
    events = [
        encode(Event({**chunk, "choices": [{"index": 0, "delta": {"content": word}}]}))
        for word in words
    ]
    framed = encode_all(coded_pieces(coding, [*events]))
    assert len(framed) < len(b"".join(events)) / 5


@coded
def test_the_time_is_linear(coding: Coding) -> None:
    def work(size: int) -> None:
        coder = stream_coder(coding)
        for _ in range(size):
            coder.encode(EVENTS[0])

    assert growth(work, 1000) < MOST
