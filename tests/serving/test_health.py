"""The blocks and delays that follow from looks at an event loop, at times that the test chooses."""

import pytest

from streamserver.serving.health import (
    ASK_EVERY,
    INTERVAL,
    PATIENCE,
    REPORT_EVERY,
    Block,
    Health,
    Reading,
    Reports,
)


class Looks:
    """A health, and looks at it: each at a time, with clocks that stand unless they are set."""

    def __init__(self) -> None:
        self.health: Health[str] = Health(Reading(0, 0, 0))
        self.cpu = self.queued = self.collecting = 0.0

    def look(self, now: float) -> None:
        self.health.on_look(Reading(now, self.cpu, self.collecting))

    def wait(self, now: float) -> bool:
        """The loop waits in its selector."""
        self.look(now)
        return self.health.on_waiting()

    def ask(self, now: float, stack: str = "handler") -> None:
        """The loop works."""
        self.look(now)
        self.health.ask(self.queued)
        self.health.sample(stack, stack)

    def silence(self, now: float, stack: str = "handler", debug: bool = False) -> Block[str] | None:
        self.look(now)
        self.health.sample(stack, stack)
        return self.health.on_silence(self.queued, debug)

    def answer(self, at: float, now: float) -> tuple[object, ...] | None:
        """The members of the block."""
        self.look(now)
        block = self.health.on_answer(at, self.queued)
        return block and tuple(block)


@pytest.fixture
def looks() -> Looks:
    """The loop works, and was asked 50 ms after the last look."""
    looks = Looks()
    looks.ask(0.05)
    return looks


def test_a_loop_that_waits_is_on_time_and_is_asked_at_intervals() -> None:
    looks = Looks()
    waits = [looks.wait(n * 2 * INTERVAL) for n in range(ASK_EVERY + 1)]
    assert waits == [True] * ASK_EVERY + [False]
    assert looks.health.delays == [0.0] * (2 * ASK_EVERY - 1), "one for each 50 ms"


def test_looks_are_rare_while_the_loop_is_nearly_idle() -> None:
    looks = Looks()
    looks.wait(0.05)
    assert looks.health.interval == 2 * INTERVAL
    looks.cpu = 0.01
    looks.wait(0.15)
    assert looks.health.interval == INTERVAL


def test_an_answer_in_time_is_no_block(looks: Looks) -> None:
    assert looks.answer(0.06, 0.10) is None
    assert looks.health.delays == pytest.approx([0.01])


def test_a_block_is_as_long_as_the_delay_and_half_an_interval(looks: Looks) -> None:
    for n in range(2, 7):
        assert looks.silence(n * INTERVAL) is None
    assert looks.answer(0.34, 0.35) == (pytest.approx(0.315), "handler", False, True)


@pytest.mark.parametrize(
    ("since", "queued", "end", "seconds"),
    [
        (0.02, 0.0, 0.125, 0.105),
        (0.02, 0.0, 0.115, None),
        (0.01, 0.03, 0.15, 0.11),
        (0.02, 0.06, 0.125, None),
        (0.0, 0.0, 0.125, None),
    ],
)
def test_a_block_whose_beginning_is_known(
    since: float, queued: float, end: float, seconds: float | None
) -> None:
    """The loop waited at the look before; its thread may have waited for a CPU since then."""
    looks = Looks()
    assert looks.wait(0.0)
    assert looks.health.is_suspected
    looks.queued = queued
    looks.look(0.1)
    looks.health.ask(looks.queued, since)
    looks.health.sample("handler", "handler")
    found = looks.answer(end, 0.15)
    assert found == (seconds and (pytest.approx(seconds), "handler", False, True))


def test_an_answer_counts_for_each_look_that_found_none(looks: Looks) -> None:
    looks.silence(0.10)
    looks.silence(0.15)
    looks.answer(0.17, 0.20)
    assert looks.health.delays == pytest.approx([0.12, 0.07, 0.02])


def test_the_stack_of_most_looks_is_reported(looks: Looks) -> None:
    for n, stack in enumerate(["other", "slow", "slow", "slow", "other"], 2):
        looks.silence(n * INTERVAL, stack)
    assert "slow" in (looks.answer(0.34, 0.35) or ())


def test_a_look_is_late_because_the_callback_held_the_lock_of_the_interpreter() -> None:
    looks = Looks()
    looks.cpu = 0.45
    looks.look(0.45)
    assert looks.health.is_suspected
    looks.health.ask(0)
    looks.health.sample("handler", "handler")
    assert looks.answer(0.46, 0.50) == (pytest.approx(0.41 + 0.025), "handler", False, True)


@pytest.mark.parametrize("late", [0.0, 0.5, 100.0])
def test_a_stopped_process_is_no_block(looks: Looks, late: float) -> None:
    looks.cpu = 0.02
    looks.silence(0.10 + late)
    assert looks.answer(0.12 + late, 0.15 + late) is None
    assert sum(looks.health.delays) < 0.2


def test_a_process_that_is_stopped_before_the_answer_and_the_look(looks: Looks) -> None:
    assert looks.answer(9.06, 9.10) is None


def test_a_process_that_was_stopped_between_two_looks() -> None:
    looks = Looks()
    looks.ask(60.0)
    assert looks.answer(60.01, 60.05) is None


def test_a_thread_that_waits_for_a_cpu_is_no_block(looks: Looks) -> None:
    """The looks are in time: the kernel prefers threads that sleep most of the time."""
    for n in range(2, 7):
        looks.silence(n * INTERVAL)
    looks.queued = 0.25
    assert looks.answer(0.34, 0.35) is None


def test_a_debugger_is_no_block(looks: Looks) -> None:
    for n in range(2, 1000):
        assert looks.silence(n * INTERVAL, debug=True) is None
    assert looks.answer(1000 * INTERVAL - 0.01, 1000 * INTERVAL) is None


def test_a_collection_is_charged_to_the_collector(looks: Looks) -> None:
    looks.cpu, looks.collecting = 0.3, 0.25
    looks.silence(0.35)
    assert looks.answer(0.36, 0.40) == (pytest.approx(0.335), None, True, True)


def test_a_handler_is_not_charged_with_the_collections_during_its_block(looks: Looks) -> None:
    looks.cpu = 0.3
    looks.collecting = 0.1
    looks.silence(0.35)
    assert looks.answer(0.36, 0.40) == (pytest.approx(0.235), "handler", False, True)


def test_a_long_block_is_reported_before_its_end_and_each_minute() -> None:
    looks = Looks()
    looks.ask(INTERVAL)
    reported = []
    for n in range(2, round(130 / INTERVAL)):
        if block := looks.silence(n * INTERVAL):
            reported.append(n * INTERVAL)
            assert not block.is_over
    first = PATIENCE + INTERVAL
    assert reported == pytest.approx([first, first + REPORT_EVERY, first + 2 * REPORT_EVERY])
    assert looks.answer(130, 130) is None


def test_a_place_is_reported_once_a_minute_with_the_count_between() -> None:
    reports = Reports()
    calls = [("a", 5), ("a", 6), ("b", 7), ("a", 64.9), ("a", 65), ("a", 66), ("a", 4000)]
    assert [reports.count(*call) for call in calls] == [0, None, 0, None, 2, None, 1]


def test_a_place_is_forgotten_after_an_hour() -> None:
    reports = Reports()
    for now in range(0, 100_000, 100):
        reports.count(now, now)
    assert len(reports._places) <= 37
