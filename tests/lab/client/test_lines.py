"""JSON lines, cut anywhere."""

import pytest

from streamserver.lab.client import lines
from streamserver.lab.client.lines import Lines

TABLE = [
    (b"", []),
    (b'{"a":1}\n{"a":2}\n', ['{"a":1}', '{"a":2}']),
    (b'{"a":1}\r\n{"a":2}\r\n', ['{"a":1}', '{"a":2}']),
    (b"\n\n1\n\n\r\n2\n", ["1", "2"]),
    (b"1\n2", ["1", "2"]),
    ("ü\n€\n".encode(), ["ü", "€"]),
    (b"\xff\n", ["\ufffd"]),
    (b"1\n  \n", ["1"]),
]


@pytest.mark.parametrize(("data", "meaning"), TABLE)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_lines_are_events(data: bytes, meaning: list[str], size: int) -> None:
    reader, found = Lines(), []
    for at in range(0, len(data), size):
        found += reader.feed(data[at : at + size])
    assert found + reader.end() == meaning


def test_a_line_comes_as_soon_as_it_ends() -> None:
    reader = Lines()
    assert reader.feed(b"1") == []
    assert reader.feed(b"2\n3") == ["12"]
    assert reader.feed(b"\n") == ["3"]
    assert reader.end() == []


def test_a_line_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE", 10)
    reader = Lines()
    reader.feed(b"1" * 10)
    with pytest.raises(ValueError, match="exceeds 10 bytes"):
        reader.feed(b"1")
