"""How much of a file a request gets: real sockets, httpx and curl."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from conftest import Serve
from streamserver.kit.files import FileResponse
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from support.folder import CONTENT, DATE, EARLIER, ETAG, MODIFIED, make_folder, write
from support.inprocess import Served
from support.leaks import descriptors
from support.rawsocket import connect, raw
from support.waiting import wait_until

MIB = 1024 * 1024
HEADERS = {"Cache-Control": "max-age=60", "Vary": "Origin"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


@pytest.fixture
async def server(serve: Serve, root: Path) -> Served:
    """Serves the root's files by name, as a download when asked for below /save/."""

    async def handler(request: Request) -> Response:
        name = request.path.removeprefix("/")
        if name.startswith("save/"):
            name = name.removeprefix("save/")
            return FileResponse(name, root=root, filename=name, headers=HEADERS)
        return FileResponse(name, root=root, headers=HEADERS)

    return await serve(handler)


@pytest.fixture
async def client(server: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False) as client:
        yield client


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


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/inner/../ten.txt", 200),
        ("/inner/%2e%2e/ten.txt", 200),
        ("/%E2%98%83.txt", 200),
        ("/../secret.txt", 404),
        ("/%2e%2e/secret.txt", 404),
        ("/..%2fsecret.txt", 404),
        ("/%2e%2e%2fsecret.txt", 404),
        ("/inner%2f..%2f..%2fsecret.txt", 404),
        ("/outside/secret.txt", 404),
        ("//etc/passwd", 404),
        ("/%2fetc/passwd", 404),
        ("/ten.txt%00", 404),
        ("/%00", 404),
        ("/%ff", 404),
        ("/%252e%252e/secret.txt", 404),
        ("/fifo", 404),
        ("/socket", 404),
        ("/inner", 404),
        ("/", 404),
    ],
)
async def test_targets(server: Served, target: str, status: int) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = await raw(server.port, request.encode())
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert (CONTENT in answer) is (status == 200)


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/tty"])
async def test_a_device_is_no_file(serve: Serve, device: str) -> None:
    async def handler(request: Request) -> Response:
        return FileResponse(device)

    server = await serve(handler)
    assert (await raw(server.port, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /ten.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HEAD /ten.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /ten.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=2-4\r\n\r\n",
        b"GET /ten.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=10-\r\n\r\n",
        b"GET /ten.txt HTTP/1.1\r\nHost: a\r\nIf-Match: x\r\n\r\n",
        b"GET /ten.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
        b"GET /fifo HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_no_file_stays_open(root: Path, server: Served, request_: bytes) -> None:
    async with connect(server.port) as client:
        for _ in range(3):
            await client.send(request_)
        await wait_until(lambda: len(server.ended) == 3)
        assert not [name for name in descriptors() if str(root) in name]


async def test_no_file_stays_open_when_the_client_leaves(root: Path, server: Served) -> None:
    with open(write(root / "large"), "wb") as file:
        file.truncate(256 * MIB)
    async with connect(server.port, receive_buffer=4096) as client:
        await client.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.read_until(b"\r\n\r\n")
        assert [name for name in descriptors() if str(root) in name]
        client.reset()
        await wait_until(lambda: server.ended)
        await wait_until(lambda: not [name for name in descriptors() if str(root) in name])


# --- curl -----------------------------------------------------------------------------------

Curl = Callable[..., Awaitable[bytes]]


@pytest.fixture
def curl(peer: Callable[[str], str], tmp_path: Path) -> Curl:
    """Run curl in a folder of its own; gives its output, and fails when it does."""
    path = peer("curl")
    (tmp_path / "curl").mkdir()

    async def run(*arguments: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            path, "-sS", "--noproxy", "*", *arguments, cwd=tmp_path / "curl", stdout=-1, stderr=-1
        )
        output, errors = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0, errors
        return output

    return run


async def test_curl_downloads_ranges_and_resumes(
    root: Path, server: Served, curl: Curl, tmp_path: Path
) -> None:
    content = os.urandom(5 * MIB + 1)
    write(root / "large.bin", content)
    url = f"{server.url}/large.bin"
    whole = hashlib.sha256(content).hexdigest()
    assert hashlib.sha256(await curl(url)).hexdigest() == whole
    assert await curl("-r", "1000000-1000009", url) == content[1_000_000:1_000_010]
    assert await curl("-r", "-10", url) == content[-10:]
    copy = write(tmp_path / "curl" / "large.bin", content[:3_000_000])
    await curl("-C", "-", "-O", url)
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == whole
    assert [exchange.bytes_sent for exchange in server.ended] == [
        len(content),
        10,
        10,
        len(content) - 3_000_000,
    ]


async def test_curl_fetches_only_what_is_new(server: Served, curl: Curl, root: Path) -> None:
    url = f"{server.url}/ten.txt"
    say = ("-o", "body", "-w", "%{http_code} %{size_download}")
    assert await curl(*say, "--etag-save", "tag", url) == b"200 10"
    assert await curl(*say, "--etag-compare", "tag", url) == b"304 0"
    assert await curl(*say, "-z", DATE, url) == b"304 0"
    assert await curl(*say, "-z", EARLIER, url) == b"200 10"
    (root / "ten.txt").write_bytes(b"changed")
    assert await curl(*say, "--etag-compare", "tag", url) == b"200 7"


async def test_curl_saves_under_the_name_that_it_is_told(
    server: Served, curl: Curl, tmp_path: Path
) -> None:
    await curl("-OJ", f"{server.url}/save/inner/deep/ten.txt")
    assert (tmp_path / "curl" / "inner_deep_ten.txt").read_bytes() == CONTENT


async def test_curl_heads(server: Served, curl: Curl) -> None:
    head = await curl("-I", f"{server.url}/ten.txt")
    assert b"\r\ncontent-length: 10\r\n" in head.lower()
