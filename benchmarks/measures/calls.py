"""Calls and time per request without sockets: the server alone, on a transport that keeps bytes.

Calls of Python and of C functions are counted exactly, so they show a change that is far smaller
than the noise of any time. `offline` describes what is excluded.
"""

from collections.abc import Iterator

from benchmarks.client import REQUEST
from benchmarks.offline import cost
from benchmarks.plan import Plan
from benchmarks.report import OURS, Column, Result, Row
from benchmarks.servers import ours
from benchmarks.servers.work import CHUNK, CHUNKS, CONTENT_TYPE
from streamserver import Request, Response, StreamController
from streamserver.kit.service import Handler

COLUMNS = (
    Column("server", "server"),
    Column("response", "response"),
    Column("python", "Python calls"),
    Column("c", "C calls"),
    Column("us", "µs", 1),
)


async def _fixed(request: Request) -> Response:
    return Response(CHUNK, headers={"content-type": CONTENT_TYPE})


async def _pushed(request: Request) -> Response:
    stream = StreamController()
    for _ in range(CHUNKS):
        stream.enqueue(CHUNK)
    stream.close()
    return Response(stream, headers=ours.HEADERS)


RESPONSES: dict[str, Handler] = {
    "one body of bytes": _fixed,
    "ten chunks without a wait": ours.serve_burst,
    "ten chunks, each alone": ours.serve_alone,
    "ten chunks, pushed": _pushed,
    "ten events, each alone": ours.serve_ladder,
}


def measure(_: Plan) -> Iterator[Result]:
    """Yield one table, of asyncio."""
    rows = [row(OURS, name, handler) for name, handler in RESPONSES.items()]
    yield Result("calls/asyncio", "One request without sockets, asyncio", COLUMNS, rows)


def row(
    server: str,
    response: str,
    handler: Handler,
    answer: tuple[bytes, ...] = (),
    request: bytes = REQUEST,
) -> Row:
    """Return the cost of a request to `handler`, whose upstream sends the pieces of `answer`."""
    found = cost(handler, request % (b"/stream", 1), answer)
    names = {"server": server, "response": response}
    return {**names, "python": found.python, "c": found.c, "us": found.us}
