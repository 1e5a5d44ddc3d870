"""The report of `--check-config`: that a start would succeed, and the source of each set option.

Everything has been read by then. Only the address is not tried, because the server that is to be
restarted may listen there.
"""

from argparse import Namespace
from itertools import chain

from streamserver.cli.options import Option
from streamserver.kit.units import format_size
from streamserver.serving import logs

HIDDEN = "(not shown)"


def report(options: Namespace) -> str:
    """One line that names what is served and where, and a line for each option that is set; with
    `--log-format json` all of it in one line."""
    scheme = "https" if options.tls_cert else "http"
    host = f"[{options.host}]" if ":" in options.host else options.host
    where = f"unix:{options.uds}" if options.uds else f"{scheme}://{host}:{options.port}"
    where = where if options.fd is None else f"descriptor {options.fd}"
    message = f"the configuration is valid: {options.about} on {where}"
    rows = [
        (option.name, shown(option, getattr(options, option.key)), options.sources[option.key])
        for option in chain(*options.table.values())
        if option.key in options.sources and option.name != "check-config"
    ]
    if options.log_format == "json":
        members = {name: {"value": value, "source": source} for name, value, source in rows}
        return logs.json_line(message, options=members)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([message, *lines])


def shown(option: Option, value: object) -> str:
    """A value as text; a value that may be a secret is not shown."""
    if option.secret:
        return HIDDEN
    if value is None:
        return option.shown or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}s" if option.metavar == "DURATION" else f"{value:g}"
    if option.metavar == "SIZE" and isinstance(value, int):
        return format_size(value)
    return str(value)
