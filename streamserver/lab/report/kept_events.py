"""The times between the events of one exchange, for a line of CSV.

They are kept as counts, at most as many as a histogram has: an exchange may last for hours.
"""

from collections.abc import Sequence

from streamserver.lab.client.record import Record
from streamserver.lab.report.event_counter import EventCounter
from streamserver.lab.report.histograms import bucket
from streamserver.lab.report.summary import Summary
from streamserver.lab.stamps import Stamp


class KeepingCounter(EventCounter):
    """Also keeps the times between events in the record of their exchange."""

    __slots__ = ("_record",)

    def __init__(self, summary: Summary, record: Record) -> None:
        super().__init__(summary)
        record.counted = True
        self._record = record

    def on_events(self, moment: int, events: int, outputs: int, stamps: Sequence[Stamp]) -> None:
        """Count as the base class does, and keep."""
        last, last_output = self._last, self._last_output
        super().on_events(moment, events, outputs, stamps)
        gaps, itls = self._record.gaps, self._record.itls
        if last:
            gaps[bucket(moment - last)] += 1
        if events > 1:
            gaps[bucket(0)] += events - 1
        if outputs and last_output:
            itls[bucket(moment - last_output)] += 1
        if outputs > 1:
            itls[bucket(0)] += outputs - 1
