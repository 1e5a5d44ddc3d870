"""Idempotency keys: the same request resumes its answer, and the upstream is asked once."""

import pytest

from support.answers import detail
from support.relaying import EVENTS_HEAD, LAST_CHUNK, ok
from support.resuming import (
    BODY,
    DONE,
    TARGET,
    Kept,
    data_of,
    event,
    head_of,
    keeping,
    last_id,
    location_of,
    say,
)
from support.waiting import wait_until

JSON = ok(b'{"a": 1}', b"Content-Type: application/json")
LIMITED = JSON.replace(b"200 OK", b"429 -").replace(b"\r\n", b"\r\nRetry-After: 7\r\n", 1)


async def test_the_same_request_begins_at_the_beginning(kept: Kept) -> None:
    client, peer = await kept.begin(event(0), event(1), key="k")
    again = await kept.post(key="k")
    await again.read_until(event(1))
    assert location_of(again.received) == location_of(client.received)
    await say(peer, DONE, is_last=True)
    expected = ['{"n": 0}', '{"n": 1}', "[DONE]"]
    assert data_of(await again.read_until(LAST_CHUNK)) == expected
    third = await kept.post(key="k")
    assert data_of(await third.read_until(LAST_CHUNK)) == expected
    kept.check_asked_once(peer)


async def test_with_a_position_it_resumes_there(kept: Kept) -> None:
    client, peer = await kept.begin(event(0), event(1), key="k")
    client.reset()
    again = await kept.post(key="k", position=last_id(client.received))
    await again.read_until(b"\r\n\r\n")
    await say(peer, event(2), is_last=True)
    received = await again.read_until(LAST_CHUNK)
    assert data_of(received) == ['{"n": 2}']
    head = await (await kept.post(key="k", position=last_id(received))).read_until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 204 ")
    kept.check_asked_once(peer)


async def test_without_a_key_each_request_is_one_of_its_own(kept: Kept) -> None:
    one, first = await kept.begin(event(0))
    two, second = await kept.begin(event(1))
    assert location_of(one.received) != location_of(two.received)
    for peer in (first, second):
        await say(peer, is_last=True)


@pytest.mark.parametrize(
    ("body", "target"), [(b"{}", TARGET), (b"", TARGET), (BODY, TARGET + b"?a"), (BODY, b"/other")]
)
async def test_another_request_with_the_key_is_refused(
    kept: Kept, body: bytes, target: bytes
) -> None:
    _, peer = await kept.begin(event(0), key="k")
    other = await kept.post(key="k", body=body, target=target)
    await other.read_until(b"}\n")
    assert other.received.startswith(b"HTTP/1.1 422 ")
    assert "key was used for something else" in detail(other.received)
    kept.check_asked_once(peer)
    await say(peer, is_last=True)


async def test_a_key_that_is_none_is_refused(kept: Kept) -> None:
    client = await kept.post(key='"')
    assert (await client.read_until(b"}\n")).startswith(b"HTTP/1.1 400 ")


async def test_a_position_in_an_answer_that_has_expired(kept: Kept) -> None:
    """The client has a part of it, so it must not get another one unawares."""
    client = await kept.post(key="k", position="1795372067428-0")
    await client.read_until(b"}\n")
    assert client.received.startswith(b"HTTP/1.1 404 ")
    assert "without Last-Event-ID the upstream is asked again" in detail(client.received)
    _, peer = await kept.begin(event(0), key="k")
    kept.check_asked_once(peer)
    await say(peer, is_last=True)


# While the upstream has not responded


