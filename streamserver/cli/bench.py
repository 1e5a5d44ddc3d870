"""The command `bench`: load on a URL, and when each thing came back."""

import asyncio
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from streamserver.cli import calibrate, compare, load_options, request_options
from streamserver.cli.loops import loop_factory
from streamserver.cli.options import Table, make_parser, parse
from streamserver.cli.problem import CannotServe, warn
from streamserver.cli.report_about import about
from streamserver.cli.report_options import REPORTS, check_reports, lines, tell, watching
from streamserver.lab.cassettes.redaction import redact_target
from streamserver.lab.load import child
from streamserver.lab.load.job import Job
from streamserver.lab.load.parent import CannotRun, Family, Outcome, Watcher
from streamserver.lab.report.report import Report
from streamserver.lab.report.slo import judge

USAGE = "streamserver bench URL [options]"
ABOUT = (
    "Send requests to URL, and report when the head, the first byte and each event of the"
    " responses arrived. " + request_options.VARIABLES
)
CHILD = "--child"
"""The one argument of a process that takes its share of another's run."""
TABLE: Table = {
    "request": request_options.REQUESTS,
    "chat": request_options.CHAT,
    "load": load_options.LOAD,
    "timeouts": load_options.WAITS,
    "processes": load_options.PROCESSES,
    "comparison": compare.COMPARE,
    "reports": REPORTS,
}


def main(argv: Sequence[str], warnings: Sequence[str]) -> int:
    """Measure; the exit status. SystemExit for wrong usage; CannotServe if nothing can be asked."""
    if [*argv] == [CHILD]:
        return _as_child()
    options = read(argv, os.environ)
    warn(warnings)
    check_reports(options)
    job = load_options.job_of(options, request_options.ask_of(options, os.environ))
    made = about(argv, options, TABLE, job.ask.secrets(), datetime.now(UTC))
    if options.compare:
        return compare.main(options, job, made)
    loop_factory(job.loop)  # so that a missing one is told here, and once
    outcome, interrupted = asyncio.run(_measure(options, job))
    summary = outcome.summary
    problems = [*outcome.problems, *(["it was interrupted"] if interrupted else [])]
    seconds = (summary.ended - summary.began) / 1e9
    report = Report(_title(job), summary, seconds, judge(options.slo, summary), problems, made)
    _warn(report, options.processes)
    return tell(options, report)


def _warn(report: Report, processes: int) -> None:
    """Of a load beyond that up to which `calibrate` found figures to hold."""
    known = calibrate.events_per_second(os.environ)
    each = report.summary.events / report.seconds / processes if report.seconds > 0 else 0.0
    if known is not None and each > known:
        told = f"{each:,.0f} events/s for each process, while figures hold up to {known:,.0f}"
        warn([f"{told} on this machine: use more --processes"])


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Namespace:
    """Each option's value; SystemExit for wrong usage, `--help` and `--version`."""
    parser = make_parser(USAGE, ABOUT, TABLE)
    parser.add_argument(
        "url",
        type=request_options.url,
        metavar="URL",
        help="http://HOST[:PORT]/PATH or https://...",
    )
    options = parse(parser, TABLE, argv, environment)
    request_options.check(options, parser)
    load_options.check(options, parser)
    compare.check(options, parser)
    return options


async def _measure(options: Namespace, job: Job) -> tuple[Outcome, bool]:
    """What it comes to, and whether a signal ended it: the first lets the figures be told."""
    with ExitStack() as stack:
        watcher = Watcher(show=stack.enter_context(watching(options, _title(job))))
        if options.csv:
            watcher.tell = stack.enter_context(lines(options.csv))
        command = [sys.executable, "-m", "streamserver", "bench", CHILD]
        family = Family(job, options.processes, command, watcher)
        running = asyncio.create_task(family.run())
        signals: list[int] = []

        def on_signal(number: int) -> None:
            signals.append(number)
            running.cancel() if len(signals) > 1 else family.stop()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal, number)
        try:
            return await running, bool(signals)
        except asyncio.CancelledError:
            raise CannotServe("it was interrupted twice, and tells nothing") from None
        except CannotRun as error:
            raise CannotServe(f"{redact_target(job.ask.url)}: {error}") from error


def _as_child() -> int:
    try:
        job, share = child.first_order(sys.stdin.buffer)
    except EOFError:
        return 1  # the parent has gone
    with asyncio.Runner(loop_factory=loop_factory(job.loop)) as runner:
        runner.run(child.serve(job, share, sys.stdin.buffer, sys.stdout.buffer))
    return 0


def _title(job: Job) -> str:
    return f"{job.ask.method} {redact_target(job.ask.url)}"
