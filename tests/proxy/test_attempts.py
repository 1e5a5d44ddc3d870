"""Which requests get another replica after one that failed, and which get an error.

One of two replicas has an open stream, so that the request under test goes to the other, `free`.
"""

from collections.abc import Awaitable, Callable

import pytest

from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import Backoff, PoolLimits, Timeouts
from support.beating import ASK, INTERVAL, beaten, last_words
from support.inprocess import Serve
from support.problems import problem
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk, ok
from support.replicas import Replicas, replicas, serve
from support.requests import chunked, get, post, request
from support.upstreams import full_backlog, has_caller

ALWAYS = Backoff(first=0.0)
"""No failure excludes a replica for any time."""
PROMPT = Timeouts(first_byte=0.05)
BODY = b"a whole body"
LOCK = request(b"LOCK /sent HTTP/1.1", b"Host: a")
DELETE = request(b"DELETE /sent HTTP/1.1", b"Host: a")
PUT = post(BODY, target=b"/sent").replace(b"POST", b"PUT")
UPLOAD = chunked(b"first", end=b"", target=b"/sent")


async def close(peer: RawClient) -> None:
    peer.sock.close()


async def reset(peer: RawClient) -> None:
    peer.reset()


async def break_off(peer: RawClient) -> None:
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    peer.sock.close()


async def stammer(peer: RawClient) -> None:
    await peer.send(b"HTTP/1.1 2000 OK\r\n\r\n")


async def hang(peer: RawClient) -> None:
    """Send nothing, until the deadline passes."""


Fail = Callable[[RawClient], Awaitable[None]]
FAILURES: dict[str, Fail] = {
    each.__name__: each for each in (close, reset, break_off, stammer, hang)
}
failing = pytest.mark.parametrize("fail", FAILURES.values(), ids=FAILURES)


async def answered(client: RawClient, body: bytes) -> None:
    """The client gets this body, and nothing else, as a whole response."""
    got = await client.read_until(lambda got: got.endswith((LAST_CHUNK, body)))
    assert got.startswith(b"HTTP/1.1 200 ")
    assert got.count(b"HTTP/1.1") == 1
    assert body in got


# --- nothing was sent ----------------------------------------------------------------------------


async def test_a_refused_connection_costs_no_request() -> None:
    """With any method, and also with a body that is still arriving."""
    async with replicas(backoff=ALWAYS) as at:
        busy, free = await at.occupy()
        free.sock.close()
        for sent in (get(b"/sent"), LOCK, DELETE, PUT, post(BODY, target=b"/sent")):
            client = await at.begin(sent)
            peer = await busy.asked()
            assert peer.received.startswith(sent.partition(b" ")[0] + b" /sent ")
            await peer.read_until(BODY if BODY in sent else b"\r\n\r\n")
            await serve(peer, b"served")
            await answered(client, b"served")
        client = await at.begin(UPLOAD)
        peer = await busy.asked()
        await peer.read_until(b"first")
        await client.send(chunk(b"second") + LAST_CHUNK)
        received = await peer.read_until(LAST_CHUNK)
        assert received.endswith(chunk(b"first") + chunk(b"second") + LAST_CHUNK)
        await serve(peer, b"stored")
        await answered(client, b"stored")
        assert at.open.count(0) == 1
        dead = next(
            each for each in at.group.replicas if each.name.endswith(f":{free_port(at, busy)}")
        )
        assert (dead.failures, dead.last_failure and dead.last_failure.is_sent) == (6, False)


def free_port(at: Replicas, busy: RawServer) -> int:
    """Of the replica whose listening socket is closed."""
    (port,) = {each.origin.port for each in at.group.replicas} - {busy.port}
    return port


@pytest.mark.usefixtures("steady_clock")
async def test_a_connection_that_is_not_accepted_in_time(serve: Serve, upstream: RawServer) -> None:
    with full_backlog() as port:
        proxy = Proxy([upstream.url, f"http://127.0.0.1:{port}"], timeouts=Timeouts(connect=0.05))
        server = await serve(proxy)
        async with connect(server.port) as one, connect(server.port) as two:
            for client in (one, two):  # one of them goes there
                await client.send(post(BODY))
                peer = await upstream.asked()
                await peer.read_until(BODY)
                await peer.send(CHUNKED_HEAD + chunk(b"held"))
                await client.read_until(b"held")
        (state,) = proxy._states.values()
        assert [each.failures for each in state.replicas] == [0, 1]
        assert [each.health.standing.value for each in state.replicas] == ["healthy", "excluded"]


async def test_a_relay_without_connections_excludes_no_replica() -> None:
    """The next replica is tried, which may have a connection."""
    async with replicas(pool=PoolLimits(open=1, wait=0)) as at:
        for _ in range(2):
            await at.begin(get(b"/held"))
            await at.asked()
        client = await at.begin(post(BODY))
        assert await problem(client) == (503, "all connections to the upstream are in use")
        assert [each.requests for each in at.group.replicas] == [2, 2]
        assert {each.health.standing.value for each in at.group.replicas} == {"healthy"}


