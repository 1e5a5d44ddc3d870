"""Calibration: the errors of measured figures, of made-up and of real exchanges; the command."""

import json
import signal
from array import array
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import interrupted, run
from streamserver.cli.calibrate import calibrated_rate, calibration_file, save
from streamserver.lab.calibration import (
    Level,
    TargetFailed,
    Tolerance,
    calibrate,
    conclusion,
    highest_valid,
    own_target,
)
from streamserver.lab.client.record import Record
from streamserver.lab.target.app import make_target
from support.calling import call
from support.inprocess import Serve
from support.nginx import reserved_port

PATIENT = Tolerance(10**12, 10**12, 10**12, 1)
SMALL = ((1, 50.0), (5, 50.0))


async def test_every_event_of_every_stream_is_compared(serve: Serve) -> None:
    target = await serve(make_target())
    levels = [level async for level in calibrate(target.url, 0.1, PATIENT, SMALL)]
    assert [(level.streams, level.events, level.failed) for level in levels] == [
        (1, 5, 0),
        (5, 25, 0),
    ]
    for level in levels:
        # No event arrives before it was sent, or is sent before it is due.
        assert level.delay.get_min_value() > 1
        assert level.first_excess.get_min_value() > 1


async def test_it_ends_with_the_first_load_that_is_not_valid(serve: Serve) -> None:
    target = await serve(make_target())
    strict = Tolerance(first_p50=0)
    levels = [level async for level in calibrate(target.url, 0.1, strict, SMALL)]
    assert [level.streams for level in levels] == [1]


async def test_a_target_that_is_gone_is_no_valid_load() -> None:
    with reserved_port() as port:
        [level] = [one async for one in calibrate(f"http://127.0.0.1:{port}", 0.1, PATIENT, SMALL)]
    assert (level.events, level.failed) == (0, 1)
    assert level.errors(PATIENT)
    assert conclusion([level], highest_valid([level], PATIENT)).startswith("Nothing was measured: ")


async def test_more_events_than_a_record_keeps_are_refused() -> None:
    with pytest.raises(ValueError, match="1000 within fewer seconds"):
        await anext(calibrate("http://127.0.0.1", 21, PATIENT, SMALL))


async def test_its_own_target_ignores_options_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STREAMSERVER_UDS", "/nowhere/at/all")
    async with own_target("asyncio") as url:
        [level] = [level async for level in calibrate(url, 0.1, PATIENT, SMALL[:1])]
    assert level.events == 5


async def test_the_output_of_a_target_that_does_not_start_is_reported() -> None:
    with pytest.raises(TargetFailed, match=r"(?s)does not start: .*--loop: 'none' is not one of"):
        async with own_target("none"):
            pass


def test_the_result_is_stored(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    assert calibrated_rate(environment) is None
    save(Level(100, 50.0, 1), environment)
    assert calibrated_rate(environment) == 5000
    for broken in ("", "[]", "{}", '{"streams": 1, "rate": null}'):
        calibration_file(environment).write_text(broken)
        assert calibrated_rate(environment) is None


def test_a_result_that_cannot_be_stored_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "streamserver").write_text("")
    save(Level(100, 50.0, 1), {"XDG_CACHE_HOME": str(tmp_path)})
    assert "not stored" in capsys.readouterr().out


