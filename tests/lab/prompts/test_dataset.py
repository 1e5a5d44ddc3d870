"""A file of conversations: their order, and its first wrong line."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from streamserver.lab.prompts import dataset
from streamserver.lab.prompts.conversation import Conversation
from streamserver.lab.prompts.dataset import Dataset, read_dataset

Write = Callable[[bytes], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the file; its path."""

    def write(data: bytes) -> str:
        (tmp_path / "data.jsonl").write_bytes(data)
        return str(tmp_path / "data.jsonl")

    return write


def allowed(conversation: Conversation) -> None:
    """A check that refuses nothing."""


def lines(count: int) -> bytes:
    """Prompts that are their own numbers."""
    return b"".join([b'{"prompt":"%d"}\n' % n for n in range(count)])


def order(found: Dataset, count: int, seed: int = 0) -> list[int]:
    """The prompts of the first numbers, as a process that receives the data set has them."""
    conversation = pickle.loads(pickle.dumps(found)).open(seed)
    return [int(conversation(n).turns[0][0]["content"]) for n in range(count)]


def test_the_order_is_that_of_the_file_and_repeats(write: Write) -> None:
    found = read_dataset(write(lines(3)), False, allowed)
    assert order(found, 7) == [0, 1, 2, 0, 1, 2, 0]
    assert found.turns == 1


def test_a_shuffled_order_has_every_line_and_depends_on_the_seed(write: Write) -> None:
    found = read_dataset(write(lines(50)), True, allowed)
    first, second = order(found, 50, 1), order(found, 50, 2)
    assert sorted(first) == sorted(second) == [*range(50)]
    assert first != second != [*range(50)]
    assert order(found, 100, 1) == first * 2


def test_blank_lines_line_ends_and_a_byte_order_mark_are_no_errors(write: Write) -> None:
    path = write(b'\xef\xbb\xbf{"prompt":"0"}\r\n\r\n \n{"prompt":["1","2"]}')
    found = read_dataset(path, False, allowed)
    assert order(found, 3) == [0, 1, 0]
    assert found.turns == 2


def test_the_first_wrong_line_is_named(write: Write) -> None:
    path = write(lines(2) + b"\n" + b'{"prompt":1}\n{"prompt":2}\n')
    with pytest.raises(ValueError, match=r"^line 4: prompt must be a text"):
        read_dataset(path, False, allowed)


def test_a_line_that_is_refused_by_the_check_is_named(write: Write) -> None:
    def check(conversation: Conversation) -> None:
        if conversation.turns[0][0]["content"] == "1":
            raise ValueError("not this one")

    with pytest.raises(ValueError, match=r"^line 2: not this one"):
        read_dataset(write(lines(3)), False, check)


def test_a_file_without_a_line_is_refused(write: Write) -> None:
    with pytest.raises(ValueError, match="has no line"):
        read_dataset(write(b"\n \n"), False, allowed)


def test_a_file_that_has_changed_is_refused(write: Write) -> None:
    found = read_dataset(write(lines(2)), False, allowed)
    write(lines(3))
    with pytest.raises(OSError, match="has changed since it was checked"):
        found.open(0)


def test_only_a_regular_file_of_bounded_size_is_read(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path), str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(OSError, match="is not a regular file"):
            read_dataset(path, False, allowed)
    with pytest.raises(FileNotFoundError):
        read_dataset("-", False, allowed)
    monkeypatch.setattr(dataset, "MAX_FILE", 20)
    with pytest.raises(OSError, match="is larger than 20"):
        read_dataset(write(lines(3)), False, allowed)
