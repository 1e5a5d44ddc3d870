"""The command `bench`: what it asks, how often, and what it says of it."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import LIMIT, run
from streamserver.cli import bench, load_options, request_options
from streamserver.cli.problem import CannotServe
from streamserver.lab.client.asked import Ask
from streamserver.lab.load.job import Job
from streamserver.lab.load.profile import parse
from support.certificates import Certificate
from support.process import ROOT, RunServer, ServerProcess

URL = "http://127.0.0.1:9/x"
SECRET = "sk-do-not-tell-0123456789"


def asked(*argv: str, url: str = URL, **variables: str) -> Ask:
    """The request of a command line."""
    return request_options.ask_of(bench.read([url, *argv], variables), variables)


def job(*argv: str, **variables: str) -> Job:
    """What a command line has run."""
    return load_options.job_of(bench.read([URL, *argv], variables), Ask(URL))


def refused(capsys: pytest.CaptureFixture[str], *argv: str, **variables: str) -> str:
    """The last line that is told when this is wrong usage."""
    with pytest.raises(SystemExit) as end:
        bench.read(argv, variables)
    assert end.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("argv", "method", "fields", "body"),
    [
        ([], "GET", {}, b""),
        (["--method", "DELETE"], "DELETE", {}, b""),
        (["--data", "x"], "POST", {"content-type": "text/plain"}, b"x"),
        (["--data", '{"n":{n}}'], "POST", {"content-type": "text/plain"}, b'{"n":{n}}'),
        (["--data", '{"n":1}'], "POST", {"content-type": "application/json"}, b'{"n":1}'),
        (["--data", "x", "--method", "PUT"], "PUT", {"content-type": "text/plain"}, b"x"),
        (
            ["--header", "Content-Type: a/b", "--header", "X-Y:  z ", "--data", "{}"],
            "POST",
            {"content-type": "a/b", "x-y": "z"},
            b"{}",
        ),
    ],
)
def test_the_request(argv: list[str], method: str, fields: dict[str, str], body: bytes) -> None:
    ask = asked(*argv)
    assert (ask.method, dict(ask.fields), ask.body) == (method, fields, body)


def test_a_body_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"\0\xff")
    assert asked("--body", str(file)).body == b"\0\xff"


def test_variables_of_the_environment_hold_what_flags_do() -> None:
    ask = asked(STREAMSERVER_HEADER="a: 1\nb: 2", STREAMSERVER_DATA="x")
    assert ask.fields[:2] == (("a", "1"), ("b", "2"))
    assert ask.body == b"x"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://h/v1", "http://h/v1/chat/completions"),
        ("http://h/v1/", "http://h/v1/chat/completions"),
        ("http://h/v1/chat/completions", "http://h/v1/chat/completions"),
        ("http://h/v1?version=2", "http://h/v1/chat/completions?version=2"),
    ],
)
def test_a_chat_is_asked_for_as_a_stream(base: str, url: str) -> None:
    ask = asked("--chat", "--model", "m", "--prompt", "Hä?", url=base)
    assert (ask.url, ask.method) == (url, "POST")
    assert dict(ask.fields)["content-type"] == "application/json"
    assert json.loads(ask.body) == {
        "model": "m", "messages": [{"role": "user", "content": "Hä?"}], "stream": True,
    }  # fmt: skip


def test_the_key_comes_from_the_environment() -> None:
    ask = asked("--bearer-env", "KEY", KEY=SECRET)
    assert ("authorization", f"Bearer {SECRET}") in ask.fields


@pytest.mark.parametrize("variables", [{}, {"KEY": ""}, {"KEY": f"{SECRET} x"}])
def test_a_key_that_is_none_is_refused_and_not_repeated(variables: Mapping[str, str]) -> None:
    with pytest.raises(CannotServe, match="--bearer-env") as told:
        asked("--bearer-env", "KEY", **variables)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    ("argv", "options"),
    [
        ([], {"concurrency": parse("1"), "count": 10}),
        (["-c", "8"], {"concurrency": parse("8"), "count": 80}),
        (["-c", "8", "-n", "3"], {"concurrency": parse("8"), "count": 3}),
        (["-c", "8", "--duration", "3"], {"concurrency": parse("8"), "duration": 3.0}),
        (["-c", "1@5,0..9@5"], {"concurrency": parse("1@5,0..9@5")}),
        (["--rate", "5"], {"rate": parse("5"), "duration": 10.0}),
        (["--rate", "5", "--count", "7"], {"rate": parse("5"), "count": 7}),
        (
            ["--rate", "5@3", "--arrivals", "poisson", "--seed", "4", "--warm-up", "1.5"],
            {"rate": parse("5@3"), "arrivals": "poisson", "seed": 4, "warm_up": 1.5},
        ),
        (
            ["--fresh", "--insecure", "--max-open", "5", "--grace", "0", "--loop", "asyncio"],
            {
                "concurrency": parse("1"), "count": 10, "fresh": True, "insecure": True,
                "max_open": 5, "grace": 0.0, "loop": "asyncio",
            },
        ),
        (["--csv", "x"], {"concurrency": parse("1"), "count": 10, "tells": True}),
    ],
)  # fmt: skip
def test_the_job(argv: list[str], options: dict[str, Any]) -> None:
    assert job(*argv) == Job(Ask(URL), **options)


def test_every_timeout_has_an_option() -> None:
    names = ("connect", "first-byte", "gap", "total")
    argv = [word for n, name in enumerate(names) for word in (f"--{name}-timeout", str(n))]
    limits = job(*argv).timeouts
    assert (limits.connect, limits.first_byte, limits.gap, limits.total) == (0, 1, 2, 3)
    assert job("--duration", "5").duration == 5
    assert job(STREAMSERVER_DURATION="6").duration == 6
    assert job("--rate", "3@4").duration == inf


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "URL"),
        (["ftp://h"], "names no scheme or no host"),
        (["http://me:secret@h/"], "no user name"),
        ([URL, "-c", "0"], "no load at all"),
        ([URL, "-c", "x"], "'x' is no stage"),
        ([URL, "-c", "100001"], "more than 100000 at once"),
        ([URL, "--rate", "1..2"], "needs its seconds"),
        ([URL, "--rate", "1", "-c", "2"], "give one of them"),
        ([URL, "--arrivals", "random"], "one of constant, poisson"),
        ([URL, "--duration", "0"], "more than 0"),
        ([URL, "--count", "0"], "whole number from 1"),
        ([URL, "--processes", "3", "-c", "2"], "--processes are more than --concurrency"),
        ([URL, "--processes", "3"], "--processes are more than --concurrency"),
        ([URL, "--processes", "3", "--rate", "5", "--max-open", "2"], "--max-open is less"),
        ([URL, "--data", "x", "--body", "y"], "exclude each other"),
        ([URL, "--chat", "--data", "x"], "exclude each other"),
        ([URL, "--chat", "--model", "m"], "--chat needs --model and --prompt"),
        ([URL, "--prompt", "m"], "go with --chat"),
        ([URL, "--insecure", "--ca", "x"], "exclude each other"),
        ([URL, "--method", "GE T"], "is not a method"),
        ([URL, "--header", "secret"], "not a field"),
        ([URL, "--bearer-env", "sk-secret"], "not the NAME of a variable"),
    ],
)
def test_what_is_wrong_is_told(
    capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    line = refused(capsys, *argv)
    assert told in line
    assert "secret" not in line.removeprefix("streamserver: error: argument --bearer-env")


def test_the_help_tells_of_the_variables_in_a_request(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.read(["--help"], {})
    told = " ".join(capsys.readouterr().out.split())
    assert "{n} is the number of the request from 0" in told
    assert "-c PROFILE, --concurrency PROFILE" in told


@pytest.fixture
def target(run_server: RunServer) -> ServerProcess:
    return run_server("target", "--no-access-log")


def test_streams_are_measured_by_two_processes(target: ServerProcess, tmp_path: Path) -> None:
    lines = tmp_path / "streams.csv"
    done = run(
        "bench", f"{target.url}/sse?count=5&gap=0.01&stamps=1",
        "--rate", "50", "-n", "20", "--processes", "2", "--json", "-", "--csv", str(lines),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["exchanges"]["ended"] == {"complete": 20}
    assert told["events"] == 100
    assert told["milestones"]["first_event"]["count"] == 20
    assert told["milestones"]["gap"]["count"] == 80
    with lines.open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [row["end"] for row in rows] == ["complete"] * 20
    assert {row["events"] for row in rows} == {"5"}


def test_the_time_to_the_first_token_of_any_service_is_one_command(target: ServerProcess) -> None:
    done = run(
        "bench", f"{target.url}/v1", "--chat", "--model", "streamserver-demo", "--prompt",
        "Hello {n}", "-n", "2", "--bearer-env", "KEY", KEY=SECRET,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"^first token +2 +[0-9.]+", done.stdout, re.MULTILINE)
    assert SECRET not in done.stdout + done.stderr


def test_tls_may_be_trusted_or_not_looked_at(
    run_server: RunServer, certificate: Certificate
) -> None:
    server = run_server(
        "target", "--tls-cert", certificate.cert, "--tls-key", certificate.key, "--no-access-log"
    )
    url = f"{server.url}/bytes/3"
    for options, end in (
        (["--ca", certificate.cert], "complete"),
        (["--insecure"], "complete"),
        ([], "untrusted"),
    ):
        done = run("bench", url, "-n", "1", "--json", "-", *options)
        told = json.loads(done.stdout)
        assert told["exchanges"]["ended"] == {end: 1}
        assert bool(told["milestones"]["tls"]) is (end == "complete")


def test_standard_input_may_be_the_body(target: ServerProcess) -> None:
    command = [sys.executable, "-m", "streamserver", "bench", f"{target.url}/post"]
    done = subprocess.run(
        [*command, "--body", "-", "-n", "2", "--json", "-"],
        input=b"12345",
        cwd=ROOT,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert json.loads(done.stdout)["exchanges"]["statuses"] == {"200": 2}


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["http://name.invalid/"], "http://name.invalid/: "),
        ([URL, "--body", "/nowhere/at/all"], "--body /nowhere/at/all: No such file"),
        (["https://127.0.0.1:9/", "--ca", "/nowhere/at/all"], "No such file"),
        ([URL, "--csv", "/nowhere/at/all"], "--csv /nowhere/at/all: No such file"),
    ],
)
def test_what_cannot_be_begun_is_told_in_a_line(argv: list[str], told: str) -> None:
    done = run("bench", *argv)
    assert done.returncode == 1
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


class Running:
    """A `bench` that goes on for a minute, unless it is ended."""

    def __init__(self, url: str) -> None:
        command = [
            sys.executable,
            "-m",
            "streamserver",
            "bench",
            f"{url}/sse?count=100000&gap=0.02",
        ]
        self.process = subprocess.Popen(
            [*command, "-c", "4", "--duration", "60", "--processes", "2"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def children(self) -> list[int]:
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            return [*map(int, children.read().split())]

    def until_it_shows(self) -> None:
        """Until a first line of its progress is there."""
        assert self.process.stderr is not None
        assert b"open 4" in self.process.stderr.readline()

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=LIMIT)
        return self.process.returncode, out.decode(), err.decode()


def test_an_interrupt_ends_it_with_the_figures_so_far(target: ServerProcess) -> None:
    running = Running(target.url)
    running.until_it_shows()
    children = running.children()
    assert len(children) == 2
    running.process.send_signal(signal.SIGINT)
    status, out, err = running.end()
    assert status == 3
    assert "exchanges   stopped 4" in out
    assert re.search(r"^first event +4 ", out, re.MULTILINE)
    assert "it was interrupted" in out
    assert "Traceback" not in err
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_a_process_that_dies_makes_the_measurement_invalid(target: ServerProcess) -> None:
    running = Running(target.url)
    running.until_it_shows()
    os.kill(running.children()[1], signal.SIGKILL)
    status, out, _ = running.end()
    assert status == 3
    assert "process 2 ended early, with status -9, of 2" in out
    assert re.search(r"^first event ", out, re.MULTILINE)
