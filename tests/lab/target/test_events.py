"""When events are due and how large they are, for tables of parameters."""

from itertools import islice, pairwise
from statistics import fmean, pstdev

import pytest

from streamserver.lab.target.distributions import DEFAULT_SPREADS, NAMES
from streamserver.lab.target.events import due_times, offsets, sizes
from support.stream_options import stream_options

MS = 1_000_000


def due(query: str) -> list[int | None]:
    """When events are due, in ms, rounded since the floats are not exact."""
    return [at if at is None else round(at / MS) for at in due_times(stream_options(query))]


@pytest.mark.parametrize(
    ("query", "times"),
    [
        ("count=0", []),
        ("count=1", [0]),
        ("count=3&gap=0.1", [0, 100, 200]),
        ("count=3&gap=0.1&first_byte_delay=1.5", [1500, 1600, 1700]),
        # The delay of the head does not delay the events further.
        ("count=2&gap=0.1&head_delay=1", [0, 100]),
        # A burst is due at once, and the mean rate stays.
        ("count=7&gap=0.1&burst=3", [0, 0, 0, 300, 300, 300, 600]),
        # A batch is due when its last event is.
        ("count=5&gap=0.1&chunk_events=2", [100, 100, 300, 300, 400]),
        ("count=5&gap=0.1&write_events=4", [300, 300, 300, 300, 400]),
        ("count=5&gap=0.1&chunk_events=2&write_events=4", [300, 300, 300, 300, 400]),
        # Without a gap only the first event has a time of its own.
        ("count=3&gap=0&first_byte_delay=0.2", [200, None, None]),
        ("count=3&gap=0&first_byte_delay=0.2&chunk_events=2", [200, 200, None]),
    ],
)
def test_when_events_are_due(query: str, times: list[int | None]) -> None:
    assert due(query) == times


def test_nothing_drifts() -> None:
    """A hundred thousand gaps of a third of a millisecond, which is no whole number of ns."""
    *_, last = due_times(stream_options("count=99001&gap=0.000333333333333333"))
    assert last == 33_000_000_000  # the sum of rounded gaps would be 32,999,967,000


@pytest.mark.parametrize("burst", [1, 5])
@pytest.mark.parametrize("jitter", NAMES)
def test_jitter_keeps_the_rate_and_the_order(jitter: str, burst: int) -> None:
    many = 50_000
    options = stream_options(f"gap=0.01&count={many}&jitter={jitter}&burst={burst}")
    times = [at or 0 for at in due_times(options)]
    assert times[-1] / many == pytest.approx(10 * MS, rel=0.03)
    gaps = [after - before for before, after in pairwise(times[::burst])]
    assert min(gaps) >= 0
    deviation = {"uniform": 0.5 / 3**0.5}.get(jitter, DEFAULT_SPREADS[jitter])
    assert pstdev(gaps) == pytest.approx(deviation * 10 * MS * burst, rel=0.05)


@pytest.mark.parametrize("jitter", NAMES)
def test_the_same_seed_repeats_exactly(jitter: str) -> None:
    query = f"count=100&jitter={jitter}&size_jitter={jitter}"
    one, same, other = [stream_options(f"{query}&seed={seed}") for seed in (7, 7, 8)]
    assert [*due_times(one)] == [*due_times(same)]
    assert [*islice(sizes(one), 100)] == [*islice(sizes(same), 100)]
    if jitter != "none":
        assert [*due_times(one)] != [*due_times(other)]
        assert [*islice(sizes(one), 100)] != [*islice(sizes(other), 100)]


def test_one_parameter_does_not_change_what_another_selects() -> None:
    plain = stream_options("count=50&jitter=normal&size_jitter=normal")
    others = stream_options("count=50&jitter=normal&size_jitter=none&text=utf8&stamps=1")
    assert [*due_times(plain)] == [*due_times(others)]


@pytest.mark.parametrize("jitter", NAMES)
def test_sizes_have_the_requested_mean(jitter: str) -> None:
    found = [*islice(sizes(stream_options(f"size=1000&size_jitter={jitter}")), 20_000)]
    assert fmean(found) == pytest.approx(1000, rel=0.03)
    assert min(found) >= 0


def test_tokens_are_paced_as_events_are() -> None:
    options = stream_options("jitter=none&burst=2")
    assert [*offsets(options, 1.0, 0.25, 4)] == [at * 1_000 * MS for at in (1, 1, 1.5, 1.5)]
