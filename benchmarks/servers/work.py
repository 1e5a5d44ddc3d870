"""The works of the servers. `BENCH_WORK` names the one work of a process.

With one work per process no handler spends time on selecting it, and the floor, which parses
nothing, can take part.

- `alone`: ten chunks with an iteration of the loop after each, as with a producer that waits. Each
  chunk must be sent alone.
- `burst`: ten chunks without a wait. A server may join them; asyncio writes each at once, uvloop
  and node at the end of the iteration.
- `long`: `n` chunks (a parameter of the query) as fast as the client reads them.
- `export`: `n` lines of CSV, each formatted and yielded alone.
- `ladder`: ten events of a counter, each alone, in the form of the steps of the ladder.
- `idle`: one chunk, then silence. `idle-push` and `idle-events` are the same with a push stream,
  and with an event stream with heartbeats.
- `fanout`: `GET /stream` opens a reader, which receives the head at once and then an event for each
  `POST /publish`, with its body as data. Heartbeats have the period `SILENCE`, so that those of
  thousands of readers do not disturb the times of other servers. `fanout-workers` is the same with
  several workers that share the feed through the URL `BENCH_REDIS`. `crowd` is that with the usual
  heartbeats; the program that publishes is no client of the server.
- `tokens-identity`, `tokens-gzip`, `tokens-zstd`: `n` token deltas, each alone, behind `compress`;
  below `/idle` the connection is silent after them. The client accepts the coding that is named.
- `feed-identity`, `feed-gzip`, `feed-zstd`: the same as `fanout`, behind `compress`. The client
  accepts the coding that is named.
- `file`: a download of `BENCH_FILE`.

`BENCH_DIRECTORY` is a directory for files of the process. It is removed after its end.
"""

import os

DATA = "0123456789" * 5
CHUNK = f"data: {DATA}\n\n".encode()
CHUNKS = 10
CONTENT_TYPE = "text/event-stream"
ROW = b"%d,user-%d,active\n"
"""A line of an export; takes its number twice."""
ROW_TYPE = "text/csv"
CODED_TOKENS = ("tokens-identity", "tokens-gzip", "tokens-zstd")
CODED_FEEDS = ("feed-identity", "feed-gzip", "feed-zstd")
SILENCE = 3600.0
"""Seconds that an idle handler sleeps, longer than any measurement."""

TOPIC = "benchmark"
"""The name of the feed."""

WORK = os.environ.get("BENCH_WORK", "alone")
FILE = os.environ.get("BENCH_FILE", "")
REDIS = os.environ.get("BENCH_REDIS", "")
DIRECTORY = os.environ.get("BENCH_DIRECTORY", "")


def count_of(query: str) -> int:
    """Return the number in the query `n=...`."""
    return int(query.removeprefix("n="))
