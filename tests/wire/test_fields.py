"""Fields: names in any case, repeated fields, lists and dates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.wire.fields import (
    HOP_BY_HOP,
    Headers,
    http_date,
    is_token,
    parse_http_date,
    split_list,
)

# --- headers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given_fields",
    [
        {"Content-Type": "text/plain", "X-Two": "2"},
        [("Content-Type", "text/plain"), ("X-Two", "2")],
        iter([("Content-Type", "text/plain"), ("X-Two", "2")]),
        Headers([("content-TYPE", "text/plain"), ("x-two", "2")]),
    ],
)
def test_headers_are_made_of_a_mapping_or_of_pairs(given_fields: object) -> None:
    headers = Headers(given_fields)  # type: ignore[arg-type]  # each kind is allowed, not all are one
    assert headers.items() == [("content-type", "text/plain"), ("x-two", "2")]
    assert list(headers) == headers.items()
    assert len(headers) == 2


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_headers_of_nothing_are_empty(nothing: None) -> None:
    assert Headers(nothing).items() == []


@pytest.mark.parametrize("name", ["x-name", "X-Name", "X-NAME"])
def test_a_name_is_found_in_any_case(name: str) -> None:
    headers = Headers({"X-naMe": "one"})
    assert headers[name] == headers.get(name) == "one"
    assert headers.get_all(name) == ["one"]
    assert name in headers
    headers[name] = "two"
    assert headers.items() == [("x-name", "two")]
    del headers[name]
    assert name not in headers


def test_an_absent_name() -> None:
    headers = Headers({"X": "one"})
    assert headers.get("Y") is None
    assert headers.get("Y", "other") == "other"
    assert headers.get_all("Y") == []
    assert 7 not in headers
    with pytest.raises(KeyError, match="Y"):
        headers["Y"]
    del headers["Y"]
    assert headers.items() == [("x", "one")]


def test_repeated_fields_keep_their_order_and_join_with_a_comma() -> None:
    """RFC 9110, section 5.3."""
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3")])
    assert headers["A"] == headers.get("a") == "1, 3"
    assert headers.get_all("A") == ["1", "3"]
    assert headers.items() == [("a", "1"), ("b", "2"), ("a", "3")]
    headers.append("B", "4")
    assert headers["b"] == "2, 4"
    headers["A"] = "5"
    assert headers.items() == [("b", "2"), ("b", "4"), ("a", "5")]
    del headers["B"]
    assert headers.items() == [("a", "5")]


def test_an_empty_value_is_a_value() -> None:
    headers = Headers({"X": ""})
    assert "x" in headers
    assert headers["x"] == headers.get("x", "other") == ""


def test_a_copy_is_changed_apart() -> None:
    headers = Headers({"X": "one"})
    copy = headers.copy()
    assert copy == headers
    copy.append("Y", "two")
    del copy["X"]
    assert headers == Headers({"x": "one"}) != copy
    assert headers != [("x", "one")]


def test_lower_case_fields_are_not_copied() -> None:
    pairs = [("x", "one")]
    headers = Headers.of_lower(pairs)
    assert headers.items() is pairs
    assert repr(headers) == "Headers([('x', 'one')])"


def test_fields_are_well_formed_until_one_is_added() -> None:
    assert not Headers([("x", "one")]).are_well_formed
    assert not Headers.of_lower([("x", "one")]).are_well_formed
    checked = Headers.of_lower([("x", "one")], are_well_formed=True)
    del checked["x"]
    assert checked.are_well_formed
    assert checked.copy().are_well_formed
    copy = checked.copy()
    copy["y"] = "two"
    assert not copy.are_well_formed
    assert checked.are_well_formed
    checked.append("y", "two")
    assert not checked.are_well_formed


# --- tokens and lists -------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a", "GET", "x-!#$%&'*+.^_`|~9"])
def test_tokens(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", ["", " ", "a b", "a\n", "a:", "a\0", "é", "a,b", '"a"', "(a)"])
def test_other_text_is_no_token(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize(
    ("value", "members"),
    [
        ("", []),
        (" , ,\t", []),
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        (" a \t,, b ,", ["a", "b"]),
        ("a b, c", ["a b", "c"]),
        ('"a,b", c', ['"a,b"', "c"]),
        ('W/"a,b","c"', ['W/"a,b"', '"c"']),
        ('a="b,\\",c", d', ['a="b,\\",c"', "d"]),
        ('a, "b, c', ["a", '"b, c']),
    ],
)
def test_a_list_is_split_at_commas_outside_of_quotes(value: str, members: list[str]) -> None:
    assert split_list(value) == members


@given(st.lists(st.from_regex(r'\A(?:[a-z]+|"(?:[a-z ,]|\\["\\])*")\Z'), min_size=1, max_size=8))
def test_joined_members_are_split(members: list[str]) -> None:
    assert split_list(", ".join(members)) == members


@pytest.mark.parametrize("name", ["connection", "keep-alive", "te", "transfer-encoding", "upgrade"])
def test_fields_of_one_hop(name: str) -> None:
    """RFC 9110, section 7.6.1."""
    assert name in HOP_BY_HOP
    assert "content-length" not in HOP_BY_HOP


# --- dates ------------------------------------------------------------------------------------

SECONDS = 784111777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    "text", [DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_the_three_forms_of_a_date(text: str) -> None:
    """RFC 9110, section 5.6.7."""
    assert parse_http_date(text) == SECONDS


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "-1", "yesterday", "784111777", "06 Nov 1994", "Sun, 06 Nov 1994"),
        *("Sun, 06 Nov 99999 08:49:37 GMT", "Sun, 06 Nov -1 08:49:37 GMT"),
        *("Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:00:00 GMT"),
        "Sun, 06 Nov 1994 08:49:37 " + "G" * 100,
        "9" * 10_000,
    ],
)
def test_other_text_is_no_date(text: str) -> None:
    assert parse_http_date(text) is None


def test_a_date_is_written_in_the_preferred_form() -> None:
    assert http_date(SECONDS) == DATE
    assert http_date(SECONDS + 0.9) == DATE


@given(st.integers(0, 4_000_000_000))
def test_a_date_that_is_written_is_read(seconds: int) -> None:
    assert parse_http_date(http_date(seconds)) == seconds
