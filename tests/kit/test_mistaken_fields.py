"""Header fields and statuses of the wrong type: the error names the field and what may be."""

from collections.abc import Callable
from typing import Any

import pytest

from streamserver import HTTPError, Proxy, Response
from streamserver.wire.fields import Headers
from support.handlers import answering
from support.inprocess import Serve
from support.rawsocket import raw
from support.requests import get


@pytest.mark.parametrize(
    "make",
    [
        lambda value: Headers({"X-One": value}),
        lambda value: Headers([("X-One", value)]),
        lambda value: Headers().append("X-One", value),
        lambda value: Headers().__setitem__("X-One", value),
        lambda value: Response(headers={"X-One": value}),
        lambda value: HTTPError(503, headers={"X-One": value}),
        lambda value: Proxy("http://a", inject={"X-One": value}),
    ],
)
@pytest.mark.parametrize("value", [None, b"1", 1.5, True, ["a"]], ids=str)
def test_a_field_whose_value_is_no_text_is_named(make: Callable[[Any], Any], value: object) -> None:
    given = type(value).__name__
    with pytest.raises(
        TypeError, match=f"^the value of the header field 'X-One' is str, not {given}"
    ):
        make(value)


async def test_a_whole_number_is_a_value(serve: Serve) -> None:
    headers: Any = {"Retry-After": 5, "Content-Length": 3}
    server = await serve(answering(lambda: Response(b"abc", headers=headers)))
    assert b"\r\nretry-after: 5\r\n" in await raw(server.port, get(b"/", b"Connection: close"))
    assert (
        Headers(headers)["retry-after"]
        == HTTPError(503, headers=headers).headers["Retry-After"]
        == "5"
    )


@pytest.mark.parametrize("fields", ["X-One: 1", ["X-One: 1"], [("a", "b", "c")]])
def test_what_are_no_fields_is_named(fields: Any) -> None:
    with pytest.raises(TypeError, match=r'are a mapping {"name": "value"} or pairs'):
        Headers(fields)


@pytest.mark.parametrize("name", [7, b"x"])
def test_the_name_of_a_field_is_text(name: Any) -> None:
    with pytest.raises(TypeError, match=r"the name of a header field is str, not (int|bytes)"):
        Headers({name: "x"})


@pytest.mark.parametrize("status", ["200", 404.5, None])
def test_a_status_is_a_whole_number(status: Any) -> None:
    with pytest.raises(ValueError, match="status is 200 to 999, not"):
        Response(b"", status=status)
    with pytest.raises(ValueError, match="status is 400 to 599, not"):
        HTTPError(status)
