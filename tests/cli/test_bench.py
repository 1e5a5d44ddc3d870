"""The command `bench`: its measurements, its errors, and its end."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import LIMIT, run
from streamserver.cli.calibrate import save
from streamserver.lab.calibration import Level
from support.calling import call
from support.certificates import Certificate
from support.process import ROOT, RunServer, ServerProcess

URL = "http://127.0.0.1:9/x"
SECRET = "sk-do-not-tell-0123456789"


def test_streams_are_measured_by_two_processes(target: ServerProcess) -> None:
    done = run(
        "bench", f"{target.url}/sse?count=5&gap=0.01&stamps=1",
        "--rate", "50", "-n", "20", "--processes", "2", "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["exchanges"]["ended"] == {"complete": 20}
    assert figures["events"] == 100
    assert figures["milestones"]["first_event"]["count"] == 20
    assert figures["milestones"]["gap"]["count"] == 80


def test_the_time_to_the_first_token_of_a_service(target: ServerProcess) -> None:
    done = call(
        "bench", f"{target.url}/v1", "--chat", "--model", "streamserver-demo-fast", "--prompt",
        "Hello {n}", "-n", "2", "--bearer-env", "KEY", KEY=SECRET,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"^first token +2 +[0-9.]+", done.stdout, re.MULTILINE)
    assert SECRET not in done.stdout + done.stderr


def test_a_certificate_is_verified_unless_insecure(
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
        done = call("bench", url, "-n", "1", "--json", "-", *options)
        figures = json.loads(done.stdout)
        assert figures["exchanges"]["ended"] == {end: 1}
        assert bool(figures["milestones"]["tls"]) is (end == "complete")


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
    ("argv", "error"),
    [
        (["http://name.invalid/"], "http://name.invalid/: "),
        ([URL, "--body", "/nowhere/at/all"], "--body /nowhere/at/all: No such file"),
        (["https://127.0.0.1:9/", "--ca", "/nowhere/at/all"], "No such file"),
        ([URL, "--csv", "/nowhere/at/all"], "--csv /nowhere/at/all: No such file"),
        ([URL, "--json", "/nowhere/at/all"], "--json /nowhere/at/all: No such file"),
        ([URL, "--html", "/nowhere/at/all"], "--html /nowhere/at/all: No such file"),
    ],
)
def test_a_run_that_cannot_begin_is_reported_in_a_line(argv: list[str], error: str) -> None:
    done = call("bench", *argv)
    assert done.returncode == 1
    assert error in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["--json", "--csv", "--html"])
def test_a_full_disk_is_reported_in_a_line(target: ServerProcess, option: str) -> None:
    done = call("bench", f"{target.url}/bytes/3", "-n", "1", option, "/dev/full")
    assert done.returncode == 1
    assert done.stderr == f"streamserver: {option} /dev/full: No space left on device\n"


def test_an_unwritable_standard_output_is_reported_in_a_line(target: ServerProcess) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "streamserver", "bench", f"{target.url}/bytes/3", "-n", "1"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=LIMIT,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"streamserver: standard output: No space left on device\n"


@pytest.mark.parametrize("argv", [[URL], [URL, "--compare", URL]])
def test_a_missing_library_is_reported_in_a_line(argv: list[str], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['hdrh'] = None\n")
    done = run("bench", *argv, PYTHONPATH=f"{tmp_path}:{ROOT}")
    needed = "percentiles need hdrhistogram: pip install '.[lab]'"
    assert (done.returncode, done.stderr) == (1, f"streamserver: {needed}\n")


def test_the_live_view_without_rich_names_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['rich.live'] = None\n")
    terminal, inner = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "streamserver", "bench", URL],
            env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
            stderr=inner,
            timeout=LIMIT,
            check=False,
        )
        output = os.read(terminal, 4096)
    finally:
        os.close(terminal)
        os.close(inner)
    assert done.returncode == 1
    assert output == b"streamserver: the live view needs rich: pip install '.[lab]'\r\n"


class Running:
    """A `bench` that runs for a minute, unless it is ended."""

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

    def wait_for_progress(self) -> None:
        """Wait for the first line of its progress."""
        assert self.process.stderr is not None
        assert b"open 4" in self.process.stderr.readline()

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=LIMIT)
        return self.process.returncode, out.decode(), err.decode()


def test_an_interrupt_ends_it_with_the_figures_so_far(target: ServerProcess) -> None:
    running = Running(target.url)
    running.wait_for_progress()
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


def test_a_second_interrupt_discards_the_figures(target: ServerProcess) -> None:
    running = Running(target.url)
    running.wait_for_progress()
    children = running.children()
    for pid in children:
        os.kill(pid, signal.SIGSTOP)
    running.process.send_signal(signal.SIGINT)
    running.process.send_signal(signal.SIGTERM)
    status, out, err = running.end()
    assert (status, out) == (1, "")
    assert err.splitlines()[-1] == "streamserver: interrupted twice: nothing is reported"
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_the_death_of_a_process_makes_the_measurement_invalid(target: ServerProcess) -> None:
    running = Running(target.url)
    running.wait_for_progress()
    os.kill(running.children()[1], signal.SIGKILL)
    status, out, _ = running.end()
    assert status == 3
    assert "process 2 ended early, with status -9, of 2" in out
    assert re.search(r"^first event ", out, re.MULTILINE)


def test_a_load_beyond_the_calibrated_one_causes_a_warning(
    target: ServerProcess, tmp_path: Path
) -> None:
    caches = str(tmp_path)
    url = f"{target.url}/sse?count=20&gap=0"

    def errors() -> str:
        return call("bench", url, "-n", "2", XDG_CACHE_HOME=caches).stderr

    assert "warning" not in errors()
    save(Level(1, 0.5, 1), {"XDG_CACHE_HOME": caches})
    assert re.search(r"warning: [0-9,]+ events/s for each process, while .* up to 0 on", errors())
    save(Level(1000, 1e6, 1), {"XDG_CACHE_HOME": caches})
    assert "warning" not in errors()
