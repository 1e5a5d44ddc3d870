"""The client measures the target: what it commanded is what it got."""

from streamserver.lab.client.client import Ask, Client
from streamserver.lab.client.record import Record
from streamserver.lab.load.closed import closed_loop
from streamserver.lab.report.report import Report
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.table import table
from streamserver.lab.target.app import make_target
from support.inprocess import Serve


async def test_each_event_is_counted_and_none_is_faster_than_it_was_sent(serve: Serve) -> None:
    served = await serve(make_target())
    client = Client(Ask(f"{served.url}/sse?count=5&gap=0.01&stamps=1"))
    summary = Summary()
    records: list[Record] = []

    def tell(record: Record) -> None:
        records.append(record)
        summary.add(record)

    await closed_loop(client, 2, 4, tell)
    client.close()
    assert summary.ends == {"complete": 4}
    assert (summary.events, summary.chunks) == (20, 20)
    for record in records:
        assert [stamp.seq for stamp in record.stamps] == [*range(5)]
        for stamp, arrival in zip(record.stamps, record.arrivals, strict=True):
            assert stamp.due <= stamp.sent <= arrival
    assert "first event" in table(Report("", summary, 1.0))
