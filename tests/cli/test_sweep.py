"""`bench --sweep` and `bench --trace`: wrong usage, and runs against the target."""

import csv
import json
import re
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.conftest import interrupted
from streamserver.cli import bench, load_options
from streamserver.cli.report_about import about
from streamserver.cli.sweep import Range, level_of
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.job import Job
from support.calling import call
from support.process import ServerProcess
from support.readme import README, words_of

URL = "http://127.0.0.1:9/x"
SLO = ("--slo", "first_event_p99=10s,errors=50%")
MISSED, BUSY = 1, 3
"""The exit statuses where a busy machine delays streams, and where it makes the client late."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("rate", Range("rate")),
        ("concurrency", Range("concurrency")),
        ("rate:0.5", Range("rate", 0.5)),
        ("rate:5..500", Range("rate", 5, 500)),
        ("concurrency:4..4", Range("concurrency", 4, 4)),
    ],
)
def test_the_loads_of_a_sweep(value: str, expected: Range) -> None:
    options = bench.read([URL, "--sweep", value, *SLO], {})
    assert options.sweep == expected
    assert str(options.sweep) == value


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["--sweep", "rate"], "objectives that the load must meet, as in --slo ttft_p99=500ms"),
        (["--sweep", "speed", *SLO], "'speed' is not rate or concurrency, with the first load"),
        (["--sweep", "rate:", *SLO], "'rate:' is not rate or concurrency"),
        (["--sweep", "rate:5..1", *SLO], "the first load is above the last"),
        (["--sweep", "rate:20000", *SLO], "the first load is above the last"),
        (["--sweep", "rate:0", *SLO], "a rate is at least 0.001"),
        (["--sweep", "concurrency:1.5", *SLO], "a concurrency is a whole number from 1"),
        (["--sweep", "concurrency:0..5", *SLO], "a concurrency is a whole number from 1"),
        (["--sweep", "rate", "--rate", "5", *SLO], "--rate cannot be combined with --sweep"),
        (["--sweep", "rate", "-c", "5", *SLO], "--concurrency cannot be combined with --sweep"),
        (["--sweep", "rate", "-n", "5", *SLO], "--count cannot be combined with --sweep"),
        (["--sweep", "rate", "--compare", URL], "--compare cannot be combined with --sweep"),
        (
            ["--sweep", "concurrency:1", "--processes", "2", *SLO],
            "--sweep concurrency must begin at --processes",
        ),
        (["--sweep", "rate", "--sweep-precision", "0.5%", *SLO], "is not a share from 1% to 50%"),
        (["--sweep", "rate", "--sweep-precision", "5", *SLO], "'5' is not a share"),
        (["--trace", "TRACE", "--rate", "5"], "--trace and --rate exclude each other"),
        (["--trace", "TRACE", "-c", "5"], "--trace and --concurrency exclude each other"),
        (["--trace", "TRACE", "--sweep", "rate", *SLO], "--trace and --sweep exclude each other"),
        (["--trace", "TRACE", "--compare", URL], "--trace and --compare exclude each other"),
        (["--trace", "TRACE", "--arrivals", "poisson"], "cannot be combined with --trace"),
        (["--trace", "TRACE", "--trace-speed", "0"], "'0' is not a number from 0.01 to 1000"),
        (["--trace", "TRACE", "--trace-speed", "0.01"], "the trace would last more than 31 days"),
        (["--trace", "/nowhere/at/all"], "/nowhere/at/all: No such file"),
        (["--trace", "WRONG"], "line 2: '\ufffd' is not a number of seconds; it is seconds, as in"),
        (["--trace-speed", "2"], "--trace-speed needs --trace"),
    ],
)
def test_wrong_usage(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, argv: list[str], error: str
) -> None:
    files = {"TRACE": b"1\n100000\n", "WRONG": b"1\n\xff\n"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    argv = [str(tmp_path / word) if word in files else word for word in argv]
    with pytest.raises(SystemExit) as end:
        bench.read([URL, *argv], {})
    assert end.value.code == 2
    assert error in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("argv", "timing"),
    [([], (10, 2)), (["--duration", "3"], (3, 2)), (["--warm-up", "0"], (10, 0))],
)
def test_a_level_is_bounded_by_its_time_alone(argv: list[str], timing: tuple[float, float]) -> None:
    options = bench.read([URL, "--sweep", "rate", *SLO, "--csv", "x", *argv], {})
    found = level_of(options, load_options.make_job(options, RequestSpec(URL)))
    assert (found.duration, found.warm_up) == timing
    assert found.count is None
    assert not found.sends_records


def test_a_sweep_finds_a_level_and_names_its_limit(target: ServerProcess, tmp_path: Path) -> None:
    # A stream lasts 40 ms, and another one meanwhile is refused.
    done = call(
        "bench", f"{target.url}/sse?count=5&gap=0.01&slots=1&queue=0&pool=sweep",
        "--slo", "first_event_p99=10s,errors=20%",
        "--sweep", "rate:20..30", "--sweep-precision", "50%", "--duration", "0.5",
        "--warm-up", "0.1", "--json", "-", "--csv", str(tmp_path / "csv"),
        "--html", str(tmp_path / "html"),
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert done.returncode in (0, MISSED, BUSY), done.stderr
    assert found["objectives"] == ["first_event_p99=10s", "errors=20%"]
    levels = found["levels"]
    rising = [one["load"] for one in levels if one["purpose"] == "rising"]
    assert rising == [20, 30][: len(rising)]
    best, limit = found["highest"], found["limit"]
    assert best is None or (best["met"] and best in levels)
    assert limit["limit"] in ("client", "target", "service")
    assert limit in levels
    assert limit["load"] > (best["load"] if best else 0)
    assert len(re.findall(r"^level \d+: ", done.stderr, re.MULTILINE)) == len(levels)
    assert 'class="curve knee"' in (tmp_path / "html").read_text() or best is None
    with (tmp_path / "csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [float(row["load"]) for row in rows] == [one["load"] for one in levels]
    assert [row["met"] == "True" for row in rows] == [one["met"] for one in levels]


def test_the_line_of_the_readme_finds_a_level(target: ServerProcess) -> None:
    lines = [line for line in README.splitlines() if line.startswith("    $ ")]
    [line] = [line for line in lines if "--sweep" in line]
    command = line.strip().removeprefix("$ ")
    _, words = words_of(re.sub(r"http://127\.0\.0\.1:\d+", target.url, command))
    words[words.index("rate")] = "rate:20..20"
    short = ("--duration", "0.3", "--warm-up", "0.1", "--sweep-precision", "50%")
    done = call(*words, *short, "--header", "X-Lab-Tokens: 2", "--no-progress")
    assert done.returncode in (0, MISSED, BUSY), done.stderr
    heading, first, *_ = done.stdout.splitlines()
    assert "TTFT p99, ms  TPOT p50, ms" in heading
    assert "tokens/s" in heading
    assert first.split()[done.returncode == 0] == "20"


def test_not_even_the_lowest_concurrency_meets_the_objective(target: ServerProcess) -> None:
    done = call(
        "bench", f"{target.url}/sse?count=1&first_byte_delay=0.03", "--slo", "first_event_p50=1ms",
        "--sweep", "concurrency:1..2", "--duration", "0.2", "--warm-up", "0", "--no-progress",
    )  # fmt: skip
    assert done.returncode in (1, BUSY)
    assert done.stderr == ""
    heading, first, second, *rest = done.stdout.splitlines()
    assert re.fullmatch(r" +conc\.  achieved/s  open  first event p50, ms .* outcome", heading)
    for row in (first, second):
        assert re.match(r" +1 ", row)
        assert re.search(r"  (missed, service|not valid, \w+): ", row)
    if done.returncode == 1:
        assert "highest     none: not even 1 concurrent exchanges" in done.stdout
        assert "limit       at 1 concurrent exchanges, the service: first_event_p50=1ms" in (
            done.stdout
        )
    assert "objective   errors=1%" in rest


def test_an_interrupt_ends_a_sweep_with_the_levels_so_far(target: ServerProcess) -> None:
    done = interrupted(
        signal.SIGINT, b"level 2: ", "bench", f"{target.url}/bytes/3", "--slo", "head_p99=60s",
        "--sweep", "concurrency", "--duration", "0.1", "--warm-up", "0",
    )  # fmt: skip
    assert done.returncode == 3
    assert "not valid   it was interrupted" in done.stderr
    assert re.search(r"^\*? +1 ", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr


def test_a_service_that_cannot_be_reached_ends_the_sweep_at_once() -> None:
    done = call("bench", URL, *SLO, "--sweep", "concurrency", "--duration", "0.1", "--warm-up", "0")
    assert done.returncode == 3
    assert "not valid   no exchange received a response: unconnected" in done.stdout


def test_a_report_describes_the_load(tmp_path: Path) -> None:
    file = tmp_path / "trace"
    file.write_text("1\n2\n")

    def asked(*argv: str) -> str:
        words = [URL, *argv]
        options = bench.read(words, {})
        made = load_options.make_job(options, RequestSpec(URL))
        return dict(about(words, options, bench.TABLE, made, datetime.now(UTC)).asked)["load"]

    assert asked("--sweep", "rate:5..9", *SLO) == "a search: rate:5..9, constant intervals"
    shown = f"open loop: 2 arrivals of {file}"
    assert asked("--trace", str(file)) == shown
    assert asked("--trace", str(file), "--trace-speed", "2") == f"{shown}, 2 times as fast"


def job(*argv: str) -> Job:
    """The job of a command line."""
    return load_options.make_job(bench.read([URL, *argv], {}), RequestSpec(URL))


def test_a_trace_is_the_load(tmp_path: Path) -> None:
    file = tmp_path / "trace"
    file.write_text("\ufeff1.5\n2\n", "utf-8")
    found = job("--trace", str(file), "--trace-speed", "2")
    assert found.trace is not None
    assert str(found.trace) == str(file)
    assert [*found.arrival_times()] == [0, 250_000_000]
    assert found.is_open_loop
    assert (found.count, found.duration) == (None, float("inf"))


def test_a_trace_is_replayed(target: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "trace"
    file.write_text('{"timestamp": 0}\n{"timestamp": 40}\n{"timestamp": 40}\n')
    done = call("bench", f"{target.url}/bytes/3", "--trace", str(file), "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["exchanges"]["ended"] == {"complete": 3}


def test_the_lengths_of_a_trace_are_those_of_prompts_and_answers(
    target: ServerProcess, tmp_path: Path
) -> None:
    file = tmp_path / "trace"
    lines = [(0, 50, 3), (10, 70, 4)]
    file.write_text(
        "".join(
            json.dumps({"timestamp": at, "input_length": prompt, "output_length": output}) + "\n"
            for at, prompt, output in lines
        )
    )
    chat = (f"{target.url}/v1", "--chat", "--model", "streamserver-demo-fast")
    done = call("bench", *chat, "--trace", str(file), "--exact", "--json", "-")
    assert done.returncode == 0, done.stderr
    tokens = json.loads(done.stdout)["tokens"]
    assert tokens["output"] == 7
    assert tokens["input"] >= 120  # with those of the template
    file.write_text("0\n1\n")
    assert (
        "or a --trace with lengths of prompts" in call("bench", *chat, "--trace", str(file)).stderr
    )
