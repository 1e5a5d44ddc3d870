"""An inspection: the probes of one URL, and the verdicts on what they recorded."""

from dataclasses import dataclass
from typing import Any

from streamserver.lab.cassettes.redaction import redact_target
from streamserver.lab.client.connection import ServerAddress
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.judge import judge
from streamserver.lab.inspect.probes import probe
from streamserver.lab.inspect.verdict import Verdict

NOTHING_WRONG, WRONG, NOTHING_JUDGED = 0, 1, 3
"""Exit statuses; 2 is wrong usage."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was recorded of a URL, and the verdicts on it."""

    title: str
    """The request, without secrets."""
    evidence: Evidence
    verdicts: list[Verdict]

    @property
    def status(self) -> int:
        """The exit status."""
        found = {verdict.status for verdict in self.verdicts}
        if "wrong" in found:
            return WRONG
        return NOTHING_WRONG if "ok" in found else NOTHING_JUDGED


async def inspect(spec: RequestSpec, server: ServerAddress, **options: Any) -> Inspection:
    """Send the requests of ``probe``, whose options these are, and judge their responses."""
    evidence = await probe(spec, server, **options)
    return Inspection(f"{spec.method} {redact_target(spec.url)}", evidence, judge(evidence))
