"""All verdicts on the evidence of an inspection."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from streamserver.lab.inspect import remedies
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.verdict import Verdict
from streamserver.lab.inspect.verdicts import (
    buffering,
    compression,
    cors,
    cuts,
    ends,
    framing,
    head_first,
    heads,
    reconnection,
    second_request,
    silence,
    status,
    versions,
)

Judge = Callable[[Evidence], Verdict]
ON_THE_STREAM: Sequence[tuple[str, Judge]] = (
    (heads.TYPE, heads.judge_type),
    (heads.CACHING, heads.judge_caching),
    (head_first.NAME, head_first.judge_head),
    (framing.NAME, framing.judge_framing),
    (compression.NAME, compression.judge_compression),
    (buffering.NAME, buffering.judge_buffering),
    (silence.NAME, silence.judge_heartbeats),
    (cuts.NAME, cuts.judge_cut),
    (ends.NAME, ends.judge_end),
    (reconnection.NAME, reconnection.judge_reconnection),
    (second_request.NAME, second_request.judge_second_request),
)
"""The verdicts on a stream, by name."""
ON_ANY: Sequence[Judge] = (cors.judge_cors, versions.judge_versions)
"""Those on any response."""


def judge(evidence: Evidence) -> list[Verdict]:
    """The verdicts, in the order in which a response passes: head, body, end."""
    found = [status.judge_status(evidence)]
    is_stream = found[0].status == "ok"
    for name, one in ON_THE_STREAM:
        if is_stream:
            found.append(one(evidence))
        else:
            found.append(Verdict(name, "not seen", "the response is not the stream: see status"))
    found += [one(evidence) for one in ON_ANY]
    return [_with_likely_first(one, evidence) for one in found]


def _with_likely_first(verdict: Verdict, evidence: Evidence) -> Verdict:
    ordered = remedies.likely_first(verdict.remedies, evidence.main)
    return replace(verdict, remedies=ordered)
