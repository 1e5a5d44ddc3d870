"""aiohttp as a relay: its low-level server and its client, each read passed on as one chunk."""

import os
from collections.abc import Iterable

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from yarl import URL

from benchmarks.servers import loops

NOT_RELAYED = frozenset({"connection", "keep-alive", "transfer-encoding", "host"})


class Relay:
    """One session with one pool of connections for all requests."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._session = ClientSession(
            connector=TCPConnector(limit=0),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
        )

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        url = URL(self._origin + request.raw_path, encoded=True)
        fields = _relayed(request.headers.items())
        async with self._session.request(request.method, url, headers=fields) as upstream:
            response = web.StreamResponse(
                status=upstream.status, headers=_relayed(upstream.headers.items())
            )
            await response.prepare(request)
            async for data in upstream.content.iter_any():
                await response.write(data)
            return response


def _relayed(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in fields if name.lower() not in NOT_RELAYED]


async def start(port: int) -> web.ServerRunner:
    relay = Relay(f"http://127.0.0.1:{os.environ['UPSTREAM']}")
    server = web.Server(relay, access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


if __name__ == "__main__":
    loops.run(start)
