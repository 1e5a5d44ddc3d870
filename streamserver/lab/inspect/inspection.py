"""An inspection: the probes of one URL, and the verdicts on what they recorded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from streamserver.lab.client.connection import ServerAddress
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.probes import probe
from streamserver.lab.inspect.remedies import likely_first
from streamserver.lab.inspect.verdict import Finding, Verdict
from streamserver.lab.inspect.verdicts.buffering import judge_buffering
from streamserver.lab.inspect.verdicts.compression import judge_compression
from streamserver.lab.inspect.verdicts.cors import judge_cors
from streamserver.lab.inspect.verdicts.cuts import judge_cut, judge_heartbeats
from streamserver.lab.inspect.verdicts.ends import judge_end
from streamserver.lab.inspect.verdicts.framing import judge_framing
from streamserver.lab.inspect.verdicts.heads import (
    judge_caching,
    judge_head,
    judge_status,
    judge_type,
)
from streamserver.lab.inspect.verdicts.reconnection import judge_reconnection
from streamserver.lab.inspect.verdicts.second_request import judge_second_request
from streamserver.lab.inspect.verdicts.versions import judge_versions

NOTHING_WRONG, WRONG, NOTHING_JUDGED = 0, 1, 3
"""Exit statuses; 2 is wrong usage."""


class Question(NamedTuple):
    """What a verdict answers."""

    name: str
    section: str
    judge: Callable[[Evidence], Finding]
    is_of_stream: bool = True
    """Whether it needs a stream."""


QUESTIONS = (
    Question("status", "RFC 9110, section 15", judge_status, False),
    Question("type", "WHATWG HTML, section 9.2.3", judge_type),
    Question("caching", "RFC 9111, section 5.2.2", judge_caching),
    Question("head", "RFC 9112, section 2.1", judge_head),
    Question("framing", "RFC 9112, section 7.1", judge_framing),
    Question("compression", "RFC 9110, section 8.4.1", judge_compression),
    Question("buffering", "RFC 9112, section 7.1", judge_buffering),
    Question("heartbeats", "WHATWG HTML, section 9.2.7", judge_heartbeats),
    Question("cut", "RFC 9112, section 8", judge_cut),
    Question("end", "RFC 9112, section 8", judge_end),
    Question("reconnection", "WHATWG HTML, section 9.2.4", judge_reconnection),
    Question("second request", "", judge_second_request),
    Question("cors", "Fetch, section 3.3", judge_cors, False),
    Question("versions", "RFC 9113, section 3.2", judge_versions, False),
)
"""In the order in which a response passes: head, body, end."""


def judge(evidence: Evidence) -> list[Verdict]:
    """The verdicts on the evidence of an inspection, one for each question."""
    is_stream = judge_status(evidence).status == "ok"
    no_stream = Finding("not seen", "the response is not the stream: see status")
    found = []
    for name, section, judge_one, is_of_stream in QUESTIONS:
        one = judge_one(evidence) if is_stream or not is_of_stream else no_stream
        remedies = likely_first(one.remedies, evidence.main)
        where = one.section or (section if one is not no_stream else "")
        found.append(Verdict(name, one.status, one.evidence, where, remedies))
    return found


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
    return Inspection(spec.title, evidence, judge(evidence))
