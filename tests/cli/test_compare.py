"""`bench URL --compare URL2`: what a hop adds, and whether it buffers."""

import csv
import json
import re
import signal
from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest

from cli.conftest import interrupted
from streamserver.cli.compare import names_of
from streamserver.lab import read_csv
from support import peers
from support.calling import call
from support.nginx import nginx, reserved_port
from support.process import RunServer, ServerProcess
from support.schemas import closed

STREAM = "/sse?count=12&gap=0.02&seed=7"
NAME = "prompts-0123456789"
MOMENTS = {"head", "first_byte", "first_event", "last_byte", "each event"}


@pytest.fixture
def buffering(target: ServerProcess, tmp_path: Path) -> Iterator[str]:
    """The URL of an nginx in front of the target, which buffers by default."""
    with reserved_port() as port:
        relay = f"location / {{ proxy_pass {target.url}; proxy_ignore_headers X-Accel-Buffering; }}"
        server = f"server {{ listen 127.0.0.1:{port} reuseport; {relay} }}"
        with nginx(tmp_path, server, port):
            yield f"http://127.0.0.1:{port}"


def test_a_relay_passes_the_same_bytes(target: ServerProcess, run_server: RunServer) -> None:
    relay = run_server("proxy", target.url, "--no-access-log")
    done = call(
        "bench", target.url + STREAM + "&stamps=1", "--compare", relay.url + STREAM + "&stamps=1",
        "-n", "3", "--json", "-",
    )  # fmt: skip
    figures = json.loads(done.stdout)
    assert done.returncode == (3 if figures["not_valid"] else 0), done.stderr
    found = figures["added"]["through"]
    assert (found["pairs"], found["complete"], found["same_bodies"]) == (3, 3, 3)
    assert set(found["added"]) == MOMENTS
    for added in found["added"].values():
        assert added["low"] <= added["median"] <= added["high"]
    assert found["verdicts"] == []


def test_several_urls_objectives_and_all_reports(target: ServerProcess, tmp_path: Path) -> None:
    url = f"{target.url}/sse?count=3&gap=0.001&seed=1"
    slow = f"{target.url}/delay/0.05?api_key=sk-0123456789abcdef"
    done = call(
        "bench", url, "--compare", url, "--compare", slow, "-n", "3", "--seed", "5",
        "--slo", "first_byte_max=30s,errors=0%", "--json", "r.json", "--csv", "r.csv",
        "--html", "r.html", cwd=tmp_path,
    )  # fmt: skip
    figures = json.loads((tmp_path / "r.json").read_text("utf-8"))
    names = [f"{target.url.removeprefix('http://')} ({n})" for n in (2, 3)]
    assert [*figures["sides"]] == ["direct", *names]
    assert done.returncode == (0 if figures["valid"] else 3), done.stderr
    assert [one["met"] for one in figures["objectives"]] == [True] * 4
    assert figures["added"][names[1]]["added"]["head"]["median"] > 40

    page = (tmp_path / "r.html").read_text("utf-8")
    load = "3 rounds, 1 at a time; in each, one request to each of 3 URLs, in random order"
    assert figures["run"]["asked"] == {"load": load}
    assert load in page
    assert figures["run"]["ended"] >= figures["run"]["date"]
    for name, side in figures["sides"].items():
        assert side["address"] == target.url.removeprefix("http://")
        assert f"<dt>{name}</dt><dd>{escape(side['request'])}</dd>" in page
        assert dict(read_csv(tmp_path / "r.csv", name).ends) == {"complete": 3}
    itself = read_csv(tmp_path / "r.csv", "direct").histograms["gap"]
    assert itself.get_total_count() == 6, "the times between events are kept"
    for form in ("r.json", "r.html"):
        assert "0123456789" not in (tmp_path / form).read_text("utf-8"), form

    jsonschema, printed = peers.module("jsonschema"), call("bench", "--schema", "compare-json")
    validator = jsonschema.Draft202012Validator(closed(json.loads(printed.stdout)))
    assert [error.message for error in validator.iter_errors(figures)] == []


@pytest.mark.parametrize(
    ("urls", "names"),
    [
        (["http://a/x"], ["through"]),
        (["http://a/x", "http://b:1/"], ["a", "b:1"]),
        (["http://a/x", "http://b/", "http://a/y"], ["a (2)", "b", "a (4)"]),
        (["http://direct/", "http://b/"], ["direct (2)", "b"]),
    ],
)
def test_each_url_has_a_name_of_its_own(urls: list[str], names: list[str]) -> None:
    assert names_of(urls) == names


def test_a_missed_objective_and_the_progress(target: ServerProcess) -> None:
    """Objectives are of differences, so the progress shows none of them."""
    url, slow = f"{target.url}/delay/0.2", f"{target.url}/delay/0.25"
    command = ["bench", url, "--compare", slow, "-n", "3", "--json", "-", "--slo", "head_p50=40ms"]
    done = call(*command, "--progress")
    assert done.returncode == (1 if json.loads(done.stdout)["valid"] else 3)
    assert re.search(r"left about 0:0\d, [12] of 3 rounds done  open 1  ended [24] ", done.stderr)
    assert "head_p50" not in done.stderr


