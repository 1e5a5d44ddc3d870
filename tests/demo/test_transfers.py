"""The export, the files and the upload: much data in little memory."""

import asyncio
import csv
import hashlib
import json
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from streamserver.demo import app as demo_app
from streamserver.demo import transfers
from streamserver.demo.app import make_app
from streamserver.demo.transfers import FORMATS, pieces
from support.asking import ask
from support.inprocess import Serve, Served
from support.rawsocket import connect

MIB = 2**20

# The export

CSV_TYPE = "text/csv; charset=utf-8; header=present"


@pytest.mark.parametrize("rows", [1, 2, 501, 502, 1001, 1337])
@pytest.mark.parametrize(("form", "kind"), [("csv", CSV_TYPE), ("ndjson", "application/x-ndjson")])
async def test_an_export(server: Served, rows: int, form: str, kind: str) -> None:
    answer = await ask(server, f"/api/export?rows={rows}&format={form}")
    text = answer.body.decode()
    table: list[dict[str, Any]] = (
        [*csv.DictReader(text.splitlines())]
        if form == "csv"
        else [*map(json.loads, text.splitlines())]
    )
    assert text.endswith("\r\n" if form == "csv" else "}\n")
    assert [int(row["id"]) for row in table] == list(range(1, rows + 1))
    assert {tuple(row) for row in table} == {("id", "name", "stock")}
    assert table[-1]["name"] == f"item {rows}"
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"] == f'attachment; filename="export.{form}"'
    assert answer.headers["cache-control"] == "no-store"


async def test_both_formats_have_the_same_rows(server: Served) -> None:
    in_csv = await ask(server, "/api/export?rows=99&format=csv")
    in_json = await ask(server, "/api/export?rows=99&format=ndjson")
    from_json = [json.loads(line) for line in in_json.body.splitlines()]
    from_csv = [*csv.DictReader(in_csv.body.decode().splitlines())]
    assert [{k: str(v) for k, v in row.items()} for row in from_json] == from_csv


async def test_the_first_row_comes_alone(server: Served) -> None:
    async with connect(server.port) as client:
        await client.send(b"GET /api/export?rows=9 HTTP/1.1\r\nHost: a\r\n\r\n")
        received = await client.read_until(b"\r\n0\r\n\r\n")
    chunks = received.partition(b"\r\n\r\n")[2]
    assert chunks.startswith(b"1e\r\nid,name,stock\r\n1,item 1,7919\r\n\r\n")


async def test_an_export_takes_no_more_memory_than_its_client_lags_behind(server: Served) -> None:
    loop = asyncio.get_running_loop()
    left = 2 * MIB
    tracemalloc.start()
    try:
        async with connect(server.port) as client:
            await client.send(b"GET /api/export?rows=100000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            while left > 0:
                left -= len(await loop.sock_recv(client.sock, 65536))
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


async def test_other_tasks_run_between_two_pieces() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    _, heading, batch = FORMATS["csv"]
    task = asyncio.create_task(others())
    made = [piece async for piece in pieces(5000, heading, batch)]
    task.cancel()
    assert turns >= len(made) - 1 == 10


# Files


async def test_the_list_of_files(server: Served) -> None:
    answer = await ask(server, "/files/")
    listed = [{"name": "a.bin", "size": 3}, {"name": "b.txt", "size": 10}]
    assert json.loads(answer.body) == {"files": listed}


async def test_a_download_is_saved_and_resumed(server: Served) -> None:
    whole = await ask(server, "/files/b.txt")
    assert (whole.status, whole.body) == (200, b"0123456789")
    assert whole.headers["content-disposition"] == 'attachment; filename="b.txt"'
    assert whole.headers["cache-control"] == "no-cache"
    rest = await ask(server, "/files/b.txt", fields={"Range": "bytes=4-"})
    assert (rest.status, rest.body) == (206, b"456789")


@pytest.mark.parametrize("name", ["none", "folder", "..%2Fsecret", "%2E%2E%2fetc", "a.bin%00"])
async def test_no_such_file(server: Served, name: str, tmp_path: Path) -> None:
    assert (await ask(server, f"/files/{name}")).status == 404


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="none is not a directory"):
        make_app(tmp_path / "none")


async def test_a_directory_is_generated_at_the_first_request(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(transfers, "SAMPLE_MIB", 2)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = await serve(make_app())
    await ask(server, "/")
    assert not [*tmp_path.iterdir()]
    asked = [ask(server, target) for target in ("/files/", "/files/sample.bin", "/files/")]
    listed, sample, _ = await asyncio.gather(*asked)
    assert len([*tmp_path.iterdir()]) == 1
    assert json.loads(listed.body) == {"files": [{"name": "sample.bin", "size": 2**21}]}
    parts = [hashlib.shake_128(number).digest(2**20) for number in (b"0", b"1")]
    assert sample.body == b"".join(parts)
    # Another process's file is the same to a client that resumes.
    other = await ask(await serve(make_app()), "/files/sample.bin", "HEAD")
    assert len([*tmp_path.iterdir()]) == 2
    assert other.headers["etag"] == sample.headers["etag"]


def test_the_generated_directory_is_removed_at_exit(tmp_path: Path) -> None:
    code = "from streamserver.demo import transfers as t; t.SAMPLE_MIB = 1; print(t.generate())"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=Path(demo_app.__file__).parents[2], capture_output=True, text=True, check=True
    )
    made = Path(done.stdout.strip())
    assert made.name.startswith("streamserver-")
    assert not made.exists()


# The upload


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
async def test_an_upload_of_any_size(serve: Serve, size: int) -> None:
    server = await serve(make_app(), max_body=10)
    body = bytes(range(250)) * (size // 250) or bytes(size)
    answer = await ask(server, "/api/upload", "PUT", body=body)
    expected = {"size": size, "sha256": hashlib.sha256(body).hexdigest()}
    assert (answer.status, json.loads(answer.body)) == (200, expected)
