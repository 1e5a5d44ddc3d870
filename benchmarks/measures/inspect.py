"""Verdicts of the inspector on the set-ups of its tests, beside a busy core.

Each round inspects all set-ups at once. The set-ups are those of the tests, and need what these
need: nginx, HAProxy, Apache and the packages of the extra ``test``.
"""

import asyncio
import contextlib
import importlib
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.plan import Plan
from benchmarks.process import ROOT
from benchmarks.report import Column, Result, Row

BUSY = "while True: pass"
COLUMNS = (
    Column("setup", "set-up"),
    Column("expected", "wrong"),
    Column("rounds", "rounds"),
    Column("right", "named"),
    Column("missed", "missed"),
    Column("false", "false"),
    Column("seen", "what"),
)


def measure(plan: Plan) -> Iterator[Result]:
    """Yield one table: how often each fault was named, and how often something else was."""
    tests = str(ROOT / "tests")
    sys.path.append(tests)
    try:
        cases, inspecting, start = (
            importlib.import_module(f"support.setups.{name}")
            for name in ("cases", "inspecting", "start")
        )
    except ImportError as error:
        yield Result("inspect", "Verdicts", COLUMNS, (), {"set-ups": f"not installed: {error}"})
        return
    finally:
        sys.path.remove(tests)
    all_cases = (*cases.HEALTHY, *cases.FAULTY)
    missed: Counter[str] = Counter()
    wrong: dict[str, Counter[str]] = {case.name: Counter() for case in all_cases}
    for _ in range(plan.rounds):
        # The set-ups start anew, since some of them complete the work of aborted requests.
        with (
            _busy_core(),
            tempfile.TemporaryDirectory() as directory,
            start.setups(Path(directory)) as urls,
        ):
            found = asyncio.run(inspecting.inspect_all(all_cases, urls))
        for case in all_cases:
            inspection = found[case.name]
            missed[case.name] += bool(case.missed(inspection))
            false = case.false(inspection).items()
            wrong[case.name].update(f"{name}: {seen}" for name, seen in false)
    rows = [_row(case, plan.rounds, missed[case.name], wrong[case.name]) for case in all_cases]
    yield Result("inspect", "Verdicts on set-ups, beside a busy core", COLUMNS, rows)


@contextlib.contextmanager
def _busy_core() -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        try:
            yield
        finally:
            process.kill()


def _row(case: Any, rounds: int, missed: int, wrong: Counter[str]) -> Row:
    return {
        "setup": case.name,
        "expected": ", ".join(case.wrong) or "nothing",
        "rounds": rounds,
        "right": rounds - missed,
        "missed": missed,
        "false": wrong.total(),
        "seen": "; ".join(wrong),
    }
