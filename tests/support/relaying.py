"""A relay to be tested, and what its upstream answers most."""

from typing import Any, Protocol

from support.inprocess import Served

CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"


class StartRelay(Protocol):
    """Start a relay to the test's upstream, with options of `Proxy` by name.

    `base` is put behind the upstream's URL; `settings` are the engine's.
    """

    async def __call__(
        self, *, base: str = "", settings: dict[str, Any] | None = None, **options: Any
    ) -> Served: ...


def ok(body: bytes = b"", *fields: bytes) -> bytes:
    """A whole response with a length."""
    lines = (b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *fields, b"", body)
    return b"\r\n".join(lines)


def chunk(data: bytes) -> bytes:
    """One chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)
