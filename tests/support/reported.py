"""Exchanges that ended in one way or another, and reports of them."""

from array import array

from streamserver.lab.client.record import Record
from streamserver.lab.report.goodput import parse_limits
from streamserver.lab.report.report import About, Report, Setting
from streamserver.lab.report.slo import judge, parse
from streamserver.lab.report.summary import Summary

MS = 1_000_000
WHOLE = Record(
    planned=MS, began=2 * MS, connected=3 * MS, sent=3 * MS, head=5 * MS, reads=2, chunks=3
)
WHOLE.first_byte, WHOLE.first_event, WHOLE.last_byte = 6 * MS, 6 * MS, 31 * MS
WHOLE.status, WHOLE.end, WHOLE.events, WHOLE.size = 200, "complete", 3, 99
WHOLE.longest_gap = 20 * MS
WHOLE.arrivals = array("q", [6 * MS, 11 * MS, 31 * MS])
UNREACHED = Record(planned=MS, began=MS, end="unconnected", detail="connection refused")
CUT = Record(
    planned=MS, began=MS, sent=MS, head=2 * MS, status=200, end="truncated", detail="it ended"
)
UNANSWERED = Record(planned=MS, began=MS, sent=MS, end="first_byte_timeout")
REFUSED = Record(
    planned=MS, began=MS, sent=MS, head=2 * MS, last_byte=3 * MS, status=503, end="refused"
)
MOVED = Record(1, 1, head=2 * MS, status=301, end="redirected", detail="status 301, and so on")
DOCUMENT = Record(1, 1, head=2 * MS, status=200, end="no_stream", detail="status 200 with json")
ANSWERED = Record(1, 1, head=MS, first_byte=2 * MS, last_byte=9 * MS, status=200, end="complete")
ANSWERED.first_reasoning, ANSWERED.first_token, ANSWERED.first_tool_call = 3 * MS, 5 * MS, 7 * MS

ANSWERED.last_token, ANSWERED.output_tokens, ANSWERED.tokens_from = 8 * MS, 6, "usage"
ANSWERED.input_tokens, ANSWERED.cached_tokens, ANSWERED.reasoning_tokens = 1200, 1000, 2
COUNTED = Record(1, 1, first_token=MS, last_byte=9 * MS, status=200, end="complete")
COUNTED.output_tokens, COUNTED.tokens_from = 3, "events"
ABOUT = About(
    "2026-11-22T16:51:05Z",
    "streamserver 1.2.3",
    "streamserver bench 'http://x/?a&b' --slo errors=1%",
    (Setting("slo", "errors=1%", False), Setting("seed", "0", True)),
    "Linux x86_64, 2 cores",
    (("request", "GET http://x/?a&b"), ("load", "closed loop: 3 concurrent exchanges")),
    "2026-11-22T16:52:06Z",
)


def report(*records: Record, slo: str = "", problems: tuple[str, ...] = ()) -> Report:
    """What these exchanges come to, in two seconds."""
    summary = Summary(limits=parse_limits("e2e=1s"))
    for record in records:
        summary.add(record)
    judgements = judge(parse(slo), summary) if slo else []
    return Report("<b>&amp;", summary, 2.0, judgements, [*problems])
