"""What a raw client received, taken apart."""

import json
import re

from streamserver.wire.chunked import Decoder, End


def statuses(received: bytes) -> list[int]:
    """The statuses of all answers in it."""
    # With a space behind it: a page may mention HTTP/1.1.
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def detail(received: bytes) -> str:
    """What the problem document, the last thing received, says."""
    return str(json.loads(received.rpartition(b"\r\n\r\n")[2])["detail"])


def body(received: bytes) -> bytes:
    """What has come of the body, framing and all."""
    return received.partition(b"\r\n\r\n")[2]


def chunks(received: bytes) -> list[bytes]:
    """Each chunk of the body so far."""
    return [part for part in Decoder().feed(body(received)) if not isinstance(part, End)]


def content(received: bytes) -> bytes:
    """The content so far, out of its chunks."""
    return b"".join(chunks(received))