async def test_all_replicas_refuse_the_connection() -> None:
    """Each is tried once."""
    async with replicas(3) as at:
        for server in at.servers:
            server.sock.close()
        client = await at.begin(get(b"/"))
        assert await problem(client) == (502, "the upstream refused the connection")
        assert [each.failures for each in at.group.replicas] == [1, 1, 1]
        # All are excluded, and yet they are tried: an exclusion costs no request.
        client.received = b""
        await client.send(post(BODY))
        assert (await problem(client))[0] == 502
        assert [each.requests for each in at.group.replicas] == [2, 2, 2]


# --- it was sent ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("steady_clock")
@failing
async def test_a_request_that_may_be_repeated_is(fail: Fail) -> None:
    async with replicas(timeouts=PROMPT, backoff=ALWAYS) as at:
        busy, free = await at.occupy()
        for sent in (get(b"/sent"), DELETE, PUT):
            client = await at.begin(sent)
            first = await free.asked()
            await first.read_until(BODY if BODY in sent else b"\r\n\r\n")
            await fail(first)
            second = await busy.asked()
            await second.read_until(BODY if BODY in sent else b"\r\n\r\n")
            assert second.received == first.received.replace(
                b"%d" % free_port(at, busy), b"%d" % busy.port
            )
            await serve(second, b"served")
            await answered(client, b"served")


@pytest.mark.usefixtures("steady_clock")
@failing
async def test_a_request_that_may_not_be_repeated_is_not(fail: Fail) -> None:
    """A replica may have carried it out before it failed (RFC 9110, section 9.2.2)."""
    async with replicas(timeouts=PROMPT, backoff=ALWAYS, repeat_refused=True) as at:
        busy, free = await at.occupy()
        for sent in (LOCK, post(BODY), UPLOAD, UPLOAD.replace(b"POST", b"PUT")):
            client = await at.begin(sent)
            peer = await free.asked()
            if sent in (UPLOAD, UPLOAD.replace(b"POST", b"PUT")):
                await peer.read_until(b"first")
            if fail is hang and b"first" in sent:
                await client.send(LAST_CHUNK)  # until then the client is waited for
            await fail(peer)
            assert (await problem(client))[0] == (504 if fail is hang else 502)
            assert not has_caller(busy)


async def test_each_replica_is_tried_once() -> None:
    async with replicas(3, backoff=ALWAYS) as at:
        client = await at.begin(get(b"/"))
        left = [0, 1, 2]
        while left:
            number, peer = await at.asked(left)
            left.remove(number)
            peer.reset()
        assert (await problem(client))[0] == 502
        assert not any(map(has_caller, at.servers))
        assert dict(at.server.ended[0].attributes)["attempts"] == 3


async def test_a_stale_connection_is_not_the_replicas_fault() -> None:
    """The request is sent on a new connection to the same one."""
    async with replicas(pool=PoolLimits()) as at:
        client = await at.begin(get(b"/first"))
        number, peer = await at.asked()
        await peer.send(ok(b"first"))
        await answered(client, b"first")
        at.group.replicas[1 - number].open += 1  # so that the next one comes here
        peer.received = client.received = b""
        await client.send(get(b"/sent"))
        await peer.read_until(b"/sent")
        peer.reset()
        again = await at.servers[number].asked()
        await again.send(ok(b"again"))
        await answered(client, b"again")
        assert at.group.replicas[number].failures == 0
        at.group.replicas[1 - number].open -= 1


# --- a byte of a head has reached the client -----------------------------------------------------


async def test_nothing_follows_an_interim_response() -> None:
    async with replicas() as at:
        busy, free = await at.occupy()
        client = await at.begin(get(b"/sent"))
        peer = await free.asked()
        await peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await client.read_until(b"\r\n\r\n")
        client.received = b""
        peer.reset()
        assert (await problem(client))[0] == 502
        assert not has_caller(busy)


async def test_nothing_follows_an_early_head_of_the_relay() -> None:
    """Not after a refused request either: it is reported in an event."""
    async with replicas(heartbeat=INTERVAL, backoff=ALWAYS) as at:
        busy, free = await at.occupy()
        for last in (b"", b"HTTP/1.1 503 -\r\nContent-Length: 0\r\n\r\n"):
            client = await at.begin(ASK)
            peer = await free.asked()
            await client.read_until(beaten(1))
            if last:
                await peer.send(last)
            else:
                peer.reset()
            assert last_words(await client.read_until())["status"] == (503 if last else 502)
            assert not has_caller(busy)


async def test_nothing_follows_a_head_whose_body_breaks() -> None:
    async with replicas() as at:
        busy, free = await at.occupy()
        client = await at.begin(get(b"/sent"))
        peer = await free.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"piece"))
        await client.read_until(b"piece")
        peer.reset()
        assert not (await until_end(client)).endswith(LAST_CHUNK)
        assert not has_caller(busy)
        assert sum(each.failures for each in at.group.replicas) == 0
