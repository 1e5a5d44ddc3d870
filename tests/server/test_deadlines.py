"""Deadlines on a clock that the test turns."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from streamserver.server.deadlines import Deadlines
from support.clock import Clock


class Kind:
    """Deadlines of ten seconds, and whose have passed when."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.clock = Clock()
        self.passed: list[tuple[str, float]] = []
        loop = cast(asyncio.AbstractEventLoop, self.clock)
        self.deadlines: Deadlines[str] = Deadlines(loop, seconds, self.expire)
        self.start, self.stop = self.deadlines.start, self.deadlines.stop

    def expire(self, owner: str) -> None:
        self.passed.append((owner, self.clock.now - 1000))


@pytest.fixture
def kind() -> Kind:
    return Kind()


def test_a_deadline_passes_when_its_time_is_over_and_once(kind: Kind) -> None:
    kind.start("a")
    kind.clock.turn_to(9.999)
    assert kind.passed == []
    kind.clock.turn_to(100)
    assert kind.passed == [("a", 10)]
    assert kind.clock.armed == []


def test_deadlines_pass_in_the_order_of_their_start(kind: Kind) -> None:
    for second, owner in enumerate("abc"):
        kind.clock.turn_to(second)
        kind.start(owner)
    kind.clock.turn_to(100)
    assert kind.passed == [("a", 10), ("b", 11), ("c", 12)]


def test_shortened_deadlines_count_from_their_start(kind: Kind) -> None:
    for second, owner in enumerate("abc"):
        kind.clock.turn_to(4 * second)
        kind.start(owner)
    kind.deadlines.shorten(20)  # not shorter
    kind.clock.turn_to(9)
    assert kind.passed == []
    kind.deadlines.shorten(3)
    kind.clock.turn_to(9)
    assert kind.passed == [("a", 9), ("b", 9)]
    kind.start("d")
    kind.clock.turn_to(100)
    assert kind.passed[2:] == [("c", 11), ("d", 12)]


def test_deadlines_of_one_moment_pass_together(kind: Kind) -> None:
    for owner in "abc":
        kind.start(owner)
    kind.clock.turn_to(10)
    assert kind.passed == [("a", 10), ("b", 10), ("c", 10)]
    assert kind.clock.made == 1


def test_a_start_gives_the_full_time_again(kind: Kind) -> None:
    kind.start("a")
    kind.clock.turn_to(4)
    kind.start("b")
    kind.clock.turn_to(8)
    kind.start("a")
    assert len(kind.deadlines) == 2
    kind.clock.turn_to(17.9)
    assert kind.passed == [("b", 14)]
    kind.clock.turn_to(18)
    assert kind.passed == [("b", 14), ("a", 18)]


def test_a_deadline_that_is_stopped_does_not_pass(kind: Kind) -> None:
    kind.start("a")
    kind.start("b")
    kind.stop("a")
    assert len(kind.deadlines) == 1
    kind.clock.turn_to(100)
    assert kind.passed == [("b", 10)]


def test_stopping_what_was_not_started_is_nothing(kind: Kind) -> None:
    kind.stop("a")
    kind.start("a")
    kind.stop("a")
    kind.stop("a")
    kind.clock.turn_to(100)
    assert kind.passed == []


def test_a_deadline_can_be_started_again_once_it_has_passed(kind: Kind) -> None:
    kind.start("a")
    kind.clock.turn_to(15)
    kind.start("a")
    kind.clock.turn_to(100)
    assert kind.passed == [("a", 10), ("a", 25)]


@pytest.mark.parametrize("count", [1, 1000])
def test_there_is_one_timer_however_many_deadlines(kind: Kind, count: int) -> None:
    for number in range(count):
        kind.start(f"{number}")
    assert kind.clock.armed == [10]


def test_starting_and_stopping_leaves_the_timer_alone(kind: Kind) -> None:
    """Which is what makes them cheap: it rings for nobody, and then once more when needed."""
    kind.start("a")
    for tenth in range(1, 90):
        kind.clock.turn_to(tenth / 10)
        kind.stop("a")
        kind.start("a")
    assert (kind.clock.made, kind.clock.armed) == (1, [10])
    kind.clock.turn_to(18.89)
    assert kind.passed == []
    assert kind.clock.made == 2
    assert kind.clock.armed == pytest.approx([18.9])
    kind.clock.turn_to(18.91)
    assert [owner for owner, _ in kind.passed] == ["a"]


def test_no_timer_is_left_once_all_are_stopped(kind: Kind) -> None:
    kind.start("a")
    kind.stop("a")
    kind.clock.turn_to(10)
    assert kind.clock.armed == []
    kind.start("b")
    kind.clock.turn_to(20)
    assert kind.passed == [("b", 20)]


def test_closing_forgets_everything(kind: Kind) -> None:
    kind.start("a")
    kind.start("b")
    kind.deadlines.close()
    assert (len(kind.deadlines), kind.clock.armed) == (0, [])
    kind.clock.turn_to(100)
    assert kind.passed == []
    kind.deadlines.close()


def test_zero_seconds_switch_the_kind_off() -> None:
    kind = Kind(seconds=0)
    kind.start("a")
    assert (len(kind.deadlines), kind.clock.made) == (0, 0)
    kind.stop("a")


# --- while one passes -------------------------------------------------------------------------


class Acting(Kind):
    """A kind whose first deadline to pass does something about the others."""

    def __init__(self, act: Callable[[Kind], object]) -> None:
        super().__init__()
        self.act = act

    def expire(self, owner: str) -> None:
        super().expire(owner)
        if len(self.passed) == 1:
            self.act(self)


@pytest.mark.parametrize(
    ("act", "passed"),
    [
        (lambda kind: kind.start("a"), [("a", 10), ("b", 10), ("c", 13), ("a", 20)]),
        (lambda kind: kind.start("b"), [("a", 10), ("c", 13), ("b", 20)]),
        (lambda kind: kind.start("c"), [("a", 10), ("b", 10), ("c", 20)]),
        (lambda kind: kind.start("d"), [("a", 10), ("b", 10), ("c", 13), ("d", 20)]),
        (lambda kind: kind.stop("b"), [("a", 10), ("c", 13)]),
        (lambda kind: kind.stop("c"), [("a", 10), ("b", 10)]),
        (lambda kind: kind.deadlines.close(), [("a", 10)]),
    ],
    ids=[
        *("restarts itself", "restarts its peer", "restarts a later one", "starts another"),
        *("stops its peer", "stops a later one", "closes all"),
    ],
)
def test_what_one_does_that_passes(
    act: Callable[[Kind], object], passed: list[tuple[str, float]]
) -> None:
    kind = Acting(act)
    kind.start("a")
    kind.start("b")
    kind.clock.turn_to(3)
    kind.start("c")
    kind.clock.turn_to(100)
    assert kind.passed == passed
    assert kind.clock.armed == []


async def test_on_a_real_loop() -> None:
    passed = asyncio.Event()
    deadlines = Deadlines[str](asyncio.get_running_loop(), 0.01, lambda _: passed.set())
    deadlines.start("a")
    await asyncio.wait_for(passed.wait(), 5)
