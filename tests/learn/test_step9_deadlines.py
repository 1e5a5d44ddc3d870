"""Step 9: a deadline ends when its reason does."""

import pytest

from learn.conftest import Start
from support.rawsocket import connect

QUIET = 0.3
"""Seconds without anything from a server whose deadline is shorter."""

FULL_AT_THE_END = """
class Connection(step.Connection):
    def write(self, data):
        super().write(data)
        if data.endswith(b"0\\r\\n\\r\\n"):
            self.pause_writing()
            self.loop.call_soon(self.resume_writing)
step.Connection, step.WRITE_DEADLINE = Connection, 0.05
"""


async def test_9_room_ends_the_write_deadline_after_the_end_of_a_response(start: Start) -> None:
    async with connect(start(9, patch=FULL_AT_THE_END).port) as client:
        await client.send(b"GET /counter?0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await client.read_until(b"\r\n0\r\n\r\n")
        with pytest.raises(TimeoutError):  # neither closed nor reset
            await client.read_until(timeout=QUIET)
