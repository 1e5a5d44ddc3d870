"""Beyond a limit there is a clear error, and nothing is lost silently."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import PoolLimits
from streamserver.resumable.memory import ENTRY
from streamserver.resumable.resumable import Resumable
from support.answers import detail
from support.rawsocket import until_end
from support.relaying import EVENTS_HEAD, LAST_CHUNK, chunk
from support.requests import chunked
from support.resuming import (
    DONE,
    TARGET,
    Kept,
    data_of,
    event,
    events_of,
    head_of,
    keeping,
    location_of,
    say,
)
from support.upstreams import has_caller
from support.waiting import wait_until

REFUSED: dict[str, dict[str, Any]] = {
    "answers": {"max_answers": 1},
    "bytes": {"max_total": ENTRY + 16},
}


async def refused(kept: Kept) -> bytes:
    """The refusal of a further answer, of which the upstream does not learn."""
    client = await kept.post()
    received = await client.read_until(b"}\n")
    assert received.startswith(b"HTTP/1.1 503 ")
    assert head_of(received)["retry-after"] == "5"
    assert not has_caller(kept.upstream)
    return received


@pytest.mark.parametrize("options", REFUSED.values(), ids=REFUSED)
async def test_too_many_answers(options: dict[str, Any]) -> None:
    """Also if they have ended, until they are forgotten."""
    async with keeping(resume_keep=0.1, **options) as kept:
        client, peer = await kept.begin(event(0), key="k")
        assert "1 answers with" in detail(await refused(kept))
        await say(peer, is_last=True)
        await client.read_until(LAST_CHUNK)
        await refused(kept)
        again = await kept.post(key="k")  # what is there can be read
        await again.read_until(LAST_CHUNK)
        await wait_until(lambda: not len(kept.store))
        peer.received = b""
        another = await kept.post()
        await peer.read_until(b"\r\n\r\n")
        await peer.send(EVENTS_HEAD + LAST_CHUNK)
        await another.read_until(LAST_CHUNK)


async def test_what_is_not_kept_takes_no_room() -> None:
    async with keeping(max_answers=1) as kept:
        for status in (b"429", b"500"):
            client = await kept.post()
            peer = await kept.upstream.asked()
            await peer.send(b"HTTP/1.1 " + status + b" -\r\nContent-Length: 0\r\n\r\n")
            assert (await client.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 " + status)
            peer.sock.close()
        client = await kept.post()  # nor does one whose client left
        peer = await kept.upstream.asked()
        client.reset()
        await until_end(peer)
        _, peer = await kept.begin(event(0))
        await say(peer, is_last=True)


@pytest.mark.parametrize("key", ["", "k"])
async def test_an_upstream_that_is_busy(key: str) -> None:
    """The request fails at once, and leaves nothing behind."""
    async with keeping(proxy={"pool": PoolLimits(open=1, waiting=0)}) as kept:
        _, peer = await kept.begin(event(0))
        for _ in range(2):
            client = await kept.post(key=key)
            assert (await client.read_until(b"}\n")).startswith(b"HTTP/1.1 503 ")
        assert len(kept.store) == len(kept.handler._answers._producers) == 1
        await say(peer, is_last=True)


OUTGROWN: dict[str, tuple[dict[str, Any], list[bytes], int]] = {
    "events": ({"max_events": 2}, [event(0), event(1), event(2)], 2),
    "events in one piece": ({"max_events": 2}, [event(0) + event(1) + event(2)], 2),
    "bytes": ({"max_bytes": 40}, [event(0), event(1), event(2)], 2),
    "an event": ({"max_bytes": 40}, [event(0), b"data: " + b"a" * 50 + b"\n\n"], 1),
    "an unfinished event": ({"max_bytes": 40}, [event(0), b"data: " + b"a" * 50], 1),
    "unfinished, with all": ({"max_total": ENTRY + 40}, [event(0), b"data: " + b"a" * 50], 1),
    "all together": ({"max_total": 2 * ENTRY}, [event(0), event(1), event(2)], 0),
}


@pytest.mark.parametrize(("options", "sent", "left"), OUTGROWN.values(), ids=OUTGROWN)
async def test_an_answer_that_is_too_large_is_cancelled(
    options: dict[str, Any], sent: list[bytes], left: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What fits is there, and an error event."""
    async with keeping(**options) as kept:
        client, peer = await kept.begin()
        await peer.send(b"".join(map(chunk, sent)))
        await until_end(peer)
        await until_end(client)
        *events, error = events_of(client.received)
        assert [one.data for one in events] == data_of_events(sent, left)
        reported = json.loads(str(error.data))["error"]
        assert reported["code"] == 503
        assert re.search("at most|exceed", reported["message"])
        assert reported["message"] in caplog.text
        later = await kept.get(location_of(client.received))
        await until_end(later)
        assert events_of(later.received) == [*events, error]


