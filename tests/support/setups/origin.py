"""An origin whose every path streams in its own way, as a program.

It is a program, since a busy test would delay the events of a server in its own process. The query
sets ``count`` (events), ``gap`` (seconds between them), ``size`` (characters of text in each), and
what the paths name. Events are due at absolute times.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from support.setups import shared, streams
from support.setups.exchange import Exchange

Handler = Callable[[Exchange], Awaitable[None]]
HANDLERS: dict[str, Handler] = {
    f"/{name.replace('_', '-')}": handler
    for module in (streams, shared)
    for name, handler in vars(module).items()
    if asyncio.iscoroutinefunction(handler) and not name.startswith("_")
}


async def preflight(ex: Exchange) -> None:
    """``preflight``: the answer to OPTIONS; by default every method and field is allowed."""
    allowed = ex.fields.get("access-control-request-headers", "")
    method = ex.fields.get("access-control-request-method", "")
    kind = ex.query.get("preflight", "allowed")
    fields = {
        "allowed": [f"Access-Control-Allow-Headers: {allowed}"],
        "unnamed": ["Access-Control-Allow-Headers: x-other"],
        "refused": [],
    }[kind]
    status = "405 Method Not Allowed" if kind == "refused" else "204 No Content"
    allow_method = f"Access-Control-Allow-Methods: {method}"
    length = ["Content-Length: 0"] if kind == "refused" else []
    await ex.head(*length, *fields, allow_method, status=status, framed=True)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        ex = Exchange((await reader.readuntil(b"\r\n\r\n")).strip(), writer)
        await reader.readexactly(int(ex.fields.get("content-length", 0)))
        await (preflight if ex.method == "OPTIONS" else HANDLERS[ex.path])(ex)
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
