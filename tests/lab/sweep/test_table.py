"""The table of a sweep."""

from streamserver.lab.sweep.table import table
from support.queueing import swept

TABLE = """\
   rate/s  achieved/s  open  first byte p50, ms  first byte p99, ms  errors  outcome
        1        1.00   1.0                 0.0                 0.0    0.0%  met
        2        2.00   2.0                 0.0                 0.0    0.0%  met
        4        4.00   4.0                 0.0                 0.0    0.0%  met
        8        8.00   8.0                 0.0                 0.0    0.0%  met
*   9.512        9.50   9.5                 0.0                 0.0    0.0%  met
    11.31       10.00  19.5               811.1              1505.8    0.0%  {missed}
    11.31       10.00  19.5               811.1              1505.8    0.0%  {missed}
       16       10.00  52.0              4125.1              7126.1    0.0%  {missed}
       16       10.00  52.0              4125.1              7126.1    0.0%  {missed}

highest     9.512/s: 9.50 complete exchanges/s
limit       at 11.31/s, the service: first_byte_p99=300ms: missed, 1505.755ms
objective   first_byte_p99=300ms
objective   errors=1%
"""
MISSED = "missed, service: first_byte_p99=300ms"


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
