"""An app whose stream sends an event when its reader has reported the one before."""

import asyncio
from collections.abc import AsyncIterator

from streamserver import Event, EventStream, Request, Response, Router, compress

COUNT = 8
app = Router()
reported: dict[str, asyncio.Event] = {}
"""By the name of a stream."""


@app.get("/{coding}/{name}")
async def stream(request: Request) -> Response:
    """Events in the coding, which the client must accept."""
    accepted = request.headers.get("accept-encoding") or ""
    request.headers["accept-encoding"] = request.params["coding"]
    assert request.params["coding"] in accepted
    return await coded(request)


async def _stream(request: Request) -> Response:
    if request.last_event_id is not None:
        return Response(status=204)
    report = reported[request.params["name"]] = asyncio.Event()

    async def events() -> AsyncIterator[Event]:
        for n in range(COUNT):
            coder = request.exchange.coder
            if coder and n % 2:  # after a pause: the compressor was freed
                coder.rest()
                coder.rest()
            yield Event({"n": n, "coding": coder and coder.coding}, id=n)
            await report.wait()
            report.clear()

    return EventStream(events(), retry=1)


coded = compress(_stream)


@app.post("/{coding}/{name}")
async def report(request: Request) -> Response:
    """The newest event has arrived."""
    reported[request.params["name"]].set()
    return Response(status=204)


@app.get("/")
async def page(request: Request) -> Response:
    """A page of this origin."""
    return Response("<!doctype html><title>lockstep</title>", headers={"content-type": "text/html"})
