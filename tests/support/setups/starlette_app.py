"""Starlette on uvicorn, as a program: ``/numbers``, ``/endless`` and ``/rhythm/{name}``."""

import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from support.setups.counting import COUNT, FOREVER, HEADERS, encoded
from support.setups.rhythms import pieces


async def events(request: Request) -> StreamingResponse:
    count = FOREVER if request.url.path == "/endless" else COUNT
    last = request.headers.get("last-event-id")
    return StreamingResponse(encoded(last, count), headers=HEADERS)


async def rhythm(request: Request) -> StreamingResponse:
    return StreamingResponse(pieces(request.path_params["name"]), headers=HEADERS)


ROUTES = {"/numbers": events, "/endless": events, "/rhythm/{name}": rhythm}
app = Starlette(routes=[Route(path, handler) for path, handler in ROUTES.items()])

if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as sock:
        print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
        config = uvicorn.Config(app, log_level="warning", lifespan="off")
        uvicorn.Server(config).run(sockets=[sock])
