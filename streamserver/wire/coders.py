"""The coders of each content coding."""

from streamserver.wire.content_coding import Coder, Coding, Compressor
from streamserver.wire.gzip_stream import GzipCoder, whole_gzip
from streamserver.wire.zstd_stream import ZstdCoder, whole_zstd


def stream_coder(coding: Coding) -> Coder:
    """The coder of one stream. It raises RuntimeError if the coding is not available."""
    return ZstdCoder() if coding == "zstd" else GzipCoder()


def whole_compressor(coding: Coding) -> Compressor:
    """The compressor of a body that is sent whole, with a window for files and no flush; equal
    bodies have equal codes. RuntimeError for a coding that is not available."""
    return whole_zstd() if coding == "zstd" else whole_gzip()
