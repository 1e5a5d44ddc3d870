"""Between other software: curl as the client, nginx as the upstream and as a proxy in front."""

import gzip
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.lane import Lane, lane
from support.nginx import nginx, reserved_port
from support.rawsocket import connect
from support.relaying import EVENTS_HEAD, LAST_CHUNK, chunk
from support.requests import GET, OLD

LARGE = bytes(range(251)) * 20_000
TEXT = b"a line that can be compressed\n" * 1000
CONFIGURATION = """
    upstream files {{ server 127.0.0.1:{files}; keepalive 4; }}
    upstream events {{ server 127.0.0.1:{events}; keepalive 4; }}
    proxy_buffering off;
    proxy_request_buffering off;
    proxy_set_header Connection "";
    client_max_body_size 0;
    gzip_types *;
    gzip_http_version 1.0;
    gzip_proxied any;
    server {{
        listen 127.0.0.1:{origin} reuseport;
        root {root}/files;
        dav_methods PUT;
        gzip on;
    }}
    server {{
        listen 127.0.0.1:{front} reuseport;
        location / {{ proxy_pass http://files; proxy_http_version 1.1; }}
        location /old/ {{ proxy_pass http://files/; proxy_http_version 1.0; }}
        location /events {{ proxy_pass http://events; proxy_http_version 1.1; }}
        location /events/old {{ proxy_pass http://events; proxy_http_version 1.0; }}
    }}
"""


@dataclass(frozen=True, slots=True)
class Chain:
    """nginx > relay > nginx for files, nginx > relay > raw upstream for events."""

    root: Path
    front: int
    files: Lane
    events: Lane

    def url(self, way: str, name: str) -> str:
        """The URL of a file, at the relay or at an nginx in front that uses this HTTP version."""
        if way == "relay":
            return f"{self.files.server.url}/{name}"
        return f"http://127.0.0.1:{self.front}/{'old/' if way == 'HTTP/1.0' else ''}{name}"


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def chain(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chain]:
    root = tmp_path_factory.mktemp("nginx")
    (root / "files").mkdir()
    (root / "files" / "large").write_bytes(LARGE)
    (root / "files" / "text").write_bytes(TEXT)
    with (
        reserved_port() as origin,
        reserved_port() as front,
        lane(request.param, f"http://127.0.0.1:{origin}") as files,
        lane(request.param) as events,
    ):
        ports = {"files": files.server.port, "events": events.server.port}
        http = CONFIGURATION.format(root=root, origin=origin, front=front, **ports)
        with nginx(root, http, front):
            yield Chain(root, front, files, events)


@pytest.fixture
def curl(peer: Callable[[str], str]) -> Callable[..., bytes]:
    """Run curl and return what it wrote; a transfer that it finds incomplete is a failure."""

    def run(*args: object) -> bytes:
        command = [peer("curl"), "--silent", "--show-error", "--fail", *map(str, args)]
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


WAYS = ["relay", "HTTP/1.1", "HTTP/1.0"]
Curl = Callable[..., bytes]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["--http1.1", "--http1.0"])
def test_a_download(chain: Chain, curl: Curl, way: str, version: str) -> None:
    assert curl(version, chain.url(way, "large")) == LARGE


@pytest.mark.parametrize("way", WAYS)
def test_a_part_of_a_file(chain: Chain, curl: Curl, way: str) -> None:
    assert curl("--range", "1000-4999", chain.url(way, "large")) == LARGE[1000:5000]


@pytest.mark.parametrize("way", WAYS)
def test_gzip_stays_as_it_is(chain: Chain, curl: Curl, way: str) -> None:
    """Without a length, because nginx compresses while it sends."""
    asked = ["-H", "Accept-Encoding: gzip", chain.url(way, "text")]
    packed = curl(*asked)
    assert len(packed) < len(TEXT)
    assert gzip.decompress(packed) == TEXT
    assert curl("--compressed", chain.url(way, "text")) == TEXT


@pytest.mark.parametrize("way", WAYS)
def test_a_head_alone(chain: Chain, curl: Curl, way: str) -> None:
    head = curl("--head", chain.url(way, "large")).lower()
    assert b"\r\ncontent-length: %d\r\n" % len(LARGE) in head


@pytest.mark.parametrize("way", WAYS)
def test_one_connection_for_several_requests(chain: Chain, curl: Curl, way: str) -> None:
    many = [chain.url(way, "text"), "-o", "/dev/null"] * 3
    assert curl(*many, "-w", "%{num_connects}") == b"100"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "how",
    [
        pytest.param([], id="length"),
        pytest.param(["-H", "Transfer-Encoding: chunked"], id="chunked"),
        pytest.param(["-H", "Expect: 100-continue", "--expect100-timeout", 25], id="expect"),
        pytest.param(["--http1.0"], id="from HTTP/1.0"),
    ],
)
def test_an_upload(chain: Chain, curl: Curl, tmp_path: Path, way: str, how: list[object]) -> None:
    """If curl waits for a 100, its timeout is longer than any of these tests."""
    file = tmp_path / "upload"
    file.write_bytes(LARGE)
    curl(*how, "--upload-file", file, chain.url(way, "stored"))
    assert (chain.root / "files" / "stored").read_bytes() == LARGE
    (chain.root / "files" / "stored").unlink()


FRONTS = [(GET, b"/events"), (OLD, b"/events"), (GET, b"/events/old")]


@pytest.mark.parametrize(("asked", "path"), FRONTS)
def test_each_event_comes_through_alone(chain: Chain, asked: bytes, path: bytes) -> None:
    async def exchange() -> None:
        async with connect(chain.front) as client:
            await client.send(asked.replace(b"/ ", path + b" "))
            peer = await chain.events.upstream.asked()
            await peer.send(EVENTS_HEAD)
            for number in range(3):
                await peer.send(chunk(b"data: %d\n\n" % number))
                await client.read_until(b"data: %d\n\n" % number)
            await peer.send(LAST_CHUNK)
            received = await client.read_until(LAST_CHUNK if asked is GET else None)
        assert received.count(b"data: ") == 3

    chain.events.run(exchange())


@pytest.mark.parametrize(("asked", "path"), FRONTS)
def test_a_broken_stream_is_broken_behind_nginx_too(
    chain: Chain, asked: bytes, path: bytes
) -> None:
    """Also over HTTP/1.0, where a FIN would signal completion."""

    async def exchange() -> None:
        async with connect(chain.front) as client:
            await client.send(asked.replace(b"/ ", path + b" "))
            peer = await chain.events.upstream.asked()
            await peer.send(EVENTS_HEAD + chunk(b"data: 0\n\n"))
            await client.read_until(b"data: 0\n\n")
            peer.reset()
            assert LAST_CHUNK not in await client.read_until()

    chain.events.run(exchange())


def test_a_client_that_leaves_nginx_ends_the_upstream_connection(chain: Chain) -> None:
    async def exchange() -> None:
        async with connect(chain.front) as client:
            await client.send(GET.replace(b"/ ", b"/events "))
            peer = await chain.events.upstream.asked()
            await peer.send(EVENTS_HEAD + chunk(b"data: 0\n\n"))
            await client.read_until(b"data: 0\n\n")
            client.reset()
            peer.received = b""
            assert await peer.read_until() == b""

    chain.events.run(exchange())
