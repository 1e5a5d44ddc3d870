"""The speed of streamserver beside other servers and relays; each step can be checked.

    python -m benchmarks                  every measure
    python -m benchmarks export chunks    the measures with these names
    python -m benchmarks relay            all measures of relays
    python -m benchmarks --quick          a first impression on asyncio
    python -m benchmarks --help           the list of measures

What makes the comparison fair:

- **The same work.** Every server answers the same request with the same ten events of 58 bytes,
  chunked, as `text/event-stream`. Each is checked before it is timed (status, fields, decoded
  body), and every timed response is counted. The bytes are prepared in advance for all.
- **The same loop.** Python servers are compared within a group: all on asyncio, then all on
  uvloop. Servers with their own loop (node, nginx) run unchanged in each group.
- **As documented.** One worker, defaults, access log off. The command lines are one table in
  `peers`, and can be typed by hand.
- **The same machine at the same time.** Servers are measured in short blocks in a new order each
  round, so that a slow minute affects all. A ratio is taken within each round, and the median of
  the rounds is reported. The first requests of each block are dropped.
- **A cheap client on another core.** Blocking sockets, one request at a time, the time taken as
  soon as `recv` returns. The client does not know which server it measures.
- **CPU from the scheduler.** Nanoseconds from `/proc/PID/task/*/schedstat`, over all threads and
  children. A busy neighbour affects a latency, but hardly this figure.
- **The wire is checked.** The kernel counts the segments that arrive. A server that joins ten
  chunks in one segment saves CPU by not streaming; the column `segments` shows it.
- **A floor.** A raw asyncio protocol that parses nothing and writes prepared bytes shows the cost
  of the loop and the kernel.

Relays are compared in front of one upstream that is itself such a floor. Each figure is what a
relay adds to a direct request to that upstream, measured in the same rounds. A relay must first
show that it changes no byte, holds no chunk back, keeps its connections, and ends the upstream's
stream when its client leaves.

A feed is measured by one event to 19,000 readers: the time until all have it, beside a bare loop of
writes to as many raw transports. All servers keep their readers during the whole run. Each has its
own client process, which reads nothing while the event arrives (`readers`). Then several workers
share a feed through a redis-server that is started for it, with as many readers as the limit of
descriptors allows; there everything shares the cores. In `crowd` these readers live for minutes:
they check every event, lose their connections and return, while the workers are restarted.

The target of the lab is compared to what it was commanded (`lateness`): a thousand streams of 20
events a second on one core, counted by a client on another. The target reports its own lateness.

Files: `peers` (the participants; `peer`: what one is), `servers/` and `relays/` (their handlers),
`measures/` (one measure per file, a function from `Plan` to `Result`s), `client`, `endless`,
`readers`, `crowding/`, `machine` and `offline` (the instruments), `process`, `turns` and `relaying`
(starting, stopping, rounds), `added`, `report` and `chart` (the output).
"""
