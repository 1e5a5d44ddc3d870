"""Content codings, removed as the bytes arrive (RFC 9110, section 8.4.1).

``decode`` returns all that can be decoded by now, so that its result shows what a flush delivers.
What comes out is bounded: a few bytes can decode to gigabytes.
"""

import importlib
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from streamserver.extras import install_hint
from streamserver.wire.content_coding import zstd_library

MAX_DECODED = 16 * 1024 * 1024
"""Bytes that a body may decode to."""
ZSTD_WINDOW_LOG = 23
"""Windows up to 8 MiB, the limit for HTTP (RFC 9659)."""
MALFORMED = "the compressed data is malformed"
_SLICE = 4096
"""Bytes that are decoded at once. A decoder copies what follows the end of its member, which many
small members in a large piece would make quadratic."""


class Codings:
    """Removes the codings of a body, which are listed in the order of their application."""

    def __init__(self, codings: Iterable[str], limit: int = MAX_DECODED) -> None:
        """``limit``: bytes of the decoded body; LookupError for a coding without a decoder."""
        self._decoders = [_decoder(coding) for coding in reversed([*codings])]
        self._limit = limit
        self._left = limit

    def decode(self, data: bytes) -> bytes:
        """All that ``data`` completes; ValueError for malformed data or beyond the limit."""
        if not self._decoders:
            return data
        decoded = []
        for at in range(0, len(data), _SLICE):
            piece = data[at : at + _SLICE]
            for one in self._decoders:
                piece = one.decode(piece, self._left)
            self._left -= len(piece)
            if self._left <= 0:
                raise ValueError(f"the body decodes to more than {self._limit} bytes")
            decoded.append(piece)
        return b"".join(decoded)


class _Decoder:
    """Removes one coding, of any number of members or frames."""

    def __init__(self, new: Callable[[], Any], error: type[Exception]) -> None:
        """``new``: a decoder of one member. ``error``: what it raises for malformed data."""
        self._new = new
        self._error = error
        self._member = new()

    def decode(self, data: bytes, limit: int) -> bytes:
        """What ``data`` completes, at most ``limit`` bytes; ValueError for malformed data."""
        decoded = bytearray()
        try:
            while len(decoded) < limit:
                if self._member.eof:
                    if not data:
                        break
                    self._member = self._new()
                piece = self._member.decompress(data, limit - len(decoded))
                decoded += piece
                data = self._rest()
                if not piece and not data:
                    break
        except self._error as error:
            raise ValueError(f"{MALFORMED}: {error}") from error
        return bytes(decoded)

    def _rest(self) -> bytes:
        """The bytes that the member has not taken."""
        rest: bytes = getattr(self._member, "unconsumed_tail", b"")
        return self._member.unused_data if self._member.eof else rest


class _Deflate(_Decoder):
    """deflate with or without the head of zlib, which servers omit."""

    def __init__(self) -> None:
        super().__init__(zlib.decompressobj, zlib.error)
        self._start: bytes | None = b""
        """The first byte of the body; None: behind it."""

    def decode(self, data: bytes, limit: int) -> bytes:
        if self._start is not None:
            data = self._start + data
            self._start = data if len(data) < 2 else None
            if self._start is not None:
                return b""
            if data[0] & 15 != zlib.DEFLATED or int.from_bytes(data[:2]) % 31:
                self._member = zlib.decompressobj(-zlib.MAX_WBITS)
        return super().decode(data, limit)


class _BrotliStream:
    """A stream of brotli with the methods of the other decoders."""

    eof = False  # what follows its end is malformed

    def __init__(self, library: Any) -> None:
        self._stream = library.Decompressor()

    def decompress(self, data: bytes, limit: int) -> bytes:
        if not data and self._stream.is_finished():
            return b""
        piece: bytes = self._stream.process(data, output_buffer_limit=limit)
        return piece


def _gzip() -> _Decoder:
    return _Decoder(lambda: zlib.decompressobj(16 + zlib.MAX_WBITS), zlib.error)


def _zstd() -> _Decoder:
    library = zstd_library()
    if library is None:
        raise ImportError
    options = {library.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
    return _Decoder(lambda: library.ZstdDecompressor(options=options), library.ZstdError)


def _brotli() -> _Decoder:
    library: Any = importlib.import_module("brotli")
    if not hasattr(library.Decompressor, "can_accept_more_data"):
        raise ImportError  # it cannot limit what it decodes
    return _Decoder(lambda: _BrotliStream(library), library.error)


_MAKERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _Deflate,
    "zstd": _zstd,
    "br": _brotli,
}


def _decoder(coding: str) -> _Decoder:
    make = _MAKERS.get(coding)
    if make is None:
        raise LookupError(f"no decoder for the content coding {coding[:40]!r}")
    try:
        return make()
    except ImportError as error:
        hint = install_hint("zstd") if coding == "zstd" else "pip install 'brotli>=1.2'"
        raise LookupError(f"no library for the content coding {coding}: {hint}") from error
