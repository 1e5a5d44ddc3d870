"""Pauses of a whole process, which one that measures or keeps times avoids.

A garbage collection stops everything else. A full one examines all objects: those of the imported
modules alone take some 15 ms, and each open stream adds dozens. A young one examines the objects
that were made since the last: the fewer objects make it due, the more of them are still in use and
are examined in vain. Nearly all objects are freed without any collection, when their last reference
disappears.

The kernel doubles the table of descriptors when it is full. In a process with threads, the call
that opens the next descriptor then waits until all cores have seen the new table: 10 to 17 ms.
"""

import gc
import os
import resource
from fcntl import F_DUPFD_CLOEXEC, fcntl

NEW_OBJECTS = 50_000
"""Objects that are made and not freed before a collection, which then takes about 10 ms."""
DESCRIPTORS = 65_536
"""The most descriptors for which the table is made large enough; it then has 512 KiB."""


def avoid_pauses() -> None:
    """Collect once, make further collections rare, and let the table of descriptors grow now."""
    postpone_collections()
    reserve_descriptors()


def postpone_collections() -> None:
    """Collect once, exclude what exists now from later collections, and make these rare."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 100)


def reserve_descriptors() -> None:
    """Open and close the highest descriptor that the process may have, up to ``DESCRIPTORS``."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    highest = min(DESCRIPTORS, limit if limit != resource.RLIM_INFINITY else DESCRIPTORS) - 1
    with open(os.devnull, "rb") as file:
        os.close(fcntl(file, F_DUPFD_CLOEXEC, highest))
