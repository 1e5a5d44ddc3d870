"""How long to wait before something is started again: decided without a clock."""

import pytest

from streamserver.kit.backoff import Backoff


@pytest.mark.parametrize(
    ("lives", "delays"),
    [
        ([], []),
        ([0.1], [0]),
        ([0.1] * 8, [0, 1, 2, 4, 8, 16, 20, 20]),
        ([0.1, 0.1, 0.1, 30, 0.1, 0.1], [0, 1, 2, 0, 1, 2]),
        ([30, 30, 29.9, 29.9], [0, 0, 1, 2]),
    ],
)
def test_backoff(lives: list[float], delays: list[float]) -> None:
    backoff = Backoff(first=1, bound=20, calm=30)
    assert [backoff.delay(lived) for lived in lives] == delays
