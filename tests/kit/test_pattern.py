"""Which paths a pattern means, and what it finds in them."""

from typing import Any

import pytest

from streamserver.kit.pattern import Pattern, canonical

UUID = "c0ffee00-1234-4abc-8DEF-0123456789ab"


@pytest.mark.parametrize(
    ("pattern", "path", "params"),
    [
        ("/jobs/{id:int}", "/jobs/7", {"id": 7}),
        ("/jobs/{id:int}", "/jobs/007", {"id": 7}),
        ("/jobs/{id:int}", "/jobs/%37", {"id": 7}),
        ("/jobs/{id:int}", "/jobs/-7", None),
        ("/jobs/{id:int}", "/jobs/7.0", None),
        ("/jobs/{id:int}", "/jobs/%D9%A7", None),
        ("/jobs/{id:int}", "/jobs/" + 18 * "9", {"id": 10**18 - 1}),
        ("/jobs/{id:int}", "/jobs/" + 19 * "9", None),
        ("/jobs/{id:int}", "/jobs/7/", None),
        ("/jobs/{id:int}", "/jobs/", None),
        ("/wait/{s:float}", "/wait/2.5", {"s": 2.5}),
        ("/wait/{s:float}", "/wait/2", {"s": 2.0}),
        ("/wait/{s:float}", "/wait/nan", None),
        ("/wait/{s:float}", "/wait/1e9", None),
        ("/{name}", "/caf%C3%A9", {"name": "café"}),
        ("/{name}", "/a%20b+c", {"name": "a b+c"}),
        ("/{name}", "/a%2Fb", {"name": "a/b"}),
        ("/{name}", "/%2F", {"name": "/"}),
        ("/{name}", "/..%2f..%2fetc", {"name": "../../etc"}),
        ("/{name}", "/a/b", None),
        ("/{name}", "/", None),
        ("/{name}", "/100%25", {"name": "100%"}),
        ("/{name}", "/100%2525", {"name": "100%25"}),
        ("/{name}", "/100%", {"name": "100%"}),
        ("/{name}", "/%0A", {"name": "\n"}),
        ("/{name}", "/a%3Fb", {"name": "a?b"}),
        ("/{name:str}/raw", "/a/raw", {"name": "a"}),
        ("/{name:str}/raw", "/a%2Fraw", None),
        ("/{a}/{b:int}", "/x/1", {"a": "x", "b": 1}),
        ("/www/{path:path}", "/www/a/b/", {"path": "a/b/"}),
        ("/www/{path:path}", "/www/a%20b/c", {"path": "a b/c"}),
        ("/www/{path:path}", "/www/%0A", {"path": "\n"}),
        ("/www/{path:path}", "/www/", None),
        ("/www/{path:path}", "/www", None),
        ("/a.c/{x}", "/abc/d", None),
        ("/café/{x}", "/caf%c3%a9/d", {"x": "d"}),
        ("/a b/{x}", "/%61%20b/d", {"x": "d"}),
    ],
)
def test_a_pattern(pattern: str, path: str, params: dict[str, Any] | None) -> None:
    assert Pattern(pattern).match(canonical(path)) == params


def test_a_uuid() -> None:
    found = Pattern("/{id:uuid}").match(f"/{UUID}")
    assert found is not None
    assert str(found["id"]) == UUID.lower()
    assert Pattern("/{id:uuid}").match(f"/{UUID}0") is None
    assert Pattern("/{id:uuid}").match(f"/{UUID.replace('-', '')}") is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "jobs",
        "*",
        "/a?b",
        "/a#b",
        "/{}",
        "/{a-b}",
        "/{id:number}",
        "/x{id}",
        "/{id}.txt",
        "/{id",
        "/id}",
        "/{id}/{id:int}",
        "/{path:path}/log",
    ],
)
def test_no_pattern(path: str) -> None:
    with pytest.raises(ValueError, match=r"path|parameter"):
        Pattern(path)
