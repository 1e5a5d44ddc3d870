"""The choice between replicas, none of which has failed."""

from support.replicas import replicas
from support.requests import get

DRAWS = 100
"""One of three replicas is never drawn once in 10 ** 17 times."""


async def test_the_fewest_open_streams_decide_and_chance_if_they_are_equal() -> None:
    async with replicas(3) as at:
        client = await at.begin(get(b"/held"))
        number, _ = await at.asked()
        group = at.group
        others = {*group.replicas} - {group.replicas[number]}
        drawn = [group.candidates(0.0) for _ in range(DRAWS)]
        assert {each[0] for each in drawn} == others
        assert {each[-1] for each in drawn} == {group.replicas[number]}
        client.reset()
        await at.has_ended(1)
        assert {group.candidates(0.0)[0] for _ in range(DRAWS)} == {*group.replicas}
