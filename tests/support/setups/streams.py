"""The streams of single requests, healthy and faulty; each function is a path of the origin."""

import asyncio
import socket
import struct
import zlib
from contextlib import suppress

from support.setups.exchange import NO_CACHE, RETRY, SSE, Exchange


async def healthy(ex: Exchange, skip: int = 0, *more: str) -> None:
    """Ids continue after Last-Event-ID."""
    await ex.head(SSE, NO_CACHE, *more)
    await ex.send(RETRY)
    last = ex.last_number()
    async for n in ex.due(last + 1 + (skip if last >= 0 else 0)):
        await ex.send(ex.event(n, str(n)))
    await ex.end()


async def hole(ex: Exchange) -> None:
    """A reply to Last-Event-ID begins ``skip`` events too late."""
    await healthy(ex, int(ex.number("skip", 3)))


async def overlap(ex: Exchange) -> None:
    """A reply to Last-Event-ID repeats the last event."""
    await healthy(ex, -1)


async def repeats(ex: Exchange) -> None:
    """Last-Event-ID is ignored."""
    ex.fields.pop("last-event-id", None)
    await healthy(ex)


async def plain(ex: Exchange) -> None:
    """Neither ids nor ``retry``."""
    await _events(ex, SSE, NO_CACHE)


async def typeless(ex: Exchange) -> None:
    await _events(ex, NO_CACHE)


async def text(ex: Exchange) -> None:
    await _events(ex, "Content-Type: text/plain", NO_CACHE)


async def cacheable(ex: Exchange) -> None:
    await _events(ex, SSE, "Cache-Control: public, max-age=600")


async def late_head(ex: Exchange) -> None:
    """The head leaves with the first event, after ``wait``."""
    await asyncio.sleep(ex.number("wait", 1.5))
    await _events(ex, SSE, NO_CACHE)


async def early_head(ex: Exchange) -> None:
    """The head leaves at once, the first event after ``wait``."""
    await _events(ex, SSE, NO_CACHE, wait=ex.number("wait", 0.5))


async def length(ex: Exchange) -> None:
    """A Content-Length, and events that are sent when they are due."""
    size = sum(len(ex.event(n)) for n in range(ex.count))
    await ex.head(SSE, NO_CACHE, f"Content-Length: {size}", framed=True)
    async for n in ex.due():
        await ex.send(ex.event(n))


async def whole(ex: Exchange) -> None:
    """The whole body at the end, with its length."""
    body = b"".join([ex.event(n) async for n in ex.due()])
    await ex.head(SSE, NO_CACHE, f"Content-Length: {len(body)}", framed=True)
    await ex.send(body)


async def needs_chunks(ex: Exchange) -> None:
    """A stream in HTTP/1.1, and in HTTP/1.0 the whole body with its length."""
    await (healthy(ex) if ex.version == "HTTP/1.1" else whole(ex))


async def close_delimited(ex: Exchange) -> None:
    ex.version = "HTTP/1.0"
    await _events(ex, SSE, NO_CACHE)


async def bursts(ex: Exchange) -> None:
    """Events in groups of ``group``."""
    await ex.head(SSE, NO_CACHE)
    held, group = b"", int(ex.number("group", 8))
    async for n in ex.due():
        held += ex.event(n)
        if (n + 1) % group == 0:
            await ex.send(held)
            held = b""
    await ex.send(held or b":\n\n")
    await ex.end()


async def at_the_end(ex: Exchange) -> None:
    """The head at once, all events at the end."""
    await ex.head(SSE, NO_CACHE)
    await ex.send(b"".join([ex.event(n) async for n in ex.due()]))
    await ex.end()


async def gzip_flushed(ex: Exchange) -> None:
    await _gzipped(ex, flush=True)


async def gzip_held(ex: Exchange) -> None:
    """gzip without a flush."""
    await _gzipped(ex, flush=False)


async def gzip_unasked(ex: Exchange) -> None:
    """gzip, whatever Accept-Encoding says."""
    ex.fields["accept-encoding"] = "gzip"
    await _gzipped(ex, flush=True)


async def cut(ex: Exchange) -> None:
    """An endless stream that is cut after ``after`` seconds, with RST if ``reset``."""
    await ex.head(SSE, NO_CACHE)
    await ex.send(RETRY)
    ex.count = 10**9
    with suppress(TimeoutError):
        async with asyncio.timeout(ex.number("after", 1.0)):
            async for n in ex.due():
                await ex.send(ex.event(n, str(n)))
    if "reset" in ex.query:
        at_once = struct.pack("ii", 1, 0)
        ex.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)


async def endless(ex: Exchange) -> None:
    ex.count = 10**9
    await healthy(ex)


async def silent(ex: Exchange) -> None:
    """Two events, and a silence of ``silence`` after the second, with heartbeats each ``beat`` if
    given."""
    await ex.head(SSE, NO_CACHE)
    beat, silence = ex.number("beat", 0), ex.number("silence", 1.5)
    await ex.send(ex.event(0))
    await asyncio.sleep(0.4)  # nginx does not restart a timer within 0.3 s
    await ex.send(ex.event(1))
    for _ in range(int(silence / beat) if beat else 1):
        await asyncio.sleep(beat or silence)
        if beat:
            await ex.send(b":\n\n")
    async for n in ex.due(2):
        await ex.send(ex.event(n))
    await ex.end()


async def chat(ex: Exchange) -> None:
    """Chunks of a chat completion, without ``[DONE]`` if ``undone``."""
    await ex.head(SSE, NO_CACHE)
    async for n in ex.due():
        delta = b'{"index":0,"delta":{"content":"word%d "},"finish_reason":null}' % n
        await ex.send(b'data: {"object":"chat.completion.chunk","choices":[%b]}\n\n' % delta)
    if "undone" not in ex.query:
        await ex.send(b"data: [DONE]\n\n")
    await ex.end()


async def lines(ex: Exchange) -> None:
    """Lines of JSON."""
    await ex.head("Content-Type: application/x-ndjson", NO_CACHE)
    async for n in ex.due():
        await ex.send(b'{"n":%d}\n' % n)
    await ex.end()


async def _events(ex: Exchange, *fields: str, wait: float = 0.0) -> None:
    await ex.head(*fields)
    await asyncio.sleep(wait)
    async for n in ex.due():
        await ex.send(ex.event(n))
    await ex.end()


async def _gzipped(ex: Exchange, flush: bool) -> None:
    if "gzip" not in ex.fields.get("accept-encoding", ""):
        await _events(ex, SSE, NO_CACHE, "Vary: Accept-Encoding")
        return
    await ex.head(SSE, NO_CACHE, "Content-Encoding: gzip", "Vary: Accept-Encoding")
    coder = zlib.compressobj(wbits=31)
    async for n in ex.due():
        data = coder.compress(ex.event(n)) + (coder.flush(zlib.Z_SYNC_FLUSH) if flush else b"")
        if data:
            await ex.send(data)
    await ex.send(coder.flush())
    await ex.end()
