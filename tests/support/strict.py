"""An upstream that forgives nothing: it holds every byte it is sent against the grammar and h11.

A relay is judged by what its upstream may believe. So this one keeps what each of its
connections carried, as requests, and as a fault whatever was no request, or came behind one
that had not been answered yet: a second request, in other words, that nobody sent.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import h11

_TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
_head = re.compile(
    rb"(?!HTTP)%b [!-\"$-~]+ HTTP/1\.1\r\n(?:%b: (?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*"
    rb"[!-~\x80-\xff])?)?\r\n)+\r\n" % (_TOKEN, _TOKEN)
).fullmatch
_ONCE = (b"host", b"content-length", b"transfer-encoding", b"expect", b"te", b"connection")
_FRAMING = (b"content-length", b"transfer-encoding")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(slots=True)
class Heard:
    """One request, as far as it came."""

    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    is_whole: bool = False


@dataclass(slots=True)
class StrictUpstream:
    """Where it listens, what it heard, in order, and what was wrong with it."""

    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class _Strict(asyncio.Protocol):
    def __init__(self, upstream: StrictUpstream) -> None:
        self._upstream = upstream
        self._h11 = h11.Connection(h11.SERVER)
        self._request: Heard | None = None
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            if self._request is None:
                self._unread += data
                if b"\r\n\r\n" not in self._unread:
                    return
                data, self._unread = self._unread, b""
                self._check_head(data)
            self._h11.receive_data(data)
            while (event := self._h11.next_event()) is not h11.NEED_DATA:
                self._take(event)
                if isinstance(event, h11.EndOfMessage):
                    return
        except (h11.RemoteProtocolError, AssertionError) as fault:
            self._upstream.faults.append(f"{fault!r} at {data!r}")
            self._transport.abort()

    def _check_head(self, data: bytes) -> None:
        head = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        assert _head(head), "not a head as it should be written"
        names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:-2]]
        assert names[0] == b"host", "Host is not the first field"
        assert all(names.count(name) <= 1 for name in _ONCE), "a field twice"
        assert sum(names.count(name) for name in _FRAMING) <= 1, "two framings"

    def _take(self, event: object) -> None:
        upstream, request = self._upstream, self._request
        if isinstance(event, h11.Request):
            fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers]
            target = event.target.decode("latin-1")
            self._request = Heard(event.method.decode("latin-1"), target, fields)
            upstream.heard.append(self._request)
        elif isinstance(event, h11.Data) and request is not None:
            request.body += event.data
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            assert self._h11.trailing_data[0] == b"", "bytes behind the request"
            assert not event.headers, "trailers"
            request.is_whole = True
            self._answer(request)
        else:
            raise AssertionError(f"unexpected {event!r}")

    def _answer(self, request: Heard) -> None:
        self._request = None
        self._h11 = h11.Connection(h11.SERVER)
        self._transport.write(ANSWER.removesuffix(b"ok" if request.method == "HEAD" else b""))

    def connection_lost(self, error: Exception | None) -> None:
        if self._unread:
            self._upstream.faults.append(f"half a head: {self._unread!r}")


@contextlib.asynccontextmanager
async def strict_upstream() -> AsyncIterator[StrictUpstream]:
    """Such an upstream while inside."""
    upstream = StrictUpstream()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Strict(upstream), "127.0.0.1", 0)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
