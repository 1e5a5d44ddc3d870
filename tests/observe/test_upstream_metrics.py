"""What is counted between a relay and its upstream."""

from collections.abc import AsyncIterator

import pytest

from streamserver.observe.metrics import Metrics
from streamserver.proxy.settings import PoolLimits, Timeouts
from support.figures import Figures
from support.problems import problem
from support.rawsocket import RawClient
from support.relaying import CHUNKED_HEAD, EVENTS_HEAD, chunk, ok
from support.requests import get, post, request
from support.stage import Stage, staged
from support.upstreams import full_backlog, refusing_port

EVENTS = get(b"/", b"Accept: text/event-stream")


def upstream_counts(figures: Figures) -> tuple[float, ...]:
    """Connects, reuses, retries and failures."""
    names = ("connects", "reuses", "retries", "failures")
    return tuple(figures(f"upstream_{name}_total") for name in names)


@pytest.fixture
async def at(metrics: Metrics) -> AsyncIterator[Stage]:
    """A relay that is counted."""
    async with staged(observers=[metrics]) as at:
        yield at


async def answered(client: RawClient, peer: RawClient) -> None:
    """The client gets what the upstream's end sends."""
    await peer.send(ok(b"second"))
    await client.read_until(b"second")


async def test_a_new_connection_and_one_that_was_kept(at: Stage, figures: Figures) -> None:
    client, peer = await at.pooled()
    assert upstream_counts(figures) == (1, 0, 0, 0)
    await client.send(get(b"/second"))
    await peer.read_until(b"\r\n\r\n")
    await answered(client, peer)
    assert upstream_counts(figures) == (1, 1, 0, 0)


async def test_a_request_that_is_sent_again(at: Stage, figures: Figures) -> None:
    client, peer = await at.pooled()
    await client.send(get(b"/second"))
    await peer.read_until(b"\r\n\r\n")
    peer.sock.close()
    await answered(client, await at.upstream.asked())
    assert upstream_counts(figures) == (2, 1, 1, 0)


async def test_a_request_that_may_not_be_sent_again(at: Stage, figures: Figures) -> None:
    client, peer = await at.pooled()
    await client.send(post(b"once"))
    await peer.read_until(b"once")
    peer.sock.close()
    assert (await problem(client))[0] == 502
    assert upstream_counts(figures) == (1, 1, 0, 1)


async def test_an_upstream_without_a_listener(metrics: Metrics, figures: Figures) -> None:
    with refusing_port() as port:
        async with staged(port=port, observers=[metrics]) as at:
            client = await at.begin(get(b"/"))
            assert (await problem(client))[0] == 502
            assert upstream_counts(figures) == (0, 0, 0, 1)


LATE = Timeouts(connect=0.05, first_byte=0.05, gap=0.05)


async def test_a_connect_that_takes_too_long(metrics: Metrics, figures: Figures) -> None:
    with full_backlog() as port:
        async with staged(port=port, timeouts=LATE, observers=[metrics]) as at:
            client = await at.begin(get(b"/"))
            assert (await problem(client))[0] == 504
            assert upstream_counts(figures) == (0, 0, 0, 1)


async def test_a_pool_without_a_free_connection(metrics: Metrics, figures: Figures) -> None:
    async with staged(pool=PoolLimits(open=1, wait=0.05), observers=[metrics]) as at:
        await at.ask()
        client = await at.begin(get(b"/"))
        assert (await problem(client))[0] == 503
        assert upstream_counts(figures) == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("answer", "status"), [(b"", 504), (b"no answer\r\n\r\n", 502)], ids=["none", "malformed"]
)
async def test_no_response_and_a_malformed_one(
    metrics: Metrics, figures: Figures, answer: bytes, status: int
) -> None:
    async with staged(timeouts=LATE, observers=[metrics]) as at:
        client, peer = await at.ask()
        await peer.send(answer)
        assert (await problem(client))[0] == status
        assert upstream_counts(figures) == (1, 0, 0, 1)
        assert figures("exchanges_total", outcome="complete", status=str(status)) == 1


@pytest.mark.parametrize("breaks", ["closed", "silent", "malformed"])
@pytest.mark.parametrize("on_break", ["cut", "event"])
async def test_a_stream_that_breaks(
    metrics: Metrics, figures: Figures, on_break: str, breaks: str
) -> None:
    timeouts = LATE if breaks == "silent" else None
    async with staged(timeouts=timeouts, on_break=on_break, observers=[metrics]) as at:
        client, peer = await at.ask()
        await peer.send(EVENTS_HEAD + chunk(b"data: 1\n\n"))
        await client.read_until(b"data: 1")
        assert figures("first_byte_seconds_count") == figures("open_streams") == 1
        if breaks == "closed":
            peer.sock.close()
        elif breaks == "malformed":
            await peer.send(b"no chunk\r\n")
        await at.has_ended(1)
        assert upstream_counts(figures) == (1, 0, 0, 1)
        assert figures("exchanges_total", outcome="truncated", status="200") == 1


async def test_a_failure_behind_an_early_head_is_one(metrics: Metrics, figures: Figures) -> None:
    async with staged(heartbeat=0.05, observers=[metrics]) as at:
        client = await at.begin(EVENTS)
        peer = await at.upstream.asked()
        await client.read_until(b":\n\n")
        peer.sock.close()
        await at.has_ended(1)
        assert upstream_counts(figures) == (1, 0, 0, 1)


async def test_an_error_behind_an_early_head_is_an_answer(
    metrics: Metrics, figures: Figures
) -> None:
    """As it would be before one: the upstream has not failed."""
    async with staged(heartbeat=0.05, observers=[metrics]) as at:
        client = await at.begin(EVENTS)
        peer = await at.upstream.asked()
        await client.read_until(b":\n\n")
        await peer.send(ok(b"busy").replace(b"200 OK", b"503 -"))
        await at.has_ended(1)
        assert upstream_counts(figures) == (1, 0, 0, 0)


async def test_a_client_that_leaves_is_no_failure(at: Stage, figures: Figures) -> None:
    client, peer = await at.ask()
    await peer.send(CHUNKED_HEAD + chunk(b"some"))
    await client.read_until(b"some")
    client.reset()
    await at.has_ended(1)
    early, _ = await at.ask()
    early.reset()
    await at.has_ended(2)
    assert upstream_counts(figures) == (2, 0, 0, 0)


async def test_a_body_that_is_none_is_the_clients_failure(at: Stage, figures: Figures) -> None:
    sent = request(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked")
    client = await at.begin(sent)
    await at.upstream.asked()
    await client.send(b"no chunk\r\n")
    assert (await problem(client))[0] == 400
    assert upstream_counts(figures) == (1, 0, 0, 0)


async def test_gaps_and_bytes_of_what_is_relayed(at: Stage, figures: Figures) -> None:
    client, peer = await at.ask()
    await peer.send(CHUNKED_HEAD)
    for count, piece in enumerate((b"one", b"two", b"three")):
        await peer.send(chunk(piece))
        await client.read_until(piece)
        assert figures("gap_seconds_count") == count
    assert figures("sent_bytes_total") == len(b"onetwothree")
