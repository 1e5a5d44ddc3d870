"""The exit status, and that every form of a report says why a measurement is not valid."""

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.report.page.document import page
from streamserver.lab.report.report import MISSED, NOT_VALID, VALID_AND_MET
from streamserver.lab.report.table import table
from support.reported import CUT, DOCUMENT, MOVED, REFUSED, UNANSWERED, UNREACHED, WHOLE, report


@pytest.mark.parametrize(
    ("records", "slo", "problems", "status"),
    [
        ([WHOLE], "", (), VALID_AND_MET),
        ([WHOLE, CUT], "", (), VALID_AND_MET),
        ([], "", (), NOT_VALID),
        ([WHOLE], "", ("a process died",), NOT_VALID),
        ([WHOLE], "gap_p50=6ms,errors=0%", (), VALID_AND_MET),
        ([WHOLE, CUT], "gap_p50=6ms,errors=0%", (), MISSED),
        ([WHOLE], "gap_p50=1ms", (), MISSED),
        ([WHOLE], "gap_p50=1ms", ("it was stopped",), NOT_VALID),
        ([WHOLE], "first_token_p50=1s", (), NOT_VALID),
        ([CUT], "errors=100%", (), NOT_VALID),
        ([CUT], "", (), NOT_VALID),
        ([MOVED], "", (), NOT_VALID),
        ([DOCUMENT], "", (), NOT_VALID),
        ([WHOLE, MOVED], "errors=0%", (), MISSED),
        # That all exchanges failed is a finding, although nothing else could be measured.
        ([CUT], "errors=0.1%", (), MISSED),
        ([CUT], "first_token_p50=1s,errors=0.1%", (), MISSED),
        ([CUT], "errors=0.1%", ("it was stopped",), NOT_VALID),
        ([REFUSED], "gap_p50=1s,errors=0.1%", (), MISSED),
        ([REFUSED], "goodput=1%", (), MISSED),
        ([WHOLE, CUT], "goodput=50%", (), VALID_AND_MET),
        ([WHOLE, CUT], "goodput=51%", (), MISSED),
        ([UNREACHED], "goodput=1%", (), NOT_VALID),
        # Without a response nothing was measured.
        ([UNREACHED], "", (), NOT_VALID),
        ([UNREACHED], "first_byte_p99=1s,errors=0.1%", (), NOT_VALID),
        ([UNREACHED], "errors=100%", (), NOT_VALID),
        ([UNREACHED, CUT], "errors=0.1%", (), MISSED),
        ([UNANSWERED], "errors=0.1%", (), NOT_VALID),
        ([], "errors=0.1%", (), NOT_VALID),
    ],
)
def test_the_exit_status_distinguishes_missed_from_not_valid(
    records: list[Record], slo: str, problems: tuple[str, ...], status: int
) -> None:
    assert report(*records, slo=slo, problems=problems).status == status


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (
            [UNREACHED, UNREACHED, UNANSWERED],
            "no exchange received a response: unconnected 2, first_byte_timeout 1"
            " (unconnected: connection refused)",
        ),
        ([REFUSED], "no exchange ended well: refused 1 (refused: status 503)"),
        ([], "no exchange counts: none began, or all belong to the warm-up"),
    ],
)
def test_every_form_says_why_nothing_is_valid(records: list[Record], reason: str) -> None:
    one = report(*records, slo="gap_p50=1s,errors=100%")
    assert f"not valid   {reason}" in table(one).splitlines()
    assert reason in one.to_json()["not_valid"]
    assert reason in page(one)
