"""`bench URL --compare URL2`: which is slower, and by how much."""

import asyncio
import json
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

from streamserver.cli import request_options
from streamserver.cli.loops import loop_factory
from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.report_options import watching
from streamserver.lab.compare.comparison import Comparison
from streamserver.lab.compare.run import compare
from streamserver.lab.compare.table import table, to_json
from streamserver.lab.load.job import Job

PAIRS = 50
NOT_VALID = 3
COMPARE = (
    Option(
        "compare",
        None,
        request_options.url,
        "URL2",
        f"ask URL and URL2 in turn, for the same, as directly and through a proxy: what the"
        f" second adds. --count is of pairs, {PAIRS} by default",
        shown="",
    ),
)
_ALONE = ("rate", "duration", "slo", "csv", "html")


def check(options: Namespace, parser: ArgumentParser) -> None:
    """Exit with what is wrong where options do not go together."""
    for name in _ALONE if options.compare else ():
        if getattr(options, name):
            parser.error(f"--{name} does not go with --compare")
    if options.compare and options.processes > 1:
        parser.error("--processes do not go with --compare: one process measures both")


def main(options: Namespace, job: Job) -> int:
    """Compare; the exit status: 3 if the measurement is not valid. CannotServe if nothing can be
    asked."""
    target = options.compare
    url = request_options.chat_url(target) if options.chat else target
    through = replace(job, ask=replace(job.ask, url=url))
    with asyncio.Runner(loop_factory=loop_factory(job.loop)) as runner:
        comparison = runner.run(_compare(options, job, through))
    figures = json.dumps(to_json(comparison, job.seed), indent=1, allow_nan=False) + "\n"
    if options.json == "-":
        sys.stdout.write(figures)
    else:
        sys.stdout.write(table(comparison, job.seed))
        if options.json:
            Path(options.json).write_text(figures, "utf-8")
    return NOT_VALID if comparison.not_valid else 0


async def _compare(options: Namespace, direct: Job, through: Job) -> Comparison:
    title = f"{direct.ask.url} and {through.ask.url}"
    with watching(options, title) as show:
        try:
            return await compare(direct, through, options.count or PAIRS, show)
        except OSError as error:
            raise CannotServe(f"{title}: {error}") from error
