"""`bench URL --compare URL2`: which is slower, and by how much."""

import asyncio
from argparse import ArgumentParser, Namespace
from dataclasses import replace

from streamserver.cli import request_options
from streamserver.cli.interrupted import unless_interrupted
from streamserver.cli.loops import loop_factory
from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.report_options import show, watching
from streamserver.lab.cassettes.redaction import redact_target
from streamserver.lab.compare.comparison import Comparison
from streamserver.lab.compare.run import compare
from streamserver.lab.compare.table import table, to_json
from streamserver.lab.load.job import Job
from streamserver.lab.report.report import NOT_VALID, About

PAIRS = 50
COMPARE = (
    Option(
        "compare",
        None,
        request_options.url,
        "URL2",
        f"send each request to URL and to URL2, and report what URL2 adds, for example a proxy"
        f" before URL. Headers and keys are sent to both. --count is of pairs, {PAIRS} by default",
        shown="",
    ),
)
_ALONE = ("rate", "duration", "warm_up", "slo", "csv", "html")


def check(options: Namespace, parser: ArgumentParser) -> None:
    """Exit with what is wrong where options do not go together."""
    for name in _ALONE if options.compare else ():
        if getattr(options, name):
            parser.error(f"--{name.replace('_', '-')} does not go with --compare")
    if options.compare and options.concurrency and not options.concurrency.is_whole:
        parser.error("--concurrency must be one whole number with --compare")
    if options.compare and options.processes > 1:
        parser.error("--processes do not go with --compare: one process measures both")


def main(options: Namespace, job: Job, about: About) -> int:
    """Compare; the exit status: 3 if the measurement is not valid. CannotServe if nothing can be
    asked."""
    target = options.compare
    url = request_options.chat_url(target) if options.chat else target
    through = replace(job, ask=replace(job.ask, url=url))
    with asyncio.Runner(loop_factory=loop_factory(job.loop)) as runner:
        comparison = runner.run(unless_interrupted(_compare(options, job, through)))
    show(options, to_json(comparison, job.seed, about), table(comparison, job.seed))
    return NOT_VALID if comparison.not_valid else 0


async def _compare(options: Namespace, direct: Job, through: Job) -> Comparison:
    title = " and ".join([redact_target(job.ask.url) for job in (direct, through)])
    with watching(options, title) as watch:
        try:
            return await compare(direct, through, options.count or PAIRS, watch)
        except OSError as error:
            raise CannotServe(f"{title}: {error}") from error