async def test_an_unfinished_event_takes_room_until_it_is_complete() -> None:
    """Or until the answer has ended."""
    async with keeping(max_total=ENTRY + 150) as kept:
        client, peer = await kept.begin()
        await say(peer, b"data: " + b"a" * 92)
        await wait_until(lambda: kept.store._size == 98)
        await say(peer, b"\n\n")
        await client.read_until(b"\n\n")
        await say(peer, b"a" * 50)
        await wait_until(lambda: not kept.store.admits())
        await refused(kept)
        peer.reset()
        await until_end(client)
        assert "error" in str(events_of(client.received)[-1].data)
        assert kept.store._size == ENTRY + 100


async def test_an_answer_counts_as_a_stream_of_its_upstream_without_a_reader_too() -> None:
    pool = PoolLimits(idle=0)
    async with keeping(proxy={"max_streams": 1, "pool": pool}) as kept:
        client, peer = await kept.begin(event(0))
        second = await kept.post()
        await kept.until_waiting(1)
        client.sock.close()  # the answer runs on
        await say(peer, event(1))
        assert not has_caller(kept.upstream)
        await say(peer, is_last=True)
        peer = await kept.upstream.asked()
        await peer.send(EVENTS_HEAD)
        await say(peer, event(2), is_last=True)
        assert data_of(await second.read_until(LAST_CHUNK)) == ['{"n": 2}']
        await wait_until(lambda: len(kept.server.ended) == 2)
        assert "queue_ms" in dict(kept.server.ended[-1].attributes)


def data_of_events(sent: list[bytes], count: int) -> list[str]:
    """Of the first ones."""
    return [one[6:].decode() for one in b"".join(sent).split(b"\n\n")[:count]]


@pytest.mark.parametrize("has_length", [False, True])
async def test_a_body_that_is_too_large(has_length: bool) -> None:
    async with keeping(max_body=10) as kept:
        if has_length:
            client = await kept.post(body=b"a" * 11)
        else:
            client = await kept.client(chunked(b"a" * 6, b"a" * 5, target=TARGET))
        received = await client.read_until(b"}\n")
        assert received.startswith(b"HTTP/1.1 413 ")
        assert "larger than 10 bytes" in detail(received)
        assert not has_caller(kept.upstream)
        _, peer = await kept.begin(event(0), body=b"a" * 10)
        await say(peer, DONE, is_last=True)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a window": ({"resume_window": 0}, "resume_window must be more than 0, not 0"),
    "no number": ({"resume_keep": float("nan")}, "resume_keep must be more than 0, not nan"),
    "answers": ({"max_answers": -1}, "max_answers must be more than 0, not -1"),
    "events": ({"max_events": 0}, "max_events must be"),
    "bytes": ({"max_bytes": 0}, "max_bytes must be"),
    "total": ({"max_total": 0}, "max_total must be"),
    "body": ({"max_body": 0}, "max_body must be"),
    "a path": ({"path": "x"}, "path is a path without a slash at its end"),
    "a path's end": ({"path": "/x/"}, "path is a path"),
}


@pytest.mark.parametrize(("options", "why"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(options: dict[str, Any], why: str) -> None:
    make: Callable[..., object] = Resumable
    with pytest.raises(ValueError, match=why):
        make(Proxy("http://127.0.0.1:9"), **options)
