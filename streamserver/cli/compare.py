"""`bench URL --compare URL2`: what further URLs add to the first."""

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from streamserver.cli import prompt_options, request_options
from streamserver.cli.interruption import run_interruptible
from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.report_about import rfc3339
from streamserver.cli.report_options import csv_rounds, save, show, watching
from streamserver.lab.compare.comparison import DIRECT, THROUGH, Comparison, compare
from streamserver.lab.compare.forms import table, to_json
from streamserver.lab.compare.page import page
from streamserver.lab.compare.pairs import NAMES
from streamserver.lab.compare.report import ComparisonReport
from streamserver.lab.load.job import Job
from streamserver.lab.pauses import avoid_pauses
from streamserver.lab.report.progress import Plan
from streamserver.lab.report.report import About
from streamserver.lab.report.slo import ERRORS

PAIRS = 50
COMPARE = (
    Option(
        "compare",
        (),
        request_options.url,
        "URL2",
        "send each request to URL and to URL2, and report what URL2 adds, for example a proxy"
        " before URL; may be repeated (in the variable: one per line). Headers and keys are sent"
        f" to all. --count is of rounds, {PAIRS} by default; --slo is of what is added",
        shown="",
        many=True,
    ),
)
_EXCLUDED = ("rate", "duration", "warm_up", "goodput")


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
        parser.error("--processes cannot be combined with --compare: one process measures all")
    if options.turns > 1:
        parser.error("--turns cannot be combined with --compare, which sends single requests")
    for one in options.slo:
        if one.milestone not in (*NAMES, ERRORS):
            allowed = ", ".join([*NAMES, ERRORS])
            parser.error(f"--slo {one.text}: with --compare an objective is of {allowed}")


def main(options: Namespace, job: Job, about: About) -> int:
    """Compare, and write all reports; the exit status. CannotServe if no URL can be measured."""
    if job.request.turns > 1:
        raise CannotServe("--compare sends single requests, and these are conversations")
    urls = [request_options.url_of(options, url) for url in options.compare]
    jobs = [job, *[replace(job, request=replace(job.request, url=url)) for url in urls]]
    avoid_pauses()
    comparison = run_interruptible(job.loop, lambda: _compare(options, jobs))
    about = replace(about, asked=[*_asked(options, jobs)], ended=rfc3339(datetime.now(UTC)))
    requests = [one.request.title for one in jobs]
    report = ComparisonReport(comparison, requests, options.slo, job.seed, about)
    show(options, to_json(report), table(report))
    if options.html:
        save("html", options.html, page(report))
    return report.status


def _asked(options: Namespace, jobs: Sequence[Job]) -> Iterator[tuple[str, str]]:
    """The prompts and the load, in words."""
    secrets = jobs[0].request.secrets()
    yield from [(name, secrets.remove(text)) for name, text in prompt_options.describe(options)]
    at_once = f"{jobs[0].concurrency} at a time"
    rounds = f"{options.count or PAIRS} rounds, {at_once}"
    yield "load", f"{rounds}; in each, one request to each of {len(jobs)} URLs, in random order"


def names_of(urls: list[str]) -> list[str]:
    """A name for each URL but the first: of several the host and port, and beside an equal name
    its number."""
    if len(urls) == 1:
        return [THROUGH]
    hosts = [urlsplit(url).netloc for url in urls]
    twice = {host for host, times in Counter([DIRECT, *hosts]).items() if times > 1}
    return [f"{host} ({n})" if host in twice else host for n, host in enumerate(hosts, 2)]


async def _compare(options: Namespace, jobs: list[Job]) -> Comparison:
    urls = [job.request.shown_url for job in jobs]
    names, rounds = names_of([job.request.url for job in jobs[1:]]), options.count or PAIRS
    plan = Plan(count=rounds * len(jobs), each=len(jobs))
    # The durations of one side are shown, since they differ.
    title = f"{' and '.join(urls)}; durations: {names[-1]}"
    with watching(options, title, plan) as on_progress, csv_rounds(options) as on_round:
        try:
            return await compare(jobs, names, rounds, on_progress, on_round)
        except OSError as error:
            raise CannotServe(f"{' and '.join(urls)}: {error}") from error
