"""Before a connection is reset on command: what was written has arrived."""

import asyncio

from streamserver.server.connection import Connection

POLL = 0.001
"""Seconds."""


async def taken(connection: Connection) -> None:
    """Wait until the client has taken all that was written: a reset takes back the rest, the
    kernel's part too. Nobody tells, so it is asked; a client that takes nothing has its limit."""
    loop = connection.loop
    late = loop.time() + connection.server.settings.write_timeout
    while connection.count_untaken() and not connection.transport.is_closing():
        if loop.time() > late:
            break
        await asyncio.sleep(POLL)
