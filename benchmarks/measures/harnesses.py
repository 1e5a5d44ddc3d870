"""What our client and public harnesses measure at the same target, beside what it did.

The model sends each answer at 30 tokens a second. It notes when it sent every token, so the error
of a harness is known: how far a percentile that it reports is from the target's own. Each runs
with its defaults on the client's core, with the same concurrency and number of requests, after a
first wave of requests that is not measured and opens the connections.

Public harnesses are found by their name in PATH, or in a variable: GUIDELLM, AIPERF. They need a
tokenizer: one without a vocabulary is made, and their requests use the server's counts.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks import client, machine
from benchmarks.client import WrongAnswer
from benchmarks.peer import Contender, Peer
from benchmarks.plan import Plan
from benchmarks.process import ROOT, Server
from benchmarks.report import Column, Result, Row
from benchmarks.turns import in_turns, percentile, together

TARGET = Peer("recorded model", "{python} -m benchmarks.servers.recorded {port}")
MODEL = "streamserver-demo"
STREAMS = (1, 50, 200)
EACH, LEAST = 2, 10
"""Requests for each stream, and the fewest requests of a run."""
PATIENCE = 600
NAMES = ("ttft_50", "ttft_99", "itl_50", "itl_99")
COLUMNS = (
    Column("harness", "harness"),
    Column("streams", "streams"),
    Column("ttft_50", "TTFT p50, ms", 2),
    Column("ttft_50_error", "error", 2),
    Column("ttft_99", "p99", 2),
    Column("ttft_99_error", "error", 2),
    Column("itl_50", "between tokens p50, ms", 2),
    Column("itl_50_error", "error", 2),
    Column("itl_99", "p99", 2),
    Column("itl_99_error", "error", 2),
)

Figures = dict[str, float]
"""Milliseconds by the names of `NAMES`."""


@dataclass(frozen=True, slots=True)
class Harness:
    """A harness: its command line, and how its figures are read."""

    program: str
    """Its file; the variable with its path has this name in capitals."""
    command: Callable[[str, str, int, int, Path], Sequence[str]]
    """From the program, the URL, the streams, the requests and a directory for files."""
    read: Callable[[Path, str], Figures]
    """From the directory and standard output."""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The program; "" if it is not installed."""
        return os.environ.get(self.program.upper()) or shutil.which(self.program) or ""


def _ours(program: str, url: str, streams: int, count: int, directory: Path) -> list[str]:
    asked = ["--chat", "--model", MODEL, "--prompt", "Question number {n}"]
    load = ["-c", f"{streams}", "-n", f"{count}", "--warm-up", "1s", "--json", "-", "--no-progress"]
    return [program, "-m", "streamserver", "bench", f"{url}/v1", *asked, *load]


def _read_ours(directory: Path, output: str) -> Figures:
    figures = json.loads(output)["figures"]
    found = {f"{name}_{p}": figures[name][f"p{p}"] for name in ("ttft", "itl") for p in (50, 99)}
    return {name: float(found[name]) for name in NAMES}


def _guidellm(program: str, url: str, streams: int, count: int, directory: Path) -> list[str]:
    _write_prompts(directory, "prompt", streams + count)
    return [
        *(program, "run", "--disable-progress"),
        *("--backend", f"kind=openai_http,target={url},model={MODEL}"),
        *("--profile", f"kind=concurrent,streams={streams},warmup=1"),
        *("--constraint", f"kind=max_requests,count={streams + count}"),
        *("--data", f"kind=json_file,path={directory}/prompts.jsonl"),
        *("--output", f"kind=json,path={directory}/found.json"),
    ]


def _read_guidellm(directory: Path, output: str) -> Figures:
    metrics = json.loads((directory / "found.json").read_text())["benchmarks"][0]["metrics"]
    parts = {"ttft": "time_to_first_token_ms", "itl": "inter_token_latency_ms"}
    return {
        f"{name}_{p}": float(metrics[own]["successful"]["percentiles"][f"p{p}"])
        for name, own in parts.items()
        for p in (50, 99)
    }


def _aiperf(program: str, url: str, streams: int, count: int, directory: Path) -> list[str]:
    _write_prompts(directory, "text", streams + count)
    return [
        *(program, "profile", "-m", MODEL, "-u", url, "--endpoint-type", "chat", "--streaming"),
        *("--concurrency", f"{streams}", "--request-count", f"{count}", "--ui", "none"),
        *("--warmup-request-count", f"{streams}"),
        *("--input-file", f"{directory}/prompts.jsonl", "--custom-dataset-type", "single_turn"),
        *("--tokenizer", _tokenizer(program, directory), "--use-server-token-count"),
        *("--artifact-dir", f"{directory}/found"),
    ]


