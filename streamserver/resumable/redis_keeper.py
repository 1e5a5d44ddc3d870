"""What a process repeats as long as it produces answers or has readers of them.

In each period it

- refreshes its lease, as the producer of its answers;
- writes that it has readers of the answers of other processes, which counts for one lease;
- looks whether other processes have readers of its own answers;
- looks whether the producers of answers with readers here still have their leases. The answers of
  one whose lease was missing in several periods in a row are ended as lost. Several, because all
  leases have expired when Redis comes back after an outage.

Nothing is counted up and down, so a process that is killed leaves no reader behind.
"""

from collections.abc import Callable, Iterable
from typing import Any

from streamserver.resumable.ports import State
from streamserver.resumable.redis_calls import Call, Keys, Scripts
from streamserver.resumable.redis_commands import Commands
from streamserver.resumable.redis_periodic import Periodic
from streamserver.resumable.redis_produced import Produced
from streamserver.resumable.redis_scripts import (
    ABSENT,
    END,
    FOLLOWED,
    HOLD,
    LEASE,
    LIVE,
    LOOK,
    PRESENT,
)
from streamserver.resumable.redis_topic import LOG_IS_GONE, AnswerTopic, lost_event

PROCESS_IS_GONE = "the answer is lost: the server process that received it is gone"

PERIODS = 4
"""Periods in a lease."""

CHECKS = 4
"""Periods in a row after which a producer without a lease is gone."""

REFRESH_TIMEOUT = 1.0
"""Seconds until a refresh of the lease fails."""

WATCH_TIMEOUT = 5.0
"""Seconds until all other work of a period fails."""

HOLDS = 15
"""Periods after which the expiry of running answers is renewed."""

MARGIN = 60_000
"""Milliseconds for which a running answer is held longer than one that has ended, and twice the
time until that is renewed."""


