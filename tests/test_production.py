"""The files in the README for an operator, each started where this machine can do that.

The paths in them are replaced by those of the test, and the number of workers is lower.
"""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.conftest import refusing
from streamserver.cli.serve import read
from streamserver.kit.units import parse_duration
from streamserver.serving.generation import MARGIN
from support.hearing import hear_response
from support.managing import Manager, managing, process_one, started
from support.nginx import nginx, reserved_port
from support.process import ROOT, ServerProcess, workers_of
from support.rawsocket import connect
from support.readme import file_of
from support.requests import get
from support.waiting import wait_until

LIMIT = 50
APP = """
import asyncio
from pathlib import Path
from streamserver import Response

HERE = Path(__file__).parent

async def app(request):
    if request.path == "/fields":
        fields = dict(request.headers.items())
        return Response.json(fields | {"client": request.client.address})
    if request.path == "/stubborn":
        return Response(stubborn())
    return Response(pieces())

async def pieces():
    yield "one"
    try:
        while not (HERE / "next").exists():
            await asyncio.sleep(0.01)
        yield "two"
        await asyncio.sleep(300)
    finally:
        (HERE / "gone").touch()

async def stubborn():
    yield b"begun"
    await asyncio.Event().wait()
"""


def optional(name: str) -> str:
    """The path of a program that a machine without it need not have."""
    return shutil.which(name) or pytest.skip(f"the program {name} is not installed")


def unit(text: str) -> ConfigParser:
    """A file of systemd."""
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names have capitals
    parser.read_string(text.replace("\\\n", " "))
    return parser


def here(text: str, directory: Path) -> str:
    """A file of the README, with paths of this machine."""
    text = text.replace("/opt/hello/.venv/bin/python", sys.executable)
    text = text.replace("/opt/hello", str(directory))
    return text.replace("/run/streamserver.sock", str(directory / "s"))


