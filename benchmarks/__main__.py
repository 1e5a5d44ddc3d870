"""The command line: `python -m benchmarks [MEASURE|relay|all] [options]`."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import chart, machine, report
from benchmarks.measures import MEASURES
from benchmarks.peer import LOOPS, Peer, installed_loops
from benchmarks.peers import PEERS, RELAYS
from benchmarks.plan import Plan
from benchmarks.report import Result

QUICK_ROUNDS = 2
ROUNDS = 10


def main() -> int:
    """Measure what was asked for, print each table as it is ready, save what was asked for."""
    options = _parser().parse_args()
    if not machine.is_supported():
        print("benchmarks need Linux with scheduler statistics (/proc/PID/schedstat)")
        return 1
    for ending in signal.SIGINT, signal.SIGTERM:  # So that the servers are ended as well.
        signal.signal(ending, lambda *_: sys.exit(1))
    plan = _plan(options)
    about = {**machine.describe(), "loops": ", ".join(plan.loops), "versions": _versions()}
    print(*(f"{key}: {value}" for key, value in about.items()), "", sep="\n")
    results = []
    for measure in _chosen(options.measure):
        for result in measure(plan):
            print(result.table(), flush=True)
            results.append(result)
    if options.json:
        report.save(options.json, about, results)
    if options.svg:
        options.svg.write_text(chart.draw(results))
    return 0


def _chosen(name: str) -> Iterator[Callable[[Plan], Iterator[Result]]]:
    """Yield the measures of a name: itself, those that it begins, or all."""
    for own, measure in MEASURES.items():
        if name in ("all", own) or own.startswith(f"{name}_"):
            yield measure


def _versions() -> str:
    versions: dict[str, str] = {}
    for peer in (*PEERS, *RELAYS):
        versions |= peer.versions()
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _plan(options: argparse.Namespace) -> Plan:
    loops = LOOPS[:1] if options.quick else installed_loops()
    return Plan(
        peers=[peer for peer in PEERS if _is_wanted(peer, options.only)],
        relays=[relay for relay in RELAYS if _is_wanted(relay, options.only)],
        loops=[options.loop] if options.loop else loops,
        rounds=options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS),
        quick=options.quick,
    )


def _is_wanted(peer: Peer, only: Sequence[str] | None) -> bool:
    return only is None or any(part in peer.name for part in only)


def _rounds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"rounds are 1 to 1000, not {text!r}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description="Compare with peers.")
    parser.add_argument("measure", nargs="?", choices=[*MEASURES, "relay", "all"], default="all")
    parser.add_argument("--rounds", type=_rounds, help=f"turns of each server (default {ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="one loop, two rounds, small sizes")
    parser.add_argument("--loop", choices=LOOPS, help="one loop only")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="peers with NAME in their name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save all figures")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="save a chart")
    return parser


if __name__ == "__main__":
    sys.exit(main())
