"""The measures: each a module with a function `measure` from a `Plan` to `Result`s.

The first line of its docstring is its help text.
"""

from collections.abc import Iterator, Mapping
from types import ModuleType

from benchmarks.measures import (
    calibration,
    calls,
    chunks,
    client_throughput,
    clients,
    compression,
    crowd,
    download,
    export,
    fanout,
    fanout_workers,
    feed_coding,
    first_chunk,
    harnesses,
    inspect,
    interfaces,
    ladder,
    lateness,
    memory,
    relay_calls,
    relay_delay,
    relay_events,
    relay_kept,
    relay_memory,
    relay_streams,
    relay_tokens,
    sweep,
)
from benchmarks.plan import Plan
from benchmarks.report import Result

_MODULES = (
    *(first_chunk, chunks, export, calls, memory, ladder, download, fanout, fanout_workers),
    *(compression, feed_coding),
    *(relay_streams, relay_delay, relay_events, relay_tokens, relay_memory, relay_calls),
    relay_kept,
    *(lateness, interfaces, clients, client_throughput),
    *(calibration, harnesses, sweep, inspect, crowd),
)
MEASURES: Mapping[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module for module in _MODULES
}
"""By name, in the order in which they run."""
ALONE = ("sweep", "inspect", "crowd")
"""Measures that run only if they are named: they take long and compare nothing."""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "all": tuple(name for name in MEASURES if name not in ALONE),
    "relay": tuple(name for name in MEASURES if name.startswith("relay_")),
}
"""Names for several measures."""


def run(name: str, plan: Plan) -> Iterator[Result]:
    """Yield the results of the measure with this name."""
    results: Iterator[Result] = MEASURES[name].measure(plan)
    return results


def description(name: str) -> str:
    """Return the help text of a measure."""
    return (MEASURES[name].__doc__ or "").partition("\n")[0]
