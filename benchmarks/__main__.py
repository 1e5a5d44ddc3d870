"""The command line: `python -m benchmarks [MEASURE ...] [options]`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from benchmarks import chart, machine, report
from benchmarks.measures import ALONE, GROUPS, MEASURES, description, run
from benchmarks.peer import LOOPS, Peer, installed_loops
from benchmarks.peers import PEERS, RELAYS
from benchmarks.plan import Plan

QUICK_ROUNDS = 2
ROUNDS = 40


def main() -> int:
    """Run the selected measures, print each table as it is ready, save what was requested."""
    options = _parser().parse_args()
    if not machine.is_supported():
        print("benchmarks need Linux with scheduler statistics (/proc/PID/schedstat)")
        return 1
    for ending in signal.SIGINT, signal.SIGTERM:  # So that the servers end as well.
        signal.signal(ending, lambda *_: sys.exit(1))
    plan = _plan(options)
    about = {**machine.describe(), "loops": ", ".join(plan.loops), "versions": _versions()}
    about["rounds"] = f"{plan.rounds}"
    print(*(f"{key}: {value}" for key, value in about.items()), "", sep="\n")
    results = []
    chosen = {own for name in options.measures or ["all"] for own in GROUPS.get(name, (name,))}
    for name in [own for own in MEASURES if own in chosen]:
        for result in run(name, plan):
            print(result.table(), flush=True)
            results.append(result)
    if options.json:
        report.save(options.json, about, results)
    if options.svg:
        options.svg.write_text(chart.draw(results))
    return 0


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


def _measure(text: str) -> str:
    names = [*MEASURES, *GROUPS]
    if text not in names:
        near = "".join(f" (did you mean {name!r}?)" for name in get_close_matches(text, names, 1))
        allowed = f"allowed: {', '.join(names)}"
        raise argparse.ArgumentTypeError(f"{text!r} is no measure{near}; {allowed}")
    return text


def _parser() -> argparse.ArgumentParser:
    listed = [f"  {name:<18} {description(name)}" for name in MEASURES]
    listed += [f"  {name:<18} {', '.join(own)}" for name, own in GROUPS.items() if name != "all"]
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Compare streamserver with other servers and relays on this machine.",
        epilog="\n".join(
            ["measures:", *listed, f"  all (default)      every measure but {', '.join(ALONE)}"]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("measures", nargs="*", type=_measure, metavar="MEASURE", help="see below")
    parser.add_argument("--rounds", type=_rounds, help=f"per server (default {ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="one loop, two rounds, small sizes")
    parser.add_argument("--loop", choices=LOOPS, help="one loop only")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="peers with NAME in their name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save all figures")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="save a chart")
    return parser


if __name__ == "__main__":
    sys.exit(main())
