"""Streams with httpbin's names, made of the same knobs and the same clock as the others."""

import json
from dataclasses import replace

from streamserver.kit.params import duration, size, whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.lab.faults.inband import JSON_LINES
from streamserver.lab.target.clock import Clock, Due
from streamserver.lab.target.commands import commands, knobs_of
from streamserver.lab.target.echo import asked
from streamserver.lab.target.forms import Form
from streamserver.lab.target.knobs import START, WIRE
from streamserver.lab.target.lateness import Lateness
from streamserver.lab.target.streams import flowing, streamed

PACE = ("gap", "jitter", "spread", "burst")
LINES = whole("n", 0, 100_000)
DURATION = duration("duration", 0, 60, default=2)
NUMBYTES = size("numbytes", 1, 100_000, default=10)
DELAY = duration("delay", 0, 60, default=0)
CODE = whole("code", 200, 599, default=200)
DRIP = ("duration", "numbytes", "delay", "code")


def add_named(app: Router, lateness: Lateness) -> None:
    """``/stream/{n}`` and ``/drip``."""

    @app.get("/stream/{n}")
    async def stream(request: Request) -> Response:
        count = LINES.read(request.params["n"])
        given = commands(request, START, PACE, WIRE)
        commanded = replace(knobs_of(given), count=count, size=0)
        if "gap" not in given:
            commanded = replace(commanded, gap=0.0)
        clock = Clock(request.exchange, lateness)
        lines = streamed(commanded, clock, _lines(request), "application/json", JSON_LINES)
        return await flowing(request, commanded, clock, lines)

    @app.get("/drip")
    async def drip(request: Request) -> Response:
        given = commands(request, DRIP)
        count = NUMBYTES.of(given)
        commanded = replace(
            knobs_of(given),
            head_delay=DELAY.of(given),
            count=count,
            gap=DURATION.of(given) / count,
            size=0,
        )
        status = CODE.of(given)
        clock = Clock(request.exchange, lateness)
        drops = streamed(commanded, clock, _drops(), "application/octet-stream")
        response = await flowing(request, commanded, clock, drops)
        response.headers["content-length"] = str(count)
        response.status = status
        return response


def _lines(request: Request) -> Form:
    """What ``/get`` answers, numbered, a line each."""
    rest = json.dumps(asked(request), ensure_ascii=False)[1:]

    def form(due: Due) -> tuple[bytes, bytes]:
        return f'{{"id": {due.seq}, {rest}\n'.encode(), b""

    return form


def _drops() -> Form:
    return lambda due: (b"*", b"")
