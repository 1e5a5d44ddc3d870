"""The zstd coding of a stream (RFC 8878, RFC 9659).

Each piece ends with a flush, which completes a block. A stream that rests frees its compressor and
continues with another frame: a body consists of one or more. The end of the frame before it is sent
with that frame, so nothing is sent because of a pause.
"""

from typing import Any

from streamserver.wire.content_coding import Compressor, zstd_library

WINDOW_LOG, TABLE_LOG, LAZY, SEARCH_LOG = 11, 10, 4, 3
"""A window of 2 KiB, searched lazily in tables of 1,024 positions. Measured with zstd 1.5.7, as the
windows of gzip are in ``gzip_stream``:

====== ======== ======== ============ =========== ===========
window search   memory   token deltas JSON events CSV
====== ======== ======== ============ =========== ===========
1 KiB  fast     33 KiB   6.2 %, 1.1   44.1 %, 2.0 82.5 %, 1.1
2 KiB  fast     40 KiB   6.0 %, 1.1   41.6 %, 1.6 82.5 %, 1.0
2 KiB  lazy     47 KiB   5.9 %, 1.7   34.5 %, 3.5 74.7 %, 1.8
4 KiB  lazy     72 KiB   5.8 %, 1.8   33.6 %, 3.4 73.4 %, 1.8
8 KiB  lazy 2   118 KiB  5.6 %, 2.0   30.7 %, 4.1 69.0 %, 2.1
====== ======== ======== ============ =========== ===========

zstd needs 30 KiB beside its window, so a stream holds the compressor only while it is written."""

WHOLE_WINDOW_LOG, WHOLE_TABLE_LOG, LAZY_2, WHOLE_SEARCH_LOG = 16, 14, 5, 4
"""Of a body that is sent whole: as small as gzip at level 6, or smaller, in half the time and the
same memory, 300 KiB."""


class ZstdCoder:
    """Encodes one stream as one or more frames. As the Protocol ``Coder``."""

    __slots__ = ("_compressor", "_is_used", "_unsent")

    coding = "zstd"
    holds_state = True

    def __init__(self) -> None:
        self._compressor: Any = None
        self._is_used = False
        self._unsent = b""

    def encode(self, data: bytes) -> bytes:
        """As ``Coder.encode``."""
        compressor = self._compressor
        if compressor is None:
            compressor = self._begin()
        self._is_used = True
        coded: bytes = compressor.compress(data, compressor.FLUSH_BLOCK)
        if self._unsent:
            coded, self._unsent = self._unsent + coded, b""
        return coded

    def _begin(self) -> Any:
        self._compressor = compressor = _compressor(WINDOW_LOG, TABLE_LOG, LAZY, SEARCH_LOG)
        return compressor

    def finish(self, data: bytes = b"") -> bytes:
        """As ``Coder.finish``."""
        compressor = self._compressor
        if compressor is None:
            if self._unsent and not data:  # the frame before the pause is the last one
                return self._unsent
            compressor = self._begin()
        coded: bytes = compressor.compress(data, compressor.FLUSH_FRAME)
        return self._unsent + coded

    def rest(self) -> None:
        """As ``Coder.rest``."""
        if self._compressor is not None and not self._is_used:
            self._unsent = self._compressor.flush()
            self._compressor = None
        self._is_used = False


def whole_zstd() -> Compressor:
    """As ``whole_compressor``."""
    values = WHOLE_WINDOW_LOG, WHOLE_TABLE_LOG, LAZY_2, WHOLE_SEARCH_LOG
    compressor: Compressor = _compressor(*values)
    return compressor


def _compressor(window_log: int, table_log: int, strategy: int, search_log: int) -> Any:
    library = zstd_library()
    if library is None:
        raise RuntimeError("zstd needs Python 3.14 or the extra zstd")
    parameter = library.CompressionParameter
    options = {
        parameter.window_log: window_log,
        parameter.hash_log: table_log,
        parameter.chain_log: table_log,
        parameter.strategy: strategy,
        parameter.search_log: search_log,
    }
    return library.ZstdCompressor(options=options)
