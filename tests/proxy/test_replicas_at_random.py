"""Three replicas that die, hang, reset, refuse and come back at random, under 200 clients.

A request can be served if one replica answers during its whole life: the guard. Before the guard
changes, the next one answers too, until every request that began before has ended. So:

- each GET is served, unless the replica died after the head of its answer;
- each POST is served, unless it was sent to a replica that then failed or refused it. It is never
  sent twice;
- what a client gets is the answer to its request, or a part of it.
"""

import asyncio
import itertools
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from streamserver.proxy.group import Group
from streamserver.proxy.health import HEALTHY, Health
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import Backoff, PoolLimits, Timeouts
from support.failing import FAULTS, Failing, pieces
from support.inprocess import Served, running
from support.waiting import wait_until

CLIENTS = 200
ANSWERS = 100
"""Answers between two changes."""
OPTIONS: dict[str, Any] = {
    "timeouts": Timeouts(first_byte=0.4),
    "backoff": Backoff(first=0.1, longest=1.0),
    "pool": PoolLimits(waiting=10 * CLIENTS),
}


@dataclass(slots=True)
class Play:
    """What the clients and the replicas share. ``alive``: the requests without an end yet."""

    server: Served
    group: Group
    replicas: list[Failing]
    chance: random.Random
    alive: set[str] = field(default_factory=set)
    ended: int = 0
    served: int = 0
    is_over: bool = False

    @property
    def deaths(self) -> int:
        return sum(each.deaths for each in self.replicas)

    def health(self, replica: Failing) -> Health:
        """What the relay holds of it."""
        return self.group.replicas[self.replicas.index(replica)].health

    def received(self, name: str) -> list[str]:
        """The states of the replicas that got this request."""
        return [state for each in self.replicas for state in each.received.get(name, ())]


Answer = tuple[int, bytes, bool]
"""The status, the body, and whether it is whole."""


async def read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status, body = int(head.split(b" ", 2)[1]), b""
    if b"transfer-encoding: chunked" not in head:
        length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
        return status, await reader.readexactly(length), True
    try:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return status, body, False
    return status, body, True


async def client(play: Play, number: int) -> None:
    """Send one request after the other, on a connection as long as that lasts."""
    writer = None
    for count in itertools.count():
        if play.is_over:
            break
        if writer is None or writer.is_closing():
            reader, writer = await asyncio.open_connection(play.server.host, play.server.port)
        name, deaths = f"{number}-{count}", play.deaths
        method = play.chance.choice(("GET", "POST"))
        body = os.urandom(play.chance.randrange(1, 2000)) if method == "POST" else b""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        play.alive.add(name)
        writer.write(f"{method} /{name} HTTP/1.1\r\nHost: a\r\n{length}\r\n".encode() + body)
        answer = await read(reader)
        play.alive.discard(name)
        play.ended += 1
        check(play, name, method, pieces(name, method, body), answer, play.deaths > deaths)
        if not answer[2]:
            writer.close()
    if writer is not None:
        writer.close()


def check(
    play: Play, name: str, method: str, expected: list[bytes], answer: Answer, died: bool
) -> None:
    """The answer is the one to this request, or a failure that could not be prevented."""
    status, body, is_whole = answer
    received = play.received(name)
    if method == "POST":
        assert len(received) <= 1, f"{name} was sent again: {received}"
    if status == 200:
        assert b"".join(expected).startswith(body), (name, body)
        assert body == b"".join(expected) if is_whole else died
        play.served += is_whole
        return
    assert method == "POST", (name, answer, received)
    if status == 503:
        assert body == b"busy"
        assert received in (["busy"], ["barred"])
    else:
        fault = {502: ["resetting"], 504: ["hanging"]}[status]
        assert received == fault or (status == 502 and died), (name, answer, received)


async def all_that_began_have_ended(play: Play) -> None:
    before = set(play.alive)
    await wait_until(lambda: not before & play.alive)


async def so_many_have_ended(play: Play, count: int) -> None:
    enough = play.ended + count
    await wait_until(lambda: play.ended >= enough)


async def change(play: Play, guard: Failing, faults: Iterator[str]) -> Failing:
    """Make another replica the guard, and let the rest fail."""

    def is_barred(each: Failing) -> bool:
        return play.health(each).is_barred(time.monotonic())

    others = [each for each in play.replicas if each is not guard]
    play.chance.shuffle(others)
    following = min(others, key=is_barred)
    following.become("up")
    await all_that_began_have_ended(play)
    if is_barred(following):  # it still gets no requests
        await wait_until(lambda: not is_barred(following))
        await all_that_began_have_ended(play)
    for each in play.replicas:
        if each is not following:
            each.become(next(faults))
    return following


async def disturb(play: Play) -> None:
    """Change the states until each fault has happened twice."""
    guard = play.replicas[0]
    faults = play.chance.sample(FAULTS * 2, 2 * len(FAULTS))
    left = iter(faults)
    for _ in faults[::2]:
        guard = await change(play, guard, left)
        await so_many_have_ended(play, ANSWERS)
    for each in play.replicas:
        each.become("up")
    play.is_over = True


async def hold(play: Play, name: str) -> asyncio.StreamWriter:
    """Open a stream that does not end by itself."""
    reader, writer = await asyncio.open_connection(play.server.host, play.server.port)
    writer.write(f"GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await reader.readuntil(b" 200 ")
    return writer


def check_even(play: Play) -> None:
    """Every replica has its share of the open streams, to 10 %: as many as it has connections."""
    shares = [
        sum(each.name.startswith("held") for each in one.connections) for one in play.replicas
    ]
    assert sum(shares) == CLIENTS
    assert all(abs(share - CLIENTS / 3) <= CLIENTS / 30 for share in shares), shares
    assert [each.open for each in play.group.replicas] == shares


async def in_calm(play: Play) -> None:
    """Once all replicas are back, the streams are spread evenly, and again after half are gone."""

    def is_calm() -> bool:
        return all(
            each.health.standing is HEALTHY and not each.open for each in play.group.replicas
        )

    while not is_calm():
        for each in play.group.replicas:
            each.health.until = 0.0  # its time passes
        (await hold(play, "ping")).close()
        await wait_until(lambda: not sum(each.open for each in play.group.replicas))
    held = [await hold(play, f"held-{number}") for number in range(CLIENTS)]
    check_even(play)
    play.chance.shuffle(held)
    for writer in held[: CLIENTS // 2]:
        writer.close()
    await wait_until(lambda: sum(each.open for each in play.group.replicas) == CLIENTS // 2)
    rest = held[CLIENTS // 2 :]
    rest += [await hold(play, f"held-again-{number}") for number in range(CLIENTS // 2)]
    check_even(play)
    for writer in rest:
        writer.close()


@pytest.mark.usefixtures("steady_clock")
async def test_every_request_that_can_be_served_is_served() -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    replicas = [Failing(f"127.0.{seed % 250}.{number + 1}") for number in range(3)]
    for each in replicas:
        each.become("up")
    proxy = Proxy([f"http://{each.address}:{each.port}" for each in replicas], **OPTIONS)
    async with running(proxy) as server:
        try:
            play = Play(server, await first(proxy, server), replicas, random.Random(seed))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(disturb(play))
                for number in range(CLIENTS):
                    tasks.create_task(client(play, number))
            assert play.served > play.ended / 4
            await in_calm(play)
        finally:
            for each in replicas:
                each.become("dead")


async def first(proxy: Proxy, server: Served) -> Group:
    """The group, which is there from the first request on."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
    await read(reader)
    writer.close()
    (state,) = proxy._states.values()
    assert state.group is not None
    return state.group
