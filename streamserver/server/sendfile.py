"""Send a file to a socket without passing its bytes through Python.

``sendfile`` is called on the transport's own socket, once the transport's buffer is empty. The
loop refuses to watch a descriptor that a transport owns, so a duplicate of it is watched. This
works the same on asyncio and on uvloop, which has no sendfile. TLS encrypts in user space, so
there the file is read and written in slices.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

from streamserver.server.answer import Answer, FileRegion
from streamserver.server.writer import Writer

SLICE = 1024 * 1024
"""Bytes per call: many enough that calls cost little, few enough that other tasks can run."""


async def send_region(writer: Writer, answer: Answer) -> None:
    """Send a body that is a file region, and close the file.

    TypeError when the body is of no kind that can be sent; HTTPError 503 when no descriptor is
    left; OSError when the file cannot be read. A file that has become shorter ends early, and the
    exchange detects it by its Content-Length. The connection's write deadline applies.
    """
    region = answer.body
    if not isinstance(region, FileRegion):
        raise TypeError(f"a body is bytes, a file, a stream or iterable, not {region!r}")
    with region.file, _output(writer) as out:
        if not writer.prepare(answer):
            return
        writer.flush_head()
        if out is None:
            return await _send_slices(writer, region)
        await writer.connection.until_flushed()
        try:
            await _send_natively(writer, region, out)
        except ConnectionError:  # of the socket, because files have none
            writer.connection.hung_up()


@contextmanager
def _output(writer: Writer) -> Iterator[int | None]:
    """The descriptor that the file is copied to, None over TLS; before any head is written.

    Both it and the file count in the budget: HTTPError 503 where there is no room for both.
    """
    transport, descriptors = writer.connection.transport, writer.server.descriptors
    is_secure = transport.get_extra_info("sslcontext") is not None
    count = 1 if is_secure else 2
    descriptors.acquire(count, "a download")
    try:
        if is_secure:
            yield None
        else:
            yield from _duplicate(writer, transport.get_extra_info("socket").fileno())
    finally:
        descriptors.release(count)


def _duplicate(writer: Writer, descriptor: int) -> Iterator[int]:
    out = os.dup(descriptor)
    try:
        yield out
    finally:
        writer.server.loop.remove_writer(out)
        os.close(out)


async def _send_natively(writer: Writer, region: FileRegion, out: int) -> None:
    source = region.file.fileno()
    offset, end = region.offset, region.offset + region.count
    while offset < end:
        try:
            sent = os.sendfile(out, source, offset, min(SLICE, end - offset))
        except BlockingIOError:
            await _writable(writer, out)
            continue
        if not sent:
            return
        offset += sent
        writer.sent(sent)
        await asyncio.sleep(0)


async def _writable(writer: Writer, out: int) -> None:
    """Wait until the client has taken something; the write deadline cancels the task."""
    connection, server = writer.connection, writer.server
    loop = server.loop
    waiter = loop.create_future()
    loop.add_writer(out, _wake, waiter)
    server.observer.write_stalled()
    connection.await_progress()
    try:
        await waiter
    finally:
        server.write_deadlines.stop(connection)
        loop.remove_writer(out)


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


async def _send_slices(writer: Writer, region: FileRegion) -> None:
    offset, end = region.offset, region.offset + region.count
    while offset < end:
        data = os.pread(region.file.fileno(), min(SLICE // 4, end - offset), offset)
        if not data:
            return
        offset += len(data)
        writer.write(data)
        if writer.connection.paused:
            await writer.connection.until_drained()
        else:
            # A lost connection accepts all writes, and reports the loss in the next iteration.
            await asyncio.sleep(0)
