"""The measures of `python -m benchmarks` in their short form, without peers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measures import GROUPS, MEASURES, description
from benchmarks.offline import cost
from streamserver import Proxy, Request, Response
from support.process import ROOT

CHUNK = b"data: 01234567890123456789012345678901234567890123456789\n\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_help_lists_every_measure_with_a_line() -> None:
    done = run("--help")
    assert done.returncode == 0
    listed = done.stdout.partition("measures:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == [*MEASURES, "relay", "all"]
    for name in MEASURES:
        assert f"  {name:<18} {description(name)}" in listed
        assert description(name).endswith(".")
    assert set(GROUPS["all"]) == set(MEASURES) - {"sweep", "inspect", "crowd"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["exprot"], "'exprot' is no measure (did you mean 'export'?); allowed: first_chunk, "),
        (["calls", "--rounds", "0"], "rounds are 1 to 1000, not '0'"),
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], problem: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert problem in done.stderr


def test_measures_are_selected_by_name_and_saved(tmp_path: Path) -> None:
    file, chart = tmp_path / "results.json", tmp_path / "results.svg"
    names = ["calls", "export"]
    done = run(*names, "--quick", "--rounds", "1", "--only", "streamserver", "--json", str(file),
               "--svg", str(chart))  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads(file.read_text())["results"]
    assert [result["name"] for result in results] == ["export/asyncio", "calls/asyncio"]
    [export] = results[0]["rows"]
    assert export["server"] == "streamserver"
    assert export["seconds"] > 0
    assert export["seconds_to_uvicorn"] is None
    assert "An export, seconds to the last byte, asyncio" in chart.read_text()


async def answer(request: Request) -> Response:
    return Response(CHUNK)


@pytest.mark.parametrize("is_relayed", [False, True])
def test_calls_are_counted_exactly(is_relayed: bool) -> None:
    pieces = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CHUNK) + CHUNK]
    costs = [
        cost(Proxy("http://127.0.0.1:9") if is_relayed else answer, REQUEST, pieces)
        for _ in range(2)
    ]
    assert costs[0].python == costs[1].python > 10
    assert costs[0].c == costs[1].c > 10


def test_a_response_without_an_end_is_reported() -> None:
    with pytest.raises(RuntimeError, match="no end of the response within 1000 turns"):
        cost(Proxy("http://127.0.0.1:9"), REQUEST, [b"HTTP/1.1 200 OK\r\n\r\n"])
