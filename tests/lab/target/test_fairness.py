"""What one stream may take from others: iterations of the loop, memory, and lateness."""

import asyncio
import json
import socket
from collections import Counter
from contextlib import AsyncExitStack
from time import monotonic_ns

import pytest

from streamserver.lab.model.cost.profile import Profile
from streamserver.lab.stamps import read_stamp
from streamserver.lab.target.app import make_target
from streamserver.lab.target.events import MAX_PIECE
from streamserver.lab.target.pacing import YIELD_AFTER
from streamserver.server.exchange import Exchange
from streamserver.server.observer import Observer
from streamserver.server.ports import Connection
from streamserver.server.writer import HIGH_WATER
from support.answers import content
from support.asking import ask
from support.inprocess import Serve, Served
from support.model import question
from support.rawsocket import RawClient, connect
from support.requests import get
from support.waiting import wait_until


class Iterations(Observer):
    """Counts the pieces that each route writes in each iteration of the loop."""

    sees_streams = True

    def __init__(self) -> None:
        self.iteration = 0
        self.pieces: dict[int, Counter[str]] = {}
        self._next()

    def wrote(self, exchange: Exchange, size: int, gap: float) -> None:
        """Count a piece."""
        self.pieces.setdefault(self.iteration, Counter())[exchange.route] += 1

    def _next(self) -> None:
        self.iteration += 1
        self._handle = asyncio.get_running_loop().call_soon(self._next)

    def closed(self) -> None:
        """Stop counting."""
        self._handle.cancel()


async def read_and_discard(client: RawClient) -> None:
    """Read until cancelled."""
    while await asyncio.get_running_loop().sock_recv(client.sock, 1 << 20):
        pass


async def stalled(target: Served) -> Connection:
    """The only connection, once its client has let its buffer fill."""
    connections = target.listener._server.connections
    await wait_until(lambda: [one for one in connections if one.paused])
    [connection] = connections
    return connection


async def test_streams_without_a_gap_share_an_iteration_of_the_loop(
    serve: Serve,
) -> None:
    """Ten streams never wait, and one has deadlines: it sends all its events while they run, and
    in no iteration do they write much more than one of them alone would."""
    iterations = Iterations()
    target = await serve(make_target(), observers=[iterations])
    async with AsyncExitStack() as stack:
        readers = []
        for _ in range(10):
            client = await stack.enter_async_context(connect(target.port))
            await client.send(get(b"/raw?gap=0&count=1000000&size=1000"))
            readers.append(asyncio.create_task(read_and_discard(client)))
        await wait_until(lambda: iterations.iteration > 100)
        begin = iterations.iteration
        answered = await ask(target, "/jsonl?count=10&gap=0.005&stamps=1")
        assert len(answered.body.splitlines()) == 10
        assert not [exchange for exchange in target.ended if exchange.route == "/raw"]
        for reader in readers:
            reader.cancel()
    greedy = [
        pieces["/raw"] for iteration, pieces in iterations.pieces.items() if iteration > begin
    ]
    assert sum(greedy) > 10 * YIELD_AFTER
    # The engine also yields every 256 pieces, and may resume in an iteration of another stream.
    assert max(greedy) <= 2 * YIELD_AFTER + 1


@pytest.mark.parametrize("boundaries", [b"", b"&chunk_size=999", b"&write_size=999"])
async def test_a_large_event_is_made_as_the_client_takes_it(
    target: Served, boundaries: bytes
) -> None:
    """While the client of an event of 1 MiB does not read, only a writer's buffer of it is made."""
    async with connect(target.port, receive_buffer=4096) as client:
        await client.send(get(b"/sse?size=1048576&count=1000&gap=0" + boundaries))
        connection = await stalled(target)
        assert connection.transport.get_write_buffer_size() < HIGH_WATER + MAX_PIECE + 200


async def test_a_burst_yields_to_others(serve: Serve) -> None:
    iterations = Iterations()
    target = await serve(make_target(), observers=[iterations])
    await ask(target, "/jsonl?count=1000&burst=1000&gap=0.001")
    assert max(pieces["/jsonl"] for pieces in iterations.pieces.values()) <= YIELD_AFTER + 2


async def test_the_tokens_of_a_step_leave_in_one_iteration(serve: Serve) -> None:
    """An answer waits for the engine before each token, so it needs not yield besides."""
    iterations = Iterations()
    target = await serve(make_target(profile=Profile(1_000_000)), observers=[iterations])
    body = json.dumps(question(stream=True, tokens_per_second=None)).encode()
    answers = [ask(target, "/v1/chat/completions?tokens=120", "POST", body=body) for _ in range(8)]
    await asyncio.gather(*answers)
    # 120 steps, and the beginnings and ends of 8 streams that may not begin together.
    assert len(iterations.pieces) <= 120 + 3 * 8


@pytest.mark.parametrize(("path", "pieces"), [("/bytes/", 1), ("/stream-bytes/", 7)])
async def test_random_bytes_are_drawn_once_in_an_iteration(
    serve: Serve, path: str, pieces: int
) -> None:
    """Of five responses of 1 GB one draws 64 KiB, which are several chunks, in each iteration."""
    iterations = Iterations()
    target = await serve(make_target(), observers=[iterations])
    async with AsyncExitStack() as stack:
        for _ in range(5):
            client = await stack.enter_async_context(connect(target.port))
            await client.send(get(path.encode() + b"1000000000"))
            stack.callback(asyncio.create_task(read_and_discard(client)).cancel)
        await wait_until(lambda: iterations.iteration > 500)
    # A client that reads again may resume its stream in an iteration of another.
    assert max(sum(one.values()) for one in iterations.pieces.values()) <= 5 * pieces


async def test_small_writes_yield_to_others(serve: Serve) -> None:
    iterations = Iterations()
    target = await serve(make_target(), observers=[iterations])
    answered = await ask(target, "/raw?count=1&size=2000&write_size=10")
    assert len(answered.body) == 2000
    assert max(pieces["/raw"] for pieces in iterations.pieces.values()) <= 2


async def test_a_client_that_does_not_read_adds_no_lateness(target: Served) -> None:
    """Events that were due meanwhile are due when it reads again."""
    query = b"/jsonl?size=20000&count=200&gap=0.001&stamps=1"
    async with connect(target.port, receive_buffer=4096) as client:
        await client.send(get(query, b"Connection: close"))
        await stalled(target)
        await asyncio.sleep(0.1)  # in which a hundred events become due
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        resumed = monotonic_ns()
        received = await client.read_until()
    lines = content(received).decode().splitlines()
    stamps = [stamp for line in lines if (stamp := read_stamp(line))]
    assert len(stamps) == 200
    held = [stamp for stamp in stamps if stamp.sent > resumed]
    assert held
    assert min(stamp.due for stamp in held) >= resumed
    lateness = json.loads((await ask(target, "/lab/lateness")).body)
    assert lateness["count"] == 200
    assert lateness["max_ms"] == max(stamp.late for stamp in stamps) / 1e6
