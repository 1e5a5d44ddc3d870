"""An answer belongs to the client whose credentials asked for it."""

import pytest

from streamserver.resumable.owner import MOST
from support.answers import detail
from support.relaying import LAST_CHUNK
from support.resuming import DONE, Kept, data_of, event, keeping, location_of, say

OURS = b"Authorization: Bearer ours"
THEIRS = b"Authorization: Bearer theirs"
SESSION = b"Cookie: session=1; theme=dark"
MANY = b"Cookie: " + b"; ".join(b"c%d=1" % number for number in range(MOST + 1))

OWNERS: dict[str, tuple[list[bytes], list[list[bytes]], list[list[bytes]]]] = {
    "nobody": ([], [[], [OURS], [SESSION]], []),
    "Authorization": ([OURS], [[OURS], [OURS, SESSION]], [[], [THEIRS], [SESSION]]),
    "both": (
        [OURS, SESSION],
        [[OURS, SESSION, b"Cookie: more=1"]],
        [[], [OURS], [SESSION], [THEIRS, SESSION], [OURS, b"Cookie: session=2; theme=dark"]],
    ),
    "more cookies than have a digest each": (
        [MANY],
        [[MANY]],
        [[], [MANY + b"; more=1"], [MANY[:-5]], [b"Cookie: c0=1"]],
    ),
    "cookies": (
        [SESSION],
        [
            [SESSION],
            [b"Cookie: theme=dark; session=1"],
            [b"Cookie: theme=dark", b"Cookie: session=1"],
            [b"Cookie: session=1; theme=dark; of_the_response=1", OURS],
        ],
        [[], [OURS], [b"Cookie: session=1"], [b"Cookie: session=2; theme=dark"]],
    ),
    "a key of a service": ([b"X-Api-Key: 1"], [[b"X-Api-Key: 1"]], [[], [b"X-Api-Key: 2"]]),
}
"""Who asks, who may read the answer, and who may not."""


@pytest.mark.parametrize(("owner", "same", "others"), OWNERS.values(), ids=OWNERS)
async def test_another_ones_is_a_404(
    kept: Kept, owner: list[bytes], same: list[list[bytes]], others: list[list[bytes]]
) -> None:
    client, peer = await kept.begin(event(0), fields=owner)
    location = location_of(client.received)
    for fields in others:
        for method in ("GET", "HEAD", "DELETE"):
            received = await kept.end(method, location, *fields)
            assert received.startswith(b"HTTP/1.1 404 "), fields
    for fields in same:
        reader = await kept.get(location, "", *fields)
        await reader.read_until(event(0))
    await say(peer, DONE, is_last=True)  # and none of them has cancelled it
    assert data_of(await client.read_until(LAST_CHUNK)) == ['{"n": 0}', "[DONE]"]
    if same:
        received = await kept.end("DELETE", location, *same[0])
        assert received.startswith(b"HTTP/1.1 204 ")


async def test_a_key_is_one_of_its_owner(kept: Kept) -> None:
    """Another owner may use it for another request."""
    ours, first = await kept.begin(event(0), key="k", fields=[OURS])
    theirs, second = await kept.begin(event(1), key="k", body=b"other", fields=[THEIRS])
    assert location_of(ours.received) != location_of(theirs.received)
    again = await kept.post(OURS, key="k")
    await again.read_until(event(0))
    for peer in (first, second):
        await say(peer, is_last=True)


async def test_a_cookie_of_the_response_does_not_hide_the_answer(kept: Kept) -> None:
    """A client keeps what the upstream or a balancer sets, and sends it with the key."""
    client, peer = await kept.begin(event(0), key="k", fields=[OURS])
    again = await kept.post(OURS, b"Cookie: of_the_response=1", key="k")
    await again.read_until(event(0))
    assert location_of(again.received) == location_of(client.received)
    kept.check_asked_once(peer)
    await say(peer, is_last=True)


async def test_a_key_that_was_used_with_other_cookies(kept: Kept) -> None:
    _, peer = await kept.begin(event(0), key="k", fields=[OURS, b"Cookie: session=1"])
    other = await kept.post(OURS, b"Cookie: session=2", key="k")
    received = await other.read_until(b"}\n")
    assert received.startswith(b"HTTP/1.1 404 ")
    assert detail(received) == "the key was used by a request with other cookies"
    kept.check_asked_once(peer)
    await say(peer, is_last=True)


async def test_cookies_that_identify_can_be_named() -> None:
    async with keeping(cookies=["session"]) as kept:
        client, peer = await kept.begin(event(0), fields=[SESSION])
        location = location_of(client.received)
        reader = await kept.get(location, "", b"Cookie: session=1; _ga=changes")
        await reader.read_until(event(0))
        received = await kept.end("GET", location, b"Cookie: session=2; theme=dark")
        assert received.startswith(b"HTTP/1.1 404 ")
        await say(peer, is_last=True)


async def test_what_is_logged_is_no_location(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    client, peer = await kept.begin(event(0))
    location = location_of(client.received)
    await kept.server.stop()
    await peer.read_until()
    assert "answers were cancelled" in caplog.text
    assert location not in caplog.text
