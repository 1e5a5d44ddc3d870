"""How `bench` tells what it found: on the terminal, in files, and by its exit status."""

import json
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from streamserver.cli.options import Option
from streamserver.cli.values import switch, text
from streamserver.lab.report import slo
from streamserver.lab.report.live import Progress, View, plain
from streamserver.lab.report.page import page
from streamserver.lab.report.report import Report
from streamserver.lab.report.table import table


def _objectives(value: str) -> list[slo.Objective]:
    try:
        return slo.parse(value)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


REPORTS = (
    Option(
        "slo",
        [],
        _objectives,
        "LIST",
        "objectives, as in first_byte_p99=50ms,errors=0.1%; exit status 1 if one is missed, "
        "3 if the measurement is not valid",
        shown="",
    ),
    Option("json", None, text, "FILE", "the figures, for programs; - is standard output", ""),
    Option("csv", None, text, "FILE", "every exchange as a line", ""),
    Option("html", None, text, "FILE", "the report as a page of its own", ""),
    Option("progress", True, switch, "", "what happens while it runs, on standard error", "on"),
)


@contextmanager
def watching(options: Namespace, title: str) -> Iterator[Callable[[Progress], None]]:
    """What to call with the run's progress while inside."""
    if not options.progress:
        yield lambda now: None
    elif sys.stderr.isatty():
        with View(title, sys.stderr) as view:
            yield view.show
    else:
        yield plain(sys.stderr)


def tell(options: Namespace, report: Report) -> int:
    """Write all that was asked for; the exit status. OSError where a file cannot be written."""
    if options.html:
        Path(options.html).write_text(page(report), "utf-8")
    figures = json.dumps(report.to_json(), indent=1, allow_nan=False) + "\n"
    if options.json == "-":
        sys.stdout.write(figures)
    else:
        sys.stdout.write(table(report))
        if options.json:
            Path(options.json).write_text(figures, "utf-8")
    return report.status
