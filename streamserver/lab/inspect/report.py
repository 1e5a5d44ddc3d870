"""The forms of an inspection: a table for people, and JSON."""

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Any

from streamserver.lab.cassettes.redaction import redact_fields
from streamserver.lab.inspect.hops import Change, arrivals, changes, end_of
from streamserver.lab.inspect.inspection import Inspection
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.verdict import Verdict, count, seconds
from streamserver.wire.printable import printable

VERSION = 1
"""Of the JSON form; raised when a member changes its meaning or is removed."""
MAX_ARRIVALS = 1000
"""Events whose times are in the JSON."""
MAX_VALUE = 200
"""Characters of a value in the table."""
WIDTH = 80
_CODES = {"ok": "32", "wrong": "1;31", "worse": "1;31"}
_status = re.compile(r"^(\S.*?  )(ok|wrong|worse)(?= )", re.MULTILINE)


def table(direct: Inspection, through: Inspection | None = None, width: int = WIDTH) -> str:
    """The verdicts with their evidence, what to change for each that is wrong, and what a hop
    changes."""
    lines: list[str] = []
    for one in filter(None, (direct, through)):
        lines += [*_inspection(one, width), ""]
    if through is not None:
        lines += [*_hop(direct, through, width), ""]
    return "\n".join(map(str.rstrip, lines[:-1])) + "\n"


def coloured(report: str) -> str:
    """The table with colours of the terminal for what is right and what is wrong."""
    return _status.sub(lambda found: f"{found[1]}\x1b[{_CODES[found[2]]}m{found[2]}\x1b[0m", report)


def _inspection(one: Inspection, width: int) -> Iterator[str]:
    yield printable(one.title)
    yield from wrap(printable(summary(one.evidence.main)), width)
    if one.verdicts:
        yield ""
    column = max((len(verdict.name) for verdict in one.verdicts), default=0)
    for verdict in one.verdicts:
        yield from _row((verdict.name, verdict.status), (column, 9), _evidence(verdict), width)
    wrong = [verdict for verdict in one.verdicts if verdict.remedies]
    if wrong:
        yield from ("", "What to change")
    for verdict in wrong:
        yield from ("", verdict.name)
        column = max(len(remedy.where) for remedy in verdict.remedies)
        for remedy in verdict.remedies:
            yield from _row(("", remedy.where), (0, column), remedy.change, width)


def _evidence(verdict: Verdict) -> str:
    return verdict.evidence + (f" ({verdict.section})" if verdict.section else "")


def _hop(direct: Inspection, through: Inspection, width: int) -> Iterator[str]:
    found = changes(direct, through)
    yield "What changes on the way" if found else "Nothing changes on the way"
    column = max((len(change.name) for change in found), default=0)
    if found:
        yield ""
    for change in found:
        text = f"{_value(change.direct)} -> {_value(change.through)}"
        mark = "worse" if change.is_worse else ""
        yield from _row((change.name, mark), (column, 5), text, width)


def _value(text: str) -> str:
    return (text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 3] + "...") or "none"


def _row(cells: Iterable[str], columns: Iterable[int], text: str, width: int) -> Iterator[str]:
    """Cells of one line, and a text that continues below itself."""
    start = "".join(f"{cell:<{column}}  " for cell, column in zip(cells, columns, strict=True))
    for line in wrap(printable(text), max(width - len(start), 20)) or [""]:
        yield start + line
        start = " " * len(start)


def summary(message: Message) -> str:
    """The response in one line."""
    if not message.status:
        return f"no response: {end_of(message)}"
    events, beats = message.events, len(message.comments)
    size = sum(len(piece.data) for piece in message.pieces)
    items = [f"{message.version} {message.status}", dict(message.fields).get("content-type", "")]
    items += [f"{count(size, 'bytes')} in {count(len(message.pieces), 'pieces')}"]
    items += [arrivals(events)] if events else []
    items += [count(beats, "heartbeats")] if beats else []
    ended = f"{end_of(message)} after {seconds(message.recording.ended)}"
    return ", ".join(filter(None, [*items, ended]))


def to_json(direct: Inspection, through: Inspection | None = None) -> dict[str, Any]:
    """For programs; times in milliseconds since the request was sent."""
    found = [] if through is None else changes(direct, through)
    return {
        "version": VERSION,
        **_to_json(direct),
        "through": _to_json(through) if through else None,
        "changes": [_change(change) for change in found],
    }


def _change(change: Change) -> dict[str, Any]:
    name, direct, through, is_worse = change
    return {"name": name, "direct": direct or None, "through": through or None, "worse": is_worse}


def _to_json(one: Inspection) -> dict[str, Any]:
    return {
        "request": one.title,
        "status": one.status,
        "verdicts": [_verdict(verdict) for verdict in one.verdicts],
        "response": _response(one.evidence.main),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {**verdict._asdict(), "remedies": [one._asdict() for one in verdict.remedies]}


def _response(message: Message) -> dict[str, Any] | None:
    recording = message.recording
    if not message.status:
        return None
    return {
        "version": message.version,
        "status": message.status,
        "fields": redact_fields(list(message.fields)),
        "framing": message.framing,
        "alpn": recording.alpn,
        "connected": _ms(recording.connected),
        "head": _ms(message.head_at),
        "bytes": sum(len(piece.data) for piece in message.pieces),
        "pieces": len(message.pieces),
        "reads": len(recording.reads),
        "events": len(message.events),
        "heartbeats": len(message.comments),
        "arrivals": [_ms(event.at) for event in message.events[:MAX_ARRIVALS]],
        "ended": _ms(recording.ended),
        "end": recording.end,
        "complete": message.is_complete,
        "problem": message.problem or recording.detail,
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
