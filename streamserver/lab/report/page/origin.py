"""What was asked of whom, when, with which version and options."""

from collections.abc import Iterable
from datetime import datetime

from streamserver.lab.report.page.markup import Pair, pairs
from streamserver.lab.report.report import About


def origin(about: About | None, requests: Iterable[Pair] = (), servers: Iterable[Pair] = ()) -> str:
    """The facts of a measurement; ``requests`` and ``servers`` are those that it knows itself."""
    rows = [*requests]
    if about is not None:
        rows += [*about.asked, ("when", _when(about))]
    rows += servers
    if about is not None:
        rows += [("version", about.version), ("machine", about.machine)]
        rows.append(("command", about.command))
    return pairs([(name, value) for name, value in rows if value], "run")


def options(about: About | None) -> str:
    """The options that were given; those with their default are folded."""
    if about is None:
        return ""
    given = [(one.name, one.value) for one in about.settings if not one.is_default]
    defaults = [(one.name, one.value) for one in about.settings if one.is_default and one.value]
    folded = f"<details><summary>Options by default</summary>{pairs(defaults)}</details>"
    return pairs(given) + folded


def _when(about: About) -> str:
    begin = datetime.fromisoformat(about.date)
    if not about.ended:
        return f"{begin:%Y-%m-%d %H:%M:%S} UTC"
    end = datetime.fromisoformat(about.ended)
    shown = f"{end:%H:%M:%S}" if begin.date() == end.date() else f"{end:%Y-%m-%d %H:%M:%S}"
    return f"{begin:%Y-%m-%d %H:%M:%S} to {shown} UTC"
