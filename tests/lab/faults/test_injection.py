"""Faults around handlers and bodies of any kind."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamserver.kit.events import EventStream
from streamserver.kit.files import FileResponse
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.kit.stream import StreamController
from streamserver.lab.faults.grammar import parse_faults
from streamserver.lab.faults.injection import FaultInjection, FaultyRequest
from support.breaking import EVENTS, LAST, broken, chunks, outcome
from support.handlers import answering
from support.inprocess import Serve
from support.leaks import no_leaks
from support.producers import Producer, pulled
from support.requests import GET, get

pytestmark = pytest.mark.both_loops


def break_it(request: Request, response: Response, faults: str) -> Response:
    """The response with faults that the handler itself asks for."""
    return FaultyRequest(request.exchange, parse_faults([faults], 0)).apply(response)


async def test_a_handler_may_break_its_own_response(serve: Serve) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in EVENTS:
            yield piece

    async def handler(request: Request) -> Response:
        end = "rst@byte:15" if request.path == "/rst" else "truncate@event:3"
        faults = f"{end},stall@event:2:0.01,garbage@event:1:1"
        return break_it(request, Response(pieces()), faults)

    served = await serve(handler)
    seen = await outcome(served, GET)
    # The garbage has an empty line, so the filters around it count it as an event.
    assert (seen.body, seen.end) == (chunks(EVENTS[0], b"\xff\n\n", EVENTS[1]), "FIN")
    seen = await outcome(served, get(b"/rst"))
    assert (seen.body, seen.end) == (chunks(EVENTS[0], b"\xff\n\n", EVENTS[1][:3]), "RST")


async def test_a_break_closes_the_producer(serve: Serve) -> None:
    producer = Producer(talks=True)

    async def handler(request: Request) -> Response:
        response = Response(producer.pieces())
        return break_it(request, response, "truncate@chunk:3,stall@chunk:1:0")

    served = await serve(handler)
    assert (await outcome(served, GET)).body == chunks(b"piece", b"piece", b"piece")
    assert producer.ended is producer.began


async def test_a_single_route_may_have_faults(serve: Serve) -> None:
    app = Router()

    @app.get("/jobs/{id:int}")
    @FaultInjection
    async def job(request: Request) -> Response:
        return Response(b"%d" % request.params["id"])

    served = await serve(app)
    assert (await broken(served, "garbage:1", "/jobs/17")).body == chunks(b"17", b"\xff\n\n") + LAST


async def test_a_stall_has_no_heartbeats(serve: Serve) -> None:
    served = await serve(
        FaultInjection(answering(lambda: EventStream(pulled("a", "b"), heartbeat=0.01)))
    )
    seen = await broken(served, "stall@event:1:0.1")
    assert seen.body == chunks(b"data: a\n\n", b"data: b\n\n") + LAST


async def test_a_body_that_was_not_begun_is_closed(serve: Serve) -> None:
    closed = []

    class Body:
        def __aiter__(self) -> "Body":
            return self

        async def __anext__(self) -> bytes:
            raise AssertionError("it was iterated")

        async def aclose(self) -> None:
            closed.append(self)

    served = await serve(FaultInjection(answering(lambda: Response(Body()))))
    await broken(served, "truncate@event:1", method=b"HEAD")
    await broken(served, "half_head")
    assert (await broken(served, "length_over:1")).head.startswith(b"HTTP/1.1 400 ")
    assert len(closed) == 3


async def test_a_push_body_has_no_faults_and_is_cancelled(serve: Serve) -> None:
    closed = []
    pushed = StreamController(on_cancel=lambda: closed.append("pushed"))
    served = await serve(FaultInjection(answering(lambda: Response(pushed))))
    seen = await broken(served, "truncate@event:1")
    assert seen.head.startswith(b"HTTP/1.1 400 ")
    assert b"no stream of pieces to break" in seen.body
    assert closed == ["pushed"]


async def test_files_have_faults(serve: Serve, tmp_path: Path) -> None:
    file, content = tmp_path / "file", random.randbytes(200_000)
    file.write_bytes(content)
    served = await serve(FaultInjection(answering(lambda: FileResponse(file))))
    async with no_leaks():
        assert (await broken(served, "slow_close:0")).body == content
        part = await broken(served, "slow_close:0", "/", b"Range: bytes=1000-180000")
        assert part.head.startswith(b"HTTP/1.1 206 ")
        assert part.body == content[1000:180001]
        seen = await broken(served, "truncate@byte:150000")
        assert (seen.body, seen.end) == (content[:150_000], "FIN")
        for method, fault in ((b"HEAD", "rst"), (b"GET", "half_head"), (b"GET", "length:7")):
            assert (await broken(served, fault, method=method)).head
