"""`bench URL --compare URL2`: what the second URL adds."""

from argparse import ArgumentParser, Namespace
from dataclasses import replace

from streamserver.cli import request_options
from streamserver.cli.interruption import run_interruptible
from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.report_options import show, watching
from streamserver.lab.cassettes.redaction import redact_target
from streamserver.lab.comparison import Comparison, compare, table, to_json
from streamserver.lab.load.job import Job
from streamserver.lab.report.progress import Plan
from streamserver.lab.report.report import NOT_VALID, About

PAIRS = 50
COMPARE = (
    Option(
        "compare",
        None,
        request_options.url,
        "URL2",
        "send each request to URL and to URL2, and report what URL2 adds, for example a proxy"
        f" before URL. Headers and keys are sent to both. --count is of pairs, {PAIRS} by default",
        shown="",
    ),
)
_EXCLUDED = ("rate", "duration", "warm_up", "slo", "goodput", "csv", "html")


def check(options: Namespace, parser: ArgumentParser) -> None:
    """Exit with wrong usage for options that exclude each other."""
    if not options.compare:
        return
    for name in _EXCLUDED:
        if getattr(options, name):
            parser.error(f"--{name.replace('_', '-')} cannot be combined with --compare")
    if options.concurrency and not options.concurrency.is_constant_integer:
        parser.error("--concurrency must be one whole number with --compare")
    if options.processes > 1:
        parser.error("--processes cannot be combined with --compare: one process measures both")


def main(options: Namespace, job: Job, about: About) -> int:
    """Compare; the exit status: 3 if the measurement is not valid. CannotServe if neither URL can
    be measured."""
    if job.request.turns > 1:
        raise CannotServe("--compare sends single requests, and these are conversations")
    url = request_options.url_of(options, options.compare)
    through = replace(job, request=replace(job.request, url=url))
    comparison = run_interruptible(job.loop, lambda: _compare(options, job, through))
    show(options, to_json(comparison, job.seed, about), table(comparison, job.seed))
    return NOT_VALID if comparison.not_valid else 0


async def _compare(options: Namespace, direct: Job, through: Job) -> Comparison:
    title = " and ".join([redact_target(job.request.url) for job in (direct, through)])
    pairs = options.count or PAIRS
    with watching(options, title, Plan(count=pairs)) as on_progress:
        try:
            return await compare(direct, through, pairs, on_progress)
        except OSError as error:
            raise CannotServe(f"{title}: {error}") from error
