"""Workers: one per socket, replaced when they die, gone when their supervisor is.

The workers here are real processes with a handful of lines: they tell each client their pid.
"""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from streamserver.server.listener import Listener
from streamserver.serving import generation
from streamserver.serving.sockets import listen_tcp
from streamserver.serving.supervisor import Supervisor
from streamserver.serving.worker import inherit
from support.family import LIMIT, Family, Raise, errors
from support.kernel import backlog
from support.process import alive
from support.waiting import wait_until


def test_what_a_worker_inherits_goes_no_further() -> None:
    descriptors = [sock.detach() for sock in socket.socketpair()]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    listening, lifeline = inherit("{} {}".format(*descriptors))
    for sock, descriptor in zip([*listening, lifeline], descriptors, strict=True):
        with sock:
            assert sock.fileno() == descriptor
            assert not sock.get_inheritable()


async def test_one_worker_for_each_socket_announced_once(raise_family: Raise) -> None:
    async with raise_family(3) as family:
        await wait_until(lambda: family.announced, LIMIT)
        pids = await family.pids(3)
        os.kill(pids.pop(), signal.SIGKILL)
        assert len(pids | await family.pids(3)) == 3
        assert family.announced == ["the url"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGKILL, "killed by signal 9 (Killed)"), (signal.SIGTERM, "by signal 15")],
)
async def test_a_dead_worker_is_replaced_and_takes_over_the_queue(
    raise_family: Raise, caplog: pytest.LogCaptureFixture, number: int, words: str
) -> None:
    async with raise_family(1) as family:
        first = await family.answer()
        os.kill(first, signal.SIGSTOP)
        # It is stopped and cannot accept, so these wait in the queue of its socket.
        waiting = [await family.connect() for _ in range(5)]
        os.kill(first, number)
        with contextlib.suppress(ProcessLookupError):
            os.kill(first, signal.SIGCONT)
        answered = set(await asyncio.gather(*waiting))
        assert len(answered) == 1
        assert first not in answered
    (line,) = errors(caplog)
    assert f"worker 1 (pid {first}) was" in line
    assert words in line
    assert line.endswith("another starts now")


async def test_workers_that_die_at_once_are_tried_again_and_again(
    raise_family: Raise, caplog: pytest.LogCaptureFixture
) -> None:
    async with raise_family(1, "broken") as family:
        await wait_until(lambda: len(errors(caplog)) >= 3, LIMIT)
        family.supervisor.stop()
        await family.ended()
    lines = errors(caplog)
    assert all("ended with exit status 3" in line for line in lines)
    assert [line.rpartition(" starts ")[2] for line in lines] == ["now", "in 0.25 s", "in 0.5 s"]
    assert not family.announced


async def test_a_command_that_cannot_be_started_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with listen_tcp("127.0.0.1", 0) as listening:
        supervisor = Supervisor(["/no/such"], {}, [listening], grace=1, announce=print)
        running = asyncio.create_task(supervisor.run())
        await wait_until(lambda: len(errors(caplog)) >= 2, LIMIT)
        supervisor.stop()
        await asyncio.wait_for(running, 5)
    assert "worker 1 cannot start: " in errors(caplog)[0]
    assert "/no/such" in errors(caplog)[0]


async def test_stop_is_passed_on_and_nobody_can_connect_any_more(raise_family: Raise) -> None:
    async with raise_family(2) as family:
        pids = await family.pids(2)
        family.supervisor.stop()
        await family.ended()
        assert not any(map(alive, pids))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", family.port))


async def still_there(family: Family, pids: set[int]) -> None:
    """They have not ended within a moment, though they could have."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(family.ended(), 0.3)
    assert all(map(alive, pids))


async def test_the_second_stop_aborts(
    raise_family: Raise, capfd: pytest.CaptureFixture[str]
) -> None:
    async with raise_family(2, "stubborn") as family:
        pids = await family.pids(2)
        family.supervisor.stop()
        await still_there(family, pids)
        family.supervisor.stop()
        await family.ended()
    assert capfd.readouterr().out == "abort\n" * 2


async def test_the_third_stop_kills(raise_family: Raise) -> None:
    async with raise_family(2, "hanging") as family:
        pids = await family.pids(2)
        family.supervisor.stop()
        family.supervisor.stop()
        await still_there(family, pids)
        family.supervisor.stop()
        await family.ended()
        assert not any(map(alive, pids))


@pytest.mark.parametrize("stops", [1, 2])
async def test_a_worker_that_hangs_is_killed(
    raise_family: Raise, monkeypatch: pytest.MonkeyPatch, stops: int
) -> None:
    monkeypatch.setattr(generation, "MARGIN", 0.2)
    async with raise_family(1, "hanging", grace=0.1 if stops == 1 else 300) as family:
        await family.answer()
        for _ in range(stops):
            family.supervisor.stop()
        await family.ended()


async def test_a_worker_may_die_before_it_reads_the_order_to_abort(
    raise_family: Raise, capfd: pytest.CaptureFixture[str]
) -> None:
    async with raise_family(1, "deaf") as family:
        await wait_until(lambda: capfd.readouterr().out == "deaf\n", LIMIT)
        for _ in range(3):
            family.supervisor.stop()
        await family.ended()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the bound of a queue")
async def test_a_worker_leaves_the_queue_of_its_socket_as_long_as_it_was() -> None:
    async def never_called(request: object) -> NoReturn:
        raise AssertionError

    with listen_tcp("127.0.0.1", 0) as (sock,):
        before = backlog(sock)
        listener = Listener(never_called)
        await listener.start(sock=sock)
        assert backlog(sock) == before
        await listener.stop(0)


@pytest.mark.parametrize("turns", range(6))
async def test_a_stop_at_any_moment_of_a_start_is_heard(raise_family: Raise, turns: int) -> None:
    async with raise_family(1) as family:
        for _ in range(turns):
            await asyncio.sleep(0)
        family.supervisor.stop()
        await family.ended()
        assert not family.announced


async def test_a_worker_whose_loop_is_blocked_is_silent(raise_family: Raise) -> None:
    async with raise_family(2) as family:
        await wait_until(lambda: family.announced, LIMIT)
        silent, blocked = family.supervisor.silent, (await family.pids(2)).pop()
        await wait_until(lambda: not silent(), LIMIT)
        os.kill(blocked, signal.SIGSTOP)
        await wait_until(lambda: silent() == [blocked], LIMIT)
        os.kill(blocked, signal.SIGCONT)
        await wait_until(lambda: not silent(), LIMIT)


async def test_a_worker_handles_sigint_when_it_is_ready(raise_family: Raise) -> None:
    """Without that, a Ctrl-C while it starts costs a traceback."""
    async with raise_family(1) as family:
        status = Path(f"/proc/{await family.answer()}/status").read_text()
    (blocked,) = re.findall(r"^SigBlk:\s*(\w+)", status, re.MULTILINE)
    assert int(blocked, 16) >> (signal.SIGINT - 1) & 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
