"""The search finds the highest load that is met, and ends for any outcomes."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamserver.lab.sweep.search import MAX_PRECISION, MIN_PRECISION, Scale, Search, Trial

scales = st.builds(
    lambda low, factor, precision: Scale(low, low * factor, precision),
    st.floats(0.01, 1000),
    st.floats(1, 10_000),
    st.floats(MIN_PRECISION, MAX_PRECISION),
)
whole_scales = st.builds(
    lambda low, more, precision: Scale(low, low + more, precision, is_whole=True),
    st.integers(1, 1000),
    st.integers(0, 10_000),
    st.floats(MIN_PRECISION, MAX_PRECISION),
)


def search(
    scale: Scale,
    is_met: Callable[[float], bool],
    is_valid: Callable[[], bool] = lambda: True,
) -> tuple[Search, list[Trial]]:
    """A search to its end, and its trials."""
    found, trials = Search(scale), list[Trial]()
    while trial := found.next:
        left = found.most_left
        trials.append(trial)
        found.add(is_met(trial.load), is_valid())
        assert found.most_left < left
    assert found.most_left == 0
    return found, trials


@given(scales | whole_scales, st.floats(0.5, 2e7))
def test_the_knee_is_found_within_the_precision(scale: Scale, knee: float) -> None:
    found, trials = search(scale, lambda load: load <= knee)
    assert all(scale.low <= trial.load <= scale.high for trial in trials)
    if knee < scale.low:
        assert (found.best, found.missed) == (None, scale.low)
    elif knee >= scale.high:
        assert (found.best, found.missed) == (scale.high, None)
    else:
        assert found.best is not None
        assert found.missed is not None
        assert found.best <= knee < found.missed
        step = max(found.best * scale.precision, 1 if scale.is_whole else 0)
        assert found.missed - found.best <= step * (1 + 1e-9)


@given(scales | whole_scales, st.integers(0, 2**32), st.floats(0, 1))
def test_outcomes_at_random_end_the_search_too(scale: Scale, seed: int, share: float) -> None:
    random = Random(seed)
    most = Search(scale).most_left
    found, trials = search(
        scale, lambda load: random.random() < share, lambda: random.random() < 0.5
    )
    assert len(trials) <= most
    assert (found.best or 0) <= scale.high
    if scale.is_whole:
        assert all(trial.load % 1 == 0 for trial in trials)


@settings(max_examples=25)
@given(scales | whole_scales, st.floats(0.5, 2e4), st.integers(0, 30))
def test_one_wrong_miss_changes_nothing(scale: Scale, knee: float, at: int) -> None:
    right, trials = search(scale, lambda load: load <= knee)
    measured: list[float] = []

    def is_met(load: float) -> bool:
        measured.append(load)
        wrong = len(measured) - 1 == at and load <= knee
        return load <= knee and not wrong

    found, doubted = search(scale, is_met)
    assert (found.best, found.missed) == (right.best, right.missed)
    assert len(doubted) - len(trials) in (0, 1)


def test_the_trials_of_a_search() -> None:
    found, trials = search(Scale(1, 1000), lambda load: load <= 10.3)
    assert [(one.load, one.purpose) for one in trials] == [
        (1, "rising"), (2, "rising"), (4, "rising"), (8, "rising"),
        (16, "rising"), (16, "confirming"),
        (11.31, "narrowing"), (11.31, "confirming"),
        (9.512, "narrowing"),
        (10.37, "narrowing"), (10.37, "confirming"),
        (9.932, "narrowing"),
    ]  # fmt: skip
    assert (found.best, found.missed) == (9.932, 10.37)


@pytest.mark.parametrize(("misses", "number"), [("vv", 2), ("vn", 3), ("nv", 3), ("nn", 3)])
def test_a_load_counts_as_missed_after_two_valid_misses_or_three_of_any(
    misses: str, number: int
) -> None:
    outcomes = iter(misses + "v")
    found, trials = search(Scale(5, 9), lambda load: False, lambda: next(outcomes) == "v")
    assert (found.missed, len(trials)) == (5, number)


@pytest.mark.parametrize("is_met", [True, False])
def test_a_scale_of_one_load(is_met: bool) -> None:
    _, trials = search(Scale(5, 5), lambda load: is_met)
    assert [one.load for one in trials] == [5] * (1 if is_met else 2)
