"""Slots that workers share. Two objects have two descriptions of the open file, as two processes
have, so most of this needs one process only."""

import fcntl
import os
import random
import subprocess
import sys
from collections.abc import Iterator

import pytest

from streamserver.kit import slots
from streamserver.kit.slots import SharedSlots, Slots
from support.waiting import block_until

NAME = "http://upstream"


@pytest.fixture
def file() -> Iterator[int]:
    """What a supervisor opens."""
    with slots.shared_file() as (descriptor,):
        yield descriptor


@pytest.fixture
def pair(file: int) -> Iterator[tuple[SharedSlots, SharedSlots]]:
    """The slots of two workers."""
    one, other = SharedSlots(3, file, NAME), SharedSlots(3, file, NAME)
    yield one, other
    one.close()
    other.close()


def fill(slots: Slots) -> int:
    """How many slots were free."""
    count = 0
    while slots.acquire():
        count += 1
    return count


def test_slots_of_one_process() -> None:
    alone = Slots(2)
    assert [fill(alone), alone.in_use, alone.is_wanted, alone.is_shared] == [2, 2, False, False]
    alone.release()
    assert fill(alone) == 1


def test_a_process_shares_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where several of its relays have one upstream."""
    monkeypatch.setattr(slots, "_inherited", [])
    slots.share()
    slots.share()
    one, other = slots.open_slots(1, NAME), slots.open_slots(1, NAME)
    assert (fill(one), fill(other)) == (1, 0)
    one.release()
    assert fill(other) == 1
    one.close()
    other.close()
    (file,) = slots._inherited
    os.close(file)


def test_all_processes_hold_no_more_than_the_limit(pair: tuple[SharedSlots, SharedSlots]) -> None:
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
    file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "RESCAN", 0.0)
    old, new = SharedSlots(8, file, NAME), SharedSlots(2, file, NAME)
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


def test_processes_detect_that_another_one_waits(pair: tuple[SharedSlots, SharedSlots]) -> None:
    one, other = pair
    assert not one.is_wanted
    other.set_waiting(True)
    one.set_waiting(True)
    assert (one.is_wanted, other.is_wanted) == (True, True)
    other.set_waiting(False)
    assert (one.is_wanted, other.is_wanted) == (False, True)


HOLD = """
import os, sys; from streamserver.kit import slots
slots.inherit()
held = slots.open_slots(3, sys.argv[1])
while held.acquire(): pass
print(held.in_use, slots.VARIABLE in os.environ, flush=True); sys.stdin.read()
"""


def test_slots_of_a_killed_process_are_free(file: int) -> None:
    ours = SharedSlots(3, file, NAME)
    command = [sys.executable, "-c", HOLD, NAME]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, slots.VARIABLE: str(file)},
        pass_fds=(file,),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"3 False\n"
        assert not ours.acquire()
        process.kill()
    block_until(ours.acquire)  # no stamp was written: it looks from time to time
    assert fill(ours) == 2
    ours.close()


def test_each_name_has_slots_of_its_own(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "_inherited", [file])
    opened = [slots.open_slots(1, name) for name in ("http://a", "http://a", "http://b")]
    assert [each.acquire() for each in opened] == [True, False, True]
    opened[1].set_waiting(True)
    assert [each.is_wanted for each in opened] == [True, False, False]
    for each in opened:
        each.close()


def test_a_process_alone_shares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "_inherited", [])
    assert not slots.open_slots(1, NAME).is_shared


def test_a_system_without_locks_of_descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fcntl, "F_OFD_SETLK")
    with slots.shared_file() as descriptors:
        assert descriptors == ()
