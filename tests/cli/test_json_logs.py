"""With `--log-format json` every line on standard output and standard error is a JSON object."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import LIMIT, Curl, Hello
from streamserver.cli.launch import VARIABLE, log_format
from support.calling import call
from support.process import workers_of
from support.waiting import block_until


def lines(text: str) -> list[dict[str, Any]]:
    """Each line, which must be JSON."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(("workers", "loop"), [("1", "asyncio"), ("2", "uvloop")])
def test_whatever_a_server_writes(hello: Hello, curl: Curl, workers: str, loop: str) -> None:
    options = ("--log-format", "json", "--workers", workers, "--loop", loop)
    server = hello(*options, PYTHONWARNINGS="always")
    curl(f"{server.url}/noise")
    # The callback runs after the response: its worker may not be killed before that.
    block_until(lambda: "Exception in callback" in server.output(), LIMIT)
    if workers == "2":
        os.kill(workers_of(server)[0], signal.SIGKILL)
        block_until(lambda: "another starts" in server.output(), LIMIT)
    server.process.send_signal(signal.SIGUSR1)
    block_until(lambda: "ignored SIGUSR1" in server.output(), LIMIT)
    assert server.stop() == 0
    listening, *exchanges = lines(server.stdout.read_text())
    assert listening["message"] == f"listening on {listening['url']}"
    assert [each["target"] for each in exchanges] == ["/noise"]
    logged = lines(server.stderr.read_text())
    messages = "\n".join(each["message"] for each in logged)
    for part in ("RuntimeWarning: one\ntwo", "hello.py", "with a stack", "Exception in callback"):
        assert part in messages
    uncaught = [each for each in logged if each["message"] == "an exception was not caught"]
    assert [each["traceback"].splitlines()[-1] for each in uncaught] == [
        "ZeroDivisionError: integer division or modulo by zero",
        "ValueError: at the end",
    ]
    assert {"time", "level", "logger", "message"} <= set.intersection(*map(set, logged))


FAILURES = {
    "an unknown option": (["--colour"], {}, 2, "there is no option --colour"),
    "a value": (["--port", "x"], {}, 2, "argument --port: 'x'"),
    "a variable": ([], {"STREAMSERVER_PORT": "x"}, 2, "STREAMSERVER_PORT: 'x'"),
    "a name": (["hello.py"], {}, 2, "'hello.py' is neither a command"),
    "an app": (["absent:app"], {}, 1, "cannot load absent:app: ModuleNotFoundError"),
    "an address": (["--host", "192.0.2.1"], {}, 1, "cannot listen on 192.0.2.1"),
}


@pytest.mark.parametrize(("words", "variables", "status", "part"), FAILURES.values(), ids=FAILURES)
def test_whatever_keeps_it_from_starting(
    words: list[str], variables: dict[str, str], status: int, part: str, tmp_path: Path
) -> None:
    done = call(*words, cwd=tmp_path, STREAMSERVER_LOG_FORMAT="json", **variables)
    assert (done.returncode, done.stdout) == (status, "")
    (line,) = lines(done.stderr)
    assert line["level"] == "error"
    assert part in line["message"]


@pytest.mark.parametrize(
    ("argv", "variable", "form"),
    [
        ([], "", "text"),
        ([], "json", "json"),
        ([], "yaml", "text"),
        (["--log-format", "json"], "", "json"),
        (["app:app", "--log-format=json", "--port", "x"], "", "json"),
        (["--log-format", "text"], "json", "text"),
        (["--log-format"], "", "text"),
        (["--log-format=json", "--log-format", "text"], "", "text"),
    ],
)
def test_the_form_is_known_before_the_command_line_is_parsed(
    argv: list[str], variable: str, form: str
) -> None:
    assert log_format("serve", argv, {VARIABLE: variable} if variable else {}) == form
