"""Files in a content coding: read in a thread, revalidated, and never in ranges."""

import asyncio
import os
from pathlib import Path

import pytest

from streamserver.kit.compress import compress
from streamserver.kit.files import FileResponse
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.slices import SLICE
from streamserver.server.descriptors import budget
from streamserver.server.phase import Outcome
from streamserver.wire.content_coding import CODINGS, Coding
from support.asking import ask
from support.compressed import GZIP, decoded
from support.folder import DATE, MODIFIED, write
from support.inprocess import Serve, Served, running
from support.rawsocket import connect, raw, until_end
from support.requests import get
from support.waiting import wait_until

LINE = b"a line of a file that is served as text, %d\n"
CONTENT = b"".join([LINE % n for n in range(6 * SLICE // len(LINE))])
ETAG = f'"{MODIFIED * 10**9:x}-{len(CONTENT):x}"'
CODED_TAG = ETAG[:-1] + '-gzip"'
BIG = b"".join([os.urandom(30_000).hex().encode() for _ in range(100)])
"""More than the kernel takes for a client that does not read."""


@pytest.fixture
async def server(serve: Serve, tmp_path: Path) -> Served:
    write(tmp_path / "long.txt", CONTENT)
    write(tmp_path / "ten.txt")
    write(tmp_path / "long.png", CONTENT)
    write(tmp_path / "empty.txt", b"")
    write(tmp_path / "big.txt", BIG)

    async def handler(request: Request) -> Response:
        return FileResponse(request.path.removeprefix("/"), root=tmp_path)

    return await serve(compress(handler))


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_file_is_encoded_slice_by_slice(server: Served, coding: Coding) -> None:
    answer = await ask(server, "/long.txt", fields={"Accept-Encoding": coding})
    assert decoded(answer) == CONTENT
    assert len(answer.body) < len(CONTENT) / 4
    fields = dict(answer.headers)
    assert fields["content-encoding"] == coding
    assert fields["etag"] == f'{ETAG[:-1]}-{coding}"'
    assert fields["vary"] == "Accept-Encoding"
    assert fields["last-modified"] == DATE
    assert not {"accept-ranges", "content-length"} & set(fields)
    again = await ask(server, "/long.txt", fields={"Accept-Encoding": coding})
    assert again.body == answer.body, "the tag is strong"


@pytest.mark.parametrize("name", ["ten.txt", "empty.txt", "long.png"])
async def test_a_file_that_stays(server: Served, name: str) -> None:
    answer = await ask(server, f"/{name}", fields=GZIP)
    assert "content-encoding" not in answer.headers
    assert answer.headers["accept-ranges"] == "bytes"
    assert not answer.headers["etag"].endswith('-gzip"')


@pytest.mark.parametrize(
    ("fields", "status", "etag"),
    [
        # what a client of the coded file has
        ({"If-None-Match": CODED_TAG}, 304, CODED_TAG),
        ({"If-None-Match": f'"x", {CODED_TAG}'}, 304, CODED_TAG),
        ({"If-Match": CODED_TAG}, 200, CODED_TAG),
        ({"If-Match": '"x-gzip"'}, 412, None),
        ({"If-Modified-Since": DATE}, 304, None),
        # a client of the plain one
        ({"If-None-Match": ETAG}, 304, ETAG),
        ({"If-Match": ETAG}, 200, CODED_TAG),
        # a range is one of the plain file, and only for those that have it
        ({"Range": "bytes=2-4"}, 206, ETAG),
        ({"Range": "bytes=2-4", "If-Range": ETAG}, 206, ETAG),
        ({"Range": "bytes=2-4", "If-Range": CODED_TAG}, 200, CODED_TAG),
        ({"Range": "bytes=2-4", "If-None-Match": CODED_TAG}, 304, CODED_TAG),
        ({"Range": f"bytes={len(CONTENT)}-"}, 416, None),
    ],
)
async def test_conditions_and_ranges(
    server: Served, fields: dict[str, str], status: int, etag: str | None
) -> None:
    answer = await ask(server, "/long.txt", fields=GZIP | fields)
    assert (answer.status, answer.headers.get("etag")) == (status, etag)
    if status == 200:
        assert decoded(answer) == CONTENT
    elif status == 206:
        assert answer.body == CONTENT[2:5]
        assert "content-encoding" not in answer.headers
    if status < 400:
        assert answer.headers["vary"] == "Accept-Encoding"


async def test_a_date_alone_names_no_coding(server: Served) -> None:
    answer = await ask(server, "/long.txt", fields={"If-Modified-Since": DATE})
    assert (answer.status, answer.headers["etag"]) == (304, ETAG)


async def test_head_has_the_fields_of_get(server: Served) -> None:
    get_, head = [await ask(server, "/long.txt", method, GZIP) for method in ("GET", "HEAD")]
    expected, found = dict(get_.headers), dict(head.headers)
    del expected["transfer-encoding"], expected["date"], found["date"]
    assert found == expected
    assert head.body == b""


async def test_a_client_that_leaves_closes_the_file(server: Served) -> None:
    """The server's end verifies that no descriptor is left."""
    async with connect(server.port) as client:
        await client.send(get(b"/big.txt", b"Accept-Encoding: gzip"))
        await client.read_until(b"\r\n\r\n")
        client.reset()
    await wait_until(lambda: server.ended)
    assert server.ended[0].outcome is Outcome.CLIENT_GONE


async def test_a_slow_client_gets_all_of_it(server: Served) -> None:
    async with connect(server.port, receive_buffer=4096) as client:
        await client.send(get(b"/big.txt", b"Accept-Encoding: gzip", b"Connection: close"))
        await asyncio.sleep(0.05)
        received = await client.read_until()
    assert received.endswith(b"0\r\n\r\n")
    assert server.ended[0].outcome is Outcome.COMPLETE


async def test_a_file_that_becomes_shorter_is_cut(server: Served, tmp_path: Path) -> None:
    async with connect(server.port, receive_buffer=4096) as client:
        await client.send(get(b"/big.txt", b"Accept-Encoding: gzip"))
        await client.read_until(b"\r\n\r\n")
        os.truncate(tmp_path / "big.txt", len(BIG) // 2)
        await until_end(client)
    assert not client.received.endswith(b"0\r\n\r\n")
    await wait_until(lambda: server.ended)
    assert server.ended[0].outcome is Outcome.TRUNCATED
    assert "shorter than it was" in str(server.ended[0].error)


async def test_without_a_descriptor_it_is_a_503(tmp_path: Path) -> None:
    write(tmp_path / "long.txt", CONTENT)

    async def handler(request: Request) -> Response:
        response = FileResponse("long.txt", root=tmp_path)
        request.exchange.server.descriptors.in_use = 10**9
        return response

    descriptors = budget(1024)
    async with running(compress(handler), descriptors=descriptors) as server:
        received = await raw(server.port, get(b"/", b"Accept-Encoding: gzip", b"Connection: close"))
        assert received.startswith(b"HTTP/1.1 503 ")
        descriptors.in_use = 0
