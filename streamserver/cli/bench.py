"""The command `bench`: load on a URL, and when each thing came back."""

import asyncio
import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from time import monotonic_ns

from streamserver.cli.options import Option, Table, make_parser, parse
from streamserver.cli.report_options import REPORTS, tell
from streamserver.cli.values import whole
from streamserver.lab.client.client import Ask, Client
from streamserver.lab.load.closed import closed_loop
from streamserver.lab.report.report import Report
from streamserver.lab.report.slo import judge
from streamserver.lab.report.summary import Summary

USAGE = "streamserver bench URL [options]"
ABOUT = "Ask for URL over and over, and tell when the head, the first byte and each event came."
TABLE: Table = {
    "load": (
        Option("concurrency", 1, whole(1, 100_000), "N", "exchanges at once"),
        Option("count", 10, whole(1, 10**9), "N", "exchanges in all"),
    ),
    "reports": REPORTS,
}


def main(argv: Sequence[str]) -> int:
    """Measure; the exit status. SystemExit for wrong usage."""
    options = read(argv, os.environ)
    summary, began = Summary(), monotonic_ns()
    asyncio.run(_measure(options, summary))
    report = Report(
        options.url, summary, (monotonic_ns() - began) / 1e9, judge(options.slo, summary)
    )
    return tell(options, report)


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Namespace:
    """Each option's value; SystemExit for wrong usage, `--help` and `--version`."""
    parser = make_parser(USAGE, ABOUT, TABLE)
    parser.add_argument("url", metavar="URL", help="http://HOST[:PORT]/PATH or https://...")
    return parse(parser, TABLE, argv, environment)


async def _measure(options: Namespace, summary: Summary) -> None:
    client = Client(Ask(options.url))
    try:
        await closed_loop(client, options.concurrency, options.count, summary.add)
    finally:
        client.close()
