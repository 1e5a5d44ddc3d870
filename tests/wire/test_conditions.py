"""Conditional requests and ranges (RFC 9110, sections 13 and 14), as tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.wire.conditions import (
    Validators,
    content_range,
    entity_tags,
    precondition,
    requested_range,
)
from streamserver.wire.fields import Headers

BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
EXACT = "Sun, 06 Nov 1994 08:49:37 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"
MODIFIED = 784111777

STRONG = Validators('"v1"', MODIFIED)
WEAK = Validators('W/"v1"', MODIFIED)


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ('"a"', ['"a"']),
        ('""', ['""']),
        ('W/"a"', ['W/"a"']),
        ('"a", W/"b" ,"c"', ['"a"', 'W/"b"', '"c"']),
        ('"a","b"', ['"a"', '"b"']),
        (', ,"a",,', ['"a"']),
        ('"a,b", "c"', ['"a,b"', '"c"']),
        ('"back\\slash"', ['"back\\slash"']),
        ('"\xe9\xff"', ['"\xe9\xff"']),
        ("", []),
        ("*", []),
        ("bare", []),
        ('w/"a"', []),
        ('"open', []),
        ('"a b"', []),
        ('"a"x, "b"', []),
        ('"a" "b"', []),
        ('"a", bare, "b"', ['"a"']),
        ('"a"\n', []),
    ],
)
def test_entity_tags_of_a_list(value: str, tags: list[str]) -> None:
    assert entity_tags(value) == tags


@pytest.mark.parametrize(
    ("field", "value", "strong", "weak"),
    [
        # If-Match guards against a change, byte by byte: strong comparison.
        ("If-Match", '"v1"', 200, 412),
        ("If-Match", 'W/"v1"', 412, 412),
        ("If-Match", '"v0", "v1"', 200, 412),
        ("If-Match", '"v0"', 412, 412),
        ("If-Match", "*", 200, 200),
        ("If-Match", "v1", 412, 412),
        ("If-Match", "", 412, 412),
        # If-None-Match spares a transfer: weak comparison.
        ("If-None-Match", '"v1"', 304, 304),
        ("If-None-Match", 'W/"v1"', 304, 304),
        ("If-None-Match", '"v0", W/"v1"', 304, 304),
        ("If-None-Match", '"v0"', 200, 200),
        ("If-None-Match", '"V1"', 200, 200),
        ("If-None-Match", "*", 304, 304),
        ("If-None-Match", "v1", 200, 200),
        ("If-None-Match", "", 200, 200),
        # Dates, in whole seconds; one that is no date is not there.
        ("If-Modified-Since", BEFORE, 200, 200),
        ("If-Modified-Since", EXACT, 304, 304),
        ("If-Modified-Since", AFTER, 304, 304),
        ("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT", 304, 304),
        ("If-Modified-Since", "Sun Nov  6 08:49:37 1994", 304, 304),
        ("If-Modified-Since", "yesterday", 200, 200),
        ("If-Unmodified-Since", BEFORE, 412, 412),
        ("If-Unmodified-Since", EXACT, 200, 200),
        ("If-Unmodified-Since", AFTER, 200, 200),
        ("If-Unmodified-Since", "yesterday", 200, 200),
        ("Accept", "*/*", 200, 200),
    ],
)
def test_one_condition(field: str, value: str, strong: int, weak: int) -> None:
    headers = Headers({field: value})
    assert precondition(headers, STRONG) == strong
    assert precondition(headers, WEAK) == weak


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        # Tags outrank dates.
        ({"If-Match": '"v1"', "If-Unmodified-Since": BEFORE}, 200),
        ({"If-Match": '"v0"', "If-Unmodified-Since": AFTER}, 412),
        ({"If-None-Match": '"v0"', "If-Modified-Since": AFTER}, 200),
        ({"If-None-Match": '"v1"', "If-Modified-Since": BEFORE}, 304),
        # A list that cannot be read still hides the date.
        ({"If-None-Match": "v1", "If-Modified-Since": AFTER}, 200),
        # What guards comes before what spares.
        ({"If-Match": '"v0"', "If-None-Match": '"v1"'}, 412),
        ({"If-Match": '"v1"', "If-None-Match": '"v1"'}, 304),
        ({"If-Unmodified-Since": BEFORE, "If-None-Match": '"v1"'}, 412),
        ({"If-Unmodified-Since": EXACT, "If-Modified-Since": EXACT}, 304),
        # If-Range is no precondition.
        ({"If-Range": '"v0"'}, 200),
    ],
)
def test_the_order_of_conditions(fields: dict[str, str], status: int) -> None:
    assert precondition(Headers(fields), STRONG) == status


def test_repeated_lists_are_one_list_and_repeated_dates_are_none() -> None:
    tags = Headers([("If-None-Match", '"v0"'), ("If-None-Match", '"v1"')])
    dates = Headers([("If-Modified-Since", AFTER), ("If-Modified-Since", AFTER)])
    assert precondition(tags, STRONG) == 304
    assert precondition(dates, STRONG) == 200


@pytest.mark.parametrize(
    ("value", "offsets"),
    [
        ("bytes=0-0", range(0, 1)),
        ("bytes=0-9", range(0, 10)),
        ("bytes=2-4", range(2, 5)),
        ("bytes=4-", range(4, 10)),
        ("bytes=4-10", range(4, 10)),
        ("bytes=4-9999999999999999999", range(4, 10)),
        ("bytes=0004-0005", range(4, 6)),
        ("bytes=-1", range(9, 10)),
        ("bytes=-10", range(0, 10)),
        ("bytes=-11", range(0, 10)),
        ("BYTES=2-4", range(2, 5)),
        ("bytes=,2-4 ,", range(2, 5)),
        # Well-formed, but no byte of the ten is asked for.
        ("bytes=10-", range(0)),
        ("bytes=10-12", range(0)),
        ("bytes=9999999999999999999-", range(0)),
        ("bytes=-0", range(0)),
        # Not one range of bytes: it is ignored.
        ("bytes=4-2", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes", None),
        ("bytes=4", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("bytes=1_0-", None),
        ("bytes=--1", None),
        ("bytes=1 -2", None),
        ("bytes =1-2", None),
        ("bytes=0x1-2", None),
        ("bytes=\u0661-\u0662", None),
        ("byte\u017f=1-2", None),
        ("bytes=1-2\n", None),
        ("lines=1-2", None),
        ("", None),
        ("bytes=0-1,3-4", None),
        ("bytes=0-,0-,0-", None),
        ("bytes=0-" + "9" * 20, None),
    ],
)
def test_range_of_ten_bytes(value: str, offsets: range | None) -> None:
    assert requested_range(Headers({"Range": value}), STRONG, 10) == offsets


@pytest.mark.parametrize("value", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0", "bytes=5-"])
def test_nothing_has_no_ranges(value: str) -> None:
    assert requested_range(Headers({"Range": value}), STRONG, 0) is None


def test_no_range_asked_for_and_several_fields() -> None:
    assert requested_range(Headers(), STRONG, 10) is None
    two = Headers([("Range", "bytes=0-1"), ("Range", "bytes=2-3")])
    assert requested_range(two, STRONG, 10) is None


@pytest.mark.parametrize(
    ("value", "strong", "weak"),
    [
        ('"v1"', True, False),
        ('W/"v1"', False, False),
        ('"v0"', False, False),
        ('"v0", "v1"', False, False),
        ("*", False, False),
        ("v1", False, False),
        ("", False, False),
        (BEFORE, False, False),
        (EXACT, True, True),
        ("Sunday, 06-Nov-94 08:49:37 GMT", True, True),
        (AFTER, False, False),
    ],
)
def test_if_range_lets_only_the_same_state_continue(value: str, strong: bool, weak: bool) -> None:
    headers = Headers({"Range": "bytes=4-", "If-Range": value})
    assert requested_range(headers, STRONG, 10) == (range(4, 10) if strong else None)
    assert requested_range(headers, WEAK, 10) == (range(4, 10) if weak else None)


def test_if_range_repeated_does_not_continue() -> None:
    headers = Headers([("Range", "bytes=4-"), ("If-Range", EXACT), ("If-Range", EXACT)])
    assert requested_range(headers, STRONG, 10) is None


@pytest.mark.parametrize(
    ("selected", "value"),
    [
        (range(0, 10), "bytes 0-9/10"),
        (range(9, 10), "bytes 9-9/10"),
        (range(10, 10), "bytes */10"),
        (range(12, 10), "bytes */10"),
    ],
)
def test_content_range(selected: range, value: str) -> None:
    assert content_range(selected, 10) == value


VALUES = st.text(st.characters(max_codepoint=255))
SIZES = st.integers(0, 50) | st.integers(0, 2**63 - 1)
RANGE_LIKE = st.text(alphabet='bytesBW=-, \t0123456789/"*\xff', max_size=80)


@given(VALUES | RANGE_LIKE | RANGE_LIKE.map("bytes=".__add__), SIZES)
def test_any_range_field_stays_within_the_representation(value: str, size: int) -> None:
    selected = requested_range(Headers({"Range": value}), STRONG, size)
    if selected:
        assert 0 <= selected.start < selected.stop <= size


@given(st.integers(0, 60) | st.none(), st.integers(0, 60) | st.none(), st.integers(1, 50))
def test_a_range_is_the_bytes_that_the_standard_names(
    first: int | None, last: int | None, size: int
) -> None:
    def text(number: int | None) -> str:
        return "" if number is None else str(number)

    everything = list(range(size))
    if first is None:
        named = everything[-last:] if last else []
    else:
        named = [n for n in everything if first <= n and (last is None or n <= last)]
    value = f"bytes={text(first)}-{text(last)}"
    selected = requested_range(Headers({"Range": value}), STRONG, size)
    invalid = (last is None) if first is None else (last is not None and last < first)
    assert selected is None if invalid else list(selected or ()) == named


@given(st.lists(st.tuples(st.booleans(), st.text("!#$,/\\W\xe9", max_size=5))), st.booleans())
def test_entity_tags_survive_any_list(members: list[tuple[bool, str]], spaced: bool) -> None:
    tags = [f'{"W/" * weak}"{opaque}"' for weak, opaque in members]
    assert entity_tags((" , " if spaced else ",").join(tags)) == tags


@given(VALUES | st.text('W/"*, \tab', max_size=60))
def test_any_condition_leads_to_a_status(value: str) -> None:
    for name in ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"):
        assert precondition(Headers({name: value}), STRONG) in (200, 304, 412)
    requested_range(Headers({"Range": "bytes=0-", "If-Range": value}), STRONG, 10)


@pytest.mark.parametrize(
    "value",
    [
        "bytes=" + "0-," * 300_000,
        "bytes=" + "9" * 1_000_000,
        "bytes=0-" + "9" * 1_000_000,
        "bytes=" + "," * 1_000_000 + "x",
        '"' + "a" * 1_000_000,
        '"a",' * 300_000 + "x",
        'W/"' * 300_000,
        "," * 1_000_000 + "x",
    ],
    ids=["ranges", "digits", "last digits", "commas", "open tag", "tags", "half tags", "members"],
)
def test_absurd_fields_cost_next_to_nothing(value: str) -> None:
    """Sixty times what a head may hold: quadratic work would outlast the test's time limit."""
    headers = Headers({"Range": value, "If-Range": '"v1"', "If-None-Match": value})
    assert requested_range(headers, STRONG, 10) is None
    assert precondition(headers, STRONG) == 200
