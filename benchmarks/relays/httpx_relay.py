"""Starlette and httpx as a relay: the raw bytes of httpx as a StreamingResponse.

By default httpx keeps 20 idle connections and opens 100; here both are unlimited.
"""

import os
from collections.abc import Iterable

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

NOT_RELAYED = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"host"})
Fields = list[tuple[bytes, bytes]]

client = httpx.AsyncClient(
    base_url=f"http://127.0.0.1:{os.environ['UPSTREAM']}",
    limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
    timeout=None,
    trust_env=False,
)


async def relay(request: Request) -> StreamingResponse:
    target = httpx.URL(path=request.url.path, query=request.url.query.encode())
    asked = client.build_request(request.method, target, headers=_relayed(request.headers.raw))
    upstream = await client.send(asked, stream=True)
    response = StreamingResponse(
        upstream.aiter_raw(), upstream.status_code, background=BackgroundTask(upstream.aclose)
    )
    response.raw_headers = _relayed(upstream.headers.raw)
    return response


def _relayed(fields: Iterable[tuple[bytes, bytes]]) -> Fields:
    return [(name, value) for name, value in fields if name.lower() not in NOT_RELAYED]


app = Starlette(routes=[Route("/{path:path}", relay)])
