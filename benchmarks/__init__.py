"""How fast the server is beside its peers, measured so that a reader can check each step.

    python -m benchmarks            everything, about fifteen minutes
    python -m benchmarks fanout     one event to many readers only, about four
    python -m benchmarks relay      the relays only, about four
    python -m benchmarks --quick    a first impression on asyncio, under two minutes

What keeps the comparison fair:

- **The same work.** Every server answers the same request with the same ten events of 58 bytes,
  chunked, as `text/event-stream`. Each one proves it (status, fields, decoded body) before it is
  timed, and every timed response is counted. The bytes are made beforehand, for ours too.
- **The same loop.** Python servers are compared within a group: all on asyncio, then all on
  uvloop. Servers with a loop of their own (node, nginx) run in each group as they are.
- **As their manuals start them.** One worker, defaults, access log off. The command lines are one
  table in `peers.py`; any of them can be typed by hand.
- **The same machine at the same time.** Servers take turns in blocks, in a new order each
  round, so that a slow minute falls on all of them. A ratio is taken within each round, and the
  median of the rounds is reported. The first requests of each block are dropped.
- **A cheap client on another core.** Blocking sockets, one request at a time, the stamp taken as
  soon as `recv` returned. It cannot tell which server it talks to.
- **CPU from the scheduler.** Nanoseconds that `/proc/PID/task/*/schedstat` counts over all
  threads and children. A busy neighbour spoils a latency, but hardly this figure.
- **The wire is looked at.** The kernel counts the segments that arrive. A server that gathers ten
  chunks into one segment saves CPU by not streaming; the column `segments` shows it.
- **A floor.** A raw asyncio protocol that parses nothing and writes prepared bytes: what the loop
  and the kernel cost before any server has begun.

Relays are compared in the same way, in front of one upstream that is itself such a floor. Each
figure is what a relay adds to asking that upstream directly, which takes its turns with them.
Before it is timed, a relay has to show that it changes no byte, holds no chunk back, keeps its
connections, and ends the upstream's stream when its client has gone.

A feed is measured by one event to 19,000 readers: how long until everyone has it, beside a bare
loop of writes to as many raw transports. All servers keep their readers for the whole of the run
and take turns; each has a client process to itself, which reads nothing while the event arrives
(`readers`). Then several workers share a feed through a redis-server that is started for it, with
as many readers as the limit of descriptors allows: there everything shares the cores.

The lab's target is held against what it was commanded (`lateness`): a thousand streams of 20
events a second on one core, counted by a client on another. How late it was, it tells itself.

Files: `peers` (who; what one is: `peer`), `servers/` and `relays/` (their handlers), `measures/`
(one measurement a file, each a function from `Plan` to `Result`s), `client`, `crowd`, `readers` and
`machine` (the instruments), `process`, `turns` and `relaying` (starting, stopping, taking turns),
`added`, `report` and `chart` (the output).
"""
