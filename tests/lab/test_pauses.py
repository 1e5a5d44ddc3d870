"""Garbage collections are rare, and the table of descriptors need not grow."""

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


RESERVE = """
import os, re, resource
from streamserver.lab.pauses import reserve_descriptors

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (1000, hard))

def state():
    size = re.search(r"FDSize:\\s+(\\d+)", open("/proc/self/status").read())[1]
    return size, len(os.listdir("/proc/self/fd"))

before = state()
reserve_descriptors()
print(*before, *state())
"""


def test_the_table_of_descriptors_grows_to_the_limit_and_none_stays_open() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RESERVE], capture_output=True, text=True, check=True
    )
    size, opened, reserved, left = map(int, done.stdout.split())
    assert size < 1000 <= reserved
    assert left == opened
