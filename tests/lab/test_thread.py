"""The client measures the target: every event that was commanded arrives."""

from time import monotonic_ns

from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.job import Job, parse
from streamserver.lab.load.run import Run
from streamserver.lab.report.report import Report
from streamserver.lab.report.table import table
from streamserver.lab.target.app import make_target
from support.inprocess import Serve


async def test_each_event_is_counted_and_none_arrives_before_it_was_sent(serve: Serve) -> None:
    served = await serve(make_target())
    records: list[Record] = []
    request = RequestSpec(f"{served.url}/sse?count=5&gap=0.01&stamps=1")
    run = Run(Job(request, concurrency=parse("2"), count=4), on_record=records.append)
    await run.execute(monotonic_ns())
    summary = run.summary
    assert summary.ends == {"complete": 4}
    assert (summary.events, summary.chunks) == (20, 20)
    for record in records:
        assert [stamp.seq for stamp in record.stamps] == [*range(5)]
        for stamp, arrival in zip(record.stamps, record.arrivals, strict=True):
            assert stamp.due <= stamp.sent <= arrival
    assert "first event" in table(Report("", summary, 1.0))
