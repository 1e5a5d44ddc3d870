"""The engine: what it promises of any load, and its steps one by one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.model.cost.engine import MOST_STEPS, Engine, Sequence
from streamserver.lab.model.cost.profile import Profile

PLAIN = Profile(100, 7, 3, prefill_chunk=1000, max_sequences=2)


def ignore(sequence: Sequence) -> None:
    """Do nothing when a token is there."""


def advance(engine: Engine, now: int) -> None:
    """Compute all steps that have ended."""
    while engine.step_end is not None and engine.step_end <= now:
        engine.advance(now)


def joined(engine: Engine, now: int, *sizes: tuple[int, int]) -> list[Sequence]:
    """Sequences with so many tokens of prompt and answer, which arrive together."""
    sequences = [Sequence(prompt, tokens, ignore) for prompt, tokens in sizes]
    engine.join(sequences, now)
    return sequences


# Steps


def test_a_sequence_alone() -> None:
    engine = Engine(PLAIN)
    [one] = joined(engine, 5000, (10, 3))
    advance(engine, 10_000)
    first = 5000 + 100 + 7 + 10 * 3
    assert one.times == [5000, first, first + 107, first + 214]
    assert (engine.is_empty, engine.step_end, engine.steps) == (True, None, 3)


def test_what_arrives_within_a_step_waits_for_its_end() -> None:
    engine = Engine(PLAIN)
    [one] = joined(engine, 0, (0, 3))
    [two] = joined(engine, 50, (5, 2))
    advance(engine, 10_000)
    assert one.times == [0, 107, 107 + 114 + 15, 236 + 114]
    assert two.times == [107, 236, 350]


def test_a_third_waits_for_a_place() -> None:
    engine = Engine(PLAIN)
    one, two, three = joined(engine, 0, (0, 2), (0, 4), (0, 1))
    assert [*engine.running] == [one, two]
    assert [*engine.waiting] == [three]
    advance(engine, 10_000)
    assert three.times == [one.times[-1], one.times[-1] + 114]


def test_a_prompt_that_is_longer_than_the_chunk_takes_several_steps() -> None:
    engine = Engine(replace(PLAIN, prefill_chunk=4))
    one, two = joined(engine, 0, (10, 1), (3, 1))
    advance(engine, 10_000)
    # Steps of 4, 4, and the last 2 tokens with the first 2 of the other prompt.
    assert one.times == [0, 2 * (107 + 12) + 114 + 12]
    assert two.times == [2 * (107 + 12), one.times[-1] + 107 + 3]


def test_an_answer_without_a_token_ends_with_its_step() -> None:
    engine = Engine(PLAIN)
    [none] = joined(engine, 0, (0, 0))
    advance(engine, 1000)
    assert (none.times, engine.is_empty) == ([0, 107], True)


def test_a_sequence_that_leaves_frees_its_place_for_the_next_step() -> None:
    engine = Engine(replace(PLAIN, max_sequences=1))
    one, two, three = joined(engine, 0, (0, 9), (0, 9), (0, 1))
    engine.leave(two)
    engine.leave(one)
    engine.leave(one)
    advance(engine, 1000)
    assert (one.times, two.times, three.times) == ([0], [], [107, 214])
    assert engine.is_empty


def test_the_step_of_sequences_that_all_left_still_takes_its_time() -> None:
    engine = Engine(PLAIN)
    for sequence in joined(engine, 0, (100, 1)):
        engine.leave(sequence)
    assert engine.is_empty
    [late] = joined(engine, 10, (0, 1))
    advance(engine, 1000)
    assert late.times == [407, 514]


def test_a_prompt_that_leaves_half_processed_uses_no_more_of_the_chunk() -> None:
    engine = Engine(replace(PLAIN, prefill_chunk=4))
    one, two = joined(engine, 0, (100, 1), (1, 1))
    engine.leave(one)
    advance(engine, 1000)
    assert two.times == [119, 119 + 107 + 3]


def test_the_queue_is_limited() -> None:
    engine = Engine(replace(PLAIN, max_waiting=3))
    joined(engine, 0, (0, 1), (0, 1), (0, 1))
    assert (engine.has_room(2), engine.has_room(3)) == (True, False)


def test_steps_are_computed_in_portions() -> None:
    engine = Engine(PLAIN)
    [one] = joined(engine, 0, (0, 2 * MOST_STEPS))
    engine.advance(10**9)
    assert len(one.times) == MOST_STEPS + 1
    engine.advance(10**9)
    assert engine.is_empty


def test_what_arrives_while_the_caller_is_late_is_not_admitted_before() -> None:
    engine = Engine(PLAIN)
    [one] = joined(engine, 0, (0, 5 * MOST_STEPS))
    [two] = joined(engine, 4 * MOST_STEPS * 107 + 50, (0, 1))
    assert len(one.times) <= 2 * MOST_STEPS
    end = one.times[0] + 6 * MOST_STEPS * 107
    [three] = joined(engine, end, (0, 1))
    advance(engine, 10**9)
    assert two.times[0] == (4 * MOST_STEPS + 1) * 107
    assert three.times == [end, end + 107]


# Any load


@dataclass(frozen=True)
class Arrival:
    """A sequence of a plan: how long after the one before it arrives, and how long it stays."""

    after: int
    prompt: int
    tokens: int
    stays: int | None = None


@dataclass
class Ran:
    """A sequence of a plan, after the run."""

    planned: Arrival
    arrived: int
    sequence: Sequence

    @property
    def left(self) -> int | None:
        """When it left, if it did."""
        return None if self.planned.stays is None else self.arrived + self.planned.stays


times = st.integers(0, 400)
arrivals = st.builds(Arrival, times, st.integers(0, 60), st.integers(1, 12))
leaving = st.builds(Arrival, times, st.integers(0, 60), st.integers(1, 12), st.none() | times)
profiles = st.builds(
    Profile,
    st.integers(1, 100),
    st.integers(0, 10),
    st.integers(0, 5),
    st.sampled_from([5, 32, 100_000]),
    st.integers(1, 4),
)


def run(profile: Profile, plan: Iterable[Arrival], checks: Iterable[int] = ()) -> list[Ran]:
    """The sequences of a plan, all of them ended; ``checks`` are moments at which the engine is
    advanced besides."""
    engine, now, ran = Engine(profile), 0, list[Ran]()
    for planned in plan:
        now += planned.after
        ran.append(Ran(planned, now, Sequence(planned.prompt, planned.tokens, ignore)))
    acts: list[tuple[int, int, Ran | None]] = [(at, 0, None) for at in checks]
    acts += [(one.arrived, 1, one) for one in ran]
    acts += [(one.left, 2, one) for one in ran if one.left is not None]
    for at, kind, one in sorted(acts, key=lambda act: act[:2]):
        advance(engine, at)
        if one and kind == 1:
            engine.join([one.sequence], at)
        elif one:
            engine.leave(one.sequence)
        assert len(engine.running) <= profile.max_sequences
    advance(engine, 10**9)
    assert engine.is_empty
    assert engine.step_end is None
    return ran


@given(profiles, st.lists(leaving, max_size=20))
def test_each_sequence_that_stays_gets_its_tokens_in_order(
    profile: Profile, plan: list[Arrival]
) -> None:
    for one in run(profile, plan):
        moments = one.sequence.times
        assert moments == sorted(set(moments))
        assert not moments or moments[0] >= one.arrived
        assert len(moments) <= one.planned.tokens + 1
        if one.left is None:
            assert len(moments) == one.planned.tokens + 1


@given(profiles, st.lists(leaving, max_size=20))
def test_sequences_are_admitted_in_order_of_arrival(profile: Profile, plan: list[Arrival]) -> None:
    admitted = [one.sequence.times[0] for one in run(profile, plan) if one.sequence.times]
    assert admitted == sorted(admitted)


@given(profiles, st.lists(leaving, max_size=20))
def test_each_step_takes_as_long_as_its_formula(profile: Profile, plan: list[Arrival]) -> None:
    """Found from the times alone, with prompts that need one step."""
    profile = replace(profile, prefill_chunk=100_000)
    ran = run(profile, plan)
    pairs = [pair for one in ran for pair in pairwise(one.sequence.times)]
    for begin, end in pairs:
        inside = [one for one in ran if is_in_step(one, begin)]
        admitted = [one for one in inside if one.sequence.times[0] == begin]
        processed = sum([one.planned.prompt for one in admitted])
        assert len(inside) <= profile.max_sequences
        assert end - begin == profile.step_time(len(inside), processed)


def is_in_step(one: Ran, begin: int) -> bool:
    """Whether a sequence ran in the step that began then."""
    moments = one.sequence.times
    if not moments or moments[0] > begin:
        return False
    has_all = len(moments) > one.planned.tokens
    return begin < moments[-1] if has_all or one.left is None else begin <= one.left


@given(profiles, st.lists(arrivals, max_size=20), st.lists(st.integers(0, 8000), max_size=20))
def test_a_caller_that_is_late_changes_no_time(
    profile: Profile, plan: list[Arrival], checks: list[int]
) -> None:
    expected = [one.sequence.times for one in run(profile, plan)]
    assert [one.sequence.times for one in run(profile, plan, checks)] == expected
