"""No request blocks the loop: each parameter at its bounds, while another client is served.

The CPU time of one iteration of the loop is measured, which a busy machine does not change. The
limit is far above what any request takes, and far below what a client would notice.
"""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import thread_time

import pytest

from streamserver.lab.target.parameters import PARAMETERS
from support.asking import ask
from support.inprocess import Served
from support.model import TARGET as CHAT
from support.rawsocket import RawClient, connect
from support.requests import get, post

LIMIT = 0.2
"""Seconds of CPU that one iteration may take, with asyncio's debug mode on."""
ENOUGH = 64 * 1024
"""Bytes of a stream that suffice."""
MANY = "count=1000&size=65&gap=0"
LARGE = "count=3&size=1048576&gap=0"

BOUNDS = {
    "head_delay": ["head_delay=60"],
    "first_byte_delay": ["first_byte_delay=60"],
    "count": ["count=1000000&gap=0&size=0", "count=0", "count=1000000&gap=0&size=0&stamps=1"],
    "gap": ["gap=60", "count=1000000&gap=0.000001&size=0"],
    "jitter": [f"{MANY}&gap=0.001&jitter={one}" for one in ("normal", "lognormal", "exponential")],
    "spread": ["count=1000&gap=0.001&jitter=normal&spread=1"],
    "burst": ["count=100000&gap=0.01&burst=1000&size=0"],
    "size": [LARGE],
    "size_jitter": [
        f"count=100&gap=0&size=65536&size_jitter={one}" for one in ("normal", "exponential")
    ],
    "size_spread": ["count=100&gap=0&size=524288&size_jitter=normal&size_spread=1"],
    "text": [f"{LARGE}&text=utf8"],
    "bandwidth": [f"{MANY}&bandwidth=10000000000", "count=10&size=65&gap=0&bandwidth=1"],
    "seed": [f"{MANY}&seed=9007199254740992"],
    "stamps": [f"{MANY}&stamps=1"],
    "line_end": [f"{MANY}&line_end=crlf"],
    "chunk_events": [f"{MANY}&chunk_events=1000"],
    "chunk_size": [
        *(f"{MANY}&chunk_size=1", f"{LARGE}&chunk_size=1", f"{LARGE}&chunk_size=1048576"),
        f"{MANY}&chunk_events=1000&chunk_size=1",
    ],
    "chunk_split": [f"{LARGE}&text=utf8&chunk_split=character", f"{MANY}&chunk_split=event"],
    "write_events": [
        *(f"{MANY}&write_events=1000", f"{MANY}&write_events=1000&chunk_size=1"),
        *(f"{LARGE}&write_events=1&chunk_size=1", f"{MANY}&write_events=8&chunk_size=1"),
        f"{MANY}&chunk_events=1000&write_events=1000&chunk_size=16&write_split=framing",
    ],
    "write_size": [f"{MANY}&write_events=1000&write_size=1", f"{LARGE}&write_size=1"],
    "write_split": [f"{MANY}&write_events=1000&write_split={one}" for one in ("event", "framing")],
    "write_gap": ["count=10&gap=0&write_gap=10"],
}
OF_A_MODEL = {
    "tokens": ["tokens=32768&tokens_per_second=10000"],
    "tokens_per_second": ["tokens=32768&tokens_per_second=10000&burst=1000"],
    "first_token_delay": ["first_token_delay=60"],
    "reasoning_tokens": ["reasoning_tokens=32768&tokens_per_second=10000"],
    "refuse": ["refuse=1&tokens=32768&tokens_per_second=10000"],
}
WIRED = ["", "&write_events=1000", "&write_events=1000&chunk_size=1", "&chunk_size=1", "&stamps=1"]
FAULTS = "garbage@event:1:65536,error@event:99998,truncate@event:99999"
OTHERS = [
    "/raw?count=1000000&size=0&gap=0&write_events=1000",
    "/jsonl?count=1000&size=65&gap=0&write_events=1000&chunk_size=1",
    *[f"/stream/100000?{wired}" for wired in WIRED[:-1]],
    "/drip?duration=0&numbytes=100000",
    "/bytes/1073741824",
    "/stream-bytes/1073741824?chunk_size=1",
    "/stream-bytes/1073741824?chunk_size=1048576",
    f"/sse?count=100000&gap=0&size=0&chunk_size=1&fault={FAULTS}",
]
STREAMS = [f"/sse?{query}" for queries in BOUNDS.values() for query in queries] + OTHERS
COMPLETIONS = [f"{query}{wired}" for queries in OF_A_MODEL.values() for query in queries
               for wired in WIRED]  # fmt: skip


def test_every_parameter_is_tested_at_its_bounds() -> None:
    assert {*BOUNDS, *OF_A_MODEL} == set(PARAMETERS)


class Iterations:
    """The longest iteration of the loop, in CPU time of its thread."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._then = thread_time()
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_soon(self._iterate)

    def stop(self) -> None:
        self._next.cancel()

    def _iterate(self) -> None:
        now = thread_time()
        self.longest = max(self.longest, now - self._then)
        self._then = now
        self._next = self._loop.call_soon(self._iterate)


async def read_some(client: RawClient) -> None:
    """Read ``ENOUGH`` bytes, or to the end."""
    while len(client.received) < ENOUGH:
        part = await asyncio.get_running_loop().sock_recv(client.sock, 65536)
        if not part:
            return
        client.received += part


@asynccontextmanager
async def watched() -> AsyncIterator[Iterations]:
    """Without garbage collection: its pauses grow with the objects of all test modules."""
    gc.disable()
    iterations = Iterations()
    try:
        yield iterations
    finally:
        iterations.stop()
        gc.enable()


async def longest_iteration(target: Served, sent: bytes) -> float:
    """The longest iteration while this request and another client are served."""
    async with connect(target.port) as client, watched() as iterations:
        await client.send(sent)
        flowing = asyncio.create_task(read_some(client))
        for _ in range(20):
            assert (await ask(target, "/get")).status == 200
            if flowing.done():
                break
        flowing.cancel()
        await asyncio.wait([flowing])
        return iterations.longest


@pytest.mark.parametrize("path", STREAMS)
async def test_a_stream_at_the_bounds_yields(target: Served, path: str) -> None:
    assert await longest_iteration(target, get(path.encode(), b"Connection: close")) < LIMIT


@pytest.mark.parametrize("query", COMPLETIONS)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_model_yields(target: Served, query: str, stream: bool) -> None:
    messages = [{"role": "user", "content": "流れ " * 20_000}]
    asked = {"model": "streamserver-demo-fast", "messages": messages, "stream": stream}
    sent = post(
        json.dumps(asked, ensure_ascii=False).encode(),
        fields=[b"Connection: close"],
        target=f"{CHAT}?{query}".encode(),
    )
    assert await longest_iteration(target, sent) < LIMIT
