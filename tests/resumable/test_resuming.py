"""A reader leaves and resumes at the location of its answer: every event once, and in order."""

import pytest

from streamserver.resumable.resumable import ALLOWED
from support.answers import content, detail
from support.rawsocket import RawClient, until_end
from support.relaying import LAST_CHUNK
from support.requests import post
from support.resuming import (
    DONE,
    TARGET,
    Kept,
    data_of,
    event,
    events_of,
    head_of,
    keeping,
    last_id,
    location_of,
    say,
)
from support.waiting import wait_until

ALL = ['{"n": 0}', '{"n": 1}', '{"n": 2}', "[DONE]"]


async def finish(peer: RawClient) -> None:
    """Send the rest of the answer."""
    await say(peer, event(2), DONE, is_last=True)


async def test_the_head_of_an_answer(kept: Kept) -> None:
    client = await kept.post()
    peer = await kept.upstream.asked()
    await peer.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Request-Id: 1\r\nEtag: x\r\n"
        b"Set-Cookie: a=1\r\nLocation: /x\r\nX-Stream-Id: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    fields = head_of(await client.read_until(b"\r\n\r\n"))
    assert client.received.lower().count(b"location") == 1
    assert (fields["content-type"], fields["x-request-id"]) == ("text/event-stream", "1")
    assert fields["set-cookie"] == "a=1"
    assert fields["via"] == "1.1 streamserver"
    assert len(fields["x-stream-id"]) == 36
    assert fields["location"] == f"/resumable/{fields['x-stream-id']}"
    assert "etag" not in fields  # the bytes are others
    await peer.send(LAST_CHUNK)


async def test_an_answer_is_that_of_the_upstream_with_ids(kept: Kept) -> None:
    client, peer = await kept.begin(event(0), event(1))
    await finish(peer)
    received = await client.read_until(LAST_CHUNK)
    assert received.endswith(LAST_CHUNK)
    assert data_of(received) == ALL
    ids = [str(one.id) for one in events_of(received)]
    assert len(set(ids)) == 4
    sent = [event(0), event(1), event(2), DONE]
    logged = [f"id: {id}\n".encode() + one for id, one in zip(ids, sent, strict=True)]
    assert content(received) == b"".join(logged)


@pytest.mark.parametrize("has_ended", [False, True])
@pytest.mark.parametrize("by", ["the field", "the query"])
async def test_a_reader_resumes_after_its_last_event(kept: Kept, has_ended: bool, by: str) -> None:
    client, peer = await kept.begin(event(0), event(1))
    received = client.received
    client.reset()
    if has_ended:
        await finish(peer)
    location, position = location_of(received), last_id(received)
    if by == "the query":
        location, position = f"{location}?last-event-id={position}", ""
    other = await kept.get(location, position)
    if not has_ended:
        await other.read_until(b"\r\n\r\n")
        await finish(peer)
    received += b"".join((await other.read_until(LAST_CHUNK)).partition(b"\r\n\r\n")[2:])
    assert data_of(received) == ALL
    kept.check_asked_once(peer)


async def test_without_a_position_it_begins_at_the_beginning(kept: Kept) -> None:
    client, peer = await kept.begin(event(0), event(1))
    other = await kept.get(location_of(client.received))
    assert data_of(await other.read_until(event(1))) == ALL[:2]
    await finish(peer)
    assert data_of(await other.read_until(LAST_CHUNK)) == ALL
    assert data_of(await client.read_until(LAST_CHUNK)) == ALL  # readers do not disturb each other


async def test_the_head_of_a_location(kept: Kept) -> None:
    """It is for everyone who has the location, and must not be stored."""
    client = await kept.post()
    peer = await kept.upstream.asked()
    await peer.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nSet-Cookie: session=1\r\n"
        b"Cache-Control: max-age=60\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n\r\n"
    )
    await client.read_until(b"\r\n\r\n")
    assert "session=1" in head_of(client.received)["set-cookie"]
    other = await kept.get(location_of(client.received))
    fields = head_of(await other.read_until(b"\r\n\r\n"))
    assert fields["x-stream-id"] == head_of(client.received)["x-stream-id"]
    assert fields["cache-control"] == "no-store"
    assert "set-cookie" not in fields
    assert "2024" not in fields["date"]
    peer.end()


