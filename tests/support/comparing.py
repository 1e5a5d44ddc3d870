"""Rounds of made-up exchanges with several URLs, and their report."""

from array import array
from collections.abc import Sequence

from streamserver.lab.client.record import Record
from streamserver.lab.compare.comparison import Comparison
from streamserver.lab.compare.report import ComparisonReport
from streamserver.lab.report.slo import parse
from support.reported import ABOUT

MS = 1_000_000


def exchange(begin: int, first: float, gap: float = 10, body: str = "a", **other: object) -> Record:
    """A record of three events, sent at ``begin`` ms; the first arrived ``first`` ms later."""
    record = Record(planned=begin * MS, sent=begin * MS, end="complete", status=200, digest=body)
    record.arrivals = array("q", [round((begin + first + n * gap) * MS) for n in range(3)])
    record.head = record.first_byte = record.first_event = record.arrivals[0]
    record.last_byte, record.events = record.arrivals[-1], 3
    for name, value in other.items():
        setattr(record, name, value)
    return record


def compared(*rounds: tuple[Record, ...], names: Sequence[str] = ("through",)) -> Comparison:
    """The comparison of these rounds; ``names``: of the URLs but the first."""
    comparison = Comparison(names)
    for records in rounds:
        comparison.add(*records)
    return comparison


def report_of(comparison: Comparison, slo: str = "") -> ComparisonReport:
    """The report of a comparison of ``GET http://NAME/x?y`` for each name."""
    requests = [f"GET http://{side.name}/x?y" for side in comparison.sides]
    return ComparisonReport(comparison, requests, parse(slo) if slo else [], about=ABOUT)
