"""Every change of phase in this process, held against the table of what may follow what.

A change that the table does not allow would be an error inside the engine, which answers with a
500. So changes are recorded here, and the end of each served test looks at them.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pytest

from streamserver.proxy import phase as relayed
from streamserver.proxy.request import RelayedRequest
from streamserver.server.phase import FOLLOWS
from streamserver.server.writer import Writer

seen: set[tuple[Enum, Enum]] = set()
refused: list[tuple[Enum, Enum]] = []


def watch(patch: pytest.MonkeyPatch) -> None:
    """Record each change of phase of each exchange, and of each relayed request."""
    _watch(patch, Writer, FOLLOWS)
    _watch(patch, RelayedRequest, relayed.FOLLOWS)


def _watch(patch: pytest.MonkeyPatch, owner: type, follows: Mapping[Any, frozenset[Any]]) -> None:
    slot = owner.__dict__["phase"]

    def change(self: Any, after: Enum) -> None:
        before = getattr(self, "phase", None)
        if before is not None:
            seen.add((before, after))
            if after not in follows[before]:
                refused.append((before, after))
        slot.__set__(self, after)

    patch.setattr(owner, "phase", property(slot.__get__, change))


def check() -> None:
    """Fail if a change was not in the table."""
    found = {f"{before.name} -> {after.name}" for before, after in refused}
    refused.clear()
    assert not found, f"not in the table of phases: {found}"


def check_all_happened(follows: Mapping[Any, frozenset[Any]]) -> None:
    """Fail if a change of this table was not seen, or another one was."""
    assert {(a, b) for a, after in follows.items() for b in after} <= seen
    check()


def check_table(follows: Mapping[Any, frozenset[Any]], last: Enum) -> None:
    """Fail unless the table names every phase, and nothing follows ``last`` alone."""
    assert follows.keys() == set(type(last))
    assert [phase for phase, after in follows.items() if not after] == [last]
