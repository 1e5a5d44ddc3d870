"""The origin of a report: date, version, options and command line, without secrets."""

import os
import platform
import shlex
from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import inf

from streamserver import __version__
from streamserver.cli import prompt_options
from streamserver.cli.options import Option, Table
from streamserver.lab.cassettes.redaction import redact_fields
from streamserver.lab.client.excerpt import Secrets
from streamserver.lab.load.job import Job
from streamserver.lab.report.goodput import Limit
from streamserver.lab.report.report import About, Setting
from streamserver.lab.report.slo import Objective

HEADER = "--header"
PLAIN = ("slo", "goodput")
"""Options whose names of figures are not names of secrets, as first_token could be."""


def about(argv: Sequence[str], options: Namespace, table: Table, job: Job, now: datetime) -> About:
    """The origin of the report of a job that begins now."""
    secrets = job.request.secrets()  # which any argument may contain
    every = [option for group in table.values() for option in group]
    settings = [_setting(option, getattr(options, option.key), secrets) for option in every]
    return About(
        rfc3339(now),
        f"streamserver {__version__}, {platform.python_implementation()}"
        f" {platform.python_version()}",
        shlex.join(["streamserver", "bench", *_arguments(argv, secrets)]),
        settings,
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        [(name, secrets.remove(value)) for name, value in _asked(options, job)],
    )


def rfc3339(moment: datetime) -> str:
    """A moment in UTC, in seconds."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _asked(options: Namespace, job: Job) -> Iterator[tuple[str, str]]:
    """The request and the load, in words."""
    yield "request", job.request.title
    yield from prompt_options.describe(options)
    unit = "exchanges" if job.request.turns == 1 else "conversations"
    if options.sweep:
        yield "load", f"a search: {options.sweep}, {job.arrivals} intervals"
    elif job.trace is not None:
        speed = f", {options.trace_speed:g} times as fast" if options.trace_speed != 1 else ""
        yield "load", f"open loop: {len(job.trace):,} arrivals of {options.trace}{speed}"
    elif job.rate is not None:
        yield "load", f"open loop: {job.rate} {unit} per second, {job.arrivals} intervals"
    else:
        yield "load", f"closed loop: {job.concurrency} concurrent {unit}"
    bounds = [f"{job.duration:g} s"] if job.duration < inf else []
    bounds += [f"{job.count} {unit}"] if job.count else []
    if not options.sweep:
        yield "until", " or ".join(bounds) or f"the end of the load, {job.seconds:g} s"
    if job.warm_up:
        yield "warm-up", f"{job.warm_up:g} s, which are not measured"
    if options.processes > 1:
        yield "processes", f"{options.processes} that share the load"


def _arguments(argv: Sequence[str], secrets: Secrets) -> list[str]:
    """The arguments without secrets; of a field with a secret's name the whole value is one."""
    shown, previous = [], ""
    for argument in argv:
        flag, equals, value = argument.partition("=")
        if previous == HEADER:
            argument = _redact_field(argument)
        elif flag == HEADER and equals:
            argument = f"{HEADER}={_redact_field(value)}"
        is_plain = any(f"--{name}" in (previous, flag) for name in PLAIN)
        shown.append(argument if is_plain else secrets.remove(argument))
        previous = argument
    return shown


def _redact_field(text: str) -> str:
    name, colon, value = text.partition(":")
    [(_, redacted)] = redact_fields([(name.strip().lower(), value.strip())])
    return f"{name}: {redacted}" if colon else text


def _setting(option: Option, value: object, secrets: Secrets) -> Setting:
    text = _text(value)
    if value == option.default:
        return Setting(option.name, text if option.shown is None else option.shown, True)
    return Setting(option.name, text if option.name in PLAIN else secrets.remove(text), False)


def _text(value: object) -> str:
    """The value as on the command line."""
    match value:
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(map(_text_of_item, value))
    return "" if value is None else str(value)


def _text_of_item(value: object) -> str:
    match value:
        case Objective() | Limit():
            return value.text
        case (str() as name, str() as content):
            return _redact_field(f"{name}: {content}")
    return str(value)