class Keeper:
    """What ``process`` repeats. Its lease has ``lease`` seconds; answers that it ends are kept for
    ``keep`` seconds; ``topic`` returns the log of an answer.

    ``own``: runs scripts over connections that are used for nothing else, so that a lease does
    not expire while the others are in use.
    """

    def __init__(
        self,
        process: str,
        own: Scripts,
        keys: Keys,
        commands: Commands,
        topic: Callable[[str], AnswerTopic],
        lease: float,
        keep: float,
    ) -> None:
        self.produced: dict[str, Produced] = {}
        self.lease = int(lease * 1000)
        self.keep = int(keep * 1000)
        self.hold = self.keep + MARGIN + 2 * HOLDS * self.lease // PERIODS
        self._process = process
        self._scripts = own
        self._keys = keys
        self._commands = commands
        self._topic = topic
        self._readers: dict[str, int] = {}  # of each answer, in this process
        self._changed: set[str] = set()  # answers of others whose readers came or went here
        self._hints: set[str] = set()  # answers of this process whose readers came or went there
        self._missing: dict[str, int] = {}  # processes, with the checks that found no lease
        self._rounds = 0
        period, known = lease / PERIODS, own.connections.failures
        self._refreshing = Periodic(
            self._refresh, self._is_producing, period, REFRESH_TIMEOUT, known
        )
        self._watching = Periodic(self._watch, self._is_watching, period, WATCH_TIMEOUT, known)

    def produce(self, answer: Produced) -> None:
        """This process produces an answer, whose claim has set the lease."""
        self.produced[answer.id] = answer
        self._refreshing.start()
        self._watching.start()

    def joined(self, id: str) -> None:
        """An answer has one more reader here."""
        self._readers[id] = self._readers.get(id, 0) + 1
        if self._readers[id] == 1:
            self._on_readers(id)

    def left(self, id: str) -> None:
        """An answer has one reader less here."""
        self._readers[id] -= 1
        if not self._readers[id]:
            del self._readers[id]
            self._on_readers(id)

    def on_hint(self, id: str) -> None:
        """Another process got its first reader of an answer, or lost its last one."""
        if id in self.produced:
            self._hints.add(id)
            self._watching.wake()

    async def _look(self, ids: Iterable[str]) -> None:
        """Look whether other processes have readers of answers that are produced here."""
        answers = [self.produced[id] for id in ids if id in self.produced]
        keys = [self._keys.readers(answer.id) for answer in answers]
        counts = await self._scripts.run(FOLLOWED, keys) if keys else []
        for answer, count in zip(answers, counts, strict=True):
            # Not in each period: the answer may have clients that wait for its head.
            if count or answer.is_followed_elsewhere:
                answer.is_followed_elsewhere = bool(count)
                self._update(answer)

    async def close(self) -> None:
        """End the tasks."""
        await self._refreshing.close()
        await self._watching.close()

    def _on_readers(self, id: str) -> None:
        if (answer := self.produced.get(id)) is not None:
            self._update(answer)
        else:
            self._changed.add(id)
            self._watching.wake()

    def _update(self, answer: Produced) -> None:
        is_followed = answer.id in self._readers or answer.is_followed_elsewhere
        answer.producer.set_followed(is_followed)

    def _is_producing(self) -> bool:
        return bool(self.produced)

    def _is_watching(self) -> bool:
        return bool(self.produced or self._readers or self._changed)

    async def _refresh(self, is_due: bool) -> None:
        await self._scripts.run(LEASE, [self._keys.lease(self._process)], [self.lease])

    async def _watch(self, is_due: bool) -> None:
        try:
            await self._announce()
            hints, self._hints = self._hints, set()
            await self._look(hints)
            if is_due:
                await self._round()
        except BaseException:
            self._missing.clear()
            raise

    async def _announce(self) -> None:
        """Write which answers of other processes have readers here, and which lost their last one;
        each producer that lives looks at once."""
        changed = list(self._changed)
        if not changed:
            return
        came = [id for id in changed if id in self._readers]
        went = [id for id in changed if id not in self._readers]
        left = Call(ABSENT, list(map(self._keys.readers, went)), [self._process])
        _raise(await self._scripts.run_all([self._present(came), left]))
        await self._commands.send("readers", changed)
        self._changed.difference_update(changed)

    def _present(self, ids: Iterable[str]) -> Call:
        keys = list(map(self._keys.readers, ids))
        return Call(PRESENT, keys, [self._process, self.lease])

    async def _round(self) -> None:
        self._rounds += 1
        others = [id for id in self._readers if id not in self.produced]
        ids = [*self.produced, *others]
        calls = [self._present(others), Call(LOOK, list(map(self._keys.state, ids)))]
        if self._rounds % HOLDS == 0:
            produced = self.produced.values()
            calls += [Call(HOLD, each.keys, [each.id, self.hold]) for each in produced]
        found = _raise(await self._scripts.run_all(calls))[1]
        await self._look(list(self.produced))
        running: dict[str, list[tuple[str, ...]]] = {}  # of each process
        for id, (end, *about) in zip(ids, found, strict=True):
            process, key, target = (each.decode() for each in about)
            if (answer := self.produced.get(id)) is not None:
                if end:
                    answer.stop(end.decode())
            elif end:
                await self._end(self._topic(id), target)
            else:
                running.setdefault(process, []).append((id, key, target))
        await self._find_lost(running)

    async def _end(self, topic: AnswerTopic, target: str) -> None:
        """End the log of an answer for the readers here. If it has ended in Redis, the last entry
        is there, unless Redis has lost entries that they have read: then it has a lower id."""
        if topic.position is not None and not topic.has_ended:
            event = lost_event(LOG_IS_GONE, target, topic.first())
            await topic.lose(self._scripts.client, event)

    async def _find_lost(self, running: dict[str, list[tuple[str, ...]]]) -> None:
        leases = list(map(self._keys.lease, running))
        live = await self._scripts.run(LIVE, leases) if leases else []
        missing = [process for process, lives in zip(running, live, strict=True) if not lives]
        self._missing = {process: self._missing.get(process, 0) + 1 for process in missing}
        for process in missing:
            if self._missing[process] >= CHECKS:
                calls = [self._lose(process, *answer) for answer in running[process]]
                _raise(await self._scripts.run_all(calls))

    def _lose(self, process: str, id: str, key: str, target: str) -> Call:
        event = lost_event(PROCESS_IS_GONE, target, self._topic(id).first())
        keys = self._keys.of_answer(id, process, key)
        return Call(END, keys, [id, self.keep, State.LOST.value, "", event])


def _raise(results: list[Any]) -> list[Any]:
    """The results, unless one is an exception."""
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results
