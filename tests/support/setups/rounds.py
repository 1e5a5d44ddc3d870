"""Inspect all healthy set-ups many times beside a busy core, and print each false verdict:

PYTHONPATH=tests python -m support.setups.rounds 100
"""

import asyncio
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from streamserver.lab.inspect.inspection import Inspection
from support.setups.cases import HEALTHY
from support.setups.inspecting import inspect_all
from support.setups.start import setups

AT_ONCE = 12
"""Few enough that the machine is busy, and more than one stream at a time disturbs each other."""
Verdicts = Counter[tuple[str, str]]


def count(inspections: dict[str, Inspection], verdicts: Verdicts) -> int:
    """Count the verdicts by name and status, and print those that blame; the number of those."""
    false = 0
    for name, inspection in inspections.items():
        for one in inspection.verdicts:
            verdicts[one.name, one.status] += 1
            if one.status == "wrong":
                false += 1
                print(f"{name}: {one.name}: {one.evidence}", flush=True)
    return false


def main(rounds: int) -> int:
    verdicts, false, stalled = Verdicts(), 0, 0.0
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with tempfile.TemporaryDirectory() as directory, setups(Path(directory)) as urls:
            for _ in range(rounds):
                found = asyncio.run(inspect_all(HEALTHY, urls))
                false += count(found, verdicts)
                times = [one.evidence.main.recording.stalled for one in found.values()]
                stalled = max(stalled, *times)
    finally:
        busy.kill()
        busy.wait()
    for (name, status), number in sorted(verdicts.items()):
        print(f"{name:<16}{status:<10}{number:>8}")
    print(
        f"{rounds} rounds of {len(HEALTHY)} inspections, {false} false verdicts; the recorder was"
    )
    print(f"late by up to {1000 * stalled:.0f} ms")
    return bool(false)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
