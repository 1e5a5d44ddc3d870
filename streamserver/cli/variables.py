"""Warnings about ``STREAMSERVER_...`` variables that no option reads."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from streamserver.cli.options import PREFIX, Table
from streamserver.kit.hints import did_you_mean
from streamserver.serving.worker import VARIABLE

_of_kubernetes = re.compile(
    rf"{PREFIX}(.*_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_\w+)?)?)"
).fullmatch
"""Kubernetes sets these in a pod for each Service, whose name may begin with ``streamserver``."""


def unread(
    argv: Sequence[str],
    environment: Mapping[str, str],
    own: Table,
    tables: Iterable[Table],
    texts: Iterable[str] = (),
) -> list[str]:
    """A warning for each ``STREAMSERVER_...`` variable that no option of any command reads.

    ``own``: the table of the command that runs, in which the nearest name is looked for first.
    ``texts``: those in a configuration file, iterated only if a variable may be unread. An empty
    variable counts as absent, and one that an option names, for a secret, as read.
    """
    silent = {VARIABLE, *environment.values(), *(word.rpartition("=")[2] for word in argv)}
    given = [name for name, value in environment.items() if value and name.startswith(PREFIX)]
    near = _names(own)
    if not {name.removeprefix(PREFIX) for name in {*given} - silent} - near:
        return []  # without the other tables, which belong to commands that are not imported
    known = near.union(*map(_names, tables))
    silent.update(texts)
    return [
        f"no option reads the environment variable {name}{_hint(name, near, known)}"
        for name in sorted({*given} - silent)
        if name.removeprefix(PREFIX) not in known and not _of_kubernetes(name)
    ]


def _names(table: Table) -> set[str]:
    return {option.variable.removeprefix(PREFIX) for option in chain(*table.values())}


def _hint(name: str, *groups: set[str]) -> str:
    """The nearest name in the first group that has one, compared without the common prefix."""
    bare = name.removeprefix(PREFIX)
    return next(filter(None, [did_you_mean(bare, group, PREFIX) for group in groups]), "")
