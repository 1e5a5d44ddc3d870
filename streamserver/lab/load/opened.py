"""An open loop: exchanges begin when they are due, whatever became of those before.

That is how people come. What a server makes one wait for, it makes all wait for who come meanwhile;
so every duration counts from when the exchange was due, even if the client itself was late with it
(coordinated omission), and how late it was is told.
"""

from itertools import islice
from typing import TYPE_CHECKING

from streamserver.lab.load.arrivals import arrivals

if TYPE_CHECKING:
    from streamserver.lab.load.run import Run


async def open_loop(run: "Run") -> None:
    """Begin exchanges until the run's time or number is over."""
    job, share = run.job, run.share
    most = share.part(job.max_open)
    due = enumerate(arrivals(job.profile, job.arrivals, job.seed))
    for n, offset in islice(due, share.index, None, share.of):
        planned = run.start + offset
        if not run.may_begin(planned):
            return
        await run.sleep_until(planned)
        counts = run.take(planned)
        if run.busy < most:
            run.spawn(run.exchange(n, counts, planned))
        elif counts:
            run.summary.unsent += 1
