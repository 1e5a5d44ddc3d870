"""`bench URL --compare URL2`: what further URLs add to the first."""

from argparse import ArgumentParser, Namespace
from collections import Counter
from dataclasses import replace
from urllib.parse import urlsplit

from streamserver.cli import request_options
from streamserver.cli.interruption import run_interruptible
from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.report_options import show, watching
from streamserver.lab.cassettes.redaction import redact_target
from streamserver.lab.compare.comparison import THROUGH, Comparison, compare
from streamserver.lab.compare.forms import table, to_json
from streamserver.lab.compare.pairs import NAMES
from streamserver.lab.load.job import Job
from streamserver.lab.report.progress import Plan
from streamserver.lab.report.report import MISSED, NOT_VALID, VALID_AND_MET, About
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
    for one in options.slo:
        if one.milestone not in (*NAMES, ERRORS):
            allowed = ", ".join([*NAMES, ERRORS])
            parser.error(f"--slo {one.text}: with --compare an objective is of {allowed}")


def main(options: Namespace, job: Job, about: About) -> int:
    """Compare; the exit status: 3 if the measurement is not valid, 1 if an objective is missed.
    CannotServe if no URL can be measured."""
    if job.request.turns > 1:
        raise CannotServe("--compare sends single requests, and these are conversations")
    urls = [request_options.url_of(options, url) for url in options.compare]
    jobs = [job, *[replace(job, request=replace(job.request, url=url)) for url in urls]]
    comparison = run_interruptible(job.loop, lambda: _compare(options, jobs))
    judged = comparison.judge(options.slo)
    figures = to_json(comparison, job.seed, about, judged)
    show(options, figures, table(comparison, job.seed, judged))
    if comparison.not_valid or any(one.measured is None for _, one in judged):
        return NOT_VALID
    return VALID_AND_MET if all(one.is_met for _, one in judged) else MISSED


def names_of(urls: list[str]) -> list[str]:
    """A name for each URL: of several the host and port, and beside an equal one its number."""
    if len(urls) == 1:
        return [THROUGH]
    hosts = [urlsplit(url).netloc for url in urls]
    twice = {host for host, times in Counter(hosts).items() if times > 1}
    return [f"{host} ({n})" if host in twice else host for n, host in enumerate(hosts, 2)]


async def _compare(options: Namespace, jobs: list[Job]) -> Comparison:
    urls = [job.request.url for job in jobs]
    title = " and ".join(map(redact_target, urls))
    rounds = options.count or PAIRS
    with watching(options, title, Plan(count=rounds)) as on_progress:
        try:
            return await compare(jobs, names_of(urls[1:]), rounds, on_progress)
        except OSError as error:
            raise CannotServe(f"{title}: {error}") from error
