"""Resumable answers in Redis (6.2 or newer) or Valkey, shared by all workers on all machines.

A process that claims an answer produces it: it alone asks the upstream, once. Readers everywhere,
in that process too, follow what Redis has confirmed, so none ever has an event that another one
cannot get. ``redis_scripts`` describes the keys.

Credentials, idempotency keys and requests are digests in Redis; the events are stored as received.
"""

import json
import re
import uuid
from collections.abc import Sequence
from weakref import WeakValueDictionary

from streamserver.feed.idempotency import IdempotencyKey
from streamserver.feed.redis import Redis
from streamserver.feed.redis_client import NotConnected
from streamserver.resumable.limits import Limits, no_room
from streamserver.resumable.ports import Head, Producer, Record, State
from streamserver.resumable.redis_calls import Keys, Scripts, unreachable
from streamserver.resumable.redis_commands import Commands
from streamserver.resumable.redis_keeper import REFRESH_TIMEOUT, Keeper
from streamserver.resumable.redis_produced import Produced
from streamserver.resumable.redis_scripts import CLAIM
from streamserver.resumable.redis_topic import AnswerTopic
from streamserver.resumable.redis_writer import Writer
from streamserver.wire.json_text import to_ascii_json
from streamserver.wire.problem import HTTPError

LEASE = 3.0
"""Seconds that a process may be silent until it counts as gone. Two leases after its end its
answers have ended as lost."""

CLOSE_TIMEOUT = 1.0
"""Seconds to write what is left when the server stops."""

_is_position = re.compile(r"(?:0|[1-9][0-9]{0,17})-0").fullmatch


