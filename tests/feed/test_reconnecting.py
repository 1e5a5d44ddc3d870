"""Readers that are dropped at any moment, and come back: every event once, and in order."""

import asyncio
import random

import pytest

from streamserver.feed.feed import Feed
from support.following import Follower, MakeFeed, app, following
from support.inprocess import Serve, Served

pytestmark = pytest.mark.both_loops
EVENTS = 150
READERS = 6


async def publish(feed: Feed, chance: random.Random) -> None:
    """Publish events of many sizes, some at once and some after a while."""
    for number in range(EVENTS):
        await feed.publish(f"{number} {'x' * chance.choice([0, 10, 1000, 40_000])}")
        if chance.random() < 0.4:
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.004]))


class Traveller:
    """A client whose connection never lasts long."""

    def __init__(self, server: Served, chance: random.Random) -> None:
        self.server = server
        self.chance = chance
        self.id: str | None = None
        self.numbers: list[int] = []
        self.gaps: list[object] = []
        self.journeys = 0

    async def travel(self) -> None:
        """Come back until there is no more."""
        while len(self.numbers) < EVENTS:
            size = self.chance.choice([0, 4096])
            async with following(self.server, self.id, "/all", receive_buffer=size) as reader:
                await self._follow(reader)
            self.journeys += 1

    async def _follow(self, reader: Follower) -> None:
        """Follow until luck has it, and remember what an EventSource would."""
        chunks = self.chance.randrange(60)
        left = EVENTS - len(self.numbers)
        await reader.read_until(
            lambda reader: len(reader.chunks) >= chunks or len(reader.events) >= left
        )
        self.numbers += [int(data.split()[0]) for data in reader.data]
        self.gaps += reader.gaps
        self.id = reader.id or self.id
        if self.chance.random() < 0.5:
            reader.client.reset()


@pytest.mark.parametrize("seed", [1, 2])
async def test_all_of_it_once_and_in_order(serve: Serve, make_feed: MakeFeed, seed: int) -> None:
    """Also what is published while they come back, and while they are away."""
    feed = make_feed()
    server = await serve(app(feed))
    chance = random.Random(seed)
    travellers = [Traveller(server, random.Random(chance.random())) for _ in range(READERS)]
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for traveller in travellers:
            group.create_task(traveller.travel())
        group.create_task(publish(feed, chance))
    for traveller in travellers:
        assert traveller.numbers == list(range(EVENTS))
        assert traveller.gaps == []
    assert sum(traveller.journeys for traveller in travellers) > 2 * READERS