async def test_concurrent_requests_ask_once(kept: Kept) -> None:
    clients = [await kept.post(key="k") for _ in range(5)]
    peer = await kept.upstream.asked()
    await kept.until_waiting(5)
    await peer.send(EVENTS_HEAD.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=1\r\n\r\n"))
    await say(peer, event(0), DONE, is_last=True)
    received = [await client.read_until(LAST_CHUNK) for client in clients]
    assert [data_of(one) for one in received] == [['{"n": 0}', "[DONE]"]] * 5
    assert len({location_of(one) for one in received}) == 1
    assert sum("set-cookie" in head_of(one) for one in received) == 1  # who asked
    kept.check_asked_once(peer)


async def test_who_asked_may_leave(kept: Kept) -> None:
    asked = await kept.post(key="k")
    peer = await kept.upstream.asked()
    waiting = await kept.post(key="k")
    await kept.until_waiting(2)
    asked.reset()
    await wait_until(lambda: len(kept.server.ended) == 1)
    await peer.send(EVENTS_HEAD)
    await say(peer, DONE, is_last=True)
    assert data_of(await waiting.read_until(LAST_CHUNK)) == ["[DONE]"]


async def test_all_may_leave_and_come_back(kept: Kept) -> None:
    asked = await kept.post(key="k")
    peer = await kept.upstream.asked()
    asked.reset()
    await wait_until(lambda: len(kept.server.ended) == 1)
    await peer.send(EVENTS_HEAD)
    await say(peer, event(0))
    again = await kept.post(key="k")
    await again.read_until(event(0))
    await say(peer, DONE, is_last=True)
    assert data_of(await again.read_until(LAST_CHUNK)) == ['{"n": 0}', "[DONE]"]
    kept.check_asked_once(peer)


async def test_before_the_head_no_position_is_known(kept: Kept) -> None:
    asked = await kept.post(key="k")
    peer = await kept.upstream.asked()
    await kept.until_waiting(1)
    other = await kept.post(key="k", position="1795372067428-0")
    assert (await other.read_until(b"}\n")).startswith(b"HTTP/1.1 400 ")
    await peer.send(EVENTS_HEAD)
    await say(peer, DONE, is_last=True)
    await asked.read_until(LAST_CHUNK)


@pytest.mark.parametrize("answer", [JSON, LIMITED], ids=["JSON", "an error"])
async def test_a_response_without_events_is_for_one(kept: Kept, answer: bytes) -> None:
    """The others may ask again; nothing of it is kept."""
    asked = await kept.post(key="k")
    peer = await kept.upstream.asked()
    waiting = await kept.post(key="k")
    await kept.until_waiting(2)
    await peer.send(answer)
    assert (await asked.read_until(b'{"a": 1}')).split(b" ")[1] == answer.split(b" ")[1]
    await waiting.read_until(b"}\n")
    assert waiting.received.startswith(b"HTTP/1.1 409 ")
    peer.received = b""
    third = await kept.post(key="k")
    await peer.read_until(b"\r\n\r\n")  # the connection was reused
    await peer.send(EVENTS_HEAD)
    await say(peer, DONE, is_last=True)
    assert data_of(await third.read_until(LAST_CHUNK)) == ["[DONE]"]


async def test_a_failure_is_for_all_and_is_not_kept(kept: Kept) -> None:
    clients = [await kept.post(key="k") for _ in range(3)]
    peer = await kept.upstream.asked()
    await kept.until_waiting(3)
    peer.reset()
    for client in clients:
        assert (await client.read_until(b"}\n")).startswith(b"HTTP/1.1 502 ")
    _, peer = await kept.begin(event(0), key="k")
    await say(peer, is_last=True)


async def test_nobody_is_left_for_a_response_without_events(kept: Kept) -> None:
    asked = await kept.post(key="k")
    peer = await kept.upstream.asked()
    asked.reset()
    await wait_until(lambda: len(kept.server.ended) == 1)
    await peer.send(JSON.replace(b"Length: 8", b"Length: 9"))
    assert await peer.read_until() == peer.received  # the connection is closed
    _, peer = await kept.begin(event(0), key="k")
    await say(peer, is_last=True)


async def test_two_keys_are_two_answers() -> None:
    async with keeping() as kept:
        one, first = await kept.begin(event(0), key="one")
        two, second = await kept.begin(event(1), key="two")
        assert location_of(one.received) != location_of(two.received)
        for peer in (first, second):
            await say(peer, is_last=True)
