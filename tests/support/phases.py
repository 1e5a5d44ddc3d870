"""Every change of phase in this process, held against the table of what may follow what.

A change that the table does not allow would be an error inside the engine, which answers with a
500. So changes are recorded here, and the end of each served test looks at them.
"""

import pytest

from streamserver.server.phase import FOLLOWS, Phase
from streamserver.server.writer import Writer

seen: set[tuple[Phase, Phase]] = set()
refused: list[tuple[Phase, Phase]] = []


def watch(patch: pytest.MonkeyPatch) -> None:
    """Record each change of phase of each exchange."""
    slot = Writer.__dict__["phase"]

    def change(writer: Writer, after: Phase) -> None:
        before = getattr(writer, "phase", None)
        if before is not None:
            seen.add((before, after))
            if after not in FOLLOWS[before]:
                refused.append((before, after))
        slot.__set__(writer, after)

    patch.setattr(Writer, "phase", property(slot.__get__, change))


def check() -> None:
    """Fail if a change was not in the table."""
    found, refused[:] = list(refused), []
    assert not found, f"not in the table of phases: {found}"
