"""The lines of the README for each service, run against the target, or a script of the service."""

import re
import shlex
from argparse import Namespace
from time import monotonic_ns
from urllib.parse import urlsplit

import pytest

from streamserver.cli import bench, load_options, request_options
from streamserver.cli import sweep as sweep_command
from streamserver.lab.load.job import Job
from streamserver.lab.load.processes import Result
from streamserver.lab.load.run import Run
from streamserver.lab.prompts.interfaces import INTERFACES
from streamserver.lab.sweep.sweep import Prospect, Sweep, sweep
from streamserver.lab.sweep.table import rows
from streamserver.lab.target.app import make_target
from support.inprocess import Serve
from support.readme import PYTHON, README
from support.services import Services

LINES = dict(re.findall(rf"^\| ([^|]+) \| `{re.escape(PYTHON)} (bench [^`|]+)` \|$", README, re.M))
SCRIPTED = ("gemini", "tgi", "llamacpp")
KEY = "sk-0123456789"
LEVELS = {1, 2}


def test_each_interface_has_a_line() -> None:
    named = [re.search(r"--api ([\w-]+)|--chat", line) for line in LINES.values()]
    assert sorted(found[1] or "chat" for found in named if found) == sorted(INTERFACES)


@pytest.mark.parametrize("service", LINES)
async def test_the_line_of_a_service(service: str, serve: Serve) -> None:
    """With limits that a busy machine keeps too, two loads and short levels."""
    line = re.sub(r"=\d+m?s\b", "=60s", LINES[service]).replace("1..64", "1..2")
    _, url, *argv = shlex.split(line)
    argv += ["--header", "X-Lab-Tokens-Per-Second: 10000", "--sweep-precision", "50%"]
    argv += ["--warm-up", "0.01", "--no-progress"]
    variables = dict.fromkeys(re.findall(r"--bearer-env (\w+)", LINES[service]), KEY)
    services = Services()
    is_scripted = any(name in argv for name in SCRIPTED)
    served = await serve(services if is_scripted else make_target())
    for duration in ("0.1", "1", "10"):  # until an exchange ends within each level
        words = [served.url + urlsplit(url).path, *argv, "--duration", duration]
        options = bench.read(words, variables)
        job = load_options.make_job(options, request_options.make_request(options, variables))
        found = await swept(options, job)
        if all(level.achieved for level in found.levels):
            break
    # On a busy machine the client may be too late for the second.
    assert {level.load for level in found.levels} <= LEVELS, found.problems
    headings, *levels = rows(found)
    shown = [dict(zip(headings, level, strict=True)) for level in levels]
    for figure in ("achieved/s", "goodput/s", "TTFT p50, ms", "tokens/s"):
        assert all(float(row[figure].replace(",", "")) > 0 for row in shown), figure
    # A client that is late finds all tokens at once.
    assert all(float(row["TPOT p50, ms"]) >= 0 for row in shown)
    summary = found.levels[0].summary
    assert set(summary.ends) == {"complete"}, summary.answers
    complete = summary.ends["complete"]
    assert summary.tokens.by_usage == complete
    assert summary.good == complete
    if is_scripted:
        assert {request.headers.get("authorization") for request, _ in services.asked} == {None}
        return
    assert summary.tokens.input >= 500 * complete
    assert summary.tokens.output <= 100 * complete
    assert not options.exact or summary.tokens.output == 100 * complete


async def swept(options: Namespace, job: Job) -> Sweep:
    """The sweep of a line, in the event loop of the test."""

    async def measure(level: Job, prospect: Prospect) -> Result:
        run = Run(level)
        await run.prepare()
        await run.execute(monotonic_ns())
        return Result(run.summary)

    objectives, scale = sweep_command.objectives(options), sweep_command.scale(options)
    level = sweep_command.level_of(options, job)
    return await sweep(level, options.sweep.kind, scale, objectives, measure)
