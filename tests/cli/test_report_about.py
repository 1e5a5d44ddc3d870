"""The origin of a report contains no secret, however it was given."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from streamserver.cli import load_options, request_options
from streamserver.cli.bench import TABLE, read
from streamserver.cli.report_about import about
from streamserver.lab.report.report import About

URL = "http://127.0.0.1:9/x"
NOW = datetime(2026, 11, 22, 17, 51, 5, 999, timezone(timedelta(hours=1)))
SECRET = "do-not-show-0123456789"
SHORT = "s3c"


def about_of(argv: list[str], **environment: str) -> About:
    options = read(argv, environment)
    request = request_options.make_request(options, environment)
    return about(argv, options, TABLE, load_options.make_job(options, request), NOW)


def test_date_version_command_and_options() -> None:
    made = about_of(
        [
            URL,
            "-c",
            "0..5@3,5@2",
            "--slo",
            "first_token_p99=1s,errors=1%",
            "--fresh",
            "--goodput=first_token=1s,tpot=5ms",
        ]
    )
    assert made.date == "2026-11-22T16:51:05Z"
    assert made.version.startswith("streamserver ")
    assert made.command == (
        f"streamserver bench {URL} -c 0..5@3,5@2 --slo first_token_p99=1s,errors=1% --fresh"
        " --goodput=first_token=1s,tpot=5ms"
    )
    assert {one.name: one.value for one in made.settings if not one.is_default} == {
        "concurrency": "0..5@3s,5@2s",
        "slo": "first_token_p99=1s, errors=1%",
        "goodput": "first_token=1s, tpot=5ms",
        "fresh": "on",
    }
    defaults = {one.name: one.value for one in made.settings if one.is_default}
    assert (defaults["seed"], defaults["gap-timeout"], defaults["insecure"]) == ("0", "60s", "off")
    assert about_of([URL], STREAMSERVER_SEED="7").to_json()["options"] == {"seed": "7"}
    assert datetime.fromisoformat(made.date) == NOW.astimezone(UTC).replace(microsecond=0)


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        ([f"{URL}?api_key={SECRET}&a=b"], f"'{URL}?api_key=REDACTED&a=b'"),
        ([URL, "--header", f"X-Api-Key: {SECRET}"], "--header 'X-Api-Key: REDACTED'"),
        ([URL, "--header", f"X-Api-Key: {SHORT}"], "--header 'X-Api-Key: REDACTED'"),
        ([URL, f"--header=Cookie: a={SECRET}; b={SHORT}"], "'--header=Cookie: REDACTED'"),
        ([URL, "--header", f"Authorization: Basic {SECRET}"], "'Authorization: REDACTED'"),
        ([URL, "--data", f'{{"password": "{SECRET}"}}'], '{"password": "'),
        ([URL, "--data", f"token={SECRET}&a=b"], "&a=b"),
        ([f"{URL}/{SECRET}", "--header", f"X-Key: {SECRET}"], f"{URL}/{'*' * len(SECRET)}"),
        ([URL, "--bearer-env", "KEY", "--header", "X-Echo: a"], "--bearer-env KEY"),
        ([URL, "--chat", "--model", "m", "--prompt", f"my api_key={SECRET} is"], "is"),
        ([URL, "--compare", f"{URL}?token={SECRET}"], f"--compare '{URL}?token=REDACTED'"),
    ],
)
def test_secrets_are_redacted(argv: list[str], shown: str) -> None:
    made = about_of(argv, KEY=SECRET)
    assert shown in made.command
    asked = [value for _, value in made.asked]
    for text in (made.command, *[one.value for one in made.settings], *asked):
        assert SECRET not in text
        assert SHORT not in text


def test_secrets_of_variables_are_redacted() -> None:
    fields = f"X-Api-Key: {SECRET}\nX-Other: a"
    made = about_of([URL], STREAMSERVER_HEADER=fields, STREAMSERVER_DATA="x")
    assert made.to_json()["options"] == {"header": "x-api-key: REDACTED, x-other: a", "data": "x"}


def test_what_was_asked_is_in_words() -> None:
    argv = ["--rate", "2..30@15", "--arrivals", "poisson", "--warm-up", "3", "--processes", "2"]
    made = about_of([URL, "--chat", "--model", "m", "--prompt", "p", *argv])
    assert dict(made.asked) == {
        "request": f"POST {URL}/chat/completions",
        "interface": "chat",
        "model": "m",
        "prompts": "p",
        "load": "open loop: 2..30@15s exchanges per second, poisson intervals",
        "until": "the end of the load, 18 s",
        "warm-up": "3 s, which are not measured",
        "processes": "2 that share the load",
    }
    assert re.fullmatch(r"\w+ \w+, \d+ cores", made.machine)
    assert dict(about_of([URL, "-c", "4", "--duration", "9", "-n", "50"]).asked) == {
        "request": f"GET {URL}",
        "load": "closed loop: 4 concurrent exchanges",
        "until": "9 s or 50 exchanges",
    }


def test_the_prompts_and_conversations_are_in_words(tmp_path: Path) -> None:
    argv = [URL, "--api", "llamacpp", "--max-tokens", "7"]
    synthetic = ["--prompt-tokens", "5..9", "--shared-prefix", "20", "--turns", "3", "--exact"]
    assert dict(about_of([*argv, *synthetic]).asked) == {
        "request": f"POST {URL}/completion",
        "interface": "llamacpp",
        "prompts": "synthetic, 5..9 tokens, 20% of it shared, 3 turns",
        "answers": "exactly 7 tokens",
        "load": "closed loop: 1 concurrent conversations",
        "until": "10 conversations",
    }
    file = tmp_path / "data.jsonl"
    file.write_text('{"prompt":"a"}')
    asked = dict(about_of([*argv, "--dataset", str(file), "--shuffle"]).asked)
    assert asked["prompts"] == f"data set {file}, shuffled"
    assert asked["answers"] == "at most 7 tokens"
    asked = dict(about_of([*argv, "--prompt", "word " * 100]).asked)
    assert len(asked["prompts"]) <= 100
