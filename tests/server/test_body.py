"""A request's body over a real socket: read as it comes, held back, bounded, left unread."""

import asyncio
import hashlib
import json

import pytest

from conftest import Serve
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.server.body import WINDOW
from streamserver.wire.problem import HTTPError
from support.rawsocket import RawClient, connect, raw
from support.waiting import wait_until

MIB = 1024 * 1024
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def post(body: bytes, *, length: int | None = None, fields: bytes = b"", path: str = "/") -> bytes:
    """A POST with a Content-Length."""
    size = len(body) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n".encode()
    return head + fields + b"\r\n" + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n", fields: bytes = b"") -> bytes:
    """A POST in chunks."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    return head + fields + b"\r\n" + body + end


async def echo(request: Request) -> Response:
    """Answers with the body; below /unread without a look at it."""
    if request.path == "/unread":
        return Response(b"unread")
    return Response(b"got " + await request.body())


def statuses(received: bytes) -> list[int]:
    """The statuses of all answers in it."""
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def detail(received: bytes) -> str:
    """What the problem document, the last thing received, says."""
    return str(json.loads(received.rpartition(b"\r\n\r\n")[2])["detail"])


# --- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        post(b"hello"),
        chunked(b"hello"),
        chunked(b"h", b"e", b"l", b"l", b"o"),
        chunked(b"hello", end=b"0\r\nX-Sum: 1\r\n\r\n"),
        chunked(b"hel", end=b"2;a=b\r\nlo\r\n0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_body_arrives_whole_however_it_is_cut(serve: Serve, sent: bytes, size: int) -> None:
    """And the request behind it is not lost."""
    server = await serve(echo)
    async with connect(server.port) as client:
        data = sent + LAST
        for at in range(0, len(data), size):
            await client.send(data[at : at + size])
            await asyncio.sleep(0)
        received = await client.read_until()
    assert received.count(b"got hello") == 1
    assert statuses(received) == [200, 200]
    assert [exchange.target for exchange in server.ended] == ["/", "/last"]


@pytest.mark.parametrize("sent", [post(b""), chunked(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
async def test_a_body_of_nothing(serve: Serve, sent: bytes) -> None:
    async def handler(request: Request) -> Response:
        return Response(f"{[part async for part in request]}")

    server = await serve(handler)
    assert (await raw(server.port, sent, until=b"[]")).startswith(b"HTTP/1.1 200 ")


async def test_each_part_is_given_when_it_has_come_and_not_later(serve: Serve) -> None:
    parts: asyncio.Queue[bytes] = asyncio.Queue()

    async def handler(request: Request) -> Response:
        async for part in request:
            parts.put_nowait(part)
        return Response(b"done")

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(chunked(end=b""))
        for number in (b"1", b"2", b"3"):
            await client.send(b"1\r\n" + number)
            assert await asyncio.wait_for(parts.get(), 5) == number
            await client.send(b"\r\n")
        await client.send(b"0\r\n\r\n")
        await client.read_until(b"done")
    assert parts.empty()


async def test_a_second_reading_gives_nothing(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        return Response(await request.body() + b"|" + await request.body())

    server = await serve(handler)
    assert (await raw(server.port, post(b"hello"), until=b"|")).endswith(b"hello|")


async def test_two_readers_at_a_time_are_an_error(serve: Serve) -> None:
    refused = asyncio.Event()

    async def handler(request: Request) -> Response:
        first = asyncio.create_task(request.body())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one reader at a time"):
            await request.body()
        refused.set()
        return Response(b"first " + await first)

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(post(b"", length=5))
        await refused.wait()
        await client.send(b"hello")
        await client.read_until(b"first hello")


@pytest.mark.parametrize("name", ["length", "chunked"])
async def test_a_client_that_leaves_in_its_body_cancels_the_reader(serve: Serve, name: str) -> None:
    ended = []

    async def handler(request: Request) -> Response:
        try:
            return Response(await request.body())
        except BaseException as error:
            ended.append(type(error))
            raise

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(post(b"half", length=8) if name == "length" else chunked(b"a", end=b""))
        await wait_until(lambda: server.listener.connections)
        client.reset()
        await wait_until(lambda: ended == [asyncio.CancelledError])
    assert [exchange.outcome for exchange in server.ended] == ["client_gone"]


# --- back-pressure ----------------------------------------------------------------------------


async def accepted(client: RawClient, data: bytes) -> int:
    """How many of these bytes the peer and the kernels take while nobody reads them."""
    at, quiet = 0, 0
    view = memoryview(data)
    while quiet < 20 and at < len(data):
        try:
            at += client.sock.send(view[at : at + 65536])
            quiet = 0
        except BlockingIOError:
            quiet += 1
            await asyncio.sleep(0.005)
        await asyncio.sleep(0)
    return at


@pytest.mark.parametrize("coding", ["length", "chunked"])
async def test_an_upload_waits_for_a_handler_that_does_not_read(serve: Serve, coding: str) -> None:
    """Of 50 MB the server takes a window, and the kernel what its buffers hold."""
    size, read = 50 * MIB, asyncio.Event()

    async def handler(request: Request) -> Response:
        await read.wait()
        request.max_body = None
        digest = hashlib.sha256()
        async for part in request:
            digest.update(part)
        return Response(digest.hexdigest())

    server = await serve(handler)
    data = b"0123456789abcdef" * (size // 16)
    sent = chunked(*[data[at : at + MIB] for at in range(0, size, MIB)])
    if coding == "length":
        sent = post(data)
    async with connect(server.port) as client:
        at = await accepted(client, sent)
        assert at < 20 * MIB, "the kernel's buffers, at their largest, are smaller"
        read.set()
        await client.send(sent[at:])
        received = await client.read_until(hashlib.sha256(data).hexdigest().encode(), 30)
    assert statuses(received) == [200]


async def test_a_handler_that_reads_a_little_at_a_time_gets_it_all(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        request.max_body = None
        size = 0
        async for part in request:
            size += len(part)
            await asyncio.sleep(0)
        return Response(f"read {size}.")

    server = await serve(handler)
    data = bytes(3 * MIB)
    assert await raw(server.port, post(data) + LAST, until=b"read 0.", timeout=20)
    assert await raw(server.port, chunked(data[:MIB], data) + LAST, until=b"read 0.", timeout=20)
    assert [exchange.status for exchange in server.ended] == [200] * 4


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (post(bytes(10)), 200),
        (post(bytes(11)), 413),
        (post(b"", length=11), 413),
        (post(b"", length=10**15), 413),
        (chunked(bytes(10)), 200),
        (chunked(*[b"x"] * 10), 200),
        (chunked(bytes(11)), 413),
        (chunked(*[b"x"] * 11), 413),
        (chunked(bytes(11), end=b""), 413),
        (chunked(*[b"x"] * 1000, end=b""), 413),
    ],
)
async def test_a_body_may_have_so_many_bytes(serve: Serve, sent: bytes, status: int) -> None:
    """A length is enough to be refused; without one, the first byte too many."""
    server = await serve(echo, max_body=10)
    received = await raw(server.port, sent, until=lambda got: b"}\n" in got or b"got" in got)
    assert statuses(received) == [status]
    if status == 413:
        assert detail(received) == "the request body is larger than 10 bytes"


async def test_a_body_that_is_too_large_is_refused_before_it_is_sent(serve: Serve) -> None:
    """A client that asks first is told no, and not to go on."""
    server = await serve(echo, max_body=10)
    sent = post(b"", length=11, fields=b"Expect: 100-continue\r\n")
    received = await raw(server.port, sent)
    assert statuses(received) == [413]


@pytest.mark.parametrize("sent", [post(bytes(11), length=5 * MIB), chunked(bytes(MIB))])
async def test_a_refused_upload_gets_its_answer_though_it_goes_on(
    serve: Serve, sent: bytes
) -> None:
    """And nothing behind it is run (RFC 9112, section 9.6)."""
    server = await serve(echo, max_body=10)
    async with connect(server.port) as client:
        await client.send(sent + LAST)
        received = await client.read_until()
    assert statuses(received) == [413]
    assert b"\r\nconnection: close\r\n" in received
    assert len(server.ended) == 1


@pytest.mark.parametrize(("limit", "status"), [(4, 413), (5, 200), (None, 200), (10**9, 200)])
@pytest.mark.parametrize("sent", [post(b"hello"), chunked(b"he", b"llo")])
async def test_a_handler_sets_the_limit_of_its_route(
    serve: Serve, sent: bytes, limit: int | None, status: int
) -> None:
    async def handler(request: Request) -> Response:
        assert request.max_body == 4
        request.max_body = limit
        assert request.max_body == limit
        return Response(await request.body())

    server = await serve(handler, max_body=4)
    received = await raw(server.port, sent, until=lambda got: b"}\n" in got or b"hello" in got)
    assert statuses(received) == [status]


async def test_a_handler_may_answer_a_body_that_is_too_large_itself(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        try:
            await request.body()
        except HTTPError as error:
            return Response(f"no: {error.status}", 400)
        raise AssertionError("the body was taken")

    server = await serve(handler, max_body=10)
    received = await raw(server.port, post(bytes(11), length=MIB))
    assert received.endswith(b"no: 413")
    assert b"\r\nconnection: close\r\n" in received


async def test_whether_a_refusal_is_rejected_does_not_depend_on_the_packets(serve: Serve) -> None:
    server = await serve(echo, max_body=10)
    await raw(server.port, post(bytes(11)), until=b"}\n")
    await raw(server.port, post(bytes(5), length=11), until=b"}\n")
    await wait_until(lambda: len(server.ended) == 2)
    assert [exchange.outcome for exchange in server.ended] == ["rejected", "rejected"]


# --- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (chunked(end=b"oops\r\n"), "chunked body: a chunk begins with its size"),
        (chunked(b"a", end=b"+1\r\n"), "chunked body: a chunk begins with its size"),
        (chunked(end=b"1\r\naXY"), "chunked body: a chunk's data must be followed by CRLF"),
        (chunked(end=b"1\na\r\n"), "chunked body"),
        (chunked(end=b"0\r\nHost: b\r\n\r\n"), "chunked body"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
async def test_a_malformed_body_is_refused(
    serve: Serve, sent: bytes, told: str, whole: bool
) -> None:
    server = await serve(echo)
    async with connect(server.port) as client:
        data = sent + LAST
        for at in range(0, len(data), len(data) if whole else 1):
            await client.send(data[at : at + (len(data) if whole else 1)])
            await asyncio.sleep(0)
        received = await client.read_until()
    assert statuses(received) == [400]
    assert told in detail(received)
    assert b"\r\nconnection: close\r\n" in received
    assert [exchange.outcome for exchange in server.ended] == ["rejected"]


@pytest.mark.parametrize("sent", [post(b"h", length=5), chunked(b"h", end=b"")])
async def test_a_client_that_falls_silent_in_its_body(serve: Serve, sent: bytes) -> None:
    server = await serve(echo, body_timeout=0.05)
    received = await raw(server.port, sent)
    assert statuses(received) == [408]
    assert "in time" in detail(received)
    assert b"\r\nconnection: close\r\n" in received
    assert [exchange.outcome for exchange in server.ended] == ["rejected"]


async def test_a_slow_body_is_not_a_silent_one(serve: Serve) -> None:
    """The deadline is for each gap, not for the whole."""
    server = await serve(echo, body_timeout=1.0)
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with connect(server.port) as client:
        await client.send(post(b"", length=25))
        for _ in range(25):
            await client.send(b"x")
            await asyncio.sleep(0.05)
        await client.read_until(b"got " + b"x" * 25)
    assert loop.time() - start > 1.0


async def test_a_handler_that_does_not_read_keeps_no_deadline(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        await asyncio.sleep(0.2)
        return Response(await request.body())

    server = await serve(handler, body_timeout=0.05)
    await raw(server.port, post(b"hello"), until=b"\r\n\r\nhello")


# --- Expect: 100-continue (RFC 9110, section 10.1.1) ------------------------------------------

EXPECTING = post(b"", length=5, fields=b"Expect: 100-continue\r\n")
EXPECTING_CHUNKS = chunked(end=b"", fields=b"Expect: 100-continue\r\n")


@pytest.mark.parametrize(
    ("sent", "body"), [(EXPECTING, b"hello"), (EXPECTING_CHUNKS, b"5\r\nhello\r\n0\r\n\r\n")]
)
async def test_a_client_is_asked_to_go_on_when_the_handler_reads(
    serve: Serve, sent: bytes, body: bytes
) -> None:
    reached, read = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        reached.set()
        await read.wait()
        return await echo(request)

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(sent)
        await reached.wait()
        with pytest.raises(TimeoutError):
            await client.read_until(b"100", timeout=0.05)
        read.set()
        assert await client.read_until(b"\r\n\r\n") == CONTINUE
        await client.send(body)
        received = await client.read_until(b"got hello")
        assert received.startswith(CONTINUE + b"HTTP/1.1 200 OK\r\n")
        await client.send(LAST)
        assert statuses(await client.read_until()) == [100, 200, 200]


@pytest.mark.parametrize("expecting", [EXPECTING, EXPECTING_CHUNKS])
async def test_a_client_is_not_asked_when_the_handler_answers_first(
    serve: Serve, expecting: bytes
) -> None:
    """It may send the body or not; nobody can tell, so the connection ends."""
    server = await serve(echo)
    received = await raw(server.port, expecting.replace(b"POST /", b"POST /unread"))
    assert statuses(received) == [200]
    assert b"\r\nconnection: close\r\n" in received
    assert received.endswith(b"unread")


async def test_a_client_that_does_not_wait_is_not_asked(serve: Serve) -> None:
    server = await serve(echo)
    received = await raw(server.port, EXPECTING + b"hello" + LAST)
    assert statuses(received) == [200, 200]
    assert b"got hello" in received


# --- bodies that nobody reads -----------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        post(b"hello", path="/unread"),
        post(bytes(WINDOW), path="/unread"),
        chunked(b"hello").replace(b"POST /", b"POST /unread"),
        chunked(*[b"x"] * 1000).replace(b"POST /", b"POST /unread"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
async def test_a_short_body_is_read_away(serve: Serve, sent: bytes, late: bool) -> None:
    """Whether it came before the answer or comes after it, the connection stays in step."""
    server = await serve(echo)
    async with connect(server.port) as client:
        if late:
            head, sent = sent[: sent.index(b"\r\n\r\n") + 4], sent[sent.index(b"\r\n\r\n") + 4 :]
            await client.send(head)
            await client.read_until(b"unread")
        await client.send(sent + LAST)
        received = await client.read_until()
    assert statuses(received) == [200, 200]
    assert [exchange.target for exchange in server.ended] == ["/unread", "/last"]


@pytest.mark.parametrize(
    "sent",
    [
        post(bytes(5 * MIB), path="/unread"),
        post(b"", length=10**15, path="/unread"),
        chunked(*[bytes(WINDOW)] * 20).replace(b"POST /", b"POST /unread"),
    ],
)
async def test_a_long_body_ends_the_connection(serve: Serve, sent: bytes) -> None:
    """The answer is readable all the same, and nothing hidden in the body runs."""
    server = await serve(echo)
    async with connect(server.port) as client:
        sending = asyncio.create_task(client.send(sent + LAST))
        received = await client.read_until()
        sending.cancel()
        await asyncio.wait([sending])
    assert statuses(received) == [200]
    assert received.endswith(b"unread")
    assert len(server.ended) == 1


async def test_a_body_read_by_half_is_read_away(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        async for part in request:
            return Response(b"part " + part)
        return Response(b"none")

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(post(b"12345", length=10))
        await client.read_until(b"part 12345")
        await client.send(b"67890" + LAST)
        received = await client.read_until(b"none")
    assert statuses(received) == [200, 200]


async def test_an_unread_body_that_turns_out_malformed_ends_the_connection(serve: Serve) -> None:
    server = await serve(echo)
    async with connect(server.port) as client:
        await client.send(chunked(end=b"").replace(b"POST /", b"POST /unread"))
        await client.read_until(b"unread")
        await client.send(b"oops\r\n" + LAST)
        received = await client.read_until()
    assert statuses(received) == [200]


async def test_an_unread_body_that_never_comes_ends_the_connection(serve: Serve) -> None:
    server = await serve(echo, linger=0.05)
    received = await raw(server.port, post(b"h", length=5, path="/unread"))
    assert statuses(received) == [200]
    await wait_until(lambda: not server.listener.connections)