def seconds(text: str) -> float:
    """A duration of systemd or of ours."""
    found = parse_duration(text)
    assert found is not None
    return float(found)


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    program = optional("systemd-analyze")
    names = ["streamserver.service", "streamserver.socket"]
    for name in names:
        (tmp_path / name).write_text(here(file_of(name), tmp_path))
    command = [program, "verify", "--man=no", *(str(tmp_path / name) for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "streamserver" in line]
    assert complaints == []


@dataclass(slots=True)
class Service:
    """The unit of the README, started."""

    unit: ConfigParser
    manager: Manager
    server: ServerProcess
    directory: Path


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Start the service as systemd does with the two units."""
    (tmp_path / "hello.py").write_text(APP)
    parsed = unit(here(file_of("streamserver.service"), tmp_path))
    path = unit(here(file_of("streamserver.socket"), tmp_path))["Socket"]["ListenStream"]
    command = parsed["Service"]["ExecStart"].replace("--workers 4", "--workers 2")
    with ExitStack() as stack:
        manager = stack.enter_context(managing(str(tmp_path / "notify")))
        sock = stack.enter_context(socket.socket(socket.AF_UNIX))
        sock.bind(path)
        sock.listen()
        watchdog = str(int(seconds(parsed["Service"]["WatchdogSec"]) * 1e6))
        variables = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": watchdog}
        variables |= {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "streamserver.socket"}
        variables["PYTHONPATH"] = f"{ROOT}:{parsed['Service']['WorkingDirectory']}"
        starting = started(shlex.split(command), tmp_path, [sock], variables)
        server = stack.enter_context(starting)
        manager.wait_for("READY")
        yield Service(parsed, manager, server, tmp_path)


async def test_the_service_behind_nginx(service: Service) -> None:
    """Pieces arrive one by one; a reload and a stop are as systemd expects them."""
    assert service.manager.notifications[-1]["STATUS"] == f"listening on unix:{service.directory}/s"
    with reserved_port() as port:
        text = here(file_of("nginx.conf"), service.directory)
        text = text.replace("listen 80;", f"listen 127.0.0.1:{port} reuseport;")
        # Our own field would switch buffering off, too.
        ignoring = "location / { proxy_ignore_headers X-Accel-Buffering;"
        text = text.replace("location / {", ignoring)
        with nginx(service.directory, text, port):
            await check_pieces(service.directory, port)
            await check_fields(port)
    reload = service.unit["Service"]["ExecReload"]
    reload = reload.replace("$MAINPID", str(service.server.process.pid))
    subprocess.run(shlex.split(reload), check=True)
    service.manager.wait_for("READY", 2)
    assert await asyncio.to_thread(service.server.stop) == 0
    names = [name for name in service.manager.names() if name != "WATCHDOG"]
    assert names == ["READY", "RELOADING", "READY", "STOPPING"]
    assert "WATCHDOG" in service.manager.names()
    assert (service.directory / "s").is_socket()


async def check_pieces(directory: Path, port: int) -> None:
    async with connect(port) as client:
        await client.send(get(b"/pieces"))
        await client.read_until(b"one", LIMIT)
        (directory / "next").touch()
        await client.read_until(b"two", LIMIT)
    await wait_until((directory / "gone").exists, LIMIT)


async def check_fields(port: int) -> None:
    """A client cannot choose what names it, and gets no metrics."""
    async with connect(port) as client:
        await client.send(get(b"/fields", b"X-Forwarded-For: 192.0.2.1", b"X-Request-ID: theirs"))
        answer = await hear_response(client, timeout=LIMIT)
        fields = json.loads(answer.content)
        assert fields["client"] == fields["x-forwarded-for"] == "127.0.0.1"
        assert fields["x-forwarded-proto"] == "http"
        assert fields["x-forwarded-host"] == fields["host"] == "a"
        assert fields.get("connection", "") == ""
        assert re.fullmatch("[0-9a-f]{32}", fields["x-request-id"])
        assert answer.headers["x-request-id"] == fields["x-request-id"]
        await client.send(get(b"/metrics"))
        assert (await hear_response(client, timeout=LIMIT)).status == 404


def test_a_service_has_time_for_its_grace_period() -> None:
    parsed = unit(file_of("streamserver.service"))["Service"]
    grace = read(shlex.split(parsed["ExecStart"])[3:], {}).grace
    assert seconds(parsed["TimeoutStopSec"]) > grace + MARGIN


def instruction(name: str) -> list[str]:
    """The words of a line of the Dockerfile that has them as JSON."""
    found = re.search(rf"^{name} (\[.*\])$", file_of("Dockerfile"), re.MULTILINE)
    assert found
    words: list[str] = json.loads(found[1])
    return words


def manifest(pattern: str) -> str:
    """What the Kubernetes manifest has at this place."""
    found = re.search(pattern, file_of("hello.yaml"))
    assert found, pattern
    return found[1]


async def test_the_container_and_its_probes(tmp_path: Path) -> None:
    """Ready and alive until SIGTERM, which drains; a second one cuts."""
    (tmp_path / "hello.py").write_text(APP)
    words = [sys.executable, *instruction("ENTRYPOINT")[1:], *instruction("CMD"), "--port", "0"]
    number = getattr(signal, re.findall(r"^STOPSIGNAL (\w+)", file_of("Dockerfile"), re.M)[0])
    variables = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    with started(words, tmp_path, (), variables, process_one()) as server:
        port = await asyncio.to_thread(lambda: server.port)
        [first] = workers_of(server)
        async with connect(port) as client, connect(port) as probing:
            await client.send(get(b"/stubborn"))
            await client.read_until(b"begun", LIMIT)
            for kind in ("liveness", "readiness"):
                path = manifest(rf"{kind}Probe:\n +httpGet: {{path: (\S+), port: http}}")
                probe = get(path.encode())
                await probing.send(probe)
                assert (await hear_response(probing, timeout=LIMIT)).status == 200
            await probing.send(probe[:20])
            os.kill(first, number)
            await refusing(server)
            await probing.send(probe[20:])
            assert (await hear_response(probing, timeout=LIMIT)).status == 503
            os.kill(first, number)
            with pytest.raises(ConnectionResetError):
                await client.read_until(timeout=LIMIT)
        assert await asyncio.to_thread(server.wait) == 0


def test_a_pod_has_time_for_its_grace_period() -> None:
    grace = read(instruction("CMD"), {}).grace
    pause = float(manifest(r'preStop: {exec: {command: \["sleep", "(\d+)"\]}}'))
    given = float(manifest(r"terminationGracePeriodSeconds: (\d+)"))
    assert given > pause + grace + MARGIN
    assert manifest(r"containerPort: (\d+)") in file_of("Dockerfile")


def test_kubernetes_knows_each_member_of_the_manifest(tmp_path: Path) -> None:
    """kubectl drops members that are not in its own types, unless it only edits the text."""
    program = optional("kubectl")
    path = tmp_path / "hello.yaml"
    path.write_text(file_of("hello.yaml"))

    def printed(*words: str) -> object:
        command = [program, *words, "--local", "-o", "json", "-f", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        return json.loads(done.stdout)

    untyped, typed = printed("annotate", "a=b"), printed("set", "image", "hello=b")
    assert {*leaves(untyped)} - {*leaves(typed)} == {("metadata", "annotations", "a")}


def leaves(value: object, *path: object) -> Iterator[tuple[object, ...]]:
    """The paths of all values that hold no others."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves(member, *path, name)
    elif isinstance(value, list):
        for place, member in enumerate(value):
            yield from leaves(member, *path, place)
    else:
        yield path
