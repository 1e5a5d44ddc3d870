"""Coded bodies, decoded as they arrive by the libraries of others."""

import zlib
from typing import Any, Protocol

from streamserver.wire.content_coding import zstd_library


class ContentDecoder(Protocol):
    """Decodes one body."""

    @property
    def is_complete(self) -> bool:
        """Whether it may end here."""

    def feed(self, data: bytes) -> bytes:
        """All that the bytes so far mean, without what was returned before."""


class Gzip:
    """One gzip member, whose checksum and size zlib verifies; bytes behind it are an error."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def is_complete(self) -> bool:
        """Whether the member has ended."""
        return self._inflate.eof

    def feed(self, data: bytes) -> bytes:
        """As ``ContentDecoder.feed``."""
        assert not (data and self._inflate.eof), f"bytes behind the member: {data!r}"
        decoded = self._inflate.decompress(data)
        assert not self._inflate.unused_data
        return decoded


class Zstd:
    """One or more frames of zstd."""

    def __init__(self) -> None:
        self._decompress: Any = None

    @property
    def is_complete(self) -> bool:
        """Whether a frame has ended, and none has begun."""
        return self._decompress is not None and bool(self._decompress.eof)

    def feed(self, data: bytes) -> bytes:
        """As ``ContentDecoder.feed``."""
        decoded = b""
        while data:
            if self._decompress is None or self._decompress.eof:
                self._decompress = zstd_library().ZstdDecompressor()
            decoded += self._decompress.decompress(data)
            data = self._decompress.unused_data
        return decoded


def content_decoder(coding: str) -> ContentDecoder:
    """A decoder for a new body."""
    return Gzip() if coding == "gzip" else Zstd()
