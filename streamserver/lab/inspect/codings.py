"""Content codings, removed as the bytes arrive (RFC 9110, section 8.4.1).

``decode`` returns all that can be decoded by now, so that its result shows what a flush delivers.
What comes out is bounded: a few bytes can decode to gigabytes.
"""

import importlib
import zlib
from collections.abc import Iterable
from typing import Any, Protocol

from streamserver.extras import install_hint

MAX_DECODED = 16 * 1024 * 1024
"""Bytes that a body may decode to."""
ZSTD_WINDOW_LOG = 23
"""Windows up to 8 MiB, the limit for HTTP (RFC 9659)."""
MALFORMED = "the compressed data is malformed"
_SLICE = 4096
"""Bytes that are decoded at once. A decoder copies what follows the end of its member, which many
small members in a large piece would make quadratic."""


class Decompressor(Protocol):
    """Removes one coding."""

    def decode(self, data: bytes, limit: int) -> bytes:
        """All that ``data`` completes; ValueError for malformed data or more than ``limit``."""


class Codings:
    """Removes the codings of a body, which are listed in the order of their application."""

    def __init__(self, codings: Iterable[str], limit: int = MAX_DECODED) -> None:
        """``limit``: bytes of the decoded body; LookupError for a coding without a decoder."""
        self._decompressors = [_decompressor(coding) for coding in reversed([*codings])]
        self._limit = limit
        self._left = limit

    def decode(self, data: bytes) -> bytes:
        """All that ``data`` completes; ValueError for malformed data or beyond the limit."""
        if not self._decompressors:
            return data
        decoded = []
        for at in range(0, len(data), _SLICE):
            piece = data[at : at + _SLICE]
            for one in self._decompressors:
                piece = one.decode(piece, self._left)
            self._left -= len(piece)
            if self._left <= 0:
                raise ValueError(f"the body decodes to more than {self._limit} bytes")
            decoded.append(piece)
        return b"".join(decoded)


def available(codings: Iterable[str]) -> list[str]:
    """Those of the codings that can be decoded here."""
    return [coding for coding in codings if _is_available(coding)]


def _is_available(coding: str) -> bool:
    try:
        _decompressor(coding)
    except LookupError:
        return False
    return True


def _decompressor(coding: str) -> Decompressor:
    make = _MAKERS.get(coding)
    if make is None:
        raise LookupError(f"no decoder for the content coding {coding[:40]!r}")
    try:
        made: Decompressor = make()
        return made
    except ImportError as error:
        hint = install_hint("zstd") if coding == "zstd" else "pip install 'brotli>=1.2'"
        raise LookupError(f"no library for the content coding {coding}: {hint}") from error


class _Zlib:
    """gzip, of any number of members, and deflate, with or without the head of zlib."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._start: bytes | None = b"" if bits == zlib.MAX_WBITS else None
        """The first two bytes of deflate, of which servers omit zlib's head; None: read."""
        self._member = zlib.decompressobj(bits)

    def decode(self, data: bytes, limit: int) -> bytes:
        if self._start is not None:
            data = self._start + data
            if len(data) < 2:
                self._start = data
                return b""
            self._start = None
            if data[0] & 15 != zlib.DEFLATED or int.from_bytes(data[:2]) % 31:
                self._bits = -zlib.MAX_WBITS
                self._member = zlib.decompressobj(self._bits)
        decoded = bytearray()
        try:
            while data and len(decoded) < limit:
                if self._member.eof:
                    self._member = zlib.decompressobj(self._bits)
                decoded += self._member.decompress(data, limit - len(decoded))
                data = self._member.unconsumed_tail or self._member.unused_data
        except zlib.error as error:
            raise ValueError(f"{MALFORMED}: {error}") from error
        return bytes(decoded)


class _Zstd:
    """zstd, of any number of frames."""

    def __init__(self) -> None:
        try:
            self._library: Any = importlib.import_module("compression.zstd")
        except ImportError:
            self._library = importlib.import_module("backports.zstd")
        self._frame = self._new()

    def _new(self) -> Any:
        window = self._library.DecompressionParameter.window_log_max
        return self._library.ZstdDecompressor(options={window: ZSTD_WINDOW_LOG})

    def decode(self, data: bytes, limit: int) -> bytes:
        decoded = bytearray()
        try:
            while len(decoded) < limit:
                if self._frame.eof:
                    if not data:
                        break
                    self._frame = self._new()
                decoded += self._frame.decompress(data, limit - len(decoded))
                data = self._frame.unused_data if self._frame.eof else b""
                if not self._frame.eof and self._frame.needs_input:
                    break
        except self._library.ZstdError as error:
            raise ValueError(f"{MALFORMED}: {error}") from error
        return bytes(decoded)


class _Brotli:
    """br; the library must be able to limit what comes out."""

    def __init__(self) -> None:
        self._library: Any = importlib.import_module("brotli")
        self._stream = self._library.Decompressor()
        if not hasattr(self._stream, "can_accept_more_data"):
            raise ImportError("this brotli cannot limit what it decodes")

    def decode(self, data: bytes, limit: int) -> bytes:
        decoded = bytearray()
        try:
            while len(decoded) < limit:
                piece = self._stream.process(data, output_buffer_limit=limit - len(decoded))
                decoded += piece
                data = b""
                if not piece or self._stream.is_finished():
                    break
        except self._library.error as error:
            raise ValueError(f"{MALFORMED}: {error}") from error
        return bytes(decoded)


_MAKERS: dict[str, Any] = {
    "gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
    "x-gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
    "deflate": lambda: _Zlib(zlib.MAX_WBITS),
    "zstd": _Zstd,
    "br": _Brotli,
}
