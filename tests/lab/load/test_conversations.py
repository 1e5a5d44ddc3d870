"""Conversations: turn by turn, each an exchange, within the bounds of a run."""

import asyncio
import json
from collections.abc import Callable
from time import monotonic_ns
from typing import Any

import pytest

from lab.load.conftest import MS, begin, complete, make_job, shares
from streamserver.kit.params import json_object
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.job import Job
from streamserver.lab.load.run import Run
from streamserver.lab.prompts.bodies import ModelBodies
from streamserver.lab.prompts.interfaces import CHAT
from streamserver.lab.prompts.synthetic import Lengths, Synthetic
from support.inprocess import Serve, Served
from support.waiting import wait_until

EVENTS = [("content-type", "text/event-stream")]


class Answering:
    """A chat whose answer repeats the first word of the last message."""

    def __init__(self) -> None:
        self.asked: list[list[dict[str, Any]]] = []
        """The messages of each request."""
        self.answer: Callable[[str], str | None] = lambda word: f"re {word}"
        """The text of an answer to a word; None: the request is refused."""
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, request: Request) -> Response:
        messages: Any = (await json_object(request))["messages"]
        self.asked.append(messages)
        await self.gate.wait()
        text = self.answer(messages[-1]["content"].split()[0])
        if text is None:
            return Response(b"no", status=429)
        chunks: list[Any] = [{"delta": {"content": piece}} for piece in (text[:2], text[2:])]
        events = [{"choices": [chunk]} for chunk in (*chunks, {"finish_reason": "stop"})]
        data = "".join([f"data: {json.dumps(event)}\n\n" for event in events])
        return Response(data.encode(), headers=EVENTS)


class Chats:
    """A server, and conversations with it."""

    def __init__(self, answering: Answering, served: Served) -> None:
        self.answering = answering
        self.url = served.url

    def job(self, turns: int = 3, **options: Any) -> Job:
        bodies = ModelBodies(CHAT, "m", Synthetic(Lengths(4, 4), turns=turns))
        return make_job(RequestSpec(self.url, "POST", chat=True, bodies=bodies), **options)

    async def run(self, **options: Any) -> tuple[Run, list[Record]]:
        return await complete(self.job(**options))


@pytest.fixture
async def chats(serve: Serve) -> Chats:
    answering = Answering()
    return Chats(answering, await serve(answering))


@pytest.mark.parametrize("load", [{"concurrency": "1"}, {"rate": "50"}])
async def test_each_turn_is_an_exchange_that_repeats_the_answers(
    chats: Chats, load: dict[str, str]
) -> None:
    run, records = await chats.run(**load, count=2)
    assert run.summary.ends == {"complete": 6}
    assert sorted(one.turn for one in records) == [1, 1, 2, 2, 3, 3]
    for messages in chats.answering.asked:
        users, answers = messages[::2], messages[1::2]
        assert [one["role"] for one in messages] == ["user", "assistant"] * len(answers) + ["user"]
        words = [one["content"].split()[0] for one in users]
        assert [one["content"] for one in answers] == [f"re {word}" for word in words[:-1]]
    assert sorted(map(len, chats.answering.asked)) == [1, 1, 3, 3, 5, 5]
    assert (run.open, run.task_count) == (0, 0)


async def test_a_slot_runs_one_conversation_at_a_time(chats: Chats) -> None:
    await chats.run(concurrency="1", count=3)
    assert [len(messages) for messages in chats.answering.asked] == [1, 3, 5] * 3


async def test_a_later_turn_is_due_after_the_answer_and_the_think_time(chats: Chats) -> None:
    run, records = await chats.run(rate="100", count=1, think_time=0.05)
    first, second, third = records
    assert second.planned == first.ended + 50 * MS
    assert third.planned == second.ended + 50 * MS
    assert all(one.began >= one.planned for one in records)
    assert run.summary.start_late.get_total_count() == 3


async def test_the_count_is_of_conversations_over_all_processes(chats: Chats) -> None:
    parts = shares(chats.job(concurrency="2", count=4, seed=5), 2)
    start = monotonic_ns()
    await asyncio.gather(*[part.execute(start) for part in parts])
    both, chats.answering.asked = chats.answering.asked, []
    assert len(both) == 12
    await chats.run(concurrency="2", count=4, seed=5)
    assert sorted(map(str, both)) == sorted(map(str, chats.answering.asked))


@pytest.mark.parametrize("answer", [None, ""])
async def test_a_turn_without_a_text_ends_its_conversation(
    chats: Chats, answer: str | None
) -> None:
    chats.answering.answer = lambda word: answer
    run, records = await chats.run(concurrency="1", count=2)
    assert [one.turn for one in records] == [1, 1]
    assert run.summary.ends == {"refused" if answer is None else "no_token": 2}


async def test_the_answers_of_a_conversation_are_bounded(
    chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamserver.lab.load.run.MAX_TEXT", 15)
    chats.answering.answer = lambda word: "ten chars."
    _, records = await chats.run(concurrency="1", count=1)
    assert [one.turn for one in records] == [1, 2]


async def test_no_turn_begins_after_the_duration(chats: Chats) -> None:
    chats.answering.gate.clear()
    run = Run(chats.job(concurrency="2", duration=0.1))
    going = begin(run)
    await wait_until(lambda: len(chats.answering.asked) == 2)
    await wait_until(lambda: monotonic_ns() - run.start > 100 * MS)
    chats.answering.gate.set()
    await going
    assert run.summary.ends == {"complete": 2}


async def test_the_grace_period_counts_from_the_last_turn(chats: Chats) -> None:
    """The conversation takes longer than the grace period."""
    _, records = await chats.run(concurrency="1", count=1, grace=0.5, think_time=0.2, turns=4)
    assert [one.end for one in records] == ["complete"] * 4


async def test_a_turn_in_the_warm_up_is_not_measured(chats: Chats) -> None:
    run, records = await chats.run(rate="10", warm_up=0.1, count=1, think_time=0.11, turns=2)
    # The first conversation begins in the warm-up; its second turn is due after it.
    assert run.summary.warmed == 1
    assert sorted(one.turn for one in records) == [1, 2, 2]


async def test_a_run_that_is_stopped_between_two_turns_ends(chats: Chats) -> None:
    run = Run(chats.job(concurrency="1", count=1, think_time=60.0))
    going = begin(run)
    await wait_until(lambda: run.summary.ends["complete"] == 1)
    assert not run.progress().draining  # two turns are still to begin
    run.stop()
    await asyncio.wait_for(going, 5)
    assert run.summary.ends == {"complete": 1}
    assert run.task_count == 0


async def test_the_text_of_a_last_turn_is_not_collected(
    chats: Chats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamserver.lab.load.run.AnswerText", None)
    _, records = await chats.run(concurrency="1", count=1, turns=1)
    assert [one.end for one in records] == ["complete"]
