"""Objectives: their form, and how they are judged."""

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.report.goodput import parse_limits
from streamserver.lab.report.slo import judge, parse
from streamserver.lab.report.summary import Summary

MS = 1_000_000


def summary_of(*first_bytes: int, failed: int = 0) -> Summary:
    """Exchanges with these times to the first byte in ms, and failed ones."""
    summary = Summary(limits=parse_limits("first_byte=2ms"))
    for ms in first_bytes:
        summary.add(Record(planned=1, first_byte=1 + ms * MS, end="complete"))
    for _ in range(failed):
        summary.add(Record(planned=1, end="reset"))
    return summary


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("first_byte_p99=50ms", 50 * MS),
        ("first_token_p99.9=1.5s", 1500 * MS),
        ("gap_max=200us", MS / 5),
        ("last_byte_mean=7ns", 7),
        ("head_p100=1ms", MS),
        ("gap_p99=4.35ms", 4_350_000),
        ("last_byte_max=2m", 120_000 * MS),
        ("errors=0.1%", 0.001),
        ("ttft_p99=500ms", 500 * MS),
        ("itl_max=1s", 1000 * MS),
        ("tpot_p95=50ms", 50 * MS),
        ("e2e_mean=2m", 120_000 * MS),
        ("goodput=99.9%", 0.999),
    ],
)
def test_an_objective_is_a_figure_and_its_limit(text: str, limit: float) -> None:
    [objective] = parse(text)
    assert objective.text == text
    assert objective.limit == limit


@pytest.mark.parametrize(
    "text",
    [
        "",
        "first_byte_p99",
        "first_byte_p99=",
        "first_byte_p99=50",
        "first_byte_p99=-1ms",
        "first_byte_p101=1ms",
        "first_byte=1ms",
        "p99=1ms",
        "ttfb_p99=1ms",
        "errors=1",
        "errors=101%",
        "goodput=101%",
        "goodput=5/s",
        "goodput_p99=1ms",
        "tpot=1ms",
        "errors=1ms",
        "gap_p99=1ms,",
        "gap_p99=nanms",
    ],
)
def test_a_wrong_objective_is_named(text: str) -> None:
    wrong = text.split(",")[-1]
    match = "is not an objective: .*; allowed: NAME_STATISTIC=LIMIT"
    with pytest.raises(ValueError, match=match) as refused:
        parse(text)
    assert str(refused.value).startswith(repr(wrong))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "frist_byte_p99=50ms",
            "'frist_byte' is not a milestone or figure (did you mean 'first_byte'?)",
        ),
        ("error=1%", "'error' is not a milestone or figure (did you mean 'errors'?)"),
        ("tftt_p99=1s", "'tftt' is not a milestone or figure (did you mean 'ttft'?)"),
        ("first_byte=50ms", "'first_byte' needs a statistic, as in first_byte_p99;"),
        ("p99=50ms", "'p99' is not a milestone or figure;"),
        ("gap_maxx=50ms", "'maxx' is not a statistic (did you mean 'max'?)"),
        ("gap_99=50ms", "'99' is not a statistic;"),
        ("gap_p99=50", "'50' is not a duration with a unit;"),
        ("errors=1", "'1' is not a share from 0% to 100%;"),
    ],
)
def test_the_wrong_part_is_named(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is compared below
        parse(text)
    assert str(refused.value).startswith(f"{text!r} is not an objective: {problem}")


@pytest.mark.parametrize(
    ("text", "is_met", "line"),
    [
        ("first_byte_max=4ms", True, "first_byte_max=4ms: met, 3.0"),
        ("first_byte_p50=1ms", False, "first_byte_p50=1ms: missed, 2.0"),
        ("errors=20%", True, "errors=20%: met, 20.000%"),
        ("errors=19.9%", False, "errors=19.9%: missed, 20.000%"),
        ("first_token_p50=1s", False, "first_token_p50=1s: nothing of the kind was measured"),
        ("tpot_p50=1s", False, "tpot_p50=1s: nothing of the kind was measured"),
        ("goodput=60%", True, "goodput=60%: met, 60.000%"),
        ("goodput=60.1%", False, "goodput=60.1%: missed, 60.000%"),
    ],
)
def test_the_measured_value_stands_beside_the_limit(text: str, is_met: bool, line: str) -> None:
    [judgement] = judge(parse(text), summary_of(1, 2, 2, 3, failed=1))
    assert judgement.is_met == is_met
    assert str(judgement).startswith(line)


def test_a_share_that_is_reached_exactly_is_kept() -> None:
    summary = Summary(limits=parse_limits("first_byte=1s"))
    for n in range(1000):
        summary.add(Record(planned=1, first_byte=1 + MS, end="complete" if n else "reset"))
    assert [one.is_met for one in judge(parse("goodput=99.9%,errors=0.1%"), summary)] == [True] * 2


def test_goodput_without_limits_is_not_measured() -> None:
    [judgement] = judge(parse("goodput=1%"), Summary())
    assert str(judgement) == "goodput=1%: nothing of the kind was measured"