def test_every_url_of_a_round_gets_the_same_prompt(target: ServerProcess, tmp_path: Path) -> None:
    """The lengths of the answers are those of the lines of the data set."""
    (tmp_path / NAME).write_text('{"prompt":"a","max_tokens":1}\n{"prompt":"b","max_tokens":3}')
    command = ["bench", target.url, "--api", "messages", "--model", "m", "--dataset", NAME]
    command += ["--bearer-file", "key"]
    (tmp_path / "key").write_text(NAME)  # a secret that another value repeats
    others = ["--compare", target.url, "--compare", f"{target.url}/v1"]
    call(*command, *others, "-n", "4", "--json", "r.json", "--csv", "r.csv", cwd=tmp_path)
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        lines = [*csv.DictReader(file)]
    found = Counter((line["round"], line["output_tokens"], line["end"]) for line in lines)
    assert found == {(f"{n}", "13"[n % 2], "complete"): 3 for n in range(4)}
    figures = json.loads((tmp_path / "r.json").read_text("utf-8"))
    requests = {side["request"] for side in figures["sides"].values()}
    assert requests == {f"POST {target.url}/v1/messages"}
    assert figures["run"]["asked"]["prompts"] == f"data set {'*' * len(NAME)}"


def test_conversations_are_not_compared(tmp_path: Path) -> None:
    turns = [{"from": role, "value": "a"} for role in ("user", "assistant", "user")]
    (tmp_path / "talk").write_text(json.dumps({"conversations": turns}))
    url = "http://127.0.0.1:9/"
    command = ["bench", url, "--chat", "--model", "m", "--compare", url]
    done = call(*command, "--dataset", "talk", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "--compare sends single requests, and these are conversations" in done.stderr
    done = call(*command, "--prompt-tokens", "5", "--turns", "2")
    assert done.returncode == 2
    assert "--turns cannot be combined with --compare" in done.stderr


def test_a_file_that_cannot_be_written_is_named(target: ServerProcess) -> None:
    """Also while rounds are running."""
    done = call(
        "bench", f"{target.url}/get", "--compare", f"{target.url}/get", "--csv", "/dev/full"
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "--csv /dev/full: No space left on device" in done.stderr


@pytest.mark.parametrize("knob", ["", "&stamps=1"])
def test_a_proxy_that_buffers_is_detected(target: ServerProcess, buffering: str, knob: str) -> None:
    done = call(
        "bench", target.url + STREAM + knob, "--compare", buffering + STREAM + knob, "-n", "3"
    )
    assert "bodies      the same bytes in 3 of 3" in done.stdout, done.stderr
    verdict = r"verdict     this hop buffers: of (\d+) events that arrived apart directly (\d+)"
    found = re.search(verdict, done.stdout)
    assert found
    apart, together = map(int, found.groups())
    # Of 33; a busy machine may join some direct events, too.
    assert 11 < together <= apart <= 33


def test_with_stamps_buffering_is_detected_without_a_comparison(buffering: str) -> None:
    done = call("bench", f"{buffering}{STREAM}&stamps=1", "-n", "3")
    found = re.search(
        r"this hop buffers: of (\d+) events that were sent apart (\d+) came together", done.stdout
    )
    assert found
    assert 11 < int(found[2]) <= int(found[1]) <= 33


def test_bodies_that_differ(target: ServerProcess) -> None:
    urls = [f"{target.url}/bytes/100?seed={seed}" for seed in (1, 2)]
    done = call("bench", urls[0], "--compare", urls[1], "-n", "2")
    assert "bodies      the same bytes in 0 of 2" in done.stdout


def test_each_pair_has_a_number_of_its_own(target: ServerProcess) -> None:
    """One of the bodies of 10, 11 and 12 bytes equals those of the other side."""
    urls = [f"{target.url}/bytes/{length}?seed=1" for length in ("1{n}", "10")]
    done = call("bench", urls[0], "--compare", urls[1], "-n", "3")
    assert "bodies      the same bytes in 1 of 3" in done.stdout


def test_an_interrupt_is_reported_in_a_line(target: ServerProcess) -> None:
    url = f"{target.url}/sse?count=1000&gap=0.02"
    done = interrupted(signal.SIGINT, b"open 1", "bench", url, "--compare", url)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "streamserver: interrupted: nothing is reported"


def test_failed_exchanges_are_not_compared(target: ServerProcess) -> None:
    url = f"{target.url}/get?fail_rate=1&fail_status=500"
    done = call("bench", f"{target.url}/get", "--compare", url, "-n", "2", "--json", "-")
    assert json.loads(done.stdout)["sides"]["through"]["ended"] == {"refused": 2}
    done = call("bench", f"{target.url}/get", "--compare", url, "-n", "2")
    assert done.returncode == 3
    assert "statuses    500 x 2" in done.stdout
    assert 'answer 500  {"title":"Internal Server Error","status":500,' in done.stdout
    assert "through     refused 2" in done.stdout
    assert "not valid   no pair ended well on both sides" in done.stdout
    assert "not valid   through: no exchange ended well: refused 2" in done.stdout


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--rate", "1"], "--rate cannot be combined with --compare"),
        (["--goodput", "e2e=1s"], "--goodput cannot be combined with --compare"),
        (["--warm-up", "1"], "--warm-up cannot be combined with --compare"),
        (["-c", "0..5@3"], "--concurrency must be one whole number"),
        (["-c", "1.5"], "--concurrency must be one whole number"),
        (["-c", "5@3"], "--concurrency must be one whole number"),
        (
            ["--slo", "gap_p99=1s"],
            "--slo gap_p99=1s: with --compare an objective is of head,",
        ),
        (["--processes", "2", "-c", "2"], "--processes cannot be combined with --compare"),
        (["--compare", "nowhere"], "names no scheme or no host"),
    ],
)
def test_options_that_exclude_a_comparison(options: list[str], error: str) -> None:
    done = call("bench", "http://127.0.0.1:9/", "--compare", "http://127.0.0.1:9/", *options)
    assert done.returncode == 2
    assert error in done.stderr
