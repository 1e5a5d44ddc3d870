"""The event that readers of a feed wait for: it has the time of its publication.

Readers in a content coding get a notification, and decode its block alone: so it does not depend on
any other. All of them get the same bytes, which are decoded once.
"""

import zlib
from functools import cache, lru_cache

from benchmarks.notifications import notifications
from benchmarks.servers.work import DATA
from streamserver.wire.content_coding import zstd_library

KIND = "message"
_CLOSING = 3
"""The bytes of a block of zstd that end the frame before it."""


def event(time: int, coding: str) -> bytes:
    """Return the data of an event at a time in nanoseconds."""
    stamp = b"%0*d" % (len(DATA), time)
    return b'{"time":"%b",%b' % (stamp, _notification()[1:]) if coding else stamp


def decoded(received: bytes, coding: str) -> bytes:
    """Return what was received, or if it is coded its first chunk, once it is whole."""
    return received if coding in ("", "identity") else _decoded_chunk(received, coding)


@lru_cache(1)
def _decoded_chunk(received: bytes, coding: str) -> bytes:
    size, _, rest = received.partition(b"\r\n")
    block = rest[: int(size or b"0", 16)]
    if len(rest) < len(block) + 2 or not block:
        return b""
    if coding == "gzip":
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(block)
    plain: bytes = zstd_library().ZstdDecompressor().decompress(block[_CLOSING:])
    return plain


@cache
def _notification() -> bytes:
    return notifications(KIND)[0][1]
