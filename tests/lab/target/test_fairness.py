"""What one client commands costs others no more than it must: turns, memory, and their time."""

import asyncio
import json
import socket
from collections import Counter
from contextlib import AsyncExitStack
from time import monotonic_ns

import pytest

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
from support.rawsocket import RawClient, connect
from support.requests import get
from support.waiting import wait_until


class Turns(Observer):
    """Counts the pieces that each route writes in each turn of the loop."""

    sees_streams = True

    def __init__(self) -> None:
        self.turn = 0
        self.pieces: dict[int, Counter[str]] = {}
        self._next()

    def wrote(self, exchange: Exchange, size: int, gap: float) -> None:
        """One more."""
        self.pieces.setdefault(self.turn, Counter())[exchange.route] += 1

    def _next(self) -> None:
        self.turn += 1
        self._handle = asyncio.get_running_loop().call_soon(self._next)

    def closed(self) -> None:
        """The last turn."""
        self._handle.cancel()


async def read_on(client: RawClient) -> None:
    """Read and forget, until cancelled."""
    while await asyncio.get_running_loop().sock_recv(client.sock, 1 << 20):
        pass


async def stalled(target: Served) -> Connection:
    """The only connection, once its client has let it write no more."""
    connections = target.listener._server.connections
    await wait_until(lambda: [one for one in connections if one.paused])
    [connection] = connections
    return connection


async def test_streams_without_a_gap_share_a_turn_and_leave_the_rest_to_others(
    serve: Serve,
) -> None:
    """Ten that never wait, and one that has times to keep: it has all its events while they run,
    and in no turn do they write much more than one of them alone would."""
    turns = Turns()
    target = await serve(make_target(), observers=[turns])
    async with AsyncExitStack() as stack:
        readers = []
        for _ in range(10):
            client = await stack.enter_async_context(connect(target.port))
            await client.send(get(b"/raw?gap=0&count=1000000&size=1000"))
            readers.append(asyncio.create_task(read_on(client)))
        await wait_until(lambda: turns.turn > 100)
        begin = turns.turn
        answered = await ask(target, "/jsonl?count=10&gap=0.005&stamps=1")
        assert len(answered.body.splitlines()) == 10
        assert not [exchange for exchange in target.ended if exchange.route == "/raw"]
        for reader in readers:
            reader.cancel()
    greedy = [pieces["/raw"] for turn, pieces in turns.pieces.items() if turn > begin]
    assert sum(greedy) > 10 * YIELD_AFTER
    # The engine gives way by itself every 256 pieces, which may fall behind another's turn.
    assert max(greedy) <= 2 * YIELD_AFTER + 1


@pytest.mark.parametrize("boundaries", [b"", b"&chunk_size=999", b"&write_size=999"])
async def test_a_large_event_is_made_as_the_client_takes_it(
    target: Served, boundaries: bytes
) -> None:
    """One of a MiB, whose client does not read: no more of it is made than a writer may buffer."""
    async with connect(target.port, receive_buffer=4096) as client:
        await client.send(get(b"/sse?size=1048576&count=1000&gap=0" + boundaries))
        connection = await stalled(target)
        assert connection.transport.get_write_buffer_size() < HIGH_WATER + MAX_PIECE + 200


async def test_a_burst_gives_others_their_turn(serve: Serve) -> None:
    turns = Turns()
    target = await serve(make_target(), observers=[turns])
    await ask(target, "/jsonl?count=1000&burst=1000&gap=0.001")
    assert max(pieces["/jsonl"] for pieces in turns.pieces.values()) <= YIELD_AFTER + 2


@pytest.mark.parametrize(("path", "pieces"), [("/bytes/", 1), ("/stream-bytes/", 7)])
async def test_random_bytes_are_drawn_once_in_a_turn(serve: Serve, path: str, pieces: int) -> None:
    """Of five that ask for a GB one a turn draws 64 KiB, several chunks."""
    turns = Turns()
    target = await serve(make_target(), observers=[turns])
    async with AsyncExitStack() as stack:
        for _ in range(5):
            client = await stack.enter_async_context(connect(target.port))
            await client.send(get(path.encode() + b"1000000000"))
            stack.callback(asyncio.create_task(read_on(client)).cancel)
        await wait_until(lambda: turns.turn > 500)
    # A client that takes again may let its stream go on in another's turn.
    assert max(sum(one.values()) for one in turns.pieces.values()) <= 5 * pieces


async def test_writes_that_are_cut_give_others_their_turn(serve: Serve) -> None:
    turns = Turns()
    target = await serve(make_target(), observers=[turns])
    answered = await ask(target, "/raw?count=1&size=2000&write_size=10")
    assert len(answered.body) == 2000
    assert max(pieces["/raw"] for pieces in turns.pieces.values()) <= 2


async def test_a_client_that_takes_nothing_is_no_lateness_of_the_target(target: Served) -> None:
    """What was due while it took nothing is due when it takes again."""
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
    told = json.loads((await ask(target, "/lab/lateness")).body)
    assert told["count"] == 200
    assert told["max_ms"] == max(stamp.late for stamp in stamps) / 1e6
