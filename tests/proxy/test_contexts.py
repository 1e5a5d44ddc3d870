"""The context variables of a handler stay with its request, though connections are shared."""

import asyncio
from contextvars import ContextVar

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.proxy import Proxy
from support.hearing import hear_request, hear_response
from support.inprocess import running
from support.loops import Run
from support.rawserver import raw_server
from support.rawsocket import connect
from support.relaying import ok
from support.requests import get

USER = ContextVar("USER", default="nobody")


def test_no_pipelined_request_begins_in_the_context_of_another(run: Run) -> None:
    """The connection to the upstream was opened in the first one's, and so are its callbacks."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        seen: list[tuple[str, str]] = []
        async with raw_server() as upstream:
            proxy = Proxy(upstream.url)

            async def handler(request: Request) -> Response:
                seen.append((request.target, USER.get()))
                USER.set(request.target)
                return await proxy(request)

            async with (
                running(handler) as server,
                connect(server.port) as first,
                connect(server.port) as other,
            ):
                await first.send(get(b"/first"))
                peer = await upstream.accept()
                with peer.sock:
                    for client, more in ((first, b""), (other, get(b"/b") + get(b"/c"))):
                        await client.send(more)
                        for _ in range(more.count(b"GET") or 1):
                            await hear_request(peer)
                            await peer.send(ok(b"body"))
                            await hear_response(client)
        assert seen == [("/first", "nobody"), ("/b", "nobody"), ("/c", "nobody")]

    run(main)
