"""A feed in gzip and zstd: bytes of a notification, one event to 10,000 readers, their memory.

The bytes are those of a chunked body, which one reader receives of 1,000 notifications. Each event
is encoded alone, so the share depends on its size.

The readers of each coding have a server and a client process of their own, and get one notification
of 500 bytes. `fanout` describes the times and the memory. "identity" is the same handler with
`compress`, whose readers accept no coding.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

from benchmarks import machine
from benchmarks.measures import fanout
from benchmarks.measures.memory import SPARE
from benchmarks.notifications import COUNT, KINDS, notifications
from benchmarks.peer import Contender
from benchmarks.plan import Plan
from benchmarks.readers import Readers
from benchmarks.report import OURS, Column, Ratio, Result, Row
from benchmarks.servers.work import CODED_FEEDS
from benchmarks.turns import ratio, together
from streamserver.feed.coded_blocks import block_coder
from streamserver.feed.log import ORIGIN, make_entry
from streamserver.wire.chunked import LAST_CHUNK, encode
from streamserver.wire.content_coding import available_codings

READERS = 10_000
IDENTITY = "identity"
BYTES = (
    Column("server", "coding"),
    Column("kind", "notification"),
    Column("bytes", "bytes", 1),
    Ratio("share", "x identity", 3, of="bytes", to=IDENTITY, target=0.45),
)
FANOUT = (
    Column("server", "coding"),
    Column("loop", "loop"),
    Column("everyone", "everyone, ms", 1),
    Ratio("everyone_to_identity", "x identity", 2, of="everyone", to=IDENTITY, target=1.2),
    Column("cpu", "CPU µs/reader", 2),
    Ratio("cpu_to_identity", "x identity", 2, of="cpu", to=IDENTITY),
    Column("kib", "KiB/reader", 2),
    Column("more", "KiB more", 2),
)


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table of the bytes, then one for each loop."""
    title = f"Bytes on the wire of a notification, of {COUNT:,} for one reader of a feed"
    yield Result("feed_coding", title, BYTES, list(_bytes()))
    readers = 500 if plan.quick else READERS
    readers = min(readers, machine.allow_descriptors(readers + SPARE) - SPARE)
    for loop in plan.loops:
        yield _fanout(plan, loop, readers)


def _bytes() -> Iterator[Row]:
    for kind in KINDS:
        rows = notifications(kind)
        entries = [
            make_entry(f"{time}-0", ORIGIN, b"data: %b\n\n" % notification)
            for time, notification in rows
        ]
        plain = sum(len(entry.chunk) for entry in entries) + len(LAST_CHUNK)
        sizes: dict[str, int] = {IDENTITY: plain}
        for coding in available_codings():
            coder = block_coder(coding)
            parts = [coder.begin(), coder.finish()]
            own = sum(len(entry.coded(coder).chunk) for entry in entries)
            sizes[coding] = own + sum(len(encode(part)) for part in parts) + len(LAST_CHUNK)
        for name, size in sizes.items():
            share = size / plain if name != IDENTITY else None
            yield {
                "server": f"{OURS}, {name}",
                "kind": f"{kind}, {plain / COUNT:,.0f} bytes",
                "bytes": size / COUNT,
                "share": share,
            }


def _fanout(plan: Plan, loop: str, readers: int) -> Result:
    codings = {work: work.partition("-")[2] for work in CODED_FEEDS}
    with ExitStack() as stack:
        lineup = stack.enter_context(together(plan.contenders(loop, *codings), _prove))
        memory, blocks = fanout.deliver(plan, lineup, fanout.Crowds(readers, stack, codings))
    by_coding = {codings[contender.work]: contender for contender in blocks}
    plain = by_coding.pop(IDENTITY, None)
    rows: list[Row] = []
    if plain is not None:
        rows.append(_row(IDENTITY, plain, loop, blocks, memory))
    for coding, contender in by_coding.items():
        rows.append(_row(coding, contender, loop, blocks, memory, plain))
    title = f"One notification to {readers:,} readers of a feed, and their memory, {loop}"
    return Result(f"feed_coding/{loop}", title, FANOUT, rows, lineup.absent)


def _prove(port: int) -> None:
    """Check that readers of every coding receive an event, whole and alone."""
    for coding in (IDENTITY, *available_codings()):
        with Readers(port, coding=coding) as crowd:
            crowd.open(2)
            crowd.deliver(publishes=True)
            crowd.deliver(publishes=True)


def _row(
    coding: str,
    contender: Contender,
    loop: str,
    blocks: Mapping[Contender, Sequence[fanout.Block]],
    memory: Mapping[Contender, float],
    plain: Contender | None = None,
) -> Row:
    """The figures of the readers of a coding, compared to those that accept none."""
    own = blocks[contender]
    row = fanout.row(contender, loop, own, memory[contender])
    row |= {"server": f"{OURS}, {coding}", "everyone_to_identity": None, "cpu_to_identity": None}
    row["more"] = None
    if plain is not None:
        both = own, blocks[plain]
        row["everyone_to_identity"] = ratio(*([each.everyone for each in of] for of in both))
        row["cpu_to_identity"] = ratio(*([each.cpu for each in of] for of in both))
        row["more"] = memory[contender] - memory[plain]
    return row