async def test_a_client_that_has_read_everything_gets_a_204(kept: Kept) -> None:
    """With which an EventSource stops; one that has read all so far waits for more."""
    client, peer = await kept.begin(event(0))
    location, position = location_of(client.received), last_id(client.received)
    other = await kept.get(location, position)
    await other.read_until(b"\r\n\r\n")
    assert other.received.startswith(b"HTTP/1.1 200 ")
    await say(peer, DONE, is_last=True)
    received = await other.read_until(LAST_CHUNK)
    head = await kept.end("GET", location, f"Last-Event-ID: {last_id(received)}".encode())
    assert head.startswith(b"HTTP/1.1 204 ")
    again = await kept.get(location, position)
    assert data_of(await again.read_until(LAST_CHUNK)) == ["[DONE]"]


@pytest.mark.parametrize(("position", "why"), [("x", "1795372067428-0"), ("1-1", "this answer")])
async def test_a_position_of_no_event(kept: Kept, position: str, why: str) -> None:
    client, peer = await kept.begin(event(0))
    other = await kept.get(location_of(client.received), position)
    await other.read_until(b"}\n")
    assert other.received.startswith(b"HTTP/1.1 400 ")
    assert why in detail(other.received)
    await finish(peer)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("id", ["", "x", "a" * 36, "a/b", "%00"])
async def test_a_location_of_no_answer(kept: Kept, method: str, id: str) -> None:
    """Nor is the upstream asked for it."""
    received = await kept.end(method, f"/resumable/{id}")
    assert received.startswith(b"HTTP/1.1 404 ")


async def test_other_methods_of_a_location(kept: Kept) -> None:
    client, peer = await kept.begin(event(0))
    location = location_of(client.received)
    received = await kept.end("POST", location)
    assert received.startswith(b"HTTP/1.1 405 ")
    assert head_of(received)["allow"] == ALLOWED
    received = await kept.end("OPTIONS", location)
    assert received.startswith(b"HTTP/1.1 204 ")
    assert head_of(received)["allow"] == ALLOWED
    received = await kept.end("HEAD", location, b"Connection: close")
    assert received.startswith(b"HTTP/1.1 200 ")
    assert head_of(received)["content-type"] == "text/event-stream"
    await finish(peer)


async def test_a_client_of_http_1_0_reads_until_the_end_of_the_connection(kept: Kept) -> None:
    old = await kept.client(post(b"{}", target=TARGET).replace(b"HTTP/1.1", b"HTTP/1.0"))
    peer = await kept.upstream.asked()
    await peer.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + event(0))
    await old.read_until(event(0))
    peer.end()
    await until_end(old)
    assert b"data: " in old.received
    assert not old.received.endswith(LAST_CHUNK)


async def test_the_path_of_locations_can_be_set() -> None:
    async with keeping(path="/kept/answers") as kept:
        client, peer = await kept.begin(event(0))
        assert location_of(client.received).startswith("/kept/answers/")
        other = await kept.get(location_of(client.received))
        await finish(peer)
        assert data_of(await other.read_until(LAST_CHUNK)) == ['{"n": 0}', *ALL[2:]]


async def test_silence_is_filled_with_comments() -> None:
    """Without a blank line: official clients would take it for the end of an event."""
    async with keeping(settings={"heartbeat": 0.05}) as kept:
        client, peer = await kept.begin(event(0))
        await client.read_until(lambda got: got.count(b"2\r\n:\n\r\n") > 1)
        await finish(peer)
        assert data_of(await client.read_until(LAST_CHUNK)) == ['{"n": 0}', *ALL[2:]]


async def test_what_becomes_of_readers_is_logged(kept: Kept) -> None:
    client, peer = await kept.begin(event(0))
    client.reset()
    await wait_until(lambda: [one.outcome for one in kept.server.ended] == ["client_gone"])
    [exchange] = kept.server.ended
    assert [name for name, _ in exchange.attributes] == ["connect_ms", "upstream_ms"]
    await finish(peer)
    other = await kept.get(location_of(client.received))
    await other.read_until(LAST_CHUNK)
    await wait_until(lambda: kept.server.ended[-1].outcome == "complete")
