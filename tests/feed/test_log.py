"""The log: which entries it holds, at which offsets, and which positions it knows."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.feed.coded_blocks import BlockCoder, GzipBlocks, ZstdBlocks
from streamserver.feed.log import ORIGIN, Entry, Log, make_entry
from streamserver.wire.chunked import Decoder
from streamserver.wire.sse import Event

MANY = 1_000_000


def entries(count: int, size: int = 10, after: int = 0) -> list[Entry]:
    """Consecutive entries with the ids 1-0, 2-0 and so on, or from after `after` on."""
    event = b"data: %b\n\n" % (b"x" * size)
    return [make_entry(f"{n}-0", f"{n - 1}-0", event) for n in range(after + 1, after + count + 1)]


def filled(row: Sequence[Entry], max_events: int = MANY, max_bytes: int = MANY) -> Log:
    """A log to which these entries have been added."""
    log = Log(max_events, max_bytes, ORIGIN)
    log.append(row)
    return log


def held(log: Log) -> list[str]:
    """The ids that it has."""
    return [entry.id for entry in log.read(log.start, MANY)]


def test_an_entry_is_a_chunk_of_an_event_with_its_id() -> None:
    entry = make_entry("7-1", "7-0", b"event: news\ndata: {}\n\n")
    assert entry.data == b"id: 7-1\nevent: news\ndata: {}\n\n"
    assert Decoder().feed(entry.chunk) == [entry.data]
    assert entry.size == len(entry.data)
    assert entry.event() == Event("{}", event="news", id="7-1")


def test_an_entry_gives_back_an_event_of_any_size() -> None:
    """A parser bounds what it gathers; what is in the log has been admitted before."""
    text = "x" * (17 * 1024 * 1024)
    assert make_entry("1-0", ORIGIN, b"data: %b\n\n" % text.encode()).event().data == text


@pytest.mark.parametrize("make", [GzipBlocks, ZstdBlocks])
def test_an_entry_is_encoded_once_for_each_coding(make: type[BlockCoder]) -> None:
    entry = make_entry("7-1", "7-0", b"event: news\ndata: {}\n\n")
    coded = entry.coded(make())
    assert entry.coded(make()) is coded
    assert coded.data == entry.data
    [block] = Decoder().feed(coded.chunk)
    assert block == make.block(entry.data)
    assert coded.size == len(block)
    assert {entry.coded(other()) is coded for other in (GzipBlocks, ZstdBlocks)} == {True, False}
    assert entry == make_entry("7-1", "7-0", b"event: news\ndata: {}\n\n")


def test_an_empty_log_has_one_position() -> None:
    log = Log(10, MANY, "5-0")
    assert (log.start, log.end, log.last_id, log.newest) == (1, 1, "5-0", None)
    assert log.offset_after("5-0") == log.end
    assert log.offset_after(ORIGIN) is None
    assert log.id_before(log.end) == "5-0"
    assert list(log.read(log.end, MANY)) == []


def test_a_log_that_has_not_begun_has_none() -> None:
    log = Log(10, MANY, None)
    assert (log.start, log.end, log.last_id, log.newest) == (1, 1, None, None)
    with pytest.raises(ValueError, match="not known yet"):
        log.id_before(log.end)


def test_every_position_of_a_log() -> None:
    row = entries(5)
    log = filled(row)
    for count in range(6):
        number = log.offset_after(f"{count}-0")
        assert number == log.start + count
        assert log.id_before(number) == f"{count}-0"
        assert list(log.read(number, MANY)) == row[count:]
    assert log.offset_after("6-0") is None
    assert log.newest is row[-1]


@pytest.mark.parametrize("bound", [1, 3, 7])
def test_the_oldest_go_when_there_are_too_many(bound: int) -> None:
    log = filled(entries(10), max_events=bound)
    assert held(log) == [f"{n}-0" for n in range(11 - bound, 11)]
    assert log.offset_after(f"{10 - bound}-0") == log.start
    assert log.offset_after(f"{9 - bound}-0") is None
    assert (log.end, log.last_id) == (11, "10-0")


@pytest.mark.parametrize("bound", [1, 3, 7])
@pytest.mark.parametrize("spare", [0, 1])
def test_the_oldest_go_when_they_are_too_large(bound: int, spare: int) -> None:
    row = entries(8, size=100)
    size = len(row[0].chunk)
    log = filled(row, max_bytes=bound * size + spare)
    assert held(log) == [f"{n}-0" for n in range(9 - bound, 9)]
    log.append(entries(1, size=2 * 100, after=8))  # larger, so that more than one has to go
    assert sum(len(entry.chunk) for entry in log.read(log.start, MANY)) <= bound * size + spare or (
        held(log) == ["9-0"]
    )


def test_what_is_newest_is_always_there() -> None:
    """An event may be as large as the log, and with its id and its framing it is larger."""
    log = filled(entries(3), max_bytes=1)
    assert held(log) == ["3-0"]
    assert log.newest is not None


def test_a_reset_invalidates_every_offset() -> None:
    log = filled(entries(3))
    end = log.end
    log.reset("9-0")
    assert log.start == log.end > end
    assert (held(log), log.newest, log.last_id) == ([], None, "9-0")
    assert log.offset_after("3-0") is None
    assert log.offset_after("9-0") == log.end


def test_a_reset_to_an_unknown_id_knows_no_position() -> None:
    log = filled(entries(3))
    log.reset(None)
    assert log.last_id is None
    assert held(log) == []
    assert [log.offset_after(id) for id in ("3-0", "", ORIGIN)] == [None] * 3
    log.reset("3-0")
    log.append(entries(1, after=3))
    assert held(log) == ["4-0"]


def test_an_entry_that_does_not_follow_resets_the_log() -> None:
    log = filled(entries(3))
    at_end = log.end
    log.append(entries(2, after=7))
    assert held(log) == ["8-0", "9-0"]
    assert log.start > at_end
    assert log.offset_after("3-0") is None
    assert log.offset_after("7-0") == log.start


@pytest.mark.parametrize(
    ("size", "count"), [(1, 1), (116, 1), (117, 2), (116 * 2, 2), (116 * 2 + 1, 3), (MANY, 5)]
)
def test_what_is_read_at_once(size: int, count: int) -> None:
    """Until the size is reached; at least one entry."""
    log = filled(entries(5, size=100))
    assert log.read(log.start, MANY)[0].size == 116
    assert len(log.read(log.start, size)) == count


class Model:
    """A log as a plain list, without regard to speed."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self.bounds = max_events, max_bytes
        self.entries: list[Entry] = []
        self.before = ORIGIN

    def add(self, entry: Entry) -> None:
        if entry.previous != self.last:
            self.entries, self.before = [], entry.previous
        self.entries.append(entry)
        while len(self.entries) > 1 and (
            len(self.entries) > self.bounds[0]
            or sum(len(entry.chunk) for entry in self.entries) > self.bounds[1]
        ):
            self.before = self.entries.pop(0).id

    @property
    def last(self) -> str:
        return self.entries[-1].id if self.entries else self.before

    def behind(self, id: str) -> list[Entry] | None:
        """What comes after an id; None if it is not here."""
        known = [self.before, *(entry.id for entry in self.entries)]
        return self.entries[known.index(id) :] if id in known else None


@given(
    bounds=st.tuples(st.integers(1, 6), st.integers(1, 400)),
    steps=st.lists(st.tuples(st.integers(0, 120), st.booleans()), max_size=30),
)
def test_it_is_what_a_list_would_be(bounds: tuple[int, int], steps: list[tuple[int, bool]]) -> None:
    """Entries of any size, some after a gap; every id is looked up."""
    log, model = Log(*bounds, ORIGIN), Model(*bounds)
    stood, id = log.end, 0
    for size, hole in steps:
        id += 1 + hole
        [entry] = entries(1, size, after=id - 1)
        log.append([entry])
        model.add(entry)
        assert (log.last_id, log.newest) == (model.last, model.entries[-1])
        assert log.end - log.start == len(model.entries)
        assert log.start > stood if hole else log.end == stood + 1
        stood = log.end
        for each in range(id + 2):
            number = log.offset_after(f"{each}-0")
            found = None if number is None else list(log.read(number, MANY))
            assert found == model.behind(f"{each}-0")
