"""`learn`: the steps are listed, and one is run as the program that it is."""

import re
import subprocess
import sys

import pytest

from streamserver.cli import learn, main
from support.process import ROOT, RunServer


def test_without_a_step_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn"]) == 0
    listed = capsys.readouterr().out
    assert re.findall(r"^(\d)  \w", listed, re.M) == list("123456789")
    assert "4  back-pressure\n" in listed


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["0"], "'0' is not a whole number from 1 to 9"),
        (["10"], "'10' is not a whole number from 1 to 9"),
        (["3", "--upstream-port", "1"], "--upstream-port is for step 7, the relay"),
        (["3", "--probe"], "--probe is for step 8"),
        (["--port", "65536"], "not a whole number from 0 to 65535"),
        (["--prot", "1"], "there is no option --prot (did you mean '--port'?)"),
    ],
)
def test_wrong_words_are_named(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        learn.main(arguments, ())
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err


def test_a_step_serves_another_relays_and_one_measures(run_server: RunServer) -> None:
    upstream = run_server("learn", "8")
    relay = run_server("learn", "7", "--upstream-port", str(upstream.port))
    command = [sys.executable, "-m", "streamserver", "learn", "8", "--probe", "--port"]
    done = subprocess.run(
        [*command, str(relay.port)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert re.match(r"\d+\.\d{3} ms: b'HTTP/1.1 200 ", done.stdout)


def test_a_port_that_is_taken_is_told_in_a_line(run_server: RunServer) -> None:
    port = str(run_server("learn", "1").port)
    command = [sys.executable, "-m", "streamserver", "learn", "1", "--port", port]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.fullmatch(r"streamserver: .*address already in use\n", done.stderr)
