"""When the tokens of one answer are due."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Protocol

from streamserver.lab.model.answer import Answer
from streamserver.lab.model.asked import Asked
from streamserver.lab.model.interface import ENDING, OPENING, Scheduled, Timing
from streamserver.lab.target.events import SECOND, Offset, offsets
from streamserver.lab.target.parameters import StreamOptions, check_tokens


class Pace(Protocol):
    """The schedule of the steps of one answer. Steps are asked for in order; some are left out."""

    async def offset(self, step: int) -> Offset:
        """When a step is due, in ns from the head; it may wait until that is known."""


class CommandedPace:
    """The times that the parameters of the request command."""

    __slots__ = ("_first", "_latest", "_step", "_times")

    def __init__(self, asked: Asked, answer: Answer, options: StreamOptions) -> None:
        """HTTPError 400 for an answer that would take too long."""
        rate = options.tokens_per_second or asked.tokens_per_second
        check_tokens(answer.steps, rate)
        gap = 1 / rate
        self._first = round(options.first_byte_delay * SECOND)
        first_token = options.first_byte_delay + (options.first_token_delay or gap)
        self._times = offsets(options, first_token, gap, answer.steps)
        self._step = -1
        self._latest: Offset = None

    async def offset(self, step: int) -> Offset:
        """When a step is due."""
        if step == OPENING:
            return self._first
        while step != self._step:
            self._latest = next(self._times)
            self._step += 1
        return self._latest


def commands_pace(members: Mapping[str, object], options: StreamOptions) -> bool:
    """Whether the body or the parameters of a request command the times of the tokens."""
    return bool(
        members.get("tokens_per_second") is not None
        or options.tokens_per_second
        or options.first_byte_delay
        or options.first_token_delay
        or options.jitter != "none"
        or options.burst > 1
    )


class TimedPace:
    """A pace that keeps when the first and the latest token were due."""

    __slots__ = ("_has_begun", "_pace", "_timing")

    def __init__(self, pace: Pace, timing: Timing) -> None:
        self._pace = pace
        self._timing = timing
        self._has_begun = False

    async def offset(self, step: int) -> Offset:
        """When a step is due. Steps may be left out, but the first is always asked for."""
        if step == OPENING:
            return await self._pace.offset(step)
        timing = self._timing
        if not self._has_begun:
            self._has_begun = True
            timing.first = timing.latest = await self._pace.offset(0) or 0
        if not step:
            return timing.first
        offset = await self._pace.offset(step)
        timing.latest = timing.latest if offset is None else offset
        return offset


def in_batches(frames: Iterator[Scheduled], batch: int) -> Iterator[Scheduled]:
    """The frames; those of a batch leave together, at the step of the last of them that has one."""
    return frames if batch == 1 else _at_last_steps(frames, batch)


async def last_offset(answer: Answer, pace: Pace) -> int:
    """When the last token is due."""
    return await pace.offset(answer.steps - 1) or 0


def _at_last_steps(frames: Iterator[Scheduled], batch: int) -> Iterator[Scheduled]:
    while group := list(islice(frames, batch)):
        steps = (step for step, _ in reversed(group) if step != ENDING)
        last = next(steps, ENDING)
        for _, frame in group:
            yield last, frame
