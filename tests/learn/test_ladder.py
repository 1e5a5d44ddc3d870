"""Each step mends a failure which the step before it has: both are shown, over real sockets."""

import asyncio
import json
import re
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from learn.conftest import LAST, Start, Step
from support.kernel import segments
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, raw, until_end
from support.waiting import wait_until

Steps = Callable[[int], Step]
LAST_CHUNK = b"0\r\n\r\n"
NEVER = 0.3
"""Seconds for which a test waits to show that nothing comes, where nothing ever does."""


def get(target: str, version: str = "1.1", method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/{version}\r\nHost: localhost\r\n\r\n".encode()


def body(response: bytes) -> bytes:
    return response.partition(b"\r\n\r\n")[2]


def data(response: bytes) -> list[int]:
    return [json.loads(line)["count"] for line in re.findall(rb"^data: (\{.*\})$", response, re.M)]


async def test_1_pieces_arrive_one_by_one(step: Steps) -> None:
    async with connect(step(1).port) as client:
        await client.send(get("/counter?0.05"))
        for n in range(10):
            await client.read_until(b'"count":%d' % n)
            # Nothing of the next event exists yet.
            assert data(client.received) == list(range(n + 1))
        assert (await client.read_until()).endswith(b"\r\n" + LAST_CHUNK)


@pytest.mark.parametrize("number", [1, 2])
async def test_2_head_gets_no_body(step: Steps, number: int) -> None:
    response = await raw(step(number).port, get("/counter?0", method="HEAD"))
    assert (body(response) != b"") == (number == 1)


@pytest.mark.parametrize("number", [1, 2])
async def test_2_chunks_are_for_http_1_1_only(step: Steps, number: int) -> None:
    response = await raw(step(number).port, get("/counter?0", version="1.0"))
    assert b"transfer-encoding" not in response.lower()
    assert body(response).startswith(b"id: 0\n") == (number == 2)
    assert response.endswith(LAST_CHUNK) == (number == 1)


@pytest.mark.parametrize("number", [1, 2])
async def test_2_an_empty_piece_is_no_end(step: Steps, number: int) -> None:
    response = await raw(step(number).port, get("/echo?7"))
    first_end = response.index(b"\r\n0\r\n\r\n")
    assert (b"id: 7" in response[:first_end]) == (number == 2)


@pytest.mark.parametrize("number", [1, 2])
async def test_2_an_id_forges_no_field(step: Steps, number: int) -> None:
    response = await raw(step(number).port, get("/echo?1%0Adata:%20forged"))
    assert (b"\ndata: forged\n" in response) == (number == 1)


async def test_2_a_failed_handler_ends_its_stream_but_not_properly(step: Steps) -> None:
    async with connect(step(1).port) as client:
        await client.send(get("/counter?x"))
        await client.read_until(b'"count":0')
        with pytest.raises(TimeoutError):
            await client.read_until(timeout=NEVER)
    assert not (await raw(step(2).port, get("/counter?x"))).endswith(LAST_CHUNK)
    with pytest.raises(ConnectionResetError):
        await raw(step(2).port, get("/counter?x", version="1.0"))


@pytest.mark.parametrize("number", [2, 3])
async def test_3_a_client_that_leaves_ends_its_handler(start: Start, number: int) -> None:
    step = start(number)
    async with connect(step.port) as client:
        await client.send(get("/ticks?0.01"))
        await client.read_until(b"tick")
    if number == 3:
        await wait_until(lambda: "the handler has ended" in step.printed())
    else:
        seen = step.printed().count("tick\n")
        await wait_until(lambda: step.printed().count("tick\n") > seen + 20)


@pytest.mark.parametrize("number", [3, 4])
async def test_4_the_handler_waits_for_its_client(start: Start, number: int) -> None:
    step = start(number)
    async with connect(step.port, receive_buffer=64 * 1024) as client:
        await client.send(get("/download"))
        if number == 3:
            await wait_until(lambda: "\n100 MiB\n" in step.printed(), timeout=20)
            return
        await wait_until(lambda: "\n1 MiB\n" in step.printed())
        assert await read_a_download(client, step) == 100


async def read_a_download(client: RawClient, step: Step) -> int:
    """Read all of it; the MiB that came. The handler is never far ahead of what was read."""
    loop, size, tail = asyncio.get_running_loop(), 0, b""
    while part := await loop.sock_recv(client.sock, 1 << 20):
        size, tail = size + len(part), (tail + part)[-len(LAST_CHUNK) :]
        assert step.printed().count(" MiB\n") < (size >> 20) + 16
    assert tail == LAST_CHUNK
    return size >> 20


@pytest.mark.parametrize("number", [4, 5])
async def test_5_each_request_gets_its_response(step: Steps, number: int) -> None:
    three = get("/counter?0") + get("/counter?0", method="HEAD") + get("/none")
    last = b"GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    response = await raw(step(number).port, three + last)
    statuses = re.findall(rb"^HTTP/1.1 (\d+) ", response, re.M)
    assert statuses == ([b"200"] if number == 4 else [b"200", b"200", b"404", b"404"])
    assert data(response) == list(range(10))


async def test_5_what_is_sent_ahead_has_a_limit(step: Steps) -> None:
    async with connect(step(5).port) as client:
        await client.send(get("/counter?9") + get("/counter?9") * 2000)
        await until_end(client)
    assert client.received.count(b"HTTP/1.1") <= 1


async def test_5_a_request_body_is_no_request(step: Steps) -> None:
    post = b"POST /none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nGET "
    response = await raw(step(5).port, post + b"BAD\r\n\r\n")
    assert re.findall(rb"^HTTP/1.1 (\d+) ", response, re.M) == [b"404", b"400"]


@pytest.mark.parametrize("number", [5, 6])
async def test_6_one_task_serves_all_readers(start: Start, number: int) -> None:
    step, readers = start(number), 40
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(step.port)) for _ in range(readers)]
        for n, client in enumerate(clients):
            await client.send(get("/feed", version="1.0" if n == 0 else "1.1"))
            await client.read_until(b"\r\n\r\n")
        response = await raw(step.port, get("/publish?hello"), until=LAST_CHUNK)
        for client in clients:
            await client.read_until(b"data: hello\n\n")
            assert (b"\r\n" in body(client.received)) == (client is not clients[0])
    counted = re.search(rb"(\d+) readers, (\d+) tasks", response)
    assert counted
    assert int(counted[1]) == readers
    assert (int(counted[2]) < 5) == (number == 6)


