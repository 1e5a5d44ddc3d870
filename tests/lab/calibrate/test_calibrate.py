"""Rising loads against a target of our own, as a user calibrates, and what is remembered of it."""

import json
import signal
from pathlib import Path

import pytest

from cli.conftest import interrupted, run
from streamserver.cli.calibrate import events_per_second, keep, kept_in
from streamserver.lab.calibrate.calibrate import calibrate
from streamserver.lab.calibrate.level import Level, Tolerance, highest
from streamserver.lab.calibrate.own_target import own_target
from streamserver.lab.calibrate.table import outcome
from streamserver.lab.target.app import make_target
from support.inprocess import Serve
from support.nginx import reserved_port

PATIENT = Tolerance(10**12, 10**12, 10**12, 1)
SMALL = ((1, 50.0), (5, 50.0))


async def test_every_event_of_every_stream_is_looked_at(serve: Serve) -> None:
    target = await serve(make_target())
    levels = [level async for level in calibrate(target.url, 0.1, PATIENT, SMALL)]
    assert [(level.streams, level.events, level.failed) for level in levels] == [
        (1, 5, 0),
        (5, 25, 0),
    ]
    for level in levels:
        # Nothing comes before it was sent, and nothing is sent before it is due.
        assert level.delay.get_min_value() > 1
        assert level.first_excess.get_min_value() > 1


async def test_it_ends_with_the_first_load_that_does_not_hold(serve: Serve) -> None:
    target = await serve(make_target())
    strict = Tolerance(first_p50=0)
    levels = [level async for level in calibrate(target.url, 0.1, strict, SMALL)]
    assert [level.streams for level in levels] == [1]


async def test_a_target_that_is_gone_holds_no_load() -> None:
    with reserved_port() as port:
        [level] = [one async for one in calibrate(f"http://127.0.0.1:{port}", 0.1, PATIENT, SMALL)]
    assert (level.events, level.failed) == (0, 1)
    assert level.misses(PATIENT)
    assert outcome([level], highest([level], PATIENT)).startswith("Nothing was measured: ")


async def test_more_events_than_a_record_holds_are_refused() -> None:
    with pytest.raises(ValueError, match="1000 within fewer seconds"):
        await anext(calibrate("http://127.0.0.1", 21, PATIENT, SMALL))


async def test_its_target_is_there_as_long_as_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STREAMSERVER_UDS", "/nowhere/at/all")  # is for other servers
    async with own_target("asyncio") as url:
        [level] = [level async for level in calibrate(url, 0.1, PATIENT, SMALL[:1])]
    assert level.events == 5


def test_what_holds_is_remembered(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    assert events_per_second(environment) is None
    keep(Level(100, 50.0, 1), environment)
    assert events_per_second(environment) == 5000
    for broken in ("", "[]", "{}", '{"streams": 1, "rate": null}'):
        kept_in(environment).write_text(broken)
        assert events_per_second(environment) is None


def test_where_it_cannot_be_remembered_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "streamserver").write_text("")
    keep(Level(100, 50.0, 1), {"XDG_CACHE_HOME": str(tmp_path)})
    assert "not remembered" in capsys.readouterr().out


def test_the_command_tells_each_load_and_the_outcome(tmp_path: Path) -> None:
    """Whatever this machine can do while it runs other tests."""
    done = run("calibrate", "--seconds", "1s", "--up-to", "10", XDG_CACHE_HOME=str(tmp_path))
    heading, *lines = done.stdout.splitlines()
    assert heading.split()[0] == "streams"
    assert lines[0].split()[:3] == ["1", "10", "10"]
    kept = kept_in({"XDG_CACHE_HOME": str(tmp_path)})
    if done.returncode == 0:
        assert lines[-1].startswith("Figures hold up to ")
        assert json.loads(kept.read_text())["streams"] >= 1
    else:
        assert (done.returncode, kept.exists()) == (3, False)
        assert "not even the lowest load" in lines[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_its_target_too(number: int) -> None:
    done = interrupted(number, b"streams", "calibrate")
    assert done.returncode == 1
    assert done.stderr == "streamserver: it was interrupted, and tells nothing\n"


def test_a_wrong_option_is_refused() -> None:
    done = run("calibrate", "--seconds", "11")
    assert done.returncode == 2
    assert "a duration from 1 to 10 whole seconds" in done.stderr
