"""The command `inspect`: whether the responses of a URL stream, and what prevents it."""

import os
import shutil
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from streamserver.cli import prompt_options, request_options
from streamserver.cli.interruption import run_interruptible
from streamserver.cli.options import Option, Table, duration, make_parser, parse
from streamserver.cli.problem import CannotServe, warn
from streamserver.cli.report_options import show, write
from streamserver.cli.values import switch, text
from streamserver.kit.cors import is_origin
from streamserver.lab.cassettes.redaction import Mask
from streamserver.lab.client.client import server_of
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.hops import exit_status
from streamserver.lab.inspect.inspection import Inspection, inspect
from streamserver.lab.inspect.printer import Printer
from streamserver.lab.inspect.record import DEFAULTS, Limits
from streamserver.lab.inspect.report import WIDTH, coloured, table, to_json
from streamserver.lab.inspect.wire import WireView
from streamserver.proxy.origin import client_context

USAGE = "streamserver inspect URL [options]"
ABOUT = (
    "Send requests to URL, and judge how its responses stream: each verdict with its evidence, and"
    " what to change where it is wrong. The exit status is 0, 1 for something wrong, and 3 if"
    " nothing could be judged."
)


def _origin(value: str) -> str:
    if not (is_origin(value) and value.isascii() and value.isprintable()):
        raise ArgumentTypeError(f"{value!r} is no origin such as https://app.example")
    return value


INSPECTION = (
    Option(
        "through",
        None,
        request_options.url,
        "URL2",
        "inspect URL2 too, which leads to the same through a hop, and report what the hop changes."
        " Headers and keys are sent to both",
        shown="",
    ),
    Option(
        "for",
        None,
        duration("for", 0, "").read,
        "DURATION",
        "end of the recording of a stream, counted from its head, which is awaited for"
        f" {DEFAULTS.head:g} s",
        f"{DEFAULTS.seconds:g}s, or longer than --idle",
    ),
    Option(
        "idle",
        0.0,
        duration("idle", 0, "").read,
        "DURATION",
        "silence after which something on the way may cut the stream: judge whether heartbeats"
        " arrive within it",
        shown="",
    ),
    Option(
        "origin",
        None,
        _origin,
        "ORIGIN",
        "judge whether pages of this origin may read the stream, as in https://app.example",
        shown="",
    ),
    Option(
        "repeat",
        False,
        switch,
        "",
        "send a request of an unsafe method, such as POST, several times: some verdicts need it,"
        " and a service may charge for each",
        "off",
    ),
)
OUTPUT = (
    Option("wire", False, switch, "", "show the bytes as they arrive, each part named", "off"),
    Option("json", None, text, "FILE", "write the verdicts as JSON; - is standard output", ""),
)
TABLE: Table = {
    "request": request_options.REQUESTS,
    "model": prompt_options.MODEL,
    "inspection": INSPECTION,
    "output": OUTPUT,
}


def main(argv: Sequence[str], warnings: Sequence[str]) -> int:
    """Inspect; the exit status. SystemExit for wrong usage; CannotServe for what cannot be sent or
    written."""
    options = read(argv, os.environ)
    warn(warnings)
    specs = _specs(options)
    direct, *others = run_interruptible("asyncio", lambda: _inspect_all(options, specs))
    through = others[0] if others else None
    masks = [spec.secrets().mask for spec in specs]
    report = _masked(masks, table(direct, through, _width() or WIDTH))
    figures = _masked(masks, to_json(direct, through))
    show(options, figures, coloured(report) if _has_colour() else report)
    return exit_status(direct, through)


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Namespace:
    """The value of each option; SystemExit for wrong usage, `--help` and `--version`."""
    parser = make_parser(USAGE, ABOUT, TABLE)
    request_options.add_url(parser)
    options = parse(parser, TABLE, argv, environment)
    request_options.check(options, parser)
    _check(options, parser)
    return options


def _check(options: Namespace, parser: ArgumentParser) -> None:
    seconds = getattr(options, "for")
    if seconds is not None and seconds <= options.idle:
        parser.error("--for must be longer than --idle: silence has to be seen to be judged")
    if options.wire and options.json == "-":
        parser.error("--wire and --json - exclude each other: both use standard output")


def _specs(options: Namespace) -> list[RequestSpec]:
    spec = request_options.make_request(options, os.environ)
    if options.through is None:
        return [spec]
    return [spec, replace(spec, url=request_options.url_of(options, options.through))]


async def _inspect_all(options: Namespace, specs: Sequence[RequestSpec]) -> list[Inspection]:
    """One after the other, since a second stream beside the first would disturb its times."""
    return [await _inspect(options, spec) for spec in specs]


async def _inspect(options: Namespace, spec: RequestSpec) -> Inspection:
    try:
        tls = client_context(options.ca, verifies=not options.insecure)
    except OSError as error:
        raise CannotServe(f"--ca {options.ca}: {error.strerror or error}") from error
    work = partial(
        inspect,
        spec,
        server_of(spec, tls),
        limits=Limits(seconds=getattr(options, "for") or DEFAULTS.seconds),
        idle=options.idle,
        origin=options.origin or "",
        may_repeat=options.repeat,
    )
    return await _show_wire(spec, work) if options.wire else await work()


async def _show_wire(
    spec: RequestSpec, work: Callable[..., Coroutine[Any, Any, Inspection]]
) -> Inspection:
    """The inspection, whose first response is printed as it arrives."""
    colour, mask = _has_colour(), spec.secrets().mask
    with Printer(WireView(colour=colour, width=_width(), mask=mask), write) as printer:
        return await work(observer=printer)


def _masked(masks: Sequence[Mask], report: Any) -> Any:
    """A text or a value for JSON, in which the secrets of the requests are overwritten."""
    if isinstance(report, str):
        data = [report.encode("utf-8", "backslashreplace")]
        for mask in masks:
            data = mask.apply(data)
        return data[0].decode("utf-8")
    if isinstance(report, dict):
        return {key: _masked(masks, value) for key, value in report.items()}
    if isinstance(report, list | tuple):
        return [_masked(masks, value) for value in report]
    return report


def _width() -> int:
    """The columns of the terminal; 0 if standard output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _has_colour() -> bool:
    """Whether colours are shown (https://no-color.org)."""
    dumb = os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and not dumb