async def test_7_a_relayed_piece_does_not_wait_for_the_next(
    start: Start, upstream: RawServer
) -> None:
    assert (await raw(start(6).port, get("/x"), until=b"\r\n\r\n")).startswith(b"HTTP/1.1 404")
    async with connect(start(7, upstream.port).port) as client:
        await client.send(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: x-own\r\nX-Own: 1\r\n\r\n")
        origin = await upstream.asked()
        assert b"x-own: 1" not in origin.received.lower()
        await origin.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"one", b"two"):
            await origin.send(b"3\r\n%b\r\n" % piece)
            await client.read_until(b"3\r\n%b\r\n" % piece)
        await origin.send(LAST_CHUNK)
        assert (await client.read_until()).endswith(LAST_CHUNK)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_7_a_cut_upstream_does_not_look_complete(
    start: Start, upstream: RawServer, version: str
) -> None:
    async with connect(start(7, upstream.port).port) as client:
        await client.send(get("/x", version=version))
        origin = await upstream.asked()
        await origin.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await client.read_until(b"one")
        origin.sock.close()
        if version == "1.0":
            with pytest.raises(ConnectionResetError):
                await client.read_until()
        else:
            assert not (await client.read_until()).endswith(LAST_CHUNK)


async def test_7_a_client_that_leaves_ends_its_upstream(start: Start, upstream: RawServer) -> None:
    async with connect(start(7, upstream.port).port) as client:
        await client.send(get("/x"))
        origin = await upstream.asked()
    await until_end(origin)


