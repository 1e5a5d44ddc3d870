"""How much of a file a request gets, by its conditions and ranges."""

import time
from pathlib import Path

import httpx
import pytest

from streamserver.kit.files import FileResponse
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from support.folder import CONTENT, DATE, EARLIER, ETAG, MODIFIED, write
from support.inprocess import Serve


async def test_a_whole_file(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ten.txt")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    expected = {
        "content-length": "10",
        "content-type": "text/plain; charset=utf-8",
        "x-content-type-options": "nosniff",
        "etag": ETAG,
        "last-modified": DATE,
        "accept-ranges": "bytes",
        "cache-control": "max-age=60",
    }
    assert expected.items() <= dict(answer.headers).items()
    assert not {"content-range", "content-disposition"} & set(answer.headers)


@pytest.mark.parametrize(
    ("fields", "status", "content"),
    [
        ({"Range": "bytes=2-4"}, 206, b"234"),
        ({"Range": "bytes=7-"}, 206, b"789"),
        ({"Range": "bytes=-2"}, 206, b"89"),
        ({"Range": "bytes=0-99"}, 206, CONTENT),
        ({"Range": "bytes=0-1,3-4"}, 200, CONTENT),
        ({"Range": "bytes=4-2"}, 200, CONTENT),
        ({"Range": "lines=1-2"}, 200, CONTENT),
        ({"Range": "bytes=0-" + "9" * 5000}, 200, CONTENT),
        ({"Range": "bytes=" + "0-,-1," * 2000}, 200, CONTENT),
        ({"Range": "bytes=2-4", "If-Range": ETAG}, 206, b"234"),
        ({"Range": "bytes=2-4", "If-Range": DATE}, 206, b"234"),
        ({"Range": "bytes=2-4", "If-Range": '"other"'}, 200, CONTENT),
        ({"Range": "bytes=2-4", "If-Range": EARLIER}, 200, CONTENT),
        ({"Range": "bytes=99-", "If-Range": '"other"'}, 200, CONTENT),
        ({"Range": "bytes=2-4", "If-Match": ETAG}, 206, b"234"),
        ({"Range": "bytes=2-4", "If-None-Match": ETAG}, 304, b""),
        ({"Range": "bytes=99-", "If-None-Match": ETAG}, 304, b""),
        ({"If-None-Match": ETAG}, 304, b""),
        ({"If-None-Match": f'W/{ETAG}, "other"'}, 304, b""),
        ({"If-None-Match": '"other"'}, 200, CONTENT),
        ({"If-None-Match": '"other"', "If-Modified-Since": DATE}, 200, CONTENT),
        ({"If-Modified-Since": DATE}, 304, b""),
        ({"If-Modified-Since": EARLIER}, 200, CONTENT),
        ({"If-Match": ETAG, "If-Unmodified-Since": EARLIER}, 200, CONTENT),
    ],
)
async def test_conditions_and_ranges(
    client: httpx.AsyncClient, fields: dict[str, str], status: int, content: bytes
) -> None:
    answer = await client.get("/ten.txt", headers=fields)
    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers["etag"] == ETAG
    head = await client.head("/ten.txt", headers=fields)
    assert (head.status_code, head.content) == (200 if status == 206 else status, b"")
    if status == 206:
        first = CONTENT.index(content)
        last = first + len(content) - 1
        assert answer.headers["content-range"] == f"bytes {first}-{last}/10"
        assert head.headers["content-length"] == "10"
        assert "content-range" not in head.headers


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Range": "bytes=10-"}, 416),
        ({"Range": "bytes=-0"}, 416),
        ({"Range": "bytes=10-", "If-Range": ETAG}, 416),
        ({"If-Match": '"other"'}, 412),
        ({"If-Match": f"W/{ETAG}"}, 412),
        ({"If-Unmodified-Since": EARLIER}, 412),
        ({"If-Match": '"other"', "Range": "bytes=10-"}, 412),
        ({"If-Match": '"other"', "If-None-Match": ETAG}, 412),
    ],
)
async def test_refusals(client: httpx.AsyncClient, fields: dict[str, str], status: int) -> None:
    answer = await client.get("/ten.txt", headers=fields)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers.get("content-range") == ("bytes */10" if status == 416 else None)
    assert "cache-control" not in answer.headers


async def test_not_modified_tells_what_a_cache_updates_and_nothing_else(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/save/ten.txt", headers={"If-None-Match": ETAG})
    assert answer.status_code == 304
    assert {"etag", "cache-control", "vary", "date"} <= set(answer.headers)
    about_content = {"content-type", "content-length", "content-disposition", "last-modified"}
    assert not about_content & set(answer.headers)


async def test_conditions_are_for_get_and_head_alone(client: httpx.AsyncClient) -> None:
    fields = {"If-None-Match": ETAG, "If-Match": '"other"', "Range": "bytes=2-4"}
    answer = await client.post("/ten.txt", headers=fields)
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("fields", [{}, {"Range": "bytes=0-"}, {"Range": "bytes=-5"}])
async def test_an_empty_file(root: Path, client: httpx.AsyncClient, fields: dict[str, str]) -> None:
    write(root / "empty", b"")
    answer = await client.get("/empty", headers=fields)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "0"


async def test_what_has_just_been_written_is_sent_whole_rather_than_continued(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: MODIFIED * 10**9)
    tag = (await client.get("/ten.txt")).headers["etag"]
    answer = await client.get("/ten.txt", headers={"Range": "bytes=5-", "If-Range": tag})
    assert (tag, answer.status_code) == ("W/" + ETAG, 200)


async def test_a_changed_file_is_never_glued_to_its_former_state(
    root: Path, client: httpx.AsyncClient
) -> None:
    tag = (await client.get("/ten.txt")).headers["etag"]
    (root / "ten.txt").write_bytes(b"abcdefghij")
    continued = await client.get("/ten.txt", headers={"Range": "bytes=5-", "If-Range": tag})
    assert (continued.status_code, continued.content) == (200, b"abcdefghij")


@pytest.mark.parametrize(
    ("headers", "content_type", "sent"),
    [
        ({}, None, "text/plain; charset=utf-8"),
        ({"Content-Type": "text/x-own"}, None, "text/x-own"),
        ({"Content-Type": "text/x-own"}, "text/x-argument", "text/x-argument"),
    ],
)
async def test_one_response_may_answer_many_requests(
    serve: Serve, root: Path, headers: dict[str, str], content_type: str | None, sent: str
) -> None:
    headers |= {"X-Own": "1", "Content-Encoding": "identity"}
    response = FileResponse(root / "ten.txt", content_type=content_type, headers=headers)

    async def handler(request: Request) -> Response:
        return response

    server = await serve(handler)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False) as client:
        part = await client.get("/", headers={"Range": "bytes=2-4"})
        known = await client.get("/", headers={"If-None-Match": ETAG})
        whole = await client.get("/")
    assert [part.content, known.content, whole.content] == [b"234", b"", CONTENT]
    assert part.headers["content-type"] == whole.headers["content-type"] == sent
    assert part.headers["x-own"] == known.headers["x-own"] == whole.headers["x-own"] == "1"
    assert "content-range" not in whole.headers
    assert "content-encoding" not in known.headers
