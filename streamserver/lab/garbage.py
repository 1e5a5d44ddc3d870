"""Garbage collection in processes that measure or that keep times.

A collection stops everything else. A full one examines all objects: those of the imported modules
alone take some 15 ms, and each open stream adds dozens. A young one examines the objects that
were made since the last: the fewer objects make it due, the more of them are still in use and are
examined in vain. Nearly all objects are freed without any collection, when their last reference
disappears.
"""

import gc

NEW_OBJECTS = 50_000
"""Objects that are made and not freed before a collection, which then takes about 10 ms."""


def postpone_collections() -> None:
    """Collect once, exclude what exists now from later collections, and make these rare."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 100)
