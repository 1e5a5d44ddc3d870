"""A client of the notifications that is cut: what it receives, and how it resumes."""

import pytest

from streamserver.server.phase import Outcome
from support.asking import ask
from support.feeds import CUT, NOTIFICATIONS, cut, named, notify, outcomes, post, read_cut, texts
from support.following import following
from support.inprocess import Served
from support.problems import check_refusal
from support.rawsocket import connect
from support.waiting import wait_until

NAME = "a text of 1 to 64 characters"


async def test_a_client_is_cut_and_misses_nothing(server: Served) -> None:
    async with following(server, target=named("me")) as before:
        await before.position()
        await notify(server, "received")
        await before.read(1)
        await cut(server, "me")
        await read_cut(before)
        last = before.id
    assert outcomes(server, named("me")) == [Outcome.TRUNCATED]
    missed = await notify(server, "missed")
    async with following(server, last, named("me")) as after:
        await after.read(1)
        await notify(server, "live")
        events = await after.read(2)
        assert events[0].id == missed
        assert texts(before) + texts(after) == ["received", "missed", "live"]


async def test_a_client_that_is_cut_before_its_first_event_has_a_position(server: Served) -> None:
    async with following(server, target=named("me")) as before:
        last = await before.position()
        await cut(server, "me")
        await read_cut(before)
    await notify(server, "missed")
    async with following(server, last, named("me")) as after:
        await after.read(1)
        assert texts(after) == ["missed"]


async def test_others_are_not_cut(server: Served) -> None:
    """Neither those of other names, nor those without one."""
    async with (
        following(server, target=named("one")) as one,
        following(server, target=named("other")) as other,
        following(server, target=NOTIFICATIONS) as nameless,
    ):
        for follower in (one, other, nameless):
            await follower.position()
        await cut(server, "one")
        await read_cut(one)
        await notify(server, "still here")
        for follower in (other, nameless):
            await follower.read(1)
            assert texts(follower) == ["still here"]


async def test_a_name_of_no_client(server: Served) -> None:
    await cut(server, "nobody")
    async with following(server, target=named("someone")) as someone:
        await someone.position()
        await cut(server, "nobody")
        await notify(server, "still here")
        await someone.read(1)
    await wait_until(lambda: outcomes(server, named("someone")))
    await cut(server, "someone")  # which has gone
    assert outcomes(server, named("someone")) == [Outcome.CLIENT_GONE]


async def test_a_client_that_came_back_before_its_old_connection_ended(server: Served) -> None:
    """It is the new connection that its name means, also when the old one has ended since."""
    async with (
        following(server, target=named("me")) as old,
        following(server, target=named("me")) as new,
    ):
        await old.position()
        await new.position()
        old.client.reset()
        await wait_until(lambda: outcomes(server, named("me")))
        await cut(server, "me")
        await read_cut(new)
    assert outcomes(server, named("me")) == [Outcome.CLIENT_GONE, Outcome.TRUNCATED]


async def test_a_close_delimited_stream_is_cut_by_a_reset(server: Served) -> None:
    """A FIN would be its proper end."""
    async with connect(server.port) as client:
        await client.send(f"GET {named('old')} HTTP/1.0\r\n\r\n".encode())
        await client.read_until(b"id: ")
        await cut(server, "old")
        with pytest.raises(ConnectionResetError):
            await client.read_until()


async def test_a_head_alone_leaves_nothing_to_cut(server: Served) -> None:
    answer = await ask(server, named("me"), "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    await cut(server, "me")


@pytest.mark.parametrize("name", ["", "x" * 65, None, 7])
async def test_a_name_that_is_refused(server: Served, name: object) -> None:
    check_refusal(await post(server, CUT, {"client": name}), "client", NAME)
