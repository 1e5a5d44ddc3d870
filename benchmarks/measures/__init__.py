"""The measurements, each a function from a `Plan` to `Result`s."""

from collections.abc import Callable, Iterator, Mapping

from benchmarks.measures import chunks, download, first_chunk, memory
from benchmarks.plan import Plan
from benchmarks.report import Result

MEASURES: Mapping[str, Callable[[Plan], Iterator[Result]]] = {
    "first_chunk": first_chunk.measure,
    "chunks": chunks.measure,
    "memory": memory.measure,
    "download": download.measure,
}
