"""Notifications to a service manager, over real sockets."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from streamserver.serving.notify import Notifier
from support.managing import Manager, managing
from support.waiting import wait_until

PID = str(os.getpid())
FAST = 0.06
"""Seconds between two beats at most."""


def environment(manager: Manager, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.address, "OTHER": "stays", **more}


@pytest.mark.parametrize("kind", ["{}/s", "@{}"])
def test_the_states_of_a_server(tmp_path: Path, kind: str) -> None:
    with managing(kind.format(tmp_path)) as manager:
        variables = environment(manager)
        before = time.monotonic_ns() // 1000
        with Notifier.take(variables) as notifier:
            notifier.reloading()
            notifier.restarted()
            notifier.ready("listening on unix:a\nREADY=0")
            notifier.reloading()
            notifier.restarted("no file")
            notifier.reloading()
            notifier.restarted()
            notifier.stopping()
            notifier.stopping()
            notifier.reloading()
            notifier.restarted()
        assert variables == {"OTHER": "stays"}
        listening = {"READY": "1", "STATUS": r"listening on unix:a\nREADY=0"}
        first, reloading, *rest = manager.receive()
        assert first == listening
        assert before <= int(reloading.pop("MONOTONIC_USEC")) <= time.monotonic_ns() // 1000
        assert reloading == {"RELOADING": "1", "STATUS": "new workers start"}
        assert rest[0] == {"READY": "1", "STATUS": "not restarted: no file"}
        assert rest[2] == listening
        assert [next(iter(each)) for each in rest[3:]] == ["STOPPING"]


def test_without_the_variable_no_notification_is_sent() -> None:
    with Notifier.take({"WATCHDOG_USEC": "1"}) as notifier:
        notifier.ready("listening")
        notifier.watch()
        notifier.stopping()


@pytest.mark.parametrize("target", ["relative", "vsock:2:1234", "\0x"])
def test_an_invalid_address_is_ignored(target: str, caplog: pytest.LogCaptureFixture) -> None:
    with Notifier.take({"NOTIFY_SOCKET": target}) as notifier:
        notifier.ready("listening")
    expected = f"NOTIFY_SOCKET is ignored: {target!r} is no absolute path and no @NAME"
    assert caplog.messages == [expected]


@pytest.mark.parametrize("name", ["absent", "x" * 200])
def test_a_socket_that_cannot_be_reached_costs_one_warning(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Notifier.take({"NOTIFY_SOCKET": str(tmp_path / name)}) as notifier:
        notifier.ready("listening")
        notifier.stopping()
    (line,) = caplog.messages
    assert line.startswith("the service manager cannot be notified: ")


def test_a_manager_that_reads_nothing_does_not_block_for_long(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamserver.serving.notify.PATIENCE", 0.01)
    with managing(f"{tmp_path}/s") as manager:
        with Notifier.take(environment(manager)) as notifier:
            while not caplog.messages:
                notifier.ready("listening")
        assert caplog.messages == ["the service manager cannot be notified: timed out"]


async def test_the_watchdog_does_not_wait_for_a_manager_that_reads_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with managing(f"{tmp_path}/s") as manager, Notifier(manager.address, FAST) as notifier:
        notifier.watch()
        await wait_until(lambda: caplog.messages)
        (line,) = caplog.messages
        assert line.startswith("the service manager cannot be notified: [Errno 11] ")
        count = len(manager.receive())
        await wait_until(lambda: len(manager.receive()) > count)


BEATS = [
    ({"WATCHDOG_USEC": "60000"}, True),
    ({"WATCHDOG_USEC": "60000", "WATCHDOG_PID": PID}, True),
    ({"WATCHDOG_USEC": "60000", "WATCHDOG_PID": "1"}, False),
    ({}, False),
]


@pytest.mark.parametrize(("variables", "beats"), BEATS)
async def test_the_watchdog_is_for_one_process(
    tmp_path: Path, variables: dict[str, str], beats: bool
) -> None:
    with (
        managing(f"{tmp_path}/s") as manager,
        Notifier.take(environment(manager, **variables)) as notifier,
    ):
        notifier.watch()
        assert manager.receive() == ([{"WATCHDOG": "1"}] if beats else [])


async def test_the_watchdog_is_notified_twice_in_its_interval(tmp_path: Path) -> None:
    """As sd_watchdog_enabled(3) recommends."""
    with managing(f"{tmp_path}/s") as manager, Notifier(manager.address, 10.0) as notifier:
        notifier.watch()
        assert notifier._timer is not None
        assert 4.0 < notifier._timer.when() - asyncio.get_running_loop().time() <= 5.0


@pytest.mark.parametrize("text", ["x", "-1", "0", "1.5", "9" * 30])
def test_an_invalid_interval_is_ignored(text: str, caplog: pytest.LogCaptureFixture) -> None:
    with Notifier.take({"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": text}):
        expected = f"WATCHDOG_USEC is ignored: {text!r} is no number of microseconds"
        assert caplog.messages == [expected]


async def test_the_watchdog_stops_while_the_loop_is_blocked(tmp_path: Path) -> None:
    with managing(f"{tmp_path}/s") as manager, Notifier(manager.address, FAST) as notifier:
        notifier.watch()
        await wait_until(lambda: len(manager.receive()) >= 3)
        count = len(manager.receive())
        time.sleep(3 * FAST)  # as a handler does that never awaits
        assert len(manager.receive()) == count
        await wait_until(lambda: len(manager.receive()) > count)


async def test_the_watchdog_asks_for_the_loops_of_workers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that is silent at two calls is logged once."""
    answers: list[Sequence[int]] = [[], [], [7], [7, 8], []]
    with managing(f"{tmp_path}/s") as manager, Notifier(manager.address, FAST) as notifier:
        notifier.watch(lambda: answers.pop() if answers else ())
        await wait_until(lambda: not answers)
        assert len(manager.receive()) == 3
    expected = "the watchdog waits for workers whose event loop is blocked: pid 7, 8"
    assert caplog.messages == [expected]
