"""Runs of `bench` that a signal ends: the first ends the load, the second discards the figures."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from streamserver.cli.calibrate import calibrated_rate
from streamserver.cli.problem import CannotServe, warn
from streamserver.lab.client.record import Record
from streamserver.lab.load.job import Job
from streamserver.lab.load.processes import CannotRun, Coordinator, Result
from streamserver.lab.report.progress import Progress
from streamserver.lab.report.summary import Summary

WORKER = "--worker"
"""The only argument of a process of `bench` that executes a share of a run."""
T = TypeVar("T")


class Runs:
    """Runs one job after the other, each in processes of its own."""

    def __init__(self, processes: int) -> None:
        self.is_interrupted = False
        self._processes = processes
        self._coordinator: Coordinator | None = None

    async def run(
        self,
        job: Job,
        on_progress: Callable[[Progress], object],
        on_record: Callable[[Record], object] = lambda record: None,
    ) -> Result:
        """The result of a job, of what it has done so far if a signal ends it; CannotServe if it
        cannot begin."""
        command = [sys.executable, "-m", "streamserver", "bench", WORKER]
        coordinator = Coordinator(job, self._processes, command, on_progress, on_record)
        self._coordinator = coordinator
        if self.is_interrupted:  # between two runs
            coordinator.stop()
        try:
            return await coordinator.run()
        except CannotRun as error:
            raise CannotServe(f"{job.request.shown_url}: {error}") from error

    def stop(self) -> None:
        """End the run."""
        self.is_interrupted = True
        if self._coordinator is not None:
            self._coordinator.stop()


async def measure(processes: int, work: Callable[[Runs], Awaitable[T]]) -> T:
    """The result of the work; CannotServe for a second signal."""
    runs, signals = Runs(processes), list[int]()
    running = asyncio.ensure_future(work(runs))

    def on_signal(number: int) -> None:
        signals.append(number)
        running.cancel() if len(signals) > 1 else runs.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    try:
        return await running
    except asyncio.CancelledError:
        raise CannotServe("interrupted twice: nothing is reported") from None


def warn_of_load(summary: Summary, processes: int) -> None:
    """Warn of a load beyond the calibrated one."""
    calibrated, seconds = calibrated_rate(os.environ), (summary.ended - summary.began) / 1e9
    rate = summary.events / seconds / processes if seconds > 0 else 0.0
    if calibrated is not None and rate > calibrated:
        found = f"{rate:,.0f} events/s for each process, while figures are valid up to"
        warn([f"{found} {calibrated:,.0f} on this machine: use more --processes"])
