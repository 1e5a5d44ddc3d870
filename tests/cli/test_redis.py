"""`--redis URL`: several workers with one feed, and what is said where each has its own."""

import os
from pathlib import Path

import pytest

from cli.conftest import HELLO, Hello, run
from streamserver.cli.apps import load_demo
from streamserver.cli.problem import CannotServe
from support.calling import call
from support.process import RunServer
from support.redis import RedisServer

WARNING = "without --redis each worker has its own feeds and answers, only for its own readers"
PROXY = "proxy", "http://127.0.0.1:9", "--resumable"
MISSING = "import sys\nsys.modules['redis'] = None\n"


# What is said where each worker has its own feed


def test_workers_without_it_say_so_once(run_server: RunServer) -> None:
    server = run_server("--workers", "2")
    assert server.stop() == 0
    assert server.stderr.read_text().count(WARNING) == 1
    assert WARNING not in server.stdout.read_text()


def test_one_worker_has_nothing_to_say(run_server: RunServer) -> None:
    server = run_server("--workers", "1")
    assert server.stop() == 0
    assert WARNING not in server.output()


def test_nor_have_workers_with_it(run_server: RunServer, shared_redis: RedisServer) -> None:
    server = run_server("--workers", "2", env={"STREAMSERVER_REDIS": shared_redis.url})
    assert server.stop() == 0
    assert WARNING not in server.output()


def test_nor_has_an_app(hello: Hello) -> None:
    server = hello("--workers", "2")
    assert server.stop() == 0
    assert WARNING not in server.output()


# What cannot be


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:6379",
        "http://127.0.0.1:6379",
        "redis://127.0.0.1:port",
        "redis://127.0.0.1:65536",
        "redis://[::1",
        "redis://127.0.0.1/first",
        "redis://127.0.0.1/-1",
        "redis://127.0.0.1?colour=red",
        "redis://127.0.0.1?protocol=3",
        "redis://127.0.0.1?decode_responses=True",
        "redis://127.0.0.1?socket_timeout=0.5",
        "rediss://127.0.0.1?ssl_cert_reqs=perhaps",
    ],
)
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(CannotServe, match=r"^--redis: .* Redis URL .*$"):
        load_demo(None, redis=url)


@pytest.mark.parametrize("command", [(), PROXY], ids=["demo", "proxy"])
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1", "a Redis URL must be redis://HOST:PORT/DB, "),
        ("redis://127.0.0.1?protocol=3", "a parameter of a Redis URL must be client_name, db, "),
    ],
)
def test_it_is_exit_status_1_and_one_line(
    command: tuple[str, ...], workers: str, url: str, said: str
) -> None:
    done = call(*command, "--port", "0", "--workers", workers, "--redis", url)
    assert done.returncode == 1
    assert not done.stdout
    assert done.stderr.startswith(f"streamserver: --redis: {said}")
    assert done.stderr.count("\n") == 1


def test_it_is_for_the_demo_alone() -> None:
    done = call("hello:app", "--redis", "redis://127.0.0.1")
    assert done.returncode == 2
    assert "--redis is for the demo" in done.stderr


@pytest.mark.parametrize("command", [(), PROXY], ids=["demo", "proxy"])
def test_without_the_library(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "sitecustomize.py").write_text(MISSING)
    path = os.pathsep.join((str(tmp_path), HELLO["PYTHONPATH"]))
    done = run(*command, "--redis", "redis://127.0.0.1", PYTHONPATH=path)
    assert done.returncode == 1
    needed = "Redis needs redis-py: pip install '.[redis]'"
    assert done.stderr == f"streamserver: --redis: {needed}\n"


def test_the_library_is_not_needed_without_it(run_server: RunServer, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(MISSING)
    server = run_server(env={"PYTHONPATH": str(tmp_path)})
    assert server.stop() == 0
