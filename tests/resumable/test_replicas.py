"""Answers that are kept, with several upstreams: each counts as a stream of its replica."""

import json

from streamserver.observe.accesslog import json_line
from streamserver.proxy.settings import Backoff, QueueLimits
from streamserver.resumable.resumable import Resumable
from support.rawsocket import until_end
from support.relaying import EVENTS_HEAD, chunk, ok
from support.replicas import replicas
from support.requests import get, post
from support.resuming import BODY, TARGET, event, location_of, say
from support.upstreams import has_caller
from support.waiting import wait_until

ASK = post(BODY, target=TARGET)


async def test_an_answer_counts_until_its_end_and_not_its_readers() -> None:
    async with replicas(front=Resumable) as at:
        client = await at.begin(ASK)
        number, peer = await at.asked()
        await peer.send(EVENTS_HEAD + chunk(event(0)))
        location = location_of(await client.read_until(event(0)))
        client.reset()
        await at.has_ended(1)
        assert (at.open[number], at.open[1 - number]) == (1, 0)
        await at.begin(ASK)
        other, _ = await at.asked()
        assert (other, at.open) == (1 - number, [1, 1])
        reader = await at.begin(get(location.encode()))
        await say(peer, event(1), is_last=True)
        await reader.read_until(event(1))
        await wait_until(lambda: at.open[number] == 0)


async def test_a_refused_connection_and_a_refusal() -> None:
    """Nothing of the request was sent, or, by option, the replica has refused it."""
    async with replicas(front=Resumable, repeat_refused=True, backoff=Backoff(first=0.0)) as at:
        await at.begin(ASK)
        number, peer = await at.asked()
        await peer.send(EVENTS_HEAD + chunk(event(0)))
        busy, free = at.servers[number], at.servers[1 - number]
        client = await at.begin(ASK)
        await (await free.asked()).send(ok(b"busy").replace(b"200 OK", b"503 No"))
        second = await busy.asked()
        await second.read_until(BODY)
        await second.send(EVENTS_HEAD + chunk(event(7)))
        await client.read_until(event(7))
        free.sock.close()
        client = await at.begin(ASK)
        await (await busy.asked()).send(EVENTS_HEAD + chunk(event(8)))
        await client.read_until(event(8))
        client.reset()
        await at.has_ended(1)
        line = json.loads(json_line("-", at.server.ended[0]))
        assert (line["upstream"], line["attempts"]) == (at.group.replicas[number].name, 2)
        assert at.open[number] == 3


async def test_an_answer_that_breaks_before_its_head_is_not_requested_again() -> None:
    async with replicas(front=Resumable) as at:
        client = await at.begin(ASK)
        number, peer = await at.asked()
        peer.reset()
        assert (await client.read_until(b"}\n")).startswith(b"HTTP/1.1 502 ")
        assert not has_caller(at.servers[1 - number])
        assert at.open == [0, 0]
        await at.has_ended(1)
        line = json.loads(json_line("-", at.server.ended[0]))
        assert line["upstream"] == at.group.replicas[number].name


async def test_the_time_in_the_queue_is_logged_without_an_answer_too() -> None:
    limits = QueueLimits(waiting=5, wait=0.02)
    async with replicas(1, front=Resumable, max_streams=1, queue=limits) as at:
        await at.begin(ASK)
        await at.asked()
        client = await at.begin(ASK)
        assert (await client.read_until(b"}\n")).startswith(b"HTTP/1.1 503 ")
        await at.has_ended(1)
        line = json.loads(json_line("-", at.server.ended[0]))
        assert line["queue_ms"] >= 20


async def test_a_response_that_is_no_answer_counts_until_its_end() -> None:
    """It is relayed to the client that asked, with its place."""
    async with replicas(front=Resumable) as at:
        client = await at.begin(ASK)
        number, peer = await at.asked()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await client.read_until(b"half")
        assert at.open[number] == 1
        await peer.send(b"other")
        await client.read_until(b"other")
        await wait_until(lambda: at.open == [0, 0])
        await at.has_ended(1)
        name = at.group.replicas[number].name
        assert dict(at.server.ended[0].attributes)["upstream"] == name
        client = await at.begin(ASK)
        number, peer = await at.asked()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await client.read_until(b"half")
        client.reset()
        assert await until_end(peer) == b""
        await wait_until(lambda: at.open == [0, 0])
