"""A request to the origin of the set-ups, and the means to respond byte by byte."""

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit

SSE = "Content-Type: text/event-stream"
NO_CACHE = "Cache-Control: no-cache"
RETRY = b"retry: 2000\n\n"


class Exchange:
    """A request, and the means to respond."""

    def __init__(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        line, *lines = head.decode("latin-1").split("\r\n")
        self.method, target, self.version = line.split(" ")
        self.path = urlsplit(target).path
        self.query = dict(parse_qsl(urlsplit(target).query))
        self.fields = {
            name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
        }
        self.writer = writer
        self.is_chunked = False
        self.count = int(self.query.get("count", 24))
        self.gap = self.number("gap", 0.05)

    def number(self, name: str, default: float) -> float:
        return float(self.query.get(name, default))

    async def head(self, *fields: str, status: str = "200 OK", framed: bool = False) -> None:
        """Send the head; unless ``framed`` by the fields, the body is chunked if it can be."""
        self.is_chunked = not framed and self.version == "HTTP/1.1"
        framing = ["Transfer-Encoding: chunked"] if self.is_chunked else ["Connection: close"]
        lines = [f"HTTP/1.1 {status}", *fields, *self.cors(), *framing, "", ""]
        self.writer.write("\r\n".join(lines).encode())
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data) if self.is_chunked else data)
        await self.writer.drain()

    async def end(self) -> None:
        if self.is_chunked:
            self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    def cors(self) -> list[str]:
        """``cors``: the fields of a response to another origin, with or without a fault."""
        origin, kind = self.fields.get("origin"), self.query.get("cors")
        if origin is None or kind is None:
            return []
        allow = "Access-Control-Allow-Origin: "
        return {
            "any": [allow + "*"],
            "this": [allow + origin, "Vary: Origin", "Access-Control-Allow-Credentials: true"],
            "unvaried": [allow + origin],
            "other": [allow + "https://other.example"],
            "twice": [allow + origin, allow + "*"],
            "any-with-credentials": [allow + "*", "Access-Control-Allow-Credentials: true"],
        }[kind]

    def event(self, n: int, id: str | None = None) -> bytes:
        text = "lorem ipsum " * 50
        data = b'data: {"n":%d,"text":"%b"}\n\n' % (
            n,
            text[: int(self.number("size", 12))].encode(),
        )
        return data if id is None else b"id: %b\n%b" % (id.encode(), data)

    async def due(self, first: int = 0) -> AsyncIterator[int]:
        """The numbers of the events, each when it is due."""
        begin = time.monotonic()
        for n in range(first, self.count):
            await asyncio.sleep(begin + (n - first) * self.gap - time.monotonic())
            yield n

    def last_number(self) -> int:
        """Last-Event-ID as a number; -1 without one."""
        return int(self.fields.get("last-event-id") or -1)
