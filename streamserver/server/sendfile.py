"""A file to a socket, without its bytes ever passing through Python.

``sendfile`` is called on the transport's own socket, once everything that the transport has
buffered is out. The loop refuses to watch a descriptor that a transport owns, so a duplicate
of it is watched. This works the same on asyncio and on uvloop, which has no sendfile.
TLS encrypts in user space, so there the file is read and written in slices.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streamserver.server.answer import FileRegion
from streamserver.server.outcome import Outcome

if TYPE_CHECKING:
    from streamserver.server.exchange import Exchange

SLICE = 1024 * 1024
"""Bytes per call: large enough that calls don't matter, small enough to let others run."""


@contextmanager
def output(exchange: "Exchange") -> "Iterator[int | None]":
    """The descriptor that the file is copied to, None over TLS; before any head is written.

    Counts it and the file in the budget: HTTPError 503 where there is no room for both.
    """
    transport, descriptors = exchange.connection.transport, exchange.connection.server.descriptors
    secure = transport.get_extra_info("sslcontext") is not None
    count = 1 if secure else 2
    descriptors.take(count, "a download")
    try:
        if secure:
            yield None
        else:
            yield from _duplicate(exchange, transport.get_extra_info("socket").fileno())
    finally:
        descriptors.give_back(count)


def _duplicate(exchange: "Exchange", descriptor: int) -> Iterator[int]:
    out = os.dup(descriptor)
    try:
        yield out
    finally:
        exchange.connection.loop.remove_writer(out)
        os.close(out)


async def send_file(exchange: "Exchange", region: FileRegion, out: int | None) -> None:
    """Send the region as the body of ``exchange``, whose head is written, to its ``output``.

    OSError when the file cannot be read; a file that has become shorter ends early, and the
    exchange finds out by its Content-Length. The connection's write deadline holds.
    """
    connection = exchange.connection
    if out is None:
        return await _send_slices(exchange, region)
    await connection.flushed()
    try:
        await _send_natively(exchange, region, out)
    except ConnectionError:  # the socket's, for files have none
        exchange.abandon(Outcome.CLIENT_GONE)
        connection.cut(reset=True)


async def _send_natively(exchange: "Exchange", region: FileRegion, out: int) -> None:
    source = region.file.fileno()
    offset, end = region.offset, region.offset + region.count
    while offset < end:
        try:
            sent = os.sendfile(out, source, offset, min(SLICE, end - offset))
        except BlockingIOError:
            await _writable(exchange, out)
            continue
        if not sent:
            return
        offset += sent
        exchange.sent(sent)
        await asyncio.sleep(0)


async def _writable(exchange: "Exchange", out: int) -> None:
    """Wait until the client has taken something, or the write deadline cancels us."""
    connection = exchange.connection
    waiter = connection.loop.create_future()
    connection.loop.add_writer(out, _wake, waiter)
    connection.server.observer.write_stalled()
    connection.await_progress()
    try:
        await waiter
    finally:
        connection.server.write_deadlines.stop(connection)
        connection.loop.remove_writer(out)


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


async def _send_slices(exchange: "Exchange", region: FileRegion) -> None:
    offset, end = region.offset, region.offset + region.count
    while offset < end:
        data = os.pread(region.file.fileno(), min(SLICE // 4, end - offset), offset)
        if not data:
            return
        offset += len(data)
        exchange.write(data)
        if exchange.connection.paused:
            await exchange.connection.drained()
        else:
            # A connection that was lost takes all that is written, and says so a turn later.
            await asyncio.sleep(0)
