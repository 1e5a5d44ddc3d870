"""The id of a request, where several requests read one answer."""

from streamserver.wire.forwarded import TrustedPeers
from support.relaying import EVENTS_HEAD, LAST_CHUNK
from support.resuming import event, head_of, keeping, location_of, say

IDS = {"identifies": True, "trusted": TrustedPeers("127.0.0.1")}


async def test_each_reader_gets_the_id_of_its_own_request() -> None:
    """All of them get that of the upstream too, in another field."""
    async with keeping(settings=IDS) as kept:
        first = await kept.post(b"X-Request-ID: one")
        peer = await kept.upstream.asked()
        assert peer.received.count(b"x-request-id: one\r\n") == 1
        await peer.send(EVENTS_HEAD.replace(b"\r\n\r\n", b"\r\nX-Request-ID: req_a\r\n\r\n"))
        await say(peer, event(0), is_last=True)
        await first.read_until(LAST_CHUNK)
        second = await kept.get(location_of(first.received), "", b"X-Request-ID: two")
        await second.read_until(LAST_CHUNK)
        for reader, id in ((first, "one"), (second, "two")):
            assert reader.received.count(b"request-id: ") == 2
            head = head_of(reader.received)
            assert (head["x-request-id"], head["x-upstream-request-id"]) == (id, "req_a")
        attributes = dict(kept.server.ended[0].attributes)
        assert attributes["upstream_request_id"] == "req_a"
