"""Simulated paths: one that passes events on is never `wrong`, also on a busy machine, and one that
holds events back is never `ok`."""

from collections.abc import Callable

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from streamserver.lab.inspect.delivery import delivery
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.inspection import judge
from streamserver.lab.inspect.recording import Message
from support import paths
from support.messages import GET
from support.paths import Write

SCHEDULER = 0.2
HELD = 0.3
"""Seconds after which an event was held back."""
POST = b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"
jitters = st.lists(st.floats(0, SCHEDULER), min_size=1, max_size=20)
sizes = st.lists(st.integers(20, 300) | st.integers(20, 20_000), min_size=1, max_size=5)
gaps = st.sampled_from([0.0, 0.001, 0.02, 0.1, 0.25, 1.0])


@st.composite
def rhythms(draw: st.DrawFn) -> list[Write]:
    """What an honest server writes: ticks, bursts, bursts after a silence, one big first event."""
    gap, group = draw(gaps), draw(st.sampled_from([1, 1, 3, 8, 20]))
    first, count = draw(st.sampled_from([0.0, 0.02, 0.7, 3.0])), draw(st.integers(1, 60))
    size = draw(sizes)
    each = [
        Write(first + n // group * gap, paths.event(n, size[n % len(size)])) for n in range(count)
    ]
    if draw(st.booleans()):
        each.insert(0, Write(first, paths.event(0, 100_000)))
    return _joined(each) if draw(st.booleans()) else each


def _joined(writes: list[Write]) -> list[Write]:
    """The same, with up to seven events that are there at once in one write."""
    found: list[Write] = []
    count = 0
    for at, data in writes:
        if found and found[-1].at == at and count % 7:
            found[-1] = Write(at, found[-1].data + data)
        else:
            found.append(Write(at, data))
            count = 0
        count += 1
    return found


@given(rhythms(), jitters, jitters, st.sampled_from([GET, POST]), st.floats(0, 2))
@settings(max_examples=80)
def test_an_honest_path_is_never_blamed(
    writes: list[Write], jitter: list[float], other: list[float], request: bytes, rest: float
) -> None:
    end = writes[-1].at + rest

    def over(jitter: list[float], stalled: float) -> Message:
        start, *arrived = paths.jittered([Write(0.0, b""), *writes], jitter)
        ended = max(end, arrived[-1].at)
        return paths.response(arrived, ended, head_at=start.at, request=request, stalled=stalled)

    old = paths.response(writes, end, start=paths.head(paths.TYPE), end="closed")
    for before, stalled in ((None, 0.0), (old, SCHEDULER)):
        evidence = Evidence(over(jitter, stalled), repeated=over(other, stalled), old=before)
        assert [one for one in judge(evidence) if one.status == "wrong"] == []


@given(rhythms(), jitters)
def test_an_honest_path_is_never_blamed_in_the_middle_of_a_stream(
    writes: list[Write], jitter: list[float]
) -> None:
    arrived = paths.jittered(writes, jitter)
    message = paths.response(arrived, arrived[-1].at + 1, end="stopped")
    assert delivery(message).kind != "held"


@given(st.integers(3, 60), gaps, st.integers(0, 3000), jitters)
def test_an_honest_path_is_never_blamed_by_stamps(
    count: int, gap: float, size: int, jitter: list[float]
) -> None:
    writes = [Write(n * gap, paths.stamped(n, n * gap, size)) for n in range(count)]
    message = paths.response(paths.jittered(writes, jitter), stalled=max(jitter))
    assert delivery(message).kind != "held"


Path = Callable[[list[Write], float], list[Write]]
buffers = st.sampled_from([4096, 8192, 16384, 65536])
holding = st.one_of(
    st.builds(lambda size: lambda writes, end: paths.filled(writes, size, end), buffers),
    st.builds(lambda size: lambda writes, end: paths.unflushed(writes, size, end), buffers),
    st.builds(
        lambda period: lambda writes, end: paths.timed(writes, period, end),
        st.sampled_from([1.0, 3.0]),
    ),
    st.just(lambda writes, end: [Write(end, b"".join(one.data for one in writes))]),
)


@given(
    st.lists(st.integers(60, 300) | st.integers(60, 20_000), min_size=1, max_size=5),
    st.integers(3, 200),
    st.sampled_from([0.02, 0.1, 0.25, 0.5]),
    st.floats(0, 1),
    holding,
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=80)
def test_a_path_that_holds_events_back_is_never_praised(
    size: list[int],
    count: int,
    gap: float,
    rest: float,
    path: Path,
    has_stamps: bool,
    is_cut: bool,
) -> None:
    make = paths.stamped if has_stamps else lambda n, due, size: paths.event(n, size)
    writes = [Write(n * gap, make(n, n * gap, size[n % len(size)])) for n in range(count)]
    end = writes[-1].at + rest
    delivered = path(writes, end)
    arrived = _arrivals(writes, delivered)
    late = [at - one.at > HELD for at, one in zip(arrived, writes, strict=True)]
    assume(2 * sum(late) > count)
    message = paths.response(delivered, end, end="stopped" if is_cut else "complete")
    assert delivery(message).kind != "direct"


def _arrivals(writes: list[Write], delivered: list[Write]) -> list[float]:
    """When the last byte of each write was delivered."""
    found, offset, left = [], 0, iter(delivered)
    total, now = 0, 0.0
    for _, data in writes:
        offset += len(data)
        while total < offset:
            one = next(left)
            total, now = total + len(one.data), one.at
        found.append(now)
    return found
