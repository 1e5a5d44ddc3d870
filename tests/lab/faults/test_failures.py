"""Requests that fail by number or by chance, the same ones for the same seed."""

import pytest

from streamserver.kit.request import Query
from streamserver.lab.faults.failures import MAX_KEYS, Failures
from streamserver.wire.problem import HTTPError

SOME = 2000


def fates(failures: Failures, query: str, seed: int = 0, count: int = 10) -> str:
    """A letter for each of ``count`` requests: x if it fails, o if not."""
    asked = [failures.failure(Query(query), seed) for _ in range(count)]
    return "".join("o" if one is None else "x" for one in asked)


def test_the_first_ones_of_a_key_fail() -> None:
    failures = Failures()
    assert fates(failures, "fail_first=3&fail_key=a") == "xxxooooooo"
    assert fates(failures, "fail_first=3&fail_key=a") == "oooooooooo"
    assert fates(failures, "fail_first=1&fail_key=b") == "xooooooooo"
    assert fates(Failures(), "fail_first=3&fail_key=a") == "xxxooooooo"


def test_the_rate_is_kept_and_the_seed_selects_the_failures() -> None:
    first = fates(Failures(), "fail_rate=0.1&seed=7&fail_key=a", 7, SOME)
    assert 0.08 < first.count("x") / SOME < 0.12
    assert fates(Failures(), "fail_rate=0.1&seed=7&fail_key=another", 7, SOME) == first
    assert fates(Failures(), "fail_rate=0.1&seed=7", 7, SOME) == first
    assert fates(Failures(), "fail_rate=0.1&seed=8&fail_key=a", 8, SOME) != first
    assert fates(Failures(), "fail_rate=1&seed=1") == "x" * 10
    assert fates(Failures(), "fail_rate=0&seed=1") == "o" * 10


def test_each_seed_is_counted_by_itself() -> None:
    failures, alone = Failures(), fates(Failures(), "fail_rate=0.5&seed=7", 7, 20)
    for n, fate in enumerate(alone):
        assert fates(failures, "fail_rate=0.5&seed=7", 7, 1) == fate, n
        fates(failures, "fail_rate=0.5&seed=8", 8, 1)
        fates(failures, "fail_rate=0.5", n, 1)  # without a seed it is not counted


def test_without_a_seed_failures_are_random() -> None:
    found = fates(Failures(), "fail_rate=0.5", 7, SOME)
    assert 0.4 < found.count("x") / SOME < 0.6
    assert fates(Failures(), "fail_rate=0.5", 7, SOME) != found


def test_a_rate_after_the_first_requests() -> None:
    found = fates(Failures(), "fail_first=5&fail_key=a&fail_rate=0.3&seed=1", 1, SOME)
    assert found.startswith("xxxxx")
    assert 0.25 < found.count("x") / SOME < 0.36


def test_the_status_and_retry_after_of_a_failure() -> None:
    default = Failures().failure(Query("fail_rate=1"), 0)
    assert default is not None
    assert (default.status, default.headers) == (503, {"Retry-After": "1"})
    other = Failures().failure(Query("fail_rate=1&fail_status=429&retry_after=20"), 0)
    assert other is not None
    assert (other.status, other.headers) == (429, {"Retry-After": "20"})


def test_the_least_recently_used_key_is_dropped() -> None:
    failures = Failures()
    fates(failures, "fail_first=1&fail_key=old", count=1)
    fates(failures, "fail_first=1&fail_key=kept", count=1)
    for n in range(MAX_KEYS - 1):
        assert fates(failures, "fail_first=1&fail_key=kept", count=1) == "o"
        fates(failures, f"fail_first=1&fail_key={n}", count=1)
    assert fates(failures, "fail_first=1&fail_key=old", count=1) == "x"
    assert fates(failures, "fail_first=1&fail_key=kept", count=1) == "o"
    assert len(failures._counts) == MAX_KEYS


REFUSED = [
    ("fail_rate=1.1", "fail_rate", "0 to 1"),
    ("fail_rate=-0.1", "fail_rate", "0 to 1"),
    ("fail_rate=often", "fail_rate", "0 to 1"),
    ("fail_first=1001&fail_key=a", "fail_first", "0 to 1000"),
    ("fail_first=3", "fail_key", "1 to 100 characters"),
    ("fail_first=3&fail_key=", "fail_key", "1 to 100 characters"),
    (f"fail_rate=0.1&fail_key={'a' * 101}", "fail_key", "1 to 100 characters"),
    ("fail_rate=0.1&fail_status=200", "fail_status", "400 to 599"),
    ("fail_status=600", "fail_status", "400 to 599"),
    ("fail_status=500", "fail_status", "needs fail_rate or fail_first"),
    ("fail_key=a", "fail_key", "needs fail_rate or fail_first"),
    ("retry_after=1", "retry_after", "needs fail_rate or fail_first"),
    ("retry_after=3601", "retry_after", "0 to 3600"),
]


@pytest.mark.parametrize(("query", "name", "allowed"), REFUSED, ids=[one[0] for one in REFUSED])
def test_a_wrong_parameter_is_named_with_what_is_allowed(
    query: str, name: str, allowed: str
) -> None:
    with pytest.raises(HTTPError) as refused:
        Failures().failure(Query(query), 0)
    assert (refused.value.status, refused.value.members["parameter"]) == (400, name)
    assert allowed in refused.value.detail
