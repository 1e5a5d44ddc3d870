"""The lines of the README for each service, run against the target, or a script of the service."""

import re
import shlex
from time import monotonic_ns
from urllib.parse import urlsplit

import pytest

from streamserver.cli import bench, load_options, request_options
from streamserver.lab.load.run import Run
from streamserver.lab.prompts.interfaces import INTERFACES
from streamserver.lab.report.report import Report
from streamserver.lab.report.table import table
from streamserver.lab.target.app import make_target
from support.inprocess import Serve
from support.readme import PYTHON, README
from support.services import Services

LINES = dict(re.findall(rf"^\| ([^|]+) \| `{re.escape(PYTHON)} (bench [^`|]+)` \|$", README, re.M))
SCRIPTED = ("gemini", "tgi", "llamacpp")
KEY = "sk-0123456789"
COUNT = 4


def test_each_interface_has_a_line() -> None:
    named = [re.search(r"--api ([\w-]+)|--chat", line) for line in LINES.values()]
    assert sorted(found[1] or "chat" for found in named if found) == sorted(INTERFACES)


@pytest.mark.parametrize("service", LINES)
async def test_the_line_of_a_service(service: str, serve: Serve) -> None:
    line = re.sub(r"=\d+m?s\b", "=60s", re.sub(r"-n \d+", f"-n {COUNT}", LINES[service]))
    _, url, *argv = shlex.split(line)
    argv += ["--header", "X-Lab-Tokens-Per-Second: 1000"]
    variables = dict.fromkeys(re.findall(r"--bearer-env (\w+)", LINES[service]), KEY)
    services = Services()
    is_scripted = any(name in argv for name in SCRIPTED)
    served = await serve(services if is_scripted else make_target())
    options = bench.read([served.url + urlsplit(url).path, *argv], variables)
    job = load_options.make_job(options, request_options.make_request(options, variables))
    run = Run(job)
    await run.execute(monotonic_ns())
    summary = run.summary
    assert summary.ends == {"complete": COUNT}, summary.answers
    assert summary.tokens.by_usage == COUNT
    assert summary.tokens.output > summary.tokens.answers
    report = table(Report("", summary, (summary.ended - summary.began) / 1e9))
    for figure in ("TTFT", "TPOT", "E2E latency"):
        assert re.search(rf"^{figure} +{COUNT} ", report, re.MULTILINE)
    assert re.search(rf"^goodput +[0-9.]+ requests/s, {COUNT} \(100", report, re.MULTILINE)
    if is_scripted:
        assert {request.headers.get("authorization") for request, _ in services.asked} == {None}
        return
    assert summary.tokens.input >= 500 * COUNT
    assert summary.tokens.output <= 100 * COUNT
    assert not options.exact or summary.tokens.output == 100 * COUNT