async def test_7_without_an_upstream_the_answer_is_502(start: Start, upstream: RawServer) -> None:
    port = upstream.port
    upstream.sock.close()
    assert (await raw(start(7, port).port, get("/x"))).startswith(b"HTTP/1.1 502")


@pytest.mark.parametrize("number", [6, 8])
async def test_8_head_and_first_piece_share_a_write(step: Steps, number: int) -> None:
    async with connect(step(number).port) as client:
        await client.send(get("/counter?0.02"))
        await client.read_until(LAST_CHUNK)
        assert segments(client) == 11 + (number == 6)


async def test_8_a_head_waits_for_no_silent_handler(start: Start) -> None:
    silent = (
        "async def counter(query):\n  await asyncio.sleep(60)\n  yield b''\nstep.counter = counter"
    )
    async with connect(start(8, patch=silent).port) as client:
        await client.send(get("/counter"))
        await client.read_until(b"\r\n\r\n")


@pytest.mark.parametrize("number", [8, 9])
async def test_9_half_a_head_is_not_waited_for(start: Start, number: int) -> None:
    step = start(number, patch="step.HEAD_DEADLINE = 0.05")
    async with connect(step.port) as client:
        await client.send(b"GET /counter HTTP/1.1\r\n")
        if number == 9:
            assert await client.read_until() == b""
        else:
            with pytest.raises(TimeoutError):
                await client.read_until(timeout=NEVER)


BIG = """
async def counter(query):
    for n in range(100): yield bytes(1 << 20)
step.counter, step.WRITE_DEADLINE = counter, 0.05
"""


@pytest.mark.parametrize("number", [8, 9])
async def test_9_a_client_that_reads_nothing_is_aborted(start: Start, number: int) -> None:
    step = start(number, patch=BIG)
    port, before = step.port, open_sockets(step)
    async with connect(port, receive_buffer=4096) as client:
        await client.send(get("/counter"))
        await client.read_until(b"\r\n\r\n")
        if number == 9:
            await wait_until(lambda: open_sockets(step) == before)
        else:
            await asyncio.sleep(NEVER)
            assert open_sockets(step) == before + 1


def open_sockets(step: Step) -> int:
    count = 0
    for link in Path(f"/proc/{step.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            count += str(link.readlink()).startswith("socket:")
    return count


@pytest.mark.parametrize("number", [8, 9])
async def test_9_a_stop_ends_streams_properly(start: Start, number: int) -> None:
    step = start(number)
    async with connect(step.port) as client, connect(step.port):
        await client.send(get("/counter?9"))
        await client.read_until(b'"count":0')
        step.process.send_signal(signal.SIGTERM)
        await until_end(client)
    properly = re.search(rb"\r\nretry: [1-5]\d{3}\n\n\r\n0\r\n\r\n$", client.received)
    assert bool(properly) == (number == 9)
    assert await asyncio.to_thread(step.process.wait, 10) == (0 if number == 9 else -signal.SIGTERM)


@pytest.mark.parametrize("number", [*range(2, 7), *range(8, LAST + 1)])
async def test_what_a_step_adds_later_steps_keep(step: Steps, number: int) -> None:
    port = step(number).port
    assert body(await raw(port, get("/counter", method="HEAD"), eof=number > 4)) == b""
    assert body(await raw(port, get("/counter?0", "1.0"))).count(b"\n\n") == 10
    assert not (await raw(port, get("/counter?x"))).endswith(LAST_CHUNK)
    with pytest.raises(ConnectionResetError):
        await raw(port, get("/counter?x", "1.0"))
