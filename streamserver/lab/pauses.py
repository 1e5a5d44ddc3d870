"""Pauses of a whole process, which one that measures or keeps times avoids.

A garbage collection stops everything else. A full one examines all objects: those of the imported
modules alone take some 15 ms, and each open stream adds dozens. A young one examines the objects
that were made since the last: the fewer objects make it due, the more of them are still in use and
are examined in vain. Nearly all objects are freed without any collection, when their last reference
disappears.
"""

import gc

from streamserver.server.descriptors import grow_table

NEW_OBJECTS = 50_000
"""Objects that are made and not freed before a collection, which then takes about 10 ms."""


def avoid_pauses() -> None:
    """Collect once, make further collections rare, and let the table of descriptors grow."""
    postpone_collections()
    grow_table()


def postpone_collections() -> None:
    """Collect once, exclude what exists now from later collections, and make these rare."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 100)
