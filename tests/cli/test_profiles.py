"""`target --profile`: a file, settings, and what is neither."""

from pathlib import Path

import pytest

from streamserver.cli.target import read
from streamserver.lab.model.cost.profile import Profile

MS = 1_000_000


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ('decode_step = "10ms"\n', Profile(10 * MS)),
        ("# a laptop\ndecode_step = 0.025\nmax_sequences = 4\n", Profile(25 * MS, max_sequences=4)),
    ],
)
def test_a_file(tmp_path: Path, text: str, profile: Profile) -> None:
    file = tmp_path / "profile.toml"
    file.write_text(text)
    assert read(["--profile", str(file)], {}).profile == profile
    assert read([], {"STREAMSERVER_PROFILE": str(file)}).profile == profile


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("decode_step=10ms", Profile(10 * MS)),
        ("decode_step=10ms,cache_tokens=64", Profile(10 * MS, cache_tokens=64)),
    ],
)
def test_settings(text: str, profile: Profile) -> None:
    assert read(["--profile", text], {}).profile == profile


def test_without_the_option_there_is_none() -> None:
    assert read([], {}).profile is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("max_sequences=4", "decode_step is missing"),
        ("decode_step=100", "decode_step must be a duration"),
        ("decode_step=10ms,max_sequence=4", "(did you mean 'max_sequences'?)"),
        ("decode_step=10ms,", "unknown setting ''"),
        ("decode_step=10ms,decode_step=20ms", "decode_step is given more than once"),
        ("none.toml", "'none.toml' is not a profile: [Errno 2]"),
        ("wrong.toml", "'wrong.toml' is not a profile: "),
        ("deep.toml", "'deep.toml' is not a profile: maximum recursion"),
        ("other.toml", "unknown setting 'model'"),
    ],
)
def test_what_is_wrong_is_named(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    text: str,
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.toml").write_bytes(b"\xff")
    Path("deep.toml").write_text("decode_step = " + "[" * 2000)
    Path("other.toml").write_text("[model]\nname = 1\n")
    with pytest.raises(SystemExit):
        read(["--profile", text], {})
    reported = capsys.readouterr().err
    assert "argument --profile: " in reported
    assert problem in reported


def test_a_replay_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(["--profile", "decode_step=10ms", "--replay", "tapes"], {})
    assert "--profile is for the endpoints" in capsys.readouterr().err
