"""429 and 503 of one replica: the request is sent to another one, and the replica is excluded.

The client gets the last refusal as it was if no other replica responds.
"""

import asyncio
import time
from collections.abc import Awaitable

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.proxy.health import EXCLUDED, HEALTHY
from streamserver.proxy.ports import Parts
from streamserver.proxy.proxy import MAX_KEPT, Proxy
from streamserver.proxy.settings import PoolLimits
from streamserver.wire.fields import http_date
from streamserver.wire.response_heads import ResponseHead
from support.answers import content
from support.rawsocket import RawClient, until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk, ok
from support.replicas import Replicas, replicas, serve
from support.requests import chunked, get, post, request
from support.upstreams import has_caller, send_until_blocked
from support.waiting import wait_until

BODY = b"a whole body"
PUT = post(BODY).replace(b"POST", b"PUT")
UPLOAD = chunked(b"first", end=b"")


def refusal(status: int, *fields: bytes, body: bytes = b"busy") -> bytes:
    """A response with this status and body."""
    return ok(body, *fields).replace(b"200 OK", b"%d No" % status)


def standings(at: Replicas) -> set[str]:
    return {each.health.standing.value for each in at.group.replicas}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("fields", [(), (b"Retry-After: 7",)], ids=["", "retry-after"])
async def test_another_replica_is_asked(status: int, fields: tuple[bytes, ...]) -> None:
    async with replicas() as at:
        busy, free = await at.occupy()
        client = await at.begin(PUT)
        peer = await free.asked()
        await peer.send(refusal(status, *fields))
        other = await busy.asked()
        await other.read_until(BODY)
        await serve(other, b"served")
        got = await client.read_until(LAST_CHUNK)
        assert got.startswith(b"HTTP/1.1 200 ")
        assert b"busy" not in got
        assert await until_end(peer) == b""  # nothing of it is left open
        is_out = status == 503 or bool(fields)
        assert standings(at) == ({"healthy", "excluded"} if is_out else {"healthy"})


async def test_no_more_of_a_refusal_is_read_while_another_replica_is_asked() -> None:
    async with replicas() as at:
        busy, free = await at.occupy()
        await at.begin(PUT)
        peer = await free.asked()
        await peer.send(CHUNKED_HEAD.replace(b"200 OK", b"503 No") + b"%x\r\n" % (1 << 40))
        await busy.asked()
        await asyncio.wait_for(send_until_blocked(peer), 10)


@pytest.mark.parametrize("sent", [post(BODY), UPLOAD, UPLOAD.replace(b"POST", b"PUT")])
async def test_a_request_that_may_not_be_repeated_gets_the_refusal(sent: bytes) -> None:
    async with replicas() as at:
        busy, free = await at.occupy()
        client = await at.begin(sent)
        peer = await free.asked()
        await peer.send(refusal(503, b"Retry-After: 7", b"X-Own: yes"))
        got = (await client.read_until(b"busy")).lower()
        assert got.startswith(b"http/1.1 503 ")
        assert b"\r\nretry-after: 7\r\n" in got
        assert b"\r\nx-own: yes\r\n" in got
        assert not has_caller(busy)


