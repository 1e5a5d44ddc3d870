"""The way of a chunk: from the upstream to the client, each the moment it exists."""

from support.answers import chunks
from support.rawserver import RawServer
from support.rawsocket import connect
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, StartRelay, chunk
from support.requests import GET


async def test_each_chunk_is_passed_on_alone(relay: StartRelay, upstream: RawServer) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(CHUNKED_HEAD)
        await client.read_until(b"\r\n\r\n")
        for number in range(10):
            piece = b"piece %d" % number
            await peer.send(chunk(piece))
            await client.read_until(piece + b"\r\n")
            assert chunks(client.received)[-1] == piece
        await peer.send(LAST_CHUNK)
        received = await client.read_until(b"\r\n" + LAST_CHUNK)
    assert len(chunks(received)) == 10
    assert [exchange.outcome for exchange in server.ended] == ["complete"]
