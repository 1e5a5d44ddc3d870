"""Content codings, removed as the bytes arrive, and bounded."""

import gzip
import re
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest

from streamserver.lab.inspect.codings import Codings
from streamserver.wire.content_coding import zstd_library
from support.cutting import cuts, in_pieces

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECES = [b"id: 1\ndata: a\n\n", b": beat\n\n", b"data: b\n\n" * 3]


def flushed_by_zlib(bits: int) -> list[bytes]:
    made = zlib.compressobj(wbits=bits)
    pieces = [made.compress(piece) + made.flush(zlib.Z_SYNC_FLUSH) for piece in PIECES]
    return [*pieces, made.flush()]


def flushed_by_zstd() -> list[bytes]:
    made = zstd.ZstdCompressor()
    pieces = [made.compress(piece, made.FLUSH_BLOCK) for piece in PIECES]
    return [*pieces, made.flush()]


def flushed_by_brotli() -> list[bytes]:
    made = brotli.Compressor()
    pieces = [made.process(piece) + made.flush() for piece in PIECES]
    return [*pieces, made.finish()]


CODED: dict[str, tuple[list[str], Callable[[], list[bytes]]]] = {
    "gzip": (["gzip"], lambda: flushed_by_zlib(31)),
    "gzip, a member each": (["x-gzip"], lambda: [gzip.compress(piece) for piece in PIECES]),
    "deflate": (["deflate"], lambda: flushed_by_zlib(15)),
    "deflate without zlib's head": (["deflate"], lambda: flushed_by_zlib(-15)),
    "zstd": (["zstd"], flushed_by_zstd),
    "zstd, a frame each": (["zstd"], lambda: [zstd.compress(piece) for piece in PIECES]),
    "br": (["br"], flushed_by_brotli),
    "none": ([], lambda: PIECES),
}


@pytest.mark.parametrize("name", CODED)
def test_what_is_flushed_is_decoded_at_once(name: str) -> None:
    codings, encode = CODED[name]
    reader = Codings(codings)
    decoded = [reader.decode(piece) for piece in encode()]
    assert decoded[: len(PIECES)] == PIECES


@pytest.mark.parametrize("name", CODED)
def test_any_cut_decodes_to_the_same(name: str) -> None:
    codings, encode = CODED[name]
    for pieces in cuts(b"".join(encode())):
        reader = Codings(codings)
        assert b"".join([reader.decode(piece) for piece in pieces]) == b"".join(PIECES)


def test_several_codings_are_removed_from_the_last_to_the_first() -> None:
    coded = zstd.compress(gzip.compress(b"hello"))
    assert Codings(["gzip", "zstd"]).decode(coded) == b"hello"


BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "br": brotli.compress,
}


@pytest.mark.parametrize("coding", BOMBS)
def test_what_comes_out_is_bounded(coding: str) -> None:
    bomb = BOMBS[coding](bytes(4_000_000))
    reader = Codings([coding], limit=100_000)
    with pytest.raises(ValueError, match="the body decodes to more than 100000 bytes"):
        _ = [reader.decode(piece) for piece in in_pieces(bomb, 1000)]
    whole = Codings([coding], limit=4_000_001)
    assert len(whole.decode(bomb)) == 4_000_000


@pytest.mark.parametrize("coding", BOMBS)
def test_malformed_data_is_an_error(coding: str) -> None:
    with pytest.raises(ValueError, match="the compressed data is malformed"):
        Codings([coding]).decode(b"hello, this is no compressed data" * 20)


def test_a_zstd_window_beyond_that_of_http_is_an_error() -> None:
    options = {int(zstd.CompressionParameter.window_log): 24}
    made = zstd.ZstdCompressor(options=options)
    coded = made.compress(b"a" * 1000, made.FLUSH_BLOCK)
    with pytest.raises(ValueError, match="malformed"):
        Codings(["zstd"]).decode(coded)


def test_many_small_members_take_linear_time() -> None:
    member = gzip.compress(b"a")
    assert Codings(["gzip"]).decode(member * 50_000) == b"a" * 50_000


@pytest.mark.parametrize(
    ("coding", "module", "hint"), [("br", "brotli", "brotli>=1.2"), ("zstd", "backports", "[zstd]")]
)
def test_a_missing_library_is_named(
    coding: str, module: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "compression", None)
    zstd_library.cache_clear()
    try:
        with pytest.raises(LookupError, match=re.escape(hint)):
            Codings([coding])
    finally:
        zstd_library.cache_clear()


def test_a_coding_without_a_decoder_is_named() -> None:
    with pytest.raises(LookupError, match="no decoder for the content coding 'compress'"):
        Codings(["gzip", "compress"])
