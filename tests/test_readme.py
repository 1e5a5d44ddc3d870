"""What the README has people paste: each block, in order, does what is said of it.

Figures differ from run to run, so they are masked; what a busy machine may add is left out.
"""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.request import Request as Asked
from urllib.request import urlopen

import pytest

from streamserver.cli.apps import load_app, load_demo
from streamserver.cli.keys import secret_of
from streamserver.cli.naming import COMMANDS
from streamserver.cli.serve import USAGE, read
from streamserver.lab.target.app import make_target
from support import peers
from support.asking import ask
from support.inprocess import Serve, Served
from support.model import question
from support.nginx import nginx, reserved_port
from support.process import ROOT, RunServer
from support.readme import LIMIT, Block, Reader, blocks, words_of, written
from support.redis import RedisServer

KEY = "sk-0123456789"


@pytest.fixture
def reader(tmp_path: Path, run_server: RunServer, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """One with a key for the services of the examples."""
    monkeypatch.setenv("EXAMPLE_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return Reader(tmp_path, run_server)


def section(name: str) -> list[Block]:
    """The blocks below a heading."""
    return [block for block in blocks() if block.section == name]


async def fetch(url: str, fields: Mapping[str, str] | None = None, body: str | None = None) -> str:
    """The body of the answer; urllib.error.HTTPError for an error."""
    asked = Asked(url, body.encode() if body else None, dict(fields or {}))

    def answer() -> str:
        with urlopen(asked, timeout=LIMIT) as answered:
            return str(answered.read().decode())

    return await asyncio.to_thread(answer)


def test_the_first_block_names_targets_of_make() -> None:
    [block] = section("# streamserver")
    for line in block.text.splitlines():
        make, target = line.partition("#")[0].split()
        command = [peers.program(make), "--dry-run", "--no-print-directory", target]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


async def test_the_first_handler(reader: Reader) -> None:
    program, console, embedded, wire = section("A first handler")
    assert written(program, reader.directory) == "hello:app"
    written(embedded, reader.directory)
    output = await reader.output("python embedded.py")
    assert re.fullmatch(r"the counter is at http://127.0.0.1:\d+/api/counter\n", output)
    [server] = await reader.console(console)
    assert await reader.console(wire) == []
    for last, first in [("", 0), ("8", 9), ("9", 10), ("10", 0), ("-1", 0), ("x" * 5000, 0)]:
        answer = await fetch(f"{server.url}/api/counter", {"Last-Event-ID": last})
        ids = [int(found) for found in re.findall(r"^id: (\d+)$", answer, re.MULTILINE)]
        assert ids == [*range(first, 10)]
        assert first < 10 or answer == ""


async def test_the_relay(reader: Reader, serve: Serve) -> None:
    upstream = await serve(make_target())
    reader.instead = {
        "https://api.example.org/v1": upstream.url,
        "https://api.example.org": upstream.url,
        "https://api.openai.com": upstream.url,
        "OPENAI_API_KEY=...": f"OPENAI_API_KEY={KEY}",
    }
    whole, program, chat = section("The relay")
    [server] = await reader.console(whole)
    assert f'"Bearer {KEY}"' in await fetch(f"{server.url}/v1/headers")
    server.stop()
    relay = await app_of(program, reader, serve)
    assert f'"Bearer {KEY}"' in (await ask(relay, "/models/headers")).body.decode()
    [server] = await reader.console(chat)
    asked = json.dumps({"prompt": "Hello!", "model": "streamserver-demo-fast"})
    assert "data: [DONE]" in await fetch(f"{server.url}/api/chat", body=asked)
    server.stop()


async def test_answers_that_survive(reader: Reader, serve: Serve) -> None:
    upstream = await serve(make_target())
    reader.instead = {"https://api.example.org": upstream.url}
    console, program = section("Answers that survive their reader")
    for server in await reader.console(console):
        server.stop()
    kept = await app_of(program, reader, serve)
    asked = json.dumps(question("Hello!", stream=True)).encode()
    answer = await ask(kept, "/v1/chat/completions", "POST", body=asked)
    assert "location" in answer.headers


async def test_compression(reader: Reader) -> None:
    program, console = section("Compression")
    written(program, reader.directory)
    await reader.console(console)


async def app_of(block: Block, reader: Reader, serve: Serve) -> Served:
    """The app of a program, served."""
    program = Block(block.section, block.language, reader.moved(block.text))
    return await serve(load_app(written(program, reader.directory)))


async def test_the_feed(reader: Reader, serve: Serve, shared_redis: RedisServer) -> None:
    program, workers = section("The feed")
    news = await app_of(program, reader, serve)
    published = await ask(news, "/news", "POST", body=b"It works")
    assert published.status == 201
    async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
        sent = b"GET /news?last-event-id=0-0 HTTP/1.1\r\nHost: a\r\n\r\n"
        group.create_task(hears(news, sent, b"data: It works\n\n"))
    check_workers(workers, shared_redis)


async def hears(server: Served, sent: bytes, expected: bytes) -> None:
    """Return once the answer to this request holds these bytes."""
    receiving, sending = await asyncio.open_connection("127.0.0.1", server.port)
    sending.write(sent)
    await receiving.readuntil(expected)
    sending.close()
    await sending.wait_closed()


def check_workers(block: Block, redis: RedisServer) -> None:
    """Workers that share feeds have tests of their own: here the command is read, and loads."""
    [(command, _)] = block.commands
    variables, words = words_of(command.replace("redis://127.0.0.1:6379", redis.url))
    options = read(words, variables)
    url = secret_of(options, "redis", variables) or ""
    assert (options.workers, url) == (4, f"{redis.url}/0")
    assert callable(load_demo(None, redis=url, workers=options.workers))


async def test_the_lab(reader: Reader, tmp_path: Path) -> None:
    start, *others = section("The lab")
    await reader.console(start)
    target = f"http://127.0.0.1:{reader.ports['8000']}"
    location = f"location / {{ proxy_ignore_headers X-Accel-Buffering; proxy_pass {target}; }}"
    with reserved_port() as port:
        reader.instead = {"127.0.0.1:8080": f"127.0.0.1:{port}"}
        with nginx(tmp_path, f"server {{ listen 127.0.0.1:{port} reuseport; {location} }}", port):
            for block in others:
                if block.language == "python":
                    written(block, reader.directory)
                else:
                    await reader.console(block)


async def test_upstreams_with_a_limit(reader: Reader) -> None:
    [console] = [block for block in section("In production") if "--max-streams" in block.text]
    *_, server = await reader.console(console)
    assert await fetch(f"{server.url}/ready") == "ok\n"


async def test_the_ladder(reader: Reader) -> None:
    [console] = section("Learning: the ladder")
    [server] = await reader.console(console)
    assert (await fetch(f"{server.url}/counter?0")).count("\ndata: ") == 10


def test_the_usage_of_each_command() -> None:
    [block] = section("The command line")
    shown = block.text.splitlines()
    assert shown == [f"python -m {line.strip()}" for line in USAGE.splitlines()]
    assert [line.split()[3].strip("[]") for line in shown] == [*COMMANDS]


def test_there_is_no_other_block() -> None:
    tested = {"A first handler", "The relay", "The feed", "The lab", "The command line"}
    tested |= {"Answers that survive their reader", "Compression", "Learning: the ladder"}
    tested |= {"In production"}  # with the tests of the command line and of the processes
    tested |= {"One connection for all tabs"}  # in a browser, with the tests of the page
    tested |= {"In production"}  # its files are started in test_production.py
    assert {block.section for block in blocks()[1:]} == tested
    consoles = [block for block in section("The lab") if block.language == "console"]
    assert len([command for block in consoles for command in block.commands]) == 17
