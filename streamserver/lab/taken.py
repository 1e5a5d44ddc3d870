"""Before a connection is reset on command: what was written has arrived."""

import asyncio

from streamserver.server.exchange import Exchange

POLL = 0.001
"""Seconds."""


async def taken(exchange: Exchange) -> None:
    """Wait until the client has taken all that was written: a reset takes back the rest, the
    kernel's part too. Nobody tells, so it is asked; a client that takes nothing has its limit."""
    connection, loop = exchange.connection, exchange.server.loop
    late = loop.time() + exchange.server.settings.write_timeout
    while connection.count_untaken() and not connection.transport.is_closing():
        if loop.time() > late:
            break
        await asyncio.sleep(POLL)
