"""Retry-After: for how long a replica is excluded (RFC 9110, section 10.2.3)."""

import pytest

from streamserver.proxy.refusal import delay_of
from streamserver.wire.fields import http_date
from streamserver.wire.response_heads import ResponseHead

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        (["0"], 0),
        (["1"], 1),
        (["007"], 7),
        (["9999999999"], 9999999999),
        ([http_date(NOW + 90)], 90),
        ([http_date(NOW - 90)], 0),
        (["Sunday, 06-Nov-94 08:49:37 GMT"], 0),
        ([], None),
        ([""], None),
        (["-1"], None),
        (["+1"], None),
        (["1.5"], None),
        (["1e3"], None),
        (["²"], None),
        (["soon"], None),
        (["9" * 11], None),
        (["1", "1"], None),
        (["Tue, 31 Feb 2026 00:00:00 GMT"], None),
    ],
)
def test_the_delay_of_a_retry_after(values: list[str], seconds: float | None) -> None:
    head = ResponseHead(503, [("retry-after", value) for value in values], length=0)
    assert delay_of(head, NOW) == seconds
