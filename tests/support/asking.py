"""One question, one answer, read by h11: any target and any method, exactly as given."""

from collections.abc import Mapping
from dataclasses import dataclass

import h11

from streamserver.wire.fields import Headers
from support.inprocess import Served
from support.rawsocket import raw


@dataclass(slots=True)
class Answered:
    """A whole response."""

    status: int
    headers: Headers
    body: bytes


async def ask(
    server: Served,
    target: str,
    method: str = "GET",
    fields: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Answered:
    """The server's answer; h11.RemoteProtocolError if it is cut or is no HTTP."""
    own = {"Host": "test", "Connection": "close", "Content-Length": str(len(body))}
    request = h11.Request(
        method=method, target=target, headers=[*(own | dict(fields or {})).items()]
    )
    client = h11.Connection(h11.CLIENT)
    data = b"".join(filter(None, map(client.send, (request, h11.Data(body), h11.EndOfMessage()))))
    client.receive_data(await raw(server.port, data, timeout=20.0))
    client.receive_data(b"")
    response = client.next_event()
    assert isinstance(response, h11.Response), response
    parts = []
    while isinstance(event := client.next_event(), h11.Data):
        parts.append(bytes(event.data))
    assert isinstance(event, h11.EndOfMessage), event
    headers = Headers([(name.decode(), value.decode()) for name, value in response.headers])
    return Answered(response.status_code, headers, b"".join(parts))
