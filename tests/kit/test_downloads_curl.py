"""Downloads by curl, which continues them and fetches only what is new."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from support.folder import CONTENT, DATE, EARLIER, write
from support.inprocess import Served

MIB = 1024 * 1024


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
