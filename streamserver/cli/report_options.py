"""How `bench` tells what it found: on the terminal, in files, and by its exit status."""

import os
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.values import switch, text
from streamserver.lab.client.record import Record
from streamserver.lab.report import slo
from streamserver.lab.report.histograms import new_histogram
from streamserver.lab.report.live import Progress, View, plain
from streamserver.lab.report.page import page
from streamserver.lab.report.report import Report
from streamserver.lab.report.table import StreamsCsv, table
from streamserver.wire.json_text import to_indented_json

FILES = ("json", "csv", "html")


def _objectives(value: str) -> list[slo.Objective]:
    try:
        return slo.parse(value)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _file(value: str) -> str:
    if value == "-":
        raise ArgumentTypeError("only --json may go to standard output")
    return text(value)


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
    Option("json", None, text, "FILE", "write the figures as JSON; - is standard output", ""),
    Option("csv", None, _file, "FILE", "write a line per exchange", ""),
    Option("html", None, _file, "FILE", "write the report as a page", ""),
    Option("progress", True, switch, "", "show the progress on standard error", "on"),
)


@contextmanager
def watching(options: Namespace, title: str) -> Iterator[Callable[[Progress], None]]:
    """What to call with the run's progress while inside."""
    if not options.progress:
        yield lambda now: None
    elif sys.stderr.isatty():
        with _view(title) as view:
            yield view.show
    else:
        yield plain(sys.stderr)


def _view(title: str) -> View:
    try:
        return View(title, sys.stderr)
    except RuntimeError as missing:
        raise CannotServe(str(missing)) from missing


def check_reports(options: Namespace) -> None:
    """CannotServe that says what would be in vain, before anything is measured."""
    try:
        new_histogram()
    except RuntimeError as missing:
        raise CannotServe(str(missing)) from missing
    for name in FILES:
        path = getattr(options, name)
        if path and path != "-":
            with _told(name, path):
                open(path, "ab").close()


def tell(options: Namespace, report: Report) -> int:
    """Write all that was asked for; the exit status. CannotServe for a file that cannot be."""
    show(options, report.to_json(), table(report))
    if options.html:
        with _told("html", options.html):
            Path(options.html).write_text(page(report), "utf-8")
    return report.status


def show(options: Namespace, figures: dict[str, Any], as_text: str) -> None:
    """Figures for people on standard output, and for programs where ``--json`` wants them."""
    for_programs = to_indented_json(figures) + "\n"
    _print(for_programs if options.json == "-" else as_text)
    if options.json and options.json != "-":
        with _told("json", options.json):
            Path(options.json).write_text(for_programs, "utf-8")


def _print(told: str) -> None:
    # A peer's text may hold what the encoding of the terminal does not.
    encoding = sys.stdout.encoding
    try:
        sys.stdout.write(told.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        # Python would else try again at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise CannotServe(f"standard output: {error.strerror}") from error


@contextmanager
def lines(path: str) -> Iterator[Callable[[Record], None]]:
    """What to call with each exchange, to have it in the file of ``--csv``."""
    with _told("csv", path), open(path, "w", encoding="utf-8", newline="") as file:
        yield StreamsCsv(file).add


@contextmanager
def _told(name: str, path: str) -> Iterator[None]:
    """CannotServe for what is wrong with the file of an option."""
    try:
        yield
    except OSError as error:
        raise CannotServe(f"--{name} {path}: {error.strerror}") from error
