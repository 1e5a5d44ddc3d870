"""Expect: 100-continue through a relay: the 100 is the upstream's (RFC 9110, section 10.1.1)."""

import pytest

from streamserver.proxy import upload
from support.answers import content, statuses
from support.hearing import hear_request, hear_response
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, StartRelay, chunk, ok
from support.requests import GET, LAST, chunked, post

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECTING = post(b"", length=5, fields=[b"Expect: 100-continue"])
EXPECTING_CHUNKS = chunked(end=b"", fields=[b"Expect: 100-continue"])
BODIES = [(EXPECTING, b"hello"), (EXPECTING_CHUNKS, chunk(b"hello") + LAST_CHUNK)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout so short that a test need not wait."""
    monkeypatch.setattr(upload, "CONTINUE_TIMEOUT", 0.02)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout so long that the relay never sends a 100 of its own."""
    monkeypatch.setattr(upload, "CONTINUE_TIMEOUT", 60.0)


async def send_rest(client: RawClient, peer: RawClient, rest: bytes) -> None:
    """Send the body, which the upstream answers; both connections can then be reused."""
    await client.send(rest)
    assert (await hear_request(peer)).content == b"hello"
    await peer.send(ok(b"thanks"))
    await client.read_until(b"thanks")
    await client.send(LAST)
    await hear_request(peer)
    await peer.send(ok(b"bye"))
    await client.read_until()


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("sent", "rest"), BODIES)
async def test_the_upstreams_100_is_passed_on(
    relay: StartRelay, upstream: RawServer, sent: bytes, rest: bytes
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(sent)
        peer = await upstream.asked()
        assert b"\r\nexpect: 100-continue\r\n" in peer.received.lower()
        with pytest.raises(TimeoutError):
            await client.read_until(b"100", timeout=0.05)
        await peer.send(CONTINUE)
        assert await client.read_until(b"\r\n\r\n") == CONTINUE
        await send_rest(client, peer, rest)
        assert statuses(client.received) == [100, 200, 200]


@pytest.mark.parametrize("answer", [ok(b"no need"), b"HTTP/1.1 417 -\r\nContent-Length: 0\r\n\r\n"])
@pytest.mark.parametrize("sent", [EXPECTING, EXPECTING_CHUNKS])
async def test_a_final_answer_instead_of_it_is_relayed_and_closes(
    relay: StartRelay, upstream: RawServer, sent: bytes, answer: bytes
) -> None:
    """Neither side can know whether the body will follow."""
    server = await relay()
    async with connect(server.port) as client, connect(server.port) as other:
        await client.send(sent)
        peer = await upstream.asked()
        await peer.send(answer)
        got = await hear_response(client, "POST")
        assert (got.interim, got.status) == ([], int(answer[9:12]))
        assert got.headers.get("connection") == "close"
        assert await until_end(client) == b""
        assert (await until_end(peer)) == b""
        await other.send(GET)
        await (await upstream.asked()).send(ok(b"fresh"))
        assert (await hear_response(other)).content == b"fresh"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("sent", "rest"), BODIES)
@pytest.mark.parametrize("late", [b"", CONTINUE])
async def test_an_upstream_that_never_sends_it_is_not_awaited(
    relay: StartRelay, upstream: RawServer, sent: bytes, rest: bytes, late: bytes
) -> None:
    """A late 100 is not passed on."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(sent)
        peer = await upstream.asked()
        assert await client.read_until(b"\r\n\r\n") == CONTINUE
        await peer.send(late)
        await send_rest(client, peer, rest)
        assert statuses(client.received) == [100, 200, 200]


@pytest.mark.usefixtures("impatient")
async def test_a_client_with_a_response_gets_no_100(relay: StartRelay, upstream: RawServer) -> None:
    server = await relay(settings={"linger": 0.2})
    async with connect(server.port) as client:
        await client.send(EXPECTING)
        await (await upstream.asked()).send(ok(b"no need"))
        assert statuses(await client.read_until()) == [200]


@pytest.mark.parametrize(("sent", "rest"), BODIES)
async def test_a_client_that_sends_its_body_at_once_gets_no_100(
    relay: StartRelay, upstream: RawServer, sent: bytes, rest: bytes
) -> None:
    """The upstream gets no expectation, but the whole request."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(sent + rest)
        peer = await upstream.asked()
        assert b"expect" not in peer.received.lower()
        await send_rest(client, peer, b"")
        assert statuses(client.received) == [200, 200]


@pytest.mark.parametrize(("sent", "rest"), BODIES)
async def test_a_client_that_stops_waiting_gets_no_100(
    relay: StartRelay, upstream: RawServer, sent: bytes, rest: bytes
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(sent)
        peer = await upstream.asked()
        await client.send(rest[:-1])
        await peer.read_until(b"hell")
        await peer.send(CONTINUE)
        await send_rest(client, peer, rest[-1:])
        assert statuses(client.received) == [200, 200]


@pytest.mark.parametrize("sent", [GET, post(b"", length=0), post(b"hello")])
async def test_a_client_that_expects_nothing_gets_no_100(
    relay: StartRelay, upstream: RawServer, sent: bytes
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(sent)
        peer = await upstream.asked()
        await peer.send(CONTINUE)
        await peer.send(CONTINUE + ok(b"thanks"))
        assert statuses(await client.read_until(b"thanks")) == [200]


async def test_an_http_1_0_client_expects_nothing(relay: StartRelay, upstream: RawServer) -> None:
    """It cannot know what a 100 is (RFC 9110, section 10.1.1)."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(EXPECTING.replace(b"HTTP/1.1", b"HTTP/1.0"))
        peer = await upstream.asked()
        assert b"expect" not in peer.received.lower()
        await peer.send(CONTINUE)
        await client.send(b"hello")
        assert (await hear_request(peer)).content == b"hello"
        await peer.send(ok(b"thanks"))
        assert statuses(await client.read_until()) == [200]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("sent", [EXPECTING, EXPECTING_CHUNKS])
async def test_the_response_may_take_longer_than_the_body_timeout(
    relay: StartRelay, upstream: RawServer, sent: bytes
) -> None:
    """After a final response in place of the 100; a client whose body is late shows the timeout."""
    server = await relay(settings={"body_timeout": 0.1})
    async with connect(server.port) as client, connect(server.port) as late:
        await client.send(sent)
        peer = await upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"first"))
        await client.read_until(b"first")
        await late.send(sent)
        assert statuses(await late.read_until(b" 408 ")) == [100, 408]
        await peer.send(chunk(b"last") + LAST_CHUNK)
        received = await client.read_until(LAST_CHUNK)
    assert statuses(received) == [200]
    assert content(received) == b"firstlast"