def _read_aiperf(directory: Path, output: str) -> Figures:
    metrics = json.loads((directory / "found" / "profile_export_aiperf.json").read_text())
    # Its inter_token_latency is one mean per request; this one is measured from chunk to chunk.
    parts = {"ttft": "time_to_first_token", "itl": "inter_chunk_latency"}
    return {
        f"{name}_{p}": float(metrics[own][f"p{p}"]) for name, own in parts.items() for p in (50, 99)
    }


def _tokenizer(program: str, directory: Path) -> str:
    """The directory of a tokenizer, made with the libraries of a harness."""
    source = (
        "import sys; from tokenizers import Tokenizer, models, pre_tokenizers;"
        "from transformers import PreTrainedTokenizerFast as Fast;"
        "one = Tokenizer(models.WordLevel({'[UNK]': 0}, unk_token='[UNK]'));"
        "one.pre_tokenizer = pre_tokenizers.Whitespace();"
        "Fast(tokenizer_object=one, unk_token='[UNK]').save_pretrained(sys.argv[1])"
    )
    made = directory / "tokenizer"
    python = Path(program).resolve().with_name("python")
    subprocess.run([python, "-c", source, made], check=True, capture_output=True)
    return str(made)


def _write_prompts(directory: Path, member: str, count: int) -> None:
    lines = [json.dumps({member: f"Question number {n}"}) for n in range(count)]
    (directory / "prompts.jsonl").write_text("\n".join(lines) + "\n")


OURS = "streamserver bench"
HARNESSES: Mapping[str, Harness] = {
    OURS: Harness(sys.executable, _ours, _read_ours),
    # It would look for a tokenizer on a hub of models.
    "guidellm": Harness("guidellm", _guidellm, _read_guidellm, {"HF_HUB_OFFLINE": "1"}),
    "aiperf": Harness("aiperf", _aiperf, _read_aiperf),
}


def measure(plan: Plan) -> Iterator[Result]:
    """Yield one table."""
    installed = {name: one for name, one in HARNESSES.items() if one.path}
    absent = {name: "not installed" for name in HARNESSES if name not in installed}
    found: dict[tuple[str, int], list[tuple[Figures, Figures]]] = {}
    with together([Contender(TARGET, plan.loops[0], "model")], client.is_listening) as lineup:
        for _ in range(plan.fewest_rounds):
            for streams in STREAMS[:1] if plan.quick else STREAMS:
                for name, harness in installed.items():
                    read = partial(_block, harness=harness, streams=streams)
                    for some in in_turns(lineup, 1, read).values():
                        found.setdefault((name, streams), []).extend(some)
    rows = [_row(name, streams, some) for (name, streams), some in found.items()]
    title = "What harnesses measure at the same model, and their errors"
    yield Result("harnesses", title, COLUMNS, rows, absent | lineup.absent)


def _block(
    _turn: Contender, server: Server, harness: Harness, streams: int
) -> tuple[Figures, Figures]:
    """The figures of a harness, and those of the target."""
    url = f"http://{client.HOST}:{server.port}"
    count = max(EACH * streams, LEAST)
    _recorded(server)
    with tempfile.TemporaryDirectory() as name, machine.pinned(machine.cores().client):
        directory = Path(name)
        command = harness.command(harness.path, url, streams, count, directory)
        environment = {**os.environ, **harness.environment}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
        if done.returncode:
            raise WrongAnswer(f"{command[0]} failed: {(done.stderr or done.stdout)[-300:]}")
        return harness.read(directory, done.stdout), _recorded(server, count)


def _recorded(server: Server, count: int = 0) -> Figures:
    """The target's own figures of the last `count` streams."""
    connection = HTTPConnection(client.HOST, server.port, timeout=client.PATIENCE)
    connection.request("GET", f"/recorded?last={count}")
    found: Figures = json.loads(connection.getresponse().read())
    connection.close()
    return found


def _row(name: str, streams: int, blocks: Sequence[tuple[Figures, Figures]]) -> Row:
    row: dict[str, Any] = {"harness": name, "streams": f"{streams}"}
    for figure in NAMES:
        row[figure] = percentile([own[figure] for own, _ in blocks], 50)
        errors = [own[figure] - true[figure] for own, true in blocks]
        row[f"{figure}_error"] = percentile(errors, 50)
    return row
