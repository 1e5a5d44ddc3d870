"""`/ready` of a real process that was asked to stop, while a stream keeps it from stopping."""

import asyncio
import signal

import pytest

from cli.conftest import LIMIT, Hello, refusing
from support.hearing import hear_response
from support.rawsocket import connect
from support.requests import get

READY = get(b"/ready")


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_process_that_drains_is_not_ready(hello: Hello, workers: str) -> None:
    """Its listener is closed: only a client that had begun a request receives the response."""
    server = hello("--metrics", "--workers", workers, "--grace", "300")
    async with connect(server.port) as streaming, connect(server.port) as asking:
        await streaming.send(get(b"/stubborn"))
        await streaming.read_until(b"begun", LIMIT)
        await asking.send(READY + READY[:20])
        assert (await hear_response(asking, timeout=LIMIT)).status == 200
        server.process.send_signal(signal.SIGTERM)
        await refusing(server)
        await asking.send(READY[20:])
        answer = await hear_response(asking, timeout=LIMIT)
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["connection"] == "close"
        assert b"the server is being stopped" in answer.content
        assert server.process.poll() is None
        streaming.reset()
    assert await asyncio.to_thread(server.wait) == 0
