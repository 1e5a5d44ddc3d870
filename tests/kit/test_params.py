"""Parameters: what is taken from a query or a JSON object, and what a refusal says."""

import json
from typing import Any

import pytest

from streamserver.kit.params import (
    Parameter,
    duration,
    json_object,
    number,
    one_of,
    size,
    text,
    whole,
)
from streamserver.kit.request import Query, Request
from streamserver.kit.response import Response
from streamserver.wire.problem import HTTPError
from support.asking import ask
from support.inprocess import Serve

COUNT = whole("count", 1, 1000)
OFFSET = whole("offset", -5, 5)
INTERVAL = number("interval", 0, 2.5)
GAP = duration("gap", 0, 90)
SIZE = size("size", 0, 65536)
FORMAT = one_of("format", "csv", "ndjson")
NAME = text("name", 1, 5)

ALLOWED = {
    COUNT: "a whole number from 1 to 1000",
    OFFSET: "a whole number from -5 to 5",
    INTERVAL: "a number from 0 to 2.5",
    GAP: "a duration from 0 to 90 seconds, as in 0.5 or 500ms",
    SIZE: "a size from 0 to 65536 bytes, as in 1000 or 64KiB",
    FORMAT: "one of csv, ndjson",
    NAME: "a text of 1 to 5 characters",
}


@pytest.mark.parametrize(
    ("parameter", "query", "value"),
    [
        (COUNT, "count=1", 1),
        (COUNT, "count=1000", 1000),
        (COUNT, "count=007", 7),
        (COUNT, "count=2&count=3", 2),
        (OFFSET, "offset=-5", -5),
        (INTERVAL, "interval=0", 0.0),
        (INTERVAL, "interval=2.5", 2.5),
        (INTERVAL, "interval=0.125", 0.125),
        (GAP, "gap=0.5", 0.5),
        (GAP, "gap=7ms", 0.007),
        (GAP, "gap=1.5m", 90.0),
        (SIZE, "size=1000", 1000),
        (SIZE, "size=1.5KiB", 1536),
        (SIZE, "size=64KiB", 65536),
        (FORMAT, "format=ndjson", "ndjson"),
        (NAME, "name=na%C3%AFve", "naïve"),
        (NAME, "name=1", "1"),
    ],
)
def test_a_query(parameter: Parameter[Any], query: str, value: object) -> None:
    found = parameter.of(Query(query))
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("parameter", "query", "shown"),
    [
        (COUNT, "count=0", "0"),
        (COUNT, "count=1001", "1001"),
        (COUNT, "count=", "''"),
        (COUNT, "count=+1", "' 1'"),
        (COUNT, "count=%2B1", "'+1'"),
        (COUNT, "count=1_0", "'1_0'"),
        (COUNT, "count=1.0", "'1.0'"),
        (COUNT, "count=1e2", "'1e2'"),
        (COUNT, "count=0x10", "'0x10'"),
        (COUNT, "count=%D9%A7", r"'\u0667'"),
        (COUNT, "count=1%0A", r"'1\n'"),
        (COUNT, "count=" + "9" * 5000, "'" + "9" * 39 + "..."),
        (OFFSET, "offset=-6", "-6"),
        (INTERVAL, "interval=2.6", "2.6"),
        (INTERVAL, "interval=-0.1", "-0.1"),
        (INTERVAL, "interval=nan", "'nan'"),
        (INTERVAL, "interval=inf", "'inf'"),
        (INTERVAL, "interval=1e-1", "'1e-1'"),
        (INTERVAL, "interval=.5", "'.5'"),
        (GAP, "gap=91s", "91.0"),
        (GAP, "gap=-1", "'-1'"),
        (GAP, "gap=-1s", "'-1s'"),
        (GAP, "gap=1%20s", "'1 s'"),
        (SIZE, "size=65537", "65537"),
        (SIZE, "size=65KiB", "66560"),
        (SIZE, "size=-1", "'-1'"),
        (SIZE, "size=1.5", "'1.5'"),
        (SIZE, "size=1k", "'1k'"),
        (FORMAT, "format=CSV", "'CSV' (did you mean 'csv'?)"),
        (FORMAT, "format=ndjsonl", "'ndjsonl' (did you mean 'ndjson'?)"),
        (FORMAT, "format=xml", "'xml'"),
        (FORMAT, "format=", "''"),
        (NAME, "name=", "''"),
        (NAME, "name=sixsix", "'sixsix'"),
    ],
)
def test_a_query_that_is_refused(parameter: Parameter[Any], query: str, shown: str) -> None:
    check_refusal(parameter, Query(query), shown)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [(COUNT, 7), (INTERVAL, 2), (INTERVAL, 0.5), (FORMAT, "csv"), (NAME, "\N{ROCKET}" * 5)],
)
def test_json(parameter: Parameter[Any], value: object) -> None:
    assert parameter.of({parameter.name: value, "other": 1}) == value


@pytest.mark.parametrize(
    ("parameter", "value", "shown"),
    [
        (COUNT, "7", "'7'"),
        (COUNT, True, "True"),
        (COUNT, 7.0, "7.0"),
        (COUNT, [7], "[7]"),
        (COUNT, 10**1000, "1" + "0" * 39 + "..."),
        (INTERVAL, "0.5", "'0.5'"),
        (INTERVAL, True, "True"),
        (INTERVAL, float("nan"), "nan"),
        (INTERVAL, float("inf"), "inf"),
        (INTERVAL, 10**1000, "1" + "0" * 39 + "..."),
        (GAP, "1s", "'1s'"),
        (SIZE, "1KiB", "'1KiB'"),
        (FORMAT, ["csv"], "['csv']"),
        (NAME, 1, "1"),
        (NAME, {"a": {}}, "{'a': {}}"),
        (NAME, "a\ud800", r"'a\ud800'"),
    ],
)
def test_json_that_is_refused(parameter: Parameter[Any], value: object, shown: str) -> None:
    check_refusal(parameter, {parameter.name: value}, shown)


def check_refusal(parameter: Parameter[Any], source: Any, shown: str) -> None:
    allowed = ALLOWED[parameter]
    with pytest.raises(HTTPError) as caught:
        parameter.of(source)
    assert caught.value.status == 400
    assert caught.value.detail == f"{parameter.name} must be {allowed}, not {shown}"
    assert caught.value.members == {"parameter": parameter.name, "allowed": allowed}
    assert caught.value.body()


@pytest.mark.parametrize("source", [Query(""), {}, {"n": None}])
def test_what_is_missing(source: Any) -> None:
    assert whole("n", 1, 9, default=4).of(source) == 4
    with pytest.raises(HTTPError, match="n is missing: it must be a whole number from 1 to 9"):
        whole("n", 1, 9).of(source)


def test_a_default_that_is_false_counts() -> None:
    assert whole("n", 0, 9, default=0).of({}) == 0
    assert text("t", 0, 9, default="").of({}) == ""


def test_a_text_from_elsewhere() -> None:
    assert COUNT.read("7") == 7
    with pytest.raises(HTTPError, match="count must be"):
        COUNT.read("x")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"a": 1}', 200),
        (b"{}", 200),
        (b"[]", 400),
        (b'"a"', 400),
        (b"null", 400),
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
    ],
)
async def test_a_json_object(serve: Serve, body: bytes, status: int) -> None:
    async def handler(request: Request) -> Response:
        return Response.json(await json_object(request))

    answer = await ask(await serve(handler), "/", "POST", body=body)
    assert answer.status == status
    assert status == 200 or "JSON" in json.loads(answer.body)["detail"]
