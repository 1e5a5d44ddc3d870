"""Slots that workers share. Two objects have two descriptions of the open file, as two processes
have, so most of this needs one process only."""

import fcntl
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamserver.kit import slots
from streamserver.kit.slots import VARIABLE, SharedSlots, Slots
from support.waiting import block_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slots"


@pytest.fixture
def pair(path: Path) -> Iterator[tuple[SharedSlots, SharedSlots]]:
    """The slots of two workers."""
    one, other = SharedSlots(3, path), SharedSlots(3, path)
    yield one, other
    one.close()
    other.close()


def fill(slots: Slots) -> int:
    """How many slots were free."""
    count = 0
    while slots.acquire():
        count += 1
    return count


def test_one_process_counts() -> None:
    alone = Slots(2)
    assert [fill(alone), alone.in_use, alone.is_wanted, alone.is_shared] == [2, 2, False, False]
    alone.release()
    assert fill(alone) == 1


def test_all_together_hold_no_more_than_the_limit(pair: tuple[SharedSlots, SharedSlots]) -> None:
    one, other = pair
    assert one.acquire()
    assert fill(other) == 2
    assert not one.acquire()
    other.release()
    assert fill(one) == 1
    assert (one.in_use, other.in_use) == (2, 1)


def test_any_sequence_keeps_the_limit(pair: tuple[SharedSlots, SharedSlots]) -> None:
    choices = random.Random(5)
    for _ in range(2000):
        each = choices.choice(pair)
        if choices.random() < 0.5 and each.in_use:
            each.release()
        else:
            free = 3 - sum(slots.in_use for slots in pair)
            assert each.acquire() == (free > 0)


def test_another_limit_after_a_restart_counts_what_is_held(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "RESCAN", 0.0)
    old, new = SharedSlots(8, path), SharedSlots(2, path)
    assert fill(old) == 8
    assert not new.acquire()
    old.close()  # the old worker has ended
    assert fill(new) == 2
    new.close()


def test_a_failed_attempt_reads_once(
    pair: tuple[SharedSlots, SharedSlots], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until a slot is released anywhere."""
    one, other = pair
    fill(one)
    assert not other.acquire()
    with monkeypatch.context() as patch:
        patch.delattr(fcntl, "fcntl")
        assert not other.acquire()
    one.release()
    assert other.acquire()


def test_those_that_wait_are_known_to_others(pair: tuple[SharedSlots, SharedSlots]) -> None:
    one, other = pair
    assert not one.is_wanted
    other.set_waiting(True)
    one.set_waiting(True)
    assert (one.is_wanted, other.is_wanted) == (True, True)
    other.set_waiting(False)
    assert (one.is_wanted, other.is_wanted) == (False, True)


HOLD = """
import sys; from pathlib import Path; from streamserver.kit.slots import SharedSlots
slots = SharedSlots(3, Path(sys.argv[1]))
while slots.acquire(): pass
print(slots.in_use, flush=True); sys.stdin.read()
"""


def test_a_killed_process_holds_none(path: Path) -> None:
    ours = SharedSlots(3, path)
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"3\n"
        assert not ours.acquire()
        process.kill()
    block_until(ours.acquire)  # nothing tells it that they are free, so it looks from time to time
    assert fill(ours) == 2
    ours.close()


def test_workers_share_by_a_directory_in_their_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with slots.sharing() as variables:
        directory = variables[VARIABLE]
        assert os.stat(directory).st_mode & 0o077 == 0
        monkeypatch.setenv(VARIABLE, directory)
        one, same, other = (
            slots.open_slots(1, name) for name in ("http://a", "http://a", "http://b")
        )
        assert [each.acquire() for each in (one, same, other)] == [True, False, True]
        for each in (one, same, other):
            each.close()
    assert not os.path.exists(directory)
    monkeypatch.delenv(VARIABLE)
    assert not slots.open_slots(1, "http://a").is_shared


def test_without_a_place_for_files_workers_cannot_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc/none")
    with slots.sharing() as variables:
        assert variables == {}