async def test_by_option_a_post_is_sent_again() -> None:
    """If its body is whole; a failure still is none of a refusal."""
    async with replicas(repeat_refused=True) as at:
        busy, free = await at.occupy()
        client = await at.begin(post(BODY))
        await (await free.asked()).send(refusal(429, b"Retry-After: 7"))
        other = await busy.asked()
        await other.read_until(BODY)
        await serve(other, b"served")
        assert (await client.read_until(LAST_CHUNK)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("method", [b"POST", b"PUT"])
async def test_a_body_that_arrives_after_the_head_is_sent_again_too(method: bytes) -> None:
    """Most clients send both in packets of their own."""
    begun: list[Request] = []

    def front(proxy: Proxy) -> Handler:
        def handler(request: Request) -> Awaitable[Response]:
            begun.append(request)
            return proxy(request)

        return handler

    async with replicas(front=front, repeat_refused=method == b"POST") as at:
        head, _, body = post(BODY).replace(b"POST", method).partition(b"\r\n\r\n")
        client = await at.begin(head + b"\r\n\r\n" + body[:1])
        await wait_until(lambda: begun)
        await client.send(body[1:])
        number, peer = await at.asked()
        await peer.read_until(BODY)
        await peer.send(refusal(503))
        other = await at.servers[1 - number].asked()
        await other.read_until(BODY)
        await serve(other, b"served")
        assert (await client.read_until(LAST_CHUNK)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("length", [MAX_KEPT + 1, None])
async def test_a_body_that_is_long_or_has_no_length_is_sent_as_it_arrives(
    length: int | None,
) -> None:
    async with replicas(repeat_refused=True) as at:
        head = request(b"PUT / HTTP/1.1", b"Host: a", b"Content-Length: %d" % (length or 0))
        client = await at.begin((head if length else UPLOAD) + b"part")
        number, peer = await at.asked()
        await peer.read_until(b"part" if length else b"first")
        await peer.send(refusal(503))
        assert (await client.read_until(b"busy")).startswith(b"HTTP/1.1 503 ")
        assert not has_caller(at.servers[1 - number])


async def test_the_last_refusal_is_passed_on() -> None:
    async with replicas() as at:
        client = await at.begin(get(b"/"))
        number, peer = await at.asked()
        await peer.send(refusal(503, body=b"first"))
        await (await at.servers[1 - number].asked()).send(refusal(429, body=b"second"))
        got = await client.read_until(b"second")
        assert got.startswith(b"HTTP/1.1 429 ")
        assert b"first" not in got


@pytest.mark.parametrize("framing", ["whole", "unfinished", "cut"])
async def test_an_earlier_refusal_is_passed_on_if_the_other_one_fails(framing: str) -> None:
    """With the rest of its body, which was not read before."""
    async with replicas() as at:
        client = await at.begin(get(b"/"))
        number, peer = await at.asked()
        head = b"HTTP/1.1 503 No\r\nRetry-After: 9\r\nTransfer-Encoding: chunked\r\n\r\n"
        rest = chunk(b"two") + LAST_CHUNK
        await peer.send(head + chunk(b"one") + (rest if framing == "whole" else b""))
        other = await at.servers[1 - number].asked()
        if framing == "cut":
            peer.reset()
        elif framing == "unfinished":
            await peer.send(rest)
        other.reset()
        if framing == "cut":
            got = (await until_end(client)).lower()
            assert not got.endswith(LAST_CHUNK)
        else:
            got = (await client.read_until(LAST_CHUNK)).lower()
            assert content(got) == b"onetwo"
        assert got.startswith(b"http/1.1 503 ")
        assert b"\r\nretry-after: 9\r\n" in got
        await at.has_ended(1)
        names = [each.name for each in at.group.replicas]
        attributes = dict(at.server.ended[0].attributes)
        assert (attributes["upstream"], attributes["attempts"]) == (names[number], 2)
        assert at.open == [0, 0]


async def test_a_client_that_leaves_drops_the_refusal() -> None:
    async with replicas() as at:
        client = await at.begin(get(b"/"))
        number, peer = await at.asked()
        await peer.send(b"HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nbusy")
        other = await at.servers[1 - number].asked()
        client.reset()
        for each in (peer, other):
            assert await until_end(each) == b""


class Tape:
    """A recording: what was passed on."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def on_request_body(self, part: bytes, is_last: bool) -> None:
        pass

    def on_response(self, parts: Parts) -> None:
        self.statuses += [part.status for part in parts if isinstance(part, ResponseHead)]


@pytest.mark.parametrize("is_served", [True, False])
async def test_what_is_recorded_is_what_the_client_gets(is_served: bool) -> None:
    async with replicas() as at:
        tape = Tape()
        at.proxy.start_recording = lambda request: tape
        client = await at.begin(get(b"/"))
        number, peer = await at.asked()
        await peer.send(refusal(503))
        other = await at.servers[1 - number].asked()
        await (serve(other, b"served") if is_served else other.send(b"nonsense\r\n\r\n"))
        await client.read_until(b"served" if is_served else b"busy")
        assert tape.statuses == [200 if is_served else 503]


# --- Retry-After ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["seconds", "date", "an hour at most"])
async def test_a_replica_is_excluded_for_its_retry_after(form: str) -> None:
    async with replicas() as at:
        asked = {"seconds": b"40", "date": http_date(time.time() + 40).encode()}
        client = await at.begin(post(BODY))
        number, peer = await at.asked()
        await peer.send(refusal(429, b"Retry-After: " + asked.get(form, b"9999999")))
        await client.read_until(b"busy")
        health = at.group.replicas[number].health
        seconds = health.until - time.monotonic()
        assert 3590 < seconds <= 3600 if form.startswith("an") else 30 < seconds <= 41
        other = at.servers[1 - number]
        for _ in range(8):  # by chance it would get one of them
            await at.begin(get(b"/"))
            await other.asked()
        assert not has_caller(at.servers[number])


async def test_the_relay_refuses_while_all_replicas_have_sent_a_retry_after() -> None:
    """With the time of the first one that is back, and without a request to any."""
    async with replicas() as at:
        client = await at.begin(get(b"/"))
        number, peer = await at.asked()
        await peer.send(refusal(429, b"Retry-After: 3000"))
        await (await at.servers[1 - number].asked()).send(refusal(503, b"Retry-After: 20"))
        await client.read_until(b"busy")
        client.received = b""
        await client.send(post(BODY))
        got = (await client.read_until(b"}\n")).lower()
        assert got.startswith(b"http/1.1 503 ")
        assert b"\r\nretry-after: 20\r\n" in got
        assert not any(map(has_caller, at.servers))
        at.group.replicas[number].health.until = 0.0  # its time passes
        await client.send(get(b"/"))
        await serve(await at.servers[number].asked(), b"back")
        await client.read_until(LAST_CHUNK)
        assert at.group.replicas[number].health.standing is HEALTHY
        assert at.group.replicas[1 - number].health.standing is EXCLUDED


async def test_a_retry_after_of_zero_excludes_no_replica() -> None:
    async with replicas() as at:
        client = await at.begin(post(BODY))
        _, peer = await at.asked()
        await peer.send(refusal(503, b"Retry-After: 0"))
        await client.read_until(b"busy")
        assert standings(at) == {"healthy"}


async def test_the_refusal_of_a_request_that_was_sent_before_counts() -> None:
    async with replicas() as at:
        _, free = await at.occupy()
        client = await at.begin(get(b"/"))
        first = await free.asked()
        for replica in at.group.replicas:
            replica.open += replica.open  # 2 and 2: a tie
        second: RawClient = first
        clients = [client]
        while second is first:
            clients.append(await at.begin(post(BODY)))
            number, peer = await at.asked()
            second = peer if at.servers[number] is free else first
        first.reset()
        await wait_until(lambda: "excluded" in standings(at))
        await second.send(refusal(503, b"Retry-After: 600"))
        await clients[-1].read_until(b"busy")
        assert max(each.health.until for each in at.group.replicas) > time.monotonic() + 500


async def test_the_connection_of_a_refusal_stays_that_of_its_replica() -> None:
    async with replicas(pool=PoolLimits()) as at:
        client = await at.begin(get(b"/"))
        number, peer = await at.asked()
        await peer.send(b"HTTP/1.1 429 No\r\nTransfer-Encoding: chunked\r\n\r\n")
        (await at.servers[1 - number].asked()).reset()
        await peer.send(chunk(b"rest") + LAST_CHUNK)
        await client.read_until(LAST_CHUNK)
        await at.has_ended(1)
        pools = [(each.pool.open, each.pool.in_use) for each in at.group.replicas]
        assert pools == [(number == 0, 0), (number == 1, 0)]
