"""The scripts of answers, each as one step: what a producer may do, and what others may."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from streamserver.feed.redis_client import Connections
from streamserver.resumable.redis_calls import Call, Keys, Scripts
from streamserver.resumable.redis_scripts import APPEND, CLAIM, DISCARD, END, OPEN, Script
from support.redis import RedisServer

MINUTE = 60_000
_names = itertools.count()


@dataclass(slots=True)
class Answer:
    """The keys of an answer, and what runs its scripts."""

    id: str
    scripts: Scripts
    keys: list[str]

    async def run(self, script: Script, *arguments: object) -> str:
        """The result of a script."""
        return str((await self.scripts.run(script, self.keys, arguments)).decode())

    def beside(self, id: str) -> "Answer":
        """Another one, with the same idempotency key."""
        return Answer(id, self.scripts, [f"{key}:{id}" for key in self.keys[:2]] + self.keys[2:])

    async def claim(self) -> str:
        """Claim it; its state has one field."""
        return await self.run(CLAIM, self.id, "", 10, 1000, MINUTE, MINUTE, "process", "p")

    async def append(self, number: int, *events: str) -> str:
        """Append events, the first with this number."""
        return await self.run(APPEND, self.id, 1000, number, *events)

    async def end(self, how: str, number: int | str = "", *events: str) -> str:
        """Append the last entry, and events before it."""
        return await self.run(END, self.id, MINUTE, how, number, "last", *events)

    async def log(self) -> list[tuple[str, str]]:
        """The id and the event of each entry, without that of the head."""
        found = await self.scripts.client.xrange(self.keys[1])
        return [(id.decode(), of[b"event"].decode()) for id, of in found if b"event" in of]

    async def dies(self) -> None:
        """The lease of its process expires."""
        await self.scripts.client.delete(self.keys[4])


@pytest.fixture
async def answer(shared_redis: RedisServer) -> AsyncIterator[Answer]:
    connections = Connections(shared_redis.url, 5.0)
    keys = Keys(f"scripts-{next(_names)}:").of_answer("a", "p", "key")
    yield Answer("a", Scripts(connections), keys)
    await connections.close()


async def test_one_claim_has_a_key(answer: Answer) -> None:
    assert await answer.claim() == "a"
    assert await answer.beside("b").claim() == "a"


async def test_a_claim_that_arrives_after_its_discard_has_no_effect(answer: Answer) -> None:
    """As when Redis was frozen, and executes what timed out in any order."""
    assert await answer.run(DISCARD, "a", MINUTE) == "discarded"
    assert await answer.claim() == "0 0"
    assert await answer.scripts.client.get(answer.keys[5]) is None


async def test_an_event_that_is_sent_again_is_added_once(answer: Answer) -> None:
    await answer.claim()
    assert await answer.append(1, "one", "two") == ""
    assert await answer.append(1, "one", "two", "three") == ""
    assert await answer.end("complete", 3, "three", "four") == "complete"
    numbered = [("1-0", "one"), ("2-0", "two"), ("3-0", "three"), ("4-0", "four")]
    assert await answer.log() == [*numbered, ("5-0", "last")]


async def test_an_event_before_which_others_are_missing_is_not_added(answer: Answer) -> None:
    """As after a failover to a replica that had not received them."""
    await answer.claim()
    await answer.append(1, "one")
    assert await answer.append(3, "three") == "gap"
    assert await answer.end("complete", 3, "three") == "gap"
    assert await answer.log() == [("1-0", "one")]
    assert await answer.end("failed") == "failed"


async def test_an_answer_is_lost_only_without_a_lease(answer: Answer) -> None:
    await answer.claim()
    await answer.run(OPEN, "head")
    assert await answer.end("lost") == ""
    assert await answer.log() == []
    await answer.dies()
    assert await answer.end("lost") == "lost"
    assert await answer.log() == [("1-0", "last")]


@pytest.mark.parametrize("how", ["lost", "complete"])
async def test_nothing_follows_an_end(answer: Answer, how: str) -> None:
    """Whether its producer was paused, or several processes found it lost at the same time."""
    await answer.claim()
    await answer.run(OPEN, "head")
    await answer.append(1, "one")
    await answer.dies()
    assert await answer.end(how) == how
    before = await answer.log()
    assert await answer.append(2, "two") == how
    assert await answer.end("lost") == how
    assert await answer.end("complete", 2, "two") == how
    assert await answer.run(OPEN, "head") == how
    assert await answer.log() == before


async def test_an_answer_that_is_lost_before_its_head_is_forgotten(answer: Answer) -> None:
    await answer.claim()
    await answer.dies()
    assert await answer.end("lost") == "discarded"
    assert await answer.append(1, "one") == "gone"
    other = Answer(
        "b", answer.scripts, [f"{answer.keys[0]}2", f"{answer.keys[1]}2", *answer.keys[2:]]
    )
    assert await other.claim() == "b"


async def test_scripts_are_loaded_where_they_are_unknown(answer: Answer) -> None:
    """As in a Redis that has restarted."""
    await answer.claim()
    await answer.scripts.client.script_flush()
    events = ("one", "two"), ("two", "three")
    calls = [Call(APPEND, answer.keys, ["a", 1000, n, *of]) for n, of in enumerate(events, 1)]
    assert await answer.scripts.run_all(calls) == [b"", b""]
    assert [event for _, event in await answer.log()] == ["one", "two", "three"]
