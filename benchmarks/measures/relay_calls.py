"""Calls and time per relayed request without sockets: the fixed cost, and that of a chunk.

The upstream's pieces are delivered one per iteration of the loop, so that each is relayed alone.
"""

from collections.abc import Iterator

from benchmarks.measures.calls import COLUMNS, row
from benchmarks.measures.relay_kept import POST
from benchmarks.plan import Plan
from benchmarks.report import OURS, Result
from benchmarks.servers.floor import TEN
from benchmarks.servers.work import CHUNK
from streamserver import Proxy, Resumable

ANSWERS: dict[str, tuple[bytes, ...]] = {
    "one body of bytes": (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(CHUNK), CHUNK),
    ),
    "one chunk": (TEN[0], TEN[-1]),
    "ten chunks, each alone": tuple(TEN),
}


def measure(_: Plan) -> Iterator[Result]:
    """Yield one table, of asyncio."""
    proxy = Proxy("http://127.0.0.1:9")
    rows = [row(OURS, name, proxy, answer) for name, answer in ANSWERS.items()]
    for name in ("one chunk", "ten chunks, each alone"):
        rows.append(row(OURS, f"{name}, by POST", proxy, ANSWERS[name], POST))
        kept = Resumable(proxy, max_answers=10**6, max_total=10**9)
        rows.append(row(OURS, f"{name}, kept", kept, ANSWERS[name], POST))
    title = "One relayed request without sockets, asyncio"
    yield Result("relay_calls/asyncio", title, COLUMNS, rows)
