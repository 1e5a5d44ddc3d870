"""Protocols of resumable answers: what a store offers, and what it needs of a producer.

An answer is an event stream of the upstream. Its ``Producer`` is in one process: it has the
connection to the upstream, and puts each event into the log. The log is a topic of a feed, and
each reader is a subscriber of that topic, in any process that has the same store.

The life of an answer at its store::

    claim ──> open ──> append ... ──> end ──> (kept for ``resume_keep``, then forgotten)
      └──> discard

A log has an end: its last entry (``Entry.is_last``). If the answer is complete, that entry is
empty or an unfinished event; else it is a complete event that reports the failure.
"""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from streamserver.feed.idempotency import IdempotencyKey
from streamserver.feed.topic import Topic
from streamserver.wire.heads import Fields
from streamserver.wire.problem import HTTPError


class State(Enum):
    """How an answer has ended."""

    COMPLETE = "complete"
    """The upstream ended the stream."""
    FAILED = "failed"
    """The upstream failed, or the answer exceeded its bounds, or the server stopped."""
    CANCELLED = "cancelled"
    """A client cancelled it, or it had no reader for ``resume_window``."""
    LOST = "lost"
    """Its process is gone."""


class Head(NamedTuple):
    """The head of the upstream's response, as every reader gets it."""

    status: int
    fields: Fields


class Record(NamedTuple):
    """What a store knows of an answer, besides its log."""

    id: str
    """Unguessable: it is the last segment of the location."""
    owner: str
    """Digests of the credentials of the request, "" if it had none: see ``owner_of``."""
    key: IdempotencyKey | None
    """Includes what it is unique in: see ``scope_of``."""
    target: str
    """That of the request; it selects the form of an error event, see ``failures.form_of``."""
    head: Head | None = None
    """None until ``Store.open``."""


class Producer(Protocol):
    """The upstream's side of an answer, as its store uses it."""

    record: Record

    def set_followed(self, is_followed: bool) -> None:
        """Whether the answer has a reader, at any worker. Without one for ``resume_window`` it is
        cancelled. Repeated calls with the same value have no effect."""

    def cancel(self) -> None:
        """A client has cancelled the answer."""

    def abort(self, error: HTTPError) -> None:
        """End the answer with an error: the store cannot keep its events."""


class Store(Protocol):
    """Where answers are kept: ``MemoryStore`` or ``RedisStore``.

    Methods that are not asynchronous return at once and do not fail; what they have to send is
    sent later, in the order of the calls. HTTPError 503 of the others: the store is out of reach.
    """

    is_shared: bool
    """Whether other processes have the same answers."""

    def admits(self) -> bool:
        """Whether it is certain, without asking another process, that a claim without a key
        succeeds: then the request may be sent before the claim."""

    async def claim(self, producer: Producer) -> Record:
        """Register an answer, and return its record; but that of an earlier answer if the key
        was used for it.

        HTTPError 422 for a key that was used for another request, 503 with Retry-After if too many
        answers are held. If the call is cancelled, ``discard`` follows it.
        """

    async def opened(self, id: str) -> Record | None:
        """The record of an answer of another process when it has its head; None if it was
        discarded or lost before. Not called for answers whose producer is in this process."""

    async def open(self, record: Record) -> None:
        """The record has the head: the answer can be found from now on. Only called if the store is
        shared."""

    def append(self, id: str, events: Sequence[bytes]) -> None:
        """Add events, each encoded without an id. A store without room for them calls
        ``Producer.abort``."""

    def hold_unfinished(self, id: str, size: int) -> None:
        """The producer holds so many bytes of an event that is not complete, until the next call or
        the end. They take room, as those of events."""

    def end(self, id: str, state: State, event: bytes) -> None:
        """Add the last entry, and forget the answer in ``resume_keep`` seconds. There is always
        room for it."""

    def discard(self, id: str) -> None:
        """Forget an answer that was not opened: it is no event stream, or failed before it. Also
        called if ``claim`` or ``open`` was cancelled or failed."""

    async def find(self, id: str) -> Record | None:
        """The record of an answer that was opened; None if there is none or it has expired. A
        store that finds its process gone adds the last entry, as ``end`` with ``State.LOST``."""

    async def has(self, id: str, position: str) -> bool:
        """Whether the log of an answer has an entry with this id."""

    def topic(self, id: str) -> Topic:
        """The log of an answer."""

    def joined(self, id: str) -> None:
        """A reader in this process follows the answer, from now on."""

    def left(self, id: str) -> None:
        """A reader in this process no longer follows it."""

    async def cancel(self, id: str) -> None:
        """Cancel an answer that any process produces; without effect if it has ended. Returns when
        that process is notified, before the answer ends."""

    async def close(self) -> None:
        """Send what is left, and release everything. The producers have ended before."""
