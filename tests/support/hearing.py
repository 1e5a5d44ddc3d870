"""Messages as h11 hears them, which had no part in the relay: whole, or not at all."""

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field

import h11

from streamserver.wire.fields import Headers
from support.rawsocket import PART, RawClient


@dataclass(slots=True)
class Message:
    """A whole request or response; `interim` has the statuses before its own."""

    interim: list[int] = field(default_factory=list)
    method: str = ""
    status: int = 0
    headers: Headers = field(default_factory=Headers)
    content: bytes = b""


async def hear_request(peer: RawClient, timeout: float = 20.0) -> Message:
    """The next request on a connection to the upstream."""
    return await _hear(peer, h11.Connection(h11.SERVER), timeout)


async def hear_response(client: RawClient, method: str = "GET", timeout: float = 20.0) -> Message:
    """The next response; h11.RemoteProtocolError if it is cut, ConnectionResetError if by RST."""
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    return await _hear(client, reader, timeout)


async def _hear(connection: RawClient, reader: h11.Connection, timeout: float) -> Message:
    """Read a message, and leave what follows it in `received`."""
    loop, message, content = asyncio.get_running_loop(), Message(), bytearray()
    if connection.received:
        reader.receive_data(connection.received)
    async with asyncio.timeout(timeout):
        while not isinstance(event := reader.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                reader.receive_data(await loop.sock_recv(connection.sock, PART))
            elif isinstance(event, h11.InformationalResponse):
                message.interim.append(event.status_code)
            elif isinstance(event, h11.Data):
                content += event.data
            else:
                assert isinstance(event, h11.Request | h11.Response), event
                _take_head(message, event)
    connection.received = bytes(reader.trailing_data[0])
    message.content = bytes(content)
    return message


def _take_head(message: Message, head: h11.Request | h11.Response) -> None:
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
    message.headers = Headers(fields)
    if isinstance(head, h11.Request):
        message.method = head.method.decode()
    else:
        message.status = head.status_code


async def drip(connection: RawClient, pieces: Iterable[bytes]) -> None:
    """Send each piece in a segment of its own, which is read before the next one comes."""
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        await connection.send(piece)
        await asyncio.sleep(0)  # the loop hears of it
        await asyncio.sleep(0)  # and whoever waits for it has its turn


async def read_on(connection: RawClient) -> None:
    """Read what comes next, however much it is; TimeoutError if nothing does."""
    least = len(connection.received) + 1
    await connection.read_until(lambda received: len(received) >= least)
