"""The forms of a sweep: the table, the CSV and the JSON."""

import csv
import json
from io import StringIO

from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.job import Job
from streamserver.lab.load.processes import Result
from streamserver.lab.report.goodput import parse_limits
from streamserver.lab.report.report import About
from streamserver.lab.report.slo import parse
from streamserver.lab.sweep.level import Kind
from streamserver.lab.sweep.search import Scale
from streamserver.lab.sweep.sweep import Prospect, Sweep, sweep
from streamserver.lab.sweep.table import COLUMNS, table, to_json, write_csv
from support.queueing import always, summary_of

TABLE = """\
   rate/s  achieved/s  open  first byte p50, ms  first byte p99, ms  errors  outcome
        1        1.00   1.0                 0.0                 0.0    0.0%  met
        2        2.00   2.0                 0.0                 0.0    0.0%  met
        4        4.00   4.0                 0.0                 0.0    0.0%  met
        8        8.00   8.0                 0.0                 0.0    0.0%  met
*   9.512        9.50   9.5                 0.0                 0.0    0.0%  met
    11.31       10.00  19.5               811.1              1505.8    0.0%  {missed}
    11.31       10.00  19.5               811.1              1505.8    0.0%  {missed}
       16       10.00  52.0              4125.1              6752.8    0.0%  {missed}
       16       10.00  52.0              4125.1              6752.8    0.0%  {missed}

highest     9.512/s: 9.50 complete exchanges/s
limit       at 11.31/s, the service: first_byte_p99=300ms: missed, 1505.755ms
objective   first_byte_p99=300ms
objective   errors=1%
"""
MISSED = "missed by the service: first_byte_p99=300ms"
SLO = "first_byte_p99=300ms,errors=1%"


async def swept(
    slots: int = 10, high: float = 100, limits: str = "", kind: Kind = "rate", end: int = 100
) -> Sweep:
    """A sweep of a service whose exchanges last a second; it ends early at level ``end``."""

    async def measure(job: Job, prospect: Prospect) -> Result | str:
        if prospect.number == end:
            return "it was interrupted"
        found = summary_of(job, always(1.0), slots)
        if limits:
            found.limits, found.good = parse_limits(limits), found.ends.total() // 2
        return Result(found)

    job = Job(RequestSpec("http://h/"), duration=10.0, warm_up=2.0)
    return await sweep(job, kind, Scale(1, high, 0.2), parse(SLO), measure)


async def test_the_table_marks_the_best_level_and_names_the_limit() -> None:
    assert table(await swept()) == TABLE.format(missed=MISSED)


async def test_the_end_of_the_scale_is_no_limit() -> None:
    shown = table(await swept(high=5))
    assert (
        "highest     at least 5/s: 5.00 complete exchanges/s\nlimit       none up to 5/s" in shown
    )


async def test_an_early_end_is_not_valid() -> None:
    shown = table(await swept(end=3))
    assert "*       2 " in shown
    assert "highest     at least 2/s" in shown
    assert "limit" not in shown
    assert "not valid   it was interrupted" in shown
    assert table(await swept(end=1)).splitlines()[1:] == [
        "objective   first_byte_p99=300ms",
        "objective   errors=1%",
        "not valid   it was interrupted",
    ]


async def test_goodput_has_a_column_if_there_are_limits() -> None:
    heading, first, *_ = table(await swept(limits="e2e=1s")).splitlines()
    assert heading.split()[:3] == ["rate/s", "achieved/s", "goodput/s"]
    assert first.split()[:3] == ["1", "1.00", "0.50"]


async def test_every_level_has_a_line_of_csv() -> None:
    found, file = await swept(limits="e2e=1s"), StringIO(newline="")
    write_csv(found, file)
    file.seek(0)
    rows = [*csv.DictReader(file)]
    assert [*rows[0]] == [*COLUMNS]
    assert [float(row["load"]) for row in rows] == [level.load for level in found.levels]
    for row, level in zip(rows, found.levels, strict=True):
        assert None not in row.values()
        assert float(row["achieved_per_s"]) == level.achieved
        half = level.summary.ends.total() // 2 / level.summary.ends.total()
        assert float(row["goodput_per_s"]) == round(level.achieved * half, 6)
        assert (row["met"] == "yes") is (level.limit is None)


async def test_the_json() -> None:
    found = await swept()
    members = json.loads(json.dumps(to_json(found, About("now", "1", "bench", []))))
    assert members["run"]["command"] == "bench"
    assert found.best is not None
    assert members["highest"] == {"load": found.best.load, "achieved": found.best.achieved}
    assert members["limit"]["party"] == "service"
    assert members["limit"]["load"] > found.best.load
    assert [one["load"] for one in members["levels"]] == [one.load for one in found.levels]
    assert [one["load"] for one in members["levels"] if one["best"]] == [found.best.load]
    last = members["levels"][-1]
    assert last["figures"]["e2e"]["p50"] >= 1000
    assert last["figures"]["ttft"] is None
    assert [one["objective"] for one in last["objectives"]] == members["objectives"]
    early = to_json(await swept(end=1))
    assert (early["highest"], early["limit"], early["levels"]) == (None, None, [])
    assert early["not_valid"] == ["it was interrupted"]
