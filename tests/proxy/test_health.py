"""The health of a replica, as a table and as a state machine; time and random numbers are passed
in."""

import math

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamserver.proxy.health import EXCLUDED, HEALTHY, LONGEST_REFUSAL, PROBED, Health
from streamserver.proxy.settings import Backoff

BACKOFF = Backoff(first=1.0, longest=8.0)


def health(chance: float = math.nextafter(1, 0)) -> Health:
    """A health whose exclusions last for the whole backoff, unless `random` is given."""
    return Health(BACKOFF, lambda: chance)


def test_each_failure_in_a_row_doubles_the_time() -> None:
    it, now, times = health(), 100.0, []
    for _ in range(6):
        it.fail(it.begin(now), now)
        times.append(round(it.until - now, 6))
        assert not it.is_available(it.until - 0.001)
        now = it.until
        assert it.is_available(now)
    assert times == [1, 2, 4, 8, 8, 8]
    it.succeed(it.begin(0.0))
    it.fail(it.begin(now), now)
    assert round(it.until - now, 6) == 1


def test_the_time_is_between_half_and_all_of_it() -> None:
    it = health(0.0)
    it.fail(it.begin(0.0), 0.0)
    assert it.until == 0.5


def test_a_thousand_failures_do_not_overflow() -> None:
    it = health()
    for _ in range(2000):
        it.fail(it.begin(0.0), 0.0)
    assert it.until <= BACKOFF.longest


def test_one_request_is_the_probe() -> None:
    it = health()
    it.fail(it.begin(0.0), 0.0)
    probe = it.begin(0.0)
    assert (it.standing, it.is_available(7.9)) == (PROBED, False)
    assert it.succeed(probe)
    assert it.is_available(0.0)
    assert not it.succeed(it.begin(0.0))  # nothing changes, so nothing is to be logged


def test_a_probe_without_a_result_is_not_the_only_one_for_ever() -> None:
    """Its client may send the body slowly."""
    it = health()
    it.fail(it.begin(0.0), 0.0)
    probe = it.begin(1.0)
    assert [it.is_available(now) for now in (8.9, 9.0)] == [False, True]
    assert it.begin(9.0) == probe  # either result counts
    assert [it.is_available(now) for now in (16.9, 17.0)] == [False, True]
    assert it.succeed(probe)
    assert it.is_available(0.0)


def test_of_requests_that_fail_together_one_counts() -> None:
    it = health()
    numbers = [it.begin(0.0) for _ in range(100)]
    assert [it.fail(number, 0.0) for number in numbers] == [True, *[False] * 99]
    assert round(it.until, 6) == 1


def test_a_result_of_a_request_before_the_recovery_is_ignored() -> None:
    it = health()
    old = it.begin(0.0)
    it.fail(it.begin(0.0), 0.0)
    it.succeed(it.begin(0.0))
    assert not it.fail(old, 60.0)
    assert it.standing is HEALTHY
    it.fail(it.begin(0.0), 60.0)
    assert not it.succeed(old)
    assert it.standing is EXCLUDED


def test_an_abandoned_probe_is_followed_by_another() -> None:
    it = health()
    it.fail(it.begin(0.0), 0.0)
    it.abandon(it.begin(0.0))
    assert it.is_available(1.0)
    it.succeed(it.begin(0.0))
    it.abandon(it.begin(0.0))
    assert it.standing is HEALTHY


@pytest.mark.parametrize(
    ("asked", "until"), [(1, 1), (30, 30), (3600, 3600), (1e10, LONGEST_REFUSAL)]
)
def test_a_refusal_bars_until_its_time(asked: float, until: float) -> None:
    it = health()
    assert it.refuse(0.0, asked)
    assert it.is_barred(until - 0.001)
    assert not it.is_barred(until)
    assert it.is_available(until)
    assert not it.refuse(0.0, 0.5)  # of a request in flight: shorter, and no change
    assert it.until == until


def test_a_failure_does_not_bar() -> None:
    it = health()
    it.refuse(0.0, 5.0)
    it.fail(it.begin(0.0), 5.0)
    assert not it.is_available(5.5)
    assert not it.is_barred(5.5)
    it.refuse(5.5, 0.1)  # no longer than its Retry-After, after a longer exclusion too
    assert it.until == pytest.approx(5.6)


class Machine(RuleBasedStateMachine):
    """Any order of events, against what must hold in every state."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.it = Health(BACKOFF, lambda: 0.5)
        self.sent: list[int] = []  # numbers of requests that run
        self.barred = 0.0

    def take(self, index: int) -> int:
        return self.sent.pop(index % len(self.sent))

    @rule(seconds=strategies.sampled_from((0.01, 0.6, 3.0, 10.0)))
    def passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def begins(self) -> None:
        if self.it.is_available(self.now):
            was_excluded = self.it.standing is EXCLUDED
            self.sent.append(self.it.begin(self.now))
            if was_excluded:  # until its result, no further request
                assert not self.it.is_available(self.now + BACKOFF.longest - 0.001)

    @precondition(lambda self: self.sent)
    @rule(index=strategies.integers(0, 9))
    def succeeds(self, index: int) -> None:
        before, number = self.it.standing, self.take(index)
        if self.it.succeed(number):
            assert (before, self.it.standing) == (PROBED, HEALTHY)
        else:
            assert self.it.standing is before

    @precondition(lambda self: self.sent)
    @rule(index=strategies.integers(0, 9))
    def fails(self, index: int) -> None:
        before, number = self.it.standing, self.take(index)
        is_new = self.it.fail(number, self.now)
        assert is_new == (before is HEALTHY and self.it.standing is EXCLUDED)

    @precondition(lambda self: self.sent)
    @rule(index=strategies.integers(0, 9), seconds=strategies.sampled_from((0.1, 2.0, 1e6)))
    def refuses(self, index: int, seconds: float) -> None:
        self.take(index)
        self.it.refuse(self.now, seconds)
        self.barred = max(self.barred, self.now + min(seconds, LONGEST_REFUSAL))

    @precondition(lambda self: self.sent)
    @rule(index=strategies.integers(0, 9))
    def leaves(self, index: int) -> None:
        self.it.abandon(self.take(index))

    @invariant()
    def it_is_barred_as_long_as_it_asked(self) -> None:
        if self.now < self.barred:
            assert self.it.is_barred(self.now)
            assert not self.it.is_available(self.now)

    @invariant()
    def it_always_comes_back(self) -> None:
        """A request may be sent once the time is over, whether or not the last probe has ended."""
        assert self.it.is_available(max(self.now + BACKOFF.longest, self.barred))

    @invariant()
    def a_probe_is_in_flight(self) -> None:
        if self.it.standing is PROBED:
            assert self.it.changes in self.sent


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
