"""The endpoints of httpbin, with its names and members, which many tests expect.

Its streams are made of the same parameters and the same clock as the others.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

from streamserver.kit.params import duration, size, whole
from streamserver.kit.request import Query, Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.lab.faults.filters import JSON_LINE_ERRORS
from streamserver.lab.parameters import Documented, read_seed
from streamserver.lab.target.events import EventFormat, EventTime
from streamserver.lab.target.pacing import Lateness, pacer_of
from streamserver.lab.target.parameters import LINES, make_options, read_parameters
from streamserver.lab.target.streams import stream_events
from streamserver.wire.fields import grouped, media_type
from streamserver.wire.json_text import to_json
from streamserver.wire.problem import HTTPError

MAX_BODY = 1024 * 1024
COUNT = whole("n", 0, 100_000)
SIZE = size("n", 0, 2**30)
CHUNK_SIZE = size("chunk_size", 1, 1024 * 1024, default=10 * 1024)
PIECE = 64 * 1024
"""Random bytes that are drawn at once."""
OCTETS = "application/octet-stream"

DURATION = duration("duration", 0, 60, default=2)
NUMBYTES = size("numbytes", 1, 100_000, default=10)
DELAY = duration("delay", 0, 60, default=0)
CODE = whole("code", 200, 599, default=200)
DRIP: tuple[Documented, ...] = (
    (DURATION, "of /drip: time in which the bytes are sent"),
    (NUMBYTES, "of /drip: bytes of the body"),
    (DELAY, "of /drip: time from the request to the response head"),
    (CODE, "of /drip: status of the response"),
)
DRIP_NAMES = tuple(one.name for one, _ in DRIP)


def add_httpbin(app: Router, lateness: Lateness) -> None:
    """``/get``, ``/post``, ``/headers``, ``/delay``, ``/status``, ``/bytes``, ``/stream-bytes``,
    ``/stream`` and ``/drip``."""
    app.get("/get")(_get)
    app.post("/post", max_body=MAX_BODY)(_post)
    app.get("/headers")(_headers)
    app.get("/delay/{seconds}")(_delay)
    app.route("/status/{code}", ("GET", "POST", "PUT", "PATCH", "DELETE"))(_status)
    app.get("/bytes/{n}")(_bytes)
    app.get("/stream-bytes/{n}")(_stream_bytes)

    @app.get("/stream/{n}")
    async def stream(request: Request) -> Response:
        count = COUNT.read(request.params["n"])
        given = read_parameters(request, LINES)
        gap = {} if "gap" in given else {"gap": 0.0}
        options = make_options(given, count=count, size=0, **gap)
        lines = _numbered(_described(request))
        kind = "application/json"
        return await stream_events(request, options, lateness, lines, kind, JSON_LINE_ERRORS)

    @app.get("/drip")
    async def drip(request: Request) -> Response:
        given = read_parameters(request, DRIP_NAMES)
        count, status = NUMBYTES.of(given), CODE.of(given)
        gap = DURATION.of(given) / count
        options = make_options(given, head_delay=DELAY.of(given), count=count, gap=gap, size=0)
        response = await stream_events(request, options, lateness, _star, OCTETS)
        response.headers["content-length"] = str(count)
        response.status = status
        return response


async def _get(request: Request) -> Response:
    return Response.json(_described(request))


async def _post(request: Request) -> Response:
    return Response.json(_described(request) | _body(request, await request.body()))


async def _headers(request: Request) -> Response:
    return Response.json({"headers": _fields(request)})


async def _delay(request: Request) -> Response:
    await asyncio.sleep(DELAY.read(request.params["seconds"]))
    return Response.json(_described(request))


async def _status(request: Request) -> Response:
    return Response(status=CODE.read(request.params["code"]))


async def _bytes(request: Request) -> Response:
    given = read_parameters(request, ("seed",))
    count = SIZE.read(request.params["n"])
    headers = {"content-type": OCTETS, "content-length": str(count)}
    return Response(_random_bytes(request, count, PIECE, read_seed(given)), headers=headers)


async def _stream_bytes(request: Request) -> Response:
    given = read_parameters(request, ("seed", "chunk_size"))
    count = SIZE.read(request.params["n"])
    chunks = _random_bytes(request, count, CHUNK_SIZE.of(given), read_seed(given))
    return Response(chunks, headers={"content-type": OCTETS})


async def _random_bytes(
    request: Request, count: int, chunk_size: int, seed: int
) -> AsyncIterator[bytes]:
    random, drawn = Random(seed), b""
    pacer = pacer_of(request.exchange.server)
    while count:
        # Drawn in pieces of one size, so the bytes do not depend on the chunks.
        piece = random.randbytes(PIECE)[:count]
        count -= len(piece)
        drawn += piece
        whole = len(drawn) - len(drawn) % chunk_size
        for at in range(0, whole, chunk_size):
            yield drawn[at : at + chunk_size]
        drawn = drawn[whole:]
        if count:
            await pacer.pause()  # to draw bytes takes longer than to send them
    if drawn:
        yield drawn


def _star(event: EventTime) -> tuple[bytes, bytes]:
    return b"*", b""


def _numbered(described: dict[str, Any]) -> EventFormat:
    """Lines of JSON with a number each."""
    rest = to_json(described)[1:]

    def render(event: EventTime) -> tuple[bytes, bytes]:
        return f'{{"id":{event.seq},{rest}\n'.encode(), b""

    return render


def _described(request: Request) -> dict[str, Any]:
    """The request as these endpoints return it."""
    client = request.client
    return {
        "args": _grouped(request.query),
        "headers": _fields(request),
        "method": request.method,
        "origin": client.address,
        "url": f"{client.scheme}://{client.host}{request.target}",
    }


def _body(request: Request, body: bytes) -> dict[str, Any]:
    text = body.decode(errors="replace")
    kind = media_type(request.headers.get("content-type"))
    form = _form(text) if kind == "application/x-www-form-urlencoded" else {}
    return {"data": "" if form else text, "form": form, "json": _json(body)}


def _form(text: str) -> dict[str, str | list[str]]:
    try:
        return _grouped(Query(text))
    except ValueError as error:
        raise HTTPError(400, "the form has more than 1000 members") from error


def _json(body: bytes) -> Any:
    """The value that the body means; None if it is not JSON or cannot be returned as JSON."""
    try:
        value = json.loads(body)
        to_json(value).encode()
    except (ValueError, RecursionError):
        return None
    return value


def _grouped(pairs: Query) -> dict[str, str | list[str]]:
    """The value of each name, or its values if there are several."""
    values = grouped(pairs.items())
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _fields(request: Request) -> dict[str, str]:
    """Each field once, its values joined (RFC 9110, section 5.3)."""
    return {name.title(): ", ".join(values) for name, values in grouped(request.headers).items()}
