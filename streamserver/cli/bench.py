"""The command `bench`: load on a URL, and when each part of the responses arrived."""

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from streamserver.cli import compare, load_options, prompt_options, request_options, sweep
from streamserver.cli.loops import loop_factory
from streamserver.cli.measuring import WORKER, Runs, measure, warn_of_load
from streamserver.cli.options import Table, make_parser, parse
from streamserver.cli.problem import warn
from streamserver.cli.report_about import about, rfc3339
from streamserver.cli.report_options import (
    REPORTS,
    check,
    check_reports,
    csv_writer,
    publish,
    watching,
)
from streamserver.lab.load.job import Job
from streamserver.lab.load.processes import Result, read_job, work
from streamserver.lab.report.progress import Plan
from streamserver.lab.report.report import Report
from streamserver.lab.report.slo import judge

USAGE = """\
streamserver bench URL [options]
       streamserver bench URL --chat --model NAME --prompt TEXT [options]"""
ABOUT = (
    "Send requests to URL, and report when the head, the first byte and each event of the"
    " responses arrived. " + request_options.VARIABLES
)
TABLE: Table = {
    "request": request_options.REQUESTS,
    "model": (*prompt_options.MODEL, *prompt_options.CONVERSATIONS),
    "load": load_options.LOAD,
    "timeouts": load_options.TIMEOUTS,
    "processes": load_options.PROCESSES,
    "sweep": sweep.SWEEP,
    "comparison": compare.COMPARE,
    "reports": REPORTS,
}


def main(argv: Sequence[str], warnings: Sequence[str]) -> int:
    """Measure; the exit status. SystemExit for wrong usage; CannotServe if nothing is measured."""
    if [*argv] == [WORKER]:
        return _run_worker()
    options = read(argv, os.environ)
    warn(warnings)
    check_reports(options)
    job = load_options.make_job(options, request_options.make_request(options, os.environ))
    run = about(argv, options, TABLE, job, datetime.now(UTC))
    if options.compare:
        return compare.main(options, job, run)
    loop_factory(job.loop)  # Reports a missing library before the processes start.
    if options.sweep:
        return sweep.main(options, job, run)
    result, interrupted = asyncio.run(_measure(options, job))
    summary = result.summary
    problems = [*result.problems, *(["it was interrupted"] if interrupted else [])]
    seconds = (summary.ended - summary.began) / 1e9
    run = replace(run, ended=rfc3339(datetime.now(UTC)))
    report = Report(job.request.title, summary, seconds, judge(options.slo, summary), problems, run)
    warn_of_load(summary, options.processes)
    return publish(options, report)


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Namespace:
    """The value of each option; SystemExit for wrong usage, `--help` and `--version`."""
    parser = make_parser(USAGE, ABOUT, TABLE)
    request_options.add_url(parser)
    options = parse(parser, TABLE, argv, environment)
    request_options.check(options, parser)
    load_options.check(options, parser)
    compare.check(options, parser)
    check(options, parser)
    sweep.check(options, parser)
    return options


async def _measure(options: Namespace, job: Job) -> tuple[Result, bool]:
    """The result, and whether a signal ended the run. A second signal discards the figures."""
    plan = Plan(job.seconds, job.count and job.count * job.request.turns, job.grace)

    async def run(runs: Runs) -> tuple[Result, bool]:
        return await runs.run(job, on_progress, on_record), runs.is_interrupted

    with ExitStack() as stack:
        on_progress = stack.enter_context(watching(options, job.request.title, plan))
        on_record = stack.enter_context(csv_writer(options))
        return await measure(options.processes, run)


def _run_worker() -> int:
    try:
        job, share = read_job(sys.stdin.buffer)
    except EOFError:
        return 1
    with asyncio.Runner(loop_factory=loop_factory(job.loop)) as runner:
        runner.run(work(job, share, sys.stdin.buffer, sys.stdout.buffer))
    return 0
