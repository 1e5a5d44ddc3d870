"""Blocks that are valid in the stream of any reader, decoded by the libraries of others."""

import random
import zlib

import httpx._decoders
import pytest
from aiohttp.compression_utils import ZSTDDecompressor
from hypothesis import given
from hypothesis import strategies as st

from streamserver.feed.coded_blocks import BlockCoder, GzipBlocks, ZstdBlocks, block_coder
from streamserver.wire.sse import HEARTBEAT
from support.content_decoding import content_decoder
from support.cutting import cuts, in_pieces

CODERS = (GzipBlocks, ZstdBlocks)
PIECES = [b'id: %d-0\ndata: {"count":%d,"text":"abcabc"}\n\n' % (n, n) for n in range(5)]
each_coder = pytest.mark.parametrize("make", CODERS)


def stream(make: type[BlockCoder], pieces: list[bytes]) -> list[bytes]:
    """The parts of a complete body: one for each piece, and the end."""
    coder = make()
    return [*map(coder.encode, pieces), coder.finish()]


def decoded(coder: BlockCoder, parts: list[bytes]) -> bytes:
    """A body that has to be complete."""
    decoder = content_decoder(coder.coding)
    data = b"".join(map(decoder.feed, parts))
    assert decoder.is_complete
    return data


@each_coder
def test_a_body_is_decoded_to_its_pieces_wherever_it_is_cut(make: type[BlockCoder]) -> None:
    body = b"".join(stream(make, PIECES))
    for parts in cuts(body):
        assert decoded(make(), parts) == b"".join(PIECES)


@each_coder
def test_each_piece_is_decoded_when_its_last_byte_has_arrived(make: type[BlockCoder]) -> None:
    decoder = content_decoder(make.coding)
    for piece, part in zip(PIECES, stream(make, PIECES), strict=False):
        received = [decoder.feed(byte) for byte in in_pieces(part, 1)]
        assert b"".join(received) == piece
        assert not decoder.is_complete


@each_coder
def test_a_body_without_its_end_is_recognized_as_cut(make: type[BlockCoder]) -> None:
    *parts, end = stream(make, PIECES)
    for size in range(len(end)):
        decoder = content_decoder(make.coding)
        assert b"".join(map(decoder.feed, [*parts, end[:size]])) == b"".join(PIECES)
        assert not decoder.is_complete


@each_coder
def test_the_blocks_are_the_same_for_readers_with_different_pieces(make: type[BlockCoder]) -> None:
    blocks = {piece: make.block(piece) for piece in PIECES}
    for mine in (PIECES, PIECES[2:], [PIECES[3]], [PIECES[4], HEARTBEAT, PIECES[1], PIECES[1]]):
        coder = make()
        parts = []
        for piece in mine:
            coder.count(piece)
            parts.append(coder.begin() + blocks.get(piece, make.block(piece)))
        assert parts == [make().encode(mine[0]), *map(make.block, mine[1:])]
        assert decoded(coder, [*parts, coder.finish()]) == b"".join(mine)


@each_coder
def test_a_piece_may_share_the_end(make: type[BlockCoder]) -> None:
    coder = make()
    parts = [coder.encode(PIECES[0]), coder.finish(PIECES[1])]
    assert decoded(coder, parts) == PIECES[0] + PIECES[1]


@each_coder
def test_a_body_without_pieces_is_complete(make: type[BlockCoder]) -> None:
    assert decoded(make(), [make().finish()]) == b""


@each_coder
def test_a_small_piece_that_is_repeated_is_encoded_once(make: type[BlockCoder]) -> None:
    one, two = make(), make()
    one.encode(PIECES[0])
    two.encode(PIECES[1])
    assert one.encode(HEARTBEAT) is two.encode(HEARTBEAT)


@each_coder
def test_a_coder_has_no_compressor(make: type[BlockCoder]) -> None:
    """The engine has nothing to free while a stream is silent."""
    coder = make()
    first = coder.encode(PIECES[0])
    assert not coder.holds_state
    coder.rest()
    assert decoded(coder, [first, coder.finish(PIECES[1])]) == PIECES[0] + PIECES[1]


@pytest.mark.parametrize("size", [1, 249, 250, 251, 762, 32506, 32768, 131072, 131073, 300_000])
@pytest.mark.parametrize("kind", ["equal", "text", "random"])
@each_coder
def test_pieces_of_any_size(make: type[BlockCoder], kind: str, size: int) -> None:
    """Around the sizes of windows and of blocks."""
    source = {"equal": b"x", "text": b"".join(PIECES), "random": random.Random(1).randbytes(size)}
    piece = (source[kind] * (size // len(source[kind]) + 1))[:size]
    assert decoded(make(), stream(make, [piece, piece])) == piece * 2
    # Bytes that nothing can shorten are stored, with a few bytes for each 16 KiB.
    assert len(make.block(piece)) <= size + 32 + size // 1000


@given(st.lists(st.binary(min_size=1, max_size=600), max_size=12), st.sampled_from(CODERS))
def test_any_pieces(pieces: list[bytes], make: type[BlockCoder]) -> None:
    assert decoded(make(), stream(make, pieces)) == b"".join(pieces)


def test_gzip_is_one_member() -> None:
    """Browsers ignore a second one."""
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
    assert inflate.decompress(b"".join(stream(GzipBlocks, PIECES))) == b"".join(PIECES)
    assert (inflate.eof, inflate.unused_data) == (True, b"")


def test_zstd_is_read_by_decoders_that_end_at_a_frame() -> None:
    """The decoder of httpx fails if it has read exactly one frame and more follows."""
    parts = stream(ZstdBlocks, PIECES)
    for decode in (httpx._decoders.ZStandardDecoder().decode, ZSTDDecompressor().decompress_sync):
        assert [decode(part) for part in parts] == [*PIECES, b""]


@each_coder
def test_a_coder_by_its_name(make: type[BlockCoder]) -> None:
    assert type(block_coder(make.coding)) is make
