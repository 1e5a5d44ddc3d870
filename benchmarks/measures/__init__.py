"""The measurements, each a function from a `Plan` to `Result`s."""

from collections.abc import Callable, Iterator, Mapping

from benchmarks.measures import (
    chunks,
    client_throughput,
    clients,
    download,
    fanout,
    fanout_workers,
    first_chunk,
    ladder,
    lateness,
    memory,
    relay_delay,
    relay_events,
    relay_memory,
    relay_streams,
    relay_tokens,
)
from benchmarks.plan import Plan
from benchmarks.report import Result

MEASURES: Mapping[str, Callable[[Plan], Iterator[Result]]] = {
    "first_chunk": first_chunk.measure,
    "chunks": chunks.measure,
    "memory": memory.measure,
    "ladder": ladder.measure,
    "download": download.measure,
    "fanout": fanout.measure,
    "fanout_workers": fanout_workers.measure,
    "relay_streams": relay_streams.measure,
    "relay_delay": relay_delay.measure,
    "relay_events": relay_events.measure,
    "relay_tokens": relay_tokens.measure,
    "relay_memory": relay_memory.measure,
    "lateness": lateness.measure,
    "clients": clients.measure,
    "client_throughput": client_throughput.measure,
}
