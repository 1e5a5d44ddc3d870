"""What a report says of its own command: date, version, options, command line, without secrets."""

import platform
import shlex
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime

from streamserver import __version__
from streamserver.cli.options import Option, Table
from streamserver.lab.cassettes.redaction import redact_fields
from streamserver.lab.client.shown import Secrets
from streamserver.lab.report.report import About, Setting
from streamserver.lab.report.slo import Objective

HEADER, SLO = "--header", "--slo"


def about(
    argv: Sequence[str], options: Namespace, table: Table, secrets: Secrets, now: datetime
) -> About:
    """``secrets``: those of the request, which may stand in any argument."""
    of_all = [option for group in table.values() for option in group]
    settings = [_setting(option, getattr(options, option.key), secrets) for option in of_all]
    return About(
        now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        f"streamserver {__version__}, {platform.python_implementation()}"
        f" {platform.python_version()}, {platform.system()} {platform.machine()}",
        shlex.join(["streamserver", "bench", *_arguments(argv, secrets)]),
        settings,
    )


def _arguments(argv: Sequence[str], secrets: Secrets) -> list[str]:
    """The arguments without secrets; of a field that is named after one, the whole value."""
    shown, before = [], ""
    for argument in argv:
        flag, equals, value = argument.partition("=")
        if before == HEADER:
            argument = _field(argument)
        elif flag == HEADER and equals:
            argument = f"{HEADER}={_field(value)}"
        has_names = SLO not in (before, flag)  # such as first_token_p99, which is no secret
        shown.append(secrets.remove(argument) if has_names else argument)
        before = argument
    return shown


def _field(text: str) -> str:
    name, colon, value = text.partition(":")
    [(_, redacted)] = redact_fields([(name.strip().lower(), value.strip())])
    return f"{name}: {redacted}" if colon else text


def _setting(option: Option, value: object, secrets: Secrets) -> Setting:
    if value == option.default:
        text = _text(value) if option.shown is None else option.shown
        return Setting(option.name, text, True)
    text = _text(value)
    return Setting(option.name, text if option.name == "slo" else secrets.remove(text), False)


def _text(value: object) -> str:
    """The value as it may be given."""
    match value:
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(map(_text_of_one, value))
    return "" if value is None else str(value)


def _text_of_one(value: object) -> str:
    match value:
        case Objective():
            return value.text
        case (str() as name, str() as content):
            return _field(f"{name}: {content}")
    return str(value)
