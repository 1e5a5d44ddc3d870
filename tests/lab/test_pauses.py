"""Garbage collections are rare, and examine nothing that existed before."""

import subprocess
import sys

CODE = """
import gc
from streamserver.lab.pauses import NEW_OBJECTS, postpone_collections

collections = []
gc.callbacks.append(lambda phase, info: collections.append(phase))
before = [[] for _ in range(1000)]
postpone_collections()
kept = [one for one in gc.get_objects() if any(one is other for other in before[:1])]
collections.clear()
new = [[] for _ in range(NEW_OBJECTS // 2)]
during = len(collections)
new += [[] for _ in range(NEW_OBJECTS)]
print(len(kept), during, len(collections) > 0, gc.isenabled())
"""


def test_collections_are_rare_and_spare_what_existed_before() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0", "True", "True"]
