"""Ids of the form that Redis streams use: each is greater, whatever the clock does."""

from collections.abc import Callable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from streamserver.feed.feed import Feed
from streamserver.feed.memory import Memory
from support.following import MakeFeed, app, following
from support.inprocess import Serve


def clock(*seconds: float) -> Callable[[], float]:
    """A clock that shows these times, one after the other, and stands still at the last."""
    times: Iterator[float] = iter(seconds)
    shown = [seconds[-1]]
    return lambda: next(times, shown[0])


def parts(id: str) -> tuple[int, int]:
    milliseconds, _, number = id.partition("-")
    return int(milliseconds), int(number)


def test_an_id_is_the_time_and_a_number() -> None:
    memory = Memory(clock(1.5, 1.5004, 1.501, 1.5019, 1.502))
    assert [memory.next_id() for _ in range(5)] == [
        "1500-0",
        "1500-1",
        "1501-0",
        "1501-1",
        "1502-0",
    ]


def test_a_clock_that_goes_back() -> None:
    memory = Memory(clock(5, 4, 4.9, 5, 5.001))
    assert [memory.next_id() for _ in range(5)] == [
        "5000-0",
        "5000-1",
        "5000-2",
        "5000-3",
        "5001-0",
    ]


@given(st.lists(st.floats(0.001, 4e9), min_size=1))
def test_each_is_greater_than_the_one_before(times: list[float]) -> None:
    memory = Memory(clock(*times))
    given = [parts(memory.next_id()) for _ in range(len(times) + 3)]
    assert given == sorted(set(given))


async def test_a_process_that_starts_anew_never_repeats_them(serve: Serve) -> None:
    """And a position of the process before is not valid in it."""
    before, after = Memory(clock=clock(7)), Memory(clock=clock(7.001))
    old, new = Feed("news", before), Feed("news", after)
    ids = [await old.publish(n) for n in range(3)]
    later = [await new.publish(n) for n in range(3, 6)]
    assert sorted({*map(parts, [*ids, *later])}) == [*map(parts, ids), *map(parts, later)]
    server = await serve(app(new))
    async with following(server, ids[-1]) as reader:
        await reader.read(4)
        assert reader.gaps == [{"after": ids[-1], "first": later[0]}]
        assert reader.data[1:] == ["3", "4", "5"]


async def test_a_topic_whose_first_position_is_an_id_too(serve: Serve) -> None:
    """A client of the process before could have it, and would get no gap."""
    feed = Feed("news", Memory(clock=clock(7)))
    assert await feed.publish("first") == "7000-1"
    server = await serve(app(feed))
    async with following(server, "7000-0") as known, following(server, "6999-9") as unknown:
        await known.read(1)
        await unknown.read(2)
    assert known.gaps == []
    assert unknown.gaps == [{"after": "6999-9", "first": "7000-1"}]


async def test_they_are_what_publish_and_readers_tell(serve: Serve, make_feed: MakeFeed) -> None:
    feed = make_feed()
    server = await serve(app(feed))
    async with following(server) as reader:
        await reader.position()
        ids = [await feed.publish(n) for n in range(20)]
        await reader.read(20)
    assert [event.id for event in reader.events] == ids
    assert sorted(map(parts, ids)) == [*map(parts, ids)]
