"""The reports of `bench`: on the terminal, in files, and the exit status."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.values import switch, text
from streamserver.lab.client.record import Record
from streamserver.lab.compare.schema import json_schema as comparison_schema
from streamserver.lab.report import slo
from streamserver.lab.report.csv_lines import StreamsCsv
from streamserver.lab.report.goodput import Limit, parse_limits
from streamserver.lab.report.histograms import new_histogram
from streamserver.lab.report.live import View, plain
from streamserver.lab.report.page.document import page
from streamserver.lab.report.progress import Plan, Progress
from streamserver.lab.report.report import Report
from streamserver.lab.report.schema import columns, json_schema
from streamserver.lab.report.table import table
from streamserver.lab.sweep import forms
from streamserver.wire.json_text import to_indented_json

FILES = ("json", "csv", "html")


def _objectives(value: str) -> list[slo.Objective]:
    try:
        return slo.parse(value)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _limits(value: str) -> list[Limit]:
    try:
        return parse_limits(value)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _file(value: str) -> str:
    if value == "-":
        raise ArgumentTypeError("only --json may go to standard output")
    return text(value)


def _schema(value: str) -> NoReturn:
    """Print a schema instead of running, as `--help` does; SystemExit."""
    if value not in SCHEMAS:
        raise ArgumentTypeError(f"{value!r} is none of {', '.join(SCHEMAS)}")
    write(SCHEMAS[value]())
    raise SystemExit(0)


SCHEMAS: dict[str, Callable[[], str]] = {
    "json": lambda: to_indented_json(json_schema()) + "\n",
    "csv": columns,
    "compare-json": lambda: to_indented_json(comparison_schema()) + "\n",
    "sweep-json": lambda: to_indented_json(forms.json_schema()) + "\n",
    "sweep-csv": forms.columns,
}
"""The forms of reports that programs read, each with its documentation."""
REPORTS = (
    Option(
        "slo",
        [],
        _objectives,
        "LIST",
        "objectives, as in ttft_p99=500ms,errors=0.1%,goodput=99%; exit status 1 if one is "
        "missed, 3 if the measurement is not valid",
        shown="",
    ),
    Option(
        "goodput",
        [],
        _limits,
        "LIST",
        "limits for each exchange, as in ttft=500ms,tpot=50ms,e2e=10s: those that keep all of them "
        "count as goodput",
        shown="",
    ),
    Option("json", None, text, "FILE", "write the figures as JSON; - is standard output", ""),
    Option("csv", None, _file, "FILE", "write a line per exchange", ""),
    Option("html", None, _file, "FILE", "write the report as a page", ""),
    Option(
        "schema",
        None,
        _schema,
        "FORM",
        f"print a schema, one of {', '.join(SCHEMAS)}, and exit",
        "",
    ),
    Option("progress", True, switch, "", "show the progress on standard error", "on"),
)


def check(options: Namespace, parser: ArgumentParser) -> None:
    """Exit with wrong usage for an objective that cannot be measured."""
    names = [objective.milestone for objective in options.slo]
    if slo.GOODPUT in names and not options.goodput:
        parser.error("--slo goodput needs the limits of --goodput, as in ttft=500ms,tpot=50ms")


@contextmanager
def watching(
    options: Namespace, title: str, plan: Plan | None = None
) -> Iterator[Callable[[Progress], None]]:
    """A function that shows the progress of a run that ends as planned."""
    # Those of a comparison are of differences, which are computed at its end.
    objectives = [] if options.compare else options.slo
    if not options.progress:
        yield lambda now: None
    elif sys.stderr.isatty():
        with _requires_library():
            view = View(title, sys.stderr, plan, objectives)
        with view:
            yield view.show
    else:
        yield plain(sys.stderr, plan, objectives)


@contextmanager
def csv_writer(options: Namespace) -> Iterator[Callable[[Record], None]]:
    """A function that writes an exchange to the file of ``--csv``."""
    with _csv_lines(options) as lines:
        yield lines.add if lines else lambda record: None


@contextmanager
def csv_rounds(options: Namespace) -> Iterator[Callable[[int, Mapping[str, Record]], None]]:
    """A function that writes a round of a comparison to the file of ``--csv``: its number, and its
    exchanges by the names of their sides."""
    with _csv_lines(options) as lines:

        def write_round(number: int, records: Mapping[str, Record]) -> None:
            if lines is not None:
                with _writes("csv", options.csv):
                    lines.add_round(number, records)

        yield write_round


@contextmanager
def _csv_lines(options: Namespace) -> Iterator[StreamsCsv | None]:
    """The lines of the file of ``--csv``; None without it."""
    if not (path := options.csv):
        yield None
        return
    with _writes("csv", path), open(path, "w", encoding="utf-8", newline="") as file:
        yield StreamsCsv(file, options.goodput, is_comparison=bool(options.compare))


def check_reports(options: Namespace) -> None:
    """CannotServe, before anything is measured, for a report that cannot be written."""
    with _requires_library():
        new_histogram()
    for name in FILES:
        path = getattr(options, name)
        if path and path != "-":
            with _writes(name, path):
                open(path, "ab").close()


def publish(options: Namespace, report: Report) -> int:
    """Write all reports; the exit status. CannotServe for a file that cannot be written."""
    show(options, report.to_json(), table(report))
    if options.html:
        save("html", options.html, page(report))
    return report.status


def show(options: Namespace, figures: dict[str, Any], as_text: str) -> None:
    """Print the text, or the figures if they go to standard output; write those of ``--json``."""
    as_json = to_indented_json(figures) + "\n"
    write(as_json if options.json == "-" else as_text)
    if options.json and options.json != "-":
        save("json", options.json, as_json)


def save(name: str, path: str, content: str) -> None:
    """Write the file of an option; CannotServe if that fails."""
    with _writes(name, path):
        Path(path).write_text(content, "utf-8", newline="")


def write(report: str) -> None:
    """Print it; CannotServe if standard output cannot be written."""
    # The encoding of the terminal may lack characters that a server sent.
    encoding = sys.stdout.encoding
    try:
        sys.stdout.write(report.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        # Otherwise Python flushes again at its end, and prints a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise CannotServe(f"standard output: {error.strerror}") from error


@contextmanager
def _writes(name: str, path: str) -> Iterator[None]:
    """CannotServe for an OSError of the file of an option."""
    try:
        yield
    except OSError as error:
        raise CannotServe(f"--{name} {path}: {error.strerror}") from error


@contextmanager
def _requires_library() -> Iterator[None]:
    """CannotServe for the RuntimeError of a library that is not installed."""
    try:
        yield
    except RuntimeError as missing:
        raise CannotServe(str(missing)) from missing
