"""The query of a target."""

import pytest

from streamserver.kit.request import Query


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("&&", []),
        ("a=1", [("a", "1")]),
        ("a", [("a", "")]),
        ("a=&b", [("a", ""), ("b", "")]),
        ("a=1&a=2&b=3", [("a", "1"), ("a", "2"), ("b", "3")]),
        ("a=b=c", [("a", "b=c")]),
        ("=a", [("", "a")]),
        ("a=1;b=2", [("a", "1;b=2")]),
        ("a+b=c+d%2B", [("a b", "c d+")]),
        ("%C3%A9=%E2%98%83", [("é", "☃")]),
        ("a=%", [("a", "%")]),
        ("a=%zz", [("a", "%zz")]),
        ("a=%ff", [("a", "\ufffd")]),
    ],
)
def test_a_query_is_names_and_values(text: str, pairs: list[tuple[str, str]]) -> None:
    """WHATWG URL, section 5.1."""
    assert Query(text).items() == pairs


def test_a_query_by_name() -> None:
    query = Query("a=1&a=2&b=")
    assert query["a"] == query.get("a") == "1"
    assert query.get_all("a") == ["1", "2"]
    assert query["b"] == ""
    assert "a" in query
    assert "b" in query


def test_an_absent_parameter() -> None:
    query = Query("a=1")
    assert "A" not in query
    assert (query.get("b"), query.get("b", "2"), query.get_all("b")) == (None, "2", [])
    with pytest.raises(KeyError, match="b"):
        query["b"]
