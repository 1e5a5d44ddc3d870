"""`python -m streamserver` as its users run it: what it prints, how it ends, whom it serves."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import HELLO, LIMIT, Curl, Hello, access_lines, run
from support import peers
from support.calling import call
from support.certificates import Certificate
from support.process import ROOT, RunServer
from support.waiting import block_until

# What it prints, and its exit status


def test_version() -> None:
    done = call("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("streamserver 0.")


def test_wrong_usage_is_exit_status_2() -> None:
    done = run("serve", "--colour")
    assert done.returncode == 2
    assert not done.stdout
    assert done.stderr.startswith("usage: streamserver")


def test_a_bad_variable_is_exit_status_2() -> None:
    done = call(STREAMSERVER_HEAD_TIMEOUT="soon")
    assert done.returncode == 2
    assert "STREAMSERVER_HEAD_TIMEOUT: 'soon'" in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_app_that_cannot_be_loaded_is_exit_status_1(workers: str, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    done = run("broken:app", "--port", "0", "--workers", workers, cwd=tmp_path)
    assert done.returncode == 1
    assert not done.stdout
    problem = "ZeroDivisionError: division by zero (broken.py, line 1)"
    assert done.stderr == f"streamserver: cannot load broken:app: {problem}\n"


def test_its_traceback_is_shown_at_level_debug(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    done = run("broken:app", "--log-level", "debug", cwd=tmp_path)
    assert done.returncode == 1
    assert "broken.py" in done.stderr
    assert "Traceback" in done.stderr


def test_an_interrupt_while_it_loads_is_no_failure_of_ours(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time; print('loading', flush=True); time.sleep(60)")
    with subprocess.Popen(
        [sys.executable, "-m", "streamserver", "slow:app"],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"loading\n"
        server.send_signal(signal.SIGINT)
        assert server.communicate(timeout=LIMIT) == (b"", b"")
    assert server.returncode == 130


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_address_in_use_is_exit_status_1(workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = run("hello:app", "--port", port, "--workers", workers, cwd=Path(__file__).parent)
    assert done.returncode == 1
    expected = f"streamserver: cannot listen on 127.0.0.1, port {port}: Address already in use\n"
    assert done.stderr == expected


def test_uvloop_asked_for_and_missing_is_exit_status_1(tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text("raise ImportError")
    (tmp_path / "hello.py").write_text(Path(__file__).with_name("hello.py").read_text())
    done = run("hello:app", "--loop", "uvloop", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"streamserver: --loop uvloop needs uvloop: pip install '{ROOT}[fast]'\n"


def test_the_command_may_be_named(run_server: RunServer, curl: Curl) -> None:
    server = run_server("serve", "hello:app", env=HELLO)
    assert curl(server.url) == "hello"


def test_the_demo_is_the_default(run_server: RunServer, curl: Curl, tmp_path: Path) -> None:
    (tmp_path / "here.txt").write_text("found")
    server = run_server("--files", str(tmp_path))
    assert curl(f"{server.url}/files/here.txt") == "found"


# Where it listens


def test_it_tells_where_it_listens(hello: Hello, curl: Curl) -> None:
    server = hello()
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert curl(server.url) == "hello"


def test_ipv6(hello: Hello, curl: Curl) -> None:
    server = hello("--host", "::1")
    assert server.url == f"http://[::1]:{server.port}"
    assert curl(f"{server.url}/client").startswith("[::1]:")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_unix_socket(hello: Hello, curl: Curl, tmp_path: Path, workers: str) -> None:
    path = tmp_path / "s"
    server = hello("--uds", str(path), "--workers", workers)
    assert server.url == f"unix:{path}"
    assert curl("--unix-socket", str(path), "http://any/client") == "unix"
    assert access_lines(server, 1)[0].split()[1] == "unix"
    assert server.stop() == 0
    assert not path.exists()


def test_tls(hello: Hello, curl: Curl, certificate: Certificate) -> None:
    cert, key = certificate
    server = hello("--tls-cert", cert, "--tls-key", key)
    assert server.url.startswith("https://127.0.0.1:")
    assert curl("--cacert", cert, server.url) == "hello"
    # It offers h2 as well, which a server that names no protocol might be taken to speak.
    version = curl(
        "--cacert", cert, "--http2", "-o", "/dev/null", "-w", "%{http_version}", server.url
    )
    assert version == "1.1"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "auto"])
def test_the_loop(
    hello: Hello,
    curl: Curl,
    loop: str,
    tmp_path: Path,
) -> None:
    if loop == "uvloop":
        peers.module("uvloop")
    variables = {}
    if loop == "auto":  # where there is none
        (tmp_path / "uvloop.py").write_text("raise ImportError")
        variables = {"PYTHONPATH": f"{tmp_path}:{HELLO['PYTHONPATH']}"}
    server = hello("--loop", loop, **variables)
    assert curl(f"{server.url}/loop").startswith("uvloop" if loop == "uvloop" else "asyncio")


# What it logs


def test_the_access_log(hello: Hello, curl: Curl) -> None:
    server = hello()
    curl(f"{server.url}/x?a=1")
    (line,) = access_lines(server, 1)
    time, client, method, target, status, size, first, total, outcome, id = line.split(" ")
    assert time.endswith("Z")
    assert client.startswith("127.0.0.1:")
    assert (method, target, status, size, outcome) == ("GET", "/x?a=1", "200", "5", "complete")
    assert 0 <= float(first) <= float(total) < 10_000
    assert re.fullmatch(r"request_id=[0-9a-f]{32}", id)


def test_the_logs_as_json(hello: Hello, curl: Curl) -> None:
    server = hello("--log-format", "json", STREAMSERVER_PROT="1", STREAMSERVER_SLOTS="1")
    with pytest.raises(subprocess.CalledProcessError):
        curl(f'{server.url}/error?"\\')
    access = json.loads(access_lines(server, 1)[0])
    assert (access["target"], access["status"]) == ('/error?"\\', 500)
    logged = [json.loads(line) for line in server.stderr.read_text().splitlines()]
    (warning,) = [line for line in logged if line["level"] == "warning"]
    expected = "no option reads the environment variable STREAMSERVER_PROT (did you mean "
    assert warning["message"] == f"{expected}'STREAMSERVER_PORT'?)"
    (log,) = [line for line in logged if line["level"] == "error"]
    assert "RuntimeError: secret\n\x1b[31mred" in log["traceback"]


def test_a_trusted_proxy_names_the_client_in_the_log(hello: Hello, curl: Curl) -> None:
    options = ["--trusted-proxies", "127.0.0.0/8", "--trusted-fields", "forwarded"]
    server = hello(*options, "--no-request-id", "--log-format", "json")
    fields = ["-H", "Forwarded: for=6.6.6.6, for=203.0.113.7", "-H", "X-Request-ID: a"]
    assert curl(f"{server.url}/client", *fields, "-A", "a/1") == "203.0.113.7"
    line = json.loads(access_lines(server, 1)[0])
    assert (line["client"], line["user_agent"]) == ("203.0.113.7", "a/1")
    assert line["request_id"] is None


def test_without_an_access_log(hello: Hello, curl: Curl) -> None:
    server = hello("--no-access-log")
    curl(server.url)
    assert server.stop() == 0
    assert server.stdout.read_text() == f"listening on {server.url}\n"


def test_an_error_is_told_to_the_log_and_not_to_the_client(hello: Hello, curl: Curl) -> None:
    server = hello()
    body = curl("--no-fail", f"{server.url}/error")
    assert json.loads(body)["status"] == 500
    assert "secret" not in body
    assert "Traceback" not in body
    log = server.stderr.read_text()
    assert "Traceback" in log
    assert "RuntimeError: secret\n    \\x1b[31mred" in log


def test_nobody_reads_the_access_log() -> None:
    """A program that reads where we listen, and no more, must not stop the server."""
    with subprocess.Popen(
        [sys.executable, "-m", "streamserver", "hello:app", "--port", "0"],
        cwd=ROOT,
        env=os.environ | HELLO,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().rpartition(b":")[2])
        request = b"GET /" + b"x" * 500 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), LIMIT) as client:
            for _ in range(400):  # three times what a pipe holds
                client.sendall(request)
                assert client.recv(4096).endswith(b"hello")
        server.send_signal(signal.SIGTERM)
        assert server.wait(LIMIT) == 0


def test_standard_output_may_be_closed(curl: Curl, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    command = [sys.executable, "-m", "streamserver", "hello:app", "--uds", path]
    with subprocess.Popen(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command], cwd=ROOT, env=os.environ | HELLO
    ) as server:
        block_until(lambda: os.path.exists(path), LIMIT)
        assert curl("--unix-socket", path, "http://any") == "hello"
        server.send_signal(signal.SIGTERM)
        assert server.wait(LIMIT) == 0
