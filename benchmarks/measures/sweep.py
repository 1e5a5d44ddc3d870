"""The load that `bench --sweep` finds, against the load that the target's limits imply.

Each round has other limits, so that the loads of the search are not near the implied ones by
design. With ``slots=N`` streams of T seconds, the target serves N / T a second. With a profile, its
model of cost has a knee in closed form, which the target reports.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from benchmarks import client, machine
from benchmarks.client import WrongAnswer
from benchmarks.peer import Contender, Peer
from benchmarks.plan import Plan
from benchmarks.process import ROOT, Server
from benchmarks.report import Column, Result, Row
from benchmarks.turns import together

COMMAND = "{python} -m streamserver target --port {port} --loop {loop} --no-access-log"
PROFILE = "decode_step=10ms,decode_step_per_sequence=0.5ms,prefill_per_token=20us,max_sequences=16"
TARGETS = (
    Peer("slots", COMMAND, modules=("h11",)),
    Peer("profile", f"{COMMAND} --profile {PROFILE}", modules=("h11",)),
)
LOADS = "rate:8..1000"
EVENTS, GAP = 11, 0.04
SETTLE, DURATION = 1, 3
WITHIN = 0.1
REPEATS, NOT_VALID = 2, 3
"""Further sweeps of a round, and the exit status of one that is not valid."""
COLUMNS = (
    Column("limits", "limits"),
    Column("rounds", "rounds"),
    Column("lowest", "found/implied, lowest", 3),
    Column("highest", "highest", 3),
    Column("within", f"within {WITHIN:.0%}"),
    Column("levels", "levels of a sweep", 1),
    Column("others", "limited by others"),
    Column("repeated", "not valid, repeated"),
)


@dataclass(frozen=True, slots=True)
class Round:
    """The outcome of a sweep."""

    ratio: float
    """Of the highest load that was found to the implied one."""
    levels: int
    party: str
    """The party that the sweep named as the limit."""
    repeated: int
    """Sweeps before it that reported themselves as not valid, since the machine was busy."""


def measure(plan: Plan) -> Iterator[Result]:
    """Yield one table."""
    rows: list[Row] = []
    cases: Mapping[str, Callable[[Server, int], Round]] = {"slots": _slots, "profile": _profile}
    contenders = [Contender(peer, plan.loops[0], "target") for peer in TARGETS]
    with together(contenders, client.is_listening) as lineup:
        for contender, server in lineup.servers.items():
            case = cases[contender.peer.name]
            rounds = [case(server, number) for number in range(plan.few_rounds)]
            rows.append(_row(contender.peer.name, rounds))
    yield Result("sweep", "The knee that --sweep finds", COLUMNS, rows, lineup.absent)


def _slots(server: Server, number: int) -> Round:
    slots = 8 + 3 * number
    implied = slots / ((EVENTS - 1) * GAP)
    path = f"/sse?count={EVENTS}&gap={GAP}&stamps=1&slots={slots}&queue=10000"
    return _sweep(server, implied, [path], "first_event_p99=500ms")


def _profile(server: Server, number: int) -> Round:
    tokens = 25 + 3 * number
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "word " * 100}],
        "max_tokens": tokens,
        "min_tokens": tokens,
        "ignore_eos": True,
    }
    usage = _json(server, "POST", "/v1/chat/completions", body)["usage"]
    assert usage["completion_tokens"] == tokens
    load = f"input_tokens={usage['prompt_tokens']}&output_tokens={tokens}"
    implied = _json(server, "GET", f"/lab/profile?{load}")["capacity"]["requests_per_second"]
    asked = json.dumps(body | {"stream": True})
    return _sweep(server, implied, ["/v1/chat/completions", "--data", asked], "ttft_p99=1s")


def _sweep(server: Server, implied: float, request: Sequence[str], objective: str) -> Round:
    path, *options = request
    command = [sys.executable, "-m", "streamserver", "bench"]
    command += [f"http://{client.HOST}:{server.port}{path}", *options, "--slo", objective]
    command += ["--sweep", LOADS, "--json", "-"]
    command += ["--warm-up", str(SETTLE), "--duration", str(DURATION), "--no-progress"]
    with machine.pinned(machine.cores().client):
        done, repeated = _run(command), 0
        while done.returncode == NOT_VALID and repeated < REPEATS:
            done, repeated = _run(command), repeated + 1
    if done.returncode:
        raise WrongAnswer(f"no load was found: {done.stderr or done.stdout}")
    found = json.loads(done.stdout)
    party = found["limit"]["limit"] if found["limit"] else "none"
    ratio = found["highest"]["load"] / implied
    return Round(ratio, len(found["levels"]), party, repeated)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def _json(server: Server, method: str, path: str, body: object = None) -> dict[str, Any]:
    connection = HTTPConnection(client.HOST, server.port, timeout=client.PATIENCE)
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {"content-type": "application/json"})
    answer = connection.getresponse()
    members: dict[str, Any] = json.loads(answer.read())
    connection.close()
    if answer.status != 200:
        raise WrongAnswer(f"{path}: {answer.status} {members}")
    return members


def _row(name: str, rounds: Sequence[Round]) -> Row:
    ratios = [one.ratio for one in rounds]
    within = sum([abs(ratio - 1) <= WITHIN for ratio in ratios])
    return {
        "limits": name,
        "rounds": len(rounds),
        "lowest": min(ratios),
        "highest": max(ratios),
        "within": f"{within} of {len(rounds)}",
        "levels": sum([one.levels for one in rounds]) / len(rounds),
        "others": sum([one.party != "service" for one in rounds]),
        "repeated": sum([one.repeated for one in rounds]),
    }
