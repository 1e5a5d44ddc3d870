"""An engine that runs in real time, and the pace that it gives to answers.

One wait in the pacer serves all sequences: it ends with the step, which wakes the answers that have
a new token.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from streamserver.lab.model.answer import Answer
from streamserver.lab.model.asked import IMAGE_TOKENS, Asked, Message
from streamserver.lab.model.cost.engine import Engine, Sequence
from streamserver.lab.model.cost.prefix_cache import PrefixCache
from streamserver.lab.model.cost.profile import STEP_TIME, Profile
from streamserver.lab.model.text import tokenize
from streamserver.lab.target.events import Offset
from streamserver.lab.target.pacing import Clock, Pacer
from streamserver.server.exchange import Exchange
from streamserver.wire.problem import HTTPError


class EnginePace:
    """The times at which the engine has the tokens of one answer.

    The frames of the opening are due when the last choice leaves the queue, and a step when each
    choice that is long enough has its token. What was there before the head is due with the head.
    """

    __slots__ = ("_awaited", "_clock", "_index", "_waiter", "sequences")

    def __init__(self, clock: Clock, prompts: Iterable[int], answer: Answer) -> None:
        self._clock = clock
        self._awaited: Sequence | None = None
        self._index = 0
        self._waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sequences = [
            Sequence(prompt, choice.count(), self._wake)
            for prompt, choice in zip(prompts, answer.choices, strict=True)
        ]

    async def offset(self, step: int) -> Offset:
        """When a step is due; waits until the engine has computed it."""
        at = 0
        for sequence in self.sequences:
            index = min(step + 1, sequence.tokens)
            if len(sequence.times) <= index:
                await self._wait(sequence, index)
            at = max(at, sequence.times[index])
        return max(at - self._clock.start, 0)

    async def _wait(self, sequence: Sequence, index: int) -> None:
        self._awaited, self._index = sequence, index
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter
        self._clock.has_waited()

    def _wake(self, sequence: Sequence) -> None:
        if sequence is self._awaited and len(sequence.times) > self._index:
            self._awaited = None
            if not self._waiter.done():
                self._waiter.set_result(None)


class Simulation:
    """The engine of a process. Requests for any model share it."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._engine = Engine(profile)
        self._cache = PrefixCache(profile.cache_tokens)
        self._driver: asyncio.Task[None] | None = None

    def admit(
        self, exchange: Exchange, clock: Clock, asked: Asked, answer: Answer
    ) -> tuple[Answer, EnginePace]:
        """The answer with the tokens that were cached, and its pace. It leaves the engine with the
        end of the exchange. HTTPError 503 if the queue is full, and 400 for more sequences than
        there are places."""
        engine, profile, count = self._engine, self.profile, len(answer.choices)
        if count > profile.max_sequences + profile.max_waiting:
            raise HTTPError(400, f"the engine has no places for {count} sequences of one request")
        if not engine.has_room(count):
            detail = f"{profile.max_sequences} sequences run and {profile.max_waiting} wait at most"
            raise HTTPError(503, f"the engine is full: {detail}", headers={"Retry-After": "1"})
        prompts, cached = self._prompts(asked, answer)
        pace = EnginePace(clock, prompts, answer)
        engine.join(pace.sequences, clock.start)
        exchange.on_end.append(lambda: self._leave(pace))
        if self._driver is None:
            self._driver = asyncio.get_running_loop().create_task(self._drive(clock.pacer))
        return replace(answer, cached_tokens=cached), pace

    def state(self) -> dict[str, Any]:
        """The settings, and what the engine does now."""
        engine = self._engine
        return {
            "profile": self.profile.members(),
            "step": STEP_TIME,
            "running": len(engine.running),
            "waiting": len(engine.waiting),
            "cached_tokens": self._cache.tokens,
            "steps": engine.steps,
        }

    def _prompts(self, asked: Asked, answer: Answer) -> tuple[list[int], int]:
        """The tokens that are processed for each choice, and those of the request that are cached.

        The first choice of a conversation caches the prompt for its others.
        """
        if not self.profile.cache_tokens and not asked.further:
            return [answer.input_tokens] * len(answer.choices), 0
        prompts = [_prompt(conversation) for conversation in (asked.conversation, *asked.further)]
        beyond = answer.input_tokens - sum(map(len, prompts))  # such as tools
        processed, cached = list[int](), 0
        for prompt in prompts:
            size = len(prompt) + beyond
            first = self._cache.add(prompt, asked.model)
            processed.append(size - first)
            if asked.choices > 1:
                other = size - self._cache.add(prompt, asked.model)
                processed += [other] * (asked.choices - 1)
            cached += first
        return processed, cached

    def _leave(self, pace: EnginePace) -> None:
        for sequence in pace.sequences:
            self._engine.leave(sequence)
        if self._engine.is_empty and self._driver is not None:
            self._driver.cancel()
            self._driver = None

    async def _drive(self, pacer: Pacer) -> None:
        while (end := self._engine.step_end) is not None:
            self._engine.advance(await pacer.until(end))
        self._driver = None


def _prompt(conversation: Iterable[Message]) -> list[str]:
    """The tokens of a conversation; the first of a message has its role too."""
    tokens = list[str]()
    for message in conversation:
        found = tokenize(message.content) + ["image"] * (IMAGE_TOKENS * message.images)
        if found:
            found[0] = f"{message.role}: {found[0]}"
        tokens += found
    return tokens
