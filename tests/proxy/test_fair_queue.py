"""The queue for slots: it is fair between clients and bounded, and no slot is lost."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from streamserver.proxy.fair_queue import FairQueue, Refused
from streamserver.proxy.settings import QueueLimits
from support.growth import MOST, growth

CLIENTS = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
WAITING = 4
T = TypeVar("T")


async def settle() -> None:
    """Enough iterations for a wake-up, and for what it wakes."""
    for _ in range(3):
        await asyncio.sleep(0)


class Service:
    """Slots behind a queue, as a group of upstreams has them."""

    def __init__(self, slots: int, limits: QueueLimits) -> None:
        self.free = list(range(slots))
        self.queue: FairQueue[int] = FairQueue(limits, self.release)
        self.served: list[str] = []

    async def acquire(self, client: str) -> int:
        slot = self.free.pop() if self.free else await self.queue.wait(client)
        self.served.append(client)
        return slot

    def release(self, slot: int) -> None:
        if not self.queue.give(slot):
            self.free.append(slot)


async def order_of(clients: Sequence[str]) -> list[str]:
    """The order in which requests of these clients are served that all wait for one slot."""
    service = Service(1, QueueLimits())
    slot = await service.acquire("first")
    tasks = [asyncio.create_task(service.acquire(client)) for client in clients]
    await settle()
    for _ in tasks:
        service.release(slot)
        await settle()
    for task in tasks:
        task.result()
    service.queue.close()
    return service.served[1:]


@pytest.mark.parametrize(
    ("arrive", "served"),
    [
        ("a a a", "a a a"),
        ("a a a b", "a b a a"),
        ("a a b b c", "a b c a b"),
        ("1.2.3.4:1 1.2.3.4:2 1.2.3.5:3", "1.2.3.4:1 1.2.3.5:3 1.2.3.4:2"),
        ("[2001:db8::1]:1 [2001:db8::f:2]:1 b", "[2001:db8::1]:1 b [2001:db8::f:2]:1"),
        ("2001:db8::1 2001:db8:0:1::1 2001:db8::2", "2001:db8::1 2001:db8:0:1::1 2001:db8::2"),
        ("2001:db8::1 2001:db8::2 2001:db8:0:1::1", "2001:db8::1 2001:db8:0:1::1 2001:db8::2"),
        ("[::ffff:1.2.3.4]:1 [::ffff:1.2.3.4]:2 [::ffff:1.2.3.5]:1 1.2.3.4",
         "[::ffff:1.2.3.4]:1 [::ffff:1.2.3.5]:1 [::ffff:1.2.3.4]:2 1.2.3.4"),
        ("[2001:db8:1:2:3:4:5:6] [2001:db8:1:2::1] [2001:db8:1:3::1]",
         "[2001:db8:1:2:3:4:5:6] [2001:db8:1:3::1] [2001:db8:1:2::1]"),
        ("[::1] [::1]:1 a", "[::1] a [::1]:1"),
        ("[fe80::1%eth0]:1 [fe80::1%eth0]:2 a", "[fe80::1%eth0]:1 a [fe80::1%eth0]:2"),
        ("unix unix a", "unix a unix"),
        ("fe80::1%eth0 fe80::2%eth0 _hidden", "fe80::1%eth0 _hidden fe80::2%eth0"),
    ],
)  # fmt: skip
async def test_clients_are_served_round_robin(arrive: str, served: str) -> None:
    assert await order_of(arrive.split()) == served.split()


async def waiting(service: Service, clients: str) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(service.acquire(client)) for client in clients.split()]
    await settle()
    return tasks


def reason(task: asyncio.Task[int]) -> str:
    """Why it was refused; "" while it waits."""
    if not task.done():
        return ""
    error = task.exception()
    assert isinstance(error, Refused)
    assert error.status == 503
    assert int(error.headers["Retry-After"]) >= 1
    return error.reason


@pytest.mark.parametrize(
    ("arrive", "refused"),
    [
        ("a a a a a", {4}),
        ("a b c d e", {4}),
        ("a a a a b", {3}),  # the newest of the client with most
        ("a a a a b b b", {3, 2, 6}),  # until they are even
        ("a a b b c", {1}),
    ],
)
async def test_a_full_queue_refuses_the_client_with_most(arrive: str, refused: set[int]) -> None:
    service = Service(0, QueueLimits(waiting=4, wait=60))
    tasks = await waiting(service, arrive)
    assert {number for number, task in enumerate(tasks) if reason(task) == "full"} == refused
    for task in tasks:
        task.cancel()
    await settle()
    assert len(service.queue) == 0
    service.queue.close()


@pytest.mark.parametrize("limits", [QueueLimits(waiting=0), QueueLimits(wait=0)])
async def test_no_request_waits_with_a_limit_of_zero(limits: QueueLimits) -> None:
    (task,) = await waiting(Service(0, limits), "a")
    assert reason(task) == "full"


async def test_a_request_that_waited_too_long_is_refused() -> None:
    service = Service(0, QueueLimits(waiting=1, wait=0.01))
    for _ in range(2):
        (task,) = await waiting(service, "a")
        await asyncio.wait([task])
        assert reason(task) == "late"
    service.queue.close()


async def test_a_refusal_estimates_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(0, QueueLimits(waiting=1))
    loop, now = asyncio.get_running_loop(), 1000.0
    monkeypatch.setattr(loop, "time", lambda: now)
    for passed, expected in ((0.0, 1), (7.2, 8), (1000.0, 60)):
        await waiting(service, "a")
        now += passed
        service.release(1)
        assert service.queue.retry_after == expected
    service.queue.close()


async def test_each_operation_takes_constant_time() -> None:
    """Without tasks, whose memory makes ten thousand of them more than ten times as slow."""

    def work(size: int) -> None:
        queue: FairQueue[int] = FairQueue(QueueLimits(waiting=size), int)
        # A third are of one client. Then some leave, some are displaced, and all are served.
        waits = [queue.wait(f"c{number if number % 3 else 0}") for number in range(size)]
        for wait in waits:
            wait.send(None)
        for wait in waits[::4]:
            with pytest.raises(asyncio.CancelledError):
                wait.throw(asyncio.CancelledError())
        more = [queue.wait(f"m{number}") for number in range(size // 3)]
        for wait in more:
            wait.send(None)
        served = 0
        while queue.give(0):
            served += 1
        assert served == size
        for wait in [*waits, *more]:
            with suppress(StopIteration, Refused, RuntimeError):
                wait.send(None)
        queue.close()

    assert growth(work, 1250) < MOST


class Machine(RuleBasedStateMachine):
    """Clients come, are served, leave and end, in any order within an iteration of the loop."""

    tasks = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.service = self.run(self.open())
        self.all: list[asyncio.Task[int]] = []
        self.ended: set[asyncio.Task[int]] = set()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def open(self) -> Service:
        return Service(2, QueueLimits(waiting=WAITING, wait=1000))

    @rule(target=tasks, client=st.sampled_from(CLIENTS))
    def arrive(self, client: str) -> asyncio.Task[int]:
        async def begin() -> asyncio.Task[int]:
            return asyncio.create_task(self.service.acquire(client))

        self.all.append(self.run(begin()))
        return self.all[-1]

    @rule(task=tasks)
    def leave(self, task: asyncio.Task[int]) -> None:
        task.cancel()

    @rule(task=consumes(tasks))
    def end(self, task: asyncio.Task[int]) -> None:
        """The stream of a request that has got a slot ends."""
        if task.done() and not task.cancelled() and task.exception() is None:
            self.ended.add(task)
            self.service.release(task.result())

    @rule()
    def settle(self) -> None:
        self.run(settle())
        self.check_settled()

    @invariant()
    def nothing_exceeds_its_limit(self) -> None:
        assert len(self.service.queue) <= WAITING
        assert len(self.held()) + len(self.service.free) <= 2
        assert len(set(self.held() + self.service.free)) == len(self.held() + self.service.free)

    def held(self) -> list[int]:
        return [
            task.result()
            for task in self.all
            if task.done()
            and task not in self.ended
            and not task.cancelled()
            and task.exception() is None
        ]

    def check_settled(self) -> None:
        """Each slot is held or free, and none is free while a request waits."""
        held = self.held()
        assert sorted(held + self.service.free) == [0, 1]
        assert len(self.service.queue) == sum(not task.done() for task in self.all)
        assert not (self.service.free and len(self.service.queue))

    def teardown(self) -> None:
        self.settle()
        for task in self.all:
            if task not in self.ended:
                self.end_now(task)
        self.run(settle())
        assert sorted(self.service.free) == [0, 1]
        self.service.queue.close()
        self.runner.close()

    def end_now(self, task: asyncio.Task[int]) -> None:
        if task.done():
            if not task.cancelled() and task.exception() is None:
                self.service.release(task.result())
        else:
            task.cancel()


TestNoSlotIsLost = Machine.TestCase
TestNoSlotIsLost.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