class RedisStore:
    """A store in the Redis of ``backend``. All processes that share it must have the same
    ``limits``."""

    is_shared = True

    def __init__(self, backend: Redis, limits: Limits) -> None:
        self._limits = limits
        self._process = uuid.uuid4().hex
        self._keys = Keys(f"{backend.prefix}answers:")
        self._live = backend.live
        self._scripts = Scripts(backend.connections)
        # With connections of its own, so that a lease does not expire while others are in use.
        self._own = Scripts(backend.connections, backend.connections.connect(REFRESH_TIMEOUT))
        self._writer = Writer(self._scripts)
        self._commands = Commands(f"{self._keys.prefix}commands", self._own, self._live)
        self._keeper = Keeper(
            self._process,
            self._own,
            self._keys,
            self._commands,
            self.topic,
            LEASE,
            limits.keep,
        )
        self._topics: WeakValueDictionary[str, AnswerTopic] = WeakValueDictionary()
        self._claiming: dict[str, Produced] = {}

    # The producer's side

    def admits(self) -> bool:
        """As ``Store``: only Redis knows."""
        return False

    async def claim(self, producer: Producer) -> Record:
        """As ``Store``."""
        record = producer.record
        key, fingerprint = record.key or ("", "")
        keys = self._keys.of_answer(record.id, self._process, key)
        answer = Produced(producer, keys, self._limits, self._writer, self._on_over)
        # The last segment selects the form of an error; the rest may have a key of an API.
        target = record.target.partition("?")[0].rpartition("/")[2]
        fields = ["process", self._process, "owner", record.owner, "target", target]
        fields += ["key", key, "fingerprint", fingerprint]
        # A claim without a reply may be stored: ``discard``, which follows it, needs the answer.
        self._claiming[record.id] = answer
        try:
            found = await self._claim(record.id, keys, fields)
        except (NotConnected, HTTPError) as error:  # it is not stored
            del self._claiming[record.id]
            raise error if isinstance(error, HTTPError) else unreachable(error) from error
        except self._scripts.connections.failures as error:
            raise unreachable(error) from error
        del self._claiming[record.id]
        if found is not None:
            assert record.key is not None
            assert found.key is not None
            record.key.check(found.key.fingerprint)
            return found
        self._commands.receive(cancel=self._cancel, readers=self._keeper.on_hint)
        self._keeper.produce(answer)
        return record

    async def _claim(self, id: str, keys: list[str], fields: list[str]) -> Record | None:
        """The answer that has the key; None if it is the new one. HTTPError 503 without room."""
        limits, stale = self._limits, ""
        while True:
            times = self._keeper.hold, self._keeper.lease
            arguments = [id, stale, limits.answers, limits.total, *times, *fields]
            known = (await self._scripts.run(CLAIM, keys, arguments)).decode()
            if known == id:
                return None
            if " " in known:
                raise no_room(*known.split())
            if (record := await self._read(known)) is not None:
                return record
            stale = known

    async def open(self, record: Record) -> None:
        """As ``Store``; while Redis is away, it waits."""
        if (answer := self._keeper.produced.get(record.id)) is not None:
            await answer.open(to_ascii_json(record.head))

    def append(self, id: str, events: Sequence[bytes]) -> None:
        """As ``Store``."""
        if (answer := self._keeper.produced.get(id)) is not None:
            answer.append(events)

    def hold_unfinished(self, id: str, size: int) -> None:
        """As ``Store``."""
        if (answer := self._keeper.produced.get(id)) is not None:
            answer.hold_unfinished(size)

    def end(self, id: str, state: State, event: bytes) -> None:
        """As ``Store``."""
        if (answer := self._keeper.produced.get(id)) is not None:
            answer.end(state, event)

    def discard(self, id: str) -> None:
        """As ``Store``."""
        answer = self._claiming.pop(id, None) or self._keeper.produced.get(id)
        if answer is not None:
            answer.discard()

    def _on_over(self, id: str) -> None:
        self._keeper.produced.pop(id, None)

    def _cancel(self, id: str) -> bool:
        answer = self._keeper.produced.get(id)
        if answer is not None:
            answer.producer.cancel()
        return answer is not None

    # The readers' side

    async def opened(self, id: str) -> Record | None:
        """As ``Store``."""
        topic = self.topic(id)
        topic.hold()
        self.joined(id)
        try:
            record = await self._find(id)
            if record is not None and record.head is None:
                await topic.is_decided.wait()
                record = await self.find(id)
            return record
        finally:
            self.left(id)
            topic.release()

    async def find(self, id: str) -> Record | None:
        """As ``Store``. An answer whose process is gone ends when it has readers."""
        record = await self._find(id)
        return record if record is not None and record.head is not None else None

    async def has(self, id: str, position: str) -> bool:
        """As ``Store``."""
        if _is_position(position) is None:
            return False
        client = self._scripts.client
        try:
            return bool(await client.xrange(self._keys.log(id), position, position))
        except self._scripts.connections.failures as error:
            raise unreachable(error) from error

    def topic(self, id: str) -> AnswerTopic:
        """As ``Store``."""
        topic = self._topics.get(id)
        if topic is None:
            topic = AnswerTopic(id, self._keys.log(id), self._live, self._scripts)
            self._topics[id] = topic
        return topic

    def joined(self, id: str) -> None:
        """As ``Store``."""
        self._keeper.joined(id)

    def left(self, id: str) -> None:
        """As ``Store``."""
        self._keeper.left(id)

    async def cancel(self, id: str) -> None:
        """As ``Store``."""
        if not self._cancel(id):
            try:
                await self._commands.send("cancel", [id])
            except self._scripts.connections.failures as error:
                raise unreachable(error) from error

    async def close(self) -> None:
        """As ``Store``."""
        await self._writer.close(CLOSE_TIMEOUT)
        await self._keeper.close()
        self._commands.close()
        await self._own.client.aclose()

    async def _find(self, id: str) -> Record | None:
        try:
            return await self._read(id)
        except self._scripts.connections.failures as error:
            raise unreachable(error) from error

    async def _read(self, id: str) -> Record | None:
        found = await self._scripts.client.hgetall(self._keys.state(id))
        state = {name.decode(): value.decode() for name, value in found.items()}
        if "process" not in state:
            return None
        key = IdempotencyKey(state["key"], state["fingerprint"]) if state["key"] else None
        head = None
        if "head" in state:
            status, fields = json.loads(state["head"])
            head = Head(status, [(name, value) for name, value in fields])
        return Record(id, state["owner"], key, state["target"], head)
