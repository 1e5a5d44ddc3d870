"""The phases of a relayed request: each change that the table allows does happen.

That no other happens is checked for every relay of every test: see ``support.phases``.
"""

import asyncio

from streamserver.proxy.phase import FOLLOWS, Phase
from streamserver.proxy.settings import PoolLimits
from support import phases
from support.beating import ASK, INTERVAL, early, last_words
from support.hearing import drip
from support.rawsocket import until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk, ok
from support.requests import chunked, post
from support.stage import Stage, staged
from support.upstreams import full_backlog, send_until_blocked

EXPECT = b"Expect: 100-continue"
INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"


async def a_whole_response(at: Stage) -> None:
    """CONNECTING, AWAITING_HEAD, HOLDING, STREAMING, ENDED; an interim response on the way."""
    client, peer = await at.ask()
    await peer.send(INTERIM)
    await client.read_until(b" 102 ")
    await peer.send(CHUNKED_HEAD + chunk(b"piece") + LAST_CHUNK)
    await client.read_until(LAST_CHUNK)


async def a_stale_connection(at: Stage) -> None:
    """AWAITING_HEAD, CONNECTING."""
    client, peer = await at.pooled()
    await client.send(ASK)
    await peer.read_until(b"\r\n\r\n")
    peer.sock.close()
    await (await at.upstream.asked()).send(ok(b"again"))
    await client.read_until(b"again")


async def a_slow_client(at: Stage) -> None:
    """STREAMING, PAUSED, STREAMING, PAUSED, ENDED."""
    client, peer = await at.ask()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
    await send_until_blocked(peer)
    received = len(client.received)
    await client.read_until(lambda got: len(got) > received + 2**20)
    await send_until_blocked(peer)
    client.reset()
    await until_end(peer)


async def an_upload(at: Stage) -> None:
    """CONNECTING, SENDING, AWAITING_HEAD, SENDING; the body ends, or a head comes before it."""
    client = await at.begin(post(b"", length=5, fields=[EXPECT]))
    peer = await at.upstream.asked()
    await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    await client.read_until(b" 100 ")
    await client.send(b"piece")
    await peer.read_until(b"piece")
    await peer.send(ok(b"whole"))
    await client.read_until(b"whole")
    client, peer.received = await at.begin(chunked(b"piece", end=b"")), b""
    await peer.read_until(b"piece")
    await drip(peer, [ok(b"early")])
    await client.read_until(b"early")


async def an_upload_that_is_left(at: Stage) -> None:
    """SENDING, ENDED."""
    client = await at.begin(chunked(b"piece", end=b""))
    peer = await at.upstream.asked()
    await peer.read_until(b"piece")
    client.reset()
    await until_end(peer)


async def a_request_that_is_left(at: Stage) -> None:
    """AWAITING_HEAD, ENDED."""
    client, peer = await at.ask()
    client.reset()
    await until_end(peer)


async def an_error_behind_an_early_head(at: Stage) -> None:
    """HOLDING, COLLECTING, ENDED."""
    client = await at.client()
    peer = await early(at.server, at.upstream, client)
    await peer.send(b"HTTP/1.1 429 -\r\nContent-Length: 4\r\n\r\n" + b"busy")
    assert last_words(await client.read_until())["status"] == 429


async def a_document_behind_an_early_head(at: Stage) -> None:
    """HOLDING, ENDED."""
    client = await at.client()
    peer = await early(at.server, at.upstream, client)
    await peer.send(ok(b"{}"))
    assert last_words(await client.read_until())["status"] == 502


async def test_every_change_of_the_table_happens() -> None:
    phases.seen.clear()
    for drive in (
        a_whole_response,
        a_stale_connection,
        a_slow_client,
        an_upload,
        an_upload_that_is_left,
        a_request_that_is_left,
        an_error_behind_an_early_head,
        a_document_behind_an_early_head,
    ):
        heartbeat = INTERVAL if "early_head" in drive.__name__ else 0
        async with staged(heartbeat=heartbeat, pool=PoolLimits(open=1)) as at:
            await drive(at)
    with full_backlog() as port:
        async with staged(port=port) as at:  # CONNECTING, ENDED
            client = await at.begin(ASK)
            await asyncio.sleep(0)
            client.reset()
            await at.has_ended(1)
    phases.check_all_happened(FOLLOWS)


def test_nothing_follows_the_end() -> None:
    phases.check_table(FOLLOWS, Phase.ENDED)