def test_the_command_reports_each_load_and_the_conclusion(tmp_path: Path) -> None:
    """The result depends on what else the machine runs."""
    done = run("calibrate", "--seconds", "1s", "--up-to", "10", XDG_CACHE_HOME=str(tmp_path))
    heading, *lines = done.stdout.splitlines()
    assert heading.split()[0] == "streams"
    assert lines[0].split()[:3] == ["1", "10", "10"]
    stored = calibration_file({"XDG_CACHE_HOME": str(tmp_path)})
    if done.returncode == 0:
        assert lines[-1].startswith("Figures are valid up to ")
        assert json.loads(stored.read_text())["streams"] >= 1
    else:
        assert (done.returncode, stored.exists()) == (3, False)
        assert "not even the lowest load" in lines[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_its_target_too(number: int) -> None:
    done = interrupted(number, b"streams", "calibrate")
    assert done.returncode == 1
    assert done.stderr == "streamserver: interrupted: nothing is reported\n"


def test_a_wrong_option_is_refused() -> None:
    done = call("calibrate", "--seconds", "11")
    assert done.returncode == 2
    assert "a duration from 1 to 10 whole seconds" in done.stderr


MS = 1_000_000
DELAY = 5 * MS


def exchange(*arrived_after: int, first: int = 0) -> Record:
    """An exchange with events sent 10 ms apart, which arrived so many ns later."""
    sent = [100 * MS + DELAY + n * 10 * MS for n in range(len(arrived_after))]
    stamps = [(n, one, one) for n, one in enumerate(sent)]
    arrivals = [one + after for one, after in zip(sent, arrived_after, strict=True)]
    record = Record(planned=1, sent=100 * MS - first, end="complete")
    record.stamp_numbers = array("q", chain.from_iterable(stamps))
    record.arrivals, record.first_event = array("q", arrivals), arrivals[0]
    return record


def level_of(*records: Record) -> Level:
    level = Level(100, 100, len(records[0].arrivals))
    for record in records:
        level.add(record, DELAY)
    return level


def p50(histogram: Any) -> int:
    return int(histogram.get_value_at_percentile(50))


def test_the_first_excess_is_counted_from_the_request_without_the_commanded_delay() -> None:
    level = level_of(exchange(2 * MS, first=MS))
    assert p50(level.first_excess) == pytest.approx(3 * MS, rel=0.001)
    assert p50(level.delay) == pytest.approx(2 * MS, rel=0.001)


def test_a_late_event_shortens_the_gap_after_it() -> None:
    level = level_of(exchange(8 * MS, MS), exchange(8 * MS, MS))
    assert p50(level.shortened) == pytest.approx(7 * MS, rel=0.001)
    assert level.joined == 0


def test_events_joined_in_one_read_are_counted() -> None:
    assert level_of(exchange(10 * MS, 0, 0)).joined == 1


def test_events_sent_together_are_not_joined() -> None:
    record = exchange(10 * MS, 0)
    first, second = record.stamps
    stamps = [first._replace(sent=second.sent - MS), second]
    record.stamp_numbers = array("q", chain.from_iterable(stamps))
    assert level_of(record).joined == 0


@pytest.mark.parametrize(
    ("records", "errors"),
    [
        ([exchange(MS, MS, MS)], []),
        ([exchange(4 * MS)], ["first event p50 4.0 ms off"]),
        ([exchange(12 * MS)], ["first event p50 12.0 ms off", "first event p99 12.0 ms off"]),
        ([exchange(0, 15 * MS, MS)], ["gaps 14.0 ms off"]),
        ([exchange(0, 0, 10 * MS, 0)], ["gaps 10.0 ms off", "1 events joined"]),
        ([exchange(MS), Record(end="reset")], ["1 streams failed: reset"]),
        ([exchange(MS), Record(end="refused", status=404)], ["1 streams failed: refused 404"]),
        (
            [exchange(MS, MS), exchange(MS)],
            ["1 streams failed: 1 of 2 stamped events arrived"],
        ),
        # A stream without an event measures nothing, so its load is not valid.
        (
            [exchange(MS), Record(end="complete", status=200)],
            ["1 streams failed: 0 of 1 stamped events arrived"],
        ),
    ],
)
def test_errors_beyond_the_tolerance(records: list[Record], errors: list[str]) -> None:
    assert level_of(*records).errors(Tolerance()) == errors


def test_the_highest_valid_load_is_the_last_before_one_that_is_not() -> None:
    good, bad = level_of(exchange(MS)), level_of(exchange(50 * MS))
    lucky = level_of(exchange(MS))
    assert highest_valid([good, bad, lucky], Tolerance()) is good
    assert highest_valid([bad, good], Tolerance()) is None
    assert highest_valid([good, lucky], Tolerance()) is lucky


def test_the_conclusion() -> None:
    level = Level(1, 100, 1)
    level.add(Record(end="unconnected", detail="connection refused"), DELAY)
    assert conclusion([level], None) == (
        "Nothing was measured: all streams failed: unconnected connection refused"
    )
    busy = level_of(exchange(50 * MS))
    assert "not even the lowest load" in conclusion([busy], None)
    good = level_of(exchange(MS))
    assert conclusion([good, level], good).startswith("Figures are valid up to 100 streams")
