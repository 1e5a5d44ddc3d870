"""The lab: a target that streams on command, a client that measures, and the proof of both."""

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamserver.lab.report.summary import Summary


def read_csv(path: str | PathLike[str], side: str | None = None) -> "Summary":
    """The summary of the exchanges in a file that ``bench --csv`` wrote.

    It has the counts, ends, statuses and reasons of the run; the histogram of each milestone and
    figure, so every percentile; the tokens; the duration, so throughput and rates. It lacks what
    belongs to no exchange: the number of those not sent and of those in the warm-up, the lateness
    of the client's event loop and of the target, and the events in each second. Reasons and
    answers are escaped as in the file. Their number is bounded, so a run with more of them may have
    kept others.

    A file of ``--compare`` has the exchanges of several URLs: ``side`` selects those of one, by
    its name in the column ``side``, as in ``direct``.

    OSError for a file that cannot be read; ValueError, which names the line, for one that is no
    such file or of another version, and for a side that it has not; RuntimeError with a hint where
    hdrhistogram is missing.
    """
    from streamserver.lab.report import csv_lines

    return csv_lines.read_csv(path, side)
