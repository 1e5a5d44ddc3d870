"""What every server is asked to do. `BENCH_WORK` names the one work a process does.

One process, one work: so no handler spends time on finding out what is wanted, and the floor,
which parses nothing, can take part.

- `alone`: ten chunks, and after each the loop turns once, as it does for every real producer.
  So each chunk has to go out on its own.
- `burst`: ten chunks without ever waiting. A server may gather them; asyncio writes each at once,
  uvloop and node at the end of the turn.
- `long`: as many chunks as the query `n=` asks for, as fast as the client takes them.
- `export`: as many lines of CSV as the query `n=` asks for, each formatted and yielded alone.
- `ladder`: ten events of a counter, each alone, as the steps of the ladder send them.
- `idle`: one chunk, then silence. `idle-push` and `idle-events` are the same through a push
  stream, and through an event stream that sends heartbeats.
- `fanout`: `GET /stream` is a reader, to whom the head is sent at once and from then on an event
  for each `POST /publish`, with its body as data. Heartbeats are on, but as rare as `SILENCE`: with
  thousands of readers they would fall into what is timed, of servers that wait for their turn too.
  `fanout-workers` is the same of several workers, who share the feed through `BENCH_REDIS`, a URL.
- `file`: a download of `BENCH_FILE`.

`BENCH_DIRECTORY` is a place for files of the process's own. It lasts no longer than the process.
"""

import os

DATA = "0123456789" * 5
CHUNK = f"data: {DATA}\n\n".encode()
CHUNKS = 10
CONTENT_TYPE = "text/event-stream"
ROW = b"%d,user-%d,active\n"
"""A line of an export, from its number twice."""
ROW_TYPE = "text/csv"
SILENCE = 3600.0
"""Seconds that an idle handler sleeps: longer than any measurement."""

WORK = os.environ.get("BENCH_WORK", "alone")
FILE = os.environ.get("BENCH_FILE", "")
REDIS = os.environ.get("BENCH_REDIS", "")
DIRECTORY = os.environ.get("BENCH_DIRECTORY", "")


def asked(query: str) -> int:
    """Return the number of chunks that the query `n=...` asks for."""
    return int(query.removeprefix("n="))
