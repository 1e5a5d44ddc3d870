"""A body passes the relay unchanged, however the network cuts it on either side."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from support.cutting import cut
from support.hearing import Message, drip, hear_request, hear_response
from support.lane import Lane
from support.rawsocket import connect
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk, ok
from support.requests import GET, OLD, chunked, post

UNTIL_CLOSE = b"HTTP/1.0 200 OK\r\n\r\n"

bodies = st.lists(st.binary(min_size=1, max_size=200), max_size=6)
"""The pieces that one side makes of a body, none of them empty."""

events = st.lists(
    st.sampled_from([b"data: token\n\n", b"id: 1\r\n", b": beat\r\r", b"\n\n", "é\u2028".encode()])
)
"""An event stream, and similar text; the ends of events must not matter."""

places = st.sets(st.integers(0, 400), max_size=12)
"""Where the network cuts what is sent."""


def cut_up(data: bytes, at: set[int]) -> list[bytes]:
    return [piece for piece in cut(data, {place for place in at if place < len(data)}) if piece]


async def exchange(lane: Lane, request: list[bytes], response: list[bytes]) -> list[Message]:
    """The request as the upstream has it, and the response, which its FIN ends, as the client has
    it."""
    async with connect(lane.server.port) as client:
        sending = asyncio.ensure_future(drip(client, request))
        peer = await lane.upstream.accept()
        with peer.sock:
            asked = await hear_request(peer)
            await sending
            await drip(peer, response)
            peer.end()
            return [asked, await hear_response(client)]


@settings(max_examples=60)
@given(pieces=bodies | events, at=places, old=st.booleans(), data=st.data())
def test_a_response(
    road: Lane, pieces: list[bytes], at: set[int], old: bool, data: st.DataObject
) -> None:
    content = b"".join(pieces)
    coded = CHUNKED_HEAD + b"".join(map(chunk, pieces)) + LAST_CHUNK
    framed = data.draw(st.sampled_from([coded, ok(content), UNTIL_CLOSE + content]))
    _, answer = road.run(exchange(road, [OLD if old else GET], cut_up(framed, at)))
    assert answer.content == content


@settings(max_examples=60)
@given(pieces=bodies, at=places, in_chunks=st.booleans())
def test_a_request(road: Lane, pieces: list[bytes], at: set[int], in_chunks: bool) -> None:
    content = b"".join(pieces)
    sent = chunked(*pieces) if in_chunks else post(content)
    asked, answer = road.run(exchange(road, cut_up(sent, at), [ok(b"thanks")]))
    assert asked.content == content
    assert answer.content == b"thanks"
